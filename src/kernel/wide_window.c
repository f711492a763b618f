/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "base/error.h"
#include "kernel/kway_work.h"
#include "rows/row_order.h"

/*
 * kway_fill() for ROW_WIDE by windows, as window_template.h has them, but that a window
 * is all rows *before* its bound, by key and value: so all times of a value are in one
 * window. The rows of a window are sorted by handles (wide_order.h). What is equal to the
 * bound and more than a window's rows is left to the heap, which may leave the value open
 * for the next fill to go on with.
 */

/* The bound of a window as the staged row of an input that it was taken from; no input:
 * no bound. A copy would have to keep the row's spans. */
struct wide_bound {
    const struct kway_input *input;
    size_t at;
};

static enum spine_status
plan(struct kway *kway, size_t want, uint64_t left, struct wide_bound *bound);
static enum spine_status
share_out(struct kway *kway, size_t want, uint64_t left, struct wide_bound *bound);
static uint64_t close_inputs(struct kway *kway, const struct wide_bound *bound,
                             struct wide_bound *ceiling);
static size_t narrow_shares(struct kway *kway, const struct wide_bound *bound);
static enum spine_status merge_shares(struct kway *kway, size_t total, struct rows *out);
static size_t shared_bytes(const struct kway *kway);

enum spine_status
wide_fill(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used)
{
    enum spine_status st = SPINE_OK;
    size_t used = 0;

    while (used < want) {
        const size_t window = window_rows(want - used);
        uint64_t rows_left, used_by_heap = 0;
        struct wide_bound bound = {0};

        TRY(kway_open(kway, kway_piece(kway, window), &rows_left));
        if (rows_left == 0)
            break;
        TRY(plan(kway, window, rows_left, &bound));
        const size_t total = narrow_shares(kway, &bound);

        kway_adapt(kway->work, window, total);
        if (total == 0) {
            st = wide_fill_heap(kway, out, window, &used_by_heap);
            kway->work->heap_kept = false;
            used += (size_t)used_by_heap;
            TRY(st);
            if (kway->work->open_value.is_open)
                break;
            continue;
        }
        TRY(merge_shares(kway, total, out));
        kway_take(kway->work);
        used += total;
    }
out:
    *rows_used += used;
    return st;
}

/* Is staged row `at` of `input` before the bound? */
static inline bool
is_before_bound(const struct kway *kway, const struct kway_input *input, size_t at,
                const struct wide_bound *bound)
{
    return bound->input == NULL ||
           row_compare(kway->layout, ROW_WIDE, false, &input->rows, at,
                       &bound->input->rows, bound->at) < 0;
}

/* The bound of the next window of about `want` of `left` rows; its inputs are those left
 * open. */
static enum spine_status
plan(struct kway *kway, size_t want, uint64_t left, struct wide_bound *bound)
{
    struct wide_bound ceiling = {0};

    for (unsigned round = 0; kway->work->open_count > 0; round++) {
        *bound = ceiling;
        TRY_RETURN(share_out(kway, want, left, bound));
        const uint64_t left_open = close_inputs(kway, bound, &ceiling);

        if (!kway_may_narrow(left_open, left, round))
            break;
        left = left_open;
    }
    return SPINE_OK;
}

/* Shares `want` rows out among the open inputs, stages them, and lowers the bound to the
 * last row of each share that others follow. The sum of the shares needs no cap as that
 * of codes does (window_template.h): the output of wide rows grows, while codes may go to
 * memory of a fixed size. */
static enum spine_status
share_out(struct kway *kway, size_t want, uint64_t left, struct wide_bound *bound)
{
    const double part = (double)want / (double)left;
    struct kway_work *work = kway->work;

    for (size_t i = 0; i < work->open_count; i++) {
        struct kway_input *input = work->open[i].input;
        const size_t share = kway_share(work, input, want, part) + 2;

        while (input->rows.count - input->at < share && input->more)
            TRY_RETURN(kway->on_refill(input, share + share / 2));
        const size_t staged = input->rows.count - input->at;

        work->open[i].share = share < staged ? share : staged;
        if (staged > share || input->more) {
            const size_t last = input->at + work->open[i].share - 1;

            if (is_before_bound(kway, input, last, bound))
                *bound = (struct wide_bound){input, last};
        }
    }
    return SPINE_OK;
}

/* Closes the inputs that have nothing before `bound`, lowering `ceiling` to their first
 * rows; returns how many rows the open ones have left. */
static uint64_t
close_inputs(struct kway *kway, const struct wide_bound *bound,
             struct wide_bound *ceiling)
{
    struct kway_work *work = kway->work;
    uint64_t left = 0;
    size_t kept = 0;

    for (size_t i = 0; i < work->open_count; i++) {
        const struct window_input open = work->open[i];

        if (is_before_bound(kway, open.input, open.input->at, bound)) {
            work->open[kept++] = open;
            left += kway_left(open.input);
        } else if (is_before_bound(kway, open.input, open.input->at, ceiling)) {
            *ceiling = (struct wide_bound){open.input, open.input->at};
        }
    }
    work->open_count = kept;
    return left;
}

/* Narrows the shares of the open inputs to what is before the bound, and closes those
 * that have nothing there; returns how many rows that are. */
static size_t
narrow_shares(struct kway *kway, const struct wide_bound *bound)
{
    struct kway_work *work = kway->work;
    size_t total = 0, kept = 0;

    assert(work->open_count <= kway->input_count);
    for (size_t i = 0; i < work->open_count; i++) {
        struct window_input open = work->open[i];
        size_t begin = open.input->at, end = begin + open.share;

        while (begin < end) {
            const size_t middle = begin + (end - begin) / 2;

            if (is_before_bound(kway, open.input, middle, bound))
                begin = middle + 1;
            else
                end = middle;
        }
        open.share = begin - open.input->at;
        total += open.share;
        if (open.share > 0)
            work->open[kept++] = open;
    }
    work->open_count = kept;
    return total;
}

/* The shares of the open inputs, merged, behind the rows of `out`. */
static enum spine_status
merge_shares(struct kway *kway, size_t total, struct rows *out)
{
    const struct layout *layout = kway->layout;
    const struct history_rule rule = {.advance_times = kway->advance_times,
                                      .frontier = kway->frontier};
    const bool times_move = layout->timed && kway->advance_times;
    const struct kway_work *work = kway->work;
    const struct window_input *first = &work->open[0];
    struct wide_order *wide = &kway->work->wide;

    assert(work->open_count > 0);
    assert(total > 0);
    if (!rows_reserve(layout, out, out->count + total))
        return SPINE_NOMEM;
    if (work->open_count == 1 && !times_move) {
        const size_t begin = out->count;

        rows_append(layout, out, &first->input->rows, first->input->at,
                    first->input->at + first->share);
        return kway->inputs_repeat ? histories_finish(layout, &rule, out, begin)
                                   : SPINE_OK;
    }
    if (!wide_order_begin(wide, layout, work->open_count, total))
        return SPINE_NOMEM;
    for (size_t i = 0; i < work->open_count; i++) {
        const struct kway_input *input = work->open[i].input;

        wide_order_add(wide, &input->rows, input->at, input->at + work->open[i].share);
    }
    if (!wide_order_merge(wide, shared_bytes(kway)))
        return SPINE_NOMEM;
    return wide_order_write(wide, &rule, times_move, out);
}

/* How many bytes all keys of the window begin with: what their ends have in common. */
static size_t
shared_bytes(const struct kway *kway)
{
    const struct kway_work *work = kway->work;
    struct span shared;

    if (!kway->layout->key.spans)
        return 0;
    shared = work->open[0].input->rows.key[work->open[0].input->at];
    for (size_t i = 0; i < work->open_count; i++) {
        const struct kway_input *input = work->open[i].input;
        const struct span *keys = input->rows.key + input->at;

        shared.size = span_shared(shared, keys[0]);
        shared.size = span_shared(shared, keys[work->open[i].share - 1]);
    }
    return shared.size;
}
