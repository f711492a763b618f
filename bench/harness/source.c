/* SPDX-License-Identifier: MIT */
#include "harness/source.h"

#include <math.h>
#include <stdlib.h>

const struct spine_schema schema_u64 = {.key = {.kind = SPINE_U64},
                                        .value = {.kind = SPINE_U64}};

struct source *
source_new(void)
{
    struct source *const source = bench_alloc(1, sizeof *source);

    source->expected = (struct tally){0};
    source->columns = (struct spine_columns){
        .keys = source->keys, .values = source->values, .weights = source->weights};
    return source;
}

void
source_free(struct source *source)
{
    free(source);
}

/*
 * Inverts the cumulative sum of 1 / i^0.99 by its integral, the first numbers by the sum
 * itself: what matters is how skewed it is, and that everybody gets the same.
 */
uint32_t *
zipf_new(uint64_t seed, size_t count, uint32_t end)
{
    enum { EXACT = 1000 };
    const double power = 0.01;
    double sums[EXACT + 1] = {0};
    uint32_t *const numbers = bench_alloc(count, sizeof *numbers);
    uint64_t state = seed;
    unsigned exact = end < EXACT ? end : EXACT;

    for (unsigned i = 0; i < exact; i++)
        sums[i + 1] = sums[i] + pow(i + 1.0, -0.99);
    const double begin = pow(exact + 0.5, power);
    const double rest = (pow(end + 0.5, power) - begin) / power;
    for (size_t i = 0; i < count; i++) {
        const double at =
            (double)(random_next(&state) >> 11) * 0x1p-53 * (sums[exact] + rest);
        uint32_t number = 0;
        if (at < sums[exact]) {
            uint32_t step = 512;
            for (; step > 0; step /= 2)
                if (number + step < exact && sums[number + step] <= at)
                    number += step;
        } else {
            number = (uint32_t)(pow((at - sums[exact]) * power + begin, 1 / power) - 0.5);
        }
        numbers[i] = number < end ? number : end - 1;
    }
    return numbers;
}
