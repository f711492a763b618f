/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "kernel/history.h"
#include "kernel/kway_work.h"
#include "rows/row_order.h"

/*
 * ROW_WIDE: the heap compares prefixes first and whole rows on ties. Rows of one key and
 * value are collected at the end of the output as a *history*, which is finished when
 * the heap's next row is another.
 */

static enum spine_status
fill_by_histories(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);
static enum spine_status
fill_in_pieces(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);
static enum spine_status begin_anew(struct kway *kway, size_t piece);
static bool next_is_open(const struct kway *kway);
static enum spine_status
take_row(struct kway *kway, struct rows *out, size_t piece, size_t *used);

static bool
tied_before(const struct kway *kway, const struct heap_node *a, const struct heap_node *b)
{
    const struct kway_input *left = &kway->inputs[a->input];
    const struct kway_input *right = &kway->inputs[b->input];
    const int order = row_compare(kway->layout, ROW_WIDE, kway->descending, &left->rows,
                                  left->at, &right->rows, right->at);

    if (order != 0 || !kway_in_pieces(kway))
        return order < 0;
    /* The pieces of a value are in the order of its times. */
    if (kway->descending)
        return left->rows.time[left->at] > right->rows.time[right->at];
    return left->rows.time[left->at] < right->rows.time[right->at];
}

static inline bool
node_before(const struct kway *kway, const struct heap_node *a, const struct heap_node *b)
{
    return a->hi != b->hi ? a->hi < b->hi : tied_before(kway, a, b);
}

#define KERNEL_FN(verb) wide_##verb
#define KERNEL_LESS(kway, a, b) node_before(kway, a, b)
#include "kernel/sift_template.h"

static bool
next_is_like(const struct kway *kway, const struct rows *out, size_t at)
{
    const struct kway_work *work = kway->work;

    if (work->node_count == 0 || work->nodes[0].hi != out->hi[at])
        return false;
    const struct kway_input *input = &kway->inputs[work->nodes[0].input];

    return row_equal(kway->layout, ROW_WIDE, out, at, &input->rows, input->at);
}

/* Copies one row behind those of `out`, which has room. */
static inline void
append_one(const struct layout *layout, struct rows *out, const struct rows *from,
           size_t at)
{
    const size_t weights = layout->weight_count, to = out->count++;

    out->hi[to] = from->hi[at];
    out->lo[to] = from->lo[at];
    if (layout->key.spans)
        out->key[to] = from->key[at];
    if (layout->value.spans)
        out->value[to] = from->value[at];
    if (layout->timed)
        out->time[to] = from->time[at];
    for (size_t c = 0; c < weights; c++)
        out->weight[to * weights + c] = from->weight[at * weights + c];
}

/* All rows of the heap's top that are like row `begin`, which it begins. */
static enum spine_status
take_history(struct kway *kway, struct rows *out, size_t piece, size_t *used)
{
    const struct layout *layout = kway->layout;
    const size_t begin = out->count;

    do {
        const struct kway_input *input = &kway->inputs[kway->work->nodes[0].input];

        if (out->count == out->capacity && !rows_reserve(layout, out, out->count + 1))
            return SPINE_NOMEM;
        append_one(layout, out, &input->rows, input->at);
        ++*used;
        if (!layout->timed)
            history_fold(layout, out, begin);
        TRY_RETURN(wide_heap_advance(kway, piece));
    } while (next_is_like(kway, out, begin));
    return SPINE_OK;
}

/* How many staged rows of `input`, `want` at most, end with a whole history. */
static size_t
whole_histories(const struct layout *layout, const struct kway_input *input, size_t want)
{
    const struct rows *rows = &input->rows;
    const size_t staged = rows->count - input->at;
    size_t end = input->at + (staged < want ? staged : want);

    if (!layout->timed || (end == rows->count && !input->more))
        return end - input->at;
    if (end == rows->count)
        end--;
    while (end > input->at && row_equal(layout, ROW_WIDE, rows, end - 1, rows, end))
        end--;
    return end - input->at;
}

/* The rows of the only input left without looking at them: whole histories, but for a
 * merge in pieces. */
static enum spine_status
copy_last_input(struct kway *kway, struct rows *out, size_t want, size_t *used)
{
    struct kway_input *input = &kway->inputs[kway->work->nodes[0].input];
    const size_t staged = input->rows.count - input->at;
    const size_t count = !kway_in_pieces(kway)
                             ? whole_histories(kway->layout, input, want)
                             : (staged < want ? staged : want);
    const size_t begin = out->count;
    const struct history_rule rule = {.descending = kway->descending};

    if (!rows_reserve(kway->layout, out, out->count + count))
        return SPINE_NOMEM;
    rows_append(kway->layout, out, &input->rows, input->at, input->at + count);
    input->at += count;
    input->rows_left -= count < input->rows_left ? count : input->rows_left;
    *used += count;
    return kway->inputs_repeat ? histories_finish(kway->layout, &rule, out, begin)
                               : SPINE_OK;
}

/* The last input was copied. What it lacks is for the next fill to say: this one has
 * rows. */
static enum spine_status
begin_anew(struct kway *kway, size_t piece)
{
    enum spine_status st;

    kway->work->heap_kept = false;
    st = wide_heap_begin(kway, piece);
    if (st == SPINE_BUSY && !kway->work->heap_kept)
        kway->work->node_count = 0;
    return st == SPINE_BUSY ? SPINE_OK : st;
}

enum spine_status
wide_fill_heap(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used)
{
    if (kway_in_pieces(kway))
        return fill_in_pieces(kway, out, want, rows_used);
    return fill_by_histories(kway, out, want, rows_used);
}

static enum spine_status
fill_by_histories(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used)
{
    const struct layout *layout = kway->layout;
    const struct history_rule rule = {.descending = kway->descending,
                                      .advance_times = kway->advance_times,
                                      .frontier = kway->frontier};
    const bool times_move = layout->timed && kway->advance_times;
    const size_t piece = kway_piece(kway, want);
    struct kway_work *work = kway->work;
    enum spine_status st;
    size_t used = 0;

    assert(want > 0);
    TRY(wide_heap_begin(kway, piece));
    if (!rows_reserve(layout, out, out->count + want))
        return SPINE_NOMEM;
    while (work->node_count > 0 && used < want && work->open_count == 0) {
        const size_t begin = out->count, used_before = used;

        if (work->node_count == 1 && !times_move) {
            TRY(copy_last_input(kway, out, want - used, &used));
            if (used > used_before) {
                TRY(begin_anew(kway, piece));
                continue;
            }
        }
        TRY(take_history(kway, out, piece, &used));
        if (used > used_before + 1 || times_move)
            TRY(history_finish(layout, &rule, out, begin));
    }
out:
    *rows_used += used;
    return st;
}

/* The same with values that may go on in the next fill (open_value.h). */
static enum spine_status
fill_in_pieces(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used)
{
    const size_t piece = kway_piece(kway, want);
    struct kway_work *work = kway->work;
    struct open_value *open = &work->open_value;
    const uint64_t again_before = kway->rows_again;
    enum spine_status st;
    size_t used = 0;

    TRY(wide_heap_begin(kway, piece));
    if (!rows_reserve(kway->layout, out, out->count + want))
        return SPINE_NOMEM;
    while (used + (kway->rows_again - again_before) < want) {
        if (open->gives_runs) {
            TRY(open_value_give(open, kway, out, want - used, &kway->rows_again));
        } else if (open->is_open && !next_is_open(kway)) {
            TRY(open_value_end(open, kway, out));
        } else if (work->node_count == 0 || work->open_count > 0) {
            break;
        } else if (!open->is_open && work->node_count == 1 && !kway->advance_times) {
            TRY(copy_last_input(kway, out, want - used, &used));
            TRY(begin_anew(kway, piece));
        } else {
            TRY(take_row(kway, out, piece, &used));
        }
    }
    /* Windows are quicker, and begin only between values. */
    if (open->is_open && !open->gives_runs && !next_is_open(kway))
        TRY(open_value_end(open, kway, out));
out:
    *rows_used += used;
    return st;
}

/* Is the heap's next row one of the open value? */
static bool
next_is_open(const struct kway *kway)
{
    const struct kway_work *work = kway->work;
    const struct kway_input *input;

    if (work->node_count == 0)
        return false;
    input = &kway->inputs[work->nodes[0].input];
    return open_value_has(&work->open_value, kway->layout, &input->rows, input->at);
}

/* The heap's next row goes into the open value, which it may begin. */
static enum spine_status
take_row(struct kway *kway, struct rows *out, size_t piece, size_t *used)
{
    struct open_value *open = &kway->work->open_value;
    const struct kway_input *input = &kway->inputs[kway->work->nodes[0].input];
    bool taken;

    if (!open->is_open)
        open_value_begin(open, kway, &input->rows, input->at);
    TRY_RETURN(open_value_take(open, kway, &input->rows, input->at, out, &taken));
    if (taken) {
        ++*used;
        TRY_RETURN(wide_heap_advance(kway, piece));
    }
    return SPINE_OK;
}
