/* SPDX-License-Identifier: MIT */

/*
 * Many spines on one runtime: what a call on one of them costs does not depend on what
 * waits to be done for the others.
 */

#include "core.h"
#include "runtime/pump.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define OTHERS 10000u
/* Ready jobs of its own that a spine may look at for one slice: all of them, twice. */
#define STEPS_MAX (2 * (TASK_COUNT + 1))

static const struct spine_schema schema = {.key = {SPINE_U64, 0}};

static struct spine_batch *
one_row(void)
{
    const uint64_t key = 1;
    const struct spine_columns columns = {.rows = 1, .keys = &key};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

static struct spine *
spine_with_a_ready_merge(struct spine_runtime *runtime, struct spine_batch *batch)
{
    const struct spine_options options = {.help_batches = UINT32_MAX};
    struct spine *spine;

    assert_int_equal(spine_open(runtime, &schema, &options, &spine, NULL), SPINE_OK);
    for (int i = 0; i < 8; i++)
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    return spine;
}

static void
an_insert_pays_for_its_own_spine_only(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options helpful = {.help_batches = 1};
    struct spine **others = test_calloc(OTHERS, sizeof(struct spine *));
    struct spine_batch *batch = one_row();
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_stats stats;
    uint64_t before, slices;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    for (unsigned i = 0; i < OTHERS; i++)
        others[i] = spine_with_a_ready_merge(runtime, batch);
    assert_true(runtime->locked.ready_count >= OTHERS);
    assert_int_equal(spine_open(runtime, &schema, &helpful, &spine, NULL), SPINE_OK);

    before = runtime->locked.steps;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_get_stats(spine, &stats);
    slices = stats.help_slices;
    assert_true(slices > 100);
    /* Each insert looks in vain in the end. */
    assert_true(runtime->locked.steps - before <= (slices + 1000) * STEPS_MAX);

    before = runtime->locked.steps;
    assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_OK);
    spine_pause(spine);
    spine_resume(spine);
    spine_close(spine);
    assert_true(runtime->locked.steps - before <= 100 * STEPS_MAX);

    for (unsigned i = 0; i < OTHERS; i++)
        spine_close(others[i]);
    spine_batch_unref(batch);
    test_free(others);
    spine_runtime_close(runtime);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_insert_pays_for_its_own_spine_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
