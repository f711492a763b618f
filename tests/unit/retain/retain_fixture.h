/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_RETAIN_FIXTURE_H
#define TESTS_UNIT_RETAIN_FIXTURE_H

/*
 * Batches of a few rows u64 -> u64, and filters of their values.
 */

#include "harness/fault_alloc.h"
#include "retain/retain.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct spine_schema pairs_schema = {.key = {SPINE_U64, 0},
                                                 .value = {SPINE_U64, 0}};

struct pair {
    uint64_t key;
    uint64_t value;
    int64_t weight;
};

/* A batch of sorted `pairs`. */
static inline struct spine_batch *
batch_of_pairs(const struct pair *pairs, size_t count)
{
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(spine_builder_new(&pairs_schema, &builder, NULL), SPINE_OK);
    for (size_t i = 0; i < count; i++) {
        struct spine_row row = {.weight = pairs[i].weight};

        row.key = spine_u64(pairs[i].key);
        row.value = spine_u64(pairs[i].value);
        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_builder_free(builder);
    return batch;
}

/* How often callbacks were asked. */
static uint64_t asked;

/* Values from 30 on, which is monotone. */
static bool
keeps_from_30(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    asked++;
    return value.u64 >= 30;
}

static bool
keeps_30(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    asked++;
    return value.u64 == 30;
}

static inline struct value_filter *
filter_of(enum spine_retain retain, uint64_t count)
{
    const struct spine_value_filter filter = {
        .retain = retain,
        .count = count,
        .on_value = retain == SPINE_RETAIN_LAST || retain == SPINE_RETAIN_SIMPLE
                        ? keeps_from_30
                        : keeps_30};
    struct value_filter *out;

    assert_int_equal(value_filter_new(&filter, &out, NULL), SPINE_OK);
    return out;
}

#endif
