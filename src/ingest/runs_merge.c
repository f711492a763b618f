/* SPDX-License-Identifier: MIT */
#include "ingest/runs_merge.h"

#include "base/alloc.h"
#include "base/error.h"

/* Rows that kway_fill() is asked for at once. */
#define WINDOW_ROWS 16384u

/* Rows staged at least: those that a window leaves must be moved before the next are
 * staged. */
#define STAGE_ROWS 2048u

/* A merge of runs while it lasts. */
struct runs_merger {
    struct kway kway;
    struct kway_input *inputs;
    struct reader *readers;
    size_t count;
    struct output output;
    /* Blocks that rows borrow from, and what could not be read. */
    struct pins pins;
    struct spine_error unread;
};

static enum spine_status merger_init(struct runs_merger *merger,
                                     const struct layout *layout,
                                     struct spine_batch *const *batches, size_t count);
static void merger_release(struct runs_merger *merger);
static enum spine_status refill(struct kway_input *input, size_t want);

enum spine_status
runs_merge(const struct layout *layout, struct spine_batch *const *batches, size_t count,
           uint64_t encode_rows, struct spine_batch **out, struct spine_error *error)
{
    struct runs_merger merger;
    struct spine_error unread;
    uint64_t rows_used = 0;
    enum spine_status st;

    *out = NULL;
    TRY(merger_init(&merger, layout, batches, count));
    merger.output.encode_rows = encode_rows;
    while (!kway_done(&merger.kway)) {
        TRY(kway_fill(&merger.kway, &merger.output.pending, WINDOW_ROWS, &rows_used));
        TRY(output_flush(&merger.output, false));
        if (merger.pins.count > 0)
            pins_settle(&merger.pins, merger.output.rows + merger.output.pending.count,
                        merger.output.rows);
    }
    TRY(output_seal(&merger.output, out, NULL));
out:
    unread = merger.unread;
    merger_release(&merger);
    if (st == SPINE_OVERFLOW)
        return spine_fail(error, st, "the weights of equal rows leave int64_t");
    if (st != SPINE_OK)
        return fail_by(error, &unread, st, "no memory to merge runs");
    return st;
}

static enum spine_status
merger_init(struct runs_merger *merger, const struct layout *layout,
            struct spine_batch *const *batches, size_t count)
{
    *merger = (struct runs_merger){.count = count};
    output_init(&merger->output, layout);
    merger->kway.layout = &merger->output.layout;
    if (count == 0)
        return SPINE_OK;
    merger->inputs = mem_zalloc(count * sizeof *merger->inputs);
    merger->readers = mem_zalloc(count * sizeof *merger->readers);
    if (merger->inputs == NULL || merger->readers == NULL)
        return SPINE_NOMEM;
    merger->kway.inputs = merger->inputs;
    merger->kway.input_count = count;
    merger->kway.on_refill = refill;
    for (size_t i = 0; i < count; i++) {
        reader_init(&merger->readers[i], batches[i]);
        merger->readers[i].pins = &merger->pins;
        merger->readers[i].staged = &merger->inputs[i];
        merger->readers[i].error = &merger->unread;
        merger->output.rows_expected += batches[i]->info.rows;
        merger->inputs[i].source = &merger->readers[i];
        merger->inputs[i].rows_left = batches[i]->info.rows;
        merger->inputs[i].more = batches[i]->info.rows > 0;
    }
    return SPINE_OK;
}

static void
merger_release(struct runs_merger *merger)
{
    const struct layout *layout = &merger->output.layout;

    for (size_t i = 0; merger->inputs != NULL && i < merger->count; i++)
        rows_release(layout, &merger->inputs[i].rows);
    for (size_t i = 0; merger->readers != NULL && i < merger->count; i++)
        reader_release(&merger->readers[i]);
    pins_release(&merger->pins);
    mem_free(merger->inputs, merger->count * sizeof *merger->inputs);
    mem_free(merger->readers, merger->count * sizeof *merger->readers);
    kway_release(&merger->kway);
    output_release(&merger->output);
}

static enum spine_status
refill(struct kway_input *input, size_t want)
{
    struct reader *reader = input->source;
    enum spine_status st;

    rows_drop_front(&reader->batch->layout, &input->rows, input->at);
    input->at = 0;
    reader_stage(reader, &input->rows, want > STAGE_ROWS ? want : STAGE_ROWS, &st);
    input->more = reader->block < reader->batch->block_count;
    input->rows_left =
        input->rows.count + reader->batch->info.rows - reader_offset(reader);
    return st;
}
