/* SPDX-License-Identifier: MIT */
#ifndef INGEST_RUNS_MERGE_H
#define INGEST_RUNS_MERGE_H

#include "batch/batch.h"

/* The batch of all rows of `batches`, at any number, which stay. From `encode_rows` rows
 * on, its blocks are encoded. SPINE_NOMEM, SPINE_OVERFLOW. */
enum spine_status
runs_merge(const struct layout *layout, struct spine_batch *const *batches, size_t count,
           uint64_t encode_rows, struct spine_batch **out, struct spine_error *error);

#endif
