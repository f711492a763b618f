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
 */

#include "base/pointer_index.h"
#include "checkpoint/manifest.h"
#include "snapshot/snapshot.h"
#include "store/store.h"

/* Batches with less to be written go to a pack. */
#define GATHER_PACK_BYTES ((uint64_t)1 << 20)

/* A spine of the checkpoint. */
struct gather_item {
    const char *name;      /* borrowed */
    struct spine_cut *cut; /* a reference */
    struct spine *spine;   /* borrowed; NULL: nobody's dirty flag falls */
    size_t places_begin;   /* of its batches */
};

struct gather_places {
    struct batch_places *places;
    /* How filters in its file are made; borrowed from the cut. */
    const struct lookup_options *lookup;
    /* They are those of the same batch in an earlier cut. */
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
    /* Of the store, whose lock of checkpoints is held as long as this is set. */
    struct checkpoint_ledger *ledger;
    struct gather_item *items;
    size_t item_count;
    /* Of every batch of every cut, in their order. */
    struct gather_places *places;
    size_t places_count;
    size_t places_room;
    /* The first ones of each batch, by batch. */
    struct pointer_index batches;
    /* The files and objects that they are in, in the order of the manifest. */
    size_t file_count;
    struct gather_object *objects;
    size_t object_count;
    size_t object_room;
    /* The numbers of files, which are those of the places, and of objects. */
    struct pointer_index file_numbers, object_numbers;
    /* What was written. */
    uint64_t files_written;
    uint64_t bytes_written;
    uint64_t batches_reused;
};

/* All blocks are in files that can be read; nothing is durable. Blocks. */
enum spine_status gather_write(struct gather *gather, struct spine_error *error);
/* The files are durable now: so all blocks have twins there, also those whose earlier
 * ones may have been lost. */
void gather_remember(struct gather *gather);
/* What was gathered, as the manifest of a checkpoint but for its head. Notes files and
 * objects. SPINE_NOMEM. */
enum spine_status gather_describe(struct gather *gather, struct manifest *manifest,
                                  struct spine_error *error);
/* Lets go of everything. Twice is harmless. */
void gather_release(struct gather *gather);

#endif
