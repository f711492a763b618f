/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_KWAY_H
#define KERNEL_KWAY_H

/*
 * kernel/kway -- merging k inputs. Part of kernel/kernel.h, which includes it.
 */

#include "kernel/kernel.h"

/* One sorted, consolidated input, staged piece by piece. */
struct kway_input {
    /* Staged rows; those from `at` on are not used yet. */
    struct rows rows;
    size_t at;
    /* Can `refill` stage more rows? */
    bool more;
    /* Rows not used yet, staged or not: an estimate, to share windows out fairly. */
    uint64_t rows_left;
    /* The owner's: where the next rows come from. */
    void *source;
};

/*
 * Stages more: appends at least one row behind the unused ones of `input` (it may move
 * those to the front first: `at` becomes 0), about `want` of them, and clears `more` when
 * nothing follows. In ascending order, each after all staged before (descending: see
 * kway). SPINE_NOMEM etc. are passed through by kway_fill().
 */
typedef enum spine_status kway_refill_fn(struct kway_input *input, size_t want);

/* What a refill begins with: rows that were used go, and the others move to the front. */
static inline void
kway_input_drop_used(const struct layout *layout, struct kway_input *input)
{
    assert(input->at <= input->rows.count);
    rows_drop_front(layout, &input->rows, input->at);
    input->at = 0;
}

struct kway {
    const struct layout *layout;
    struct kway_input *inputs;
    size_t input_count;
    kway_refill_fn *on_refill;
    /*
     * Rows come in descending order: `hi` and `lo` are staged complemented and spans
     * compare the other way round; output is complemented too, times of one value
     * descend.
     */
    bool descending;
    /* Replace every time t by join(t, frontier) before adding up. */
    bool advance_times;
    uint64_t frontier;
    /* Rows of one input may be alike, side by side and of one time. Not in pieces. */
    bool inputs_repeat;
    /* A value of many times may come in pieces, so that no fill takes longer than `want`
     * says: where a fill ends between two of its times, the next one goes on. */
    bool in_pieces;
    /* Rows that were looked at twice so far: times of such a value that the frontier
     * brought out of order. */
    uint64_t rows_again;
    /*
     * The kernel's own scratch. Zero at first. It says nothing about the inputs, unless
     * they are `untouched`: between two fills the owner may stage, drop or move their
     * rows, change `input_count` and `descending`.
     */
    struct kway_work *work;
    /* Nothing of that was done since the last fill: it goes on without a look at all. */
    bool untouched;
    /*
     * A refill may say SPINE_BUSY: the rows are on their way. Then the fill ends between
     * two rows, and a later one goes on when they are there. Not with `inputs_repeat`.
     */
    bool may_lack;
};

/*
 * Appends the next rows of all inputs, merged and consolidated, to `out`, growing it as
 * needed: about `want` of them (a few times more at most), and never ends between rows
 * that must be added up or, unless it merges `in_pieces`, between times of one value.
 * `*rows_used` grows by the input rows consumed. Appends nothing only when all inputs are
 * at their end, or when all that was consumed cancelled or is held: kway_done() tells.
 *
 * SPINE_OVERFLOW: the sum of equal rows, all of them, is not in int64_t; the first row of
 * `out` that equals the next one, or else the last row, is one of them. SPINE_BUSY: a
 * refill said so; the next fill goes on. SPINE_NOMEM, or another failure of a refill: the
 * inputs are somewhere in between; only kway_release() is allowed.
 */
enum spine_status
kway_fill(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);

/* A smaller `want` is filled by the heap. */
#define KWAY_WINDOW_MIN 128u

/* The same for codes while `out` has room for more than a few rows of each input; it may
 * have some left then. Takes no row when it has little to begin with. */
enum spine_status
kway_fill_lent(struct kway *kway, struct lent_rows *out, uint64_t *rows_used);

/*
 * Between two fills of codes: passes over the next rows as long as each is in two inputs,
 * with weights whose sum is zero, and in no other one. They are input rows of
 * `*rows_used`. Inputs are asked for about `want` rows. What a refill said is passed
 * through; nothing is lost then.
 */
enum spine_status kway_skip(struct kway *kway, size_t want, uint64_t *rows_used);

/* Were rows of the next value used and not given yet? Then only fills may touch the
 * inputs. */
bool kway_holds(const struct kway *kway);
/* How many rows there are still to be made of those. */
uint64_t kway_rows_held(const struct kway *kway);
/* Forgets them. */
void kway_forget_held(struct kway *kway);
/* True when no input has rows left, and none are held. */
bool kway_done(const struct kway *kway);

/* Frees `work` (not the inputs). Twice is harmless. */
void kway_release(struct kway *kway);

/*
 * The same as kway_fill() by a heap with the code in the node, one row at a time: the
 * reference that windows are tested against; it serves small `want`, skewed windows and
 * wide rows in descending order, too.
 */
enum spine_status
kway_fill_heap(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);

#endif
