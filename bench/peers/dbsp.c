/* SPDX-License-Identifier: MIT */

/*
 * peers/dbsp -- the spine of DBSP, which peers/dbsp/ brings as a static library.
 */

#include "harness/engine.h"

extern void *dbsp_open(bool apart);
extern void dbsp_insert(void *engine, const uint64_t *keys, const uint64_t *values,
                        const int64_t *weights, size_t rows);
extern void dbsp_settle(void *engine);
extern void dbsp_scan(void *engine, struct tally *tally);
extern void dbsp_probe(void *engine, const uint64_t *keys, size_t count, uint64_t *values,
                       struct tally *tally);
extern void dbsp_unite(void *engine);
extern uint64_t dbsp_runs(void *engine);
extern void dbsp_close(void *engine);

static void *
open_spine(const struct engine_setup *setup)
{
    return dbsp_open(setup->apart);
}

static void
insert(void *state, const struct spine_columns *columns)
{
    dbsp_insert(state, columns->keys, columns->values, columns->weights, columns->rows);
}

static void
scan(void *state, enum scan_how how, struct tally *tally)
{
    if (how == SCAN_ROWS_BACKWARD)
        bench_fail("dbsp: scans go forward here");
    dbsp_scan(state, tally);
}

static const char *
describe(void)
{
    return "DBSP 0.287: its spine, in memory, 1 worker, list merger, mimalloc; cargo's "
           "release";
}

extern const struct engine engine_dbsp;
const struct engine engine_dbsp = {
    .name = "dbsp",
    .abilities = ENGINE_LOOKUP | ENGINE_APART | ENGINE_UNITE,
    .describe = describe,
    .open = open_spine,
    .insert = insert,
    .settle = dbsp_settle,
    .scan = scan,
    .probe = dbsp_probe,
    .unite = dbsp_unite,
    .runs = dbsp_runs,
    .close = dbsp_close,
};
