/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "core.h"

static void stats_add_list(struct spine_stats *stats, const struct entry_list *list);
static void stats_add_lookups(struct spine_stats *stats, struct lookup_ledger *ledger);
static enum spine_status
check_locked(const struct spine *spine, struct spine_error *error);
static enum spine_status check_list(const struct entry_list *list, const char *where,
                                    unsigned level, struct spine_error *error);
static enum spine_status
check_levels(const struct entry_list *list, unsigned level, struct spine_error *error);
static enum spine_status
check_task(const struct merge_task *task, struct spine_error *error);

void
spine_get_stats(struct spine *spine, struct spine_stats *out)
{
    mutex_lock(&spine->mutex);
    *out = spine->locked.stats;
    memcpy(out->key_filter, key_filter_name(spine->locked.key_filter),
           strlen(key_filter_name(spine->locked.key_filter)) + 1);
    memcpy(out->value_filter, value_filter_name(spine->locked.value_filter),
           strlen(value_filter_name(spine->locked.value_filter)) + 1);
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        struct spine_level_stats *stats = &out->levels[level];

        *stats = (struct spine_level_stats){0};
        stats->loose_batches = spine->locked.slots[level].count;
        stats->merges = spine->locked.tasks[level].merges;
        stats_add_list(out, &spine->locked.slots[level]);
    }
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        const struct entry_list *inputs = &spine->locked.tasks[i].inputs;

        stats_add_list(out, inputs);
        for (const struct entry *entry = inputs->first; entry != NULL;
             entry = entry->next)
            out->levels[entry->level].merging_batches++;
    }
    stats_add_lookups(out, spine->ledger);
    mutex_unlock(&spine->mutex);

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
stats_add_list(struct spine_stats *stats, const struct entry_list *list)
{
    for (const struct entry *entry = list->first; entry != NULL; entry = entry->next) {
        stats->levels[entry->level].rows += entry->batch->info.rows;
        stats->levels[entry->level].bytes += entry->batch->info.bytes;
        stats->filter_bytes += batch_lookup_bytes(entry->batch);
    }
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

/* Every batch is in exactly one list, and the sums are those of the lists. */
static enum spine_status
check_locked(const struct spine *spine, struct spine_error *error)
{
    size_t loose_count = 0;
    size_t batch_count = 0;
    enum spine_status st = SPINE_OK;

    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        TRY(check_list(&spine->locked.slots[level], "loose", level, error));
        TRY(check_levels(&spine->locked.slots[level], level, error));
        loose_count += spine->locked.slots[level].count;
    }
    batch_count = loose_count;
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        TRY(check_list(&spine->locked.tasks[i].inputs, "merging", i, error));
        TRY(check_task(&spine->locked.tasks[i], error));
        batch_count += spine->locked.tasks[i].inputs.count;
    }
    if (loose_count != spine->locked.loose_count ||
        batch_count != spine->locked.batch_count)
        return spine_fail(
            error, SPINE_CORRUPT,
            "spine: %zu loose batches and %zu in all, counted as %zu and %zu",
            loose_count, batch_count, spine->locked.loose_count,
            spine->locked.batch_count);
out:
    return st;
}

static enum spine_status
check_list(const struct entry_list *list, const char *where, unsigned level,
           struct spine_error *error)
{
    size_t count = 0;
    uint64_t rows = 0;
    const struct entry *last = NULL;

    for (const struct entry *entry = list->first; entry != NULL; entry = entry->next) {
        if (entry->batch->info.rows == 0)
            return spine_fail(error, SPINE_CORRUPT, "level %u: a %s batch is empty",
                              level, where);
        if (ref_count(&entry->batch->refs) == 0)
            return spine_fail(error, SPINE_CORRUPT,
                              "level %u: a %s batch has no reference", level, where);
        count++;
        rows += entry->batch->info.rows;
        last = entry;
    }
    if (count != list->count || rows != list->rows || last != list->last)
        return spine_fail(error, SPINE_CORRUPT,
                          "level %u: %zu %s batches of %llu rows, counted as %zu of %llu",
                          level, count, where, (unsigned long long)rows, list->count,
                          (unsigned long long)list->rows);
    return SPINE_OK;
}

/* What is loose knows its level. */
static enum spine_status
check_levels(const struct entry_list *list, unsigned level, struct spine_error *error)
{
    for (const struct entry *entry = list->first; entry != NULL; entry = entry->next)
        if (entry->level != level)
            return spine_fail(error, SPINE_CORRUPT,
                              "level %u: a loose batch is said to be on level %u", level,
                              entry->level);
    return SPINE_OK;
}

static enum spine_status
check_task(const struct merge_task *task, struct spine_error *error)
{
    const bool idle = task->state == TASK_IDLE;

    if (idle != (task->inputs.count == 0) || (idle && task->merge != NULL) ||
        (task->job.spare && !task->ahead))
        return spine_fail(error, SPINE_CORRUPT,
                          "level %u: a merge of %zu batches is in state %d", task->level,
                          task->inputs.count, (int)task->state);
    return SPINE_OK;
}
