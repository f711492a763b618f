/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "core.h"
#include "listing.h"

/* What a look at the entries of a set finds. */
struct census {
    const char *where;
    unsigned level;
    size_t count;
    uint64_t rows;
    uint64_t sequence; /* of the last one */
    enum spine_status status;
    struct spine_error *error;
};

static void level_stats_locked(const struct spine *spine, unsigned level,
                               struct spine_level_stats *out);
static void add_filter_bytes(struct entry *entry, void *context);
static void stats_add_lookups(struct spine_stats *stats, struct lookup_ledger *ledger);
static enum spine_status
check_locked(const struct spine *spine, struct spine_error *error);
static enum spine_status
check_set(const struct entry_set *set, const char *where, struct spine_error *error);
static void check_entry(struct entry *entry, void *context);
static enum spine_status
check_task(const struct merge_task *task, struct spine_error *error);

void
spine_get_stats(struct spine *spine, struct spine_stats *out)
{
    uint64_t filter_bytes = 0;

    if (out == NULL)
        return;
    *out = (struct spine_stats){0};
    if (spine == NULL)
        return;
    runtime_look(spine->runtime);
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    spine_list_wait_locked(spine);
    *out = spine->locked.stats;
    memcpy(out->key_filter, key_filter_name(spine->locked.key_filter),
           strlen(key_filter_name(spine->locked.key_filter)) + 1);
    memcpy(out->value_filter, value_filter_name(spine->locked.value_filter),
           strlen(value_filter_name(spine->locked.value_filter)) + 1);
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        level_stats_locked(spine, level, &out->levels[level]);
    spine_list_locked(spine, add_filter_bytes, &filter_bytes);
    stats_add_lookups(out, spine->ledger);
    spine_leave_and_unlock(spine);
    out->filter_bytes = filter_bytes;

    out->batches = 0;
    out->rows = 0;
    out->bytes = 0;
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        out->batches +=
            out->levels[level].loose_batches + out->levels[level].merging_batches;
        out->rows += out->levels[level].rows;
        out->bytes += out->levels[level].bytes;
    }
}

static void
level_stats_locked(const struct spine *spine, unsigned level,
                   struct spine_level_stats *out)
{
    const struct entry_sums loose = entry_set_level(&spine->locked.loose, level);

    *out = (struct spine_level_stats){.loose_batches = loose.count,
                                      .rows = loose.rows,
                                      .bytes = loose.bytes,
                                      .merges = spine->locked.tasks[level].merges};
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        const struct entry_sums merging =
            entry_set_level(&spine->locked.tasks[i].inputs, level);

        out->merging_batches += merging.count;
        out->rows += merging.rows;
        out->bytes += merging.bytes;
    }
}

static void
add_filter_bytes(struct entry *entry, void *context)
{
    uint64_t *filter_bytes = context;

    *filter_bytes += batch_lookup_bytes(entry->batch);
}

static void
stats_add_lookups(struct spine_stats *stats, struct lookup_ledger *ledger)
{
    struct lookup_counts counts;

    lookup_ledger_read(ledger, &counts);
    stats->lookups = counts.searches;
    stats->lookup_range_rejections = counts.range_rejections;
    stats->lookup_filter_rejections = counts.filter_rejections;
    stats->lookup_filter_passes = counts.filter_passes;
    stats->lookup_filter_errors = counts.filter_errors;
}

enum spine_status
spine_check(struct spine *spine, struct spine_error *error)
{
    struct spine_snapshot *snapshot = NULL;
    enum spine_status st;

    if (spine == NULL)
        return fail_null(error, "spine_check", "spine");
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    st = check_locked(spine, error);
    mutex_unlock(&spine->mutex);
    TRY(st);
    TRY(snapshot_of_anything(spine, &snapshot, error));
    for (size_t i = 0; i < spine_snapshot_batch_count(snapshot); i++)
        TRY(spine_batch_check(spine_snapshot_batch(snapshot, i), error));
out:
    spine_snapshot_unref(snapshot);
    mutex_lock(&spine->mutex);
    spine_leave_and_unlock(spine);
    return st;
}

/* Every batch is in exactly one set, and the sums are those of the sets. */
static enum spine_status
check_locked(const struct spine *spine, struct spine_error *error)
{
    size_t batch_count = entry_set_sums(&spine->locked.loose).count;
    enum spine_status st = SPINE_OK;

    TRY(check_set(&spine->locked.loose, "loose", error));
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        TRY(check_set(&spine->locked.tasks[i].inputs, "merging", error));
        TRY(check_task(&spine->locked.tasks[i], error));
        batch_count += entry_set_sums(&spine->locked.tasks[i].inputs).count;
    }
    if (batch_count != spine->locked.batch_count)
        return spine_fail(error, SPINE_CORRUPT, "spine: %zu batches, counted as %zu",
                          batch_count, spine->locked.batch_count);
out:
    return st;
}

static enum spine_status
check_set(const struct entry_set *set, const char *where, struct spine_error *error)
{
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        const struct entry_sums sums = entry_set_level(set, level);
        const struct entry_range range = {level, level + 1, 0, UINT64_MAX};
        struct census census = {.where = where, .level = level, .error = error};

        entry_set_each(set, range, check_entry, &census);
        if (census.status != SPINE_OK)
            return census.status;
        if (census.count != sums.count || census.rows != sums.rows)
            return spine_fail(
                error, SPINE_CORRUPT,
                "level %u: %zu %s batches of %llu rows, counted as %zu of %llu", level,
                census.count, where, (unsigned long long)census.rows, sums.count,
                (unsigned long long)sums.rows);
    }
    return SPINE_OK;
}

/* It knows its level, and comes after those that were looked at. */
static void
check_entry(struct entry *entry, void *context)
{
    struct census *census = context;
    const char *fault = NULL;

    if (entry->level != census->level)
        fault = "is said to be on another level";
    else if (entry->sequence < census->sequence)
        fault = "is out of order";
    else if (entry->batch->info.rows == 0)
        fault = "is empty";
    else if (ref_count(&entry->batch->refs) == 0)
        fault = "has no reference";
    if (fault != NULL && census->status == SPINE_OK)
        census->status =
            spine_fail(census->error, SPINE_CORRUPT, "level %u: a %s batch %s",
                       census->level, census->where, fault);
    census->count++;
    census->rows += entry->batch->info.rows;
    census->sequence = entry->sequence;
}

static enum spine_status
check_task(const struct merge_task *task, struct spine_error *error)
{
    const bool idle = task->state == TASK_IDLE;
    const size_t count = entry_set_sums(&task->inputs).count;

    if (idle != (count == 0) || (idle && task->merge != NULL) ||
        (task->job.spare && !task->ahead))
        return spine_fail(error, SPINE_CORRUPT,
                          "level %u: a merge of %zu batches is in state %d", task->level,
                          count, (int)task->state);
    return SPINE_OK;
}
