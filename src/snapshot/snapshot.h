/* SPDX-License-Identifier: MIT */
#ifndef SNAPSHOT_SNAPSHOT_H
#define SNAPSHOT_SNAPSHOT_H

/*
 * snapshot/ -- immutable lists of batches (spine/spine.h), and what is computed from
 * them: cursors and probes over all batches, samples and partitions of their keys; whole
 * contents of spines.
 *
 * The thread that makes a list fills it before any other knows it; from then on nothing
 * changes but the reference count. Any thread.
 */

#include "base/ref.h"
#include "batch/batch.h"
#include "snapshot/book.h"
#include "snapshot/cut.h"
#include "spine/spine.h"

struct spine_snapshot {
    struct ref refs;
    struct layout layout;
    /* The ledger of the spine; NULL for a snapshot of batches. */
    struct lookup_ledger *ledger;
    /* Its content: what the spine had when batch number `sequence` had come in, and where
     * that begins, if known (src/floor.h). 0: of no spine. */
    uint64_t sequence;
    struct skipped *floor;
    /* In the book of the spine. */
    struct book_line line;
    size_t batch_count;
    size_t capacity;
    struct spine_batch *batches[];
};

/* An empty list with room for `capacity` batches, or NULL without memory. Keeps
 * references to `ledger`, and to `book`, where it is entered; either may be NULL. */
struct spine_snapshot *snapshot_new(const struct layout *layout,
                                    struct lookup_ledger *ledger,
                                    struct snapshot_book *book, size_t capacity);
/* Appends a batch, with a reference of its own. There is room. */
void snapshot_append(struct spine_snapshot *snapshot, struct spine_batch *batch);
/* Its batches are in a checkpoint, or will be. Any thread. */
void snapshot_mark_saved(const struct spine_snapshot *snapshot);
/* What a list with room for `capacity` batches takes, in bytes of memory. */
size_t snapshot_bytes(size_t capacity);

#endif
