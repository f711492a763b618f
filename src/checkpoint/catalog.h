/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_CATALOG_H
#define CHECKPOINT_CATALOG_H

/*
 * checkpoint/catalog -- which checkpoints and files of batches a store has. Part of
 * checkpoint/checkpoint.h, which includes it.
 */

#include "checkpoint/manifest.h"

struct spine_store;

/* Zero at first. */
struct catalog {
    /* Of its checkpoints, ascending. */
    uint64_t *sequences;
    size_t count;
    size_t room;
    /* The objects that batches lie in. */
    struct manifest_object *objects;
    size_t object_count;
    size_t object_room;
    bool has_marker;
};

/* On success the caller ends it with catalog_release(). */
enum spine_status
catalog_read(struct spine_store *store, struct catalog *out, struct spine_error *error);
/* Twice is harmless. */
void catalog_release(struct catalog *catalog);
/* SPINE_CORRUPT when there has to be a checkpoint and there is none. */
enum spine_status catalog_check(const struct catalog *catalog, struct spine_error *error);
/* The manifest of a sequence number, as manifest_decode(). SPINE_NOT_FOUND. */
enum spine_status catalog_load(struct spine_store *store, uint64_t sequence,
                               struct manifest *out, struct spine_error *error);
/* The same as the text that it is: `*text` of `*bytes`, which the caller ends with
 * mem_free(). */
enum spine_status catalog_load_text(struct spine_store *store, uint64_t sequence,
                                    void **text, size_t *bytes,
                                    struct spine_error *error);
/* `*sequence` unless it is 0: that of the newest checkpoint then. SPINE_NOT_FOUND when
 * there is none, SPINE_CORRUPT when there has to be one. `what` asks. */
enum spine_status catalog_choose(struct spine_store *store, const char *what,
                                 uint64_t *sequence, struct spine_error *error);
/* Puts the marker, unless it is there. */
enum spine_status catalog_mark(struct spine_store *store, struct spine_error *error);

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

/* Removes checkpoint `sequence` of the catalog, from there, too, then what it alone
 * needed. Inside store_checkpoints_lock(). */
enum spine_status catalog_remove(struct spine_store *store, struct catalog *catalog,
                                 uint64_t sequence, struct spine_error *error);
/* spine_store_sweep() inside store_checkpoints_lock(). */
enum spine_status catalog_sweep(struct spine_store *store, bool dry_run,
                                struct spine_sweep_info *info, struct spine_error *error);

#endif
