/* SPDX-License-Identifier: MIT */

/*
 * A checkpoint in the background is that of the moment when it was asked for, whatever
 * the host does with what it said, and is told of exactly once.
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include "harness/nulls.h"
#include "spine/metrics.h"
#include "store/store.h"

#include <uv.h>

struct told {
    unsigned times;
    enum spine_status status;
    uint64_t sequence;
};

static void
on_done(void *context, enum spine_status status, const struct spine_checkpoint_info *info,
        const struct spine_error *why)
{
    struct told *told_of = context;

    told_of->times++;
    told_of->status = status;
    told_of->sequence = info->sequence;
    assert_true((status == SPINE_OK) == (why->message[0] == 0));
}

static enum spine_status
start(struct world *world, struct told *told_of)
{
    struct spine_checkpoint_options options = {0};
    struct spine_checkpoint_item items[SPINES_MAX];
    char names[SPINES_MAX][24], data[] = "step 3";
    enum spine_status st;

    *told_of = (struct told){0};
    memcpy(names, world->names, sizeof names);
    for (unsigned i = 0; i < world->count; i++)
        items[i] =
            (struct spine_checkpoint_item){.name = names[i], .spine = world->spines[i]};
    options.user_data = data;
    options.user_bytes = sizeof data;
    options.on_done = on_done;
    options.context = told_of;
    st = spine_checkpoint_start(world->store, world->runtime, items, world->count,
                                &options, NULL);
    /* All of it is the host's again. */
    memset(names, 'x', sizeof names);
    memset(data, 'x', sizeof data);
    memset(items, 0, sizeof items);
    return st;
}

static void
test_it_is_of_the_moment_when_it_was_asked_for(void **state)
{
    struct spine_restored *restored;
    struct model before[2];
    struct told told_of;
    struct world world;
    struct rng rng;
    size_t bytes;

    (void)state;
    rng_init(&rng, 21);
    world_init(&world, &rng, 2);
    for (unsigned i = 0; i < 2; i++) {
        world_insert(&world, i, 700);
        model_init(&before[i], spine_get_schema(world.spines[i]));
        model_copy(&before[i], &world.models[i]);
    }
    assert_int_equal(start(&world, &told_of), SPINE_OK);
    assert_int_equal(told_of.times, 0);
    world_insert(&world, 0, 300);
    while (told_of.times == 0)
        (void)spine_runtime_run(world.runtime, 1000);
    assert_int_equal(told_of.status, SPINE_OK);
    assert_int_equal(told_of.sequence, 1);
    assert_true(spine_is_dirty(world.spines[0]));
    assert_false(spine_is_dirty(world.spines[1]));
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(told_of.times, 1);
    assert_int_equal(spine_restore(world.store, 0, world.runtime, NULL, &restored, NULL),
                     SPINE_OK);
    assert_string_equal(spine_restored_user_data(restored, &bytes), "step 3");
    for (unsigned i = 0; i < 2; i++) {
        spine_close(world.spines[i]);
        world.spines[i] = spine_restored_take(restored, world.names[i]);
        assert_non_null(world.spines[i]);
    }
    spine_restored_free(restored);
    assert_true(world_holds(&world, before));
    for (unsigned i = 0; i < 2; i++)
        model_release(&before[i]);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_a_runtime_that_closes_cancels_it(void **state)
{
    struct told told_of;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 22);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 700);
    assert_int_equal(start(&world, &told_of), SPINE_OK);
    spine_runtime_close(world.runtime);
    assert_int_equal(told_of.times, 1);
    assert_int_equal(told_of.status, SPINE_CANCELLED);
    assert_int_equal(world_objects(&world).manifests, 0);
    world.runtime = NULL;
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_a_closed_runtime_makes_none(void **state)
{
    struct spine_runtime *open;
    struct told told_of;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 23);
    world_init(&world, &rng, 1);
    open = world.runtime;
    spine_runtime_close(open);
    /* The spine keeps it, closed. */
    assert_int_equal(start(&world, &told_of), SPINE_CANCELLED);
    assert_int_equal(told_of.times, 0);
    world.runtime = NULL;
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Another one is in the store's checkpoints: no thread of the runtime waits for it. */
static void
test_it_waits_for_its_turn(void **state)
{
    struct told told_of;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 25);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 700);
    (void)store_checkpoints_lock(world.store);
    assert_null(store_checkpoints_try_lock(world.store));
    assert_int_equal(start(&world, &told_of), SPINE_OK);
    for (unsigned i = 0; i < 3; i++)
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(told_of.times, 0);
    store_checkpoints_unlock(world.store);
    while (told_of.times == 0)
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(told_of.status, SPINE_OK);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_a_runtime_that_closes_cancels_one_that_waits(void **state)
{
    struct told told_of;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 26);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 700);
    (void)store_checkpoints_lock(world.store);
    assert_int_equal(start(&world, &told_of), SPINE_OK);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    spine_runtime_close(world.runtime);
    assert_int_equal(told_of.times, 1);
    assert_int_equal(told_of.status, SPINE_CANCELLED);
    store_checkpoints_unlock(world.store);
    world.runtime = NULL;
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
run_once(void *context)
{
    (void)spine_runtime_run(context, UINT64_MAX);
}

/* The runtime closes while a slice runs that finds another checkpoint in its way. */
static void
test_it_is_told_when_the_runtime_closes_meanwhile(void **state)
{
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 28);
    for (unsigned i = 0; i < 300; i++) {
        struct told told_of;
        uv_thread_t thread;

        world_init(&world, &rng, 1);
        (void)store_checkpoints_lock(world.store);
        assert_int_equal(start(&world, &told_of), SPINE_OK);
        assert_int_equal(uv_thread_create(&thread, run_once, world.runtime), 0);
        for (volatile unsigned k = 0; k < i * 20; k++)
            continue;
        spine_runtime_close(world.runtime);
        assert_int_equal(uv_thread_join(&thread), 0);
        assert_int_equal(told_of.times, 1);
        assert_int_equal(told_of.status, SPINE_CANCELLED);
        store_checkpoints_unlock(world.store);
        world.runtime = NULL;
        world_release(&world);
        assert_int_equal(spine_allocated_bytes(), 0);
    }
}

static enum spine_status
ignore_text(void *context, const char *text, size_t bytes)
{
    (void)text;
    *(size_t *)context += bytes;
    return SPINE_OK;
}

/* What is told to all spines of a runtime, and asked of them, passes it by. */
static void
test_it_is_no_spine(void **state)
{
    struct spine_runtime_stats before, stats;
    struct spine_runtime_options options = {.manual = true,
                                            .memory_limit_bytes = (size_t)4 << 20};
    struct told told_of;
    struct world world;
    struct rng rng;
    size_t bytes = 0;

    (void)state;
    rng_init(&rng, 27);
    world_init(&world, &rng, 1);
    spine_close(world.spines[0]);
    spine_runtime_close(world.runtime);
    options.store = world.store;
    assert_int_equal(spine_runtime_open(&options, &world.runtime, NULL), SPINE_OK);
    assert_int_equal(
        spine_open(world.runtime, &world.models[0].schema, NULL, &world.spines[0], NULL),
        SPINE_OK);
    assert_int_equal(start(&world, &told_of), SPINE_OK);
    assert_int_equal(spine_metrics_json(world.runtime, ignore_text, &bytes, NULL),
                     SPINE_OK);
    assert_true(bytes > 0);
    spine_runtime_get_stats(world.runtime, &before);
    do {
        struct model added;
        struct spine_batch *batch;

        model_init(&added, spine_get_schema(world.spines[0]));
        generate_rows(&world.generators[0], 20000, &added);
        batch = batch_of_rows(&added);
        assert_int_equal(spine_try_insert(world.spines[0], batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
        model_release(&added);
        spine_runtime_get_stats(world.runtime, &stats);
    } while (stats.pressure == before.pressure);
    assert_int_equal(told_of.times, 0);
    while (told_of.times == 0)
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(told_of.status, SPINE_OK);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_nulls(void **state)
{
    struct spine_checkpoint_item item = {.name = "it"};
    struct spine_checkpoint_options options = {0};
    struct told told_of = {0};
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 24);
    world_init(&world, &rng, 1);
    item.spine = world.spines[0];
    options.on_done = on_done;
    options.context = &told_of;
    REFUSES(spine_checkpoint_start, store,
            (NULL, world.runtime, &item, 1, &options, error));
    REFUSES(spine_checkpoint_start, runtime,
            (world.store, NULL, &item, 1, &options, error));
    REFUSES(spine_checkpoint_start, items,
            (world.store, world.runtime, NULL, 1, &options, error));
    REFUSES(spine_checkpoint_start, options,
            (world.store, world.runtime, &item, 1, NULL, error));
    assert_int_equal(
        spine_checkpoint_start(world.store, world.runtime, &item, 1, &options, NULL),
        SPINE_OK);
    options.on_done = NULL;
    assert_int_equal(
        spine_checkpoint_start(world.store, world.runtime, &item, 1, &options, &told),
        SPINE_INVALID);
    assert_non_null(strstr(told.message, "options->on_done is NULL"));
    world_release(&world);
    assert_int_equal(told_of.times, 1);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_of_the_moment_when_it_was_asked_for),
        cmocka_unit_test(test_a_runtime_that_closes_cancels_it),
        cmocka_unit_test(test_a_closed_runtime_makes_none),
        cmocka_unit_test(test_it_waits_for_its_turn),
        cmocka_unit_test(test_a_runtime_that_closes_cancels_one_that_waits),
        cmocka_unit_test(test_it_is_told_when_the_runtime_closes_meanwhile),
        cmocka_unit_test(test_it_is_no_spine),
        cmocka_unit_test(test_nulls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
