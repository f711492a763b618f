/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "kernel/kway_work.h"
#include "kernel/row_group.h"
#include "kernel/row_order.h"

/*
 * ROW_WIDE: the heap compares prefixes first and whole rows on ties. Rows of one key and
 * value are collected at the end of the output as a *group*; the group is finished when
 * the heap's next row is another.
 */

static bool
tied_before(const struct kway *kway, const struct heap_node *a, const struct heap_node *b)
{
    const struct kway_input *left = &kway->inputs[a->input];
    const struct kway_input *right = &kway->inputs[b->input];

    return row_compare(kway->layout, ROW_WIDE, kway->descending, &left->rows, left->at,
                       &right->rows, right->at) < 0;
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

enum spine_status
wide_fill_heap(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used)
{
    const struct layout *layout = kway->layout;
    const struct group_rule rule = {.descending = kway->descending,
                                    .advance_times = kway->advance_times,
                                    .frontier = kway->frontier};
    const size_t piece = kway_piece(kway, want);
    struct kway_work *work = kway->work;
    enum spine_status st;
    size_t used = 0;

    TRY(wide_heap_build(kway, piece));
    if (!rows_reserve(layout, out, out->count + want))
        return SPINE_NOMEM;
    while (work->node_count > 0 && used < want) {
        const size_t begin = out->count;

        do {
            const struct kway_input *input = &kway->inputs[work->nodes[0].input];

            if (!rows_reserve(layout, out, out->count + 1))
                return SPINE_NOMEM;
            rows_append(layout, out, &input->rows, input->at, input->at + 1);
            used++;
            if (!layout->timed)
                TRY(group_fold(layout, out, begin));
            TRY(wide_heap_advance(kway, piece));
        } while (next_is_like(kway, out, begin));
        TRY(group_finish(layout, &rule, out, begin));
    }
out:
    *rows_used += used;
    return st;
}
