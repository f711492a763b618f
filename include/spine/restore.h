/* SPDX-License-Identifier: MIT */
#ifndef SPINE_RESTORE_H
#define SPINE_RESTORE_H

/*
 * Restoring: spines come back as a checkpoint has them (spine/checkpoint.h).
 */

#include "spine/types.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct spine;
struct spine_restored;
struct spine_runtime;
struct spine_store;

/* All zero means the defaults. */
struct spine_restore_options {
    /* True: files that nothing needs stay. Default false: what a crash has left is
     * removed once the checkpoint is open. */
    bool keep_orphans;
};

/*
 * Opens checkpoint `sequence`, the newest when 0, on `runtime`: all its spines with
 * schema, options, content, frontier and dirty flag. Reads manifests and the ends of
 * files, no rows. The filters of a spine must be set again before the first insert:
 * spine_restored_get_item() tells their names. On success the caller ends `*out` with
 * spine_restored_free().
 *
 * SPINE_NOT_FOUND: there is no checkpoint, or none of this sequence. SPINE_CORRUPT names
 * the object, and the offset where there is one; a newest checkpoint that is damaged is
 * an error, and no older one is taken for it: the host may ask for that by its sequence.
 * Also when the manifest of the newest is missing though it was acknowledged.
 * SPINE_INVALID for a version or a feature that this library does not know. SPINE_IO,
 * SPINE_NOMEM. Then nothing is open and nothing was changed.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_restore(struct spine_store *store, uint64_t sequence, struct spine_runtime *runtime,
              const struct spine_restore_options *options, struct spine_restored **out,
              struct spine_error *error);

/* The sequence of the checkpoint. */
SPINE_API uint64_t spine_restored_sequence(const struct spine_restored *restored);
/* The host's own data; borrowed. NULL, and 0 bytes, when there is none. */
SPINE_API const void *
spine_restored_user_data(const struct spine_restored *restored, size_t *bytes);
/* How many spines the checkpoint has. */
SPINE_API size_t spine_restored_count(const struct spine_restored *restored);

/* A spine of the checkpoint. */
struct spine_restored_item {
    /* Its name; borrowed. */
    const char *name;
    /* NULL once it was taken. */
    struct spine *spine;
    /* The names of its filters, borrowed; NULL for none. */
    const char *key_filter;
    const char *value_filter;
};

/* False when there is no spine `index`. */
SPINE_API bool spine_restored_get_item(const struct spine_restored *restored,
                                       size_t index, struct spine_restored_item *out);
/* Takes the spine of a name, which the caller ends with spine_close() from now on. NULL
 * when there is none of that name, or it was taken before. */
SPINE_API struct spine *
spine_restored_take(struct spine_restored *restored, const char *name);
/* Closes the spines that were not taken. NULL is allowed. */
SPINE_API void spine_restored_free(struct spine_restored *restored);

#ifdef __cplusplus
}
#endif

#endif
