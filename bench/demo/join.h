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
 * It looks up each key of the batch in the snapshot. After join_limit(), which limits it
 * to ranges, each side seeks the key of the other instead, so that it leaps over what
 * does not meet: better when few keys do. With join_limit(&join, left, right, count) the
 * keys left + i and right + i meet, for i in [0, count).
 */

#include "demo/relation.h"

struct join {
    struct spine_cursor *left;
    struct spine_cursor *right;
    bool began;
    /* The key that both stand on; in ranges, counted from their beginnings. */
    uint32_t key;
    /* 0 without ranges. */
    uint64_t count;
    uint32_t left_begin;
    uint32_t right_begin;
    /* What join_read() read last, ascending; the caller may change it. */
    struct numbers left_values;
    struct numbers right_values;
};

void join_open(struct join *join, struct spine_batch *left, struct spine_snapshot *right);
/* Before the first join_next() of the ranges; may come again for further ones. */
void join_limit(struct join *join, uint32_t left, uint32_t right, uint64_t count);
/* For join_limit(&join, 0, 0, JOIN_ALL): all keys, leaping. */
#define JOIN_ALL (UINT64_C(1) << 32)
/* To the next common key; false at the end. */
bool join_next(struct join *join);
/* Reads all values of the common key, of either side. */
void join_read(struct join *join);
/* Fails if a cursor did. */
void join_close(struct join *join);

#endif
