/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_MERGE_TREE_H
#define KERNEL_MERGE_TREE_H

/*
 * kernel/merge_tree -- in which order a few sorted runs are merged two by two.
 *
 * The two smallest are always merged next, so that a run with most of the rows is read
 * once, whatever the others are. The root is merged to the output. All others have a
 * range of the scratch rows, in the one half of it on odd levels, in the other on even
 * ones.
 *
 *     level 0, output          |         50 20         |
 *     level 1, scratch, left   |  leaf 50  |   9 11    |
 *     level 2, scratch, right  |           |leaf 9| 8 3|
 */

#include "base/assert.h"
#include "kernel/kernel.h"

enum {
    /* Two runs are merged row by row while the shorter one has a fourth of their rows;
     * then PIECE_ROWS rows of the longer one may be copied at once. */
    PIECES_FACTOR = 4,
    PIECE_ROWS = 8,
    /* When a run is this many times smaller, all rows of the other one between two of its
     * rows are copied at once. */
    SPARSE_FACTOR = 48,
    /* Rows looked through for equal ones at once. */
    EQUAL_PIECE = 512
};

/* Rows whose columns are equally far from one another, in this order: hi, weight, lo; as
 * rows_reserve() makes them. */
struct run {
    const uint64_t *hi;
    /* From column to column, in words. */
    size_t stride;
    size_t count;
};

struct merge_node {
    /* Of a leaf the rows; otherwise where they are when its children were merged. */
    struct run run;
    /* Where in the scratch that is. */
    size_t begin;
    bool is_right;
    /* Earlier nodes; leaves have none. */
    uint32_t left;
    uint32_t right;
};

struct merge_tree {
    /* Leaves come first, the root last, children before their parents. */
    struct merge_node *nodes;
    size_t node_capacity;
    size_t leaf_count;
};

void merge_tree_release(struct merge_tree *tree);

/* Room for a tree of `leaf_count` leaves, which the caller sets. */
bool merge_tree_begin(struct merge_tree *tree, size_t leaf_count);

/* Is merging the leaves two by two likely to be quicker than a bucket sort of their
 * `total` rows? */
bool merge_tree_suits(const struct merge_tree *tree, size_t total);

/* Grows the tree of two leaves at least. */
void merge_tree_grow(struct merge_tree *tree);

static inline struct run
run_of(const struct lent_rows *rows, size_t begin, size_t count)
{
    return (struct run){
        .hi = rows->hi + begin,
        .stride = (size_t)((const uint64_t *)rows->weight - rows->hi),
        .count = count,
    };
}

/* All bits set if `condition`, else none. Compilers do not see that it is one of the two,
 * and make no branch of what it selects. */
static inline uint64_t
mask_of(bool condition)
{
    uint64_t mask = -(uint64_t)condition;

    __asm__("" : "+r"(mask));
    return mask;
}

/* `yes` where the mask is set, `no` where it is not. */
static inline uint64_t
select_word(uint64_t mask, uint64_t yes, uint64_t no)
{
    return no ^ ((no ^ yes) & mask);
}

static inline const uint64_t *
select_row(uint64_t mask, const uint64_t *yes, const uint64_t *no)
{
    return (const uint64_t *)select_word(mask, (uintptr_t)yes, (uintptr_t)no);
}

#endif
