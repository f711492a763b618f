/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_EXPORT_H
#define CHECKPOINT_EXPORT_H

/*
 * checkpoint/export -- a checkpoint for another store. Part of checkpoint/checkpoint.h,
 * which includes it.
 */

#include "checkpoint/manifest.h"

struct spine_store;

/* Of checkpoint_export(). */
struct export_info {
    uint64_t sequence;
    uint64_t objects;
    uint64_t bytes;
};

/*
 * Copies checkpoint `sequence`, the newest when 0, and the objects that it needs to `to`,
 * which is empty and nobody else's meanwhile: the same bytes under the same names, looked
 * at and durable before the manifest is put. When it fails, `to` is empty or has all of
 * it, as after spine_checkpoint(). SPINE_NOT_FOUND, SPINE_CORRUPT; SPINE_EXISTS when `to`
 * is not empty.
 */
enum spine_status checkpoint_export(struct spine_store *from, uint64_t sequence,
                                    struct spine_store *to, struct export_info *info,
                                    struct spine_error *error);

#endif
