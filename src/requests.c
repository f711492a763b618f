/* SPDX-License-Identifier: MIT */

/* A compaction as what requests share: made, joined, let go of. */

#include "base/alloc.h"
#include "base/assert.h"
#include "compaction.h"

struct compaction *
compaction_new(void)
{
    struct compaction *compaction = mem_zalloc(sizeof *compaction);

    if (compaction != NULL)
        ref_init(&compaction->refs);
    return compaction;
}

void
compaction_unref(struct compaction *compaction)
{
    if (compaction == NULL || !ref_drop(&compaction->refs))
        return;
    assert(compaction->first == NULL);
    compaction_unref(compaction->heir);
    spine_batch_unref(compaction->batch);
    mem_free(compaction, sizeof *compaction);
}

void
compaction_append_requests(struct compaction *compaction,
                           struct compaction_request *first,
                           struct compaction_request *last)
{
    if (first == NULL)
        return;
    if (compaction->last != NULL)
        compaction->last->next = first;
    else
        compaction->first = first;
    compaction->last = last;
}
