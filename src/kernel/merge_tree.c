/* SPDX-License-Identifier: MIT */

/* The tree of merges of two: built by sizes, and whether it is worth while. */

#include "kernel/merge_tree.h"

#include "base/alloc.h"
#include "base/assert.h"

enum {
    /* Merging moves a row less than 3.5 times, or a bucket sort is quicker; in
     * sixteenths. */
    PASSES_MAX = 56
};

static void sort_leaves(struct merge_node *nodes, size_t count);
static uint32_t next_smallest(const struct merge_tree *tree, size_t node_count,
                              size_t *leaf, size_t *inner);
static void set_begins(struct merge_tree *tree, size_t root);

void
merge_tree_release(struct merge_tree *tree)
{
    mem_free(tree->nodes, tree->node_capacity * sizeof *tree->nodes);
    *tree = (struct merge_tree){0};
}

bool
merge_tree_begin(struct merge_tree *tree, size_t leaf_count)
{
    assert(leaf_count >= 2 && leaf_count <= UINT32_MAX / 2);
    tree->leaf_count = leaf_count;
    return array_reserve(&tree->nodes, &tree->node_capacity, sizeof *tree->nodes,
                         2 * leaf_count - 1);
}

/* The logarithm to base 2 in sixteenths, roughly. */
static uint64_t
log_of(uint64_t count)
{
    const unsigned bits = 63 - (unsigned)__builtin_clzll(count);

    return 16 * bits + ((count << 4 >> bits) & 15);
}

/* A leaf lies about as many levels below the root as it could be doubled to `total`. */
bool
merge_tree_suits(const struct merge_tree *tree, size_t total)
{
    const uint64_t total_log = log_of(total);
    uint64_t moves = 0;

    for (size_t n = 0; n < tree->leaf_count; n++) {
        const size_t count = tree->nodes[n].run.count;

        moves += count * (total_log - log_of(count));
    }
    return moves < PASSES_MAX * (uint64_t)total;
}

void
merge_tree_grow(struct merge_tree *tree)
{
    const size_t leaves = tree->leaf_count, nodes = 2 * leaves - 1;
    size_t leaf = 0, inner = leaves;

    sort_leaves(tree->nodes, leaves);
    for (size_t at = leaves; at < nodes; at++) {
        struct merge_node node = {.left = next_smallest(tree, at, &leaf, &inner)};

        node.right = next_smallest(tree, at, &leaf, &inner);
        node.run.count =
            tree->nodes[node.left].run.count + tree->nodes[node.right].run.count;
        tree->nodes[at] = node;
    }
    set_begins(tree, nodes - 1);
}

/* Ascending by rows. */
static void
sort_leaves(struct merge_node *nodes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct run run = nodes[i].run;
        size_t hole = i;

        for (; hole > 0 && nodes[hole - 1].run.count > run.count; hole--)
            nodes[hole].run = nodes[hole - 1].run;
        nodes[hole].run = run;
    }
}

/* Leaves ascend, and so do inner nodes in the order of their making: the smaller of the
 * two first ones is the smallest of all. */
static uint32_t
next_smallest(const struct merge_tree *tree, size_t node_count, size_t *leaf,
              size_t *inner)
{
    const struct merge_node *nodes = tree->nodes;

    if (*inner == node_count ||
        (*leaf < tree->leaf_count && nodes[*leaf].run.count <= nodes[*inner].run.count))
        return (uint32_t)(*leaf)++;
    return (uint32_t)(*inner)++;
}

static void
set_begins(struct merge_tree *tree, size_t root)
{
    const size_t half = tree->nodes[root].run.count;

    assert(root == 2 * tree->leaf_count - 2);
    tree->nodes[root].begin = half;
    tree->nodes[root].is_right = true;
    for (size_t at = root; at >= tree->leaf_count; at--) {
        const struct merge_node *node = &tree->nodes[at];
        struct merge_node *left = &tree->nodes[node->left];
        struct merge_node *right = &tree->nodes[node->right];

        left->begin = node->is_right ? node->begin - half : node->begin + half;
        right->begin = left->begin + left->run.count;
        left->is_right = right->is_right = !node->is_right;
    }
}
