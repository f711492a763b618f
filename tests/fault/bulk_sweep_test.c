/* SPDX-License-Identifier: MIT */

/* The sweep of call_sweep_test.c for samples, retention and probes. */

#include "fault/sweep_fixture.h"
#include "spine/range.h"

/* Notes the rows of the batch, and lets go of it. */
static enum spine_status
note_batch(struct fixture *at, const struct spine_schema *schema,
           struct spine_batch *batch)
{
    struct spine_cursor *cursor;
    enum spine_status st = SPINE_OK;

    transcript_note(&at->seen, batch != NULL);
    if (batch != NULL)
        st = spine_batch_cursor(batch, &cursor, &at->error);
    if (batch != NULL && st == SPINE_OK)
        st = walk_and_close(at, schema, cursor);
    spine_batch_unref(batch);
    return st;
}

static enum spine_status
call_samples(struct fixture *at)
{
    static const uint64_t counts[] = {1, 5, 1000};
    const struct spine_schema keys = {.key = at->schema.key};
    struct spine_batch *batch;
    enum spine_status st = SPINE_OK;

    for (unsigned i = 0; i < 3 && st == SPINE_OK; i++) {
        st = spine_snapshot_sample(at->snapshot, counts[i], 1, &batch, &at->error);
        if (st == SPINE_OK)
            st = note_batch(at, &keys, batch);
    }
    if (st == SPINE_OK)
        st = spine_snapshot_partition(at->snapshot, 4, 1, &batch, &at->error);
    return st == SPINE_OK ? note_batch(at, &keys, batch) : st;
}

static bool
keep_value(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    (void)value;
    return false;
}

static bool
keep_key(void *context, union spine_datum key)
{
    (void)context;
    (void)key;
    return true;
}

/* All values are among the thousand greatest, so nothing may go. */
static enum spine_status
call_retention(struct fixture *at)
{
    const struct spine_key_filter keys = {.name = "all", .on_key = keep_key};
    const struct spine_value_filter values = {
        .retain = SPINE_RETAIN_TOP, .count = 1000, .on_value = keep_value};
    enum spine_status st = spine_retain_keys(at->spine, &keys, &at->error);

    if (st == SPINE_OK)
        st = spine_retain_values(at->spine, &values, &at->error);
    return st == SPINE_OK ? spine_consolidate(at->spine, NULL, &at->error) : st;
}

/* Consolidates a fork that keeps two values of each key. A merge that fails keeps its
 * inputs: the next one drops what the first would have. */
static enum spine_status
judge(struct fixture *at, enum spine_retain retain)
{
    const struct spine_value_filter values = {
        .retain = retain, .count = 2, .on_value = keep_value};
    struct spine_batch *batch = NULL;
    struct spine *fork;
    enum spine_status st = spine_fork(at->spine, &fork, &at->error);

    if (st != SPINE_OK)
        return st;
    st = spine_retain_keys(fork, NULL, &at->error);
    if (st == SPINE_OK)
        st = spine_retain_values(fork, &values, &at->error);
    if (st == SPINE_OK) {
        st = spine_consolidate(fork, &batch, &at->error);
        if (st != SPINE_OK) {
            fault_pause();
            spine_retry(fork);
            if (spine_consolidate(fork, &batch, NULL) != SPINE_OK ||
                note_batch(at, &at->schema, batch) != SPINE_OK)
                transcript_note(&at->seen, UINT64_MAX);
            fault_resume();
        } else {
            st = note_batch(at, &at->schema, batch);
        }
    }
    spine_close(fork);
    return st;
}

static enum spine_status
call_judging(struct fixture *at)
{
    static const enum spine_retain retains[] = {SPINE_RETAIN_LAST, SPINE_RETAIN_TOP,
                                                SPINE_RETAIN_BOTTOM, SPINE_RETAIN_SIMPLE};
    enum spine_status st = SPINE_OK;

    for (unsigned i = 0; i < 4 && st == SPINE_OK; i++)
        st = judge(at, retains[i]);
    return st;
}

/* All that a probe of `keys` has to give. */
static enum spine_status
probe_all(struct fixture *at, struct spine_probe *probe, const struct spine_columns *keys,
          const struct spine_probe_options *options)
{
    struct spine_probe_rows rows;
    enum spine_status st =
        spine_snapshot_probe(at->snapshot, probe, keys, options, &rows, &at->error);

    while (st == SPINE_OK) {
        for (size_t i = 0; i < rows.keys; i++)
            transcript_note(&at->seen, rows.ends[i]);
        for (size_t i = 0; options->want == SPINE_PROBE_ROWS && i < rows.columns.rows;
             i++)
            transcript_note_cell(&at->seen, at->schema.value.kind,
                                 column_cell(&at->schema.value, rows.columns.values,
                                             rows.columns.value_offsets, i));
        if (!rows.more)
            break;
        st = spine_probe_next(probe, &rows, &at->error);
    }
    return st;
}

/* Whole, in pieces, counts alone, and through a time. */
static enum spine_status
call_probe(struct fixture *at)
{
    struct spine_probe_options options = {0};
    struct spine_probe *probe;
    struct columns columns;
    struct model keys;
    enum spine_status st = spine_probe_new(&probe, &at->error);

    if (st != SPINE_OK)
        return st;
    model_init(&keys, &at->schema);
    model_copy(&keys, &at->content);
    model_keep_keys(&keys);
    columns_init(&columns, &keys);
    st = probe_all(at, probe, &columns.view, &options);
    options.rows_max = 7;
    if (st == SPINE_OK)
        st = probe_all(at, probe, &columns.view, &options);
    options.has_through = true;
    options.through = generate_time(&at->generator);
    if (st == SPINE_OK)
        st = probe_all(at, probe, &columns.view, &options);
    options.want = SPINE_PROBE_COUNTS;
    if (st == SPINE_OK)
        st = probe_all(at, probe, &columns.view, &options);
    columns_release(&columns);
    model_release(&keys);
    spine_probe_free(probe);
    return st;
}

/* All rows of the ranges between the keys, and behind the last one. */
static enum spine_status
probe_ranges(struct fixture *at, struct spine_probe *probe,
             const struct spine_key_ranges *ranges,
             const struct spine_probe_options *options)
{
    struct spine_probe_rows rows;
    enum spine_status st = spine_snapshot_probe_ranges(at->snapshot, probe, ranges,
                                                       options, &rows, &at->error);

    while (st == SPINE_OK) {
        for (size_t i = 0; i < rows.keys; i++)
            transcript_note(&at->seen, rows.ends[i]);
        for (size_t i = 0; i < rows.columns.rows; i++)
            transcript_note_cell(&at->seen, at->schema.key.kind,
                                 column_cell(&at->schema.key, rows.columns.keys,
                                             rows.columns.key_offsets, i));
        if (!rows.more)
            break;
        st = spine_probe_next(probe, &rows, &at->error);
    }
    return st;
}

/* Whole, and in pieces of few rows and bytes. */
static enum spine_status
call_ranges(struct fixture *at)
{
    struct spine_probe_options options = {0};
    struct spine_key_ranges ranges = {.last_is_open = true};
    struct columns lower, upper;
    struct spine_probe *probe;
    struct model keys, others;
    enum spine_status st = spine_probe_new(&probe, &at->error);

    if (st != SPINE_OK || at->schema.key.kind == SPINE_NONE) {
        spine_probe_free(probe);
        return st;
    }
    model_init(&keys, &at->schema);
    model_init(&others, &at->schema);
    model_copy(&keys, &at->content);
    model_keep_keys(&keys);
    for (size_t i = 1; i < keys.count; i++)
        model_add(&others, &keys.rows[i]);
    columns_init(&lower, &keys);
    columns_init(&upper, &others);
    ranges.ranges = keys.count;
    ranges.lower = lower.keys;
    ranges.lower_offsets = lower.key_offsets;
    ranges.upper = upper.keys;
    ranges.upper_offsets = upper.key_offsets;
    st = probe_ranges(at, probe, &ranges, &options);
    options.rows_max = 7;
    options.bytes_max = 100;
    if (st == SPINE_OK)
        st = probe_ranges(at, probe, &ranges, &options);
    columns_release(&lower);
    columns_release(&upper);
    model_release(&keys);
    model_release(&others);
    spine_probe_free(probe);
    return st;
}

/* All keys of a batch of the snapshot, with its rows and those found. */
static enum spine_status
match_all(struct fixture *at, struct spine_probe *probe, struct spine_batch *batch,
          const struct spine_probe_options *options)
{
    struct spine_probe_matches matches;
    enum spine_status st = spine_snapshot_probe_batch(at->snapshot, probe, batch, options,
                                                      &matches, &at->error);

    while (st == SPINE_OK) {
        for (size_t i = 0; i < matches.keys.rows; i++) {
            transcript_note_cell(&at->seen, at->schema.key.kind,
                                 column_cell(&at->schema.key, matches.keys.keys,
                                             matches.keys.key_offsets, i));
            transcript_note(&at->seen, matches.own_ends[i]);
            transcript_note(&at->seen, matches.found.ends[i]);
        }
        for (size_t i = 0; i < matches.own.rows; i++)
            transcript_note_cell(&at->seen, at->schema.value.kind,
                                 column_cell(&at->schema.value, matches.own.values,
                                             matches.own.value_offsets, i));
        if (!matches.found.more)
            break;
        st = spine_probe_next_matches(probe, &matches, &at->error);
    }
    return st;
}

/* Whole and in pieces. */
static enum spine_status
call_matches(struct fixture *at)
{
    struct spine_batch *const batch = spine_snapshot_batch(at->snapshot, 0);
    struct spine_probe_options options = {0};
    struct spine_probe *probe;
    enum spine_status st = spine_probe_new(&probe, &at->error);

    if (st != SPINE_OK)
        return st;
    st = match_all(at, probe, batch, &options);
    options.rows_max = 7;
    if (st == SPINE_OK)
        st = match_all(at, probe, batch, &options);
    spine_probe_free(probe);
    return st;
}

const struct sweep_call sweep_calls[] = {
    {"sample and partition", call_samples},
    {"retention", call_retention},
    {"judging", call_judging},
    {"probe", call_probe},
    {"ranges", call_ranges},
    {"matches", call_matches},
};
const size_t sweep_call_count = sizeof sweep_calls / sizeof sweep_calls[0];

int
main(int argc, char **argv)
{
    return sweep_main(argc, argv);
}
