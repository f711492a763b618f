/* SPDX-License-Identifier: MIT */

/*
 * Makers of batches: what equal rows add up to decides, not what their sum is on the
 * way.
 */

#include "property/sum_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static enum spine_status
by_batcher(const struct world *world, struct spine_batch **out, struct spine_error *error)
{
    struct spine_batcher *batcher;
    enum spine_status st;

    *out = NULL;
    st = spine_batcher_new(world->schema, &batcher, NULL);
    for (size_t i = 0; i < world->count && st == SPINE_OK;) {
        const size_t left = world->count - i;
        size_t count = rng_magnitude(world->rng, 30000);

        count = count < left ? count : left;
        if (count > 3) {
            st = spine_batcher_add_columns(batcher, columns_of(world, i, i + count),
                                           error);
            i += count;
            continue;
        }
        unsigned key, value, time;
        group_cells(world, world->rows[i].group, &key, &value, &time);
        const struct spine_row row = {
            .key = datum_of(world->schema->key.kind, key),
            .value = datum_of(world->schema->value.kind, value),
            .time = world->schema->time != SPINE_UNTIMED ? time_of(world, time) : 0,
            .weight = world->rows[i].weights[0],
            .weights = world->width > 1 ? world->rows[i].weights : NULL};
        st = spine_batcher_add(batcher, &row, error);
        i++;
    }
    if (st == SPINE_OK)
        st = spine_batcher_seal(batcher, out, error);
    spine_batcher_free(batcher);
    return st;
}

static bool
check_made(struct world *world, enum spine_status st, struct spine_batch *batch,
           const struct spine_error *error)
{
    struct spine_cursor *cursor;
    wide sums[GROUPS][WIDTH_MAX];

    HOLDS_STATUS(overflows(world) ? SPINE_OVERFLOW : SPINE_OK, st);
    if (st != SPINE_OK)
        return names_overflow(world, world->sums, error->message);
    memcpy(sums, world->sums, sizeof sums);
    HOLDS_OK(spine_batch_check(batch, NULL));
    HOLDS_OK(spine_batch_cursor(batch, &cursor, NULL));
    HOLDS(shows(world, cursor, sums, true));
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    return true;
}

static bool
makers_hold(struct world *world)
{
    struct spine_error error;
    struct spine_batch *batch;
    enum spine_status st;

    st = spine_batch_from_columns(world->schema, columns_of(world, 0, world->count),
                                  &batch, &error);
    HOLDS(check_made(world, st, batch, &error));
    st = by_batcher(world, &batch, &error);
    HOLDS(check_made(world, st, batch, &error));
    return true;
}

/* Batches are made of so many rows. */
static bool
partial_sums_do_not_matter_to_makers(struct rng *rng, size_t steps)
{
    struct world world;

    world_init(&world, rng, rng_magnitude(rng, steps));
    if (rng_chance(rng, 80))
        bring_back(&world);
    if (rng_chance(rng, 50))
        shuffle(&world);
    HOLDS(makers_hold(&world));
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_makers(void **state)
{
    const struct property law = {"test_makers", partial_sums_do_not_matter_to_makers, 60,
                                 40000};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makers),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
