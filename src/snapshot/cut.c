/* SPDX-License-Identifier: MIT */

/* Cuts: made, shared, and cuts of a range of their keys. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "snapshot/snapshot.h"

#include <string.h>

static enum spine_status
snapshot_between(const struct spine_snapshot *from, const union spine_datum *lower,
                 const union spine_datum *upper, struct spine_snapshot **out,
                 struct spine_error *error);

struct spine_cut *
cut_new(const struct spine_options *options)
{
    struct spine_cut *cut = mem_zalloc(sizeof *cut);

    assert(options->name != NULL && strlen(options->name) < sizeof cut->name);
    if (cut == NULL)
        return NULL;
    ref_init(&cut->refs);
    cut->options = *options;
    memcpy(cut->name, options->name, strlen(options->name) + 1);
    cut->options.name = cut->name;
    return cut;
}

struct spine_cut *
spine_cut_ref(struct spine_cut *cut)
{
    if (cut != NULL)
        ref_take(&cut->refs);
    return cut;
}

void
spine_cut_unref(struct spine_cut *cut)
{
    if (cut == NULL || !ref_drop(&cut->refs))
        return;
    spine_snapshot_unref(cut->snapshot);
    key_filter_unref(cut->key_filter);
    value_filter_unref(cut->value_filter);
    mem_free(cut, sizeof *cut);
}

enum spine_status
spine_cut_between(const struct spine_cut *cut, const union spine_datum *lower,
                  const union spine_datum *upper, struct spine_cut **out,
                  struct spine_error *error)
{
    struct spine_cut *part;
    enum spine_status st = SPINE_OK;

    if (out == NULL)
        return fail_null(error, "spine_cut_between", "out");
    *out = NULL;
    if (cut == NULL)
        return fail_null(error, "spine_cut_between", "cut");
    part = cut_new(&cut->options);
    if (part == NULL)
        return fail_nomem(error, "a cut", sizeof *part);
    part->frontier = cut->frontier;
    part->has_frontier = cut->has_frontier;
    part->dirty = cut->dirty;
    part->key_filter = key_filter_ref(cut->key_filter);
    part->value_filter = value_filter_ref(cut->value_filter);
    part->inserted_batches = cut->inserted_batches;
    part->inserted_rows = cut->inserted_rows;
    /* No spine has this number. */
    part->sequence = UINT64_MAX;
    TRY(snapshot_between(cut->snapshot, lower, upper, &part->snapshot, error));
    assert(part->snapshot->batch_count <= cut->snapshot->batch_count);
    *out = part;
    part = NULL;
out:
    spine_cut_unref(part);
    return st;
}

/* Batches of which nothing is left are not in it. */
static enum spine_status
snapshot_between(const struct spine_snapshot *from, const union spine_datum *lower,
                 const union spine_datum *upper, struct spine_snapshot **out,
                 struct spine_error *error)
{
    struct spine_snapshot *part =
        snapshot_new(&from->layout, from->ledger, NULL, from->batch_count);
    enum spine_status st = SPINE_OK;

    if (part == NULL)
        return fail_nomem(error, "a snapshot", snapshot_bytes(from->batch_count));
    for (size_t i = 0; st == SPINE_OK && i < from->batch_count; i++) {
        struct spine_batch *batch;

        st = spine_batch_between(from->batches[i], lower, upper, &batch, error);
        if (st == SPINE_OK && batch->info.rows > 0)
            snapshot_append(part, batch);
        spine_batch_unref(batch);
    }
    if (st == SPINE_OK)
        *out = part;
    else
        spine_snapshot_unref(part);
    return st;
}

struct spine_snapshot *
spine_cut_snapshot(const struct spine_cut *cut)
{
    return cut != NULL ? cut->snapshot : NULL;
}

void
spine_cut_get_info(const struct spine_cut *cut, struct spine_cut_info *out)
{
    if (out == NULL)
        return;
    *out = (struct spine_cut_info){0};
    if (cut == NULL)
        return;
    *out = (struct spine_cut_info){.frontier = cut->frontier,
                                   .has_frontier = cut->has_frontier,
                                   .dirty = cut->dirty,
                                   .inserted_batches = cut->inserted_batches,
                                   .inserted_rows = cut->inserted_rows};
}
