/* SPDX-License-Identifier: MIT */
#include "kernel/word_sort.h"
#include "unit/kernel/kernel_model.h"

/* Words of many kinds come out as qsort has them, or the sort says that it cannot. */

enum { WORDS_MAX = 20000 };

static int
compare_words(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Words of `bits` random leading bits, and below them which one it is. */
static bool
sorts(size_t count, unsigned bits, uint64_t seed)
{
    static uint64_t words[WORDS_MAX], expected[WORDS_MAX], scratch[WORDS_MAX];
    bool sorted;

    for (size_t i = 0; i < count; i++) {
        const uint64_t leading =
            bits > 0 ? model_random(&seed) >> (64 - bits) << (64 - bits) : 0;

        words[i] = (leading & ~(uint64_t)0xffff) | i;
    }
    memcpy(expected, words, count * sizeof *words);
    qsort(expected, count, sizeof *expected, compare_words);
    sorted = word_sort(words, scratch, count);
    if (sorted)
        assert_memory_equal(words, expected, count * sizeof *expected);
    return sorted;
}

static void
words_of_many_bits_are_sorted(void **state)
{
    static const size_t counts[] = {1, 2, 700, 10000, WORDS_MAX};

    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (unsigned bits = 0; bits <= 64; bits += 4)
            assert_true(sorts(counts[c], bits, 1 + bits));
}

/* All differ in the last bits only: those that two passes do not look at. */
static void
words_that_begin_alike_are_refused(void **state)
{
    static uint64_t words[WORDS_MAX], scratch[WORDS_MAX];
    uint64_t seed = 5;

    (void)state;
    for (size_t i = 0; i < WORDS_MAX; i++)
        words[i] = UINT64_C(1) << 50 | model_below(&seed, UINT64_C(1) << 20) << 16 | i;
    assert_false(word_sort(words, scratch, WORDS_MAX));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_many_bits_are_sorted),
        cmocka_unit_test(words_that_begin_alike_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
