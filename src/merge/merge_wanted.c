/* SPDX-License-Identifier: MIT */

/* How much readers want what the output of a merge takes the place of. */

#include "merge/merge_state.h"

unsigned
merge_wanted(void *context, const struct row_code *first, const struct row_code *last)
{
    struct merge *merge = context;
    struct wanted_blocks wanted = {0};

    for (size_t i = 0; i < merge->input_count; i++)
        batch_find_wanted(merge->inputs[i].batch, &merge->inputs[i].wanted_from, first,
                          last, &wanted);
    return wanted_most(&wanted);
}

void
merge_leave_asked(const struct merge *merge, struct spine_batch *output)
{
    for (size_t i = 0; i < merge->input_count; i++)
        batch_inherit_asked(output, merge->inputs[i].batch);
}
