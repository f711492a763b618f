/* SPDX-License-Identifier: MIT */

/*
 * Jobs that wait for a time to pass: who makes them ready again, with every kind of
 * runtime, and that nothing else does.
 */

#include "job_fixture.h"

#include <uv.h>

#define WAIT_NS UINT64_C(10000000000)
#define JOBS_MAX 300u

/* A job that waits once after each slice but the last. */
struct patient_job {
    struct counted_job counted;
    unsigned doublings;
};

static void
on_patient_slice(struct job *job, uint64_t *fuel_rows)
{
    struct patient_job *patient = (struct patient_job *)job;
    struct owner *owner = patient->counted.owner;
    /* With the lock gone, the test may end, and its owner with it. */
    struct spine_runtime *const runtime = owner->runtime;

    *fuel_rows -= *fuel_rows < 10 ? *fuel_rows : 10;
    mutex_lock(&owner->mutex);
    owner->order[owner->order_count++] = patient->counted.index;
    if (--patient->counted.slices_left > 0)
        runtime_wait(runtime, job, patient->doublings);
    else {
        runtime_idle(runtime, job);
        owner->idle_count++;
    }
    condition_broadcast(&owner->ended);
    mutex_unlock(&owner->mutex);
    runtime_kick(runtime);
}

/* A ready job of `slices` slices, with a wait between them. */
static void
patient_make_ready(struct patient_job *patient, struct owner *owner, unsigned slices,
                   unsigned doublings)
{
    static unsigned index;

    *patient = (struct patient_job){.doublings = doublings};
    patient->counted.owner = owner;
    patient->counted.index = index++ % 1000;
    patient->counted.slices_left = slices;
    patient->counted.job.owner = &owner->jobs;
    patient->counted.job.on_slice = on_patient_slice;
    mutex_lock(&owner->mutex);
    runtime_ready(owner->runtime, &patient->counted.job);
    mutex_unlock(&owner->mutex);
}

/* Sleeps until a time of clock_now_ns(). */
static void
sleep_until(uint64_t due_ns)
{
    while (clock_now_ns() < due_ns)
        uv_sleep(1);
}

static void
a_waiting_job_runs_when_its_time_has_come(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    const uint64_t begin_ns = clock_now_ns();
    struct patient_job job;
    struct owner owner;
    uint64_t due_ns;

    (void)state;
    owner_init(&owner, runtime);
    assert_true(runtime_due_ns(runtime, &owner.jobs) == UINT64_MAX);
    patient_make_ready(&job, &owner, 2, 7);
    assert_int_equal(spine_runtime_run(runtime, 100), 10);
    assert_int_equal(job.counted.job.state, JOB_WAITING);
    due_ns = runtime_due_ns(runtime, &owner.jobs);
    assert_true(due_ns >= begin_ns + 128 * JOB_DELAY_NS);
    assert_true(due_ns <= clock_now_ns() + 128 * JOB_DELAY_NS);
    if (spine_runtime_run(runtime, 100) > 0)
        assert_true(clock_now_ns() >= due_ns); /* on a machine that is that slow */
    sleep_until(due_ns);
    (void)spine_runtime_run(runtime, 100);
    assert_int_equal(owner.order_count, 2);
    assert_int_equal(owner.idle_count, 1);
    assert_true(runtime_due_ns(runtime, &owner.jobs) == UINT64_MAX);
    owner_release(&owner);
    spine_runtime_close(runtime);
}

static void
the_owner_may_end_a_wait(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct patient_job jobs[2];
    struct owner owner;

    (void)state;
    owner_init(&owner, runtime);
    for (unsigned i = 0; i < 2; i++)
        patient_make_ready(&jobs[i], &owner, 2, 1000); /* as long as there is */
    assert_int_equal(spine_runtime_run(runtime, 100), 20);
    assert_true(runtime_due_ns(runtime, &owner.jobs) <=
                clock_now_ns() + (JOB_DELAY_NS << (JOB_DELAYS - 1)));
    mutex_lock(&owner.mutex);
    runtime_wake(runtime, &jobs[0].counted.job);
    runtime_wake(runtime, &jobs[0].counted.job);
    assert_int_equal(jobs[0].counted.job.state, JOB_READY);
    assert_true(runtime_withdraw(runtime, &jobs[1].counted.job));
    runtime_wake(runtime, &jobs[1].counted.job);
    assert_int_equal(jobs[1].counted.job.state, JOB_IDLE);
    mutex_unlock(&owner.mutex);
    assert_int_equal(spine_runtime_run(runtime, 100), 10);
    assert_int_equal(owner.order_count, 3);
    owner_release(&owner);
    spine_runtime_close(runtime);
}

static void
a_waiting_job_does_not_keep_a_runtime_open(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct patient_job job;
    struct owner owner;

    (void)state;
    (void)runtime_ref(runtime);
    owner_init(&owner, runtime);
    /* Long enough for a busy machine not to run its second slice in the same call. */
    patient_make_ready(&job, &owner, 2, 7);
    assert_int_equal(spine_runtime_run(runtime, 100), 10);
    spine_runtime_close(runtime);
    sleep_until(runtime_due_ns(runtime, &owner.jobs));
    assert_int_equal(spine_runtime_run(runtime, 100), 0);
    assert_true(runtime_withdraw(runtime, &job.counted.job));
    owner_release(&owner);
    runtime_unref(runtime);
}

/* Different waits, some over at the same time: each job runs as often as it is to. */
static void
run_patient_jobs(struct spine_runtime *runtime, bool looks)
{
    static struct patient_job jobs[JOBS_MAX];
    const uint64_t deadline_ns = clock_now_ns() + WAIT_NS;
    struct owner owner;

    owner_init(&owner, runtime);
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        patient_make_ready(&jobs[i], &owner, 3, i % 5);
        runtime_kick(runtime);
    }
    mutex_lock(&owner.mutex);
    while (owner.idle_count < JOBS_MAX) {
        const uint64_t look_ns = clock_now_ns() + JOB_DELAY_NS;

        (void)condition_wait_until(&owner.ended, &owner.mutex,
                                   looks ? look_ns : deadline_ns);
        assert_true(clock_now_ns() < deadline_ns);
        mutex_unlock(&owner.mutex);
        if (looks)
            runtime_kick_waiting(runtime);
        mutex_lock(&owner.mutex);
    }
    mutex_unlock(&owner.mutex);
    assert_int_equal(owner.order_count, 3 * JOBS_MAX);
    owner_release(&owner);
}

static void
a_private_loop_has_a_timer(void **state)
{
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(spine_runtime_open(NULL, &runtime, NULL), SPINE_OK);
    run_patient_jobs(runtime, false);
    spine_runtime_close(runtime);
}

static void
do_nothing(uv_async_t *async)
{
    (void)async;
}

static unsigned
slices_of(struct owner *owner)
{
    mutex_lock(&owner->mutex);
    const unsigned slices = owner->order_count;
    mutex_unlock(&owner->mutex);
    return slices;
}

static void
a_hosts_loop_has_a_timer(void **state)
{
    struct spine_runtime_options options = {0};
    struct spine_runtime *runtime;
    struct patient_job jobs[2];
    struct owner owner;
    uv_loop_t loop;
    uv_async_t alive; /* otherwise the loop does not run */

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_async_init(&loop, &alive, do_nothing), 0);
    options.loop = &loop;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    (void)runtime_ref(runtime);
    owner_init(&owner, runtime);
    patient_make_ready(&jobs[0], &owner, 3, 4);
    patient_make_ready(&jobs[1], &owner, 2, 10);
    runtime_kick(runtime);
    while (slices_of(&owner) < 4)
        (void)uv_run(&loop, UV_RUN_ONCE);
    /* The other one waits when the runtime closes. */
    spine_runtime_close(runtime);
    mutex_lock(&owner.mutex);
    assert_true(runtime_withdraw(runtime, &jobs[1].counted.job));
    mutex_unlock(&owner.mutex);
    runtime_unref(runtime);
    uv_close((uv_handle_t *)&alive, NULL);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    owner_release(&owner);
}

/* Runs what is submitted at the next chance. */
struct thread_door {
    uv_thread_t thread;
    uv_sem_t submitted;
    void (*run)(void *argument);
    void *argument;
    bool stops;
};

static void
submit(void *context, void (*run)(void *argument), void *argument)
{
    struct thread_door *door = context;

    door->run = run;
    door->argument = argument;
    uv_sem_post(&door->submitted);
}

static void
door_main(void *context)
{
    struct thread_door *door = context;

    for (;;) {
        uv_sem_wait(&door->submitted);
        if (door->stops)
            return;
        door->run(door->argument);
    }
}

static void
an_executor_is_told_by_those_who_look(void **state)
{
    struct thread_door door = {0};
    const struct spine_executor executor = {.context = &door, .on_submit = submit};
    const struct spine_runtime_options options = {.executor = &executor, .slices_max = 1};
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(uv_sem_init(&door.submitted, 0), 0);
    assert_int_equal(uv_thread_create(&door.thread, door_main, &door), 0);
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    run_patient_jobs(runtime, true);
    spine_runtime_close(runtime);
    door.stops = true;
    uv_sem_post(&door.submitted);
    assert_int_equal(uv_thread_join(&door.thread), 0);
    uv_sem_destroy(&door.submitted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiting_job_runs_when_its_time_has_come),
        cmocka_unit_test(the_owner_may_end_a_wait),
        cmocka_unit_test(a_waiting_job_does_not_keep_a_runtime_open),
        cmocka_unit_test(a_private_loop_has_a_timer),
        cmocka_unit_test(a_hosts_loop_has_a_timer),
        cmocka_unit_test(an_executor_is_told_by_those_who_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
