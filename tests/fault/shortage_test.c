/* SPDX-License-Identifier: MIT */

/*
 * Memory for small merges but not for a large one: it is tried some times, not for ever,
 * and whoever uses the spine learns of it.
 */

#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Rows of batches that there is no memory to merge, and bytes of an allocation that is
 * refused then. */
#define LARGE_ROWS 20000u
#define LARGE_BYTES 16384u

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

static bool short_of_memory;

static void *
allocate(void *context, size_t bytes)
{
    (void)context;
    return short_of_memory && bytes >= LARGE_BYTES ? NULL : malloc(bytes);
}

static void
release(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

static const struct spine_allocator allocator = {NULL, allocate, release};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t rows;
};

static enum spine_status
insert(struct world *world, size_t rows)
{
    static uint64_t keys[LARGE_ROWS];
    const struct spine_columns columns = {.rows = rows, .keys = keys};
    struct spine_batch *batch;
    enum spine_status st;

    for (size_t i = 0; i < rows; i++)
        keys[i] = (world->rows + i) * UINT64_C(0x9E3779B97F4A7C15);
    assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                     SPINE_OK);
    st = spine_insert(world->spine, batch, NULL);
    spine_batch_unref(batch);
    if (st == SPINE_OK)
        world->rows += rows;
    return st;
}

/* A spine with `large` batches that there is no memory to merge. */
static void
world_open(struct world *world, bool only_due, unsigned large)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.only_due_merges = only_due};

    *world = (struct world){0};
    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    assert_int_equal(spine_runtime_open(&manual, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &numbers, &options, &world->spine, NULL),
                     SPINE_OK);
    for (unsigned i = 0; i < large; i++)
        assert_int_equal(insert(world, LARGE_ROWS), SPINE_OK);
    short_of_memory = true;
}

static struct spine_stats
stats_of(const struct world *world)
{
    struct spine_stats stats;

    spine_get_stats(world->spine, &stats);
    return stats;
}

/* With memory again, the spine merges all that is due and has every row. */
static void
world_close(struct world *world)
{
    short_of_memory = false;
    spine_retry(world->spine);
    (void)spine_runtime_run(world->runtime, UINT64_MAX);
    assert_int_equal(spine_get_status(world->spine, NULL), SPINE_OK);
    assert_int_equal(stats_of(world).rows, world->rows);
    assert_int_equal(spine_check(world->spine, NULL), SPINE_OK);
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
}

static void
merges_of_other_levels_do_not_hide_a_failing_one(void **state)
{
    struct world world;
    unsigned rounds = 0;

    (void)state;
    world_open(&world, true, 8);
    while (spine_get_status(world.spine, NULL) == SPINE_OK) {
        assert_true(rounds++ < 10);
        for (unsigned i = 0; i < 8; i++)
            (void)insert(&world, 10);
        (void)spine_runtime_run(world.runtime, LARGE_ROWS / 2);
    }
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_NOMEM);
    assert_true(stats_of(&world).levels[0].merges > 0);
    assert_int_equal(stats_of(&world).levels[1].merges, 0);
    assert_int_equal(stats_of(&world).given_up_merges, 3);
    assert_true(stats_of(&world).given_up_rows_in > 0);
    world_close(&world);
}

static void
a_merge_ahead_is_not_tried_at_every_insert(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, false, 2);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(insert(&world, 10), SPINE_OK);
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
    }
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
    assert_true(stats_of(&world).levels[0].merges > 0);
    assert_int_equal(stats_of(&world).given_up_merges, 1);
    /* As many rows come as it was to read. */
    short_of_memory = false;
    assert_int_equal(insert(&world, LARGE_ROWS), SPINE_OK);
    assert_int_equal(insert(&world, LARGE_ROWS), SPINE_OK);
    short_of_memory = true;
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).given_up_merges, 2);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_of_other_levels_do_not_hide_a_failing_one),
        cmocka_unit_test(a_merge_ahead_is_not_tried_at_every_insert),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
