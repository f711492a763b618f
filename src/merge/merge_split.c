/* SPDX-License-Identifier: MIT */

/* Stopping a merge half way, block by block: what is left of its inputs, and what it has
 * written. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "merge/merge_state.h"

struct splitting {
    /* Merged rows that were not judged are of the key `from`, and of later ones: the
     * rests begin with it. */
    bool has_from;
    struct cell from;
    /* Rows that the merge has read and the rests have. */
    uint64_t rows_again;
    /* What is left of the inputs before `at`; NULL: nothing. As many as the merge has. */
    struct spine_batch **rests;
    size_t at;
    /* What is left of input `at`, while it is made: `reader` goes through its blocks,
     * once it is where the rest begins. */
    bool rest_begun;
    bool rest_found;
    struct output rest;
    struct reader reader;
};

static enum spine_status
split_step(struct merge *merge, uint64_t *fuel_rows, struct spine_batch **written,
           struct spine_batch **rests, struct spine_error *error);
static struct splitting *splitting_new(const struct merge *merge);
static void splitting_free(struct splitting *splitting, size_t input_count);
static enum spine_status make_rest(struct merge *merge, uint64_t *fuel_rows);
static void begin_rest(struct merge *merge);
static enum spine_status find_rest(struct merge *merge, uint64_t *fuel_rows);
static void release_rest(struct splitting *splitting);

/*
 * Rows of the key that may go on are not judged, and read again by the next merge:
 *
 *     merged    a a|b b b|c c       judged: a, b       the rests begin with c
 *
 * That has judged something, so that the next merge does not begin where this one did.
 * Without groups the window's end is as good, once all of it is judged.
 */
bool
merge_may_split(const struct merge *merge)
{
    const struct rows *fresh = &merge->fresh;

    if (merge->retain == NULL || !retain_by_group(merge->retain))
        return fresh->count == 0 && !kway_holds(&merge->kway);
    return fresh->count > 0 && merge->fresh_at == 0 &&
           rows_key_end(&merge->layout, fresh, 0, fresh->count) == fresh->count &&
           retain_is_between_keys(merge->retain, fresh) &&
           !output_ends_with(&merge->output, fresh);
}

void
merge_seek_split(struct merge *merge)
{
    merge->seeks_split = true;
}

size_t
merge_rows_to_judge(const struct merge *merge)
{
    const struct rows *fresh = &merge->fresh;
    size_t begin = fresh->count - 1;

    assert(fresh->count > 0);
    assert(merge->retain != NULL);
    if (!merge->seeks_split || !retain_by_group(merge->retain))
        return fresh->count;
    while (begin > 0 && rows_key_end(&merge->layout, fresh, begin - 1, begin + 1) > begin)
        begin--;
    return begin > 0 && begin >= merge->fresh_at ? begin : fresh->count;
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
    const enum spine_status st = split_step(merge, fuel_rows, written, rests, error);

    merge_charge(merge, *written);
    for (size_t i = 0; *written != NULL && i < merge->input_count; i++)
        merge_charge(merge, rests[i]);
    account_leave(&span);
    return st;
}

static enum spine_status
split_step(struct merge *merge, uint64_t *fuel_rows, struct spine_batch **written,
           struct spine_batch **rests, struct spine_error *error)
{
    struct splitting *splitting = merge->splitting;
    enum spine_status st = SPINE_OK;

    assert(merge_may_split(merge));
    *written = NULL;
    if (splitting == NULL)
        splitting = merge->splitting = splitting_new(merge);
    if (splitting == NULL)
        return fail_nomem(error, "a merge that is split", sizeof *splitting);
    while (st == SPINE_OK && *fuel_rows > 0 && splitting->at < merge->input_count)
        st = make_rest(merge, fuel_rows);
    merge->lacks = st == SPINE_BUSY;
    if (st == SPINE_BUSY)
        return SPINE_OK;
    TRY(st);
    if (splitting->at == merge->input_count && *fuel_rows > 0)
        TRY(output_seal_step(&merge->output, fuel_rows, written, NULL));
    merge->lacks = *written == NULL && splitting->at == merge->input_count &&
                   output_awaits(&merge->output);
    if (*written != NULL) {
        memcpy(rests, splitting->rests, merge->input_count * sizeof *rests);
        merge->rows_in -= splitting->rows_again;
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

    assert(splitting->at < merge->input_count);
    if (!splitting->rest_begun)
        begin_rest(merge);
    if (!splitting->rest_found)
        TRY_RETURN(find_rest(merge, fuel_rows));
    if (splitting->reader.block == input->batch->block_count &&
        splitting->rest.pending.count == 0 && splitting->rest.block_count == 0) {
        release_rest(splitting);
        splitting->at++;
        return SPINE_OK;
    }
    TRY_RETURN(output_share_rest(&splitting->rest, &splitting->reader, fuel_rows));
    if (*fuel_rows > 0)
        TRY_RETURN(output_seal_step(&splitting->rest, fuel_rows, rest, NULL));
    if (*rest != NULL) {
        batch_share_lookup(*rest, input->batch);
        batch_inherit_asked(*rest, input->batch);
        release_rest(splitting);
        splitting->at++;
    }
    return SPINE_OK;
}

static void
begin_rest(struct merge *merge)
{
    struct splitting *splitting = merge->splitting;
    struct merge_input *input = &merge->inputs[splitting->at];
    struct reader *reader = &splitting->reader;

    assert(!splitting->rest_begun);
    merge_input_update(input);
    output_init(&splitting->rest, &merge->layout);
    reader_init(reader, input->batch);
    reader->error = &merge->unread;
    reader->use = PIN_TO_MERGE;
    reader->fetch = &merge->fetch;
    splitting->rest_begun = true;
    splitting->rest_found = false;
}

/* Goes to where the rest begins, and copies what is left of that block. SPINE_BUSY: a
 * block of these is on its way. */
static enum spine_status
find_rest(struct merge *merge, uint64_t *fuel_rows)
{
    struct splitting *splitting = merge->splitting;
    struct merge_input *input = &merge->inputs[splitting->at];
    struct reader *reader = &splitting->reader;
    const uint64_t used = input->batch->info.rows - input->staged->rows_left;
    uint64_t begin = used;

    reader_to_offset(reader, used);
    if (splitting->has_from && used > 0) {
        TRY_RETURN(reader_seek(reader, &splitting->from, NULL));
        begin = reader_offset(reader);
        if (begin > used) {
            begin = used;
            reader_to_offset(reader, used);
        }
    }
    if (reader->block < input->batch->block_count)
        TRY_RETURN(output_begin_rest(&splitting->rest, reader, fuel_rows));
    splitting->rows_again += used - begin;
    splitting->rest_found = true;
    return SPINE_OK;
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
    merge->seeks_split = false;
}

static struct splitting *
splitting_new(const struct merge *merge)
{
    struct splitting *splitting = mem_zalloc(sizeof *splitting);

    if (splitting == NULL)
        return NULL;
    splitting->has_from = merge->fresh.count > 0;
    if (splitting->has_from)
        splitting->from = rows_key(&merge->layout, &merge->fresh, 0);
    splitting->rests = mem_zalloc(merge->input_count * sizeof *splitting->rests);
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
