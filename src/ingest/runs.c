/* SPDX-License-Identifier: MIT */

/*
 * Runs of a batcher: sorted batches in classes by size, merged when a class is full, so
 * that each row is merged a few times only. Sums that are not in int64_t leave carries
 * (ingest/carries.h), which are runs of their own.
 */

#include "ingest/runs.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "ingest/carries.h"
#include "merge/merge.h"

/* The lowest class has runs of up to this many bytes, which is more than most buffers
 * become. */
#define CLASS_BYTES (512u << 10)
/* All runs are merged when the smaller ones together have REST_FACTOR times the bytes of
 * the largest, and are many or have REST_BYTES bytes. */
#define REST_FACTOR 2u
#define REST_BYTES (16u << 20)

static void list_release(struct run_list *list);
static void list_clear(struct run_list *list);
static void list_lower(struct run_list *list);
static enum spine_status merge_while_due(const struct layout *layout,
                                         struct run_list *list,
                                         struct spine_error *error);
static enum spine_status add_carries(struct runs *runs, struct spine_error *error);
static void choose_runs(const struct run_list *list, size_t *begin, size_t *end);
static unsigned class_of(uint64_t bytes);
static enum spine_status merge_range(const struct layout *layout, struct run_list *list,
                                     size_t begin, size_t end, struct spine_error *error);
static enum spine_status
merge_runs(const struct layout *layout, struct spine_batch *const *batches, size_t count,
           uint64_t encode_rows, struct spine_batch **out, struct spine_error *error);
static bool reserve_run(struct run_list *list);
static void push_run(struct run_list *list, struct spine_batch *batch);
static void drop_runs(struct run_list *list, size_t begin, size_t end);
static enum spine_status
make_layers(struct runs *runs, struct run_list *layers, struct spine_error *error);

void
runs_init(struct runs *runs, const struct layout *layout)
{
    *runs = (struct runs){.layout = *layout};
}

void
runs_release(struct runs *runs)
{
    list_release(&runs->list);
    list_release(&runs->carries);
    rows_release(&runs->layout, &runs->buffer);
    rows_release(&runs->layout, &runs->scratch);
    *runs = (struct runs){.layout = runs->layout};
}

static void
list_release(struct run_list *list)
{
    drop_runs(list, 0, list->count);
    mem_free(list->batches, list->capacity * sizeof(struct spine_batch *));
    *list = (struct run_list){0};
}

void
runs_clear(struct runs *runs)
{
    list_clear(&runs->list);
    list_clear(&runs->carries);
    runs->buffer.count = 0;
}

static void
list_clear(struct run_list *list)
{
    drop_runs(list, 0, list->count);
    list->apart = false;
}

enum spine_status
runs_merge_due(struct runs *runs, struct spine_error *error)
{
    TRY_RETURN(merge_while_due(&runs->layout, &runs->list, error));
    return merge_while_due(&runs->layout, &runs->carries, error);
}

enum spine_status
runs_add_columns(struct runs *runs, const struct spine_columns *columns,
                 struct spine_error *error)
{
    const bool list_apart = runs->list.apart, carries_apart = runs->carries.apart;
    enum spine_status st = SPINE_OK;

    assert(runs->buffer.count == 0);
    runs->list.floor = runs->list.count;
    runs->carries.floor = runs->carries.count;
    for (size_t at = 0; at < columns->rows;) {
        const size_t left = columns->rows - at;
        const size_t end = at + (left < RUN_ROWS ? left : RUN_ROWS);

        if (!rows_reserve(&runs->layout, &runs->buffer, end - at))
            TRY(fail_nomem(error, "a buffer of rows", end - at));
        rows_append_columns(&runs->layout, &runs->buffer, columns, at, end);
        TRY(runs_close_buffer(runs, error));
        TRY(runs_merge_due(runs, error));
        at = end;
    }
out:
    runs->buffer.count = 0;
    if (st != SPINE_OK) {
        drop_runs(&runs->list, runs->list.floor, runs->list.count);
        drop_runs(&runs->carries, runs->carries.floor, runs->carries.count);
        /* The sum that does not fit may have been one of these. */
        runs->list.apart = list_apart;
        runs->carries.apart = carries_apart;
    }
    list_lower(&runs->list);
    list_lower(&runs->carries);
    return st;
}

/* What is above the floor goes among the others, in order of size, and the floor is 0. */
static void
list_lower(struct run_list *list)
{
    for (size_t i = list->floor; i < list->count; i++) {
        struct spine_batch *batch = list->batches[i];
        size_t at = i;

        for (; at > 0 && list->batches[at - 1]->info.bytes < batch->info.bytes; at--)
            list->batches[at] = list->batches[at - 1];
        list->batches[at] = batch;
    }
    list->floor = 0;
}

enum spine_status
runs_seal(struct runs *runs, struct spine_batch **out, struct spine_error *error)
{
    struct run_list *list = &runs->list;
    struct run_list all = {0};
    enum spine_status st;

    assert(runs->buffer.count == 0);
    *out = NULL;
    /* One run of many rows is read once more, so that its blocks become encoded. */
    if (list->count == 1 && list->batches[0]->info.rows < ENCODE_ROWS &&
        runs->carries.count == 0) {
        *out = list->batches[0];
        list->count = 0;
        list_clear(list);
        list_clear(&runs->carries);
        return SPINE_OK;
    }
    if (runs->carries.count > 0) {
        st = make_layers(runs, &all, error);
        if (st == SPINE_NOMEM)
            st = fail_nomem(error, "what sums of rows carry", sizeof *all.batches);
        TRY(st);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!reserve_run(&all))
            TRY(fail_nomem(error, "runs of a batcher", all.count + 1));
        all.batches[all.count++] = spine_batch_ref(list->batches[i]);
    }
    TRY(merge_runs(&runs->layout, all.batches, all.count, ENCODE_ROWS, out, error));
    list_clear(&runs->list);
    list_clear(&runs->carries);
out:
    list_release(&all);
    return st;
}

/*
 * Makes layers of all carries, unless there are more layers than the rests can bring
 * back: each run has less than twice the weight of one, and what is left may be as much.
 * SPINE_NOMEM, SPINE_OVERFLOW.
 */
static enum spine_status
make_layers(struct runs *runs, struct run_list *layers, struct spine_error *error)
{
    struct spine_batch *carries = NULL;
    uint64_t count = 0;
    enum spine_status st;

    TRY(merge_runs(&runs->layout, runs->carries.batches, runs->carries.count, UINT64_MAX,
                   &carries, NULL));
    TRY(carries_count_layers(carries, &count));
    if (count > 2 * (runs->list.count + 1))
        TRY(carries_fail(carries, count, error));
    while (carries != NULL && carries->info.rows > 0) {
        struct spine_batch *layer, *rest;

        if (!reserve_run(layers))
            TRY(SPINE_NOMEM);
        TRY(carries_take_layer(carries, &layer, &rest));
        layers->batches[layers->count++] = layer;
        spine_batch_unref(carries);
        carries = rest;
    }
out:
    spine_batch_unref(carries);
    return st;
}

enum spine_status
runs_close_buffer(struct runs *runs, struct spine_error *error)
{
    const struct layout *layout = &runs->layout;
    struct spine_batch *batch;
    enum spine_status st;

    if (!reserve_run(&runs->list) || !reserve_run(&runs->carries))
        return fail_nomem(error, "runs of a batcher", runs->list.count + 1);
    runs->scratch.count = 0;
    st = rows_consolidate(layout, &runs->buffer, &runs->scratch);
    runs->scratch.count = 0;
    if (st == SPINE_NOMEM)
        return fail_nomem(error, "rows to sort with", runs->buffer.count);
    if (st == SPINE_OVERFLOW)
        st = add_carries(runs, error);
    TRY_RETURN(st);
    if (runs->buffer.count == 0)
        return SPINE_OK;
    TRY_RETURN(batch_of_sorted(layout, &runs->buffer, &batch, error));
    runs->buffer.count = 0;
    assert(batch->info.rows > 0 && runs->buffer.count == 0);
    push_run(&runs->list, batch);
    return SPINE_OK;
}

/* Makes a run of the carries of the sorted buffer, and leaves the rests in it. There is
 * room for the run. */
static enum spine_status
add_carries(struct runs *runs, struct spine_error *error)
{
    const struct layout *layout = &runs->layout;
    struct spine_batch *batch;
    enum spine_status st;

    if (!carries_of_rows(layout, &runs->buffer, &runs->scratch))
        return fail_nomem(error, "what sums of rows carry", runs->scratch.count);
    TRY(batch_of_sorted(layout, &runs->scratch, &batch, error));
    push_run(&runs->carries, batch);
    carries_leave_rests(layout, &runs->buffer);
out:
    runs->scratch.count = 0;
    return st;
}

static enum spine_status
merge_while_due(const struct layout *layout, struct run_list *list,
                struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    while (st == SPINE_OK && !list->apart) {
        size_t begin, end;

        choose_runs(list, &begin, &end);
        if (begin == end)
            break;
        st = merge_range(layout, list, begin, end, error);
    }
    if (st == SPINE_OVERFLOW) {
        list->apart = true;
        st = SPINE_OK;
    }
    return st;
}

/* Runs [begin, end) are to be merged; none when they are equal. */
static void
choose_runs(const struct run_list *list, size_t *begin, size_t *end)
{
    struct spine_batch *const *batches = list->batches;
    const size_t count = list->count;
    const size_t floor = list->floor;
    uint64_t rest = 0;

    assert(floor <= count);
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
merge_range(const struct layout *layout, struct run_list *list, size_t begin, size_t end,
            struct spine_error *error)
{
    struct spine_batch *batch;

    assert(end - begin > 1);
    /* What will be merged again stays plain. */
    TRY_RETURN(merge_runs(layout, list->batches + begin, end - begin, UINT64_MAX, &batch,
                          error));
    drop_runs(list, begin, end);
    if (batch->info.rows > 0)
        push_run(list, batch);
    else
        spine_batch_unref(batch);
    return SPINE_OK;
}

/* The batch of all rows of `batches`, at any number, which stay. From `encode_rows` rows
 * on, its blocks are encoded. */
static enum spine_status
merge_runs(const struct layout *layout, struct spine_batch *const *batches, size_t count,
           uint64_t encode_rows, struct spine_batch **out, struct spine_error *error)
{
    const struct merge_options options = {.encode_rows = encode_rows};
    struct merge *merge = NULL;
    uint64_t fuel_rows = UINT64_MAX;
    enum spine_status st;

    *out = NULL;
    if (count == 0)
        return batch_of_sorted(layout, &(struct rows){0}, out, error);
    TRY(merge_new(&merge, batches, count, &options, error));
    TRY(merge_step(merge, &fuel_rows, error));
    assert(merge_done(merge));
    fuel_rows = UINT64_MAX;
    TRY(merge_seal(merge, &fuel_rows, out, error));
    assert(*out != NULL);
out:
    merge_free(merge);
    return st;
}

/* Room for one more. */
static bool
reserve_run(struct run_list *list)
{
    return array_reserve(&list->batches, &list->capacity, sizeof(struct spine_batch *),
                         list->count + 1);
}

/* Takes the reference. There is room. */
static void
push_run(struct run_list *list, struct spine_batch *batch)
{
    size_t at = list->count++;

    assert(list->count <= list->capacity);
    for (; at > list->floor && list->batches[at - 1]->info.bytes < batch->info.bytes;
         at--)
        list->batches[at] = list->batches[at - 1];
    list->batches[at] = batch;
}

static void
drop_runs(struct run_list *list, size_t begin, size_t end)
{
    assert(begin <= end);
    assert(end <= list->count);
    for (size_t i = begin; i < end; i++)
        spine_batch_unref(list->batches[i]);
    for (size_t i = end; i < list->count; i++)
        list->batches[begin + i - end] = list->batches[i];
    list->count -= end - begin;
}
