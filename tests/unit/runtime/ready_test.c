/* SPDX-License-Identifier: MIT */

/*
 * Which ready job comes next, for anybody and for a helper of one owner, and what looking
 * for it costs.
 */

#include "runtime/pump.h"
#include "unit/runtime/job_fixture.h"

static void
the_job_with_the_least_left_runs_first(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct counted_job jobs[3];
    struct owner owner;

    (void)state;
    owner_init(&owner, runtime);
    job_make_ready(&jobs[0], &owner, 0, 300, 1);
    job_make_ready(&jobs[1], &owner, 1, 100, 2);
    job_make_ready(&jobs[2], &owner, 2, 200, 1);
    assert_int_equal(spine_runtime_run(runtime, 1000), 40);
    assert_int_equal(owner.order_count, 4);
    assert_int_equal(owner.order[0], 1);
    assert_int_equal(owner.order[1], 1);
    assert_int_equal(owner.order[2], 2);
    assert_int_equal(owner.order[3], 0);
    assert_int_equal(spine_runtime_run(runtime, 1000), 0);
    owner_release(&owner);
    spine_runtime_close(runtime);
}

static void
a_large_job_is_not_passed_over_for_ever(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct counted_job jobs[2];
    struct owner owner;
    unsigned position = 0;

    (void)state;
    owner_init(&owner, runtime);
    job_make_ready(&jobs[0], &owner, 0, 1000000, 1);
    job_make_ready(&jobs[1], &owner, 1, 1, 500);
    (void)spine_runtime_run(runtime, UINT64_MAX);
    while (owner.order[position] != 0)
        position++;
    assert_int_equal(position, JOB_PATIENCE);
    owner_release(&owner);
    spine_runtime_close(runtime);
}

static void
helpers_run_their_own_jobs_only(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct counted_job jobs[2];
    struct owner owners[2];
    uint64_t fuel_rows = 1000;

    (void)state;
    owner_init(&owners[0], runtime);
    owner_init(&owners[1], runtime);
    job_make_ready(&jobs[0], &owners[0], 0, 1, 1);
    job_make_ready(&jobs[1], &owners[1], 1, 2, 1);
    assert_true(runtime_help(runtime, &owners[1].jobs, &fuel_rows));
    assert_int_equal(fuel_rows, 990);
    assert_false(runtime_help(runtime, &owners[1].jobs, &fuel_rows));
    assert_int_equal(owners[0].order_count, 0);
    assert_int_equal(owners[1].order_count, 1);
    assert_true(runtime_help(runtime, NULL, &fuel_rows));
    owner_release(&owners[0]);
    owner_release(&owners[1]);
    spine_runtime_close(runtime);
}

/* The ready jobs that the runtime looked at since the last call. */
static uint64_t
steps_since(struct spine_runtime *runtime, uint64_t *before)
{
    const uint64_t steps = runtime->locked.steps - *before;

    *before = runtime->locked.steps;
    return steps;
}

static void
a_helper_pays_for_its_own_jobs_only(void **state)
{
    enum { OTHERS = 10000, OWN = 12 };
    struct spine_runtime *runtime = manual_runtime();
    struct counted_job *others = test_calloc(OTHERS, sizeof *others);
    struct owner *owners = test_calloc(OTHERS, sizeof *owners);
    struct counted_job own[OWN];
    struct owner owner;
    uint64_t steps = 0, fuel_rows = UINT64_MAX;

    (void)state;
    owner_init(&owner, runtime);
    for (unsigned i = 0; i < OTHERS; i++) {
        owner_init(&owners[i], runtime);
        job_make_ready(&others[i], &owners[i], i, 2 * OTHERS - i, 1);
    }
    for (unsigned i = 0; i < OWN; i++)
        job_make_ready(&own[i], &owner, i, OWN - i, 2);
    (void)steps_since(runtime, &steps);

    for (unsigned i = 0; i < 2 * OWN; i++) {
        assert_true(runtime_help(runtime, &owner.jobs, &fuel_rows));
        assert_in_range(steps_since(runtime, &steps), 1, OWN);
    }
    /* The one with the least left, to its end. */
    for (unsigned i = 0; i < 2 * OWN; i++)
        assert_int_equal(owner.order[i], OWN - 1 - i / 2);
    assert_false(runtime_help(runtime, &owner.jobs, &fuel_rows));
    assert_int_equal(steps_since(runtime, &steps), 0);

    /* Whoever takes any job looks at some only, and in the end each has had its turn. */
    for (unsigned i = 0; i < OTHERS; i++) {
        assert_true(runtime_help(runtime, NULL, &fuel_rows));
        assert_in_range(steps_since(runtime, &steps), 1, JOB_CHOICE);
    }
    assert_false(runtime_help(runtime, NULL, &fuel_rows));
    for (unsigned i = 0; i < OTHERS; i++) {
        assert_int_equal(owners[i].idle_count, 1);
        owner_release(&owners[i]);
    }
    owner_release(&owner);
    test_free(owners);
    test_free(others);
    spine_runtime_close(runtime);
}

/* A spare job of an owner, and one that others passed over. */
static void
a_helper_keeps_the_order_of_its_own_jobs(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct counted_job jobs[3];
    struct owner owner;
    uint64_t fuel_rows = UINT64_MAX;

    (void)state;
    owner_init(&owner, runtime);
    job_make_ready(&jobs[0], &owner, 0, 0, 1);
    mutex_lock(&owner.mutex);
    assert_true(runtime_withdraw(runtime, &jobs[0].job));
    jobs[0].job.spare = true;
    runtime_ready(runtime, &jobs[0].job);
    mutex_unlock(&owner.mutex);
    job_make_ready(&jobs[1], &owner, 1, 1000, 1);
    job_make_ready(&jobs[2], &owner, 2, 1, JOB_PATIENCE + 10);
    while (runtime_help_due(runtime, &owner.jobs, &fuel_rows))
        ;
    assert_int_equal(owner.order_count, JOB_PATIENCE + 11);
    assert_int_equal(owner.order[JOB_PATIENCE - 1], 2);
    assert_int_equal(owner.order[JOB_PATIENCE], 1);
    assert_true(runtime_help(runtime, &owner.jobs, &fuel_rows));
    assert_int_equal(owner.order[JOB_PATIENCE + 11], 0);
    owner_release(&owner);
    spine_runtime_close(runtime);
}

static void
a_spare_job_waits_for_all_others(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct counted_job jobs[3] = {0};
    struct owner owner;
    uint64_t fuel_rows = 1000;

    (void)state;
    owner_init(&owner, runtime);
    job_make_ready(&jobs[0], &owner, 0, 1, 2);
    mutex_lock(&owner.mutex);
    assert_true(runtime_withdraw(runtime, &jobs[0].job));
    jobs[0].job.spare = true;
    runtime_ready(runtime, &jobs[0].job);
    mutex_unlock(&owner.mutex);
    assert_false(runtime_help_due(runtime, &owner.jobs, &fuel_rows));
    job_make_ready(&jobs[1], &owner, 1, 1000, 3 * JOB_PATIENCE);
    assert_true(runtime_help_due(runtime, &owner.jobs, &fuel_rows));
    (void)spine_runtime_run(runtime, UINT64_MAX);
    for (unsigned i = 0; i < 3 * JOB_PATIENCE; i++)
        assert_int_equal(owner.order[i], 1);
    assert_int_equal(owner.order_count, 3 * JOB_PATIENCE + 2);
    owner_release(&owner);
    spine_runtime_close(runtime);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_job_with_the_least_left_runs_first),
        cmocka_unit_test(a_large_job_is_not_passed_over_for_ever),
        cmocka_unit_test(helpers_run_their_own_jobs_only),
        cmocka_unit_test(a_helper_pays_for_its_own_jobs_only),
        cmocka_unit_test(a_helper_keeps_the_order_of_its_own_jobs),
        cmocka_unit_test(a_spare_job_waits_for_all_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
