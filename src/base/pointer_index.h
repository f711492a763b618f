/* SPDX-License-Identifier: MIT */
#ifndef BASE_POINTER_INDEX_H
#define BASE_POINTER_INDEX_H

/*
 * base/pointer_index -- the numbers of things by their addresses: a hash table with open
 * addressing, at most half full, to which things are only added. One thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>

/* Zero at first; ended by pointer_index_release(). */
struct pointer_index {
    struct pointer_entry *entries;
    size_t room; /* a power of two, or 0 */
    size_t count;
};

/* The number that was added with the thing; false: it was not. */
bool
pointer_index_find(const struct pointer_index *index, const void *thing, size_t *number);
/* Adds a thing that is not there, and not NULL. False, and nothing changes, without
 * memory. */
bool pointer_index_add(struct pointer_index *index, const void *thing, size_t number);
/* Twice is harmless. */
void pointer_index_release(struct pointer_index *index);

#endif
