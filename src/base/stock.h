/* SPDX-License-Identifier: MIT */
#ifndef BASE_STOCK_H
#define BASE_STOCK_H

/*
 * base/stock -- large pieces of memory that were freed, kept for the next calls that ask.
 *
 * malloc has a heap for each thread. What a merge frees was made by other threads, and
 * goes back to their heaps, while the heap of the merge grows: a process would hold half
 * as much again as its spines do, and each page of that would be faulted in. So a piece
 * that any thread frees is here for every thread, the latest one first, which may be in a
 * cache still. base/alloc.c bounds how many bytes that are.
 *
 * Any thread. No call waits: where many come at once, some find nothing and keep nothing.
 */

#include <stdbool.h>
#include <stddef.h>

/* Other pieces are not kept: smaller ones cost malloc little, and larger ones are few. */
#define STOCK_PIECE_MIN ((size_t)16 << 10)
#define STOCK_PIECE_MAX ((size_t)2 << 20)

/* A piece of `bytes` or at most a sixteenth more; NULL: none is kept. The caller owns it,
 * as memory of malloc's. */
void *stock_take(size_t bytes);
/* Keeps `memory` of `bytes`, which is malloc's. When that makes more than `bytes_most`,
 * the oldest pieces are freed, some at a time. False: nothing was taken. */
bool stock_put(void *memory, size_t bytes, size_t bytes_most);
/* Frees everything that is kept. */
void stock_empty(void);
/* Keeps at most `bytes`, and what other callers have added to that, until stock_unlimit()
 * is called with the same number. */
void stock_limit(size_t bytes);
void stock_unlimit(size_t bytes);

#endif
