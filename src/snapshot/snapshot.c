/* SPDX-License-Identifier: MIT */

/* Snapshots: the references to their batches, and what these hold together. */

#include "snapshot/snapshot.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"

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
