/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_KWAY_WORK_H
#define KERNEL_KWAY_WORK_H

/*
 * What the k-way kernels share: scratch memory that outlives a fill, and the staging of
 * inputs.
 */

#include "base/assert.h"
#include "base/error.h"
#include "kernel/bucket.h"
#include "kernel/kernel.h"
#include "kernel/merge_tree.h"
#include "kernel/open_value.h"
#include "kernel/wide_order.h"

/* The next row of an input: its code, copied here so that most comparisons stay in the
 * heap's array. */
struct heap_node {
    uint64_t hi;
    uint64_t lo;
    size_t input;
};

/* An input that takes part in a window. */
struct window_input {
    struct kway_input *input;
    uint64_t head_hi;
    uint64_t head_lo;
    /* The most rows that the window takes of it. */
    size_t share;
};

struct kway_work {
    struct heap_node *nodes;
    size_t node_capacity;
    size_t node_count;
    /* The nodes are those of the last fill, which was by the heap; the inputs stand where
     * it left them. */
    bool heap_kept;
    /* Inputs get equal shares of a window, however many rows they have left. */
    bool even;
    /* Of a fill by the heap: inputs of which the row behind the next one is on its
     * way. */
    struct window_input *open;
    size_t open_capacity;
    size_t open_count;
    struct bucket_work bucket;
    struct wide_order wide;
    struct merge_tree tree;
    /* The value that goes on in the next fill, of a merge in pieces. */
    struct open_value open_value;
};

enum {
    /* Windows of this many rows keep output and counters in the second-level cache. */
    WINDOW_ROWS_MIN = KWAY_WINDOW_MIN,
    WINDOW_ROWS_MAX = 4096,
    /* How often the inputs of a window are narrowed down; each time to less than half. */
    WINDOW_ROUNDS = 6
};

/* The rows of a window when `left` are wanted. */
static inline size_t
window_rows(size_t left)
{
    return left < WINDOW_ROWS_MIN   ? WINDOW_ROWS_MIN
           : left > WINDOW_ROWS_MAX ? WINDOW_ROWS_MAX
                                    : left;
}

/* Rows not used yet; at least one, whatever the owner's estimate. */
static inline uint64_t
kway_left(const struct kway_input *input)
{
    return input->rows_left > 0 ? input->rows_left : 1;
}

/* May a value go on in the next fill? */
static inline bool
kway_in_pieces(const struct kway *kway)
{
    return kway->in_pieces && kway->layout->timed;
}

/*
 * The share of an input in a window of `want` rows. `part` is the share of each row that
 * is left. Usually shares are by the rows left. That gives next to nothing to a small
 * input, which may have as many rows as a large one in the window; so shares may be even.
 */
static inline size_t
kway_share(const struct kway_work *work, const struct kway_input *input, size_t want,
           double part)
{
    return work->even ? want / work->open_count
                      : (size_t)((double)kway_left(input) * part);
}

/* A window of `want` rows had `total`. If these are few, the next shares are even instead
 * of by rows left, or the other way round. */
static inline void
kway_adapt(struct kway_work *work, size_t want, size_t total)
{
    if (total < want / 4)
        work->even = !work->even;
}

/* May fewer inputs share a window better? `left_open` rows of `left` are in the inputs
 * that would stay open. Each round leaves less than half of the rows. */
static inline bool
kway_may_narrow(uint64_t left_open, uint64_t left, unsigned round)
{
    return left_open <= left / 2 && round < WINDOW_ROUNDS;
}

/* Makes sure that there is `work`, with a place for every input. */
enum spine_status kway_prepare(struct kway *kway);

/* Has the input a staged row? */
static inline bool
kway_is_staged(const struct kway_input *input)
{
    return input->at < input->rows.count;
}

/* Stages about `want` rows of an input that has none staged, unless it is at its end. */
static inline enum spine_status
kway_stage(struct kway *kway, struct kway_input *input, size_t want)
{
    while (!kway_is_staged(input) && input->more)
        TRY_RETURN(kway->on_refill(input, want));
    return SPINE_OK;
}

/*
 * The same for the heap, which ends between two rows when an input lacks something: so it
 * never uses the last row that is staged before the next one is, and notes who lacks one.
 */
static inline enum spine_status
kway_stage_two(struct kway *kway, struct kway_input *input, size_t want)
{
    struct kway_work *work = kway->work;
    enum spine_status st = kway_stage(kway, input, want);

    while (st == SPINE_OK && kway->may_lack && input->more &&
           input->rows.count - input->at < 2)
        st = kway->on_refill(input, want);
    if (st != SPINE_BUSY || !kway_is_staged(input))
        return st;
    work->open[work->open_count++].input = input;
    return SPINE_OK;
}

/* Stages what inputs lack. SPINE_BUSY: one of them still does. */
static inline enum spine_status
kway_end_lack(struct kway *kway, size_t want)
{
    struct kway_work *work = kway->work;

    while (work->open_count > 0) {
        struct kway_input *input = work->open[work->open_count - 1].input;

        if (input->more && input->rows.count - input->at < 2)
            TRY_RETURN(kway->on_refill(input, want));
        else
            work->open_count--;
    }
    return SPINE_OK;
}

/* How many rows the heap asks an input for: its part of `want`, and a few at least. */
static inline size_t
kway_piece(const struct kway *kway, size_t want)
{
    return want / (kway->input_count + 1) + 8;
}

/* Opens the inputs that have rows, `piece` of them staged where none are; `*left` is how
 * many rows the inputs have left. */
enum spine_status kway_open(struct kway *kway, size_t piece, uint64_t *left);
/* Takes the shares of the open inputs, which keep the rows until they stage more. */
void kway_take(struct kway_work *work);

/* kway_fill_heap(). Of codes, `out` has room for `want` rows. */
enum spine_status
one_fill_heap(struct kway *kway, struct lent_rows *out, size_t want, uint64_t *rows_used);
enum spine_status
two_fill_heap(struct kway *kway, struct lent_rows *out, size_t want, uint64_t *rows_used);
enum spine_status
wide_fill_heap(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);

/* kway_fill() by windows. */
enum spine_status
one_fill(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);
enum spine_status
two_fill(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);
/* The same while `out` has room for the least window. */
enum spine_status
one_fill_lent(struct kway *kway, struct lent_rows *out, uint64_t *rows_used);
enum spine_status
two_fill_lent(struct kway *kway, struct lent_rows *out, uint64_t *rows_used);
/* Not descending. */
enum spine_status
wide_fill(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);

#endif
