/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_BATCH_STORED_FIXTURE_H
#define TESTS_UNIT_BATCH_STORED_FIXTURE_H

/*
 * A store in memory, and a batch of random rows beside their model.
 */

#include "batch/batch.h"
#include "harness/check.h"
#include "spine/fault.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct stored {
    struct spine_backend backend;
    struct spine_store *store;
    struct generator generator;
    /* Consolidated, as those of the batch. */
    struct model rows;
    struct spine_batch *batch;
};

/* `row_count` rows of some schema; `on_operation(argument)` has faults for the store. */
static inline void
stored_init(struct stored *stored, struct rng *rng, size_t row_count, size_t cache_bytes,
            spine_fault_fn *on_operation, void *argument)
{
    const struct spine_store_options options = {.cache_bytes = cache_bytes};
    struct spine_backend memory;
    struct spine_schema schema;

    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(
        spine_fault_backend(&memory, on_operation, argument, &stored->backend, NULL),
        SPINE_OK);
    assert_int_equal(spine_store_open(&stored->backend, &options, &stored->store, NULL),
                     SPINE_OK);
    generate_schema(rng, &schema);
    generator_init(&stored->generator, rng, &schema, NULL);
    model_init(&stored->rows, &schema);
    generate_rows(&stored->generator, row_count, &stored->rows);
    stored->batch = batch_of_rows(&stored->rows);
    model_consolidate(&stored->rows);
}

static inline void
stored_release(struct stored *stored)
{
    spine_batch_unref(stored->batch);
    spine_store_close(stored->store);
    model_release(&stored->rows);
    generator_release(&stored->generator);
}

static inline uint64_t
stored_files(const struct stored *stored)
{
    struct store_counts counts;

    store_counts(stored->store, &counts);
    return counts.files;
}

/* A batch_moves_fn: about every second block; `context` is a seed. */
static inline bool
is_chosen(const void *context, size_t index)
{
    const uint64_t *seed = context;

    return (*seed >> (index % 64) & 1) != 0;
}

static inline enum spine_status
note_name(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    (void)bytes;
    (void)error;
    (void)strcpy(argument, name);
    return SPINE_OK;
}

/* A second look at the only file of the backend, which goes with the first. */
static inline struct store_file *
open_only_file(struct spine_store *store, const struct spine_backend *backend)
{
    char name[SPINE_NAME_MAX + 1];
    struct store_file *file;

    assert_int_equal(backend->list(backend->context, note_name, name, NULL), SPINE_OK);
    assert_int_equal(store_file_open(store, name, &file, NULL), SPINE_OK);
    store_object_keep(file->object, false);
    return file;
}

#endif
