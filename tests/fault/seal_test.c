/* SPDX-License-Identifier: MIT */

/*
 * Every allocation of a merge fails once. The merge begins anew, but for those that only
 * make a batch of what it has merged: then nothing is merged again.
 */

#include "harness/fault_alloc.h"
#include "harness/property.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BATCHES 8u
#define ROWS 3000u

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

static bool
key_is_even(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 % 2 == 0;
}

static void
insert(struct spine *spine, uint64_t number)
{
    static uint64_t keys[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < ROWS; i++)
        keys[i] = i * BATCHES + number;
    assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                     SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* One merge of all, of which the `nth` allocation fails; false when there are less. */
static bool
merge_once(uint64_t nth, bool filtered, struct spine_stats *out)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.level0_rows = 1000, .only_due_merges = true};
    const struct spine_key_filter even = {.name = "even", .on_key = key_is_even};
    struct spine_runtime *runtime;
    struct spine *spine;
    bool fired;

    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &numbers, &options, &spine, NULL), SPINE_OK);
    if (filtered)
        assert_int_equal(spine_retain_keys(spine, &even, NULL), SPINE_OK);
    for (uint64_t i = 0; i < BATCHES; i++)
        insert(spine, i);
    fault_alloc_arm(FAULT_ONCE, nth);
    assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_OK);
    fired = fault_alloc_disarm();
    spine_get_stats(spine, out);
    assert_int_equal(spine_get_status(spine, NULL), SPINE_OK);
    assert_int_equal(out->batches, 1);
    assert_int_equal(out->merges, 1);
    assert_int_equal(out->rows, filtered ? BATCHES * ROWS / 2 : BATCHES * ROWS);
    assert_int_equal(out->merge_rows_in, BATCHES * ROWS);
    assert_int_equal(spine_check(spine, NULL), SPINE_OK);
    spine_close(spine);
    spine_runtime_close(runtime);
    assert_int_equal(fault_alloc_live_bytes(), 0);
    return fired;
}

static void
a_merge_is_not_lost_for_want_of_its_batch(void **state)
{
    (void)state;
    for (int filtered = 0; filtered < 2; filtered++) {
        /* A filter that looks at a row costs as much fuel as merging it. */
        const uint64_t fuel_of_all = BATCHES * ROWS * (filtered == 1 ? 2u : 1u);
        struct spine_stats stats;
        unsigned begun_anew = 0;
        unsigned kept = 0;
        uint64_t given_up_max = 0;

        for (uint64_t nth = 1; merge_once(nth, filtered == 1, &stats); nth++) {
            assert_true(stats.merge_retries <= 1);
            if (stats.merge_retries == 0)
                continue; /* of a thing that a merge can do without */
            begun_anew += stats.given_up_merges == 1;
            kept += stats.given_up_merges == 0;
            if (stats.given_up_rows_in > given_up_max)
                given_up_max = stats.given_up_rows_in;
        }
        assert_int_equal(stats.merge_retries, 0);
        assert_true(begun_anew > 10);
        assert_true(kept > 0);
        /* Nothing is lost once all rows are merged. */
        assert_true(given_up_max < fuel_of_all);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_merge_is_not_lost_for_want_of_its_batch),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
