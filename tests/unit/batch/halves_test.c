/* SPDX-License-Identifier: MIT */

/* Batches that are cut in two at a key: nothing is lost, no key is on both sides, and
 * whole blocks are shared. */

#include "batch/batch.h"
#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BATCHES_MAX 5u

/* Cases in which there was one. */
static unsigned seams;

struct cut {
    struct spine_batch *batches[BATCHES_MAX];
    size_t count;
    struct halves *halves;
};

/* The halves, with little fuel at a time; `cut->halves` is NULL when there is no seam. */
static bool
cut_batches(struct cut *cut, struct rng *rng)
{
    uint64_t fuel = 1000000;
    bool done = false;

    HOLDS_OK(halves_new(&cut->halves, cut->batches, cut->count, NULL, &fuel));
    while (cut->halves != NULL && !done) {
        fuel = 1 + rng_below(rng, 3);
        HOLDS_OK(halves_step(cut->halves, NULL, &fuel, &done));
    }
    return true;
}

/* Half `side` of batch `index` has these of its rows, in their order. */
static bool
check_half(const struct cut *cut, size_t index, unsigned side, const struct model *rows)
{
    const struct halved *of = halves_of(cut->halves, index);
    const size_t begin = side == 0 ? 0 : (size_t)of->rows_below;
    const size_t end = side == 0 ? (size_t)of->rows_below : rows->count;
    struct model expected;

    HOLDS(of->batch == cut->batches[index]);
    HOLDS((of->half[side] != NULL) == (begin < end));
    if (begin == end)
        return true;
    model_init(&expected, &rows->schema);
    model_add_rows(&expected, rows->rows + begin, end - begin);
    HOLDS_OK(spine_batch_check(of->half[side], NULL));
    HOLDS(check_batch(of->half[side], &expected, "a half"));
    model_release(&expected);
    return true;
}

/* Every key before the seam is less than every key behind it, and either side has a
 * quarter of all rows. */
static bool
check_seam(const struct cut *cut, enum spine_kind kind)
{
    uint64_t rows[2] = {0, 0};

    for (size_t i = 0; i < cut->count; i++) {
        const struct spine_batch *below = halves_of(cut->halves, i)->half[0];

        rows[0] += below != NULL ? below->info.rows : 0;
        for (size_t j = 0; j < cut->count; j++) {
            const struct spine_batch *above = halves_of(cut->halves, j)->half[1];

            rows[1] += i == 0 && above != NULL ? above->info.rows : 0;
            if (below != NULL && above != NULL)
                HOLDS(model_cell_compare(kind, below->info.key_max, above->info.key_min) <
                      0);
        }
    }
    HOLDS(rows[0] >= (rows[0] + rows[1]) / 4 && rows[1] >= (rows[0] + rows[1]) / 4);
    return true;
}

static bool
halves_are_the_whole(struct rng *rng, size_t steps)
{
    struct model rows[BATCHES_MAX];
    struct spine_schema schema;
    struct generator generator;
    struct cut cut = {.count = 1 + rng_index(rng, BATCHES_MAX)};

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, NULL);
    for (size_t i = 0; i < cut.count; i++) {
        model_init(&rows[i], &schema);
        while (rows[i].count == 0) {
            if (rng_chance(rng, 30))
                generator_narrow(&generator);
            generate_rows(&generator, 1 + rng_magnitude(rng, steps), &rows[i]);
            model_consolidate(&rows[i]);
        }
        cut.batches[i] = batch_of_rows(&rows[i]);
    }
    HOLDS(cut_batches(&cut, rng));
    for (size_t i = 0; cut.halves != NULL && i < cut.count; i++)
        HOLDS(check_half(&cut, i, 0, &rows[i]) && check_half(&cut, i, 1, &rows[i]));
    HOLDS(cut.halves == NULL || check_seam(&cut, schema.key.kind));
    seams += cut.halves != NULL;
    halves_free(cut.halves);
    for (size_t i = 0; i < cut.count; i++) {
        spine_batch_unref(cut.batches[i]);
        model_release(&rows[i]);
    }
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_halves_are_the_whole(void **state)
{
    const struct property law = {"test_halves_are_the_whole", halves_are_the_whole, 150,
                                 3000};

    (void)state;
    seams = 0;
    assert_true(property_holds(&law));
    printf("%u seams\n", seams);
    if (harness_cases(law.cases) >= law.cases)
        assert_true(seams > law.cases / 4);
}

static void
test_halves_over_many_blocks(void **state)
{
    const struct property law = {"test_halves_over_many_blocks", halves_are_the_whole, 10,
                                 60000};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves_are_the_whole),
        cmocka_unit_test(test_halves_over_many_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
