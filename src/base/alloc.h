/* SPDX-License-Identifier: MIT */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

/*
 * base/alloc -- the only door to the allocator (spine_set_allocator). Counts the
 * bytes that are out. Memory is aligned for any type. Any thread.
 *
 * malloc, calloc, realloc and free are poisoned in every file that includes this one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* `bytes` > 0 bytes, or NULL. */
void *mem_alloc(size_t bytes);

/* The same of memory that is written at once, all of it: pages that the system has yet to
 * give come together, in two thirds of the time that they take one by one. */
void *mem_alloc_whole(size_t bytes);

/* The same as mem_alloc(), zeroed. */
void *mem_zalloc(size_t bytes);

/* Room for `count` items of `item_bytes`; NULL also when the product overflows. */
void *mem_alloc_array(size_t count, size_t item_bytes);

/*
 * `memory` of `old_bytes` (NULL, 0 for none) becomes `new_bytes` > 0 bytes, contents kept
 * as far as they fit. NULL on failure, with `memory` as it was.
 */
void *mem_resize(void *memory, size_t old_bytes, size_t new_bytes);

/* Takes back what the calls above gave, with its size. NULL is allowed. */
void mem_free(void *memory, size_t bytes);

/*
 * The same of large pieces that come and go: whole pages of the system's, where the
 * allocator is malloc, which would keep holes of their size.
 */
void *mem_alloc_pages(size_t bytes);
void mem_free_pages(void *memory, size_t bytes);

/* Gives memory that is not in use back to the system, if the allocator is malloc and can
 * do that. Takes some milliseconds. */
void mem_trim(void);

/* Memory of the process that is no file's, as the system counts it, without what
 * mem_alloc() has given out: what the host has, and what malloc keeps. 0 where the system
 * does not say. Takes some microseconds. */
size_t mem_resident_beyond(void);

/*
 * Makes room for `needed` items in the array at `*items` (a T **), growing by half;
 * `*capacity` counts items. False without memory, with nothing changed.
 */
bool array_reserve(void *items, size_t *capacity, size_t item_bytes, size_t needed);

/*
 * Bytes that the calling thread has taken and not given back, less those that others took
 * for it: a number to be compared with itself later (base/account.h). mem_thread_add()
 * corrects it by memory that is somebody else's.
 */
int64_t mem_thread_bytes(void);
void mem_thread_add(int64_t bytes);
/* What the thread takes and gives back between these two is somebody else's. */
static inline int64_t
mem_apart_begin(void)
{
    return mem_thread_bytes();
}
static inline void
mem_apart_end(int64_t begun)
{
    mem_thread_add(begun - mem_thread_bytes());
}

#ifndef BASE_ALLOC_C
#pragma GCC poison malloc calloc realloc free
#endif

#endif
