/* SPDX-License-Identifier: MIT */
#include "merge/merge.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "merge/merge_inputs.h"

/* Rows of a window: how much kway_fill() is asked for at once. */
#define WINDOW_ROWS 16384u
/* Less fuel than this still gets a window of this size. So small is the window after a
 * block was taken over, too: more blocks may follow where it ends. */
#define WINDOW_ROWS_MIN 1024u
/* The least rows worth staging from an input at once. */
#define STAGE_ROWS_MIN 64u
/* More inputs than this are opened slice by slice and looked at only when it pays, and a
 * row of them costs more. */
#define FEW_INPUTS 64u
/* Rows that are staged of each then. */
#define OPEN_ROWS 8u
/* So many blocks in a row are worth a small block before them. */
#define SHARE_BLOCKS_MIN 4u

struct merge {
    struct layout layout;
    struct merge_input *inputs;
    /* As many as `inputs`, which their sources point to. */
    struct kway_input *staged;
    size_t input_count;
    /* So many are open. */
    size_t opened;
    struct kway kway;
    struct output output;
    /* Rows of the next window, if there is fuel for it. */
    size_t window_rows;
    /* The fuel of a merged row. */
    uint64_t row_fuel;
    /* From so many `rows_in` on it is looked for what needs no merging. */
    uint64_t look_rows_in;
    uint64_t rows_all;
    uint64_t rows_in;
    uint64_t blocks_shared;
    uint64_t rows_shared;
    struct retain *retain;
};

static enum spine_status
merge_alloc(struct merge **out, size_t input_count, struct spine_error *error);
static uint64_t pass_fuel(const struct merge *merge);
static enum spine_status
take_written(struct merge *merge, const struct spine_batch *written);
static enum spine_status
open_inputs(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used);
static enum spine_status
take_over(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used);
static enum spine_status find_front(struct merge *merge, struct merge_input **front,
                                    struct row_code *bound, bool *bounded);
static enum spine_status take_front(struct merge *merge, struct merge_input *front,
                                    const struct row_code *bound, uint64_t *fuel_used);
static enum spine_status share_block(struct merge *merge, struct merge_input *front);
static enum spine_status merge_window(struct merge *merge, uint64_t fuel_rows,
                                      uint64_t *fuel_used, struct spine_error *error);
static enum spine_status fail(enum spine_status status, struct spine_error *error);

enum spine_status
merge_new(struct merge **out, struct spine_batch *const *batches, size_t batch_count,
          const struct merge_options *options, struct spine_error *error)
{
    struct merge *merge = NULL;
    enum spine_status st;

    assert(batch_count >= 1);
    *out = NULL;
    TRY(merge_alloc(&merge, batch_count, error));
    merge->layout = batches[0]->layout;
    output_init(&merge->output, &merge->layout);
    merge->window_rows = WINDOW_ROWS;
    merge->row_fuel = 1;
    for (size_t few = FEW_INPUTS; few < batch_count; few *= 2)
        merge->row_fuel++;
    merge->kway = (struct kway){.layout = &merge->layout,
                                .inputs = merge->staged,
                                .input_count = batch_count,
                                .on_refill = merge_input_refill,
                                .in_pieces = options == NULL || options->retain == NULL};
    if (options != NULL && merge->layout.timed) {
        merge->kway.advance_times = options->advance_times;
        merge->kway.frontier = options->frontier;
    }

    const size_t share = 2 * WINDOW_ROWS / batch_count;

    for (size_t i = 0; i < batch_count; i++) {
        assert(spine_schema_equal(&batches[i]->layout.schema, &merge->layout.schema));
        merge_input_init(&merge->inputs[i], &merge->staged[i], batches[i],
                         share > STAGE_ROWS_MIN ? share : STAGE_ROWS_MIN);
        merge->rows_all += batches[i]->info.rows;
    }
    merge->output.rows_expected = merge->rows_all;
    if (options != NULL && options->encode_rows > 0)
        merge->output.encode_rows = options->encode_rows;
    if (options != NULL && options->written != NULL)
        TRY(take_written(merge, options->written));
    if (options != NULL)
        merge->retain = options->retain;
    *out = merge;
    merge = NULL;
out:
    merge_free(merge);
    if (st == SPINE_NOMEM)
        return fail_nomem(error, "a merge", sizeof *merge);
    return st;
}

static enum spine_status
take_written(struct merge *merge, const struct spine_batch *written)
{
    merge->output.rows_expected += written->info.rows;
    return output_share_batch(&merge->output, written);
}

enum spine_status
merge_step(struct merge *merge, uint64_t *fuel_rows, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    while (*fuel_rows > 0 && !merge_done(merge)) {
        const uint64_t rows_before = merge->rows_in;
        uint64_t fuel_used = 0;

        TRY(open_inputs(merge, *fuel_rows, &fuel_used));
        if (fuel_used < *fuel_rows)
            TRY(take_over(merge, *fuel_rows, &fuel_used));
        if (fuel_used < *fuel_rows && merge->rows_in == rows_before) {
            st = merge_window(merge, *fuel_rows, &fuel_used, error);
            if (st != SPINE_OK)
                return st;
        }
        TRY(output_flush(&merge->output, false));
        assert(fuel_used > 0);
        *fuel_rows -= fuel_used < *fuel_rows ? fuel_used : *fuel_rows;
    }
out:
    return st == SPINE_OK ? st : fail(st, error);
}

static enum spine_status
fail(enum spine_status status, struct spine_error *error)
{
    if (status == SPINE_OVERFLOW)
        return spine_fail(error, status,
                          "the weights of equal rows leave the range of int64_t");
    return spine_fail(error, status, "no memory for the next window of a merge");
}

bool
merge_done(const struct merge *merge)
{
    return merge->rows_in == merge->rows_all && !kway_holds(&merge->kway);
}

uint64_t
merge_rows_left(const struct merge *merge)
{
    return merge->rows_all - merge->rows_in + (kway_rows_held(&merge->kway) + 1) / 2;
}

void
merge_counts(const struct merge *merge, struct merge_counts *out)
{
    *out = (struct merge_counts){
        .rows_in = merge->rows_in,
        .rows_out = merge->output.rows + merge->output.pending.count,
        .blocks_shared = merge->blocks_shared,
        .rows_shared = merge->rows_shared,
        .rows_dropped = merge->retain != NULL ? retain_rows_dropped(merge->retain) : 0,
    };
}

enum spine_status
merge_seal(struct merge *merge, struct spine_batch **out, struct spine_error *error)
{
    assert(merge_done(merge));
    return output_seal(&merge->output, out, error);
}

bool
merge_may_split(const struct merge *merge)
{
    return merge->retain == NULL && !kway_holds(&merge->kway);
}

enum spine_status
merge_split(struct merge *merge, struct spine_batch **written, struct spine_batch **rests,
            struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    assert(merge_may_split(merge));
    *written = NULL;
    for (size_t i = 0; i < merge->input_count; i++)
        rests[i] = NULL;
    for (size_t i = 0; i < merge->input_count; i++) {
        struct merge_input *input = &merge->inputs[i];
        const uint64_t rows = input->batch->info.rows;

        merge_input_update(input);
        if (input->staged->rows_left > 0)
            TRY(batch_rest(input->batch, rows - input->staged->rows_left, &rests[i],
                           error));
    }
    TRY(output_seal(&merge->output, written, error));
out:
    for (size_t i = 0; st != SPINE_OK && i < merge->input_count; i++) {
        spine_batch_unref(rests[i]);
        rests[i] = NULL;
    }
    return st;
}

void
merge_free(struct merge *merge)
{
    if (merge == NULL)
        return;
    for (size_t i = 0; i < merge->input_count; i++)
        merge_input_release(&merge->inputs[i]);
    kway_release(&merge->kway);
    output_release(&merge->output);
    retain_free(merge->retain);
    mem_free(merge->inputs, merge->input_count * sizeof *merge->inputs);
    mem_free(merge->staged, merge->input_count * sizeof *merge->staged);
    mem_free(merge, sizeof *merge);
}

/* A zeroed merge with room for its inputs. */
static enum spine_status
merge_alloc(struct merge **out, size_t input_count, struct spine_error *error)
{
    const size_t input_bytes = input_count * sizeof(struct merge_input);
    const size_t staged_bytes = input_count * sizeof(struct kway_input);
    struct merge *merge = mem_zalloc(sizeof *merge);
    struct merge_input *inputs = mem_zalloc(input_bytes);
    struct kway_input *staged = mem_zalloc(staged_bytes);

    if (merge == NULL || inputs == NULL || staged == NULL) {
        mem_free(merge, sizeof *merge);
        mem_free(inputs, input_bytes);
        mem_free(staged, staged_bytes);
        return fail_nomem(error, "a merge", sizeof *merge + input_bytes + staged_bytes);
    }
    merge->inputs = inputs;
    merge->staged = staged;
    merge->input_count = input_count;
    *out = merge;
    return SPINE_OK;
}

/* The fuel of a look at every input. Few are not worth counting. */
static uint64_t
pass_fuel(const struct merge *merge)
{
    return merge->input_count > FEW_INPUTS ? merge->input_count : 0;
}

/* Stages the first rows of many inputs, each for a row's fuel. A large first block may
 * yet be taken over. */
static enum spine_status
open_inputs(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used)
{
    enum spine_status st = SPINE_OK;

    if (merge->input_count <= FEW_INPUTS)
        return SPINE_OK;
    while (merge->opened < merge->input_count && *fuel_used < fuel_rows) {
        struct merge_input *input = &merge->inputs[merge->opened];

        if (input->staged->more && !merge_input_block_is_large(input))
            TRY(merge_input_refill(input->staged, OPEN_ROWS));
        merge->opened++;
        ++*fuel_used;
    }
out:
    return st;
}

/*
 * Moves what needs no merging: pieces of the input with the least next row that lie below
 * the next row of every other input, if there are such pieces. With many inputs and small
 * pieces that costs more than merging: then not before as many rows are merged as there
 * are inputs.
 *
 *     input 0    a a a a|a a a a|a a d d      both blocks of a, not the third
 *     input 1                       c c e e
 */
static enum spine_status
take_over(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used)
{
    const uint64_t rows_at_first = merge->rows_in;
    struct merge_input *front;
    struct row_code bound;
    bool bounded;
    uint64_t rows_before;
    enum spine_status st;

    /* Rows whose times move, or that may be dropped, must be read. */
    if (merge->kway.advance_times || merge->retain != NULL || kway_holds(&merge->kway) ||
        merge->rows_in < merge->look_rows_in)
        return SPINE_OK;
    merge->kway.untouched = false;
    *fuel_used += pass_fuel(merge);
    TRY(find_front(merge, &front, &bound, &bounded));
    do {
        rows_before = merge->rows_in;
        TRY(take_front(merge, front, bounded ? &bound : NULL, fuel_used));
    } while (merge->rows_in > rows_before && *fuel_used < fuel_rows &&
             front->staged->rows_left > 0);
    if (merge->rows_in - rows_at_first < pass_fuel(merge) / 8)
        merge->look_rows_in = merge->rows_in + merge->input_count;
out:
    return st;
}

/* The input with the least next row, and the least next row of the others, if any. */
static enum spine_status
find_front(struct merge *merge, struct merge_input **front, struct row_code *bound,
           bool *bounded)
{
    struct row_code least = {0};
    enum spine_status st = SPINE_OK;

    *front = NULL;
    *bounded = false;
    for (size_t i = 0; i < merge->input_count; i++) {
        struct merge_input *input = &merge->inputs[i];
        struct row_code next;

        merge_input_update(input);
        if (input->staged->rows_left == 0)
            continue;
        TRY(merge_input_peek(input, &next));
        if (*front == NULL) {
            *front = input;
            least = next;
        } else if (row_code_compare(&merge->layout, &next, &least) < 0) {
            *bound = least;
            *bounded = true;
            *front = input;
            least = next;
        } else if (!*bounded || row_code_compare(&merge->layout, &next, bound) < 0) {
            *bound = next;
            *bounded = true;
        }
    }
    assert(*front != NULL);
out:
    return st;
}

/* Takes one piece of `front` below `bound`, if there is one: a block by reference, or
 * rows. */
static enum spine_status
take_front(struct merge *merge, struct merge_input *front, const struct row_code *bound,
           uint64_t *fuel_used)
{
    const size_t pending = merge->output.pending.count;
    const size_t blocks_min =
        pending == 0 || pending >= BLOCK_ROWS / 2 ? 1 : SHARE_BLOCKS_MIN;
    enum spine_status st = SPINE_OK;

    /* A block taken over ends the block before it, which should not be a small one. */
    if (merge_input_blocks_below(front, bound, blocks_min) == blocks_min &&
        merge_input_block_is_large(front) &&
        !output_encodes_block(&merge->output, &front->reader)) {
        *fuel_used += 1;
        return share_block(merge, front);
    }

    const size_t count =
        merge_input_copy_below(front, bound, &merge->output.pending, &st);

    *fuel_used += count;
    merge->rows_in += count;
    if (st == SPINE_OK)
        st = output_flush(&merge->output, false);
    return st;
}

static enum spine_status
share_block(struct merge *merge, struct merge_input *front)
{
    const uint32_t rows = reader_block_rows(&front->reader);
    enum spine_status st;

    TRY(output_share_block(&merge->output, &front->reader));
    merge_input_update(front);
    merge->rows_in += rows;
    merge->rows_shared += rows;
    merge->blocks_shared++;
    merge->window_rows = WINDOW_ROWS_MIN;
out:
    return st;
}

/* Merges one window. */
static enum spine_status
merge_window(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used,
             struct spine_error *error)
{
    const uint64_t fuel = fuel_rows > WINDOW_ROWS_MIN ? fuel_rows : WINDOW_ROWS_MIN;
    const uint64_t most = fuel / merge->row_fuel;
    const size_t want = most < merge->window_rows ? (size_t)most : merge->window_rows;
    const size_t begin = merge->output.pending.count;
    const uint64_t rows_again = merge->kway.rows_again;
    uint64_t rows_used = 0;
    enum spine_status st;

    st = kway_fill(&merge->kway, &merge->output.pending, want, &rows_used);
    if (st != SPINE_OK)
        return fail(st, error);
    merge->rows_in += rows_used;
    /* At least 1: what is left to do may be to give a row that is held. */
    *fuel_used += rows_used * merge->row_fuel + merge->kway.rows_again - rows_again;
    *fuel_used += rows_used == 0;
    if (!merge->kway.untouched)
        *fuel_used += pass_fuel(merge);
    merge->kway.untouched = true;
    if (merge->window_rows < WINDOW_ROWS)
        merge->window_rows *= 2;
    if (merge->retain != NULL)
        st = retain_rows(merge->retain, &merge->output.pending, begin, error);
    return st;
}
