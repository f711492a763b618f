/* SPDX-License-Identifier: MIT */
#include "kernel/word_merge.h"
#include "unit/kernel/kernel_model.h"

/* Runs of words, of sizes that are alike or not, come out as qsort has them. */

enum { RUNS_MAX = 9, WORDS_MAX = 6000 };

static int
compare_words(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Different words: some numbers above the place of the word. */
static void
draw_run(uint64_t *words, size_t begin, size_t count, uint64_t below, uint64_t *seed)
{
    for (size_t i = 0; i < count; i++)
        words[i] = model_below(seed, below) << 16 | (begin + i);
    qsort(words, count, sizeof *words, compare_words);
}

static void
check_runs(const size_t *counts, size_t run_count, uint64_t below, uint64_t seed)
{
    static uint64_t words[WORDS_MAX], expected[WORDS_MAX], out[WORDS_MAX],
        scratch[2 * WORDS_MAX];
    struct merge_tree tree = {0};
    size_t total = 0;

    assert_true(merge_tree_begin(&tree, run_count));
    for (size_t i = 0; i < run_count; i++) {
        draw_run(words + total, total, counts[i], below, &seed);
        tree.nodes[i].run = (struct run){.hi = words + total, .count = counts[i]};
        total += counts[i];
    }
    assert_true(total <= WORDS_MAX);
    memcpy(expected, words, total * sizeof *words);
    qsort(expected, total, sizeof *expected, compare_words);
    word_merge(&tree, out, scratch);
    assert_memory_equal(out, expected, total * sizeof *expected);
    merge_tree_release(&tree);
}

static void
runs_of_any_sizes_are_merged(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        uint64_t random = seed;
        const size_t run_count = 2 + model_below(&random, RUNS_MAX - 1);
        size_t counts[RUNS_MAX];

        /* Sizes by powers, so that some are many times the others. */
        for (size_t i = 0; i < run_count; i++)
            counts[i] = 1 + model_below(&random, UINT64_C(1) << model_below(&random, 10));
        check_runs(counts, run_count, seed % 2 == 0 ? 3 : UINT64_C(1) << 48, seed);
    }
}

static void
few_lie_before_among_and_behind_many(void **state)
{
    static const size_t counts[][3] = {
        {1, 1, 1}, {1, 3000, 1}, {2, 1, 3000}, {70, 5, 1000}, {1000, 1001, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (uint64_t seed = 1; seed <= 20; seed++)
            check_runs(counts[i], 3, seed < 10 ? 2 : 5000, seed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_any_sizes_are_merged),
        cmocka_unit_test(few_lie_before_among_and_behind_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
