/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CURSOR_FIXTURE_H
#define TESTS_UNIT_CURSOR_FIXTURE_H

/*
 * A cursor over a few rows that are written down in the test.
 */

#include "harness/fault_alloc.h"
#include "spine/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The keys and values of a row; weight 1. */
struct pair {
    uint64_t key;
    uint64_t value;
};

static const struct spine_schema pairs_schema = {.key = {SPINE_U64, 0},
                                                 .value = {SPINE_U64, 0}};

/* A cursor over a batch of sorted `pairs`, which nobody else has. */
static inline struct spine_cursor *
cursor_of_pairs(const struct pair *pairs, size_t count)
{
    struct spine_builder *builder;
    struct spine_batch *batch;
    struct spine_cursor *cursor;

    assert_int_equal(spine_builder_new(&pairs_schema, &builder, NULL), SPINE_OK);
    for (size_t i = 0; i < count; i++) {
        struct spine_row row = {.weight = 1};

        row.key = spine_u64(pairs[i].key);
        row.value = spine_u64(pairs[i].value);
        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_builder_free(builder);
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    spine_batch_unref(batch);
    return cursor;
}

static inline void
expect_on(struct spine_cursor *cursor, uint64_t key, uint64_t value)
{
    assert_true(spine_cursor_val_valid(cursor));
    assert_int_equal(spine_cursor_key(cursor).u64, key);
    assert_int_equal(spine_cursor_val(cursor).u64, value);
}

/* Closes the cursor, which has not failed. */
static inline void
close_sound(struct spine_cursor *cursor)
{
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

#endif
