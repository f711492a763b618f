/* SPDX-License-Identifier: MIT */

/*
 * No slice of a merge does more than its fuel allows, however many blocks there are:
 * neither when it is split, nor when it goes on with what is written, nor at its end.
 * Blocks of few rows make many of them.
 */

#include "base/assert.h"
#include "base/steps.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#ifdef NDEBUG

int
main(void)
{
    puts("steps are counted in Debug builds only");
    return 0;
}

#else

/* Of two batches, in blocks of 24 rows: 100,000 blocks. */
#define ROWS 1200000u
#define FUEL_ROWS 1000u
/* What is left of the inputs and what is written have ten times as many blocks and
 * more. */
#define STEPS_MAX (2 * FUEL_ROWS)

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

/* Every second key from `begin` on. */
static void
insert(struct spine *spine, uint64_t begin)
{
    uint64_t *keys = malloc(ROWS * sizeof *keys);
    const struct spine_columns columns = {.rows = ROWS, .keys = keys};
    struct spine_batch *batch;

    assert_non_null(keys);
    for (uint64_t i = 0; i < ROWS; i++)
        keys[i] = begin + 2 * i;
    assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                     SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    free(keys);
}

static void
slices_of_many_blocks_are_short(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_stats stats;
    uint64_t most = 0, steps, slices = 0;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &numbers, NULL, &spine, NULL), SPINE_OK);
    insert(spine, 0);
    insert(spine, 1);
    for (bool more = true; more; slices++) {
        const uint64_t before = steps_taken();

        more = spine_runtime_run(runtime, FUEL_ROWS) > 0;
        steps = steps_taken() - before;
        most = steps > most ? steps : most;
    }
    spine_get_stats(spine, &stats);
    printf("%llu slices, %llu splits, at most %llu steps\n", (unsigned long long)slices,
           (unsigned long long)stats.merge_splits, (unsigned long long)most);
    assert_int_equal(stats.batches, 1);
    assert_int_equal(stats.rows, 2 * ROWS);
    assert_true(stats.merge_splits > 0);
    assert_in_range(most, 1, STEPS_MAX);
    assert_int_equal(spine_check(spine, NULL), SPINE_OK);
    spine_close(spine);
    spine_runtime_close(runtime);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_of_many_blocks_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
