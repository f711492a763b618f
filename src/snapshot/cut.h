/* SPDX-License-Identifier: MIT */
#ifndef SNAPSHOT_CUT_H
#define SNAPSHOT_CUT_H

/*
 * snapshot/cut -- the whole content of a spine at one moment (spine/cut.h). Part of
 * snapshot/snapshot.h, which includes it.
 *
 * The thread that makes a cut fills it before any other knows it; from then on nothing
 * changes but the reference count. Any thread.
 */

#include "base/ref.h"
#include "filter/filter.h"
#include "spine/spine.h"

struct spine_snapshot;

struct spine_cut {
    struct ref refs;
    struct spine_snapshot *snapshot;
    /* Resolved; `name` is the one below. */
    struct spine_options options;
    char name[SPINE_LABEL_MAX + 1];
    uint64_t frontier;
    bool has_frontier;
    bool dirty;
    struct key_filter *key_filter;
    struct value_filter *value_filter;
    /* Batches and rows that had been inserted. */
    uint64_t inserted_batches;
    uint64_t inserted_rows;
    /* The spine's sequence when it was taken; 0: it is of no spine. */
    uint64_t sequence;
};

/* Nothing yet, with the options, which are resolved; NULL without memory. */
struct spine_cut *cut_new(const struct spine_options *options);

#endif
