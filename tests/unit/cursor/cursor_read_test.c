/* SPDX-License-Identifier: MIT */

/* Bulk reads into rooms of every size, over rows of which a stretch cancels. */

#include "harness/fault_alloc.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define FIRST_ROWS 20u
#define ROOM_MAX 4300u
#define MANY 600u
#define KEYS_EACH 10u

static const struct spine_schema u64_u64 = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};

/*
 * One of two batches. Both together are the keys from 0 on, each once, but for those of
 * `cancelled` rows, of which one has the weight 1 and the other -1; what follows them is
 * in one and the other by turns.
 */
static struct spine_batch *
half_new(uint64_t half, size_t cancelled, size_t rest)
{
    const size_t rows = FIRST_ROWS + cancelled + rest;
    uint64_t *keys = calloc(rows, sizeof *keys), *values = calloc(rows, sizeof *values);
    int64_t *weights = calloc(rows, sizeof *weights);
    const struct spine_columns columns = {
        .rows = rows, .keys = keys, .values = values, .weights = weights};
    struct spine_batch *batch;
    size_t at = 0;

    assert_non_null(keys);
    assert_non_null(values);
    assert_non_null(weights);
    for (size_t i = 0; i < FIRST_ROWS; i++)
        keys[at++] = 2 * i + half;
    for (size_t i = 0; i < cancelled; i++)
        keys[at++] = 2 * FIRST_ROWS + i;
    for (size_t i = 0; i < rest; i++)
        keys[at++] = 2 * FIRST_ROWS + cancelled + 2 * i + half;
    for (size_t i = 0; i < rows; i++)
        weights[i] = i >= FIRST_ROWS && i < FIRST_ROWS + cancelled && half == 1 ? -1 : 1;
    assert_int_equal(spine_batch_from_columns(&u64_u64, &columns, &batch, NULL),
                     SPINE_OK);
    free(keys);
    free(values);
    free(weights);
    return batch;
}

static void
read_with_room(size_t room, size_t cancelled)
{
    const size_t rest = 2 * room;
    struct spine_batch *halves[2] = {half_new(0, cancelled, rest),
                                     half_new(1, cancelled, rest)};
    uint64_t *keys = malloc(room * sizeof *keys), *values = malloc(room * sizeof *values);
    int64_t *weights = malloc(room * sizeof *weights);
    const struct spine_column_buffers buffers = {
        .rows = room, .keys = keys, .values = values, .weights = weights};
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    uint64_t key = 0;
    size_t rows;

    assert_int_equal(spine_snapshot_of_batches(&u64_u64, halves, 2, &snapshot, NULL),
                     SPINE_OK);
    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
    while ((rows = spine_cursor_read(cursor, &buffers)) > 0) {
        assert_in_range(rows, 1, room);
        for (size_t i = 0; i < rows; i++, key++) {
            if (key == 2 * FIRST_ROWS)
                key += cancelled;
            assert_int_equal(keys[i], key);
            assert_int_equal(values[i], 0);
            assert_int_equal(weights[i], 1);
        }
    }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    assert_int_equal(key, 2 * FIRST_ROWS + cancelled + 2 * rest);
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
    for (size_t i = 0; i < 2; i++)
        spine_batch_unref(halves[i]);
    free(keys);
    free(values);
    free(weights);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* The stretch is a little shorter than the room, as long, longer, and twice as long. */
static void
test_rooms_of_every_size(void **state)
{
    (void)state;
    for (size_t room = 1; room <= ROOM_MAX; room += room < 1100 ? 1 : 173) {
        read_with_room(room, room - room / 3);
        read_with_room(room, room);
        read_with_room(room, 2 * room + 5);
    }
}

/* Of a stretch that no window and no room holds. */
static void
test_long_stretches(void **state)
{
    static const size_t rooms[] = {1, 40, 127, 128, 129, 300, 1000, 2048, 4096};

    (void)state;
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++)
        read_with_room(rooms[i], 30000);
}

/* Key k is in batch k % MANY, every second of them also in the next batch, which takes it
 * back. */
static struct spine_snapshot *
many_batches(void)
{
    struct spine_batch *batches[MANY];
    struct spine_snapshot *snapshot;

    for (uint64_t i = 0; i < MANY; i++) {
        uint64_t keys[2 * KEYS_EACH], values[2 * KEYS_EACH] = {0};
        int64_t weights[2 * KEYS_EACH];
        struct spine_columns columns = {
            .keys = keys, .values = values, .weights = weights};

        for (uint64_t k = 0; k < KEYS_EACH; k++) {
            keys[columns.rows] = k * MANY + i;
            weights[columns.rows++] = 1;
            if (i % 2 == 0)
                continue;
            keys[columns.rows] = k * MANY + i - 1;
            weights[columns.rows++] = -1;
        }
        assert_int_equal(spine_batch_from_columns(&u64_u64, &columns, &batches[i], NULL),
                         SPINE_OK);
    }
    assert_int_equal(spine_snapshot_of_batches(&u64_u64, batches, MANY, &snapshot, NULL),
                     SPINE_OK);
    for (uint64_t i = 0; i < MANY; i++)
        spine_batch_unref(batches[i]);
    return snapshot;
}

/* So many that their rows are merged one by one. */
static void
test_many_batches(void **state)
{
    static const size_t rooms[] = {1, 100, 129, MANY, MANY + 129, 2000, 5000};
    struct spine_snapshot *snapshot = many_batches();

    (void)state;
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        const size_t room = rooms[i];
        uint64_t *keys = malloc(room * sizeof *keys), key = 1;
        uint64_t *values = malloc(room * sizeof *values);
        int64_t *weights = malloc(room * sizeof *weights);
        const struct spine_column_buffers buffers = {
            .rows = room, .keys = keys, .values = values, .weights = weights};
        struct spine_cursor *cursor;
        size_t rows;

        assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
        while ((rows = spine_cursor_read(cursor, &buffers)) > 0)
            for (size_t r = 0; r < rows; r++, key += 2) {
                assert_int_equal(keys[r], key);
                assert_int_equal(weights[r], 1);
            }
        assert_int_equal(key, MANY * KEYS_EACH + 1);
        assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
        spine_cursor_close(cursor);
        free(keys);
        free(values);
        free(weights);
    }
    spine_snapshot_unref(snapshot);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rooms_of_every_size),
        cmocka_unit_test(test_long_stretches),
        cmocka_unit_test(test_many_batches),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
