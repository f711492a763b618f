/* SPDX-License-Identifier: MIT */
#ifndef SPINE_CHECKPOINT_H
#define SPINE_CHECKPOINT_H

/*
 * Checkpoints: the content of any number of spines made durable together, and given back
 * exactly.
 *
 *     spine_checkpoint(store, items, count, NULL, NULL, &error)      every second, say
 *     spine_restore(store, 0, runtime, NULL, &restored, &error)      after a crash
 *
 * A checkpoint is durable and whole once spine_checkpoint() has returned SPINE_OK: then
 * spine_restore() gives exactly that, whatever crashes. What was inserted after its cut
 * is not in it. Inserts, merges and readers go on meanwhile. What was written to this
 * store once, by an earlier checkpoint or because memory was short, is not written again.
 *
 * What a store has of one: a *manifest*, `checkpoint-` and its sequence number, text that
 * a person can read, and the files that it names. Manifests never change, and their
 * sequence numbers ascend. Files go when no checkpoint and no batch here needs them.
 *
 * Assumed: a sync of files and of directories is honest; one process has a directory open
 * at a time (it is locked). Detected, not repaired: any change to stored bytes; a missing
 * file; the missing manifest of a checkpoint that was acknowledged and not removed, since
 * each has a *receipt*, an object of its own, `acknowledged-` and the number, which is
 * durable with the next checkpoint at the latest. Then nothing is removed, and when it is
 * the newest that is missing, no checkpoint is made and none is taken for it:
 * SPINE_CORRUPT names the number. spine_restore() of an earlier one by its number goes,
 * and spine_checkpoint_remove() of the number that is missing says that the host knows.
 *
 * One checkpoint, restore, removal or sweep of a store goes on at a time; others wait for
 * it. None may be called inside a callback of the library. All of them block. With 8 MiB
 * or more to write, up to four threads of its own call backend, allocator and trace.
 */

#include "spine/cut.h"
#include "spine/restore.h"
#include "spine/store.h"
#include "spine/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest name of a spine in a checkpoint, in bytes. */
#define SPINE_ITEM_NAME_MAX 255
/* The most bytes of the host's own data in a checkpoint. */
#define SPINE_USER_DATA_MAX 1048576u

/* One spine of a checkpoint. */
struct spine_checkpoint_item {
    /* By which it is restored: 1 to SPINE_ITEM_NAME_MAX bytes of UTF-8 without control
     * characters; no two of a checkpoint are equal. */
    const char *name;
    /* May be NULL if there is a cut. */
    struct spine *spine;
    /*
     * What is written of it. NULL: the content of the moment when the call begins, one
     * spine after the other; nothing of several spines fits together then but what the
     * host has made so, by calling between two steps.
     */
    struct spine_cut *cut;
};

/* What a checkpoint took. */
struct spine_checkpoint_info {
    uint64_t sequence;
    /* Files that were written for it, their bytes, and those of the manifest. */
    uint64_t files;
    uint64_t file_bytes;
    uint64_t manifest_bytes;
    /* Calls that made something durable. */
    uint64_t syncs;
    /* Batches in it, those of which nothing had to be written, rows; how long it took. */
    uint64_t batches;
    uint64_t batches_reused;
    uint64_t rows;
    uint64_t duration_ns;
    /* How removing older ones ended: they are removed with the next. */
    enum spine_status removal;
};

/* How a checkpoint in the background ended; `info` and `error` are valid during the call.
 * It may call the library, but may not close the runtime. */
typedef void spine_checkpoint_done_fn(void *context, enum spine_status status,
                                      const struct spine_checkpoint_info *info,
                                      const struct spine_error *error);

/* All zero means the defaults. */
struct spine_checkpoint_options {
    /* The host's own, in the same atom: offsets of its input, the number of a step. */
    const void *user_data;
    size_t user_bytes;
    /* The number of checkpoints that stay, with this one; older ones are removed once
     * this one is durable. Default 2; UINT32_MAX: all. */
    uint32_t keep;
    /* Of spine_checkpoint_start(): what is called in the end. */
    spine_checkpoint_done_fn *on_done;
    void *context;
};

/*
 * Makes a checkpoint of `count` spines. `info` may be NULL. The dirty flag of each of
 * them falls if nothing was inserted since its cut.
 *
 * SPINE_OK: it is durable. Otherwise it may be there or not, as after a crash, the one
 * before is, and the next is made as if this had not been tried. SPINE_INVALID names what
 * is wrong with an item or an option; SPINE_NOMEM, SPINE_IO, SPINE_CORRUPT for a block
 * that has to be copied and cannot be read. Files whose sync failed, or that of whose
 * names did, are not relied on again: the next checkpoint writes others.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_checkpoint(struct spine_store *store, const struct spine_checkpoint_item *items,
                 size_t count, const struct spine_checkpoint_options *options,
                 struct spine_checkpoint_info *info, struct spine_error *error);

/*
 * The same in the background: the cuts are taken now, the rest is done by a thread of
 * `runtime`. When this answers SPINE_OK, `options->on_done` is called exactly once, by a
 * thread of the runtime, or with SPINE_CANCELLED by spine_runtime_close() if it had not
 * begun. Otherwise it is never called. The spines and the store stay open until then;
 * `items`, names and user data are the host's again at once. SPINE_CANCELLED when the
 * runtime is closed.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_checkpoint_start(struct spine_store *store, struct spine_runtime *runtime,
                       const struct spine_checkpoint_item *items, size_t count,
                       const struct spine_checkpoint_options *options,
                       struct spine_error *error);

/* ---- What there is ---- */

/* A checkpoint of a store. */
struct spine_checkpoint_summary {
    uint64_t sequence;
    /* Milliseconds since 1970, by the clock of the process that made it. */
    uint64_t made_ms;
    /* How many it has, and bytes of files and user data. */
    size_t spines;
    uint64_t rows;
    size_t files;
    uint64_t file_bytes;
    size_t user_bytes;
    /* SPINE_OK, or what is wrong with the manifest: then all else is 0. */
    enum spine_status status;
};

/* Called for each checkpoint, the oldest first. Anything but SPINE_OK ends the list with
 * that status. `error` says what is wrong with one that is not SPINE_OK. */
typedef enum spine_status
spine_checkpoint_fn(void *context, const struct spine_checkpoint_summary *summary,
                    const struct spine_error *error);

/* SPINE_OK, also when there are none. What listing the objects says. */
SPINE_API SPINE_CHECKED enum spine_status
spine_checkpoint_list(struct spine_store *store, spine_checkpoint_fn *on_checkpoint,
                      void *context, struct spine_error *error);

/*
 * Removes a checkpoint, and the files that no other and no batch needs; of one whose
 * manifest is missing, what is left of it, and the next sweep takes its files.
 * SPINE_NOT_FOUND; SPINE_INVALID for the only one there is. When another manifest cannot
 * be read, that status: the checkpoint is gone then, its files are not.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_checkpoint_remove(struct spine_store *store, uint64_t sequence,
                        struct spine_error *error);

/* All zero means the defaults. */
struct spine_sweep_options {
    /* True: only counts. */
    bool dry_run;
    /* A file goes only when all sweeps of this process have found it without need for at
     * least `grace_ms` milliseconds. For stores to which others write, files first: these
     * restore with keep_orphans, too, and open with keep_leftovers. 0: at once. */
    uint64_t grace_ms;
};

/* What a sweep removed: files, and their bytes. */
struct spine_sweep_info {
    uint64_t files;
    uint64_t file_bytes;
    /* Not needed, and kept for the time being. */
    uint64_t waiting_files;
};

/*
 * Removes the files that no checkpoint and no batch in this process needs, and tells what
 * those were; `info` may be NULL. An error, and nothing is removed, when a manifest is
 * damaged, or is missing though its checkpoint was acknowledged, or not all objects could
 * be listed.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_store_sweep(struct spine_store *store, const struct spine_sweep_options *options,
                  struct spine_sweep_info *info, struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
