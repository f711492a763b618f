/* SPDX-License-Identifier: MIT */

/*
 * A batch whose blocks lie in many files: a merge that takes them over leaves those that
 * are worth a file where they are, and writes the others to its own.
 */

#include "batch/batch_file.h"
#include "batch/fence.h"
#include "harness/check.h"
#include "merge/merge.h"
#include "merge/merge_state.h"
#include "runtime/runtime.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILES_MAX 300u

static const struct spine_schema schema = {.key = {SPINE_U64, 0}};

struct world {
    struct layout layout;
    struct spine_store *store;
    struct placement placement;
    uint64_t keys; /* the next one */
};

static void
world_init(struct world *world)
{
    struct spine_backend backend;

    *world = (struct world){0};
    assert_int_equal(layout_init(&world->layout, &schema, NULL), SPINE_OK);
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &world->store, NULL), SPINE_OK);
    world->placement.store = world->store;
    atomic_init(&world->placement.output_bytes_min, 1);
}

static void
world_release(struct world *world)
{
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* The next `rows` keys. */
static struct spine_batch *
next_batch(struct world *world, size_t rows)
{
    uint64_t *const keys = malloc(rows * sizeof *keys);
    const struct spine_columns columns = {.rows = rows, .keys = keys};
    struct spine_batch *batch;

    for (size_t i = 0; i < rows; i++)
        keys[i] = world->keys++;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    free(keys);
    return batch;
}

/* One batch of `count` parts, each in a file of its own: of `blocks` blocks, but every
 * `large_each`-th has ten times as many. */
static struct spine_batch *
batch_in_files(struct world *world, size_t count, size_t blocks, size_t large_each)
{
    struct batch_range ranges[FILES_MAX];
    struct spine_error error = {0};
    struct spine_batch *batch;

    assert_true(count <= FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        const size_t part = i % large_each == 0 ? 10 * blocks : blocks;

        ranges[i].batch = next_batch(world, part * BLOCK_ROWS);
        ranges[i].first = 0;
        ranges[i].count = ranges[i].batch->block_count;
        if (batch_move_to_file(ranges[i].batch, world->store, (struct batch_moves){0},
                               NULL, &error) != SPINE_OK)
            fail_msg("%s", error.message);
        assert_int_equal(ranges[i].batch->file_count, 1);
    }
    assert_int_equal(batch_of_ranges(&world->layout, ranges, count, &batch, &error),
                     SPINE_OK);
    for (size_t i = 0; i < count; i++)
        spine_batch_unref(ranges[i].batch);
    assert_int_equal(batch->file_count, count);
    return batch;
}

/* Merges the batch with some rows behind it; takes it. */
static struct spine_batch *
merge_with_more(struct world *world, struct spine_batch *batch,
                struct merge_counts *counts)
{
    struct spine_batch *const inputs[] = {batch, next_batch(world, 3 * BLOCK_ROWS)};
    const struct merge_options options = {.placement = &world->placement,
                                          .encode_rows = UINT64_MAX};
    const uint64_t rows = inputs[0]->info.rows + inputs[1]->info.rows;
    struct spine_error error = {0};
    struct spine_batch *out = NULL;
    struct merge *merge;

    assert_int_equal(merge_new(&merge, inputs, 2, &options, &error), SPINE_OK);
    spine_batch_unref(inputs[0]);
    spine_batch_unref(inputs[1]);
    while (!merge_done(merge)) {
        uint64_t fuel_rows = 10000;

        if (merge_step(merge, &fuel_rows, &error) != SPINE_OK)
            fail_msg("%s", error.message);
    }
    while (out == NULL) {
        uint64_t fuel_rows = 10000;

        assert_int_equal(merge_seal(merge, &fuel_rows, &out, &error), SPINE_OK);
    }
    merge_counts(merge, counts);
    merge_free(merge);
    assert_int_equal(out->info.rows, rows);
    assert_int_equal(out->info.key_min.u64, 0);
    assert_int_equal(out->info.key_max.u64, rows - 1);
    return out;
}

static void
few_files_are_left_alone(void **state)
{
    struct world world;
    struct merge_counts counts;
    struct spine_batch *batch;
    size_t blocks;

    (void)state;
    world_init(&world);
    batch = batch_in_files(&world, MERGE_FILES_MAX, 1, 4);
    blocks = batch->block_count;
    batch = merge_with_more(&world, batch, &counts);
    assert_int_equal(counts.blocks_shared, blocks + 3);
    assert_int_equal(batch->file_count, MERGE_FILES_MAX + 1);
    spine_batch_unref(batch);
    world_release(&world);
}

static void
of_many_files_the_small_ones_become_one(void **state)
{
    struct world world;
    struct merge_counts counts;
    struct spine_batch *batch;
    struct store_counts store;

    (void)state;
    world_init(&world);
    /* 20 files of 20 blocks, and 180 of 2, which are less than a 64th of 760. */
    batch = batch_in_files(&world, 200, 2, 10);
    batch = merge_with_more(&world, batch, &counts);
    assert_int_equal(counts.blocks_shared, 20 * 20 + 3);
    assert_int_equal(batch->file_count, 20 + 1);
    assert_int_equal(spine_batch_check(batch, NULL), SPINE_OK);
    store_counts(world.store, &store);
    assert_int_equal(store.files, 20 + 1);

    /* The next merge has nothing to do but its own. */
    batch = merge_with_more(&world, batch, &counts);
    assert_int_equal(counts.rows_shared, counts.rows_in);
    assert_int_equal(batch->file_count, 20 + 2);
    spine_batch_unref(batch);
    world_release(&world);
}

/* However a batch grows, by merges that take over all they can. */
static void
a_batch_that_grows_stays_in_few_files(void **state)
{
    struct world world;
    struct merge_counts counts;
    struct spine_batch *batch;
    uint64_t copied = 0;
    size_t most = 0;

    (void)state;
    world_init(&world);
    batch = next_batch(&world, BLOCK_ROWS);
    for (unsigned i = 0; i < 1000; i++) {
        batch = merge_with_more(&world, batch, &counts);
        copied += counts.rows_in - counts.rows_shared;
        if (batch->file_count > most)
            most = batch->file_count;
    }
    assert_true(most <= MERGE_FILES_MAX + 1);
    assert_true(copied < 3 * batch->info.rows);
    spine_batch_unref(batch);
    world_release(&world);
}

static void
told_nothing(void *context)
{
    (void)context;
}

/* The merge comes to the end of all inputs at once: what it may read ahead goes to them
 * by what they have in files. */
static void
inputs_share_what_is_read_ahead(void **state)
{
    static const size_t blocks[] = {1, 2, 16};
    enum { INPUTS = sizeof blocks / sizeof blocks[0] };
    const struct read_waiter waiter = {.on_end = told_nothing};
    const uint64_t ahead_bytes = 600000;
    const struct merge_options options = {.waiter = &waiter, .ahead_bytes = ahead_bytes};
    struct spine_batch *inputs[INPUTS + 1];
    struct world world;
    struct merge *merge;
    uint64_t sum = 0;

    (void)state;
    world_init(&world);
    for (size_t i = 0; i < INPUTS; i++) {
        inputs[i] = next_batch(&world, blocks[i] * BLOCK_ROWS);
        assert_int_equal(batch_move_to_file(inputs[i], world.store,
                                            (struct batch_moves){0}, NULL, NULL),
                         SPINE_OK);
    }
    inputs[INPUTS] = next_batch(&world, 40 * BLOCK_ROWS);
    assert_int_equal(merge_new(&merge, inputs, INPUTS + 1, &options, NULL), SPINE_OK);
    for (size_t i = 0; i < INPUTS; i++) {
        const uint64_t most = merge->inputs[i].ahead.bytes_max;

        assert_true(merge->inputs[i].ahead.transient);
        assert_true(most >= ahead_bytes / 4 / INPUTS);
        sum += most;
    }
    assert_true(sum <= ahead_bytes && sum > ahead_bytes - INPUTS - 1);
    for (size_t i = 1; i < INPUTS; i++) {
        assert_true(inputs[i]->bytes_elsewhere > inputs[i - 1]->bytes_elsewhere);
        assert_true(merge->inputs[i].ahead.bytes_max >
                    merge->inputs[i - 1].ahead.bytes_max);
    }
    assert_true(merge->inputs[INPUTS - 1].ahead.bytes_max > ahead_bytes / 2);
    assert_int_equal(merge->inputs[INPUTS].ahead.bytes_max, 0);
    merge_free(merge);
    for (size_t i = 0; i <= INPUTS; i++)
        spine_batch_unref(inputs[i]);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_share_what_is_read_ahead),
        cmocka_unit_test(few_files_are_left_alone),
        cmocka_unit_test(of_many_files_the_small_ones_become_one),
        cmocka_unit_test(a_batch_that_grows_stays_in_few_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
