/* SPDX-License-Identifier: MIT */
#ifndef BATCH_BATCH_SAMPLE_H
#define BATCH_BATCH_SAMPLE_H

/*
 * batch/batch_sample -- some keys and rows of a batch, spread evenly over it. No block is
 * fetched for one: of a block that is elsewhere its first or its last row is taken, which
 * are known. Part of batch.h.
 *
 *     batch_sample_begin(&sample, batch, 65);
 *     for (size_t i = 0; i < sample.count; i++) {
 *         st = batch_sample_row(&sample, i);
 *         ... sample.key, sample.value ...
 *     }
 *     batch_sample_release(&sample);             after any number of batches
 */

#include "batch/reader.h"

struct batch_sample {
    /* How many there are of the batch. */
    size_t count;
    /* The key and value of the last one, in the caller's type, until the next one. */
    union spine_datum key;
    union spine_datum value;

    struct reader reader;
    struct rows rows;
    uint8_t scratch[2][16];
};

/* A sample of a batch that has rows: the first one, the last one, and of those between as
 * many as make `most` >= 2 of it, or all. It was zero, or was used for another batch of
 * the same schema. */
void batch_sample_begin(struct batch_sample *sample, const struct spine_batch *batch,
                        size_t most);
/* Looks at row `index` of the sample; or at its key alone, which is quicker, and never
 * more than half a percent of all keys away from the row's. SPINE_NOMEM. */
SPINE_CHECKED enum spine_status
batch_sample_row(struct batch_sample *sample, size_t index);
SPINE_CHECKED enum spine_status
batch_sample_key(struct batch_sample *sample, size_t index);
/* Twice is harmless. */
void batch_sample_release(struct batch_sample *sample);

#endif
