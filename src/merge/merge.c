/* SPDX-License-Identifier: MIT */

/*
 * A merge from begin to seal: each step takes blocks over where one input has a range
 * alone (merge_take.c), merges a window of rows where inputs overlap, or judges what was
 * merged, until its fuel is out.
 */

#include "merge/merge.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "merge/merge_state.h"

/* The least rows worth staging from an input at once. */
#define STAGE_ROWS_MIN 64u

static enum spine_status
merge_alloc(struct merge **out, size_t input_count, struct spine_error *error);
static void
gather_files(struct merge *merge, struct spine_batch *const *batches, size_t batch_count);
static void set_output(struct merge *merge, const struct merge_options *options);
static size_t init_inputs(struct merge *merge, struct spine_batch *const *batches);
static size_t window_most(struct spine_batch *const *batches, size_t batch_count,
                          const struct merge_options *options);
static void bring_all(struct merge *merge);
static void take_given(struct merge *merge, const struct merge_options *options);
static void take_filters(struct merge *merge, struct retain *retain);
static void expect_written(struct merge *merge, struct spine_batch *written);
static enum spine_status take_written(struct merge *merge, uint64_t *fuel_rows);
static enum spine_status
step(struct merge *merge, uint64_t *fuel_rows, struct spine_error *error);
static enum spine_status judge(struct merge *merge, uint64_t fuel_rows,
                               uint64_t *fuel_used, struct spine_error *error);
static enum spine_status merge_more(struct merge *merge, uint64_t fuel_rows,
                                    uint64_t *fuel_used, struct spine_error *error);
static enum spine_status merge_window(struct merge *merge, uint64_t fuel_rows,
                                      uint64_t *fuel_used, struct spine_error *error);
static size_t rows_coming(const struct merge *merge, size_t want);
static void merge_return_pins(struct merge *merge);
static void merge_release(struct merge *merge);
static enum spine_status merge_fail(const struct merge *merge, enum spine_status status,
                                    struct spine_error *error);

static inline size_t
least_rows(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum spine_status
merge_new(struct merge **out, struct spine_batch *const *batches, size_t batch_count,
          const struct merge_options *options, struct spine_error *error)
{
    struct account_span span = account_enter(options != NULL ? options->account : NULL);
    struct merge *merge = NULL;
    /* That the output may take over. */
    size_t blocks;
    enum spine_status st;

    assert(batch_count >= 1);
    *out = NULL;
    TRY(merge_alloc(&merge, batch_count, error));
    merge->layout = batches[0]->layout;
    schema_ref(&merge->layout.schema);
    output_init(&merge->output, &merge->layout);
    merge->output.error = &merge->unread;
    if (span.account != NULL)
        merge->output.account = merge->account = account_ref(span.account);
    merge->window_rows_max = window_most(batches, batch_count, options);
    merge->window_rows = merge->window_rows_max;
    merge->row_fuel = 1;
    for (size_t few = MERGE_FEW_INPUTS; few < batch_count; few *= 2)
        merge->row_fuel++;
    merge->kway = (struct kway){.layout = &merge->layout,
                                .inputs = merge->staged,
                                .input_count = batch_count,
                                .on_refill = merge_input_refill,
                                .in_pieces = true};
    if (options != NULL && merge->layout.timed) {
        merge->kway.advance_times = options->advance_times;
        merge->kway.frontier = options->frontier;
        merge->may_keep_times = options->may_keep_times;
    }

    blocks = init_inputs(merge, batches);
    merge->output.rows_expected = merge->rows_all;
    if (options != NULL)
        set_output(merge, options);
    gather_files(merge, batches, batch_count);
    if (options != NULL && options->waiter != NULL)
        merge_read_ahead(merge, options);
    /* What is read beyond an overlap is not taken over. */
    if (options != NULL && options->untouched_rows > 0)
        merge->window_rows = merge_window_min(merge);
    if (options != NULL && options->written != NULL) {
        expect_written(merge, options->written);
        blocks += options->written->block_count;
    }
    TRY(output_reserve_blocks(&merge->output, blocks + merge->rows_all / BLOCK_ROWS + 1));
    if (options != NULL)
        take_given(merge, options);
    *out = merge;
    merge = NULL;
out:
    merge_release(merge);
    account_leave(&span);
    if (st == SPINE_NOMEM)
        return fail_nomem(error, "a merge", sizeof *merge);
    return st;
}

/* Returns how many blocks the output may take over. */
static size_t
init_inputs(struct merge *merge, struct spine_batch *const *batches)
{
    const size_t batch_count = merge->input_count;
    const size_t share = 2 * merge->window_rows_max / batch_count;
    const size_t share_min = least_rows(STAGE_ROWS_MIN, merge->window_rows_max);
    size_t blocks = 0;

    for (size_t i = 0; i < batch_count; i++) {
        assert(spine_schema_equal(&batches[i]->layout.schema, &merge->layout.schema));
        merge_input_init(&merge->inputs[i], &merge->staged[i], batches[i],
                         share > share_min ? share : share_min);
        merge->inputs[i].reader.pins = &merge->pins;
        merge->inputs[i].reader.error = &merge->unread;
        merge->rows_all += batches[i]->info.rows;
        if (batches[i]->block_count > 1)
            blocks += batches[i]->block_count;
    }
    return blocks;
}

static void
set_output(struct merge *merge, const struct merge_options *options)
{
    struct output *output = &merge->output;

    output->on_wanted = merge_wanted;
    output->wanted_context = merge;
    output->placement = options->placement;
    output->lookup = options->lookup;
    if (options->encode_rows > 0)
        output->encode_rows = options->encode_rows;
    if (options->retain != NULL)
        output->judged_by = retain_judged_by(options->retain);
}

/*
 * Blocks that are taken over stay in their files, so the blocks of a batch come to lie in
 * ever more files, each with a small part of them. When the inputs lie in more than
 * MERGE_FILES_MAX files, blocks of files that hold less than a 64th of all are written
 * again, to the file of the output. At least 64 new files come before the next time, so a
 * block is written again about as often as tiering by 64 would write it.
 */
static void
gather_files(struct merge *merge, struct spine_batch *const *batches, size_t batch_count)
{
    const struct placement *placement = merge->output.placement;
    size_t files = 0, blocks = 0;

    if (placement == NULL || placement->store == NULL)
        return;
    for (size_t i = 0; i < batch_count; i++) {
        files += batches[i]->file_count;
        blocks += batches[i]->block_count;
    }
    if (files > MERGE_FILES_MAX)
        merge->stranded_blocks = blocks / (MERGE_FILES_MAX / 2);
}

/*
 * The rows of a window, at most. Rows with spans keep the blocks that they borrow from in
 * memory: with a memory limit a window of these takes about as many bytes as are read
 * ahead.
 */
static size_t
window_most(struct spine_batch *const *batches, size_t batch_count,
            const struct merge_options *options)
{
    const struct layout *layout = &batches[0]->layout;
    uint64_t bytes = 0, rows = 0, most;

    if (options == NULL || options->ahead_bytes == 0 ||
        (!layout->key.spans && !layout->value.spans))
        return WINDOW_ROWS;
    for (size_t i = 0; i < batch_count; i++) {
        bytes += batches[i]->info.bytes + batches[i]->bytes_elsewhere;
        rows += batches[i]->info.rows;
    }
    if (rows == 0 || bytes < rows)
        return WINDOW_ROWS;
    most = options->ahead_bytes / (bytes / rows);
    return most < WINDOW_ROWS_LEAST ? WINDOW_ROWS_LEAST
                                    : least_rows((size_t)most, WINDOW_ROWS);
}

/* What a merge that succeeds takes of its options. */
static void
take_given(struct merge *merge, const struct merge_options *options)
{
    if (options->retain != NULL)
        take_filters(merge, options->retain);
    merge->reservation = options->reservation;
}

/* Filters that have judged all inputs, by themselves, have nothing to say. */
static void
take_filters(struct merge *merge, struct retain *retain)
{
    const struct judged_by filters = retain_judged_by(retain);
    bool judged = !retain_by_group(retain);

    for (size_t i = 0; i < merge->input_count; i++) {
        const struct spine_batch *batch = merge->inputs[i].batch;

        judged = judged && batch->judged && judged_by_covers(&batch->judged_by, &filters);
    }
    if (judged) {
        retain_free(retain);
        return;
    }
    merge->retain = retain;
    retain_set_fetch(retain, &merge->fetch);
}

static void
expect_written(struct merge *merge, struct spine_batch *written)
{
    merge->written = spine_batch_ref(written);
    reader_init(&merge->written_reader, written);
    merge->output.rows_expected += written->info.rows;
}

/* The next blocks of what a merge that was split has written. */
static enum spine_status
take_written(struct merge *merge, uint64_t *fuel_rows)
{
    merge->intact = true;
    TRY_RETURN(output_share_rest(&merge->output, &merge->written_reader, fuel_rows));
    if (merge->written_reader.block == merge->written->block_count) {
        spine_batch_unref(merge->written);
        merge->written = NULL;
    }
    return SPINE_OK;
}

enum spine_status
merge_step(struct merge *merge, uint64_t *fuel_rows, struct spine_error *error)
{
    struct account_span span = account_enter(merge->account);
    const enum spine_status st = step(merge, fuel_rows, error);

    account_leave(&span);
    return st;
}

static enum spine_status
step(struct merge *merge, uint64_t *fuel_rows, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    assert(merge->splitting == NULL);
    if (merge->written != NULL)
        TRY(take_written(merge, fuel_rows));
    merge->lacks = output_awaits(&merge->output);
    while (*fuel_rows > 0 && !merge_done(merge) && !merge->lacks &&
           !(merge->seeks_split && merge_may_split(merge))) {
        uint64_t fuel_used = 0;

        merge->intact = merge->retain != NULL && !retain_by_group(merge->retain) &&
                        merge->fresh.count > 0;
        if (merge->fresh.count > 0)
            st = judge(merge, *fuel_rows, &fuel_used, error);
        else
            st = merge_more(merge, *fuel_rows, &fuel_used, error);
        if (st != SPINE_OK)
            return st;
        merge->intact = true;
        fuel_used += merge->lacks && fuel_used == 0;
        TRY(output_flush(&merge->output, false));
        merge->lacks = merge->lacks || output_awaits(&merge->output);
        merge_return_pins(merge);
        assert(fuel_used > 0);
        *fuel_rows -= fuel_used < *fuel_rows ? fuel_used : *fuel_rows;
    }
out:
    return st == SPINE_OK ? st : merge_fail(merge, st, error);
}

/* Rows that were merged borrow from blocks until they are packed. */
static void
merge_return_pins(struct merge *merge)
{
    const struct output *output = &merge->output;
    const size_t fresh = merge->fresh.count - merge->fresh_at;

    if (merge->pins.count > 0 && !kway_holds(&merge->kway))
        pins_return(&merge->pins, output->rows + output->pending.count + fresh,
                    output->rows);
}

/* Judges the rows that were merged, or those before what a split would leave to the next
 * merge, which reads them again. */
static enum spine_status
judge(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used,
      struct spine_error *error)
{
    struct retain_fuel fuel = {.rows = fuel_rows > WINDOW_ROWS_MIN ? fuel_rows
                                                                   : WINDOW_ROWS_MIN};
    struct rows rows = merge->fresh;
    enum spine_status st;

    assert(merge->retain != NULL);
    assert(merge->fresh_at <= merge->fresh.count);
    rows.count = merge_rows_to_judge(merge);
    st =
        retain_step(merge->retain, &rows, &merge->fresh_at, &merge->output, &fuel, error);
    merge->lacks = st == SPINE_BUSY;
    if (st != SPINE_OK && st != SPINE_BUSY)
        return st;
    if (merge->fresh_at == rows.count) {
        rows_drop_front(&merge->layout, &merge->fresh, rows.count);
        merge->fresh_at = 0;
    }
    *fuel_used += fuel.used > 0 ? fuel.used : 1;
    return SPINE_OK;
}

/* Opens inputs, takes blocks over, or merges a window. */
static enum spine_status
merge_more(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used,
           struct spine_error *error)
{
    const uint64_t rows_before = merge->rows_in;
    enum spine_status st;

    assert(merge->fresh.count == 0);
    TRY(merge_open_inputs(merge, fuel_rows, fuel_used));
    if (*fuel_used < fuel_rows)
        TRY(merge_take_over(merge, fuel_rows, fuel_used));
    if (*fuel_used < fuel_rows && merge->rows_in == rows_before)
        return merge_window(merge, fuel_rows, fuel_used, error);
out:
    if (st == SPINE_BUSY) {
        merge->lacks = true;
        return SPINE_OK;
    }
    return st == SPINE_OK ? st : merge_fail(merge, st, error);
}

static enum spine_status
merge_fail(const struct merge *merge, enum spine_status status, struct spine_error *error)
{
    return fail_by(error, &merge->unread, status,
                   "no memory for the next window of a merge");
}

/* A window needs rows of all inputs: what is not there is read at the same time. What
 * cannot be read is asked for again, by the next window. */
static void
bring_all(struct merge *merge)
{
    for (size_t i = 0; i < merge->input_count; i++) {
        struct merge_input *input = &merge->inputs[i];
        const struct reader *reader = &input->reader;

        if (reader->ahead != NULL && input->staged->more &&
            input->staged->rows.count - input->staged->at < 2)
            (void)read_ahead_bring(&input->ahead, input->batch, reader->block, NULL);
    }
}

bool
merge_lacks(const struct merge *merge)
{
    return merge->lacks;
}

bool
merge_awaits(const struct merge *merge)
{
    for (size_t i = 0; i < merge->input_count; i++)
        if (read_ahead_awaits(&merge->inputs[i].ahead, merge->inputs[i].reader.block))
            return true;
    if (fetch_awaits(&merge->fetch))
        return true;
    return output_awaits(&merge->output);
}

bool
merge_is_intact(const struct merge *merge)
{
    return merge->intact && !merge->output.is_lost;
}

bool
merge_done(const struct merge *merge)
{
    return merge->written == NULL && merge->rows_in == merge->rows_all &&
           merge->fresh.count == 0 && !kway_holds(&merge->kway);
}

uint64_t
merge_rows_left(const struct merge *merge)
{
    return merge->rows_all - merge->rows_in + (kway_rows_held(&merge->kway) + 1) / 2 +
           merge->fresh.count - merge->fresh_at;
}

const struct reservation *
merge_reservation(const struct merge *merge)
{
    return &merge->reservation;
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
merge_seal(struct merge *merge, uint64_t *fuel_rows, struct spine_batch **out,
           struct spine_error *error)
{
    struct account_span span = account_enter(merge->account);
    enum spine_status st;

    assert(merge->splitting == NULL);
    assert(merge_done(merge));
    st = output_seal_step(&merge->output, fuel_rows, out, error);
    merge->lacks = *out == NULL && output_awaits(&merge->output);
    if (*out != NULL)
        merge_leave_asked(merge, *out);
    merge_charge(merge, *out);
    account_leave(&span);
    return st;
}

bool
merge_is_lost(const struct merge *merge)
{
    return merge->output.is_lost;
}

void
merge_free(struct merge *merge)
{
    struct account_span span = account_enter(merge != NULL ? merge->account : NULL);
    struct reservation reservation = {0};

    if (merge != NULL)
        reservation = merge->reservation;
    if (span.account != NULL)
        (void)account_ref(span.account);
    merge_release(merge);
    account_leave(&span);
    account_unref(span.account);
    runtime_unreserve(&reservation);
}

static void
merge_release(struct merge *merge)
{
    if (merge == NULL)
        return;
    merge_abort_split(merge);
    spine_batch_unref(merge->written);
    pins_release(&merge->pins);
    for (size_t i = 0; i < merge->input_count; i++)
        merge_input_release(&merge->inputs[i]);
    kway_release(&merge->kway);
    output_release(&merge->output);
    rows_release(&merge->layout, &merge->fresh);
    retain_free(merge->retain);
    fetch_release(&merge->fetch);
    account_unref(merge->account);
    schema_unref(&merge->layout.schema);
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

/* Merges one window. */
static enum spine_status
merge_window(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used,
             struct spine_error *error)
{
    const uint64_t fuel = fuel_rows > WINDOW_ROWS_MIN ? fuel_rows : WINDOW_ROWS_MIN;
    const uint64_t most = fuel / merge->row_fuel;
    const size_t want = most < merge->window_rows ? (size_t)most : merge->window_rows;
    const uint64_t rows_again = merge->kway.rows_again;
    uint64_t rows_used = 0;
    struct rows *rows = merge_window_rows(merge);
    enum spine_status st;

    if (!rows_reserve(merge->kway.layout, rows, rows->count + rows_coming(merge, want)))
        return merge_fail(merge, SPINE_NOMEM, error);
    st = kway_fill(&merge->kway, rows, want, &rows_used);
    if (st == SPINE_OVERFLOW)
        return fail_overflow_in(error, merge->kway.layout, merge_window_rows(merge),
                                false);
    if (st == SPINE_BUSY) {
        merge->lacks = true;
        bring_all(merge);
    } else if (st != SPINE_OK)
        return merge_fail(merge, st, error);
    merge->last_taken = NULL;
    merge->rows_in += rows_used;
    /* At least 1: what is left to do may be to give a row that is held. */
    *fuel_used += rows_used * merge->row_fuel + merge->kway.rows_again - rows_again;
    *fuel_used += rows_used == 0;
    if (!merge->kway.untouched)
        *fuel_used += merge_pass_fuel(merge);
    merge->kway.untouched = true;
    merge->window_rows = least_rows(2 * merge->window_rows, merge->window_rows_max);
    return SPINE_OK;
}

/* The most rows, about, that a window of `want` rows will write. The output gets room for
 * all of them at once: one that grows as rows come is copied again and again. */
static size_t
rows_coming(const struct merge *merge, size_t want)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < merge->kway.input_count && rows < want; i++)
        rows += merge->kway.inputs[i].rows_left;
    return rows < want ? (size_t)rows : want;
}
