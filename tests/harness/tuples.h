/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_TUPLES_H
#define HARNESS_TUPLES_H

/*
 * harness/tuples -- random tuple types and columns of them, and the order that tuples
 * have, said in the simplest way.
 */

#include "harness/rng.h"
#include "spine/tuple_columns.h"

/* Memory that goes as a whole. Zero at first. */
struct heap {
    struct heap_piece *pieces;
};

void *heap_take(struct heap *heap, size_t bytes);
void heap_release(struct heap *heap);

/* A type of up to six columns of all kinds, nested ones no deeper than `depth`; of fixed
 * columns only when `fixed`. The caller has the reference. */
struct spine_tuple_type *tuple_type_draw(struct rng *rng, unsigned depth, bool fixed);

/* Columns of `rows` random tuples, in which few different values of each column meet.
 * They live in `heap`. */
const struct spine_column_data *tuples_draw(struct rng *rng, struct heap *heap,
                                            const struct spine_tuple_type *type,
                                            size_t rows);

/* <0, 0, >0: row `at_a` of `a` by row `at_b` of `b`, by their first `count` columns. */
int tuples_compare(const struct spine_tuple_type *type, size_t count,
                   const struct spine_column_data *a, size_t at_a,
                   const struct spine_column_data *b, size_t at_b);

#endif
