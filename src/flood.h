/* SPDX-License-Identifier: MIT */
#ifndef FLOOD_H
#define FLOOD_H

/*
 * flood -- more comes in than the merges that are due could take in, and nobody reads it.
 * Part of core.h.
 *
 * What a row of a merge costs hardly depends on how many batches merge. So while a flood
 * lasts merges wait for more of them, and write each row fewer times. What is due waits
 * for readers' sake otherwise; so the first snapshot ends a flood.
 *
 *     batches of 10,000 rows, ten million in all
 *         as usual     merges of 8, 8, 3, 3 ...    a row is written 4 to 5 times
 *         in a flood   merges of 32, 16 ...        3 times
 *
 * Whether there is one is found out of some inserts at a time (pace_is_flood()). It ends
 * when that says so; when many rows of a batch are retractions, or a retention filter is
 * set, since what goes is to go soon; with a snapshot; and when nothing has come in
 * between two looks of the scout, which comes by every few milliseconds. Then all that is
 * due begins. A thread that waits for merges, and memory that is short, do not wait for
 * that.
 */

#include <stdbool.h>
#include <stdint.h>

struct spine;
struct spine_batch_info;

/* Small, as every spine has one: what is compared is how much numbers differ, which may
 * have begun anew from 0. */
struct flood {
    bool is_on;
    bool is_forced; /* of tests: it begins with every insert */
    /* All inserts; those before what is measured; and those that the scout saw last. */
    uint16_t inserts;
    uint16_t inserts_before;
    uint16_t inserts_seen;
    /* What is measured: the rows, and when the first of them came in. */
    uint32_t rows;
    uint32_t begin_us;
};

/* A batch comes in. */
void flood_insert_locked(struct spine *spine, const struct spine_batch_info *info);
/* Somebody reads. */
void flood_end_locked(struct spine *spine);
/* The scout comes by: does it go on? */
bool flood_goes_on_locked(struct spine *spine);

#endif
