/* SPDX-License-Identifier: MIT */

/*
 * kway_fill_heap() for rows that are codes; insertion_template.h comes before.
 */

#define KERNEL_LESS(kway, a, b) CODE_BEFORE((a)->hi, (a)->lo, (b)->hi, (b)->lo)
#define KERNEL_SAME(a, b) ((a)->hi == (b)->hi && (a)->lo == (b)->lo)

#include "kernel/sift_template.h"

enum spine_status
KERNEL_FN(fill_heap)(struct kway *kway, struct lent_rows *out, size_t want,
                     uint64_t *rows_used)
{
    const size_t piece = kway_piece(kway, want);
    struct kway_work *work = kway->work;
    enum spine_status st;
    size_t used = 0, count = out->count;

    assert(want <= lent_rows_room(out));
    TRY(KERNEL_FN(heap_begin)(kway, piece));
    while (work->node_count > 0 && used < want && work->open_count == 0) {
        const struct heap_node first = work->nodes[0];
        wide_sum sum = 0;

        do {
            const struct kway_input *input = &kway->inputs[work->nodes[0].input];

            sum += input->rows.weight[input->at];
            used++;
            TRY(KERNEL_FN(heap_advance)(kway, piece));
        } while (work->node_count > 0 && KERNEL_SAME(&work->nodes[0], &first));
        out->hi[count] = first.hi;
#if KERNEL_WORDS == 2
        out->lo[count] = first.lo;
#endif
        out->weight[count] = (int64_t)sum;
        if (!wide_sum_fits(sum)) {
            count++;
            TRY(SPINE_OVERFLOW);
        }
        count += sum != 0;
    }
out:
    out->count = count;
    *rows_used += used;
    return st;
}
