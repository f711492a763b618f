/* SPDX-License-Identifier: MIT */

/*
 * A spine has an overflow exactly when what all its batches add up to overflows, whatever
 * merges, compactions and inserts come between.
 */

#include "harness/fault_alloc.h"
#include "harness/lanes.h"
#include "harness/property.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Weights are multiples of this: four fit into int64_t, five do not. */
#define UNIT (INT64_MAX / 4)
#define UNITS_MAX 4
#define KEYS 3u
/* Rows of weight 1 beside the heavy ones, so that merges take some slices. */
#define FILL_MAX 3000u

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

struct world {
    struct rng *rng;
    struct spine_runtime *runtime;
    struct spine *spine;
    /* Of each heavy key, of all batches that were taken. */
    int units[KEYS];
    unsigned requests;
    unsigned reports;
    unsigned verdicts;
};

static uint64_t verdicts;

static void
on_done(void *context, enum spine_status status)
{
    struct world *world = context;

    (void)status;
    world->reports++;
}

static bool
overflows(const struct world *world)
{
    for (unsigned i = 0; i < KEYS; i++)
        if (abs(world->units[i]) > UNITS_MAX)
            return true;
    return false;
}

/* One row of a heavy key, first or last of a batch, and some others. */
static struct spine_batch *
batch_of(struct world *world, unsigned heavy, int units)
{
    static uint64_t keys[1 + FILL_MAX];
    static int64_t weights[1 + FILL_MAX];
    const size_t fill =
        rng_chance(world->rng, 70) ? 0 : rng_magnitude(world->rng, FILL_MAX);
    const struct spine_columns columns = {
        .rows = 1 + fill, .keys = keys, .weights = weights};
    struct spine_batch *batch;

    keys[0] = heavy < KEYS - 1 ? heavy : UINT64_MAX;
    weights[0] = units * UNIT;
    for (size_t i = 1; i <= fill; i++) {
        keys[i] = KEYS + rng_below(world->rng, 100000);
        weights[i] = 1;
    }
    if (!property_ok(__FILE__, __LINE__,
                     spine_batch_from_columns(&numbers, &columns, &batch, NULL), NULL))
        abort();
    return batch;
}

static bool
insert(struct world *world, unsigned heavy, int units, bool may_wait)
{
    struct spine_batch *batch = batch_of(world, heavy, units);
    const enum spine_status st = may_wait ? spine_insert(world->spine, batch, NULL)
                                          : spine_try_insert(world->spine, batch, NULL);

    spine_batch_unref(batch);
    if (st == SPINE_OK)
        world->units[heavy] += units;
    if (st == SPINE_OVERFLOW)
        HOLDS(overflows(world));
    else
        HOLDS(st == SPINE_OK || (st == SPINE_BUSY && !may_wait));
    return true;
}

/* Takes back what is too much, and tries again. */
static bool
mend(struct world *world)
{
    world->verdicts++;
    spine_pause(world->spine);
    spine_retry(world->spine);
    for (unsigned i = 0; i < KEYS; i++)
        if (abs(world->units[i]) > UNITS_MAX) {
            const int units = (int)rng_below(world->rng, 2 * UNITS_MAX + 1) - UNITS_MAX;

            /* At most four units at a time. */
            while (world->units[i] != units) {
                int change = units - world->units[i];

                change = change > UNITS_MAX ? UNITS_MAX : change;
                change = change < -UNITS_MAX ? -UNITS_MAX : change;
                HOLDS(insert(world, i, change, false));
            }
        }
    spine_resume(world->spine);
    return true;
}

static bool
step(struct world *world)
{
    struct rng *rng = world->rng;
    const uint64_t kind = rng_below(rng, 100);
    enum spine_status st = SPINE_OK;

    if (kind < 60) {
        const int units = (int)rng_below(rng, 2 * UNITS_MAX + 1) - UNITS_MAX;

        HOLDS(insert(world, (unsigned)rng_below(rng, KEYS), units, rng_chance(rng, 50)));
    } else if (kind < 85) {
        (void)spine_runtime_run(world->runtime, rng_magnitude(rng, 5000));
    } else if (kind < 90) {
        st = spine_compact(world->spine, on_done, world, NULL);
        world->requests += st == SPINE_OK;
    } else if (kind < 94) {
        st = spine_consolidate(world->spine, NULL, NULL);
        HOLDS(st == SPINE_OVERFLOW || !overflows(world));
    } else if (kind < 98) {
        st = spine_wait_idle(world->spine, UINT64_MAX, NULL);
    } else {
        HOLDS_OK(spine_check(world->spine, NULL));
    }
    HOLDS(st == SPINE_OK || (st == SPINE_OVERFLOW && overflows(world)));
    st = spine_get_status(world->spine, NULL);
    if (st == SPINE_OK)
        return true;
    HOLDS(st == SPINE_OVERFLOW && overflows(world));
    return mend(world);
}

static bool
the_sums_are_there(struct world *world)
{
    struct spine_cursor *cursor;

    HOLDS_OK(spine_cursor_open(world->spine, &cursor, NULL));
    for (unsigned i = 0; i < KEYS; i++) {
        const uint64_t key = i < KEYS - 1 ? i : UINT64_MAX;
        const bool found = spine_cursor_seek_key_exact(cursor, spine_u64(key));

        HOLDS_EQUAL(world->units[i] != 0, found);
        if (found)
            HOLDS(spine_cursor_weight(cursor) == world->units[i] * UNIT);
    }
    HOLDS_OK(spine_cursor_status(cursor));
    spine_cursor_close(cursor);
    return true;
}

static bool
all_batches_decide(struct rng *rng, size_t steps)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {
        .level0_rows = 1 + (uint32_t)rng_magnitude(rng, 2000),
        .backpressure_batches = 8 + (uint32_t)rng_below(rng, 30),
        .help_batches = rng_chance(rng, 50) ? UINT32_MAX : 0,
        .only_due_merges = rng_chance(rng, 50)};
    struct world world = {.rng = rng};

    HOLDS_OK(spine_runtime_open(&manual, &world.runtime, NULL));
    HOLDS_OK(spine_open(world.runtime, &numbers, &options, &world.spine, NULL));
    lanes_force(world.spine, rng_chance(rng, 50));
    for (size_t i = 0; i < steps; i++)
        HOLDS(step(&world));
    if (overflows(&world)) {
        HOLDS_STATUS(SPINE_OVERFLOW, spine_consolidate(world.spine, NULL, NULL));
        HOLDS(mend(&world));
    }
    HOLDS_OK(spine_wait_idle(world.spine, UINT64_MAX, NULL));
    HOLDS_OK(spine_consolidate(world.spine, NULL, NULL));
    HOLDS(the_sums_are_there(&world));
    verdicts += world.verdicts;
    spine_close(world.spine);
    spine_runtime_close(world.runtime);
    HOLDS_EQUAL(world.requests, world.reports);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_all_batches_decide(void **state)
{
    const struct property law = {"test_all_batches_decide", all_batches_decide, 300, 300};

    (void)state;
    verdicts = 0;
    assert_true(property_holds(&law));
    printf("%llu verdicts\n", (unsigned long long)verdicts);
    if (harness_cases(law.cases) >= law.cases)
        assert_true(verdicts > 100);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_batches_decide)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
