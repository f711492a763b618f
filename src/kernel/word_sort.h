/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_WORD_SORT_H
#define KERNEL_WORD_SORT_H

/*
 * kernel/word_sort -- sorts words by their leading bits in two passes, and finishes by
 * insertion.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sorts `count` words, for which `scratch` has room. False when too many of them have
 * their leading bits in common and another sort is better: they are in any order then. */
bool word_sort(uint64_t *words, uint64_t *scratch, size_t count);

#endif
