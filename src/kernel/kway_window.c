/* SPDX-License-Identifier: MIT */

/*
 * What windows of all kinds of rows have in common: which inputs take part at first, when
 * the shares are good enough, and that the rows of a window are used. The shares
 * themselves depend on how a bound compares with rows (window_template.h, wide_window.c).
 */

#include "kernel/kway_work.h"

enum spine_status
kway_open(struct kway *kway, size_t piece, uint64_t *left)
{
    struct kway_work *work = kway->work;

    *left = 0;
    work->open_count = 0;
    for (size_t i = 0; i < kway->input_count; i++) {
        struct kway_input *input = &kway->inputs[i];
        const struct rows *rows = &input->rows;

        TRY_RETURN(kway_stage(kway, input, piece));
        if (!kway_is_staged(input))
            continue;
        work->open[work->open_count++] = (struct window_input){
            .input = input,
            .head_hi = rows->hi[input->at],
            .head_lo = rows->lo != NULL ? rows->lo[input->at] : 0,
        };
        *left += kway_left(input);
    }
    return SPINE_OK;
}

void
kway_take(struct kway_work *work)
{
    for (size_t i = 0; i < work->open_count; i++) {
        struct kway_input *input = work->open[i].input;
        const size_t count = work->open[i].share;

        assert(count <= input->rows.count - input->at);
        input->at += count;
        input->rows_left -= count < input->rows_left ? count : input->rows_left;
    }
}
