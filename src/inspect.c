/* SPDX-License-Identifier: MIT */

/* Statistics of a spine, and spine_check(): the sums of its sets counted again, and every
 * batch checked. */

#include "base/assert.h"
#include "base/error.h"
#include "core.h"
#include "listing.h"

/* What is found of the batches of a spine. */
struct census {
    /* Of each level: what the sets say, all together, and what was found in them. */
    struct entry_sums expected[SPINE_LEVELS];
    struct entry_sums found[SPINE_LEVELS];
    /* The first fault. */
    enum spine_status status;
    struct spine_error *error;
};

/* A look at the entries of a set that are on a level and in a section. */
struct entry_check {
    struct census *census;
    const char *where;
    unsigned level;
    struct entry_sums found;
};

static void copy_state_locked(const struct spine *spine, struct spine_stats *out);
static void add_tasks_locked(const struct spine *spine, struct spine_stats *out);
static void add_levels(struct spine_stats *stats);
static void add_snapshots_locked(const struct spine *spine, struct spine_stats *out);
static void add_account(const struct account *account, struct spine_stats *out);
static void level_stats_locked(const struct spine *spine, unsigned level,
                               struct spine_level_stats *out);
static void add_loose(struct spine_level_stats *stats, const struct entry_sums *sums);
static void add_merging(struct spine_level_stats *stats, const struct entry_sums *sums);
static void add_sums_of(struct spine_level_stats *stats, const struct entry_sums *sums);
static void add_filters(struct entry *entry, void *context);
static void stats_add_lookups(struct spine_stats *stats, struct lookup_ledger *ledger);
static enum spine_status
check_places_locked(struct spine *spine, struct spine_error *error);
static enum spine_status count_locked(const struct spine *spine, struct census *census);
static size_t
count_set(struct census *census, const struct entry_set *set, const char *where);
static void add_sums(struct entry_sums *to, const struct entry_sums *sums);
static enum spine_status
check_task(const struct merge_task *task, struct spine_error *error);
static void
check_section_locked(const struct spine *spine, struct entry_range range, void *context);
static void check_set(struct census *census, const struct entry_set *set,
                      const char *where, struct entry_range range);
static void check_entry(struct entry *entry, void *context);
static void expect_sums(struct census *census, const char *where,
                        const struct entry_sums *found,
                        const struct entry_sums *expected);

void
spine_get_stats(struct spine *spine, struct spine_stats *out)
{
    if (out == NULL)
        return;
    *out = (struct spine_stats){0};
    if (spine == NULL)
        return;
    runtime_kick_waiting(spine->runtime);
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    spine_list_wait_locked(spine);
    copy_state_locked(spine, out);
    add_tasks_locked(spine, out);
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        level_stats_locked(spine, level, &out->levels[level]);
    spine_list_locked(spine, add_filters, out);
    stats_add_lookups(out, spine->ledger);
    add_snapshots_locked(spine, out);
    add_levels(out);
    add_account(spine->account, out);
    spine_leave_and_unlock(spine);
}

/* The list that the spine keeps for the next reader is none that somebody holds. */
static void
add_snapshots_locked(const struct spine *spine, struct spine_stats *out)
{
    struct spine_snapshot *kept = spine->locked.snapshot;
    const bool is_idle = kept != NULL && ref_count(&kept->refs) == 1;
    size_t count;

    assert(mutex_is_held(&spine->mutex));
    book_read(spine->book, is_idle ? &kept->line : NULL, &count,
              &out->snapshot_age_ns_max);
    out->snapshots = count;
}

/*
 * What is charged to the spine and neither in its batches nor in outputs is only held by
 * others. Batches that were charged elsewhere first, such as those of a fork, are in
 * `bytes` and not here: then it is less than that.
 */
static void
add_account(const struct account *account, struct spine_stats *out)
{
    const uint64_t batch_bytes =
        account_bytes(account, ACCOUNT_BLOCKS) + account_bytes(account, ACCOUNT_FENCES);
    uint64_t known_bytes;

    out->memory_bytes = account_total(account);
    out->merge_bytes = account_bytes(account, ACCOUNT_SCRATCH);
    out->reader_bytes = account_bytes(account, ACCOUNT_READERS);
    out->output_bytes = account_output_bytes(account);
    out->cache_hits = atomic_load(&account->reader_reads.hits);
    out->cache_misses = atomic_load(&account->reader_reads.misses);
    out->read_bytes = atomic_load(&account->reader_reads.bytes);
    out->read_ns = atomic_load(&account->reader_reads.ns);
    out->merge_cache_hits = atomic_load(&account->merge_reads.hits);
    out->merge_cache_misses = atomic_load(&account->merge_reads.misses);
    out->merge_read_bytes = atomic_load(&account->merge_reads.bytes);
    out->merge_read_ns = atomic_load(&account->merge_reads.ns);
    known_bytes = out->bytes + out->output_bytes;
    out->snapshot_bytes = batch_bytes > known_bytes ? batch_bytes - known_bytes : 0;
}

/* What is neither of a level nor of a batch. */
static void
copy_state_locked(const struct spine *spine, struct spine_stats *out)
{
    const struct spine_counters *counters = &spine->locked.counters;
    const char *key_filter = key_filter_name(spine->locked.key_filter);
    const char *value_filter = value_filter_name(spine->locked.value_filter);

    assert(mutex_is_held(&spine->mutex));
#define COPY(name) out->name = counters->name;
    SPINE_COUNTERS(COPY)
#undef COPY
    memcpy(out->name, spine->options.name, strlen(spine->options.name) + 1);
    memcpy(out->key_filter, key_filter, strlen(key_filter) + 1);
    memcpy(out->value_filter, value_filter, strlen(value_filter) + 1);
    out->failed = spine->locked.status != SPINE_OK;
    if (spine->locked.compaction != NULL)
        out->compaction_state = 2;
    else if (spine->locked.next_compaction != NULL)
        out->compaction_state = 1;
}

static void
add_tasks_locked(const struct spine *spine, struct spine_stats *out)
{
    assert(mutex_is_held(&spine->mutex));
    for (unsigned i = 0; i < LANE_TASK; i++) {
        const struct task_counters *counters = &spine->locked.tasks[i].counters;

#define ADD(name) out->name += counters->name;
        TASK_COUNTERS(ADD)
#undef ADD
    }
    out->compactions = spine->locked.tasks[COMPACTION_TASK].counters.merges;
}

static void
add_levels(struct spine_stats *stats)
{
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        const struct spine_level_stats *of = &stats->levels[level];

        stats->batches += of->loose_batches + of->merging_batches;
        stats->rows += of->rows;
        stats->bytes += of->bytes;
        stats->storage_batches += of->storage_batches;
        stats->storage_rows += of->storage_rows;
        stats->storage_bytes += of->storage_bytes;
        stats->merging_batches += of->merging_batches;
        stats->merging_bytes += of->merging_bytes;
        stats->negative_rows += of->negative_rows;
    }
}

static void
level_stats_locked(const struct spine *spine, unsigned level,
                   struct spine_level_stats *out)
{
    const struct entry_sums loose = entry_set_level(&spine->locked.loose, level);

    assert(mutex_is_held(&spine->mutex));
    const struct task_counters *counters = &spine->locked.tasks[level].counters;

    *out = (struct spine_level_stats){0};
#define COPY(name) out->name = counters->name;
    TASK_COUNTERS(COPY)
#undef COPY
    add_loose(out, &loose);
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++) {
        const struct entry_sums merging =
            entry_set_level(&spine_task_locked(spine, i)->inputs, level);

        add_merging(out, &merging);
    }
}

static void
add_loose(struct spine_level_stats *stats, const struct entry_sums *sums)
{
    stats->loose_batches += sums->count;
    stats->loose_memory_rows += sums->rows - sums->storage_rows;
    stats->loose_storage_rows += sums->storage_rows;
    add_sums_of(stats, sums);
}

static void
add_merging(struct spine_level_stats *stats, const struct entry_sums *sums)
{
    stats->merging_batches += sums->count;
    stats->merging_memory_rows += sums->rows - sums->storage_rows;
    stats->merging_storage_rows += sums->storage_rows;
    stats->merging_bytes += sums->bytes + sums->storage_bytes;
    add_sums_of(stats, sums);
}

static void
add_sums_of(struct spine_level_stats *stats, const struct entry_sums *sums)
{
    stats->rows += sums->rows;
    stats->bytes += sums->bytes;
    stats->negative_rows += sums->negative_rows;
    stats->storage_batches += sums->storage_count;
    stats->storage_rows += sums->storage_rows;
    stats->storage_bytes += sums->storage_bytes;
}

/* What the batch knows of its keys. */
static void
add_filters(struct entry *entry, void *context)
{
    struct spine_stats *stats = context;
    const struct spine_batch_info *info = &entry->batch->info;
    const struct lookup *lookup = batch_lookup(entry->batch);

    stats->range_bytes += sizeof info->key_min + sizeof info->key_max;
    if (lookup == NULL)
        return;
    stats->filter_bytes += lookup_bytes(lookup);
    if (lookup_kind(lookup) == LOOKUP_BLOOM) {
        stats->bloom_batches++;
        stats->bloom_keys += info->keys;
        stats->bloom_bytes += lookup_bytes(lookup);
    } else {
        stats->roaring_batches++;
        stats->roaring_keys += info->keys;
        stats->roaring_bytes += lookup_bytes(lookup);
    }
}

static void
stats_add_lookups(struct spine_stats *stats, struct lookup_ledger *ledger)
{
    struct lookup_counts counts;

    lookup_ledger_read(ledger, &counts);
#define SHOW_COUNT(name, statistic) stats->statistic = counts.name;
    LOOKUP_COUNTS(SHOW_COUNT)
#undef SHOW_COUNT
    stats->roaring_rejections = counts.filter_rejections - counts.bloom_rejections;
    stats->roaring_passes = counts.filter_passes - counts.bloom_passes;
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
    st = check_places_locked(spine, error);
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

/*
 * Every batch is in exactly one place, and the sums are those of what is there. What is
 * there does not change from section to section, though merges may begin and be given up,
 * which moves batches from set to set; so the sets are right in every section, and at the
 * end of all sections as much was found as the sets had together at first.
 */
static enum spine_status
check_places_locked(struct spine *spine, struct spine_error *error)
{
    struct census census = {.error = error};

    assert(mutex_is_held(&spine->mutex));
    spine_list_wait_locked(spine);
    TRY_RETURN(count_locked(spine, &census));
    spine_list_sections_locked(spine, check_section_locked, &census);
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        expect_sums(&census, "merging and loose", &census.found[level],
                    &census.expected[level]);
    return census.status;
}

/* What the sets and the tasks say of themselves. */
static enum spine_status
count_locked(const struct spine *spine, struct census *census)
{
    size_t batch_count = count_set(census, &spine->locked.loose, "loose");

    assert(mutex_is_held(&spine->mutex));
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++) {
        const struct merge_task *task = spine_task_locked(spine, i);

        batch_count += count_set(census, &task->inputs, "merging");
        TRY_RETURN(check_task(task, census->error));
    }
    if (census->status == SPINE_OK && batch_count != spine->locked.batch_count)
        return spine_fail(census->error, SPINE_CORRUPT,
                          "spine: %zu batches, counted as %zu", batch_count,
                          spine->locked.batch_count);
    return SPINE_OK;
}

/* Adds what the set says of each level to what is expected there; returns how many
 * batches it has. */
static size_t
count_set(struct census *census, const struct entry_set *set, const char *where)
{
    const struct entry_sums all = entry_set_sums(set);
    struct entry_sums found = {0};

    if (set->top == NULL)
        return 0;
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        const struct entry_sums sums = entry_set_level(set, level);

        add_sums(&found, &sums);
        add_sums(&census->expected[level], &sums);
    }
    expect_sums(census, where, &found, &all);
    return found.count;
}

static void
add_sums(struct entry_sums *to, const struct entry_sums *sums)
{
    to->count += sums->count;
    to->rows += sums->rows;
    to->bytes += sums->bytes;
}

static enum spine_status
check_task(const struct merge_task *task, struct spine_error *error)
{
    const bool idle = task->state == TASK_IDLE;
    const size_t count = entry_set_sums(&task->inputs).count;

    if ((idle != (count == 0) && task->lane != LANE_HAD) ||
        (idle && task->merge != NULL) || (task->job.spare && !task->ahead))
        return spine_fail(error, SPINE_CORRUPT,
                          "level %u: a merge of %zu batches is in state %d", task->level,
                          count, (int)task->state);
    return SPINE_OK;
}

static void
check_section_locked(const struct spine *spine, struct entry_range range, void *context)
{
    assert(mutex_is_held(&spine->mutex));
    check_set(context, &spine->locked.loose, "loose", range);
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++)
        check_set(context, &spine_task_locked(spine, i)->inputs, "merging", range);
}

static void
check_set(struct census *census, const struct entry_set *set, const char *where,
          struct entry_range range)
{
    if (set->top == NULL)
        return;
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        struct entry_check check = {.census = census, .where = where, .level = level};
        struct entry_sums sums;

        range.level_begin = level;
        range.level_end = level + 1;
        sums = entry_set_sums_in(set, range);
        entry_set_each(set, range, check_entry, &check);
        expect_sums(census, where, &check.found, &sums);
        add_sums(&census->found[level], &check.found);
    }
}

/* It knows its level, and comes after those that were looked at. */
static void
check_entry(struct entry *entry, void *context)
{
    struct entry_check *check = context;
    const struct spine_batch_info *info = &entry->batch->info;
    const char *fault = NULL;

    if (entry->level != check->level)
        fault = "is said to be on another level";
    else if (entry->sequence < check->found.sequence_most)
        fault = "is out of order";
    else if (info->rows == 0)
        fault = "is empty";
    else if (ref_count(&entry->batch->refs) == 0)
        fault = "has no reference";
    else if (!entry_adds_up(entry))
        fault = "does not add up with those below it";
    if (fault != NULL && check->census->status == SPINE_OK)
        check->census->status =
            spine_fail(check->census->error, SPINE_CORRUPT, "level %u: a %s batch %s",
                       check->level, check->where, fault);
    check->found.count++;
    check->found.rows += info->rows;
    check->found.bytes += info->bytes;
    check->found.sequence_most = entry->sequence;
}

static void
expect_sums(struct census *census, const char *where, const struct entry_sums *found,
            const struct entry_sums *expected)
{
    if (census->status == SPINE_OK &&
        (found->count != expected->count || found->rows != expected->rows ||
         found->bytes != expected->bytes))
        census->status = spine_fail(
            census->error, SPINE_CORRUPT,
            "spine: %zu %s batches of %llu rows and %llu bytes, counted as %zu of %llu "
            "and %llu",
            found->count, where, (unsigned long long)found->rows,
            (unsigned long long)found->bytes, expected->count,
            (unsigned long long)expected->rows, (unsigned long long)expected->bytes);
}
