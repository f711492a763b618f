/* SPDX-License-Identifier: MIT */

/*
 * A host with a libuv loop of its own: merges are dispatched by that, and nothing that is
 * called on it waits.
 *
 * A timer brings a batch a millisecond. spine_try_insert() never waits: under
 * backpressure the batch stays where it is until the next tick. When all are in, a
 * compaction is asked for; it ends on a thread of libuv's pool, which wakes the loop by
 * uv_async_send(). There the spine is read, compared with an array, and everything is
 * closed, so that uv_run() returns.
 */

#include <inttypes.h>
#include <spine/spine.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define BATCHES 200u
#define ROWS 500u
#define KEYS 1000u

struct host {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_async_t compacted;
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_batch *batch; /* not taken yet */
    unsigned batches;
    unsigned ticks;
    int64_t table[KEYS];
    bool right;
};

static void
need(enum spine_status status, const struct spine_error *error)
{
    if (status == SPINE_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", spine_status_name(status), error->message);
    exit(1);
}

static struct spine_batch *
next_batch(struct host *host)
{
    uint64_t keys[ROWS];
    int64_t weights[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .weights = weights};
    struct spine_batch *batch;
    struct spine_error error;

    for (unsigned i = 0; i < ROWS; i++) {
        keys[i] = (host->batches * 7919u + i * 104729u) % KEYS;
        weights[i] = i % 3 == 0 ? -1 : 1;
        host->table[keys[i]] += weights[i];
    }
    host->batches++;
    need(
        spine_batch_from_columns(spine_get_schema(host->spine), &columns, &batch, &error),
        &error);
    return batch;
}

/* On a thread of the pool, or in spine_close(): only wakes the loop. */
static void
on_compacted(void *context, enum spine_status status)
{
    struct host *const host = context;

    if (status != SPINE_OK)
        exit(1);
    (void)uv_async_send(&host->compacted);
}

static void
on_tick(uv_timer_t *timer)
{
    struct host *const host = timer->data;
    struct spine_error error;
    enum spine_status status;

    host->ticks++;
    if (host->batch == NULL)
        host->batch = next_batch(host);
    status = spine_try_insert(host->spine, host->batch, &error);
    if (status == SPINE_BUSY)
        return;
    need(status, &error);
    spine_batch_unref(host->batch);
    host->batch = NULL;
    if (host->batches < BATCHES)
        return;
    (void)uv_timer_stop(timer);
    need(spine_compact(host->spine, on_compacted, host, &error), &error);
}

static void
on_last(uv_async_t *async)
{
    struct host *const host = async->data;
    struct spine_cursor *cursor;
    struct spine_error error;
    size_t rows = 0, expected = 0;

    need(spine_cursor_open(host->spine, &cursor, &error), &error);
    host->right = true;
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor), rows++)
        host->right = host->right && spine_cursor_weight(cursor) ==
                                         host->table[spine_cursor_key(cursor).u64];
    need(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
    for (size_t key = 0; key < KEYS; key++)
        expected += host->table[key] != 0;
    host->right = host->right && rows == expected;
    (void)printf("%u batches in %u ticks, %zu keys\n", host->batches, host->ticks, rows);

    /* On the loop's thread; the loop lets go of the runtime's handle in its next turn. */
    spine_close(host->spine);
    spine_runtime_close(host->runtime);
    uv_close((uv_handle_t *)&host->timer, NULL);
    uv_close((uv_handle_t *)&host->compacted, NULL);
}

int
main(void)
{
    static struct host host;
    const struct spine_schema schema = {.key = {.kind = SPINE_U64}};
    const struct spine_runtime_options options = {.loop = &host.loop};
    struct spine_error error;

    if (uv_loop_init(&host.loop) != 0 || uv_timer_init(&host.loop, &host.timer) != 0 ||
        uv_async_init(&host.loop, &host.compacted, on_last) != 0)
        return 1;
    host.timer.data = &host;
    host.compacted.data = &host;
    need(spine_runtime_open(&options, &host.runtime, &error), &error);
    need(spine_open(host.runtime, &schema, NULL, &host.spine, &error), &error);
    if (uv_timer_start(&host.timer, on_tick, 0, 1) != 0)
        return 1;
    (void)uv_run(&host.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&host.loop) == 0 && host.right ? 0 : 1;
}
