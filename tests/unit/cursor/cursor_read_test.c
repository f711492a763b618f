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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rooms_of_every_size),
        cmocka_unit_test(test_long_stretches),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
