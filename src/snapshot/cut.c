/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "snapshot/snapshot.h"

#include <string.h>

struct spine_cut *
cut_new(const struct spine_options *options)
{
    struct spine_cut *cut = mem_zalloc(sizeof *cut);

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
