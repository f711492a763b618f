/* SPDX-License-Identifier: MIT */
#include "slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

static void
decades_put_batches_by_rows(void **state)
{
    static const struct {
        uint64_t rows;
        unsigned level;
    } cases[] = {
        {1, 0},           {14999, 0},        {15000, 1},
        {99999, 1},       {100000, 2},       {999999, 2},
        {1000000, 3},     {9999999, 3},      {10000000, 4},
        {99999999, 4},    {100000000, 5},    {999999999, 5},
        {1000000000, 6},  {9999999999, 6},   {10000000000, 7},
        {99999999999, 7}, {100000000000, 8}, {UINT64_MAX, 8},
    };
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(slot_level(&policy, cases[i].rows), cases[i].level);
}

static void
fours_put_batches_by_powers_of_four(void **state)
{
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_FOURS, 14999);
    assert_int_equal(slot_level(&policy, 14999), 0);
    assert_int_equal(slot_level(&policy, 15000), 1);
    assert_int_equal(slot_level(&policy, 59996), 1);
    assert_int_equal(slot_level(&policy, 59997), 2);
    assert_int_equal(slot_level(&policy, 239984), 2);
    assert_int_equal(slot_level(&policy, 239985), 3);
    assert_int_equal(slot_level(&policy, UINT64_MAX), 8);
}

static void
the_level0_limit_moves_level_0_only(void **state)
{
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 1);
    assert_int_equal(slot_level(&policy, 1), 0);
    assert_int_equal(slot_level(&policy, 2), 1);
    assert_int_equal(slot_level(&policy, 99999), 1);
    assert_int_equal(slot_level(&policy, 100000), 2);
    slot_policy_init(&policy, SLOT_DECADES, 99999);
    assert_int_equal(slot_level(&policy, 99999), 0);
    assert_int_equal(slot_level(&policy, 100000), 2);
}

/* What a merge takes of `count` batches in memory. */
static size_t
count_in_memory(const struct slot_policy *policy, unsigned level, size_t count)
{
    return slot_merge_count(policy, level,
                            &(struct slot_loose){.count = count, .rows = 1000});
}

static void
merges_start_at_the_minimum_and_take_at_most_the_maximum(void **state)
{
    static const unsigned minimum[SPINE_LEVELS] = {8, 8, 3, 3, 3, 3, 2, 2, 2};
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        assert_int_equal(count_in_memory(&policy, level, 0), 0);
        assert_int_equal(count_in_memory(&policy, level, minimum[level] - 1), 0);
        assert_int_equal(count_in_memory(&policy, level, minimum[level]), minimum[level]);
        assert_int_equal(count_in_memory(&policy, level, 64), 64);
        assert_int_equal(count_in_memory(&policy, level, 65), 64);
        assert_int_equal(count_in_memory(&policy, level, 1000), 64);
    }
    slot_policy_init(&policy, SLOT_FOURS, 14999);
    assert_int_equal(count_in_memory(&policy, 5, 3), 0);
    assert_int_equal(count_in_memory(&policy, 5, 4), 4);
}

static void
batches_in_files_wait_for_more(void **state)
{
    struct slot_policy policy;
    struct slot_loose loose = {.rows = 1000, .storage_rows = 501};

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    loose.count = SLOT_STORAGE_MIN - 1;
    assert_int_equal(slot_merge_count(&policy, 2, &loose), 0);
    loose.count = SLOT_STORAGE_MIN;
    assert_int_equal(slot_merge_count(&policy, 2, &loose), SLOT_STORAGE_MIN);
    assert_int_equal(slot_merge_count(&policy, 8, &loose), SLOT_STORAGE_MIN);
    /* Small batches wait for as many as ever. */
    assert_int_equal(slot_merge_count(&policy, 0, &loose), 0);
    /* Most of the rows are in memory. */
    loose.storage_rows = 500;
    loose.count = 3;
    assert_int_equal(slot_merge_count(&policy, 2, &loose), 3);
}

static void
negative_rows_count_more_and_never_wrap(void **state)
{
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    assert_int_equal(slot_output_level(&policy, 100, 40, 0, 8), 0);
    assert_int_equal(slot_output_level(&policy, 10000, 4999, 1, 8), 0);
    assert_int_equal(slot_output_level(&policy, 10000, 5000, 1, 8), 1);
    assert_int_equal(slot_output_level(&policy, 10000, 1000, 100, 8), 2);
    assert_int_equal(slot_output_level(&policy, 100, UINT64_MAX, 2, 8), 8);
    assert_int_equal(slot_output_level(&policy, UINT64_MAX, 1, 1, 8), 8);
}

static void
negative_rows_rise_to_what_they_may_meet(void **state)
{
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    assert_int_equal(slot_output_level(&policy, 10000, 1000, 100, 3), 2);
    assert_int_equal(slot_output_level(&policy, 10000, 1000, 100, 1), 1);
    assert_int_equal(slot_output_level(&policy, 10000, 1000, 100, 0), 0);
    /* By its rows alone it is higher than all others. */
    assert_int_equal(slot_output_level(&policy, 100000, 1000, 100, 0), 2);
    assert_int_equal(slot_output_level(&policy, 100000, 0, UINT32_MAX, 5), 2);
}

static void
the_bottom_is_due_for_retractions(void **state)
{
    (void)state;
    assert_int_equal(slot_bottom_rows(64000), 1000);
    assert_int_equal(slot_bottom_rows(63), 0);
    assert_true(slot_bottom_rows(UINT64_MAX) == UINT64_MAX / 64);
    assert_false(slot_bottom_due(64000, 0));
    assert_false(slot_bottom_due(64000, 16000));
    assert_true(slot_bottom_due(64000, 16001));
    assert_false(slot_bottom_due(0, 0));
    assert_true(slot_bottom_due(UINT64_MAX, UINT64_MAX / 2));
}

static void
crowded_spines_encode_smaller_outputs(void **state)
{
    (void)state;
    assert_int_equal(slot_encode_rows(100000, 0), 100000);
    assert_int_equal(slot_encode_rows(100000, 15), 100000);
    assert_int_equal(slot_encode_rows(100000, 16), 25000);
    assert_int_equal(slot_encode_rows(3, 128), 1);
    assert_true(slot_encode_rows(UINT32_MAX, 0) == UINT64_MAX);
    assert_true(slot_encode_rows(UINT32_MAX, 128) == UINT64_MAX);
}

/* Is a merge of `count` batches in memory to be split? */
static bool
split_is_due(const struct slot_policy *policy, uint64_t rows_read, uint64_t rows,
             uint64_t count)
{
    return slot_split_is_due(
        policy,
        &(struct slot_progress){.rows_read = rows_read, .rows = rows, .batches = count});
}

static void
merges_of_files_are_split_in_the_middle(void **state)
{
    struct slot_policy policy;
    struct slot_progress progress = {
        .rows_read = 1999999, .rows = 4000000, .storage_rows = 2000001, .batches = 4};

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    assert_false(slot_split_is_due(&policy, &progress));
    progress.rows_read++;
    assert_true(slot_split_is_due(&policy, &progress));
    progress.rows_read = 500000;
    assert_false(slot_split_is_due(&policy, &progress));
    progress.storage_rows = 2000000;
    assert_true(slot_split_is_due(&policy, &progress));
}

static void
large_merges_are_worth_two_threads(void **state)
{
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    assert_false(slot_lanes_pay(&policy, 959935));
    assert_true(slot_lanes_pay(&policy, 959936));
}

static void
large_merges_are_split_some_times(void **state)
{
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    assert_false(split_is_due(&policy, 0, 4000000, 4));
    assert_false(split_is_due(&policy, 333332, 4000000, 4));
    assert_true(split_is_due(&policy, 333333, 4000000, 4));
    assert_false(split_is_due(&policy, 179987, 1000000, 4));
    assert_true(split_is_due(&policy, 179988, 1000000, 4));
    /* Each input is cut, which costs the more the more there are. */
    assert_false(split_is_due(&policy, 179988, 1000000, 5));
    assert_false(split_is_due(&policy, 239983, 1000000, 64));
    assert_true(split_is_due(&policy, 239984, 1000000, 64));
    assert_false(split_is_due(&policy, UINT64_MAX / 12 - 1, UINT64_MAX, 2));
    assert_true(split_is_due(&policy, UINT64_MAX / 12, UINT64_MAX, 2));
}

/* Rows are given ascending, up to a zero. */
static size_t
ahead_count(const uint64_t *rows)
{
    struct slot_policy policy;
    struct slot_cost batches[16];
    size_t count = 0;

    slot_policy_init(&policy, SLOT_DECADES, 14999);
    policy.ahead_ratio = 4;
    for (; rows[count] > 0; count++)
        batches[count] = (struct slot_cost){rows[count], 0, rows[count], false};
    return slot_ahead_count(&policy, batches, count, UINT64_MAX);
}

static void
merges_ahead_take_what_is_in_proportion(void **state)
{
    (void)state;
    assert_int_equal(ahead_count((uint64_t[]){0}), 0);
    assert_int_equal(ahead_count((uint64_t[]){10, 0}), 0);
    assert_int_equal(ahead_count((uint64_t[]){10, 40, 0}), 2);
    assert_int_equal(ahead_count((uint64_t[]){10, 41, 0}), 0);
    assert_int_equal(ahead_count((uint64_t[]){10, 30, 500, 0}), 2);
    assert_int_equal(ahead_count((uint64_t[]){10, 40, 200, 1000, 5001, 0}), 4);
    /* What is tiny goes along. */
    assert_int_equal(ahead_count((uint64_t[]){1, 10, 10, 0}), 3);
    assert_int_equal(ahead_count((uint64_t[]){1, 10, 100, 100, 0}), 4);
    /* Batches of the same size are taken all or not at all. */
    assert_int_equal(ahead_count((uint64_t[]){1, 10, 1000, 1000, 90000, 90000, 0}), 6);
    assert_int_equal(ahead_count((uint64_t[]){1, 10, 1000, 1000, 90000, 0}), 4);
}

static void
merges_ahead_take_what_costs_little(void **state)
{
    const struct slot_cost batches[] = {{10, 0, 10, false},
                                        {30, 0, 30, false},
                                        {500, 0, 160, false},
                                        {9000, 0, 2160, false}};
    const struct slot_cost inserts = {.rows = 80000};
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    policy.ahead_ratio = 4;
    assert_int_equal(slot_ahead_count(&policy, batches, 3, UINT64_MAX), 3);
    assert_int_equal(slot_ahead_count(&policy, batches, 4, UINT64_MAX), 4);
    assert_int_equal(
        slot_ahead_limit(&policy, &(struct slot_cost){40, 0, 0, false}, 1000), 160);
    assert_int_equal(slot_company_limit(&inserts, 1000000), 160000);
    assert_int_equal(slot_company_limit(&inserts, 100000), 50000);
    assert_int_equal(slot_stretch_limit(1000), 4000);
    assert_int_equal(slot_blocks_cost(0), 0);
    assert_true(slot_blocks_cost(1000) > slot_blocks_cost(999));
}

/* They cancel rows of the large batch. Where all of it is read, that is paid by rows. */
static void
small_batches_may_wait(void **state)
{
    (void)state;
    assert_true(slot_merge_can_wait(&slot_policy_default, 0, 8));
    assert_true(slot_merge_can_wait(&slot_policy_default, 0, 15));
    assert_false(slot_merge_can_wait(&slot_policy_default, 0, 16));
    assert_false(slot_merge_can_wait(&slot_policy_default, 1, 8));
}

static void
long_merges_of_level_0_are_sliced(void **state)
{
    (void)state;
    assert_true(slot_level0_fuel(&slot_policy_default, 16 * 14999) == UINT64_MAX);
    assert_int_equal(slot_level0_fuel(&slot_policy_default, 16 * 14999 + 1),
                     SLOT_FUEL_LONG);
    assert_int_equal(slot_fuel_average(SLOT_FUEL_MAX, 320000), SLOT_FUEL_MAX);
}

static void
merges_ahead_spare_what_is_saved(void **state)
{
    const struct slot_cost batches[] = {
        {10, 0, 10, false}, {30, 0, 30, true}, {100, 0, 100, false}, {500, 0, 500, true}};

    (void)state;
    assert_int_equal(slot_ahead_count(&slot_policy_default, batches, 4, 530), 4);
    assert_int_equal(slot_ahead_count(&slot_policy_default, batches, 4, 529), 3);
    assert_int_equal(slot_ahead_count(&slot_policy_default, batches, 4, 30), 3);
    assert_int_equal(slot_ahead_count(&slot_policy_default, batches, 4, 29), 0);
    assert_int_equal(slot_saved_rows(10000000, 100000), 59765);
    assert_int_equal(slot_saved_rows(1023, 0), 0);
    /* Beyond what may be read, and less than half done. */
    assert_true(slot_ahead_gives_up(49, 100, 99));
    assert_false(slot_ahead_gives_up(49, 100, 100));
    assert_false(slot_ahead_gives_up(50, 100, 99));
}

static void
retractions_are_in_haste_where_little_is_read(void **state)
{
    const struct slot_cost pops = {.rows = 2000, .negative_rows = 1000};
    const struct slot_cost queue[] = {{2000, 1000, 2000, false},
                                      {1000000, 0, 15000, false}};
    const struct slot_cost inserts[] = {{2000, 0, 2000, false},
                                        {1000000, 0, 15000, false}};
    struct slot_policy policy;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    policy.ahead_ratio = 4;
    assert_int_equal(slot_ahead_limit(&policy, &pops, 1000000), 16000);
    assert_int_equal(slot_ahead_limit(&policy, &pops, 20000), 10000);
    assert_int_equal(slot_ahead_limit(&policy, &pops, 9000), 8000);
    assert_int_equal(slot_ahead_count(&policy, queue, 2, UINT64_MAX), 2);
    assert_int_equal(slot_ahead_count(&policy, inserts, 2, UINT64_MAX), 0);
    assert_int_equal(slot_company_limit(&pops, 1000000), 8000);
}

/* With an insert now and then, merges ahead keep the batches few, and write each row a
 * number of times that grows with the logarithm. */
static void
merges_ahead_keep_batches_few(void **state)
{
    enum { INSERTS = 10000, ROWS = 10000 };
    struct slot_policy policy;
    struct slot_cost batches[64];
    size_t count = 0, count_max = 0;
    uint64_t written = 0;

    (void)state;
    slot_policy_init(&policy, SLOT_DECADES, 14999);
    for (int i = 0; i < INSERTS; i++) {
        size_t taken;
        uint64_t sum = 0;

        memmove(batches + 1, batches, count++ * sizeof *batches);
        batches[0] = (struct slot_cost){ROWS, 0, ROWS, false};
        taken = slot_ahead_count(&policy, batches, count, UINT64_MAX);
        for (size_t j = 0; j < taken; j++)
            sum += batches[j].rows;
        if (taken > 0) {
            memmove(batches + 1, batches + taken, (count - taken) * sizeof *batches);
            batches[0] = (struct slot_cost){sum, 0, sum, false};
            count -= taken - 1;
            written += sum;
        }
        for (size_t j = 1; j < count; j++)
            assert_true(batches[j].rows > batches[j - 1].rows);
        if (count > count_max)
            count_max = count;
    }
    assert_in_range(count_max, 2, 7);
    assert_in_range(written / ((uint64_t)INSERTS * ROWS), 2, 25);
}

static void
the_fuel_average_moves_slowly_and_stays_positive(void **state)
{
    uint64_t average = SLOT_FUEL_START;

    (void)state;
    assert_int_equal(slot_fuel_average(10000, 10000), 10000);
    assert_int_equal(slot_fuel_average(10000, 22800), 10100);
    for (int i = 0; i < 5000; i++)
        average = slot_fuel_average(average, 0);
    assert_in_range(average, 1, 128);
    for (int i = 0; i < 5000; i++)
        average = slot_fuel_average(average, 80000);
    assert_in_range(average, 79000, 80000);
}

static void
help_grows_in_steps(void **state)
{
    unsigned last = 0;

    (void)state;
    assert_int_equal(slot_help_slices(31, 32, 128), 0);
    assert_int_equal(slot_help_slices(32, 32, 128), 1);
    assert_int_equal(slot_help_slices(44, 32, 128), 2);
    assert_int_equal(slot_help_slices(128, 32, 128), 9);
    for (size_t batches = 0; batches < 2000; batches++) {
        const unsigned slices = slot_help_slices(batches, 32, 128);

        assert_in_range(slices, last, last + 1);
        last = slices;
    }
    assert_int_equal(slot_help_slices(1000, UINT32_MAX, 128), 0);
    assert_int_equal(slot_help_slices(40, 32, 8), 9);
}

static void
the_default_policy_is_what_most_spines_have(void **state)
{
    struct slot_policy made;

    (void)state;
    slot_policy_init(&made, SLOT_DECADES, SLOT_LEVEL0_ROWS);
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        assert_int_equal(made.rows_max[level], slot_policy_default.rows_max[level]);
        assert_int_equal(made.merge_min[level], slot_policy_default.merge_min[level]);
    }
    assert_int_equal(made.merge_max, slot_policy_default.merge_max);
    assert_int_equal(made.ahead_ratio, slot_policy_default.ahead_ratio);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_policy_is_what_most_spines_have),
        cmocka_unit_test(decades_put_batches_by_rows),
        cmocka_unit_test(fours_put_batches_by_powers_of_four),
        cmocka_unit_test(the_level0_limit_moves_level_0_only),
        cmocka_unit_test(merges_start_at_the_minimum_and_take_at_most_the_maximum),
        cmocka_unit_test(batches_in_files_wait_for_more),
        cmocka_unit_test(merges_of_files_are_split_in_the_middle),
        cmocka_unit_test(negative_rows_count_more_and_never_wrap),
        cmocka_unit_test(negative_rows_rise_to_what_they_may_meet),
        cmocka_unit_test(the_bottom_is_due_for_retractions),
        cmocka_unit_test(crowded_spines_encode_smaller_outputs),
        cmocka_unit_test(large_merges_are_worth_two_threads),
        cmocka_unit_test(large_merges_are_split_some_times),
        cmocka_unit_test(merges_ahead_take_what_is_in_proportion),
        cmocka_unit_test(merges_ahead_take_what_costs_little),
        cmocka_unit_test(small_batches_may_wait),
        cmocka_unit_test(long_merges_of_level_0_are_sliced),
        cmocka_unit_test(merges_ahead_spare_what_is_saved),
        cmocka_unit_test(retractions_are_in_haste_where_little_is_read),
        cmocka_unit_test(merges_ahead_keep_batches_few),
        cmocka_unit_test(the_fuel_average_moves_slowly_and_stays_positive),
        cmocka_unit_test(help_grows_in_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
