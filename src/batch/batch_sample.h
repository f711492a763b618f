/* SPDX-License-Identifier: MIT */
#ifndef BATCH_BATCH_SAMPLE_H
#define BATCH_BATCH_SAMPLE_H

/*
 * batch/batch_sample -- some keys and rows of a batch, spread evenly over it, of what is
 * known without a look into blocks. Part of batch.h.
 */

#include "spine/types.h"

#include <stddef.h>

struct spine_batch;

/* Room for the bytes of a datum that is a word in the batch. */
#define SAMPLE_SCRATCH 16u

/* How many keys can be had of a batch with rows, `most` >= 2 at most, the first and the
 * last one among them; and key `index` of `count`. As rows_key_datum(). */
size_t batch_sample_keys(const struct spine_batch *batch, size_t most);
union spine_datum batch_sample_key(const struct spine_batch *batch, size_t index,
                                   size_t count, uint8_t *scratch);

/* The same of whole rows. */
struct sample_row {
    union spine_datum key;
    union spine_datum value;
    uint8_t scratch[2][SAMPLE_SCRATCH];
};

size_t batch_sample_rows(const struct spine_batch *batch, size_t most);
void batch_sample_row(const struct spine_batch *batch, size_t index, size_t count,
                      struct sample_row *out);

#endif
