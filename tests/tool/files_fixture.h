/* SPDX-License-Identifier: MIT */
#ifndef FILES_FIXTURE_H
#define FILES_FIXTURE_H

/*
 * Files of batches that the program `spine` is run on.
 */

#include "tool/tool_fixture.h"

#include "batch/batch.h"
#include "store/store.h"

/* A directory with a store, and the files of some batches. */
struct world {
    char directory[DIRECTORY_BYTES];
    struct spine_store *store;
    struct spine_batch *files[4];
    size_t count;
};

static inline void
world_init(struct world *world)
{
    struct spine_backend backend;

    *world = (struct world){0};
    directory_make(world->directory, "/tmp/spine_tool");
    assert_int_equal(spine_directory_backend(world->directory, NULL, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &world->store, NULL), SPINE_OK);
}

static inline void
world_release(struct world *world)
{
    for (size_t i = 0; i < world->count; i++)
        spine_batch_unref(world->files[i]);
    spine_store_close(world->store);
    directory_remove(world->directory);
}

/* The batch is in a file of the world as long as that lasts. Takes the reference. */
static inline void
add_file(struct world *world, struct spine_batch *batch)
{
    assert_int_equal(
        batch_to_file(batch, world->store, &world->files[world->count++], NULL),
        SPINE_OK);
    spine_batch_unref(batch);
}

/* A batch whose keys have these columns. */
static inline struct spine_batch *
batch_of_keys(const struct spine_column *columns, const struct spine_column_data *data,
              size_t count, size_t rows)
{
    const struct spine_tuple_rows all = {.rows = rows, .keys = data};
    struct spine_tuple_type *type;
    struct spine_batch *batch;

    assert_int_equal(spine_tuple_type_new(columns, count, &type, NULL), SPINE_OK);
    const struct spine_schema schema = {.key = spine_tuple_type_cell(type),
                                        .key_tuple = type};
    assert_int_equal(spine_batch_from_tuples(&schema, &all, &batch, NULL), SPINE_OK);
    spine_tuple_type_unref(type);
    return batch;
}

#endif
