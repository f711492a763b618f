/* SPDX-License-Identifier: MIT */

/*
 * A stream is read by one thread while others release what it gave, children in their own
 * time: nothing is written to that somebody still reads, and nothing is left.
 */

#include "spine/spine.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROWS = 400000, RELEASERS = 3, ROUNDS = 4, COLUMNS = 3, PLACES = 8 };

/* Columns on their way from the reader to who releases them. */
struct hand_over {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct ArrowArray places[PLACES];
    size_t count;
    bool is_over;
    atomic_uint_least64_t rows;
};

static void
hand_over_column(struct hand_over *over, struct ArrowArray *column)
{
    pthread_mutex_lock(&over->mutex);
    while (over->count == PLACES)
        pthread_cond_wait(&over->changed, &over->mutex);
    over->places[over->count++] = *column;
    column->release = NULL;
    pthread_cond_broadcast(&over->changed);
    pthread_mutex_unlock(&over->mutex);
}

/* Reads columns, whose values count up or are all 1, and releases them. */
static void *
releaser_main(void *context)
{
    struct hand_over *const over = context;

    for (;;) {
        struct ArrowArray column;

        pthread_mutex_lock(&over->mutex);
        while (over->count == 0 && !over->is_over)
            pthread_cond_wait(&over->changed, &over->mutex);
        if (over->count == 0) {
            pthread_mutex_unlock(&over->mutex);
            return NULL;
        }
        column = over->places[--over->count];
        pthread_cond_broadcast(&over->changed);
        pthread_mutex_unlock(&over->mutex);

        const uint64_t *const values = column.buffers[1];
        uint64_t rising = 1;
        for (int64_t i = 1; i < column.length; i++)
            rising += values[i] == values[i - 1] + 1 || values[i] == 1;
        atomic_fetch_add(&over->rows, rising);
        column.release(&column);
    }
}

static struct spine_batch *
make_batch(void)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    static uint64_t numbers[ROWS];
    const struct spine_columns columns = {
        .rows = ROWS, .keys = numbers, .values = numbers};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < ROWS; i++)
        numbers[i] = i;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

static void
read_and_hand_over(struct spine_batch *batch, struct hand_over *over)
{
    struct ArrowArrayStream stream;
    struct spine_cursor *cursor;
    struct ArrowArray records;

    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    assert_int_equal(spine_cursor_to_arrow(cursor, NULL, &stream, NULL), SPINE_OK);
    for (;;) {
        assert_int_equal(stream.get_next(&stream, &records), 0);
        if (records.release == NULL)
            break;
        for (size_t i = 0; i < COLUMNS; i++)
            hand_over_column(over, records.children[i]);
        records.release(&records);
    }
    stream.release(&stream);
}

static void
release_elsewhere(void **state)
{
    const size_t bytes = spine_allocated_bytes();
    static struct hand_over over = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                    .changed = PTHREAD_COND_INITIALIZER};
    struct spine_batch *const batch = make_batch();
    pthread_t threads[RELEASERS];

    (void)state;
    for (size_t i = 0; i < RELEASERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, releaser_main, &over), 0);
    for (size_t i = 0; i < ROUNDS; i++)
        read_and_hand_over(batch, &over);
    pthread_mutex_lock(&over.mutex);
    over.is_over = true;
    pthread_cond_broadcast(&over.changed);
    pthread_mutex_unlock(&over.mutex);
    for (size_t i = 0; i < RELEASERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(over.rows, (uint64_t)ROUNDS * COLUMNS * ROWS);
    spine_batch_unref(batch);
    assert_int_equal(spine_allocated_bytes(), bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(release_elsewhere)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
