/* SPDX-License-Identifier: MIT */
#include "base/random.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BATCHES_MAX 4

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

/* Rows (keys[i], values[i], weight). */
static struct spine_batch *
batch_of(const uint64_t *keys, const uint64_t *values, const int64_t *weights,
         size_t rows)
{
    const struct spine_columns columns = {
        .rows = rows, .keys = keys, .values = values, .weights = weights};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

static struct spine_snapshot *
snapshot_of(struct spine_batch **batches, size_t count)
{
    struct spine_snapshot *snapshot;

    assert_int_equal(spine_snapshot_of_batches(&pairs, batches, count, &snapshot, NULL),
                     SPINE_OK);
    for (size_t i = 0; i < count; i++)
        spine_batch_unref(batches[i]);
    return snapshot;
}

/*
 * Keys 0, 3, 6, ... below 3 * `keys` in batch 0; the even ones again, with another value,
 * in batch 1; each tenth is taken back in batch 2. Batch 3 has three values for each key
 * that is odd.
 */
static struct spine_snapshot *
overlapping(uint64_t keys)
{
    uint64_t *key = test_malloc(4 * keys * sizeof *key);
    uint64_t *value = test_malloc(4 * keys * sizeof *value);
    int64_t *weight = test_malloc(4 * keys * sizeof *weight);
    struct spine_batch *batches[BATCHES_MAX];

    for (unsigned b = 0; b < BATCHES_MAX; b++) {
        size_t rows = 0;

        for (uint64_t i = 0; i < keys; i++) {
            const bool taken_back = i % 10 == 0;
            const bool here = b == 0 || (b == 1 && i % 2 == 0 && !taken_back) ||
                              (b == 2 && taken_back) || (b == 3 && i % 2 == 1);

            for (uint64_t v = 0; here && v < (b == 3 ? 3 : 1); v++) {
                key[rows] = 3 * i;
                value[rows] = b == 2 ? 0 : b + v;
                weight[rows++] = b == 2 ? -1 : 1;
            }
        }
        batches[b] = batch_of(key, value, weight, rows);
    }
    test_free(key);
    test_free(value);
    test_free(weight);
    return snapshot_of(batches, BATCHES_MAX);
}

/* The keys of a batch, ascending; counts how many there are. */
static size_t
keys_of(struct spine_batch *batch, uint64_t *keys, size_t room)
{
    struct spine_cursor *cursor;
    size_t count = 0;

    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor)) {
        assert_true(count < room);
        assert_int_equal(spine_cursor_weight(cursor), 1);
        keys[count] = spine_cursor_key(cursor).u64;
        assert_true(count == 0 || keys[count] > keys[count - 1]);
        count++;
    }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    return count;
}

static void
samples_have_exactly_as_many_live_keys(void **state)
{
    static const uint64_t counts[] = {0,    1,    2,    7,    50,        299,
                                      4000, 4499, 4500, 4501, UINT64_MAX};
    static uint64_t keys[5000];
    struct spine_snapshot *snapshot = overlapping(5000);

    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            const uint64_t expected = counts[i] < 4500 ? counts[i] : 4500;
            struct spine_batch *batch;

            assert_int_equal(
                spine_snapshot_sample(snapshot, counts[i], seed, &batch, NULL), SPINE_OK);
            assert_int_equal(keys_of(batch, keys, 5000), expected);
            for (uint64_t k = 0; k < expected; k++)
                assert_true(keys[k] % 3 == 0 && keys[k] / 3 % 10 != 0);
            spine_batch_unref(batch);
        }
    spine_snapshot_unref(snapshot);
}

/*
 * Each of `live` keys is drawn about equally often, though keys have one, two or four
 * rows in one or two batches. The statistic has `live` - 1 degrees of freedom; its mean
 * is that, its deviation the root of twice that. Draws without repetition make it smaller
 * by 1 - count / live.
 */
static void
check_uniform(uint64_t keys, uint64_t count, unsigned samples)
{
    static unsigned drawn[2000];
    static uint64_t sample[2000];
    struct spine_snapshot *snapshot = overlapping(keys);
    const double live = (double)(keys - keys / 10);
    const double expected = (double)samples * (double)count / live;
    double statistic = 0;

    memset(drawn, 0, sizeof drawn);
    for (uint64_t seed = 0; seed < samples; seed++) {
        struct spine_batch *batch;

        assert_int_equal(
            spine_snapshot_sample(snapshot, count, seed * 7919, &batch, NULL), SPINE_OK);
        assert_int_equal(keys_of(batch, sample, 2000), count);
        for (uint64_t i = 0; i < count; i++)
            drawn[sample[i] / 3]++;
        spine_batch_unref(batch);
    }
    for (uint64_t i = 0; i < keys; i++)
        if (i % 10 != 0)
            statistic += (drawn[i] - expected) * (drawn[i] - expected) / expected;
    statistic /= 1 - (double)count / live;
    print_message("chi-square of %.0f for %.0f degrees of freedom\n", statistic,
                  live - 1);
    /* Five deviations, squared, to do without a square root. */
    assert_true((statistic - live) * (statistic - live) < 25 * 2 * live);
    spine_snapshot_unref(snapshot);
}

static void
few_keys_of_many_are_drawn_uniformly(void **state)
{
    (void)state;
    check_uniform(1000, 20, 3000);
}

static void
many_keys_are_drawn_uniformly(void **state)
{
    (void)state;
    check_uniform(1000, 200, 300);
}

static void
what_cancels_is_never_drawn(void **state)
{
    uint64_t keys[100], found[4];
    int64_t minus[100];
    struct spine_batch *batches[3];
    struct spine_batch *batch;
    struct spine_snapshot *snapshot;
    const uint64_t lone = 5000;

    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        keys[i] = i;
        minus[i] = -1;
    }
    batches[0] = batch_of(keys, keys, NULL, 100);
    batches[1] = batch_of(keys, keys, minus, 100);
    batches[2] = batch_of(&lone, &lone, NULL, 1);
    snapshot = snapshot_of(batches, 3);
    assert_int_equal(spine_snapshot_sample(snapshot, 1, 1, &batch, NULL), SPINE_OK);
    assert_int_equal(keys_of(batch, found, 4), 1);
    assert_int_equal(found[0], lone);
    spine_batch_unref(batch);
    spine_snapshot_unref(snapshot);
}

static void
parts_are_nearly_even(void **state)
{
    static uint64_t bounds[64];
    struct spine_snapshot *snapshot = overlapping(200000);
    struct spine_batch *batch;
    const double live = 180000;

    (void)state;
    for (uint64_t parts = 1; parts <= 64; parts *= 4) {
        uint64_t begin = 0;

        assert_int_equal(spine_snapshot_partition(snapshot, parts, 3, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(keys_of(batch, bounds, 64), parts - 1);
        for (uint64_t i = 0; i < parts; i++) {
            /* Of ten keys, three apart, nine live. */
            const uint64_t end = i + 1 < parts ? bounds[i] : 600000;
            const double size = (double)(end - begin) / 3 * 0.9;

            assert_true(size > live / (double)parts * 0.8 &&
                        size < live / (double)parts * 1.2);
            begin = end;
        }
        spine_batch_unref(batch);
    }
    spine_snapshot_unref(snapshot);
}

static void
parts_of_few_keys_are_exact(void **state)
{
    static const struct {
        uint64_t keys, parts;
        size_t bounds;
    } cases[] = {{1, 1, 0}, {1, 8, 0},   {2, 2, 1}, {5, 3, 2},
                 {5, 5, 4}, {5, 100, 4}, {90, 9, 8}};
    uint64_t keys[90], bounds[90];

    (void)state;
    for (uint64_t i = 0; i < 90; i++)
        keys[i] = i;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct spine_batch *batch = batch_of(keys, keys, NULL, cases[i].keys);
        struct spine_snapshot *snapshot = snapshot_of(&batch, 1);
        const uint64_t parts = cases[i].bounds + 1;

        assert_int_equal(
            spine_snapshot_partition(snapshot, cases[i].parts, 0, &batch, NULL),
            SPINE_OK);
        assert_int_equal(keys_of(batch, bounds, 90), cases[i].bounds);
        for (uint64_t b = 0; b + 1 < parts; b++)
            assert_int_equal(bounds[b], (b + 1) * cases[i].keys / parts);
        spine_batch_unref(batch);
        spine_snapshot_unref(snapshot);
    }
}

static void
nothing_has_no_sample(void **state)
{
    struct spine_snapshot *snapshot = snapshot_of(NULL, 0);
    struct spine_error error = {0};
    struct spine_batch *batch;

    (void)state;
    assert_int_equal(spine_snapshot_sample(snapshot, 10, 0, &batch, NULL), SPINE_OK);
    assert_int_equal(keys_of(batch, NULL, 0), 0);
    spine_batch_unref(batch);
    assert_int_equal(spine_snapshot_partition(snapshot, 4, 0, &batch, NULL), SPINE_OK);
    assert_int_equal(keys_of(batch, NULL, 0), 0);
    spine_batch_unref(batch);
    assert_int_equal(spine_snapshot_partition(snapshot, 0, 0, &batch, &error),
                     SPINE_INVALID);
    assert_non_null(strstr(error.message, "parts"));
    spine_snapshot_unref(snapshot);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_have_exactly_as_many_live_keys),
        cmocka_unit_test(few_keys_of_many_are_drawn_uniformly),
        cmocka_unit_test(many_keys_are_drawn_uniformly),
        cmocka_unit_test(what_cancels_is_never_drawn),
        cmocka_unit_test(parts_are_nearly_even),
        cmocka_unit_test(parts_of_few_keys_are_exact),
        cmocka_unit_test(nothing_has_no_sample),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
