/* SPDX-License-Identifier: MIT */

/* What of the loose batches of a level is due to merge. */

#include "core.h"

#include "base/assert.h"

size_t
spine_due_locked(const struct spine *spine, unsigned level)
{
    const struct entry_sums sums = entry_set_level(&spine->locked.loose, level);
    struct slot_loose loose = {.count = sums.count, .rows = sums.rows};

    assert(mutex_is_held(&spine->mutex));
    /* Otherwise what they merge into is in memory. */
    if (runtime_placement(spine->runtime)->store != NULL)
        loose.storage_rows = sums.storage_rows;
    return slot_merge_count(spine->policy, level, &loose);
}
