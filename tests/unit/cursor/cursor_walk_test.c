/* SPDX-License-Identifier: MIT */
#include "cursor/cursor.h"

#include "harness/check.h"
#include "harness/fault_alloc.h"
#include "unit/merge/merge_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LAW(name, cases_, steps_)                                                        \
    static void test_##name(void **state)                                                \
    {                                                                                    \
        const struct property property = {#name, name, cases_, steps_};                  \
                                                                                         \
        (void)state;                                                                     \
        assert_true(property_holds(&property));                                          \
    }

/* Walks a new cursor over the batches of `fixture`. */
static bool
walk(struct fixture *fixture, size_t moves)
{
    struct spine_cursor *cursor;

    HOLDS_OK(cursor_new(&cursor, &fixture->layout, fixture->batches, fixture->batch_count,
                        NULL));
    const bool same = check_walk(cursor, &fixture->sum, &fixture->generator, moves);
    spine_cursor_close(cursor);
    return same;
}

/* Any schema over any number of batches. */
static bool
walks_agree(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct fixture fixture;

    generate_schema(rng, &schema);
    fixture_init(&fixture, rng, &schema, NULL, rng_index(rng, 13),
                 1 + rng_magnitude(rng, 600));
    const bool same = walk(&fixture, steps);
    fixture_release(&fixture);
    return same;
}
LAW(walks_agree, 100, 800)

/* Integers without times, in one word and in two: what most users have. */
static bool
walks_of_numbers_agree(struct rng *rng, size_t steps)
{
    const struct spine_schema schemas[] = {
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_I32, 0}},
        {.key = {SPINE_I64, 0}},
        {.value = {SPINE_U64, 0}},
        {.key = {SPINE_F64, 0}, .value = {SPINE_U32, 0}},
    };
    struct fixture fixture;

    fixture_init(&fixture, rng, &schemas[rng_index(rng, 5)], NULL, rng_index(rng, 10),
                 1 + rng_magnitude(rng, 5000));
    const bool same = walk(&fixture, steps);
    fixture_release(&fixture);
    return same;
}
LAW(walks_of_numbers_agree, 40, 600)

/* Few keys, whose values fill windows and blocks. */
static bool
walks_of_large_groups_agree(struct rng *rng, size_t steps)
{
    const struct generate_options options = {
        .keys = 1 + rng_index(rng, 4), .values = 20000, .cancel_percent = GENERATE_DRAWN};
    struct spine_schema schema;
    struct fixture fixture;

    generate_schema(rng, &schema);
    fixture_init(&fixture, rng, &schema, &options, 1 + rng_index(rng, 4), 12000);
    const bool same = walk(&fixture, steps);
    fixture_release(&fixture);
    return same;
}
LAW(walks_of_large_groups_agree, 20, 150)

/* Many times of few values. */
static bool
walks_of_many_times_agree(struct rng *rng, size_t steps)
{
    struct generate_options options = {
        .keys = 1 + rng_index(rng, 5),
        .values = 1 + rng_index(rng, 10),
        .times = 120,
        .cancel_percent = GENERATE_DRAWN,
    };
    struct spine_schema schema;
    struct fixture fixture;

    generate_schema(rng, &schema);
    schema.time = rng_chance(rng, 50) ? SPINE_TIME_U64 : SPINE_TIME_PAIR;
    /* Of pairs there are as many as the product. */
    if (schema.time == SPINE_TIME_PAIR)
        options.times = 20;
    fixture_init(&fixture, rng, &schema, &options, 1 + rng_index(rng, 6), 2000);
    const bool same = walk(&fixture, steps);
    fixture_release(&fixture);
    return same;
}
LAW(walks_of_many_times_agree, 20, 400)

/* Moves of all kinds; stops at the first failure. */
static enum spine_status
wander(const struct fixture *fixture, struct rng *rng)
{
    struct spine_cursor *cursor;
    struct buffers buffers;
    enum spine_status st;

    buffers_init(&buffers, &fixture->schema, 1000, 64);
    st = cursor_new(&cursor, &fixture->layout, fixture->batches, fixture->batch_count,
                    NULL);
    for (unsigned i = 0; st == SPINE_OK && i < 60; i++) {
        const struct model_row *row =
            &fixture->sum.rows[rng_index(rng, fixture->sum.count)];

        switch (rng_index(rng, 7)) {
        case 0:
            spine_cursor_fast_forward(cursor);
            break;
        case 1:
            (void)spine_cursor_seek_key_exact(cursor, row->key);
            break;
        case 2:
            (void)spine_cursor_read(cursor, &buffers.view);
            break;
        case 3:
            if (spine_cursor_key_valid(cursor))
                spine_cursor_step_key_reverse(cursor);
            break;
        case 4:
            if (spine_cursor_key_valid(cursor))
                spine_cursor_fast_forward_vals(cursor);
            break;
        case 5:
            if (spine_cursor_key_valid(cursor))
                spine_cursor_seek_val(cursor, row->value);
            break;
        default:
            spine_cursor_rewind(cursor);
            break;
        }
        st = spine_cursor_status(cursor);
    }
    if (st == SPINE_NOMEM && cursor != NULL) {
        /* For good. */
        spine_cursor_rewind(cursor);
        if (spine_cursor_key_valid(cursor) || spine_cursor_status(cursor) != SPINE_NOMEM)
            st = SPINE_CORRUPT;
    }
    spine_cursor_close(cursor);
    buffers_release(&buffers);
    return st;
}

static void
test_no_memory_is_sticky(void **state)
{
    struct rng rng = {.state = harness_seed()};

    (void)state;
    fault_alloc_install();
    for (unsigned round = 0; round < 8; round++) {
        const uint64_t seed = rng_next(&rng);
        struct spine_schema schema;
        struct fixture fixture;
        bool fired = true;

        generate_schema(&rng, &schema);
        do {
            fixture_init(&fixture, &rng, &schema, NULL, 1 + rng_index(&rng, 5), 3000);
            if (fixture.sum.count == 0)
                fixture_release(&fixture);
        } while (fixture.sum.count == 0);
        for (uint64_t nth = 1; fired; nth++) {
            const size_t live = fault_alloc_live_blocks();
            struct rng moves = {.state = seed};
            enum spine_status st;

            fault_alloc_arm(FAULT_ONCE, nth);
            st = wander(&fixture, &moves);
            fired = fault_alloc_fired();
            (void)fault_alloc_disarm();
            assert_int_equal(st, fired ? SPINE_NOMEM : SPINE_OK);
            assert_int_equal(fault_alloc_live_blocks(), live);
        }
        fixture_release(&fixture);
    }
    fault_alloc_remove();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walks_agree),
        cmocka_unit_test(test_walks_of_numbers_agree),
        cmocka_unit_test(test_walks_of_large_groups_agree),
        cmocka_unit_test(test_walks_of_many_times_agree),
        cmocka_unit_test(test_no_memory_is_sticky),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
