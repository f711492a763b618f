/* SPDX-License-Identifier: MIT */
#ifndef UNIT_CORE_MANUAL_FIXTURE_H
#define UNIT_CORE_MANUAL_FIXTURE_H

/*
 * A spine on a manual runtime, which merges only when it is told to.
 */

#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The most rows of insert_spread(). */
#define SPREAD_ROWS_MAX 1000000u

static inline void
manual_open(const struct spine_schema *schema, const struct spine_options *options,
            struct spine_runtime **runtime, struct spine **spine)
{
    const struct spine_runtime_options manual = {.manual = true};

    assert_int_equal(spine_runtime_open(&manual, runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(*runtime, schema, options, spine, NULL), SPINE_OK);
}

/* The spine is as it should be, and goes. */
static inline void
manual_close(struct spine_runtime *runtime, struct spine *spine)
{
    assert_int_equal(spine_check(spine, NULL), SPINE_OK);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static inline struct spine_stats
spine_stats_of(struct spine *spine)
{
    struct spine_stats stats;

    spine_get_stats(spine, &stats);
    return stats;
}

/* Inserts these rows as a batch. */
static inline void
insert_columns(struct spine *spine, const struct spine_columns *columns)
{
    struct spine_batch *batch;

    assert_int_equal(
        spine_batch_from_columns(spine_get_schema(spine), columns, &batch, NULL),
        SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* A batch of `rows` new keys, which are everywhere among those before; `*next` of them
 * were made. */
static inline void
insert_spread(struct spine *spine, size_t rows, uint64_t *next)
{
    static uint64_t keys[SPREAD_ROWS_MAX];
    const struct spine_columns columns = {.rows = rows, .keys = keys};

    assert_true(rows <= SPREAD_ROWS_MAX);
    for (size_t i = 0; i < rows; i++)
        keys[i] = (*next)++ * UINT64_C(0x9E3779B97F4A7C15);
    insert_columns(spine, &columns);
}

#endif
