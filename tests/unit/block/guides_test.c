/* SPDX-License-Identifier: MIT */

/*
 * Guides are words of their keys that tell these apart, also where keys are columns of
 * small numbers; and few keys of a guide have one fingerprint.
 */

#include "../probe/wide_keys.h"

#include "batch/fence.h"

#define KEY_BYTES 24u

/* Batches of this test may have small blocks. */
#define KEYS 4000u

static struct spine_batch *
batch_of(enum lie lie, enum spine_kind kind)
{
    const struct spine_schema schema = {
        .key = {kind, kind == SPINE_FIXED ? KEY_BYTES : 0}};
    struct wide_key *const keys = test_calloc(KEYS, sizeof *keys);
    uint8_t *const bytes = test_malloc(KEYS * KEY_BYTES);
    uint64_t *const offsets = test_calloc(KEYS + 1, sizeof *offsets);
    const size_t count = wide_keys_draw(lie, KEY_BYTES, keys, KEYS);
    struct spine_columns columns = {.rows = count, .keys = bytes};
    struct spine_batch *batch;
    struct spine_error error;

    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + i * KEY_BYTES, keys[i].bytes, KEY_BYTES);
        offsets[i + 1] = (i + 1) * KEY_BYTES;
    }
    columns.key_offsets = kind == SPINE_BYTES ? offsets : NULL;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    /* Looks at guides and fingerprints, too. */
    if (spine_batch_check(batch, &error) != SPINE_OK)
        fail_msg("%s", error.message);
    test_free(keys);
    test_free(bytes);
    test_free(offsets);
    return batch;
}

/* How many guides of a batch are those of the key before, too. */
static size_t
count_equal_guides(const struct spine_batch *batch)
{
    size_t equal = 0;

    for (size_t b = 0; b < batch->block_count; b++) {
        const struct fence *const fence = &batch->fences[b];
        const size_t count = guide_count(&batch->layout.key, fence->keys);
        const uint64_t *const guides = block_guides(fence->block, count);

        for (size_t i = 1; i < count; i++) {
            assert_true(guides[i - 1] <= guides[i]);
            equal += guides[i - 1] == guides[i];
        }
    }
    return equal;
}

static void
guides_tell_keys_apart(void **state)
{
    static const enum lie lies[] = {DRAWN,      LETTERS, COLUMNS,
                                    ENDS_COUNT, INSIDES, ENDS_TIE};
    static const enum spine_kind kinds[] = {SPINE_FIXED, SPINE_BYTES};

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        for (size_t k = 0; k < 2; k++) {
            struct spine_batch *const batch = batch_of(lies[i], kinds[k]);

            /* Strings have no leaps: what differs is too far behind. */
            if (lies[i] != ENDS_TIE || kinds[k] == SPINE_FIXED)
                assert_int_equal(count_equal_guides(batch), 0);
            spine_batch_unref(batch);
        }
    expect_no_leak();
}

static void
words_leap_over_what_all_keys_have(void **state)
{
    struct spine_batch *const batch = batch_of(COLUMNS, SPINE_FIXED);
    const struct fence *const fence = &batch->fences[0];
    const size_t count = guide_count(&batch->layout.key, fence->keys);

    (void)state;
    /* Behind the last byte of the first number, over the high bytes of the second one. */
    assert_int_equal(block_leap(fence->block, count)->at, 1);
    assert_int_equal(block_leap(fence->block, count)->bytes, 4);
    spine_batch_unref(batch);
    expect_no_leak();
}

/* Of 32 keys 30 have a fingerprint of their own in the mean. */
static void
fingerprints_differ(void **state)
{
    static const enum lie lies[] = {DRAWN, LETTERS, COLUMNS, ENDS_COUNT, INSIDES};

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct spine_batch *const batch = batch_of(lies[i], SPINE_FIXED);
        const struct fence *const fence = &batch->fences[0];
        const uint8_t *const fingerprints = block_fingerprints(
            fence->block, guide_count(&batch->layout.key, fence->keys));
        size_t differing = 0, guides = fence->keys / GUIDE_STEP;

        assert_int_equal((uintptr_t)fingerprints % GUIDE_STEP, 0);
        for (size_t g = 0; g < guides; g++) {
            bool seen[256] = {false};

            for (size_t at = g * GUIDE_STEP; at < (g + 1) * GUIDE_STEP; at++) {
                differing += !seen[fingerprints[at]];
                seen[fingerprints[at]] = true;
            }
        }
        assert_true(differing > guides * 28);
        spine_batch_unref(batch);
    }
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guides_tell_keys_apart),
        cmocka_unit_test(words_leap_over_what_all_keys_have),
        cmocka_unit_test(fingerprints_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
