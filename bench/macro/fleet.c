/* SPDX-License-Identifier: MIT */

/*
 * macro/fleet -- 1,000 spines on one runtime, and 10,000 that open and close. Only spines
 * can do this, so it uses the library directly.
 */

#include "macro/macro.h"
#include "spine/spine.h"

#include <stdlib.h>

enum { FLEET = 1000, OPENINGS = 10000, FLEET_BATCH_ROWS = 1000 };

static void
must(enum spine_status status, const struct spine_error *error)
{
    if (status != SPINE_OK)
        bench_fail("fleet: %s: %s", spine_status_name(status), error->message);
}

static void
fleet_insert(struct spine **fleet, struct source *source, const struct bench *bench)
{
    struct spine_batch *batch;
    struct spine_error error;

    for (uint64_t number = 0, turn = 0; number < bench->n; turn++) {
        source_begin(source);
        for (unsigned i = 0; i < FLEET_BATCH_ROWS && number < bench->n; i++, number++)
            source_add(source, key_of(bench->seed, number), number, 1);
        must(spine_batch_from_columns(&schema_u64, &source->columns, &batch, &error),
             &error);
        must(spine_insert(fleet[turn % FLEET], batch, &error), &error);
        spine_batch_unref(batch);
    }
    for (unsigned i = 0; i < FLEET; i++)
        must(spine_wait_idle(fleet[i], UINT64_MAX, &error), &error);
}

static void
fleet_check(struct spine **fleet, struct source *source, const struct bench *bench)
{
    struct tally found = {0};
    struct spine_error error;

    for (unsigned i = 0; i < FLEET; i++) {
        struct spine_cursor *cursor;
        must(spine_cursor_open(fleet[i], &cursor, &error), &error);
        for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
            tally_add(&found, spine_cursor_key(cursor).u64, spine_cursor_val(cursor).u64,
                      spine_cursor_weight(cursor));
        must(spine_cursor_error(cursor, &error), &error);
        spine_cursor_close(cursor);
    }
    source->expected.rows = bench->n;
    tally_check("fleet", &source->expected, &found);
}

void
run_fleet(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    static struct spine *fleet[FLEET];
    struct source *const source = source_new();
    struct spine_runtime *runtime;
    struct spine_error error;

    (void)engine;
    must(spine_runtime_open(NULL, &runtime, &error), &error);
    const size_t before = spine_allocated_bytes();
    for (unsigned i = 0; i < FLEET; i++)
        must(spine_open(runtime, &schema_u64, NULL, &fleet[i], &error), &error);
    sample_put(sample, "fleet", "bytes_per_spine", FLEET,
               (double)(spine_allocated_bytes() - before) / (double)FLEET);

    const double began = seconds_now();
    fleet_insert(fleet, source, bench);
    sample_put(sample, "fleet", "settled_rows_per_s", bench->n,
               (double)bench->n / (seconds_now() - began));
    fleet_check(fleet, source, bench);

    const double opening = seconds_now();
    for (unsigned i = 0; i < OPENINGS; i++) {
        struct spine *spine;
        must(spine_open(runtime, &schema_u64, NULL, &spine, &error), &error);
        spine_close(spine);
    }
    sample_put(sample, "fleet", "open_close_us", OPENINGS,
               1e6 * (seconds_now() - opening) / (double)OPENINGS);
    for (unsigned i = 0; i < FLEET; i++)
        spine_close(fleet[i]);
    spine_runtime_close(runtime);
    source_free(source);
}
