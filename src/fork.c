/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "core.h"

static enum spine_status
entries_of_snapshot(const struct spine *spine, const struct spine_snapshot *snapshot,
                    struct entry_set *out, struct spine_error *error);

enum spine_status
spine_fork(struct spine *spine, struct spine **out, struct spine_error *error)
{
    struct spine_snapshot *snapshot = NULL;
    struct entry_set entries = {0};
    struct spine *fork = NULL;
    struct aftermath after = {0};
    struct content content = {0};
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_fork", "out");
    *out = NULL;
    if (spine == NULL)
        return fail_null(error, "spine_fork", "spine");
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    mutex_unlock(&spine->mutex);
    TRY(snapshot_with_content(spine, &snapshot, &content, error));
    TRY(entries_of_snapshot(spine, snapshot, &entries, error));
    TRY(spine_open(spine->runtime, &spine->layout.schema, &spine->options, &fork, error));

    const struct entry_sums sums = entry_set_sums(&entries);

    mutex_lock(&fork->mutex);
    spine_enter_locked(fork);
    fork->locked.frontier = content.frontier;
    fork->locked.has_frontier = content.has_frontier;
    fork->locked.dirty = content.dirty;
    fork->locked.key_filter = content.key_filter;
    fork->locked.value_filter = content.value_filter;
    survey_want_locked(fork);
    content.key_filter = NULL;
    content.value_filter = NULL;
    fork->locked.sequence = sums.sequence_most;
    fork->locked.batch_count = sums.count;
    fork->locked.counters.inserted_batches = sums.count;
    fork->locked.counters.inserted_rows = sums.rows;
    entry_set_unite(&fork->locked.loose, &entries);
    spine_start_merges_locked(fork, &after);
    spine_finish(fork, &after);
    *out = fork;
out:
    key_filter_unref(content.key_filter);
    value_filter_unref(content.value_filter);
    entry_set_free(&entries);
    spine_snapshot_unref(snapshot);
    mutex_lock(&spine->mutex);
    spine_leave_and_unlock(spine);
    return st;
}

/* An entry for each batch of the snapshot of a spine, on its level. */
static enum spine_status
entries_of_snapshot(const struct spine *spine, const struct spine_snapshot *snapshot,
                    struct entry_set *out, struct spine_error *error)
{
    for (size_t i = 0; i < snapshot->batch_count; i++) {
        struct entry *entry = entry_new(snapshot->batches[i]);

        if (entry == NULL)
            return fail_nomem(error, "the place of a batch in a fork", sizeof *entry);
        entry->sequence = i + 1;
        entry->level = slot_level(spine->policy, entry->batch->info.rows);
        entry_set_add(out, entry);
    }
    return SPINE_OK;
}
