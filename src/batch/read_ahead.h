/* SPDX-License-Identifier: MIT */
#ifndef BATCH_READ_AHEAD_H
#define BATCH_READ_AHEAD_H

/*
 * batch/read_ahead -- blocks of a batch that are read before they are looked into. Part
 * of batch/batch.h, which includes it.
 *
 * A reader of blocks one after the other brings each by read_ahead_bring() before it
 * looks into the block. The first one comes alone, then two, four, and so on up to an
 * extent of READ_AHEAD_BYTES; some of these are on their way while another is in use.
 * After a block that did not follow the one before it begins anew, so that a reader that
 * needs a block here and there reads no others.
 *
 *     blocks    |.|. .|. . . .|. . . . . . . .|
 *                in use         on its way
 *
 * With a memory limit an extent of a reader is smaller the more the store holds that has
 * to stay, down to a single block, and after such a one nothing is on its way
 * (store_ahead_bytes()). What readers hold beyond the block in use they take from what
 * they share, as much as is left there (store_ahead_take()); merges have reserved what
 * they read ahead, and have more on its way behind a single block, too.
 *
 * Blocks in memory, and those of keepers without a file, need not be brought.
 */

#include "store/store.h"

#define READ_AHEAD_BYTES (UINT64_C(1) << 20)
/* The blocks of an extent, however well they are compressed. */
#define READ_AHEAD_BLOCKS 64u
/* Extents of a reader at a time, the one in use among them: two reads that are under way
 * keep a disk busy, and behind them some wait, so that it has the next one while the
 * reader is busy with rows. A merge has many inputs, and needs fewer of each. */
#define READ_AHEAD_EXTENTS 5u
#define READ_AHEAD_EXTENTS_TRANSIENT 3u

struct spine_batch;

/* Has reads done by the jobs of a runtime, and is told that one has ended, in any thread
 * and without locks. */
struct read_waiter {
    struct spine_runtime *runtime;
    void (*on_end)(void *context);
    void *context;
};

struct ahead_extent {
    struct store_extent *read;
    struct spine_store *store;
    size_t begin, end; /* blocks of the batch */
    /* What of the memory that readers share it has (store_ahead_take()). */
    uint64_t taken_bytes;
    /* It begins where the one before ended. */
    bool follows;
    /* A runtime reads it. */
    bool is_submitted;
    /* read_ahead_bring() was asked for a block of it: that call, or the next one, tells
     * when it cannot be read. */
    bool is_wanted;
};

/* Zero but for the first three, which the owner sets. */
struct read_ahead {
    /* By a merge: blocks are not kept. */
    bool transient;
    /* Of an extent, at most; 0: READ_AHEAD_BYTES. */
    uint64_t bytes_max;
    /* NULL: read_ahead_bring() waits itself. Otherwise it does so only when the runtime
     * does not serve the store. */
    const struct read_waiter *waiter;
    /* Ascending. */
    struct ahead_extent extents[READ_AHEAD_EXTENTS];
    size_t extent_count;
    /* The block behind the last extent, and the bytes of that one. */
    size_t next;
    uint64_t bytes;
    /* What the extents have taken. */
    uint64_t held_bytes;
};

/* Twice is harmless. */
void read_ahead_release(struct read_ahead *ahead);
/*
 * Brings `block`: it is in memory then until a later one is brought, and those that
 * follow are on their way. SPINE_BUSY: it is on its way, and the waiter will be told, or
 * was, meanwhile. Otherwise why it cannot be read; the next call tries again. What failed
 * while it was read ahead is read once more.
 */
enum spine_status read_ahead_bring(struct read_ahead *ahead,
                                   const struct spine_batch *batch, size_t block,
                                   struct spine_error *error);
/* Is `block` on its way? False when it is there, failed, was not asked for, or is left to
 * the next read_ahead_bring(). */
bool read_ahead_awaits(const struct read_ahead *ahead, size_t block);

#endif
