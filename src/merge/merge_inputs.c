/* SPDX-License-Identifier: MIT */

/* Inputs of a merge: a reader of each batch that stages rows a piece at a time, and looks
 * at blocks that may be taken over without staging them. */

#include "merge/merge_inputs.h"

#include "base/assert.h"
#include "base/error.h"

/* Rows staged for a peek into a block. */
#define PEEK_ROWS 64u

static bool is_below(const struct layout *layout, const struct row_code *code,
                     const struct row_code *bound);
static size_t staged_rows(const struct merge_input *input);

void
merge_input_init(struct merge_input *input, struct kway_input *staged,
                 struct spine_batch *batch, size_t stage_rows_max)
{
    assert(stage_rows_max > 0);
    assert(staged != NULL);
    input->layout = &batch->layout;
    input->batch = spine_batch_ref(batch);
    reader_init(&input->reader, batch);
    input->reader.staged = staged;
    input->reader.use = PIN_TO_MERGE;
    input->staged = staged;
    input->stage_rows_max = stage_rows_max;
    staged->source = input;
    merge_input_update(input);
}

void
merge_input_release(struct merge_input *input)
{
    if (input->batch == NULL)
        return;
    rows_release(input->layout, &input->staged->rows);
    reader_release(&input->reader);
    read_ahead_release(&input->ahead);
    spine_batch_unref(input->batch);
    *input = (struct merge_input){0};
}

enum spine_status
merge_input_refill(struct kway_input *staged, size_t want)
{
    struct merge_input *input = staged->source;
    const size_t target = want < input->stage_rows_max ? want : input->stage_rows_max;
    enum spine_status st = SPINE_OK;
    size_t enough;

    assert(staged->more && target > 0);
    kway_input_drop_used(input->layout, staged);
    enough = staged->rows.count + target;
    while (st == SPINE_OK && staged->rows.count < enough &&
           !reader_at_end(&input->reader))
        st = reader_stage(&input->reader, &staged->rows, enough - staged->rows.count);
    merge_input_update(input);
    return st;
}

void
merge_input_update(struct merge_input *input)
{
    struct kway_input *staged = input->staged;
    const uint64_t unread = input->batch->info.rows - reader_offset(&input->reader);

    staged->more = unread > 0;
    staged->rows_left = unread + staged_rows(input);
}

enum spine_status
merge_input_peek(struct merge_input *input, struct row_code *out)
{
    struct kway_input *staged = input->staged;

    assert(staged_rows(input) > 0 || staged->more);
    if (staged_rows(input) == 0 && input->reader.row > 0) {
        /* Not into the next block, which may yet be taken over. */
        staged->rows.count = staged->at = 0;
        TRY_RETURN(reader_stage(&input->reader, &staged->rows, PEEK_ROWS));
        merge_input_update(input);
    }
    *out = staged_rows(input) > 0 ? rows_code(input->layout, &staged->rows, staged->at)
                                  : reader_block_first(&input->reader);
    return SPINE_OK;
}

enum spine_status
merge_input_copy_below(struct merge_input *input, const struct row_code *bound,
                       struct rows *to)
{
    struct kway_input *staged = input->staged;
    struct row_code last;

    assert(staged->at <= staged->rows.count);
    if (staged_rows(input) > 0) {
        last = rows_code(input->layout, &staged->rows, staged->rows.count - 1);
        if (!is_below(input->layout, &last, bound))
            return SPINE_OK;
        if (!rows_reserve(input->layout, to, to->count + staged_rows(input)))
            return SPINE_NOMEM;
        rows_append(input->layout, to, &staged->rows, staged->at, staged->rows.count);
        staged->rows.count = staged->at = 0;
    } else {
        if (!staged->more)
            return SPINE_OK;
        last = reader_block_last(&input->reader, 0);
        if (!is_below(input->layout, &last, bound))
            return SPINE_OK;
        TRY_RETURN(reader_stage(&input->reader, to, BLOCK_ROWS));
    }
    merge_input_update(input);
    return SPINE_OK;
}

bool
merge_input_has_single_times(const struct merge_input *input)
{
    const struct rows *rows = &input->staged->rows;

    if (staged_rows(input) == 0)
        return input->staged->more && reader_block_has_single_times(&input->reader);
    for (size_t at = input->staged->at; at + 1 < rows->count; at++) {
        const struct row_code row = rows_code(input->layout, rows, at);
        const struct row_code next = rows_code(input->layout, rows, at + 1);

        if (row_code_compare(input->layout, &row, &next) == 0)
            return false;
    }
    return true;
}

size_t
merge_input_blocks_below(const struct merge_input *input, const struct row_code *bound,
                         size_t blocks_max)
{
    const struct reader *reader = &input->reader;
    size_t count = 0;

    assert(reader->block <= input->batch->block_count);
    if (staged_rows(input) > 0 || !reader_at_block_start(reader))
        return 0;
    const size_t left = input->batch->block_count - reader->block;

    while (count < left && count < blocks_max) {
        const struct row_code last = reader_block_last(reader, count);

        if (!is_below(input->layout, &last, bound))
            break;
        count++;
    }
    return count;
}

bool
merge_input_block_ends_with(const struct merge_input *input, const struct row_code *bound)
{
    struct row_code last;

    if (bound == NULL)
        return false;
    last = reader_block_last(&input->reader, 0);
    return row_code_same_key(input->layout, &last, bound);
}

/* By rows, or by bytes where cells are long. */
bool
merge_input_block_is_large(const struct merge_input *input)
{
    return reader_block_rows(&input->reader) >= BLOCK_ROWS / 2 ||
           reader_block_bytes(&input->reader) >= BLOCK_BYTES / 2;
}

static bool
is_below(const struct layout *layout, const struct row_code *code,
         const struct row_code *bound)
{
    return bound == NULL || row_code_compare(layout, code, bound) < 0;
}

static size_t
staged_rows(const struct merge_input *input)
{
    return input->staged->rows.count - input->staged->at;
}
