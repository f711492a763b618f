/* SPDX-License-Identifier: MIT */

/*
 * Somebody asks for metrics, in both forms, while other threads open spines, insert, and
 * close them, and all of it is traced. No spine is looked at that is gone, and merges
 * that begin in the trace end.
 */

#include "harness/host.h"
#include "harness/watchdog.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define THREADS 4u
#define SPINES 25u
#define BATCHES 40u
#define ROWS 200u

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

struct world {
    struct spine_runtime *runtime;
    atomic_uint running;
    /* Of the trace, counted without a lock. */
    atomic_uint inserts;
    atomic_uint begun;
    atomic_uint ended;
    struct spine_trace writer;
};

static void
on_event(void *context, const struct spine_event *event)
{
    struct world *world = context;

    require(event->begin_ns <= event->end_ns, "an event ends before it begins");
    switch (event->kind) {
    case SPINE_EVENT_INSERT:
        atomic_fetch_add(&world->inserts, 1);
        break;
    case SPINE_EVENT_MERGE_BEGIN:
        atomic_fetch_add(&world->begun, 1);
        break;
    case SPINE_EVENT_MERGE_END:
        atomic_fetch_add(&world->ended, 1);
        break;
    default:
        break;
    }
    world->writer.on_event(world->writer.context, event);
}

static enum spine_status
count_bytes(void *context, const char *text, size_t text_bytes)
{
    size_t *bytes = context;

    (void)text;
    *bytes += text_bytes;
    return SPINE_OK;
}

static void
insert_batches(struct spine *spine)
{
    uint64_t keys[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = keys};

    for (uint64_t i = 0; i < BATCHES; i++) {
        struct spine_batch *batch;

        for (uint64_t row = 0; row < ROWS; row++)
            keys[row] = row * (i + 1);
        require(spine_batch_from_columns(&pairs, &columns, &batch, NULL) == SPINE_OK,
                "no batch");
        require(spine_insert(spine, batch, NULL) == SPINE_OK, "no insert");
        spine_batch_unref(batch);
    }
}

static void
open_and_close(void *argument)
{
    static const char *const names[] = {"a", "b", NULL};
    struct world *world = argument;

    for (unsigned i = 0; i < SPINES; i++) {
        const struct spine_options options = {.name = names[i % 3]};
        struct spine *spine;

        require(spine_open(world->runtime, &pairs, &options, &spine, NULL) == SPINE_OK,
                "no spine");
        insert_batches(spine);
        spine_close(spine);
    }
    atomic_fetch_sub(&world->running, 1);
}

static void
watching_disturbs_nobody(void **state)
{
    struct world world = {0};
    const struct spine_trace trace = {&world, on_event};
    const struct spine_runtime_options options = {.trace = &trace};
    struct spine_trace_writer *writer;
    uv_thread_t threads[THREADS];
    size_t bytes = 0, trace_bytes = 0;

    (void)state;
    watchdog_start("metrics and traces", 100);
    require(spine_trace_writer_open(count_bytes, &trace_bytes, &writer, NULL) == SPINE_OK,
            "no writer");
    world.writer = spine_trace_of_writer(writer);
    require(spine_runtime_open(&options, &world.runtime, NULL) == SPINE_OK, "no runtime");
    atomic_store(&world.running, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        require(uv_thread_create(&threads[i], open_and_close, &world) == 0, "no thread");
    do {
        require(spine_metrics_prometheus(world.runtime, count_bytes, &bytes, NULL) ==
                    SPINE_OK,
                "no metrics");
        require(spine_metrics_json(world.runtime, count_bytes, &bytes, NULL) == SPINE_OK,
                "no metrics");
    } while (atomic_load(&world.running) > 0);
    for (unsigned i = 0; i < THREADS; i++)
        uv_thread_join(&threads[i]);
    spine_runtime_close(world.runtime);
    require(spine_trace_writer_close(writer, NULL) == SPINE_OK, "the trace failed");
    assert_true(bytes > 0 && trace_bytes > 0);
    assert_int_equal(atomic_load(&world.inserts), THREADS * SPINES * BATCHES);
    assert_true(atomic_load(&world.begun) > 0);
    assert_int_equal(atomic_load(&world.begun), atomic_load(&world.ended));
    watchdog_stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watching_disturbs_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
