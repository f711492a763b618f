/* SPDX-License-Identifier: MIT */

/* A spine that begins with the content of a cut, or of another spine: batches are
 * shared. */

#include "base/error.h"
#include "core.h"
#include "saving.h"

static enum spine_status entries_of_snapshot(const struct slot_policy *policy,
                                             const struct spine_snapshot *snapshot,
                                             struct entry_set *out,
                                             struct spine_error *error);

enum spine_status
spine_fork(struct spine *spine, struct spine **out, struct spine_error *error)
{
    struct spine_cut *cut = NULL;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_fork", "out");
    *out = NULL;
    if (spine == NULL)
        return fail_null(error, "spine_fork", "spine");
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    mutex_unlock(&spine->mutex);
    TRY(cut_of_now(spine, &cut, error));
    /* Of the fork, what it begins with was inserted. */
    cut->inserted_batches = cut->snapshot->batch_count;
    cut->inserted_rows = spine_snapshot_rows(cut->snapshot);
    TRY(spine_open_cut(spine->runtime, cut, out, error));
out:
    spine_cut_unref(cut);
    mutex_lock(&spine->mutex);
    spine_leave_and_unlock(spine);
    return st;
}

enum spine_status
spine_open_cut(struct spine_runtime *runtime, struct spine_cut *cut, struct spine **out,
               struct spine_error *error)
{
    struct entry_set entries = {0};
    struct spine *spine = NULL;
    struct aftermath after = {0};
    struct entry_sums sums;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_open_cut", "out");
    *out = NULL;
    if (cut == NULL || runtime == NULL)
        return fail_null(error, "spine_open_cut", cut == NULL ? "cut" : "runtime");
    TRY(spine_open(runtime, &cut->snapshot->layout.schema, &cut->options, &spine, error));
    st = entries_of_snapshot(spine->policy, cut->snapshot, &entries, error);
    if (st != SPINE_OK) {
        spine_close(spine);
        goto out;
    }
    for (size_t i = 0; i < cut->snapshot->batch_count; i++)
        batch_charge(cut->snapshot->batches[i], runtime_account(runtime));
    sums = entry_set_sums(&entries);
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    spine->locked.frontier = cut->frontier;
    spine->locked.has_frontier = cut->has_frontier;
    spine->locked.dirty = cut->dirty;
    spine->locked.key_filter = key_filter_ref(cut->key_filter);
    spine->locked.value_filter = value_filter_ref(cut->value_filter);
    survey_want_locked(&spine->locked.survey);
    spine->locked.sequence = sums.sequence_most;
    spine->locked.batch_count = sums.count;
    spine->locked.counters.inserted_batches = cut->inserted_batches;
    spine->locked.counters.inserted_rows = cut->inserted_rows;
    entry_set_unite(&spine->locked.loose, &entries);
    saving_open_locked(spine);
    spine_start_merges_locked(spine, &after);
    spine_finish(spine, &after);
    *out = spine;
out:
    entry_set_free(&entries);
    return st;
}

/* An entry for each batch of the snapshot, on its level. */
static enum spine_status
entries_of_snapshot(const struct slot_policy *policy,
                    const struct spine_snapshot *snapshot, struct entry_set *out,
                    struct spine_error *error)
{
    for (size_t i = 0; i < snapshot->batch_count; i++) {
        struct entry *entry = entry_new(snapshot->batches[i]);

        if (entry == NULL)
            return fail_nomem(error, "the place of a batch in a spine", sizeof *entry);
        entry->sequence = i + 1;
        entry->level = slot_level(policy, entry->batch->info.rows);
        entry_set_add(out, entry);
    }
    return SPINE_OK;
}
