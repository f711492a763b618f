/* SPDX-License-Identifier: MIT */

/* Rows of a batch that lie evenly spread: their keys by marks and fences, where these
 * tell. */

#include "batch/batch_sample.h"

#include "base/assert.h"
#include "base/error.h"
#include "batch/marks.h"

static void
set_datums(struct batch_sample *sample, const struct rows *rows, bool has_value);
static void take_fence(struct batch_sample *sample);

void
batch_sample_begin(struct batch_sample *sample, const struct spine_batch *batch,
                   size_t most)
{
    const uint64_t rows = batch->info.rows;

    assert(rows > 0 && most >= 2);
    reader_release(&sample->reader);
    reader_init(&sample->reader, batch);
    sample->count = rows < most ? (size_t)rows : most;
}

void
batch_sample_release(struct batch_sample *sample)
{
    if (sample->reader.batch == NULL)
        return;
    rows_release(&sample->reader.batch->layout, &sample->rows);
    reader_release(&sample->reader);
    *sample = (struct batch_sample){0};
}

/* Number `index` of the sample's count, spread evenly over `points`. */
static uint64_t
spread_evenly(const struct batch_sample *sample, size_t index, uint64_t points)
{
    assert(index < sample->count);
    return sample->count > 1 ? index * (points - 1) / (sample->count - 1) : 0;
}

enum spine_status
batch_sample_row(struct batch_sample *sample, size_t index)
{
    struct reader *reader = &sample->reader;
    const struct spine_batch *batch = reader->batch;

    reader_to_offset(reader, spread_evenly(sample, index, batch->info.rows));
    if (batch->fences[reader->block].block == NULL) {
        take_fence(sample);
        return SPINE_OK;
    }
    sample->rows.count = 0;
    TRY_RETURN(reader_peek(reader, &sample->rows, 1));
    set_datums(sample, &sample->rows, true);
    return SPINE_OK;
}

enum spine_status
batch_sample_key(struct batch_sample *sample, size_t index)
{
    const struct spine_batch *batch = sample->reader.batch;
    uint64_t lo = 0, hi;

    if (batch->marks == NULL)
        return batch_sample_row(sample, index);
    hi = batch->marks[spread_evenly(sample, index,
                                    marks_count(&batch->layout, batch->block_count))]
         << batch->layout.key_shift;
    set_datums(sample, &(struct rows){.hi = &hi, .lo = &lo, .count = 1}, false);
    return SPINE_OK;
}

/* The first row of the reader's block, or the last one, whichever is nearer. */
static void
take_fence(struct batch_sample *sample)
{
    const struct reader *reader = &sample->reader;
    const struct fence *fence = &reader->batch->fences[reader->block];
    struct row_code code =
        reader->row < fence->rows / 2 ? fence_first(fence) : fence_last(fence);
    const struct rows row = {.hi = &code.hi,
                             .lo = &code.lo,
                             .key = &code.key,
                             .value = &code.value,
                             .count = 1};

    set_datums(sample, &row, true);
}

static void
set_datums(struct batch_sample *sample, const struct rows *rows, bool has_value)
{
    const struct layout *layout = &sample->reader.batch->layout;

    sample->key = rows_key_datum(layout, rows, 0, sample->scratch[0]);
    if (has_value)
        sample->value = rows_value_datum(layout, rows, 0, sample->scratch[1]);
}
