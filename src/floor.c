/* SPDX-License-Identifier: MIT */

/* The floor of a spine: learned from readers, given up when a batch begins below it. */

#include "floor.h"

#include "base/assert.h"
#include "core.h"

bool
floor_learn_locked(struct spine *spine)
{
    struct skipped *skipped;
    bool learned;

    assert(mutex_is_held(&spine->mutex));
    if (!lookup_ledger_has_skipped(spine->ledger))
        return false;
    skipped = lookup_ledger_take_skipped(spine->ledger);
    if (skipped == NULL)
        return false;
    learned = floor_learn_from_locked(spine, skipped);
    /* The stretch is for a merge. */
    lookup_ledger_return_skipped(spine->ledger, skipped);
    return learned;
}

bool
floor_learn_from_locked(struct spine *spine, struct skipped *skipped)
{
    assert(mutex_is_held(&spine->mutex));
    if (skipped->sequence == 0 || skipped->sequence != spine->locked.sequence ||
        spine->locked.floor == skipped || spine->locked.key_filter != NULL ||
        spine->locked.value_filter != NULL)
        return false;
    floor_drop_locked(spine);
    spine->locked.floor = skipped_ref(skipped);
    return true;
}

void
floor_insert_locked(struct spine *spine, const struct spine_batch *batch)
{
    const struct layout *const layout = &spine->layout;
    struct row_code first;

    assert(mutex_is_held(&spine->mutex));
    (void)floor_learn_locked(spine);
    if (spine->locked.floor == NULL || batch->info.rows == 0)
        return;
    first = reader_block_first(&(struct reader){.batch = batch});
    if (row_code_compare(layout, &first, &spine->locked.floor->first) < 0)
        floor_drop_locked(spine);
}

void
floor_drop_locked(struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    skipped_unref(spine->locked.floor);
    spine->locked.floor = NULL;
}
