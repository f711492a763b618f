/* SPDX-License-Identifier: MIT */
#ifndef SPINE_STORE_H
#define SPINE_STORE_H

/*
 * Stores: batches and checkpoints as objects of a backend (spine/backend.h).
 *
 * A runtime that was opened with a store keeps in files what does not fit into its
 * memory. A file is written once, and removed when nothing refers to it any more.
 */

#include "spine/backend.h"
#include "spine/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spine_store;

/* How blocks with keys or values of SPINE_FIXED or SPINE_BYTES are compressed, where that
 * saves an eighth. */
enum spine_compression {
    SPINE_COMPRESSION_LZ4 = 0,
    /* Smaller files, slower to write and to read. */
    SPINE_COMPRESSION_ZSTD,
    SPINE_COMPRESSION_NONE
};

/* All zero means the defaults. Copied at open. */
struct spine_store_options {
    enum spine_compression compression;
    /*
     * The most bytes of blocks of files that are kept in memory although nobody reads
     * them. Default 64 MiB. Higher: fewer reads of the backend. A runtime with a memory
     * limit allows a quarter of that, less when memory is short, and more, up to four
     * fifths with all else that it holds, while there is plenty.
     */
    size_t cache_bytes;
    /*
     * True: batch files that are there stay, whatever they are. Default false: opening
     * removes those that a process left which ended before it closed its store, if there
     * are no other objects: these may refer to some.
     */
    bool keep_leftovers;
    /* Who is told of reads and writes of batch files (spine/trace.h); copied. NULL:
     * nobody. */
    const struct spine_trace *trace;
};

/*
 * Opens a store in `backend`, which is taken: it is released when the store was closed
 * and no batch refers to it any more. NULL options mean the defaults. On success the
 * caller owns `*out` and ends it with spine_store_close(); otherwise the backend stays
 * the caller's.
 *
 * SPINE_INVALID for a backend that lacks a function or an unknown option, SPINE_NOMEM,
 * and what listing the objects says. Any thread. Blocks.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_store_open(const struct spine_backend *backend,
                 const struct spine_store_options *options, struct spine_store **out,
                 struct spine_error *error);

/* What a store has done since it was opened, and holds. */
struct spine_store_stats {
#define SPINE_STORE_METRIC(field, kind, name, help) uint64_t field;
#define SPINE_STORE_HISTOGRAM(field, name, help) struct spine_histogram field;
#define SPINE_STORE_SIZES(field, name, help) struct spine_size_histogram field;
#include "spine/metrics.def"
};

/* Some short locks; cheap enough to call every second. Any thread. */
SPINE_API void
spine_store_get_stats(struct spine_store *store, struct spine_store_stats *out);

/* Ends a store. Runtimes and batches that use it keep it alive: the thread that lets go
 * of the last of them releases the backend. Spines that only have copies in it, by
 * checkpoints, do not. NULL is allowed. */
SPINE_API void spine_store_close(struct spine_store *store);

#ifdef __cplusplus
}
#endif

#endif
