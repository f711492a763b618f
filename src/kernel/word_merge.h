/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_WORD_MERGE_H
#define KERNEL_WORD_MERGE_H

/*
 * kernel/word_merge -- merges sorted runs of words that are all different, two by two, in
 * the order of a merge_tree.
 *
 *     tree, leaves set by the caller     3 9 | 1 4 8 | 2
 *     out                                1 2 3 4 8 9
 */

#include "kernel/merge_tree.h"

/* Merges the leaves of `tree`, of which there are two at least, to `out`, which has room
 * for all their words; `scratch` has room for twice as many. */
void word_merge(struct merge_tree *tree, uint64_t *out, uint64_t *scratch);

#endif
