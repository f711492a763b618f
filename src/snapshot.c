/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "core.h"
#include "cursor/cursor.h"
#include "listing.h"
#include "probe/probe.h"
#include "spine/view.h"

/* Room beyond what was counted, for batches that come in between. */
#define SPARE_BATCHES 8u

/* What belongs to a spine's content beside its batches. */
struct content {
    uint64_t frontier;
    bool has_frontier;
    bool dirty;
    struct key_filter *key_filter;
    struct value_filter *value_filter;
};

static enum spine_status
snapshot_take(struct spine *spine, bool must_add_up, struct spine_snapshot **out,
              struct content *content, struct spine_error *error);
static void content_read_locked(const struct spine *spine, struct content *content);
static struct spine_snapshot *
snapshot_new(const struct layout *layout, struct lookup_ledger *ledger, size_t capacity);
static size_t snapshot_bytes(size_t capacity);
static void snapshot_free(struct spine_snapshot *snapshot);
static struct spine_snapshot *
snapshot_fill_locked(struct spine *spine, struct spine_snapshot *fresh);
static void append_batch(struct entry *entry, void *context);
static enum spine_status
entries_of_snapshot(const struct spine *spine, const struct spine_snapshot *snapshot,
                    struct entry_set *out, struct spine_error *error);

enum spine_status
spine_take_snapshot(struct spine *spine, struct spine_snapshot **out,
                    struct spine_error *error)
{
    if (out == NULL)
        return fail_null(error, "spine_take_snapshot", "out");
    *out = NULL;
    if (spine == NULL)
        return fail_null(error, "spine_take_snapshot", "spine");
    return snapshot_take(spine, true, out, NULL, error);
}

enum spine_status
snapshot_of_anything(struct spine *spine, struct spine_snapshot **out,
                     struct spine_error *error)
{
    return snapshot_take(spine, false, out, NULL, error);
}

/*
 * The present content; with `content`, unless it is NULL, of the same moment. A sticky
 * SPINE_OVERFLOW is that of who wants to add it up. The list is kept by the spine until
 * it changes, so a snapshot usually costs one reference; a new list is allocated with the
 * lock open, until its room suffices.
 */
static enum spine_status
snapshot_take(struct spine *spine, bool must_add_up, struct spine_snapshot **out,
              struct content *content, struct spine_error *error)
{
    struct spine_snapshot *fresh = NULL;
    enum spine_status st = SPINE_OK;

    *out = NULL;
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    for (;;) {
        spine_list_wait_locked(spine);

        const size_t count = spine->locked.batch_count;

        if (spine->locked.snapshot != NULL || (fresh != NULL && fresh->capacity >= count))
            break;
        mutex_unlock(&spine->mutex);
        snapshot_free(fresh);
        fresh = snapshot_new(&spine->layout, spine->ledger, count + SPARE_BATCHES);
        mutex_lock(&spine->mutex);
        if (fresh == NULL)
            TRY(fail_nomem(error, "a snapshot", snapshot_bytes(count + SPARE_BATCHES)));
    }
    if (must_add_up && spine->locked.status == SPINE_OVERFLOW)
        TRY(spine_sticky_locked(spine, error));
    if (content != NULL)
        content_read_locked(spine, content);
    if (spine->locked.snapshot != NULL)
        *out = spine_snapshot_ref(spine->locked.snapshot);
    else {
        *out = snapshot_fill_locked(spine, fresh);
        fresh = NULL;
    }
out:
    spine_leave_and_unlock(spine);
    snapshot_free(fresh);
    return st;
}

static void
content_read_locked(const struct spine *spine, struct content *content)
{
    content->frontier = spine->locked.frontier;
    content->has_frontier = spine->locked.has_frontier;
    content->dirty = spine->locked.dirty;
    content->key_filter = key_filter_ref(spine->locked.key_filter);
    content->value_filter = value_filter_ref(spine->locked.value_filter);
}

static struct spine_snapshot *
snapshot_new(const struct layout *layout, struct lookup_ledger *ledger, size_t capacity)
{
    struct spine_snapshot *snapshot = mem_zalloc(snapshot_bytes(capacity));

    if (snapshot == NULL)
        return NULL;
    ref_init(&snapshot->refs);
    snapshot->layout = *layout;
    snapshot->ledger = lookup_ledger_ref(ledger);
    snapshot->capacity = capacity;
    return snapshot;
}

static size_t
snapshot_bytes(size_t capacity)
{
    return sizeof(struct spine_snapshot) + capacity * sizeof(struct spine_batch *);
}

static void
snapshot_free(struct spine_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    for (size_t i = 0; i < snapshot->batch_count; i++)
        spine_batch_unref(snapshot->batches[i]);
    lookup_ledger_unref(snapshot->ledger);
    mem_free(snapshot, snapshot_bytes(snapshot->capacity));
}

/* Fills a list that has room, and has the spine keep a reference if it has not changed
 * meanwhile. */
static struct spine_snapshot *
snapshot_fill_locked(struct spine *spine, struct spine_snapshot *fresh)
{
    const uint64_t sequence = spine->locked.sequence;

    spine_list_locked(spine, append_batch, fresh);
    if (spine->locked.sequence == sequence && spine->locked.snapshot == NULL) {
        assert(fresh->batch_count == spine->locked.batch_count);
        spine->locked.snapshot = spine_snapshot_ref(fresh);
    }
    return fresh;
}

static void
append_batch(struct entry *entry, void *context)
{
    struct spine_snapshot *snapshot = context;

    assert(snapshot->batch_count < snapshot->capacity);
    snapshot->batches[snapshot->batch_count++] = spine_batch_ref(entry->batch);
}

enum spine_status
spine_snapshot_of_batches(const struct spine_schema *schema,
                          struct spine_batch *const *batches, size_t batch_count,
                          struct spine_snapshot **out, struct spine_error *error)
{
    struct spine_snapshot *snapshot;
    struct layout layout;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_snapshot_of_batches", "out");
    *out = NULL;
    if (schema == NULL || (batches == NULL && batch_count > 0))
        return fail_null(error, "spine_snapshot_of_batches",
                         schema == NULL ? "schema" : "batches");
    st = layout_init(&layout, schema, error);
    if (st != SPINE_OK)
        return st;
    for (size_t i = 0; i < batch_count; i++)
        if (batches[i] == NULL ||
            !spine_schema_equal(&layout.schema, &batches[i]->layout.schema))
            return spine_fail(error, SPINE_INVALID,
                              "spine_snapshot_of_batches: batch %zu %s", i,
                              batches[i] == NULL ? "is NULL" : "has another schema");
    snapshot = snapshot_new(&layout, NULL, batch_count);
    if (snapshot == NULL)
        return fail_nomem(error, "a snapshot", snapshot_bytes(batch_count));
    for (size_t i = 0; i < batch_count; i++)
        if (batches[i]->info.rows > 0)
            snapshot->batches[snapshot->batch_count++] = spine_batch_ref(batches[i]);
    *out = snapshot;
    return SPINE_OK;
}

struct spine_snapshot *
spine_snapshot_ref(struct spine_snapshot *snapshot)
{
    if (snapshot != NULL)
        ref_take(&snapshot->refs);
    return snapshot;
}

void
spine_snapshot_unref(struct spine_snapshot *snapshot)
{
    if (snapshot != NULL && ref_drop(&snapshot->refs))
        snapshot_free(snapshot);
}

size_t
spine_snapshot_batch_count(const struct spine_snapshot *snapshot)
{
    return snapshot != NULL ? snapshot->batch_count : 0;
}

struct spine_batch *
spine_snapshot_batch(const struct spine_snapshot *snapshot, size_t index)
{
    return index < spine_snapshot_batch_count(snapshot) ? snapshot->batches[index] : NULL;
}

uint64_t
spine_snapshot_rows(const struct spine_snapshot *snapshot)
{
    const size_t count = spine_snapshot_batch_count(snapshot);
    uint64_t rows = 0;

    for (size_t i = 0; i < count; i++)
        rows += snapshot->batches[i]->info.rows;
    return rows;
}

uint64_t
spine_snapshot_bytes(const struct spine_snapshot *snapshot)
{
    const size_t count = spine_snapshot_batch_count(snapshot);
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += snapshot->batches[i]->info.bytes;
    return bytes;
}

enum spine_status
spine_snapshot_cursor(struct spine_snapshot *snapshot, struct spine_cursor **out,
                      struct spine_error *error)
{
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_snapshot_cursor", "out");
    *out = NULL;
    if (snapshot == NULL)
        return fail_null(error, "spine_snapshot_cursor", "snapshot");
    st = cursor_new(out, &snapshot->layout, snapshot->batches, snapshot->batch_count,
                    error);
    if (st == SPINE_OK)
        cursor_use_ledger(*out, snapshot->ledger);
    return st;
}

enum spine_status
spine_snapshot_probe(struct spine_snapshot *snapshot, struct spine_probe *probe,
                     const struct spine_columns *keys,
                     const struct spine_probe_options *options,
                     struct spine_probe_rows *out, struct spine_error *error)
{
    struct probe_input input = {.keys = keys, .options = options};

    if (out == NULL)
        return fail_null(error, "spine_snapshot_probe", "out");
    *out = (struct spine_probe_rows){0};
    if (snapshot == NULL || probe == NULL || keys == NULL)
        return fail_null(error, "spine_snapshot_probe",
                         snapshot == NULL ? "snapshot"
                         : probe == NULL  ? "probe"
                                          : "keys");
    input.layout = &snapshot->layout;
    input.batches = snapshot->batches;
    input.batch_count = snapshot->batch_count;
    input.ledger = snapshot->ledger;
    return probe_begin(probe, &input, out, error);
}

/* That of the spine that all sources are snapshots of; NULL when there is no such. */
static struct lookup_ledger *
common_ledger(const struct spine_cursor_source *sources, size_t source_count)
{
    for (size_t i = 1; i < source_count; i++)
        if (sources[i].snapshot->ledger != sources[0].snapshot->ledger)
            return NULL;
    return sources[0].snapshot->ledger;
}

enum spine_status
spine_cursor_open_sources(const struct spine_cursor_source *sources, size_t source_count,
                          struct spine_cursor **out, struct spine_error *error)
{
    struct spine_batch **batches = NULL;
    size_t count = 0, at = 0;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_cursor_open_sources", "out");
    *out = NULL;
    if (source_count == 0)
        return spine_fail(error, SPINE_INVALID,
                          "spine_cursor_open_sources: there is no source");
    if (sources == NULL)
        return fail_null(error, "spine_cursor_open_sources", "sources");
    for (size_t i = 0; i < source_count; i++) {
        if (sources[i].snapshot == NULL)
            return spine_fail(
                error, SPINE_INVALID,
                "spine_cursor_open_sources: the snapshot of source %zu is NULL", i);
        if (!spine_schema_equal(&sources[i].snapshot->layout.schema,
                                &sources[0].snapshot->layout.schema))
            return spine_fail(
                error, SPINE_INVALID,
                "spine_cursor_open_sources: source %zu has another schema than the first",
                i);
        count += sources[i].snapshot->batch_count;
    }
    batches = mem_alloc((count + 1) * sizeof *batches);
    if (batches == NULL)
        return fail_nomem(error, "the batches of a cursor", count * sizeof *batches);
    for (size_t i = 0; i < source_count; i++)
        for (size_t b = 0; b < sources[i].snapshot->batch_count; b++)
            batches[at++] = sources[i].snapshot->batches[b];
    TRY(cursor_new(out, &sources[0].snapshot->layout, batches, count, error));
    at = 0;
    for (size_t i = 0; i < source_count; i++) {
        if (sources[i].negated)
            cursor_negate(*out, at, at + sources[i].snapshot->batch_count);
        at += sources[i].snapshot->batch_count;
    }
    cursor_use_ledger(*out, common_ledger(sources, source_count));
out:
    mem_free(batches, (count + 1) * sizeof *batches);
    return st;
}

enum spine_status
spine_cursor_open(struct spine *spine, struct spine_cursor **out,
                  struct spine_error *error)
{
    struct spine_snapshot *snapshot;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_cursor_open", "out");
    *out = NULL;
    if (spine == NULL)
        return fail_null(error, "spine_cursor_open", "spine");
    st = spine_take_snapshot(spine, &snapshot, error);
    if (st != SPINE_OK)
        return st;
    st = spine_snapshot_cursor(snapshot, out, error);
    spine_snapshot_unref(snapshot);
    return st;
}

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
    TRY(snapshot_take(spine, false, &snapshot, &content, error));
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
    content.key_filter = NULL;
    content.value_filter = NULL;
    fork->locked.sequence = sums.sequence_most;
    fork->locked.batch_count = sums.count;
    fork->locked.stats.inserted_batches = sums.count;
    fork->locked.stats.inserted_rows = sums.rows;
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
        entry->level = slot_level(&spine->policy, entry->batch->info.rows);
        entry_set_add(out, entry);
    }
    return SPINE_OK;
}
