/* SPDX-License-Identifier: MIT */

/* Cursors and probes over a snapshot, and cursors over several at once. */

#include "snapshot/snapshot.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "cursor/cursor.h"
#include "probe/probe.h"
#include "spine/view.h"

#include <stdio.h>

static struct probe_input probe_input_of(const struct spine_snapshot *snapshot,
                                         const struct spine_probe_options *options);
static struct lookup_ledger *
common_ledger(const struct spine_cursor_source *sources, size_t source_count);

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
    struct probe_input input;

    if (out == NULL)
        return fail_null(error, "spine_snapshot_probe", "out");
    *out = (struct spine_probe_rows){0};
    if (snapshot == NULL || probe == NULL || keys == NULL)
        return fail_null(error, "spine_snapshot_probe",
                         snapshot == NULL ? "snapshot"
                         : probe == NULL  ? "probe"
                                          : "keys");
    input = probe_input_of(snapshot, options);
    input.keys = keys;
    return probe_begin(probe, &input, out, error);
}

enum spine_status
spine_snapshot_probe_ranges(struct spine_snapshot *snapshot, struct spine_probe *probe,
                            const struct spine_key_ranges *ranges,
                            const struct spine_probe_options *options,
                            struct spine_probe_rows *out, struct spine_error *error)
{
    struct probe_input input;

    if (out == NULL)
        return fail_null(error, "spine_snapshot_probe_ranges", "out");
    *out = (struct spine_probe_rows){0};
    if (snapshot == NULL || probe == NULL || ranges == NULL)
        return fail_null(error, "spine_snapshot_probe_ranges",
                         snapshot == NULL ? "snapshot"
                         : probe == NULL  ? "probe"
                                          : "ranges");
    input = probe_input_of(snapshot, options);
    input.ranges = ranges;
    return probe_begin(probe, &input, out, error);
}

enum spine_status
spine_snapshot_probe_batch(struct spine_snapshot *snapshot, struct spine_probe *probe,
                           struct spine_batch *batch,
                           const struct spine_probe_options *options,
                           struct spine_probe_matches *out, struct spine_error *error)
{
    struct probe_input input;

    if (out == NULL)
        return fail_null(error, "spine_snapshot_probe_batch", "out");
    *out = (struct spine_probe_matches){0};
    if (snapshot == NULL || probe == NULL || batch == NULL)
        return fail_null(error, "spine_snapshot_probe_batch",
                         snapshot == NULL ? "snapshot"
                         : probe == NULL  ? "probe"
                                          : "batch");
    input = probe_input_of(snapshot, options);
    return probe_begin_batch(probe, &input, batch, out, error);
}

static struct probe_input
probe_input_of(const struct spine_snapshot *snapshot,
               const struct spine_probe_options *options)
{
    return (struct probe_input){.options = options,
                                .layout = &snapshot->layout,
                                .batches = snapshot->batches,
                                .batch_count = snapshot->batch_count,
                                .ledger = snapshot->ledger};
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
