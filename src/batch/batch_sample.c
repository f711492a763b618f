/* SPDX-License-Identifier: MIT */
#include "batch/marks.h"

static size_t point_of(size_t points, size_t index, size_t count);
static void
row_of_fence(const struct spine_batch *batch, size_t end, struct sample_row *out);

size_t
batch_sample_keys(const struct spine_batch *batch, size_t most)
{
    const size_t points = layout_has_marks(&batch->layout)
                              ? batch->block_count * BLOCK_MARKS + 1
                              : batch->block_count + 1;

    assert(batch->block_count > 0 && most >= 2);
    return points < most ? points : most;
}

union spine_datum
batch_sample_key(const struct spine_batch *batch, size_t index, size_t count,
                 uint8_t *scratch)
{
    if (layout_has_marks(&batch->layout)) {
        const size_t points = batch->block_count * BLOCK_MARKS + 1;
        uint64_t lo = 0;
        uint64_t hi = batch->marks[point_of(points, index, count)]
                      << batch->layout.key_shift;
        const struct rows row = {.hi = &hi, .lo = &lo, .count = 1};

        return rows_key_datum(&batch->layout, &row, 0, scratch);
    }

    const size_t block = point_of(batch->block_count + 1, index, count);

    return block < batch->block_count ? batch_block_key(batch, block, scratch)
                                      : batch_key_max(batch, scratch);
}

/* Which of `points` is number `index` of `count` >= 2 of them, spread evenly. */
static size_t
point_of(size_t points, size_t index, size_t count)
{
    assert(index < count && count >= 2 && count <= points);
    return (size_t)((uint64_t)index * (points - 1) / (count - 1));
}

size_t
batch_sample_rows(const struct spine_batch *batch, size_t most)
{
    const size_t points = 2 * batch->block_count;

    assert(batch->block_count > 0 && most >= 2);
    return points < most ? points : most;
}

void
batch_sample_row(const struct spine_batch *batch, size_t index, size_t count,
                 struct sample_row *out)
{
    row_of_fence(batch, point_of(2 * batch->block_count, index, count), out);
}

/* The first row of block `end` / 2, or the last one when `end` is odd. */
static void
row_of_fence(const struct spine_batch *batch, size_t end, struct sample_row *out)
{
    const struct fence *fence = &batch->fences[end / 2];
    struct row_code code = end % 2 == 1 ? fence_last(fence) : fence_first(fence);
    const struct rows row = {.hi = &code.hi,
                             .lo = &code.lo,
                             .key = &code.key,
                             .value = &code.value,
                             .count = 1};

    out->key = rows_key_datum(&batch->layout, &row, 0, out->scratch[0]);
    out->value = rows_value_datum(&batch->layout, &row, 0, out->scratch[1]);
}
