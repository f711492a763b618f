/* SPDX-License-Identifier: MIT */
#ifndef UNIT_CORE_COMPANY_WORLD_H
#define UNIT_CORE_COMPANY_WORLD_H

/*
 * A spine whose batches are made a row at a time, on a runtime that only merges when it
 * is told to; and what its merges wrote and its readers skip.
 */

#include "base/random.h"
#include "unit/core/manual_fixture.h"

#include <stdlib.h>

#define ROWS_MAX 1000000u

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
static const struct spine_schema timed_pairs = {
    .key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    /* The next batch. */
    uint64_t *keys;
    int64_t *weights;
    /* Of every row of the next batch, in timed spines. */
    uint64_t time;
    size_t count;
    /* Keys [begin, end) are live in queues and windows. */
    uint64_t begin;
    uint64_t end;
    struct random random;
};

static inline void
world_open_with(struct world *world, const struct spine_schema *schema, bool only_due)
{
    const struct spine_options options = {.only_due_merges = only_due};

    *world = (struct world){.random = {1}};
    world->keys = malloc(ROWS_MAX * sizeof *world->keys);
    world->weights = malloc(ROWS_MAX * sizeof *world->weights);
    manual_open(schema, &options, &world->runtime, &world->spine);
}

static inline void
world_open(struct world *world, bool only_due)
{
    world_open_with(world, &pairs, only_due);
}

static inline struct spine_stats
stats_of(const struct world *world)
{
    return spine_stats_of(world->spine);
}

static inline void
world_close(struct world *world)
{
    manual_close(world->runtime, world->spine);
    free(world->keys);
    free(world->weights);
}

static inline void
add(struct world *world, uint64_t key, int64_t weight)
{
    world->keys[world->count] = key;
    world->weights[world->count++] = weight;
}

static inline void
push(struct world *world, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        add(world, world->end++, 1);
}

static inline void
pop(struct world *world, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        add(world, world->begin++, -1);
}

/* Inserts the batch. */
static inline void
insert_only(struct world *world)
{
    const struct spine_schema *schema = spine_get_schema(world->spine);
    uint64_t *times = malloc(ROWS_MAX * sizeof *times);
    const struct spine_columns columns = {.rows = world->count,
                                          .keys = world->keys,
                                          .values = world->keys,
                                          .times = schema->time != SPINE_UNTIMED ? times
                                                                                 : NULL,
                                          .weights = world->weights};
    struct spine_batch *batch;

    for (size_t i = 0; i < world->count; i++)
        times[i] = world->time;
    assert_int_equal(spine_batch_from_columns(schema, &columns, &batch, NULL), SPINE_OK);
    free(times);
    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    world->count = 0;
}

/* Inserts the batch, and merges what there is to merge. */
static inline void
insert(struct world *world)
{
    insert_only(world);
    while (spine_runtime_run(world->runtime, UINT64_MAX) > 0)
        continue;
}

/* How often a row was written. */
static inline double
written(const struct world *world)
{
    const struct spine_stats stats = stats_of(world);

    return (double)(stats.inserted_rows + stats.merge_rows_out -
                    stats.merge_rows_shared) /
           (double)stats.inserted_rows;
}

/* The least live key, and how many rows a new cursor skips to reach it. */
static inline uint64_t
skipped_to_first(const struct world *world)
{
    struct spine_cursor *cursor;
    uint64_t skipped;

    assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
    assert_true(spine_cursor_key_valid(cursor));
    assert_int_equal(spine_cursor_key(cursor).u64, world->begin);
    skipped = spine_cursor_rows_skipped(cursor);
    spine_cursor_close(cursor);
    return skipped;
}

/* 1,000 are popped and 1,000 pushed per round; the most rows that are skipped. */
static inline uint64_t
skipped_in_rounds(struct world *world, size_t rounds)
{
    uint64_t most = 0;

    for (size_t round = 0; round < rounds; round++) {
        uint64_t skipped;

        pop(world, 1000);
        push(world, 1000);
        insert(world);
        skipped = skipped_to_first(world);
        most = skipped > most ? skipped : most;
    }
    return most;
}

static inline uint64_t
skipped_in_queue(struct world *world, size_t rounds)
{
    push(world, ROWS_MAX);
    insert(world);
    return skipped_in_rounds(world, rounds);
}

#endif
