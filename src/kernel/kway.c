/* SPDX-License-Identifier: MIT */

/* The doors of k-way merges: which method fills, and what a merge holds between two
 * fills. */

#include "kernel/kernel.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "kernel/kway_work.h"

enum {
    /* With more inputs a window would end after a few rows of each, and cost more for a
     * look at all inputs than for its rows. */
    INPUTS_BY_WINDOW = WINDOW_ROWS_MAX / 8
};

static enum spine_status codes_fill_heap(struct kway *kway, struct lent_rows *out,
                                         size_t want, uint64_t *rows_used);

enum spine_status
kway_fill(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used)
{
    if (want < KWAY_WINDOW_MIN || kway->input_count > INPUTS_BY_WINDOW)
        return kway_fill_heap(kway, out, want, rows_used);
    if (kway_holds(kway))
        return kway_fill_heap(kway, out, want < WINDOW_ROWS_MAX ? want : WINDOW_ROWS_MAX,
                              rows_used);
    TRY_RETURN(kway_prepare(kway));
    kway->work->heap_kept = false;
    switch (kway->layout->row_kind) {
    case ROW_ONE:
        return one_fill(kway, out, want, rows_used);
    case ROW_TWO:
        return two_fill(kway, out, want, rows_used);
    case ROW_WIDE:
        break;
    }
    return kway->descending ? wide_fill_heap(kway, out, want, rows_used)
                            : wide_fill(kway, out, want, rows_used);
}

enum spine_status
kway_fill_heap(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used)
{
    enum spine_status st;

    assert(want > 0);
    assert(!kway->may_lack || !kway->inputs_repeat);
    TRY_RETURN(kway_prepare(kway));
    kway->work->heap_kept = kway->work->heap_kept && kway->untouched;
    if (kway->layout->row_kind == ROW_WIDE) {
        st = wide_fill_heap(kway, out, want, rows_used);
    } else if (!rows_reserve(kway->layout, out, out->count + want)) {
        st = SPINE_NOMEM;
    } else {
        struct lent_rows lent = rows_lend(out);

        st = codes_fill_heap(kway, &lent, want, rows_used);
        out->count = lent.count;
    }
    if (st != SPINE_OK && st != SPINE_BUSY)
        kway->work->heap_kept = false;
    return st;
}

static enum spine_status
codes_fill_heap(struct kway *kway, struct lent_rows *out, size_t want,
                uint64_t *rows_used)
{
    return kway->layout->row_kind == ROW_ONE ? one_fill_heap(kway, out, want, rows_used)
                                             : two_fill_heap(kway, out, want, rows_used);
}

enum spine_status
kway_fill_lent(struct kway *kway, struct lent_rows *out, uint64_t *rows_used)
{
    assert(kway->layout->row_kind != ROW_WIDE);
    TRY_RETURN(kway_prepare(kway));
    kway->work->heap_kept = false;
    if (kway->input_count > INPUTS_BY_WINDOW) {
        const enum spine_status st =
            codes_fill_heap(kway, out, lent_rows_room(out), rows_used);

        kway->work->heap_kept = false;
        return st;
    }
    if (kway->layout->row_kind == ROW_ONE)
        return one_fill_lent(kway, out, rows_used);
    return two_fill_lent(kway, out, rows_used);
}

bool
kway_holds(const struct kway *kway)
{
    return kway->work != NULL && kway->work->open_value.is_open;
}

uint64_t
kway_rows_held(const struct kway *kway)
{
    if (!kway_holds(kway))
        return 0;
    return kway->work->open_value.run_rows + kway->work->open_value.has_time;
}

void
kway_forget_held(struct kway *kway)
{
    if (kway_holds(kway))
        open_value_forget(&kway->work->open_value);
}

bool
kway_done(const struct kway *kway)
{
    if (kway_holds(kway))
        return false;
    for (size_t i = 0; i < kway->input_count; i++) {
        const struct kway_input *input = &kway->inputs[i];

        if (input->at < input->rows.count || input->more)
            return false;
    }
    return true;
}

enum spine_status
kway_prepare(struct kway *kway)
{
    if (kway->work == NULL)
        kway->work = mem_zalloc(sizeof *kway->work);
    if (kway->work == NULL)
        return SPINE_NOMEM;
    struct kway_work *work = kway->work;
    const size_t inputs = kway->input_count > 0 ? kway->input_count : 1;

    if (!array_reserve(&work->nodes, &work->node_capacity, sizeof *work->nodes, inputs) ||
        !array_reserve(&work->open, &work->open_capacity, sizeof *work->open, inputs) ||
        !array_reserve(&work->bucket.segments, &work->bucket.segment_capacity,
                       sizeof *work->bucket.segments, inputs))
        return SPINE_NOMEM;
    return SPINE_OK;
}

void
kway_release(struct kway *kway)
{
    struct kway_work *work = kway->work;

    if (work == NULL)
        return;
    mem_free(work->nodes, work->node_capacity * sizeof *work->nodes);
    mem_free(work->open, work->open_capacity * sizeof *work->open);
    bucket_release(kway->layout, &work->bucket);
    wide_order_release(&work->wide);
    merge_tree_release(&work->tree);
    open_value_release(&work->open_value);
    mem_free(work, sizeof *work);
    kway->work = NULL;
}
