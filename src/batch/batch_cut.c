/* SPDX-License-Identifier: MIT */

/*
 * Ranges of rows as batches of their own, which share the blocks that are in them as a
 * whole.
 */

#include "batch/fence.h"

#include "base/assert.h"
#include "base/error.h"

static enum spine_status cells_of_bounds(const struct spine_batch *batch,
                                         const union spine_datum *const bounds[2],
                                         struct cell cells[2], struct spine_error *error);
static enum spine_status
seek_bounds(const struct spine_batch *batch, const union spine_datum *const bounds[2],
            const struct cell cells[2], uint64_t rows[2], struct spine_error *error);
static enum spine_status seal_range(const struct spine_batch *batch, uint64_t begin,
                                    uint64_t end, struct spine_batch **out,
                                    struct spine_error *error);
static enum spine_status
append_range(struct output *output, struct reader *reader, uint64_t begin, uint64_t end);

enum spine_status
spine_batch_between(struct spine_batch *batch, const union spine_datum *lower,
                    const union spine_datum *upper, struct spine_batch **out,
                    struct spine_error *error)
{
    const union spine_datum *const bounds[2] = {lower, upper};
    struct cell cells[2];
    uint64_t rows[2];
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_batch_between", "out");
    *out = NULL;
    if (batch == NULL)
        return fail_null(error, "spine_batch_between", "batch");
    TRY_RETURN(cells_of_bounds(batch, bounds, cells, error));
    TRY_RETURN(seek_bounds(batch, bounds, cells, rows, error));
    if (rows[0] == 0 && rows[1] == batch->info.rows) {
        *out = spine_batch_ref(batch);
        return SPINE_OK;
    }
    st = seal_range(batch, rows[0], rows[0] < rows[1] ? rows[1] : rows[0], out, error);
    return st == SPINE_NOMEM
               ? fail_nomem(error, "a batch", batch_bytes(&batch->layout, 0))
               : st;
}

/* A bound that is NULL has no cell. */
static enum spine_status
cells_of_bounds(const struct spine_batch *batch, const union spine_datum *const bounds[2],
                struct cell cells[2], struct spine_error *error)
{
    for (size_t i = 0; i < 2; i++) {
        struct spine_error why = {0};

        if (bounds[i] != NULL &&
            cell_of_datum(&batch->layout.key, *bounds[i], &cells[i], &why) != SPINE_OK)
            return spine_fail(error, why.status, "spine_batch_between: %s: %s",
                              i == 0 ? "lower" : "upper", why.message);
    }
    return SPINE_OK;
}

/* The rows before the bounds; all of them before an upper one that is NULL. */
static enum spine_status
seek_bounds(const struct spine_batch *batch, const union spine_datum *const bounds[2],
            const struct cell cells[2], uint64_t rows[2], struct spine_error *error)
{
    struct reader reader;
    enum spine_status st = SPINE_OK;

    rows[0] = 0;
    rows[1] = batch->info.rows;
    reader_init(&reader, batch);
    reader.error = error;
    for (size_t i = 0; st == SPINE_OK && i < 2; i++)
        if (bounds[i] != NULL) {
            st = reader_seek(&reader, &cells[i], NULL);
            rows[i] = reader_offset(&reader);
        }
    reader_release(&reader);
    return st;
}

static enum spine_status
seal_range(const struct spine_batch *batch, uint64_t begin, uint64_t end,
           struct spine_batch **out, struct spine_error *error)
{
    struct output output;
    struct reader reader;
    /* Of copied rows, until they are packed. */
    struct pins pins = {0};
    enum spine_status st;

    output_init(&output, &batch->layout);
    output.judged_by = batch->judged_by;
    output.encode_rows = UINT64_MAX;
    reader_init(&reader, batch);
    reader.pins = &pins;
    reader.error = error;
    TRY(append_range(&output, &reader, begin, end));
    TRY(output_seal(&output, out, NULL));
out:
    output_release(&output);
    pins_release(&pins);
    reader_release(&reader);
    return st;
}

enum spine_status
batch_cut(const struct spine_batch *batch, uint64_t begin, uint64_t end,
          struct fetch *fetch, struct spine_batch **inner, struct spine_batch **outer)
{
    struct output output;
    struct reader reader;
    /* Of copied rows, until they are packed. */
    struct pins pins = {0};
    enum spine_status st;

    assert(begin < end && end <= batch->info.rows && end - begin < batch->info.rows);
    *inner = NULL;
    *outer = NULL;
    output_init(&output, &batch->layout);
    output.judged_by = batch->judged_by;
    output.encode_rows = UINT64_MAX;
    reader_init(&reader, batch);
    reader.pins = &pins;
    reader.fetch = fetch;
    TRY(append_range(&output, &reader, begin, end));
    TRY(output_seal(&output, inner, NULL));
    output.encode_rows = UINT64_MAX;
    TRY(append_range(&output, &reader, 0, begin));
    TRY(append_range(&output, &reader, end, batch->info.rows));
    TRY(output_seal(&output, outer, NULL));
out:
    output_release(&output);
    pins_release(&pins);
    reader_release(&reader);
    if (st != SPINE_OK) {
        spine_batch_unref(*inner);
        *inner = NULL;
    }
    return st;
}

/* Appends rows [begin, end) of the reader's batch. */
static enum spine_status
append_range(struct output *output, struct reader *reader, uint64_t begin, uint64_t end)
{
    uint64_t fuel_rows = UINT64_MAX;

    assert(begin <= end);
    reader_to_offset(reader, begin);
    return output_share_rows(output, reader, end, &fuel_rows);
}

/* A copy is encoded if its block is, and judged if that is. */
enum spine_status
output_share_rows(struct output *output, struct reader *reader, uint64_t end,
                  uint64_t *fuel_rows)
{
    while (*fuel_rows > 0 && reader_offset(reader) < end) {
        const struct fence *fence = &reader->batch->fences[reader->block];
        const uint64_t left = end - reader_offset(reader);

        --*fuel_rows;
        if (reader_at_block_start(reader) && reader_block_rows(reader) <= left) {
            TRY_RETURN(output_share_block(output, reader));
            continue;
        }
        if (fence->encoded)
            output->encode_rows = 1;
        TRY_RETURN(reader_stage(reader, &output->pending,
                                left < BLOCK_ROWS ? (size_t)left : BLOCK_ROWS));
        if (!fence->judged)
            output->doubtful_end = output->pending.count;
    }
    return SPINE_OK;
}
