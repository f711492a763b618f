/* SPDX-License-Identifier: MIT */

/* Stopping a merge half way, block by block: what is left of its inputs, and what it has
 * written. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "merge/merge_state.h"

struct splitting {
    /* What is left of the inputs before `at`; NULL: nothing. As many as the merge has. */
    struct spine_batch **rests;
    size_t at;
    /* What is left of input `at`, while it is made: `reader` goes through its blocks. */
    bool rest_begun;
    struct output rest;
    struct reader reader;
};

static enum spine_status split(struct merge *merge, uint64_t *fuel_rows,
                               struct spine_batch **written, struct spine_batch **rests,
                               struct spine_error *error);
static struct splitting *splitting_new(size_t input_count);
static void splitting_free(struct splitting *splitting, size_t input_count);
static enum spine_status make_rest(struct merge *merge, uint64_t *fuel_rows);
static void release_rest(struct splitting *splitting);

bool
merge_may_split(const struct merge *merge)
{
    return merge->retain == NULL && !kway_holds(&merge->kway);
}

bool
merge_is_splitting(const struct merge *merge)
{
    return merge->splitting != NULL;
}

enum spine_status
merge_split(struct merge *merge, uint64_t *fuel_rows, struct spine_batch **written,
            struct spine_batch **rests, struct spine_error *error)
{
    struct account_span span = account_enter(merge->account);
    const enum spine_status st = split(merge, fuel_rows, written, rests, error);

    merge_charge(merge, *written);
    for (size_t i = 0; *written != NULL && i < merge->input_count; i++)
        merge_charge(merge, rests[i]);
    account_leave(&span);
    return st;
}

static enum spine_status
split(struct merge *merge, uint64_t *fuel_rows, struct spine_batch **written,
      struct spine_batch **rests, struct spine_error *error)
{
    struct splitting *splitting = merge->splitting;
    enum spine_status st = SPINE_OK;

    assert(merge_may_split(merge));
    *written = NULL;
    if (splitting == NULL)
        splitting = merge->splitting = splitting_new(merge->input_count);
    if (splitting == NULL)
        return fail_nomem(error, "a merge that is split", sizeof *splitting);
    while (splitting->at<merge->input_count && * fuel_rows> 0)
        TRY(make_rest(merge, fuel_rows));
    if (splitting->at == merge->input_count && *fuel_rows > 0)
        TRY(output_seal_step(&merge->output, fuel_rows, written, NULL));
    if (*written != NULL) {
        memcpy(rests, splitting->rests, merge->input_count * sizeof *rests);
        splitting->at = 0;
        merge_abort_split(merge);
    }
out:
    if (st != SPINE_OK) {
        merge_abort_split(merge);
        return fail_by(error, &merge->unread, st,
                       "no memory for what is left of a batch");
    }
    return st;
}

/* Goes on with what is left of the next input. */
static enum spine_status
make_rest(struct merge *merge, uint64_t *fuel_rows)
{
    struct splitting *splitting = merge->splitting;
    struct merge_input *input = &merge->inputs[splitting->at];
    struct spine_batch **rest = &splitting->rests[splitting->at];
    enum spine_status st = SPINE_OK;

    if (!splitting->rest_begun) {
        merge_input_update(input);
        if (input->staged->rows_left == 0) {
            splitting->at++;
            return SPINE_OK;
        }
        output_init(&splitting->rest, &merge->layout);
        reader_init(&splitting->reader, input->batch);
        splitting->reader.error = &merge->unread;
        splitting->reader.use = PIN_TO_MERGE;
        reader_to_offset(&splitting->reader,
                         input->batch->info.rows - input->staged->rows_left);
        splitting->rest_begun = true;
        TRY(output_begin_rest(&splitting->rest, &splitting->reader, fuel_rows));
    }
    TRY(output_share_rest(&splitting->rest, &splitting->reader, fuel_rows));
    if (*fuel_rows > 0)
        TRY(output_seal_step(&splitting->rest, fuel_rows, rest, NULL));
    if (*rest != NULL) {
        release_rest(splitting);
        splitting->at++;
    }
out:
    return st;
}

void
merge_split_abort(struct merge *merge)
{
    struct account_span span = account_enter(merge->account);

    merge_abort_split(merge);
    account_leave(&span);
}

void
merge_abort_split(struct merge *merge)
{
    output_seal_abort(&merge->output);
    splitting_free(merge->splitting, merge->input_count);
    merge->splitting = NULL;
}

static struct splitting *
splitting_new(size_t input_count)
{
    struct splitting *splitting = mem_zalloc(sizeof *splitting);

    if (splitting == NULL)
        return NULL;
    splitting->rests = mem_zalloc(input_count * sizeof *splitting->rests);
    if (splitting->rests != NULL)
        return splitting;
    splitting_free(splitting, 0);
    return NULL;
}

static void
splitting_free(struct splitting *splitting, size_t input_count)
{
    if (splitting == NULL)
        return;
    release_rest(splitting);
    for (size_t i = 0; i < splitting->at; i++)
        spine_batch_unref(splitting->rests[i]);
    mem_free(splitting->rests, input_count * sizeof *splitting->rests);
    mem_free(splitting, sizeof *splitting);
}

/* The copied rows of the rest borrow from what the reader holds. */
static void
release_rest(struct splitting *splitting)
{
    if (splitting->rest_begun) {
        output_release(&splitting->rest);
        reader_release(&splitting->reader);
    }
    splitting->rest_begun = false;
}
