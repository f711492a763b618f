/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_PROBE_FIXTURE_H
#define TESTS_UNIT_PROBE_FIXTURE_H

/*
 * Snapshots of random batches with the rows that are in them, and keys to look up.
 */

#include "../batch/batch_fixture.h"
#include "spine/spine.h"

static struct random source = {UINT64_C(0x5eed940be)};

#define BATCHES_MAX 12

/* Batches of one schema, and all their rows. */
struct world {
    struct layout layout;
    struct spine_batch *batches[BATCHES_MAX];
    size_t batch_count;
    struct spine_snapshot *snapshot;
    struct rows rows;
    /* What rows borrow from. */
    struct owned_columns all;
};

/* Ascending keys, as the caller has them and as rows. */
struct key_set {
    struct layout layout;
    struct rows rows;
    struct owned_columns drawn;
    struct spine_columns columns;
    uint8_t *cells;
    uint64_t *offsets;
};

static inline void
build_filter(struct spine_batch *batch)
{
    const struct lookup_options options = {0.01, 1};

    batch_search_failed(batch, &options, UINT32_MAX);
    assert_true(batch->info.rows == 0 || batch_lookup(batch) != NULL);
}

/* Rows [begin, end) of columns. */
static inline struct spine_columns
piece_of(const struct layout *layout, const struct spine_columns *columns, size_t begin,
         size_t end)
{
    struct spine_columns piece = *columns;

    piece.rows = end - begin;
    if (columns->key_offsets != NULL)
        piece.key_offsets += begin;
    else if (columns->keys != NULL)
        piece.keys = (const uint8_t *)columns->keys + begin * layout->key.native_bytes;
    if (columns->value_offsets != NULL)
        piece.value_offsets += begin;
    else if (columns->values != NULL)
        piece.values =
            (const uint8_t *)columns->values + begin * layout->value.native_bytes;
    if (columns->times != NULL)
        piece.times += begin;
    piece.weights += begin * layout->weight_count;
    return piece;
}

static inline void
world_init(struct world *world, const struct spine_schema *schema,
           const struct draw *draw, size_t batch_count, bool filters)
{
    *world = (struct world){.batch_count = batch_count};
    assert_int_equal(layout_init(&world->layout, schema, NULL), SPINE_OK);
    world->all = columns_draw(schema, draw, &source);
    world->rows = rows_of_columns(&world->layout, &world->all.columns);
    for (size_t i = 0; i < batch_count; i++) {
        const size_t begin = draw->rows * i / batch_count;
        const size_t end = draw->rows * (i + 1) / batch_count;
        const struct spine_columns piece =
            piece_of(&world->layout, &world->all.columns, begin, end);

        assert_int_equal(
            spine_batch_from_columns(schema, &piece, &world->batches[i], NULL), SPINE_OK);
        rebuild_batch(&world->batches[i]);
        if (filters && random_below(&source, 4) > 0)
            build_filter(world->batches[i]);
    }
    assert_int_equal(spine_snapshot_of_batches(schema, world->batches, batch_count,
                                               &world->snapshot, NULL),
                     SPINE_OK);
}

static inline void
world_release(struct world *world)
{
    spine_snapshot_unref(world->snapshot);
    for (size_t i = 0; i < world->batch_count; i++)
        spine_batch_unref(world->batches[i]);
    rows_release(&world->layout, &world->rows);
    columns_free(&world->all);
}

/* Up to `count` keys, drawn from ids below `ids`. */
static inline void
key_set_init(struct key_set *keys, const struct spine_schema *schema, size_t count,
             uint64_t ids, size_t cell_bytes)
{
    const struct spine_schema key_schema = {.key = schema->key};
    const struct draw draw = {
        .rows = count, .keys = ids, .values = 1, .cell_bytes = cell_bytes};
    struct spine_column_buffers buffers = {0};
    size_t bytes = 0;

    *keys = (struct key_set){0};
    assert_int_equal(layout_init(&keys->layout, &key_schema, NULL), SPINE_OK);
    keys->drawn = columns_draw(&key_schema, &draw, &source);
    keys->rows = rows_of_columns(&keys->layout, &keys->drawn.columns);
    for (size_t i = 0; i < keys->rows.count; i++)
        bytes += keys->layout.key.shape == SHAPE_BYTES ? keys->rows.key[i].size
                                                       : keys->layout.key.native_bytes;
    keys->cells = malloc(bytes + 1);
    keys->offsets = calloc(keys->rows.count + 1, sizeof *keys->offsets);
    buffers.rows = keys->rows.count;
    buffers.keys = keys->cells;
    buffers.key_offsets = keys->offsets;
    buffers.key_bytes = bytes;
    rows_read(&keys->layout, &keys->rows, 0, keys->rows.count, &buffers, 0);
    keys->columns = (struct spine_columns){
        .rows = keys->rows.count, .keys = keys->cells, .key_offsets = keys->offsets};
}

static inline void
key_set_release(struct key_set *keys)
{
    rows_release(&keys->layout, &keys->rows);
    columns_free(&keys->drawn);
    free(keys->cells);
    free(keys->offsets);
}

static inline union spine_datum
key_datum(const struct key_set *keys, size_t at, uint8_t *scratch)
{
    return rows_key_datum(&keys->layout, &keys->rows, at, scratch);
}

/* The rows of key `at` in the world. */
static inline void
expected_rows(const struct world *world, const struct key_set *keys, size_t at,
              size_t *begin, size_t *end)
{
    uint8_t scratch[16];
    struct cell cell;

    assert_int_equal(
        cell_of_datum(&world->layout.key, key_datum(keys, at, scratch), &cell, NULL),
        SPINE_OK);
    *begin =
        rows_lower_bound(&world->layout, &world->rows, 0, world->rows.count, &cell, NULL);
    *end = rows_upper_bound(&world->layout, &world->rows, *begin, world->rows.count,
                            &cell, NULL);
}

#endif
