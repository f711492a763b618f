/* SPDX-License-Identifier: MIT */
#include "batch/runs.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/fence.h"
#include "batch/runs_merge.h"

/* Runs of up to so many bytes are of the lowest class: more than most buffers become. */
#define CLASS_BYTES (512u << 10)
/* All runs are merged when the smaller ones have so many times the bytes of the largest,
 * and are many or have so many bytes that it matters. */
#define REST_FACTOR 2u
#define REST_BYTES (16u << 20)
/* The most runs that are made of one buffer, as if a sum could be so many times too
 * large. */
#define LAYERS_MAX 64u

static enum spine_status
close_buffer_above(struct runs *runs, size_t floor, struct spine_error *error);
static enum spine_status
settle_above(struct runs *runs, size_t floor, struct spine_error *error);
static enum spine_status
add_run(struct runs *runs, size_t floor, struct spine_error *error);
static void choose(const struct runs *runs, size_t floor, size_t *begin, size_t *end);
static unsigned class_of(uint64_t bytes);
static enum spine_status merge_range(struct runs *runs, size_t floor, size_t begin,
                                     size_t end, struct spine_error *error);
static void push_run(struct runs *runs, size_t floor, struct spine_batch *batch);
static void drop_runs(struct runs *runs, size_t begin, size_t end);

void
runs_init(struct runs *runs, const struct layout *layout)
{
    *runs = (struct runs){.layout = *layout};
}

void
runs_release(struct runs *runs)
{
    drop_runs(runs, 0, runs->count);
    mem_free(runs->batches, runs->capacity * sizeof *runs->batches);
    rows_release(&runs->layout, &runs->buffer);
    rows_release(&runs->layout, &runs->scratch);
    *runs = (struct runs){.layout = runs->layout};
}

void
runs_clear(struct runs *runs)
{
    drop_runs(runs, 0, runs->count);
    runs->buffer.count = 0;
    runs->apart = false;
}

enum spine_status
runs_close_buffer(struct runs *runs, struct spine_error *error)
{
    return close_buffer_above(runs, 0, error);
}

enum spine_status
runs_settle(struct runs *runs, struct spine_error *error)
{
    return settle_above(runs, 0, error);
}

enum spine_status
runs_add_columns(struct runs *runs, const struct spine_columns *columns,
                 struct spine_error *error)
{
    const size_t floor = runs->count;
    enum spine_status st = SPINE_OK;

    assert(runs->buffer.count == 0);
    /* What this call adds stays above `floor` until all of it is there. */
    for (size_t at = 0; at < columns->rows;) {
        const size_t left = columns->rows - at;
        const size_t end = at + (left < RUN_ROWS ? left : RUN_ROWS);

        if (!rows_reserve(&runs->layout, &runs->buffer, end - at))
            TRY(fail_nomem(error, "a buffer of rows", end - at));
        rows_append_columns(&runs->layout, &runs->buffer, columns, at, end);
        TRY(close_buffer_above(runs, floor, error));
        TRY(settle_above(runs, floor, error));
        at = end;
    }
    /* Among the others they go in order of size again. */
    for (size_t i = floor; i < runs->count; i++) {
        struct spine_batch *batch = runs->batches[i];
        size_t at = i;

        for (; at > 0 && runs->batches[at - 1]->info.bytes < batch->info.bytes; at--)
            runs->batches[at] = runs->batches[at - 1];
        runs->batches[at] = batch;
    }
out:
    runs->buffer.count = 0;
    if (st != SPINE_OK)
        drop_runs(runs, floor, runs->count);
    return st;
}

enum spine_status
runs_seal(struct runs *runs, struct spine_batch **out, struct spine_error *error)
{
    enum spine_status st;

    assert(runs->buffer.count == 0);
    *out = NULL;
    /* One run of many rows is read once more, so that its blocks become encoded. */
    if (runs->count == 1 && runs->batches[0]->info.rows < ENCODE_ROWS) {
        *out = runs->batches[0];
        runs->count = 0;
        return SPINE_OK;
    }
    TRY(runs_merge(&runs->layout, runs->batches, runs->count, ENCODE_ROWS, out, error));
    drop_runs(runs, 0, runs->count);
    runs->apart = false;
out:
    return st;
}

static enum spine_status
close_buffer_above(struct runs *runs, size_t floor, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    for (unsigned layer = 0; st == SPINE_OK && runs->buffer.count > 0; layer++) {
        if (layer == LAYERS_MAX) {
            runs->buffer.count = 0;
            return spine_fail(error, SPINE_OVERFLOW,
                              "the weights of equal rows leave int64_t by far");
        }
        st = add_run(runs, floor, error);
    }
    return st;
}

/* Makes a run of the buffer and leaves in it what cannot be added to its rows, or not
 * before others come. */
static enum spine_status
add_run(struct runs *runs, size_t floor, struct spine_error *error)
{
    const struct layout *layout = &runs->layout;
    struct spine_batch *batch;
    enum spine_status st;

    runs->scratch.count = 0;
    if (!array_reserve(&runs->batches, &runs->capacity, sizeof(struct spine_batch *),
                       runs->count + 1))
        return fail_nomem(error, "runs of a batcher", runs->count + 1);
    st = rows_consolidate(layout, &runs->buffer, &runs->scratch);
    runs->scratch.count = 0;
    if (st == SPINE_NOMEM || (st == SPINE_OVERFLOW &&
                              !rows_take_repeats(layout, &runs->buffer, &runs->scratch)))
        return fail_nomem(error, "rows to sort with", runs->buffer.count);
    if (st != SPINE_OVERFLOW)
        TRY(st);
    if (runs->buffer.count == 0)
        return SPINE_OK;
    st = batch_of_sorted(layout, &runs->buffer, &batch, error);
    if (st != SPINE_OK) {
        rows_append(layout, &runs->buffer, &runs->scratch, 0, runs->scratch.count);
        return st;
    }
    runs->buffer.count = 0;
    rows_append(layout, &runs->buffer, &runs->scratch, 0, runs->scratch.count);
    push_run(runs, floor, batch);
out:
    return st;
}

static enum spine_status
settle_above(struct runs *runs, size_t floor, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    while (st == SPINE_OK && !runs->apart) {
        size_t begin, end;

        choose(runs, floor, &begin, &end);
        if (begin == end)
            break;
        st = merge_range(runs, floor, begin, end, error);
    }
    if (st == SPINE_OVERFLOW) {
        runs->apart = true;
        st = SPINE_OK;
    }
    return st;
}

/* Runs [begin, end) are to be merged; none when they are equal. */
static void
choose(const struct runs *runs, size_t floor, size_t *begin, size_t *end)
{
    struct spine_batch *const *batches = runs->batches;
    const size_t count = runs->count;
    uint64_t rest = 0;

    *begin = *end = floor;
    if (count - floor < 2)
        return;
    for (size_t i = floor + 1; i < count; i++)
        rest += batches[i]->info.bytes;
    if (rest >= REST_FACTOR * batches[floor]->info.bytes &&
        (count - floor >= RUN_FAN_IN || rest >= REST_BYTES)) {
        *end = count;
        return;
    }
    /* Runs are in order of size: those of one class are neighbours. */
    for (size_t i = count; i > floor;) {
        const size_t class_end = i;
        const unsigned level = class_of(batches[i - 1]->info.bytes);

        while (i > floor && class_of(batches[i - 1]->info.bytes) == level)
            i--;
        if (class_end - i >= RUN_FAN_IN) {
            *begin = i;
            *end = class_end;
            return;
        }
    }
}

/* The runs of a class are merged into one of the next, if nothing adds up. */
static unsigned
class_of(uint64_t bytes)
{
    unsigned level = 0;

    for (uint64_t bound = CLASS_BYTES; bound < bytes; bound *= RUN_FAN_IN)
        level++;
    return level;
}

static enum spine_status
merge_range(struct runs *runs, size_t floor, size_t begin, size_t end,
            struct spine_error *error)
{
    struct spine_batch *batch;
    enum spine_status st;

    /* What will be merged again stays plain. */
    TRY(runs_merge(&runs->layout, runs->batches + begin, end - begin, UINT64_MAX, &batch,
                   error));
    drop_runs(runs, begin, end);
    if (batch->info.rows > 0)
        push_run(runs, floor, batch);
    else
        spine_batch_unref(batch);
out:
    return st;
}

/* Takes the reference. Keeps the runs above `floor` in descending order of size; there is
 * room. */
static void
push_run(struct runs *runs, size_t floor, struct spine_batch *batch)
{
    size_t at = runs->count++;

    assert(runs->count <= runs->capacity);
    for (; at > floor && runs->batches[at - 1]->info.bytes < batch->info.bytes; at--)
        runs->batches[at] = runs->batches[at - 1];
    runs->batches[at] = batch;
}

static void
drop_runs(struct runs *runs, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        spine_batch_unref(runs->batches[i]);
    for (size_t i = end; i < runs->count; i++)
        runs->batches[begin + i - end] = runs->batches[i];
    runs->count -= end - begin;
}
