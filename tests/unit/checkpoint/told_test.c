/* SPDX-License-Identifier: MIT */

/*
 * What is told of checkpoints: events with their steps, and what a store counts.
 */

#include "harness/check.h"
#include "spine/fault.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EVENTS_MAX 64u
#define ROWS 1000u

static const struct spine_schema numbers = {.key = {.kind = SPINE_U64}};

struct world {
    struct spine_event events[EVENTS_MAX];
    unsigned event_count;
    bool puts_fail;
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine;
};

/* Reads and writes are tried elsewhere. */
static void
on_event(void *context, const struct spine_event *event)
{
    struct world *world = context;

    if (event->kind < SPINE_EVENT_CHECKPOINT)
        return;
    assert_true(world->event_count < EVENTS_MAX);
    world->events[world->event_count++] = *event;
}

static void
on_operation(void *context, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    const struct world *world = context;

    (void)name;
    (void)offset;
    (void)size;
    if (world->puts_fail && operation == SPINE_OPERATION_PUT_NEW)
        fault->status = SPINE_IO;
}

static void
world_init(struct world *world)
{
    const struct spine_trace trace = {.context = world, .on_event = on_event};
    const struct spine_store_options options = {.trace = &trace};
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_backend memory, backend;

    *world = (struct world){0};
    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(spine_fault_backend(&memory, on_operation, world, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &world->store, NULL), SPINE_OK);
    assert_int_equal(spine_runtime_open(&manual, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &numbers, NULL, &world->spine, NULL),
                     SPINE_OK);
}

static void
world_release(struct world *world)
{
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
insert(struct world *world, uint64_t first)
{
    static uint64_t keys[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < ROWS; i++)
        keys[i] = first + i;
    assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                     SPINE_OK);
    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

static enum spine_status
save(struct world *world, struct spine_checkpoint_info *info)
{
    const struct spine_checkpoint_item item = {.name = "numbers", .spine = world->spine};

    world->event_count = 0;
    return spine_checkpoint(world->store, &item, 1, NULL, info, NULL);
}

static void
a_checkpoint_and_its_steps_are_told(void **state)
{
    static const enum spine_event_kind steps[] = {
        SPINE_EVENT_CHECKPOINT_FILES, SPINE_EVENT_CHECKPOINT_SYNC,
        SPINE_EVENT_CHECKPOINT_MANIFEST, SPINE_EVENT_CHECKPOINT_REMOVE};
    const struct spine_event *whole;
    struct spine_checkpoint_info info;
    struct spine_restored *restored;
    struct spine_store_stats stats;
    struct world world;

    (void)state;
    world_init(&world);
    insert(&world, 0);
    assert_int_equal(save(&world, &info), SPINE_OK);
    assert_int_equal(world.event_count, 5);
    whole = &world.events[4];
    assert_int_equal(whole->kind, SPINE_EVENT_CHECKPOINT);
    assert_int_equal(whole->cause, SPINE_CAUSE_NONE);
    assert_int_equal(whole->sequence, 1);
    assert_int_equal(whole->count, 1);
    assert_int_equal(whole->rows, ROWS);
    assert_int_equal(whole->bytes, info.file_bytes + info.manifest_bytes);
    for (unsigned i = 0; i < 4; i++) {
        const struct spine_event *step = &world.events[i];
        const uint64_t least = i == 0 ? whole->begin_ns : world.events[i - 1].end_ns;

        assert_int_equal(step->kind, steps[i]);
        assert_int_equal(step->thread, whole->thread);
        assert_true(least <= step->begin_ns && step->begin_ns <= step->end_ns);
        assert_true(step->end_ns <= whole->end_ns);
    }
    assert_int_equal(world.events[0].count, info.files);
    assert_int_equal(world.events[0].bytes, info.file_bytes);
    assert_int_equal(world.events[2].bytes, info.manifest_bytes);

    assert_int_equal(spine_restore(world.store, 0, world.runtime, NULL, &restored, NULL),
                     SPINE_OK);
    assert_int_equal(world.event_count, 6);
    assert_int_equal(world.events[5].kind, SPINE_EVENT_RESTORE);
    assert_int_equal(world.events[5].rows, ROWS);
    assert_int_equal(world.events[5].sequence, 1);
    /* The pack is less than a page, so it has nothing else. */
    assert_int_equal(world.events[5].bytes, info.file_bytes);
    spine_restored_free(restored);

    spine_store_get_stats(world.store, &stats);
    assert_int_equal(stats.checkpoints, 1);
    assert_int_equal(stats.restores, 1);
    assert_int_equal(stats.failed_checkpoints, 0);
    assert_int_equal(stats.checkpoint_sizes.sum_bytes, whole->bytes);
    world_release(&world);
}

static void
a_checkpoint_that_fails_is_told(void **state)
{
    struct spine_checkpoint_info info;
    struct spine_store_stats stats;
    struct world world;
    uint64_t count = 0;

    (void)state;
    world_init(&world);
    insert(&world, 0);
    world.puts_fail = true;
    assert_int_equal(save(&world, &info), SPINE_IO);
    /* It came as far as the manifest. */
    assert_int_equal(world.event_count, 3);
    assert_int_equal(world.events[2].kind, SPINE_EVENT_CHECKPOINT);
    assert_int_equal(world.events[2].cause, SPINE_CAUSE_GIVEN_UP);
    world.puts_fail = false;
    assert_int_equal(save(&world, &info), SPINE_OK);
    spine_store_get_stats(world.store, &stats);
    assert_int_equal(stats.checkpoints, 1);
    assert_int_equal(stats.failed_checkpoints, 1);
    for (unsigned i = 0; i < SPINE_BUCKETS; i++)
        count += stats.checkpoint_delays.counts[i];
    assert_int_equal(count, 2);
    world_release(&world);
}

static void
bytes_of_files_are_added_up_over_time(void **state)
{
    struct spine_store_stats stats;
    struct world world;
    uint64_t before = 0;

    (void)state;
    world_init(&world);
    spine_store_get_stats(world.store, &stats);
    assert_int_equal(stats.file_byte_seconds, 0);
    insert(&world, 0);
    assert_int_equal(save(&world, NULL), SPINE_OK);
    /* Some kilobytes: a byte and second comes in less than a millisecond. */
    for (unsigned i = 0; i < 3; i++) {
        do
            spine_store_get_stats(world.store, &stats);
        while (stats.file_byte_seconds == before);
        assert_true(stats.file_byte_seconds > before);
        before = stats.file_byte_seconds;
    }
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_and_its_steps_are_told),
        cmocka_unit_test(a_checkpoint_that_fails_is_told),
        cmocka_unit_test(bytes_of_files_are_added_up_over_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
