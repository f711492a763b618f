/* SPDX-License-Identifier: MIT */
#ifndef BASE_STOCK_H
#define BASE_STOCK_H

/*
 * base/stock -- large pieces of memory that were freed, kept for those who want as much.
 *
 * malloc has heaps of their own for threads. What a merge frees was made by others, and
 * goes back to the heaps of these, while the heap of the merge grows: a process would
 * hold half as much again as its spines do, and each page of that would be faulted in. So
 * what anybody frees is here for everybody, the last piece first, which may be in a cache
 * still. base/alloc.c bounds how much that is.
 *
 * Any thread. No call waits: where many come at once, some do as if nothing were kept.
 */

#include <stdbool.h>
#include <stddef.h>

/* Other pieces are not kept: smaller ones cost malloc little, and larger ones are few. */
#define STOCK_PIECE_MIN ((size_t)16 << 10)
#define STOCK_PIECE_MAX ((size_t)2 << 20)

/* A piece of `bytes` or at most a sixteenth more; NULL: none is kept. The caller owns it,
 * as memory of malloc's. */
void *stock_take(size_t bytes);
/* Keeps `memory` of `bytes`, which is malloc's. When more than `bytes_most` are kept then,
 * the oldest pieces are freed, some at a time. False: nothing was taken. */
bool stock_put(void *memory, size_t bytes, size_t bytes_most);
/* Frees everything that is kept. */
void stock_empty(void);
/* Until stock_unlimit() is called with the same number no more is kept than this, and what
 * others allow who have limited it. */
void stock_limit(size_t bytes);
void stock_unlimit(size_t bytes);

#endif
