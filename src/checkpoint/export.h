/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_EXPORT_H
#define CHECKPOINT_EXPORT_H

/*
 * checkpoint/export -- copies a checkpoint to another store. Part of
 * checkpoint/checkpoint.h, which includes it.
 */

#include "checkpoint/manifest.h"

struct spine_store;

/* What checkpoint_export() has copied. */
struct export_info {
    uint64_t sequence;
    uint64_t objects;
    uint64_t bytes;
};

/* Is called now and then: `what` is done for `done` of `all` bytes. */
struct export_progress {
    void (*on_progress)(void *context, const char *what, uint64_t done, uint64_t all);
    void *context;
};

/*
 * Copies checkpoint `sequence`, the newest when 0, and the objects that it needs to `to`,
 * which is empty, and which no other caller uses meanwhile: the same bytes under the same
 * names, verified and durable before the manifest is put. On failure, `to` is empty or
 * has the whole checkpoint, as after spine_checkpoint(). SPINE_NOT_FOUND, SPINE_CORRUPT;
 * SPINE_EXISTS when `to` is not empty. `progress` may be NULL.
 */
enum spine_status checkpoint_export(struct spine_store *from, uint64_t sequence,
                                    struct spine_store *to,
                                    const struct export_progress *progress,
                                    struct export_info *info, struct spine_error *error);

#endif
