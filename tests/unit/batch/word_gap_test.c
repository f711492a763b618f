/* SPDX-License-Identifier: MIT */

/*
 * Keys of small numbers have a gap in their words, without which they lie evenly; keys
 * drawn at random have none.
 */

#include "../probe/wide_keys.h"

#include "batch/word_gap.h"

#define KEY_BYTES 24u
#define NEAR_KEYS 64u

static struct spine_batch *
batch_of(enum lie lie, size_t key_count, struct wide_key *keys)
{
    const struct spine_schema schema = {.key = {SPINE_FIXED, KEY_BYTES}};
    uint8_t *bytes = test_malloc(key_count * KEY_BYTES);
    const size_t count = wide_keys_draw(lie, KEY_BYTES, keys, key_count);
    const struct spine_columns columns = {.rows = count, .keys = bytes};
    struct spine_batch *batch;

    for (size_t i = 0; i < count; i++)
        memcpy(bytes + i * KEY_BYTES, keys[i].bytes, KEY_BYTES);
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    test_free(bytes);
    return batch;
}

/* How far keys are from where they are guessed, in the mean. */
static double
mean_distance(struct word_gaps *gaps, const struct spine_batch *batch,
              const struct wide_key *keys, bool close)
{
    double sum = 0;
    size_t at = 0;

    for (size_t b = 0; b < batch->block_count; b++) {
        const struct spread *const spread = &batch->spreads[b];
        const uint32_t count = batch->fences[b].keys;
        const struct word_gap gap =
            close ? word_gap_of(gaps, batch, spread->shared) : (struct word_gap){0};
        const uint64_t first = gap_close(gap, spread->first);
        const uint64_t last = gap_close(gap, spread->last);

        for (uint32_t i = 0; i < count; i++, at++) {
            const uint64_t word =
                gap_close(gap, word_behind(wide_span(&keys[at]), spread->shared));
            const size_t guess = interpolate(first, last, 0, count, word);

            sum += guess > i ? (double)(guess - i) : (double)(i - guess);
        }
    }
    return sum / (double)at;
}

static void
try_keys(enum lie lie, size_t count, bool has_gap)
{
    struct wide_key *keys = test_malloc(count * sizeof *keys);
    struct spine_batch *batch = batch_of(lie, count, keys);
    struct word_gaps gaps;
    struct word_gap gap;

    word_gaps_init(&gaps, batch, SIZE_MAX);
    gap = word_gap_of(&gaps, batch, batch->spreads[0].shared);
    assert_int_equal(gap.high > 0, has_gap);
    assert_true(gap.low <= gap.high && gap.high < 64);
    /* Of one block little is known. */
    if (has_gap && batch->block_count > 1)
        assert_true(mean_distance(&gaps, batch, keys, false) > 2 * NEAR_KEYS);
    if (!has_gap || batch->block_count > 1)
        assert_true(mean_distance(&gaps, batch, keys, true) < NEAR_KEYS);
    spine_batch_unref(batch);
    test_free(keys);
}

static void
small_numbers_have_a_gap(void **state)
{
    (void)state;
    try_keys(COLUMNS, 40 * (size_t)BLOCK_ROWS, true);
    try_keys(COLUMNS, 5 * (size_t)BLOCK_ROWS, true);
    try_keys(COLUMNS, BLOCK_ROWS, true);
}

static void
random_keys_have_none(void **state)
{
    (void)state;
    for (size_t blocks = 1; blocks <= 40; blocks++)
        try_keys(DRAWN, blocks * BLOCK_ROWS, false);
}

/* What lies too far behind is not known, nor anything for few keys: words are as they
 * are. */
static void
others_are_not_known(void **state)
{
    struct wide_key *keys = test_malloc(BLOCK_ROWS * sizeof *keys);
    struct spine_batch *batch = batch_of(COLUMNS, BLOCK_ROWS, keys);
    struct word_gaps gaps;
    struct word_gap gap;

    (void)state;
    word_gaps_init(&gaps, batch, SIZE_MAX);
    gap = word_gap_of(&gaps, batch, batch->shared_bytes + GAP_BYTES);
    assert_int_equal(gap.high, 0);
    assert_int_equal(gap_close(gap, UINT64_MAX), UINT64_MAX);
    assert_int_equal(gap_close((struct word_gap){8, 56}, UINT64_C(0x1234567890abcdef)),
                     0x12ef);
    word_gaps_init(&gaps, batch, 1);
    gap = word_gap_of(&gaps, batch, batch->spreads[0].shared);
    assert_int_equal(gap.high, 0);
    spine_batch_unref(batch);
    test_free(keys);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_numbers_have_a_gap),
        cmocka_unit_test(random_keys_have_none),
        cmocka_unit_test(others_are_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
