/* SPDX-License-Identifier: MIT */
#ifndef BATCH_FETCH_H
#define BATCH_FETCH_H

/*
 * batch/fetch -- single blocks that a job needs here and there, without a wait in its
 * thread. Part of batch/batch.h, which includes it.
 *
 * A reader that has a *fetch* asks it for each block, or filter, that is not in memory.
 * The first time the answer is SPINE_BUSY, and the read is begun; what the reader did is
 * given up and done anew when the waiter was told. What came is held until other things
 * are asked for, so that work which needs some blocks at the same time ends at last:
 *
 *     seek     block 3 is on its way: SPINE_BUSY
 *     seek     block 3 is held; its key goes on in block 4, on its way: SPINE_BUSY
 *     seek     blocks 3 and 4 are held: done
 */

#include "batch/read_ahead.h"

/* What is held at most: then what was in memory, or else the oldest, goes. A search of
 * one key in one batch needs a filter and two blocks. */
#define FETCH_PARTS 16u

/* One part of a file: a block or a filter. Pinned, or on its way. */
struct fetched {
    struct store_file *file; /* a reference */
    uint32_t index;
    struct cached_image *cached;
    struct store_extent *extent;
};

/* Zero at first but for the waiter. Without a runtime in that, readers read themselves
 * what they need. */
struct fetch {
    struct read_waiter waiter;
    /* Nothing is read: what is neither held nor in memory is SPINE_BUSY for ever. */
    bool is_closed;
    struct fetched parts[FETCH_PARTS];
    size_t count;
};

/* Lets go of everything; no lock held. Twice is harmless. */
void fetch_release(struct fetch *fetch);
/* The same of one that was allocated, and frees it. NULL is allowed. */
void fetch_free(struct fetch *fetch);
/*
 * Is part `index` of the file, a block or behind these a filter, in memory? Then it stays
 * there until FETCH_PARTS others were asked for. SPINE_BUSY: it is on its way, and the
 * waiter will be told, or was. Otherwise why it cannot be read; the next call tries
 * again.
 */
enum spine_status fetch_part(struct fetch *fetch, struct store_file *file, uint32_t index,
                             struct spine_error *error);
/* The same of a block of a batch, which may be anywhere. */
enum spine_status fetch_block(struct fetch *fetch, const struct spine_batch *batch,
                              size_t block, struct spine_error *error);
/* Is something on its way? */
bool fetch_awaits(const struct fetch *fetch);
/* Will it hold one more part without letting go of another that was read? */
bool fetch_has_room(const struct fetch *fetch);

#endif
