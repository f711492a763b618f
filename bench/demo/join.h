/* SPDX-License-Identifier: MIT */
#ifndef DEMO_JOIN_H
#define DEMO_JOIN_H

/*
 * demo/join -- two sorted sources, key by key.
 *
 *     join_open(&join, batch, snapshot);
 *     while (join_next(&join))
 *         join_read(&join), then look at its values
 *     join_close(&join);
 *
 * Each side seeks the key of the other, so that a small side jumps over what it does not
 * meet in a large one.
 *
 * A join may be limited to ranges: with join_limit(&join, left, right, count) the keys
 * left + i and right + i meet, for i in [0, count).
 */

#include "demo/relation.h"

struct join {
    struct spine_cursor *left;
    struct spine_cursor *right;
    uint32_t left_begin;
    uint32_t right_begin;
    uint64_t count;
    /* The key that both stand on, counted from the beginnings. */
    uint32_t key;
    bool began;
    /* What join_read() read last, ascending; the caller may change it. */
    struct numbers left_values;
    struct numbers right_values;
};

void join_open(struct join *join, struct spine_batch *left, struct spine_snapshot *right);
/* Before the first join_next() of the ranges; may come again for further ones. */
void join_limit(struct join *join, uint32_t left, uint32_t right, uint32_t count);
/* To the next common key; false at the end. */
bool join_next(struct join *join);
/* Reads all values of the common key, of either side. */
void join_read(struct join *join);
/* Fails if a cursor did. */
void join_close(struct join *join);

#endif
