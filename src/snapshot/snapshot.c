/* SPDX-License-Identifier: MIT */

/* Snapshots: the references to their batches, what these hold together, and cursors and
 * probes over them, over several snapshots at once, too. */

#include "snapshot/snapshot.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "cursor/cursor.h"
#include "probe/probe.h"
#include "spine/view.h"

#include <stdio.h>

static void snapshot_free(struct spine_snapshot *snapshot);

struct spine_snapshot *
snapshot_new(const struct layout *layout, struct lookup_ledger *ledger,
             struct snapshot_book *book, size_t capacity)
{
    struct spine_snapshot *snapshot = mem_zalloc(snapshot_bytes(capacity));

    if (snapshot == NULL)
        return NULL;
    ref_init(&snapshot->refs);
    snapshot->layout = *layout;
    schema_ref(&layout->schema);
    snapshot->ledger = lookup_ledger_ref(ledger);
    snapshot->capacity = capacity;
    book_enter(book, &snapshot->line);
    return snapshot;
}

size_t
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
    book_leave(&snapshot->line);
    lookup_ledger_unref(snapshot->ledger);
    skipped_unref(snapshot->floor);
    schema_unref(&snapshot->layout.schema);
    mem_free(snapshot, snapshot_bytes(snapshot->capacity));
}

void
snapshot_append(struct spine_snapshot *snapshot, struct spine_batch *batch)
{
    assert(snapshot->batch_count < snapshot->capacity);
    assert(snapshot->batch_count < snapshot->capacity);
    snapshot->batches[snapshot->batch_count++] =
        PLANTED(REFERENCE_MISSED) ? batch : spine_batch_ref(batch);
}

void
snapshot_mark_saved(const struct spine_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->batch_count; i++)
        atomic_store_explicit(&snapshot->batches[i]->is_saved, true,
                              memory_order_relaxed);
}

enum spine_status
spine_snapshot_of_batches(const struct spine_schema *schema,
                          struct spine_batch *const *batches, size_t batch_count,
                          struct spine_snapshot **out, struct spine_error *error)
{
    struct spine_snapshot *snapshot;
    struct layout layout;
    char what[64];

    if (out == NULL)
        return fail_null(error, "spine_snapshot_of_batches", "out");
    *out = NULL;
    if (schema == NULL || (batches == NULL && batch_count > 0))
        return fail_null(error, "spine_snapshot_of_batches",
                         schema == NULL ? "schema" : "batches");
    TRY_RETURN(layout_init(&layout, schema, error));
    for (size_t i = 0; i < batch_count; i++) {
        if (batches[i] == NULL)
            return spine_fail(error, SPINE_INVALID,
                              "spine_snapshot_of_batches: batch %zu is NULL", i);
        if (!spine_schema_equal(&layout.schema, &batches[i]->layout.schema)) {
            (void)snprintf(what, sizeof what, "spine_snapshot_of_batches: batch %zu", i);
            return fail_schema(error, what, &batches[i]->layout.schema, &layout.schema);
        }
    }
    snapshot = snapshot_new(&layout, NULL, NULL, batch_count);
    if (snapshot == NULL)
        return fail_nomem(error, "a snapshot", snapshot_bytes(batch_count));
    for (size_t i = 0; i < batch_count; i++)
        if (batches[i]->info.rows > 0)
            snapshot_append(snapshot, batches[i]);
    assert(snapshot->batch_count <= batch_count);
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
    if (st != SPINE_OK)
        return st;
    cursor_use_ledger(*out, snapshot->ledger);
    cursor_use_floor(*out, snapshot->sequence, snapshot->floor);
    return SPINE_OK;
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

enum spine_status
spine_snapshot_probe_batch(struct spine_snapshot *snapshot, struct spine_probe *probe,
                           struct spine_batch *batch,
                           const struct spine_probe_options *options,
                           struct spine_probe_matches *out, struct spine_error *error)
{
    struct probe_input input = {.options = options};

    if (out == NULL)
        return fail_null(error, "spine_snapshot_probe_batch", "out");
    *out = (struct spine_probe_matches){0};
    if (snapshot == NULL || probe == NULL || batch == NULL)
        return fail_null(error, "spine_snapshot_probe_batch",
                         snapshot == NULL ? "snapshot"
                         : probe == NULL  ? "probe"
                                          : "batch");
    input.layout = &snapshot->layout;
    input.batches = snapshot->batches;
    input.batch_count = snapshot->batch_count;
    input.ledger = snapshot->ledger;
    return probe_begin_batch(probe, &input, batch, out, error);
}

/* The ledger of the spine that all sources are snapshots of; NULL when they are of
 * several. */
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
        const struct spine_snapshot *snapshot = sources[i].snapshot;

        if (snapshot == NULL)
            return spine_fail(
                error, SPINE_INVALID,
                "spine_cursor_open_sources: the snapshot of source %zu is NULL", i);
        if (!spine_schema_equal(&snapshot->layout.schema,
                                &sources[0].snapshot->layout.schema)) {
            char what[64];

            (void)snprintf(what, sizeof what, "spine_cursor_open_sources: source %zu", i);
            return fail_schema(error, what, &snapshot->layout.schema,
                               &sources[0].snapshot->layout.schema);
        }
        count += snapshot->batch_count;
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
    if (common_ledger(sources, source_count) == NULL)
        cursor_charge(*out, lookup_ledger_account(sources[0].snapshot->ledger));
out:
    mem_free(batches, (count + 1) * sizeof *batches);
    return st;
}
