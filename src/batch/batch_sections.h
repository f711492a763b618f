/* SPDX-License-Identifier: MIT */
#ifndef BATCH_BATCH_SECTIONS_H
#define BATCH_BATCH_SECTIONS_H

/*
 * What a batch knows beside its blocks, as sections of a batch file (FORMAT.md of store/,
 * and below). Decoding checks everything that does not need a block.
 */

#include "batch/fence.h"
#include "store/store.h"

enum batch_section {
    SECTION_SCHEMA = 1,
    SECTION_COUNTS = 2,
    SECTION_FENCES = 3,
    /* Only of keys that are words. */
    SECTION_MARKS = 4
};

void counts_encode(const struct spine_batch *batch, struct wire_writer *out);
/* Fills in `info` but for its keys and bytes of filters, and `fence_count`. */
enum spine_status counts_decode(struct span bytes, struct spine_batch_info *info,
                                size_t *fence_count, struct spine_error *error);

void fences_encode(const struct spine_batch *batch, struct wire_writer *out);
/* Fills the fences of a batch, which have no blocks then. What was filled is released
 * with the batch, also after a failure. SPINE_CORRUPT, SPINE_NOMEM. */
enum spine_status
fences_decode(struct span bytes, struct spine_batch *batch, struct spine_error *error);

void marks_encode(const struct spine_batch *batch, struct wire_writer *out);
enum spine_status
marks_decode(struct span bytes, struct spine_batch *batch, struct spine_error *error);

#endif
