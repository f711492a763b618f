/* SPDX-License-Identifier: MIT */
#include "retain/group.h"

#include "unit/retain/retain_fixture.h"

/* A group over batches, the first of which are merged. */
struct world {
    struct layout layout;
    struct value_filter *filter;
    struct spine_batch *batches[3];
    struct group *group;
};

/* Three batches that have, added up, the values 10 20 25 30 40 of key 7; that of 35
 * cancels between the second and the third, which the merge does not read. */
static void
world_init(struct world *world, enum spine_retain retain, uint64_t count)
{
    static const struct pair first[] = {{6, 1, 1}, {7, 10, 1}, {7, 30, 1}};
    static const struct pair second[] = {{7, 20, 1}, {7, 35, 1}, {7, 40, 1}, {8, 1, 1}};
    static const struct pair third[] = {{7, 25, 1}, {7, 35, -1}};
    struct retain_options options = {
        .batches = world->batches, .batch_count = 3, .input_count = 2};

    assert_int_equal(layout_init(&world->layout, &pairs_schema, NULL), SPINE_OK);
    world->batches[0] = batch_of_pairs(first, 3);
    world->batches[1] = batch_of_pairs(second, 4);
    world->batches[2] = batch_of_pairs(third, 2);
    world->filter = filter_of(retain, count);
    options.values = world->filter;
    assert_int_equal(group_new(&world->group, &world->layout, &options, NULL), SPINE_OK);
}

static void
world_release(struct world *world)
{
    group_free(world->group);
    for (unsigned i = 0; i < 3; i++)
        spine_batch_unref(world->batches[i]);
    value_filter_unref(world->filter);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* Begins with a key, and searches on with so much fuel at a time. */
static void
search(struct group *group, uint64_t key, uint64_t fuel_rows)
{
    assert_int_equal(group_begin(group, spine_u64(key), NULL), SPINE_OK);
    for (unsigned steps = 0; !group_is_searched(group); steps++) {
        struct retain_fuel fuel = {.rows = fuel_rows};

        assert_true(steps < 100);
        assert_int_equal(group_search(group, &fuel, NULL), SPINE_OK);
        assert_true(fuel.used > 0);
    }
}

static void
judge(struct group *group, uint64_t key, uint64_t fuel_rows)
{
    for (unsigned steps = 0; !group_is_judged(group); steps++) {
        struct retain_fuel fuel = {.rows = fuel_rows};

        assert_true(steps < 100);
        assert_int_equal(group_judge(group, spine_u64(key), &fuel, NULL), SPINE_OK);
    }
}

/* Which of the values 10 20 25 30 35 40 are within the bound, a bit each. */
static unsigned
within(const struct group *group)
{
    static const uint64_t values[] = {10, 20, 25, 30, 35, 40};
    unsigned bits = 0;

    for (unsigned i = 0; i < 6; i++)
        bits = bits << 1 | group_bound_keeps(group, spine_u64(values[i]));
    return bits;
}

/* Bounds lie in the whole, consolidated group; little fuel finds the same as much. */
static void
bounds_are_those_of_the_whole_group(void **state)
{
    const struct {
        enum spine_retain retain;
        uint64_t count;
        unsigned within;
    } bounds[] = {
        /* Right below 30: 25, then 20, then 10, then there are no more. */
        {SPINE_RETAIN_LAST, 1, 0xf},
        {SPINE_RETAIN_LAST, 2, 0x1f},
        {SPINE_RETAIN_LAST, 3, 0x3f},
        {SPINE_RETAIN_LAST, 100, 0x3f},
        /* Of those that are rejected, 10 20 25 40: the greatest and the least. */
        {SPINE_RETAIN_TOP, 1, 0x1},
        {SPINE_RETAIN_TOP, 2, 0xf},
        {SPINE_RETAIN_TOP, 4, 0x3f},
        {SPINE_RETAIN_BOTTOM, 1, 0x20},
        {SPINE_RETAIN_BOTTOM, 2, 0x30},
        {SPINE_RETAIN_BOTTOM, 3, 0x38},
        {SPINE_RETAIN_BOTTOM, 4, 0x3f},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        for (uint64_t fuel_rows = 1; fuel_rows <= 1000; fuel_rows *= 1000) {
            struct world world;

            world_init(&world, bounds[i].retain, bounds[i].count);
            search(world.group, 7, fuel_rows);
            judge(world.group, 7, fuel_rows);
            assert_false(group_gave_up(world.group));
            assert_int_equal(within(world.group), bounds[i].within);
            world_release(&world);
        }
}

/* The next key begins anew, also when the one before was not ended. */
static void
keys_follow_one_another(void **state)
{
    struct retain_fuel fuel = {.rows = 1};
    struct world world;

    (void)state;
    world_init(&world, SPINE_RETAIN_TOP, 1);
    search(world.group, 6, 1000);
    assert_false(group_has_others(world.group));
    judge(world.group, 6, 1000);
    assert_true(group_bound_keeps(world.group, spine_u64(1)));
    assert_int_equal(group_begin(world.group, spine_u64(7), NULL), SPINE_OK);
    assert_int_equal(group_search(world.group, &fuel, NULL), SPINE_OK);
    assert_false(group_is_searched(world.group));
    search(world.group, 8, 1000);
    assert_false(group_has_others(world.group));
    search(world.group, 7, 1000);
    assert_true(group_has_others(world.group));
    judge(world.group, 7, 1000);
    assert_int_equal(within(world.group), 0x1);
    /* One that nobody has. */
    search(world.group, 9, 1000);
    judge(world.group, 9, 1000);
    assert_false(group_has_others(world.group));
    world_release(&world);
}

/* Values are asked for in the batches that the merge does not read. */
static void
others_are_asked_for_a_value(void **state)
{
    static const struct {
        uint64_t value;
        bool found;
    } values[] = {{10, false}, {25, true}, {30, false}, {35, true}, {40, false}};
    struct world world;

    (void)state;
    world_init(&world, SPINE_RETAIN_TOP, 1);
    search(world.group, 7, 1000);
    judge(world.group, 7, 1000);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        bool done = false, found = false;

        for (unsigned steps = 0; !done; steps++) {
            struct retain_fuel fuel = {.rows = 1};

            assert_true(steps < 100);
            assert_int_equal(group_ask_others(world.group, spine_u64(values[i].value),
                                              &fuel, &done, &found, NULL),
                             SPINE_OK);
        }
        assert_int_equal(found, values[i].found);
    }
    world_release(&world);
}

/* A want of memory is told; what began anew afterwards is right. */
static void
a_want_of_memory_is_told(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, SPINE_RETAIN_LAST, 2);
    for (uint64_t nth = 1;; nth++) {
        struct retain_fuel fuel = {.rows = UINT64_MAX};
        struct spine_error error = {0};
        enum spine_status st;

        fault_alloc_arm(FAULT_ONCE, nth);
        st = group_begin(world.group, spine_u64(7), &error);
        if (st == SPINE_OK)
            st = group_search(world.group, &fuel, &error);
        if (st == SPINE_OK)
            st = group_judge(world.group, spine_u64(7), &fuel, &error);
        if (!fault_alloc_disarm())
            break;
        assert_int_equal(st, SPINE_NOMEM);
        assert_int_equal(error.status, SPINE_NOMEM);
    }
    assert_true(group_is_judged(world.group));
    assert_int_equal(within(world.group), 0x1f);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_those_of_the_whole_group),
        cmocka_unit_test(keys_follow_one_another),
        cmocka_unit_test(others_are_asked_for_a_value),
        cmocka_unit_test(a_want_of_memory_is_told),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
