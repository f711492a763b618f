/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLE_H
#define EXAMPLE_H

/* What the examples in C share. */

#include <inttypes.h>
#include <spine/spine.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program unless a call has done what it should. */
static inline void
need(enum spine_status status, const struct spine_error *error)
{
    if (status == SPINE_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", spine_status_name(status), error->message);
    exit(1);
}

/* A batcher of rows of a spine. */
static inline struct spine_batcher *
batcher_of(const struct spine *spine)
{
    struct spine_batcher *batcher;
    struct spine_error error;

    need(spine_batcher_new(spine_get_schema(spine), &batcher, &error), &error);
    return batcher;
}

/* All rows of a batcher go into a spine. Gives the batch, and ends the batcher. */
static inline struct spine_batch *
insert_rows(struct spine *spine, struct spine_batcher *batcher)
{
    struct spine_batch *batch;
    struct spine_error error;

    need(spine_batcher_seal(batcher, &batch, &error), &error);
    need(spine_insert(spine, batch, &error), &error);
    spine_batcher_free(batcher);
    return batch;
}

/* A number below `below`, the same ones in each run. */
static inline uint32_t
draw(uint32_t below)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

#endif
