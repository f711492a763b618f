/* SPDX-License-Identifier: MIT */

/*
 * Sums beyond int64_t of some batches: what all of them add up to decides, however they
 * came, and who waits for a merge learns how it ended.
 */

#include "unit/core/manual_fixture.h"

/* Rows of a batch that takes many slices to read. */
#define LARGE_ROWS 64000u
/* The key whose sum matters: merges come to it last. */
#define HEAVY_KEY UINT64_C(1000000)

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};
static const struct spine_schema timed = {
    .key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}, .time = SPINE_TIME_U64};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    unsigned reports;
    enum spine_status reported;
};

static void
world_open(struct world *world, const struct spine_schema *schema,
           const struct spine_options *options)
{
    *world = (struct world){0};
    manual_open(schema, options, &world->runtime, &world->spine);
}

static void
world_close(struct world *world)
{
    manual_close(world->runtime, world->spine);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static struct spine_batch *
batch_of(const struct world *world, uint64_t time, int64_t weight)
{
    const uint64_t key = HEAVY_KEY;
    const struct spine_columns columns = {
        .rows = 1, .keys = &key, .times = &time, .weights = &weight};
    struct spine_batch *batch;

    assert_int_equal(
        spine_batch_from_columns(spine_get_schema(world->spine), &columns, &batch, NULL),
        SPINE_OK);
    return batch;
}

static enum spine_status
insert(struct world *world, int64_t weight)
{
    struct spine_batch *batch = batch_of(world, 0, weight);
    const enum spine_status st = spine_insert(world->spine, batch, NULL);

    spine_batch_unref(batch);
    return st;
}

static enum spine_status
try_insert(struct world *world, int64_t weight)
{
    struct spine_batch *batch = batch_of(world, 0, weight);
    const enum spine_status st = spine_try_insert(world->spine, batch, NULL);

    spine_batch_unref(batch);
    return st;
}

/* Many rows beside the one whose sum matters. */
static void
insert_large(struct world *world, uint64_t parity)
{
    static uint64_t keys[LARGE_ROWS];
    const struct spine_columns columns = {.rows = LARGE_ROWS, .keys = keys};

    for (uint64_t i = 0; i < LARGE_ROWS; i++)
        keys[i] = 2 * i + parity;
    insert_columns(world->spine, &columns);
}

/* Eight batches, which makes a merge due, of twice the greatest weight in all. */
static void
insert_too_much(struct world *world)
{
    static const int64_t weights[] = {1, -1, 1, -1, 1, -1, INT64_MAX, INT64_MAX};

    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++)
        assert_int_equal(insert(world, weights[i]), SPINE_OK);
}

static struct spine_stats
stats_of(const struct world *world)
{
    return spine_stats_of(world->spine);
}

static void
on_done(void *context, enum spine_status status)
{
    struct world *world = context;

    world->reports++;
    world->reported = status;
}

static void
expect_weight(const struct world *world, int64_t weight)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(HEAVY_KEY)));
    assert_true(spine_cursor_weight(cursor) == weight);
    spine_cursor_close(cursor);
}

/* Before the batch that brings the sum back so many slices run: the merge that is due,
 * the compaction that settles it. */
static void
what_comes_in_while_a_sum_is_settled_counts(void **state)
{
    (void)state;
    for (unsigned slices = 0; slices < 6; slices++)
        for (unsigned asks = 0; asks < 2; asks++) {
            const struct spine_options due = {.only_due_merges = true};
            struct world world;

            world_open(&world, &numbers, &due);
            insert_large(&world, 0);
            insert_large(&world, 1);
            insert_too_much(&world);
            for (unsigned i = 0; i < slices; i++)
                assert_true(spine_runtime_run(world.runtime, 1) > 0);
            if (asks == 1)
                assert_int_equal(spine_compact(world.spine, on_done, &world, NULL),
                                 SPINE_OK);
            assert_int_equal(insert(&world, -INT64_MAX), SPINE_OK);
            assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
            assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
            expect_weight(&world, INT64_MAX);
            while (spine_runtime_run(world.runtime, UINT64_MAX) > 0)
                ;
            assert_int_equal(world.reports, asks);
            assert_int_equal(world.reported, SPINE_OK);
            assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
            world_close(&world);
        }
}

/* Something comes in whenever it may; the sum stays beyond. */
static void
a_stream_of_inserts_does_not_put_the_verdict_off(void **state)
{
    const struct spine_options due = {.only_due_merges = true};
    struct world world;
    unsigned taken = 0;
    unsigned refused = 0;

    (void)state;
    world_open(&world, &numbers, &due);
    insert_large(&world, 0);
    insert_large(&world, 1);
    insert_too_much(&world);
    for (;;) {
        const enum spine_status st = try_insert(&world, 1);

        if (st == SPINE_OVERFLOW)
            break;
        assert_true(st == SPINE_OK || st == SPINE_BUSY);
        taken += st == SPINE_OK;
        refused += st == SPINE_BUSY;
        assert_true(taken + refused < 1000);
        (void)spine_runtime_run(world.runtime, 5000);
    }
    assert_true(taken > 10);
    assert_true(refused > 3);
    /* The merge that was due and three compactions. */
    assert_in_range(stats_of(&world).given_up_merges, 4, 8);
    assert_int_equal(stats_of(&world).inserted_batches, 10 + taken);
    world_close(&world);
}

/* spine_insert() takes a batch and then waits; not so while a verdict is due. */
static void
an_insert_waits_for_a_verdict_that_is_due(void **state)
{
    const struct spine_options due = {.only_due_merges = true,
                                      .help_batches = UINT32_MAX};
    struct world world;
    uint64_t batches;

    (void)state;
    world_open(&world, &numbers, &due);
    insert_large(&world, 0);
    insert_large(&world, 1);
    insert_too_much(&world);
    while (try_insert(&world, 1) == SPINE_OK)
        (void)spine_runtime_run(world.runtime, 5000);
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
    batches = stats_of(&world).inserted_batches;
    assert_int_equal(insert(&world, 1), SPINE_OVERFLOW);
    assert_int_equal(stats_of(&world).inserted_batches, batches);
    assert_true(stats_of(&world).backpressure_waits > 0);
    /* A retry tries as often again, and inserts are taken meanwhile. */
    spine_pause(world.spine);
    spine_retry(world.spine);
    assert_int_equal(try_insert(&world, -INT64_MAX), SPINE_OK);
    assert_int_equal(try_insert(&world, -INT64_MAX), SPINE_OK);
    spine_resume(world.spine);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    world_close(&world);
}

/* Two sums are beyond when times are apart, and fine once a frontier makes them one. */
static void
a_frontier_that_comes_while_settling_counts(void **state)
{
    struct world world;
    struct spine_batch *batch;

    (void)state;
    world_open(&world, &timed, NULL);
    for (unsigned i = 0; i < 8; i++) {
        batch = batch_of(&world, i % 2, i % 2 == 0 ? INT64_MAX : -INT64_MAX);
        assert_int_equal(spine_insert(world.spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    /* The merge that was due fails, a compaction begins. */
    assert_int_equal(spine_runtime_run(world.runtime, 1), 1);
    assert_int_equal(spine_set_frontier(world.spine, 1, NULL), SPINE_OK);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).batches, 0);
    world_close(&world);
}

static void
a_fork_meets_the_error_itself(void **state)
{
    struct world world;
    struct spine *spine;

    (void)state;
    world_open(&world, &numbers, NULL);
    insert_too_much(&world);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OVERFLOW);
    for (unsigned i = 0; i < 3; i++) {
        spine = world.spine;
        assert_int_equal(spine_fork(spine, &world.spine, NULL), SPINE_OK);
        spine_close(spine);
        assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
        assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OVERFLOW);
        assert_int_equal(stats_of(&world).given_up_merges, 2);
    }
    world_close(&world);
}

static void
levels_held_back_hold_inserts_back(void **state)
{
    const struct spine_options options = {.help_batches = UINT32_MAX,
                                          .only_due_merges = true};
    struct world world;
    unsigned taken = 0;

    (void)state;
    world_open(&world, &numbers, &options);
    insert_large(&world, 0);
    insert_large(&world, 1);
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    insert_too_much(&world);
    /* The merge of the level fails long before the compaction ends; until then nothing
     * starts. */
    for (unsigned i = 0; i < 4; i++)
        assert_true(spine_runtime_run(world.runtime, 1) > 0);
    assert_int_equal(stats_of(&world).merges, 0);
    assert_int_equal(stats_of(&world).given_up_merges, 1);
    while (taken < 1000 && try_insert(&world, 1) == SPINE_OK)
        taken++;
    assert_int_equal(taken, 128 - 8);
    assert_int_equal(spine_insert_wait(world.spine, 0, NULL), SPINE_TIMEOUT);
    world_close(&world);
}

/* ---- Waits ---- */

static void
waiting_for_idleness_tells_what_failed(void **state)
{
    struct world world;
    struct spine_error error = {0};

    (void)state;
    world_open(&world, &numbers, NULL);
    insert_too_much(&world);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, &error), SPINE_OVERFLOW);
    assert_int_equal(error.status, SPINE_OVERFLOW);
    assert_string_not_equal(error.message, "");
    world_close(&world);
}

/* Inserts are held back by what is being settled, which fails. */
static void
waiting_for_room_tells_what_failed(void **state)
{
    const struct spine_options due = {.help_batches = UINT32_MAX,
                                      .only_due_merges = true};
    struct world world;
    struct spine_error error = {0};

    (void)state;
    world_open(&world, &numbers, &due);
    insert_large(&world, 0);
    insert_large(&world, 1);
    insert_too_much(&world);
    while (try_insert(&world, 1) == SPINE_OK)
        (void)spine_runtime_run(world.runtime, 5000);
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
    assert_int_equal(spine_insert_wait(world.spine, UINT64_MAX, &error), SPINE_OVERFLOW);
    assert_int_equal(error.status, SPINE_OVERFLOW);
    world_close(&world);
}

static void
compactions_tell_what_failed(void **state)
{
    struct world world;
    struct spine_error error = {0};

    (void)state;
    world_open(&world, &numbers, NULL);
    insert_too_much(&world);
    assert_int_equal(spine_compact(world.spine, on_done, &world, NULL), SPINE_OK);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OVERFLOW);
    while (spine_runtime_run(world.runtime, UINT64_MAX) > 0)
        ;
    assert_int_equal(world.reports, 1);
    assert_int_equal(world.reported, SPINE_OVERFLOW);
    world_close(&world);

    world_open(&world, &numbers, NULL);
    insert_too_much(&world);
    assert_int_equal(spine_consolidate(world.spine, NULL, &error), SPINE_OVERFLOW);
    assert_int_equal(error.status, SPINE_OVERFLOW);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_in_while_a_sum_is_settled_counts),
        cmocka_unit_test(a_stream_of_inserts_does_not_put_the_verdict_off),
        cmocka_unit_test(an_insert_waits_for_a_verdict_that_is_due),
        cmocka_unit_test(a_frontier_that_comes_while_settling_counts),
        cmocka_unit_test(a_fork_meets_the_error_itself),
        cmocka_unit_test(levels_held_back_hold_inserts_back),
        cmocka_unit_test(waiting_for_idleness_tells_what_failed),
        cmocka_unit_test(waiting_for_room_tells_what_failed),
        cmocka_unit_test(compactions_tell_what_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
