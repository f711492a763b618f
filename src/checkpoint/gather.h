/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_GATHER_H
#define CHECKPOINT_GATHER_H

/*
 * checkpoint/gather -- brings the blocks of cuts into files of a store. Part of
 * checkpoint/checkpoint.h, which includes it.
 *
 *     batches in files of the store     nothing is written
 *     less than GATHER_PACK_BYTES       all of them, of all spines, into one pack
 *     the others                        a file each
 *
 * Files are written one after the other; but while the last of a file, which was handed
 * to a thread, reaches the disk, the next one has begun. The pack is written by a thread,
 * too, and begins first: so the disk has something to do while it is found out where the
 * blocks of large batches are, and while the manifest is written:
 *
 *     pack     | small batches                                    | end
 *     file 1                   | blocks blocks blocks | end
 *     file 2                                          | blocks blocks blocks | end
 */

#include "base/pointer_index.h"
#include "checkpoint/manifest.h"
#include "snapshot/snapshot.h"
#include "store/store.h"

/* Batches with less to be written go to a pack: a file of its own, with its name and its
 * sync, costs as much as some megabytes. */
#define GATHER_PACK_BYTES ((uint64_t)2 << 20)
/* Batches of up to this many blocks, which may go to the pack, are looked at before the
 * others of their cut. */
#define GATHER_FIRST_BLOCKS 64u

/* A spine of the checkpoint. */
struct gather_item {
    const char *name;      /* borrowed */
    struct spine_cut *cut; /* a reference */
    struct spine *spine;   /* borrowed; NULL: no dirty flag is cleared */
    size_t places_begin;   /* the index of those of its first batch */
};

struct gather_places {
    struct batch_places *places;
    /* The same batch was in an earlier cut, to which these places belong. */
    bool is_shared;
};

/* An object that the checkpoint needs. */
struct gather_object {
    struct store_object *object; /* a reference */
    bool was_kept;
};

/* Zero at first, but for the store and the call. */
struct gather {
    struct spine_store *store;
    const char *call; /* what the host has called */
    /* The ledger of the store, whose lock of checkpoints the caller of
     * checkpoint_commit() holds. */
    struct checkpoint_ledger *ledger;
    /* When the host called, of clock_now_ns(). */
    uint64_t asked_ns;
    struct gather_item *items;
    size_t item_count;
    /* The places of every batch of every cut, in the order of cuts and batches. */
    struct gather_places *places;
    size_t places_count;
    size_t places_room;
    /* From a batch to the index of its first places. */
    struct pointer_index batches;
    /* The files and objects of all places, in the order of the manifest. */
    size_t file_count;
    struct gather_object *objects;
    size_t object_count;
    size_t object_room;
    /* From a file, and from an object, to its number in the manifest. */
    struct pointer_index file_numbers, object_numbers;
    /* The places whose file has yet to reach its end; borrowed, NULL: none. */
    struct batch_places *ending;
    /* The pack that is written; NULL: none. */
    struct store_pack *pack;
    /* What was written. */
    uint64_t files_written;
    uint64_t bytes_written;
    uint64_t batches_reused;
};

/* Writes the blocks that are in no file of the store: afterwards all blocks are in files,
 * of which the pack may still be written, by a thread. Blocks. */
enum spine_status gather_write(struct gather *gather, struct spine_error *error);
/* Waits for the pack: all files can be read, and need not be durable. Once. */
enum spine_status gather_finish(struct gather *gather, struct spine_error *error);
/* Notes of all blocks that they have twins in these files. It is done once more when the
 * files are durable, for blocks whose earlier twins may have been lost; the others are
 * not looked at again. */
void gather_remember(struct gather *gather);
/* Describes what was written in a manifest, all but its head. Numbers files and objects,
 * and takes references to the objects. SPINE_NOMEM. */
enum spine_status gather_describe(struct gather *gather, struct manifest *manifest,
                                  struct spine_error *error);
/* Lets go of everything. Twice is harmless. */
void gather_release(struct gather *gather);

/* ---- commit.c ---- */

/* Checks the arguments of a call, and takes the cuts. The caller ends `gather` with
 * gather_release(), also after a failure. */
enum spine_status
checkpoint_begin(struct gather *gather, const struct spine_checkpoint_item *items,
                 size_t count, const struct spine_checkpoint_options *options,
                 struct spine_error *error);
/* Makes the cuts durable; fills `info`, which is zero. The caller holds the store's lock
 * of checkpoints, and has put its ledger into `gather`. Blocks. */
enum spine_status
checkpoint_commit(struct gather *gather, const struct spine_checkpoint_options *options,
                  struct spine_checkpoint_info *info, struct spine_error *error);

#endif
