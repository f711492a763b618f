/* SPDX-License-Identifier: MIT */

/*
 * A search for many words finds every key that a batch has, with its first row, and no
 * other, however many keys, rows and blocks there are and however the keys lie.
 */

#include "batch_fixture.h"

#include "batch/fence.h"

static struct random source = {UINT64_C(0x5eed09a7c)};

enum lie { COUNTED, EVENLY, SQUARED, CROWDED, LIES };

/* Key `at` of `count`; ascending, with room for an absent one on either side. */
static uint64_t
key_at(enum lie lie, uint64_t at, uint64_t count, uint64_t max)
{
    switch (lie) {
    case COUNTED:
        return 3 * at + 1;
    case EVENLY:
        return (max - 2) / (count + 1) * (at + 1) + at * 5 % 7 * 2;
    case SQUARED:
        return 3 * at * at + 5;
    default:
        return at + 1 == count ? max - 1 : 3 * at + max / 2;
    }
}

/* A batch of rows, sorted by key; the number of a row is its value. */
static struct spine_batch *
batch_of_keys(bool word4, const uint64_t *row_keys, size_t rows)
{
    const struct spine_schema schema = {.key = {word4 ? SPINE_U32 : SPINE_U64, 0},
                                        .value = {SPINE_U32, 0}};
    uint32_t *values = test_malloc(rows * sizeof *values);
    uint32_t *narrow = test_malloc(rows * sizeof *narrow);
    const struct spine_columns columns = {.rows = rows,
                                          .keys = word4 ? (const void *)narrow
                                                        : (const void *)row_keys,
                                          .values = values};
    struct spine_batch *batch;
    struct spine_error error;

    for (size_t i = 0; i < rows; i++) {
        values[i] = (uint32_t)i;
        narrow[i] = (uint32_t)row_keys[i];
    }
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    if (spine_batch_check(batch, &error) != SPINE_OK)
        fail_msg("%s", error.message);
    test_free(values);
    test_free(narrow);
    return batch;
}

/* What is searched for: some of the keys, and words on either side of them. */
static size_t
draw_words(uint64_t *words, const uint64_t *keys, size_t count, uint64_t max)
{
    const uint64_t odds = random_below(&source, 3) * 20 + 1;
    size_t drawn = 0;

    if (keys[0] > 2)
        words[drawn++] = 0;
    for (size_t i = 0; i < count; i++)
        for (uint64_t off = 0; off < 3; off++) {
            const uint64_t word = keys[i] - 1 + off;

            if (random_below(&source, odds) == 0 &&
                (drawn == 0 || words[drawn - 1] < word))
                words[drawn++] = word;
        }
    if (drawn == 0 || words[drawn - 1] < max)
        words[drawn++] = max;
    return drawn;
}

static void
expect_hits(const struct spine_batch *batch, const uint64_t *words, size_t word_count,
            const uint64_t *row_keys, size_t rows)
{
    const struct probe_keys keys = {
        .column = &batch->layout.key, .count = word_count, .words = words};
    uint32_t *candidates = test_calloc(word_count, sizeof *candidates);
    struct hit *hits = test_malloc(word_count * sizeof *hits);
    struct found_hits found = {.hits = hits};
    size_t row = 0, hit = 0, count = 0;

    /* Filters leave some out. */
    for (size_t i = 0; i < word_count; i++)
        if (random_below(&source, 8) > 0)
            candidates[count++] = (uint32_t)i;
    assert_int_equal(batch_probe(batch, &keys, candidates, count, &found), SPINE_OK);
    for (size_t i = 0; i < count; i++) {
        const uint64_t word = words[candidates[i]];

        while (row < rows && row_keys[row] < word)
            row++;
        if (row == rows || row_keys[row] != word)
            continue;
        assert_true(hit < found.count);
        assert_int_equal(hits[hit].key, candidates[i]);
        assert_int_equal(batch->fences[hits[hit].block].row_begin + hits[hit].begin, row);
        while (row < rows && row_keys[row] == word)
            row++;
        assert_true(batch->fences[hits[hit].block].row_begin + hits[hit].end == row ||
                    hits[hit].end == batch->fences[hits[hit].block].rows);
        hit++;
    }
    assert_int_equal(hit, found.count);
    test_free(candidates);
    test_free(hits);
}

/* `count` keys with one row each, or (`rows_max` > 1) up to so many. */
static void
try_keys(bool word4, enum lie lie, size_t count, size_t rows_max)
{
    const uint64_t max = word4 ? UINT32_MAX : UINT64_MAX;
    uint64_t *keys = test_malloc(count * sizeof *keys);
    uint64_t *words = test_malloc((3 * count + 2) * sizeof *words);
    uint64_t *row_keys = test_malloc(count * rows_max * sizeof *row_keys);
    struct spine_batch *batch;
    size_t rows = 0, drawn;

    for (size_t i = 0; i < count; i++) {
        const size_t here = 1 + (size_t)random_below(&source, rows_max);

        keys[i] = key_at(lie, i, count, max);
        for (size_t r = 0; r < here; r++)
            row_keys[rows++] = keys[i];
    }
    batch = batch_of_keys(word4, row_keys, rows);
    drawn = draw_words(words, keys, count, max);
    expect_hits(batch, words, drawn, row_keys, rows);
    spine_batch_unref(batch);
    test_free(keys);
    test_free(words);
    test_free(row_keys);
}

static void
few_keys(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 140; count++)
        for (enum lie lie = 0; lie < LIES; lie++) {
            try_keys(count % 2 == 0, lie, count, 1);
            try_keys(count % 2 == 1, lie, count, 1 + (size_t)random_below(&source, 90));
        }
    expect_no_leak();
}

/* Around the sizes of stretches and blocks. */
static void
many_keys(void **state)
{
    static const size_t sizes[] = {4095, 4096, 4097, 8192, 12289, 70000};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (enum lie lie = 0; lie < LIES; lie++)
            for (int word4 = 0; word4 < 2; word4++)
                if (word4 == 0 || lie != SQUARED || sizes[i] < 20000)
                    try_keys(word4 != 0, lie, sizes[i], 1 + i % 3);
    for (size_t length = 1; length < 200; length++)
        try_keys(length % 2 == 0, EVENLY, length * BLOCK_MARKS + length % 3 - 1, 1);
    expect_no_leak();
}

/* Groups that end with their block, or go on through several. */
static void
huge_groups(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++)
        try_keys(i % 2 == 0, (enum lie)(i % LIES), 1 + (size_t)random_below(&source, 12),
                 (size_t)random_below(&source, 3 * BLOCK_ROWS) + 1);
    for (size_t rows = 1; rows <= BLOCK_ROWS; rows *= 2) {
        uint64_t *row_keys = test_malloc(8 * BLOCK_ROWS * sizeof *row_keys);
        uint64_t words[64] = {0};
        struct spine_batch *batch;
        size_t count = 0;

        /* All of the same length, so that blocks begin with a new key. */
        for (size_t r = 0; r < 8 * BLOCK_ROWS; r++)
            row_keys[r] = r / rows * 5;
        batch = batch_of_keys(false, row_keys, 8 * BLOCK_ROWS);
        for (size_t block = 0; block < 8; block++)
            for (uint64_t off = 0; off < 7; off++)
                if (count == 0 || words[count - 1] < row_keys[block * BLOCK_ROWS] + off)
                    words[count++] = row_keys[block * BLOCK_ROWS] + off;
        expect_hits(batch, words, count, row_keys, 8 * BLOCK_ROWS);
        spine_batch_unref(batch);
        test_free(row_keys);
    }
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_keys),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(huge_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
