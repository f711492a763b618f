/* SPDX-License-Identifier: MIT */

/*
 * When there is a flood, and what merges wait for then.
 */

#include "pace.h"
#include "slots.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
more_than_merges_can_take_in_is_a_flood(void **state)
{
    struct pace pace = {.rows = 30000, .merge_ns = 60, .merged_rows = 1, .threads = 1};

    (void)state;
    pace.elapsed_us = 9600;
    assert_false(pace_is_flood(&pace));
    pace.elapsed_us--;
    assert_true(pace_is_flood(&pace));
    pace.threads = 2;
    assert_false(pace_is_flood(&pace));
    pace.elapsed_us /= 2;
    assert_true(pace_is_flood(&pace));
    /* Nobody merges, or nothing was merged yet; no time has passed. */
    pace.threads = 0;
    assert_false(pace_is_flood(&pace));
    pace.threads = 1;
    pace.merged_rows = 0;
    assert_false(pace_is_flood(&pace));
    pace.merged_rows = 1;
    pace.elapsed_us = 0;
    assert_false(pace_is_flood(&pace));
}

static void
some_retractions_are_none(void **state)
{
    (void)state;
    assert_false(pace_retracts(16000, 1000));
    assert_true(pace_retracts(16000, 1001));
    assert_false(pace_retracts(1, 0));
    assert_true(pace_retracts(1, 1));
}

/* All that wait are fewer than what makes inserts wait. */
static void
in_a_flood_merges_start_later(void **state)
{
    size_t waiting = 0;

    (void)state;
    assert_int_equal(pace_merge_min(0), 32);
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        assert_true(pace_merge_min(level) > slot_policy_default.merge_min[level]);
        assert_true(pace_merge_min(level) <= slot_policy_default.merge_max);
        waiting += pace_merge_min(level) - 1;
    }
    assert_true(waiting < 128);
    assert_int_equal(pace_batches_max(128), 64);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_merges_can_take_in_is_a_flood),
        cmocka_unit_test(some_retractions_are_none),
        cmocka_unit_test(in_a_flood_merges_start_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
