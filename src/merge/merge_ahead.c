/* SPDX-License-Identifier: MIT */

/* What a merge reads ahead of its inputs. */

#include "merge/merge_state.h"

/* The part of what a merge may read ahead that its inputs share equally. */
#define EQUAL_PART 4u

static void share_ahead(struct merge *merge, uint64_t ahead_bytes);

void
merge_read_ahead(struct merge *merge, const struct merge_options *options)
{
    merge->waiter = merge->fetch.waiter = *options->waiter;
    merge->writes = (struct store_waiter){.runtime = options->waiter->runtime,
                                          .on_end = options->waiter->on_end,
                                          .context = options->waiter->context};
    merge->output.waiter = &merge->writes;
    merge->kway.may_lack = true;
    share_ahead(merge, options->ahead_bytes);
    for (size_t i = 0; i < merge->input_count; i++) {
        struct merge_input *input = &merge->inputs[i];

        if (!input->batch->elsewhere)
            continue;
        input->ahead.transient = true;
        input->ahead.waiter = &merge->waiter;
        input->reader.ahead = &input->ahead;
    }
}

/*
 * The bytes of an extent of each input. Of `ahead_bytes`, 0 without a limit, an equal
 * part goes to each, the rest by what the inputs have in files: a merge comes to the end
 * of all at once, so that each is read in about as many extents.
 */
static void
share_ahead(struct merge *merge, uint64_t ahead_bytes)
{
    const size_t many = merge->input_count / MERGE_AHEAD_INPUTS;
    uint64_t bytes = 0, count = 0;

    for (size_t i = 0; i < merge->input_count; i++) {
        bytes += merge->inputs[i].batch->bytes_elsewhere;
        count += merge->inputs[i].batch->elsewhere;
    }
    for (size_t i = 0; i < merge->input_count; i++) {
        struct merge_input *input = &merge->inputs[i];
        uint64_t most = READ_AHEAD_BYTES / (many > 0 ? many : 1);

        if (!input->batch->elsewhere)
            continue;
        if (ahead_bytes > 0) {
            const uint64_t equal = ahead_bytes / EQUAL_PART;
            const double part =
                (double)input->batch->bytes_elsewhere / (double)(bytes > 0 ? bytes : 1);

            most = equal / count + (uint64_t)(part * (double)(ahead_bytes - equal));
        }
        most = most < READ_AHEAD_BYTES ? most : READ_AHEAD_BYTES;
        input->ahead.bytes_max = most > 0 ? most : 1;
    }
}
