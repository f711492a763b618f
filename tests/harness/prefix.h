/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_PREFIX_H
#define HARNESS_PREFIX_H

/*
 * harness/prefix -- batches of which any reader can tell whether he sees what he must.
 *
 * Writer i inserts batches 0, 1, 2 ... one after the other. Batch j holds `rows` rows
 * (i, j * rows + 0..) of weight 1, and one row (PREFIX_TOGGLE + i, 0) of weight 1 or,
 * every other time, -1, which cancels. So a reader must see, of each writer, his first
 * batches, whole: at least those whose insert had returned when the read began, and no
 * more than had begun when it ended.
 */

#include "spine/spine.h"

#define PREFIX_WRITERS_MAX 8u
#define PREFIX_TOGGLE 1000u

struct prefix {
    /* Keys and values are SPINE_U64 or SPINE_U32. */
    struct spine_schema schema;
    unsigned writers;
    unsigned rows;
};

/* The batch `number` of `writer`. Aborts without memory. */
struct spine_batch *
prefix_batch(const struct prefix *prefix, unsigned writer, unsigned number);

/* Reads all; how many batches of each writer were seen goes to `seen`. NULL, or what was
 * wrong. */
const char *prefix_read(const struct prefix *prefix, struct spine_cursor *cursor,
                        unsigned seen[PREFIX_WRITERS_MAX]);

#endif
