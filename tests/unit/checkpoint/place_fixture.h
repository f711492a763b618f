/* SPDX-License-Identifier: MIT */
#ifndef PLACE_FIXTURE_H
#define PLACE_FIXTURE_H

/*
 * A store on a disk in memory of which one operation may fail, and spines of numbers
 * that are not small.
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include "store/store.h"

#include <stdlib.h>

/* Rows of eight bytes that no codec makes small: a thread writes them. */
#define LARGE (STORE_OWN_THREAD_BYTES / 8)

static const struct spine_schema numbers = {.key = {.kind = SPINE_U64},
                                            .value = {.kind = SPINE_U64}};

/* A store on a disk, a manual runtime, and what fails of it. */
struct place {
    struct spine_backend disk;
    struct spine_store *store;
    struct spine_runtime *runtime;
    /* Operations up to the one that fails; none does below. */
    atomic_llong fails_in;
};

static inline void
fail_one(void *argument, enum spine_operation operation, const char *name,
         uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct place *place = argument;

    (void)operation;
    (void)name;
    (void)offset;
    (void)size;
    if (atomic_fetch_sub(&place->fails_in, 1) == 1)
        fault->status = SPINE_IO;
}

static inline void
place_open_on(struct place *place, spine_fault_fn *on_operation, void *argument)
{
    const struct spine_runtime_options options = {.manual = true};
    struct spine_backend memory;

    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(
        spine_fault_backend(&memory, on_operation, argument, &place->disk, NULL),
        SPINE_OK);
    assert_int_equal(spine_store_open(&place->disk, NULL, &place->store, NULL), SPINE_OK);
    assert_int_equal(spine_runtime_open(&options, &place->runtime, NULL), SPINE_OK);
}

static inline void
place_open(struct place *place)
{
    atomic_init(&place->fails_in, 0);
    place_open_on(place, fail_one, place);
}

static inline void
place_close(struct place *place)
{
    spine_runtime_close(place->runtime);
    spine_store_close(place->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static inline struct spine *
open_spine(const struct place *place)
{
    struct spine *spine;

    assert_int_equal(spine_open(place->runtime, &numbers, NULL, &spine, NULL), SPINE_OK);
    return spine;
}

/* Keys [begin, end), each with a value that no codec makes small. */
static inline void
insert(struct spine *spine, uint64_t begin, uint64_t end, int64_t weight)
{
    const size_t count = (size_t)(end - begin);
    uint64_t *keys = malloc(count * sizeof *keys), *values = malloc(count * sizeof *keys);
    int64_t *weights = malloc(count * sizeof *weights);
    const struct spine_columns columns = {
        .rows = count, .keys = keys, .values = values, .weights = weights};
    struct spine_batch *batch;

    assert_true(keys != NULL && values != NULL && weights != NULL);
    for (size_t i = 0; i < count; i++) {
        struct rng rng;

        rng_init(&rng, begin + i);
        keys[i] = begin + i;
        values[i] = rng_next(&rng);
        weights[i] = weight;
    }
    assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                     SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    free(weights);
    free(values);
    free(keys);
}

static inline uint64_t
rows_of(struct spine *spine)
{
    struct spine_cursor *cursor;
    uint64_t rows = 0;

    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            rows++;
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    return rows;
}

static inline struct spine_restored *
restore(const struct place *place, const struct spine_restore_options *options)
{
    struct spine_restored *restored;
    struct spine_error error = {0};

    if (spine_restore(place->store, 0, place->runtime, options, &restored, &error) !=
        SPINE_OK)
        fail_msg("%s", error.message);
    return restored;
}

#endif
