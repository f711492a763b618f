/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_CATALOG_H
#define CHECKPOINT_CATALOG_H

/*
 * checkpoint/catalog -- which checkpoints and files of batches a store has. Part of
 * checkpoint/checkpoint.h, which includes it.
 */

#include "checkpoint/manifest.h"
#include "store/store.h"

struct checkpoint_ledger;
struct spine_store;

/* Sequence numbers, ascending. */
struct sequences {
    uint64_t *numbers;
    size_t count;
    size_t room;
};

/* Zero at first. */
struct catalog {
    /* The numbers of the manifests that are there. */
    struct sequences manifests;
    /* The numbers of the checkpoints that were acknowledged, and not removed since. */
    struct sequences receipts;
    /* The objects that batches lie in. */
    struct manifest_object *objects;
    size_t object_count;
    size_t object_room;
};

/* On success the caller ends it with catalog_release(). */
enum spine_status
catalog_read(struct spine_store *store, struct catalog *out, struct spine_error *error);
/* Twice is harmless. */
void catalog_release(struct catalog *catalog);
/* SPINE_CORRUPT when a checkpoint with a number greater than `after` has a receipt and no
 * manifest. */
enum spine_status catalog_check(struct spine_store *store, const struct catalog *catalog,
                                uint64_t after, struct spine_error *error);
/* The same for one checkpoint. */
enum spine_status catalog_check_one(struct spine_store *store, uint64_t sequence,
                                    struct spine_error *error);
/* The least number of a manifest or a receipt that is greater than `after`; 0: none. */
uint64_t catalog_next(const struct catalog *catalog, uint64_t after);
/* The greatest number of a manifest; 0: there is none. */
uint64_t catalog_newest(const struct catalog *catalog);
bool sequences_have(const struct sequences *sequences, uint64_t sequence);
/* SPINE_NOMEM. */
enum spine_status
sequences_add(struct sequences *sequences, uint64_t sequence, struct spine_error *error);
void sequences_remove(struct sequences *sequences, uint64_t sequence);
/* The manifest of a sequence number, as manifest_decode(). SPINE_NOT_FOUND. */
enum spine_status catalog_load(struct spine_store *store, uint64_t sequence,
                               struct manifest *out, struct spine_error *error);
/* Reads the text of a manifest: `*text` of `*bytes`, which the caller ends with
 * mem_free(). */
enum spine_status catalog_load_text(struct spine_store *store, uint64_t sequence,
                                    void **text, size_t *bytes,
                                    struct spine_error *error);
/* Makes `*sequence` the number of the newest checkpoint if it is 0. SPINE_NOT_FOUND when
 * there is no checkpoint, SPINE_CORRUPT when the newest one was lost. `what` names the
 * caller in messages. */
enum spine_status catalog_choose(struct spine_store *store, const char *what,
                                 uint64_t *sequence, struct spine_error *error);
/* Writes the receipt that checkpoint `sequence` was acknowledged, which is there once it
 * is published, and durable with the next sync of names. */
enum spine_status catalog_write_receipt(struct spine_store *store, uint64_t sequence,
                                        struct store_put *out, struct spine_error *error);
/* Removes the receipt of a checkpoint, if it has one: from now on the checkpoint may be
 * missing; after a crash, from the next sync of names on. Its manifest may be removed
 * after that sync. */
enum spine_status catalog_remove_receipt(struct spine_store *store,
                                         struct catalog *catalog, uint64_t sequence,
                                         struct spine_error *error);

/* Names of objects that are needed. Zero at first. */
struct name_set {
    char (*names)[SPINE_NAME_MAX + 1];
    size_t count;
    size_t room;
    bool sorted;
};

/* Adds the objects of a manifest. SPINE_NOMEM. */
enum spine_status name_set_add(struct name_set *set, const struct manifest *manifest,
                               struct spine_error *error);
bool name_set_has(struct name_set *set, const char *name);
/* Twice is harmless. */
void name_set_release(struct name_set *set);

/* Removes checkpoint `sequence` from the store and from the catalog, then the files that
 * it alone needed. Its receipt was removed durably. The caller holds
 * store_checkpoints_lock(). */
enum spine_status catalog_remove(struct spine_store *store, struct catalog *catalog,
                                 uint64_t sequence, struct spine_error *error);
/* spine_store_sweep() for a caller that holds store_checkpoints_lock(). */
enum spine_status catalog_sweep(struct spine_store *store,
                                struct checkpoint_ledger *ledger,
                                const struct spine_sweep_options *options,
                                struct spine_sweep_info *info, struct spine_error *error);

#endif
