/* SPDX-License-Identifier: MIT */

/*
 * peers/dbsp -- the spine of DBSP with rows u64 -> u64: "dbsp" has all in memory,
 * "dbsp-spill" keeps batches in files and has as many bytes for its cache of them as
 * spine's "spill" has for everything.
 */

#include "peers/dbsp.h"

static void *
open_in_memory(const struct engine_setup *setup)
{
    const struct dbsp_setup words = {.kind = DBSP_WORDS, .apart = setup->apart};

    return dbsp_open(&words);
}

static void *
open_on_files(const struct engine_setup *setup)
{
    const struct dbsp_setup words = {.kind = DBSP_WORDS,
                                     .directory = setup->directory,
                                     .cache_bytes = engine_spill_bytes(setup)};

    return dbsp_open(&words);
}

static void
insert(void *state, const struct spine_columns *columns)
{
    const struct dbsp_rows rows = {.rows = columns->rows,
                                   .keys = {{.values = columns->keys}},
                                   .values = {{.values = columns->values}},
                                   .weights = columns->weights};

    dbsp_insert(state, &rows);
}

static void
scan(void *state, enum scan_how how, struct tally *tally)
{
    if (how == SCAN_ROWS_BACKWARD)
        bench_fail("dbsp: scans go forward here");
    dbsp_scan(state, tally);
}

static void
probe(void *state, const uint64_t *keys, size_t count, uint64_t *values,
      struct tally *tally)
{
    const struct dbsp_rows rows = {.rows = count, .keys = {{.values = keys}}};

    dbsp_probe(state, &rows, values, tally);
}

static const char *
describe(void)
{
    return "DBSP 0.287: its spine, in memory, 1 worker, list merger, mimalloc; cargo's "
           "release";
}

static const char *
describe_spill(void)
{
    return "the same, batches from a sixteenth of its cache on in files; the cache has a "
           "quarter of what the rows take in spine's memory; direct reads";
}

extern const struct engine engine_dbsp, engine_dbsp_spill;
const struct engine engine_dbsp = {
    .name = "dbsp",
    .abilities =
        ENGINE_LOOKUP | ENGINE_APART | ENGINE_UNITE | ENGINE_BYTES | ENGINE_COLUMNS,
    .describe = describe,
    .open = open_in_memory,
    .insert = insert,
    .settle = dbsp_settle,
    .scan = scan,
    .probe = probe,
    .unite = dbsp_unite,
    .runs = dbsp_runs,
    .close = dbsp_close,
};
const struct engine engine_dbsp_spill = {
    .name = "dbsp-spill",
    .abilities = ENGINE_LOOKUP,
    .describe = describe_spill,
    .open = open_on_files,
    .insert = insert,
    .settle = dbsp_settle,
    .scan = scan,
    .probe = probe,
    .runs = dbsp_runs,
    .close = dbsp_close,
};
