/* SPDX-License-Identifier: MIT */
#include "demo/relation.h"

const struct spine_schema pair_schema = {.key = {.kind = SPINE_U32},
                                         .value = {.kind = SPINE_U32}};

/* A place in a trace that is asked for ascending rows. */
struct known {
    struct spine_cursor *cursor;
    /* The key last asked for, and whether the trace has it and a value not less than the
       last one asked for. */
    uint32_t key;
    bool has_key;
    uint32_t value;
    bool has_value;
};

static void
absorb_part(struct relation *relation, struct sink *derived, struct known *known);
static bool known_has(struct known *known, uint32_t key, uint32_t value);
static void known_seek(struct known *known, uint32_t key);

void
trace_open(struct trace *trace, struct spine_runtime *runtime)
{
    struct spine_error error;

    *trace = (struct trace){0};
    must(spine_open(runtime, &pair_schema, NULL, &trace->spine, &error), &error,
         "spine_open");
    must(spine_take_snapshot(trace->spine, &trace->now, &error), &error,
         "spine_snapshot");
}

void
trace_close(struct trace *trace)
{
    spine_snapshot_unref(trace->before);
    spine_batch_unref(trace->delta);
    spine_snapshot_unref(trace->now);
    spine_close(trace->spine);
    *trace = (struct trace){0};
}

void
trace_advance(struct trace *trace, struct spine_batch *delta)
{
    struct spine_error error;

    spine_snapshot_unref(trace->before);
    spine_snapshot_unref(trace->now);
    spine_batch_unref(trace->delta);
    trace->delta = delta;
    must(spine_take_snapshot(trace->spine, &trace->before, &error), &error,
         "spine_snapshot");
    must(spine_insert(trace->spine, delta, &error), &error, "spine_insert");
    must(spine_take_snapshot(trace->spine, &trace->now, &error), &error,
         "spine_snapshot");
}

void
scan_open(struct scan *scan, struct spine_batch *batch)
{
    struct spine_error error;

    scan->at = 0;
    scan->rows = 0;
    must(spine_batch_cursor(batch, &scan->cursor, &error), &error, "spine_batch_cursor");
}

void
scan_close(struct scan *scan)
{
    struct spine_error error;

    must(spine_cursor_error(scan->cursor, &error), &error, "reading a batch");
    spine_cursor_close(scan->cursor);
}

bool
scan_fill(struct scan *scan)
{
    const struct spine_column_buffers buffers = {
        .rows = SCAN_ROWS, .keys = scan->keys, .values = scan->values};

    scan->at = 0;
    scan->rows = spine_cursor_read(scan->cursor, &buffers);
    return scan->rows > 0;
}

void
sink_open(struct sink *sink)
{
    struct spine_error error;

    sink->rows = 0;
    sink->used = 0;
    must(spine_batcher_new(&pair_schema, &sink->batcher, &error), &error,
         "spine_batcher_new");
}

void
sink_close(struct sink *sink)
{
    spine_batcher_free(sink->batcher);
    sink->batcher = NULL;
}

void
sink_flush(struct sink *sink)
{
    struct spine_error error;
    const struct spine_columns columns = {
        .rows = sink->used, .keys = sink->keys, .values = sink->values};

    must(spine_batcher_add_columns(sink->batcher, &columns, &error), &error,
         "spine_batcher_add_columns");
    sink->rows += sink->used;
    sink->used = 0;
}

struct spine_batch *
sink_seal(struct sink *sink)
{
    struct spine_error error;
    struct spine_batch *batch;

    sink_flush(sink);
    must(spine_batcher_seal(sink->batcher, &batch, &error), &error, "spine_batcher_seal");
    return batch;
}

void
relation_open(struct relation *relation, struct spine_runtime *runtime, unsigned a_bits)
{
    relation->part_shift = a_bits > PARTS_BITS ? a_bits - PARTS_BITS : 0;
    for (unsigned part = 0; part < PARTS; part++)
        sink_open(&relation->derived[part]);
    trace_open(&relation->by_a, runtime);
    trace_open(&relation->by_b, runtime);
    sink_open(&relation->fresh_by_a);
    sink_open(&relation->fresh_by_b);
    relation->rows = 0;
    relation->fresh_rows = 0;
}

void
relation_close(struct relation *relation)
{
    trace_close(&relation->by_a);
    trace_close(&relation->by_b);
    for (unsigned part = 0; part < PARTS; part++)
        sink_close(&relation->derived[part]);
    sink_close(&relation->fresh_by_a);
    sink_close(&relation->fresh_by_b);
}

uint64_t
relation_derived_rows(const struct relation *relation)
{
    uint64_t rows = 0;

    for (unsigned part = 0; part < PARTS; part++)
        rows += sink_rows(&relation->derived[part]);
    return rows;
}

void
relation_absorb(struct relation *relation)
{
    struct spine_error error;
    struct known known = {0};

    must(spine_snapshot_cursor(relation->by_a.now, &known.cursor, &error), &error,
         "spine_snapshot_cursor");
    for (unsigned part = 0; part < PARTS; part++)
        absorb_part(relation, &relation->derived[part], &known);
    must(spine_cursor_error(known.cursor, &error), &error, "reading what is known");
    spine_cursor_close(known.cursor);
}

void
relation_advance(struct relation *relation)
{
    struct spine_batch *const by_a = sink_seal(&relation->fresh_by_a);
    struct spine_batch_info info;

    spine_batch_get_info(by_a, &info);
    relation->fresh_rows = info.rows;
    relation->rows += info.rows;
    trace_advance(&relation->by_a, by_a);
    trace_advance(&relation->by_b, sink_seal(&relation->fresh_by_b));
}

/* Has the trace the row? Both sides ascend, so this is a merge that reads each group of
   the trace once. */
static bool
known_has(struct known *known, uint32_t key, uint32_t value)
{
    if (!known->has_key || known->key != key)
        known_seek(known, key);
    while (known->has_value && known->value < value) {
        spine_cursor_step_val(known->cursor);
        known->has_value = spine_cursor_val_valid(known->cursor);
        if (known->has_value)
            known->value = spine_cursor_val(known->cursor).u32;
    }
    return known->has_value && known->value == value;
}

/* To the first value of `key`. */
static void
known_seek(struct known *known, uint32_t key)
{
    known->key = key;
    known->has_key = true;
    known->has_value = spine_cursor_seek_key_exact(known->cursor, spine_u32(key));
    if (known->has_value)
        known->value = spine_cursor_val(known->cursor).u32;
}

/*
 * The derived rows come back sorted, each once, with the number of its derivations as its
 * weight. The number is dropped: in a set, a row weighs 1.
 */
static void
absorb_part(struct relation *relation, struct sink *derived, struct known *known)
{
    struct spine_batch *const batch = sink_seal(derived);
    struct scan scan;
    uint32_t a, b;

    scan_open(&scan, batch);
    while (scan_next(&scan, &a, &b))
        if (!known_has(known, a, b)) {
            sink_add(&relation->fresh_by_a, a, b);
            sink_add(&relation->fresh_by_b, b, a);
        }
    scan_close(&scan);
    spine_batch_unref(batch);
}
