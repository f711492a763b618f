/* SPDX-License-Identifier: MIT */

/*
 * A value of more times than a window: its times come out in pieces. Those that the
 * frontier brought out of order are collected in sorted runs, which are merged as they
 * go out.
 */

#include "kernel/open_value.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "rows/row_order.h"

/* Rows of a run. */
#define TIME_RUN_ROWS 4096u
/* Runs whose memory is kept for the next value. */
#define TIME_RUNS_KEPT 4u

static bool is_disordered(const struct kway *kway, uint64_t time);
static enum spine_status
append_time(const struct open_value *open, const struct kway *kway, struct rows *out);
static bool collect(struct open_value *open, const struct kway *kway, uint64_t time,
                    size_t at, const struct rows *rows);
static bool close_run(struct open_value *open);
static bool new_run(struct open_value *open, size_t count, struct time_run **out);
static enum spine_status begin_giving(struct open_value *open);
static void sift_down(struct open_value *open, size_t hole);
static void free_run(const struct open_value *open, struct time_run *run);
static void take_least(struct open_value *open, uint64_t *rows_again);

void
open_value_release(struct open_value *open)
{
    for (size_t i = 0; i < open->run_capacity; i++)
        free_run(open, &open->runs[i]);
    mem_free(open->runs, open->run_capacity * sizeof *open->runs);
    mem_free(open->times, open->time_capacity * sizeof *open->times);
    mem_free(open->weights, open->weight_capacity * sizeof *open->weights);
    order_release(&open->order);
    *open = (struct open_value){0};
}

void
open_value_forget(struct open_value *open)
{
    for (size_t i = TIME_RUNS_KEPT; i < open->run_count; i++)
        free_run(open, &open->runs[i]);
    open->is_open = open->has_time = open->gives_runs = false;
    open->count = open->run_count = 0;
    open->run_rows = 0;
}

void
open_value_begin(struct open_value *open, const struct kway *kway,
                 const struct rows *rows, size_t at)
{
    const struct layout *layout = kway->layout;

    assert(at < rows->count);
    assert(layout->timed);
    assert(!open->is_open && open->run_rows == 0);
    open->weight_count = layout->weight_count;
    open->is_open = true;
    open->has_time = false;
    open->gives_runs = false;
    open->hi = rows->hi[at];
    open->lo = rows->lo[at];
    if (layout->key.spans)
        open->key = rows->key[at];
    if (layout->value.spans)
        open->value = rows->value[at];
}

bool
open_value_has(const struct open_value *open, const struct layout *layout,
               const struct rows *rows, size_t at)
{
    return rows->hi[at] == open->hi && rows->lo[at] == open->lo &&
           (!layout->key.spans || span_equal(rows->key[at], open->key)) &&
           (!layout->value.spans || span_equal(rows->value[at], open->value));
}

enum spine_status
open_value_take(struct open_value *open, const struct kway *kway, const struct rows *rows,
                size_t at, struct rows *out, bool *taken)
{
    const struct layout *layout = kway->layout;
    const int64_t *weights = rows->weight + at * layout->weight_count;
    uint64_t time = rows->time[at];

    *taken = true;
    if (kway->advance_times) {
        const bool disordered = is_disordered(kway, time);

        time = spine_time_join(layout->schema.time, time, kway->frontier);
        if (disordered) {
            TRY_RETURN(append_time(open, kway, out));
            open->has_time = false;
            return collect(open, kway, time, at, rows) ? SPINE_OK : SPINE_NOMEM;
        }
        if (open->run_rows > 0) {
            *taken = false;
            return begin_giving(open);
        }
    }
    if (!open->has_time || open->time != time) {
        TRY_RETURN(append_time(open, kway, out));
        open->has_time = true;
        open->time = time;
        memset(open->sums, 0, sizeof open->sums);
    }
    for (unsigned c = 0; c < layout->weight_count; c++)
        open->sums[c] += weights[c];
    return SPINE_OK;
}

/* May it be behind a later one once both are moved? */
static bool
is_disordered(const struct kway *kway, uint64_t time)
{
    return kway->layout->schema.time == SPINE_TIME_PAIR &&
           time >> 32 <= kway->frontier >> 32;
}

/* Appends the row of the time that is complete, if there is one. */
static enum spine_status
append_time(const struct open_value *open, const struct kway *kway, struct rows *out)
{
    const unsigned width = kway->layout->weight_count;
    const size_t to = out->count;
    bool zero = true, fits = true;

    assert(kway->layout->timed);
    if (!open->has_time)
        return SPINE_OK;
    for (unsigned c = 0; c < width; c++) {
        fits = fits && wide_sum_fits(open->sums[c]);
        zero = zero && open->sums[c] == 0;
    }
    if (zero)
        return SPINE_OK;
    if (!rows_reserve(kway->layout, out, out->count + 1))
        return SPINE_NOMEM;
    out->hi[to] = open->hi;
    out->lo[to] = open->lo;
    if (kway->layout->key.spans)
        out->key[to] = open->key;
    if (kway->layout->value.spans)
        out->value[to] = open->value;
    out->time[to] = open->time;
    for (unsigned c = 0; c < width; c++)
        out->weight[to * width + c] = (int64_t)open->sums[c];
    out->count++;
    return fits ? SPINE_OK : SPINE_OVERFLOW;
}

/* Adds `time` and the weights of the row to the run. False without memory. */
static bool
collect(struct open_value *open, const struct kway *kway, uint64_t time, size_t at,
        const struct rows *rows)
{
    const unsigned width = open->weight_count;

    if ((open->count == TIME_RUN_ROWS && !close_run(open)) ||
        !array_reserve(&open->times, &open->time_capacity, sizeof *open->times,
                       open->count + 1) ||
        !array_reserve(&open->weights, &open->weight_capacity, sizeof *open->weights,
                       (open->count + 1) * width))
        return false;
    open->times[open->count] = kway->descending ? ~time : time;
    memcpy(open->weights + open->count * width, rows->weight + at * width,
           width * sizeof *open->weights);
    open->count++;
    open->run_rows++;
    return true;
}

/* Sorts what was collected and adds it up. False without memory. */
static bool
close_run(struct open_value *open)
{
    const unsigned width = open->weight_count;
    const struct rows *pairs = &open->order.pairs;
    struct time_run *run;

    if (open->count == 0)
        return true;
    if (!order_begin(&open->order, open->count))
        return false;
    for (size_t i = 0; i < open->count; i++) {
        pairs->hi[i] = open->times[i];
        pairs->lo[i] = i;
    }
    if (!order_sort(&open->order) || !new_run(open, open->count, &run))
        return false;
    for (size_t i = 0; i < open->count; i++) {
        const int64_t *weights = open->weights + pairs->lo[i] * width;

        if (run->count == 0 || run->times[run->count - 1] != pairs->hi[i]) {
            run->times[run->count] = pairs->hi[i];
            memset(run->sums + run->count * width, 0, width * sizeof *run->sums);
            run->count++;
        }
        for (unsigned c = 0; c < width; c++)
            run->sums[(run->count - 1) * width + c] += weights[c];
    }
    open->run_rows -= open->count - run->count;
    open->count = 0;
    return true;
}

/* An empty run with room for `count` times. */
static bool
new_run(struct open_value *open, size_t count, struct time_run **out)
{
    const size_t runs = open->run_capacity, width = open->weight_count;
    struct time_run *run;

    if (!array_reserve(&open->runs, &open->run_capacity, sizeof *open->runs,
                       open->run_count + 1))
        return false;
    memset(open->runs + runs, 0, (open->run_capacity - runs) * sizeof *open->runs);
    run = &open->runs[open->run_count];
    run->count = run->at = 0;
    if (count > run->capacity) {
        free_run(open, run);
        run->capacity = count;
        run->times = mem_alloc_array(count, sizeof *run->times);
        run->sums = mem_alloc_array(count, width * sizeof *run->sums);
        if (run->times == NULL || run->sums == NULL)
            return false;
    }
    open->run_count++;
    *out = run;
    return true;
}

static void
free_run(const struct open_value *open, struct time_run *run)
{
    mem_free(run->times, run->capacity * sizeof *run->times);
    mem_free(run->sums, run->capacity * open->weight_count * sizeof *run->sums);
    *run = (struct time_run){0};
}

static enum spine_status
begin_giving(struct open_value *open)
{
    if (!close_run(open))
        return SPINE_NOMEM;
    for (size_t i = open->run_count / 2; i-- > 0;)
        sift_down(open, i);
    open->gives_runs = true;
    return SPINE_OK;
}

/* Moves the run at `hole` of the heap down to its place. */
static void
sift_down(struct open_value *open, size_t hole)
{
    struct time_run *runs = open->runs;
    const struct time_run run = runs[hole];

    for (;;) {
        size_t child = 2 * hole + 1;

        if (child >= open->run_count)
            break;
        if (child + 1 < open->run_count &&
            runs[child + 1].times[runs[child + 1].at] < runs[child].times[runs[child].at])
            child++;
        if (runs[child].times[runs[child].at] >= run.times[run.at])
            break;
        runs[hole] = runs[child];
        hole = child;
    }
    runs[hole] = run;
}

enum spine_status
open_value_give(struct open_value *open, const struct kway *kway, struct rows *out,
                size_t want, uint64_t *rows_again)
{
    const uint64_t begin = *rows_again;

    assert(open->gives_runs && !open->has_time);
    while (open->run_rows > 0 && *rows_again - begin < want) {
        const uint64_t time = open->runs[0].times[open->runs[0].at];

        open->has_time = true;
        open->time = kway->descending ? ~time : time;
        memset(open->sums, 0, sizeof open->sums);
        while (open->run_rows > 0 && open->runs[0].times[open->runs[0].at] == time)
            take_least(open, rows_again);
        TRY_RETURN(append_time(open, kway, out));
        open->has_time = false;
    }
    if (open->run_rows == 0) {
        assert(open->run_count == 0);
        open->gives_runs = false;
    }
    return SPINE_OK;
}

/* Adds up the least time of all runs and takes it away. A run that becomes empty goes
 * behind the heap. */
static void
take_least(struct open_value *open, uint64_t *rows_again)
{
    struct time_run *run = &open->runs[0];
    const unsigned width = open->weight_count;

    for (unsigned c = 0; c < width; c++)
        open->sums[c] += run->sums[run->at * width + c];
    run->at++;
    open->run_rows--;
    ++*rows_again;
    if (run->at == run->count) {
        const struct time_run empty = *run;

        *run = open->runs[--open->run_count];
        open->runs[open->run_count] = empty;
        if (open->run_count >= TIME_RUNS_KEPT)
            free_run(open, &open->runs[open->run_count]);
    }
    if (open->run_count > 0)
        sift_down(open, 0);
}

enum spine_status
open_value_end(struct open_value *open, const struct kway *kway, struct rows *out)
{
    if (open->run_rows > 0)
        return begin_giving(open);
    TRY_RETURN(append_time(open, kway, out));
    open->is_open = false;
    return SPINE_OK;
}
