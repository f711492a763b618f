/* SPDX-License-Identifier: MIT */
#include "unit/runtime/job_fixture.h"

#include "spine/store.h"

#include <uv.h>

#define JOBS_MAX 128
#define WAIT_NS UINT64_C(10000000000)

static void
fuel_bounds_a_run(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct counted_job job;
    struct owner owner;

    (void)state;
    owner_init(&owner, runtime);
    job_make_ready(&job, &owner, 0, 100, 10);
    assert_int_equal(spine_runtime_run(runtime, 25), 25);
    assert_int_equal(owner.order_count, 3);
    assert_int_equal(spine_runtime_run(runtime, UINT64_MAX), 70);
    assert_int_equal(owner.idle_count, 1);
    owner_release(&owner);
    spine_runtime_close(runtime);
}

static void
a_withdrawn_job_does_not_run(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct counted_job job;
    struct owner owner;

    (void)state;
    owner_init(&owner, runtime);
    job_make_ready(&job, &owner, 0, 1, 1);
    assert_true(runtime_withdraw(runtime, &job.job));
    assert_true(runtime_withdraw(runtime, &job.job));
    assert_int_equal(spine_runtime_run(runtime, 100), 0);
    assert_int_equal(owner.order_count, 0);
    owner_release(&owner);
    spine_runtime_close(runtime);
}

/* Jobs on the default runtime all end, whoever runs them. */
static void
run_many_jobs(struct spine_runtime *runtime)
{
    static struct counted_job jobs[JOBS_MAX];
    struct owner owner;
    const uint64_t deadline_ns = clock_now_ns() + WAIT_NS;

    owner_init(&owner, runtime);
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        job_make_ready(&jobs[i], &owner, i, i, 5);
        runtime_kick(runtime);
    }
    mutex_lock(&owner.mutex);
    while (owner.idle_count < JOBS_MAX)
        assert_true(condition_wait_until(&owner.ended, &owner.mutex, deadline_ns));
    mutex_unlock(&owner.mutex);
    assert_int_equal(owner.order_count, 5 * JOBS_MAX);
    owner_release(&owner);
}

static void
the_pool_runs_everything(void **state)
{
    const struct spine_runtime_options options = {.slices_max = 3, .run_us = 1};
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    run_many_jobs(runtime);
    spine_runtime_close(runtime);
}

/* A host that runs a loop of its own, on a thread of its own. */
struct host {
    uv_loop_t loop;
    uv_async_t stop;
    struct spine_runtime *runtime;
    uv_sem_t opened;
};

static void
on_stop(uv_async_t *stop)
{
    struct host *host = stop->data;

    spine_runtime_close(host->runtime);
    uv_close((uv_handle_t *)stop, NULL);
}

static void
host_run(void *argument)
{
    struct host *host = argument;
    const struct spine_runtime_options options = {.loop = &host->loop, .slices_max = 2};

    if (spine_runtime_open(&options, &host->runtime, NULL) != SPINE_OK)
        host->runtime = NULL;
    uv_sem_post(&host->opened);
    (void)uv_run(&host->loop, UV_RUN_DEFAULT);
}

static void
the_hosts_loop_runs_everything(void **state)
{
    struct host host;
    uv_thread_t thread;

    (void)state;
    assert_int_equal(uv_loop_init(&host.loop), 0);
    assert_int_equal(uv_async_init(&host.loop, &host.stop, on_stop), 0);
    host.stop.data = &host;
    assert_int_equal(uv_sem_init(&host.opened, 0), 0);
    assert_int_equal(uv_thread_create(&thread, host_run, &host), 0);
    uv_sem_wait(&host.opened);
    assert_non_null(host.runtime);
    run_many_jobs(host.runtime);
    assert_int_equal(uv_async_send(&host.stop), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
    /* 0 only when the runtime let go of all its handles. */
    assert_int_equal(uv_loop_close(&host.loop), 0);
    uv_sem_destroy(&host.opened);
}

/* An executor that starts a thread for each run. */
struct thread_executor {
    struct mutex mutex;
    uv_thread_t threads[4096];
    unsigned thread_count;
};

struct thread_run {
    void (*run)(void *argument);
    void *argument;
};

static void
thread_main(void *argument)
{
    struct thread_run *run = argument;

    run->run(run->argument);
    test_free(run);
}

static void
on_submit(void *context, void (*run)(void *argument), void *argument)
{
    struct thread_executor *executor = context;
    struct thread_run *thread_run = test_malloc(sizeof *thread_run);

    thread_run->run = run;
    thread_run->argument = argument;
    mutex_lock(&executor->mutex);
    assert_in_range(executor->thread_count, 0, 4095);
    assert_int_equal(uv_thread_create(&executor->threads[executor->thread_count++],
                                      thread_main, thread_run),
                     0);
    mutex_unlock(&executor->mutex);
}

static void
the_hosts_executor_runs_everything(void **state)
{
    static struct thread_executor executor;
    const struct spine_executor door = {.context = &executor, .on_submit = on_submit};
    const struct spine_runtime_options options = {.executor = &door, .slices_max = 2};
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(mutex_init(&executor.mutex), SPINE_OK);
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    run_many_jobs(runtime);
    spine_runtime_close(runtime);
    for (unsigned i = 0; i < executor.thread_count; i++)
        assert_int_equal(uv_thread_join(&executor.threads[i]), 0);
    mutex_release(&executor.mutex);
}

/* Runs that are kept, for the test to begin them. */
struct kept_runs {
    struct thread_run runs[16];
    unsigned count;
};

static void
keep_run(void *context, void (*run)(void *argument), void *argument)
{
    struct kept_runs *kept = context;

    assert_in_range(kept->count, 0, 15);
    kept->runs[kept->count++] = (struct thread_run){run, argument};
}

/* A job that ends and then, still in its slice, has another run, which need not wait. */
struct long_end {
    struct job job;
    struct counted_job *next;
    struct owner *owner;
    struct kept_runs *kept;
};

static void
end_at_length(struct job *job, uint64_t *fuel_rows)
{
    struct long_end *end =
        (struct long_end *)((char *)job - offsetof(struct long_end, job));

    *fuel_rows = 0;
    mutex_lock(&end->owner->mutex);
    runtime_idle(end->owner->runtime, job);
    mutex_unlock(&end->owner->mutex);
    job_make_ready(end->next, end->owner, 7, 1, 1);
    runtime_kick(end->owner->runtime);
    assert_int_equal(end->kept->count, 2);
    end->kept->runs[1].run(end->kept->runs[1].argument);
    assert_int_equal(end->owner->order_count, 1);
}

static void
nothing_waits_for_what_an_ended_job_has_to_do(void **state)
{
    static struct kept_runs kept;
    const struct spine_executor door = {.context = &kept, .on_submit = keep_run};
    const struct spine_runtime_options options = {.executor = &door, .slices_max = 2};
    struct spine_runtime *runtime;
    struct counted_job next;
    struct owner owner;
    struct long_end end = {.next = &next, .owner = &owner, .kept = &kept};

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    owner_init(&owner, runtime);
    end.job.owner = &owner.jobs;
    end.job.on_slice = end_at_length;
    mutex_lock(&owner.mutex);
    runtime_ready(runtime, &end.job);
    mutex_unlock(&owner.mutex);
    runtime_kick(runtime);
    assert_int_equal(kept.count, 1);
    kept.runs[0].run(kept.runs[0].argument);
    assert_int_equal(owner.order_count, 1);
    assert_int_equal(owner.order[0], 7);
    assert_int_equal(kept.count, 2);
    spine_runtime_close(runtime);
    owner_release(&owner);
}

/* What runtime_has_room() says inside a slice. */
struct asking_slice {
    struct job job;
    struct owner *owner;
    bool had_room;
};

static void
ask_for_room(struct job *job, uint64_t *fuel_rows)
{
    struct asking_slice *asking = (struct asking_slice *)(void *)job;

    *fuel_rows = 0;
    asking->had_room = runtime_has_room(asking->owner->runtime);
    mutex_lock(&asking->owner->mutex);
    runtime_idle(asking->owner->runtime, job);
    mutex_unlock(&asking->owner->mutex);
}

/* A pump that has nothing to do is room: not the one that asks, none that has other jobs
 * to run but such as can be spared. */
static void
expect_room(unsigned slices_max, bool other_is_ready, bool other_is_spare, bool expected)
{
    static struct kept_runs kept;
    const struct spine_executor door = {.context = &kept, .on_submit = keep_run};
    const struct spine_runtime_options options = {.executor = &door,
                                                  .slices_max = slices_max};
    struct spine_runtime *runtime;
    struct owner owner;
    struct asking_slice asking = {.job = {.on_slice = ask_for_room}, .owner = &owner};
    struct asking_slice other = {
        .job = {.on_slice = ask_for_room, .spare = other_is_spare}, .owner = &owner};

    kept.count = 0;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    owner_init(&owner, runtime);
    asking.job.owner = other.job.owner = &owner.jobs;
    mutex_lock(&owner.mutex);
    runtime_ready(runtime, &asking.job);
    if (other_is_ready)
        runtime_ready(runtime, &other.job);
    mutex_unlock(&owner.mutex);
    runtime_kick(runtime);
    kept.runs[0].run(kept.runs[0].argument);
    assert_true(asking.had_room == expected);
    for (unsigned i = 1; i < kept.count; i++)
        kept.runs[i].run(kept.runs[i].argument);
    spine_runtime_close(runtime);
    owner_release(&owner);
}

static void
an_idle_pump_is_room(void **state)
{
    struct spine_runtime *runtime;
    const struct spine_runtime_options manual = {.manual = true};

    (void)state;
    expect_room(1, false, false, false);
    expect_room(2, false, false, true);
    expect_room(2, true, false, false);
    expect_room(2, true, true, true);
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_false(runtime_has_room(runtime));
    spine_runtime_close(runtime);
}

/* A slice in which a long read becomes ready, which need not wait for the slice. */
struct busy_slice {
    struct job job;
    struct job read;
    struct owner *owner;
    struct kept_runs *kept;
    bool was_read;
};

static void
read_at_length(struct job *job, uint64_t *fuel_rows)
{
    struct busy_slice *busy =
        (struct busy_slice *)((char *)job - offsetof(struct busy_slice, read));

    *fuel_rows = 0;
    busy->was_read = true;
    mutex_lock(&busy->owner->mutex);
    runtime_idle(busy->owner->runtime, job);
    mutex_unlock(&busy->owner->mutex);
}

static void
be_busy(struct job *job, uint64_t *fuel_rows)
{
    struct busy_slice *busy = (struct busy_slice *)(void *)job;
    struct spine_runtime *runtime = busy->owner->runtime;
    uint64_t help_rows = 1000;

    *fuel_rows = 0;
    mutex_lock(&busy->owner->mutex);
    runtime_ready(runtime, &busy->read);
    mutex_unlock(&busy->owner->mutex);
    runtime_kick(runtime);
    /* Who waits for something else leaves it alone. */
    assert_false(runtime_help(runtime, &busy->owner->jobs, &help_rows));
    assert_int_equal(busy->kept->count, 2);
    busy->kept->runs[1].run(busy->kept->runs[1].argument);
    assert_true(busy->was_read);
    mutex_lock(&busy->owner->mutex);
    runtime_idle(runtime, job);
    mutex_unlock(&busy->owner->mutex);
}

static void
a_long_read_runs_beside_all_slices(void **state)
{
    static struct kept_runs kept;
    const struct spine_executor door = {.context = &kept, .on_submit = keep_run};
    struct spine_runtime_options options = {.executor = &door, .slices_max = 1};
    struct spine_runtime *runtime;
    struct spine_backend backend;
    struct owner owner;
    struct busy_slice busy = {.owner = &owner, .kept = &kept};

    (void)state;
    kept.count = 0;
    /* Reads have runs beside the slices where there is a store. */
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &options.store, NULL), SPINE_OK);
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    owner_init(&owner, runtime);
    busy.job.owner = &owner.jobs;
    busy.job.on_slice = be_busy;
    busy.read.is_read = true;
    busy.read.is_long = true;
    busy.read.on_slice = read_at_length;
    mutex_lock(&owner.mutex);
    runtime_ready(runtime, &busy.job);
    mutex_unlock(&owner.mutex);
    runtime_kick(runtime);
    assert_int_equal(kept.count, 1);
    kept.runs[0].run(kept.runs[0].argument);
    assert_true(busy.was_read);
    spine_runtime_close(runtime);
    spine_store_close(options.store);
    for (unsigned i = 2; i < kept.count; i++)
        kept.runs[i].run(kept.runs[i].argument);
    owner_release(&owner);
}

struct told_watch {
    struct runtime_watch watch;
    unsigned told;
};

static void
on_close(struct runtime_watch *watch)
{
    ((struct told_watch *)watch)->told++;
}

static void
closing_tells_each_watch_once(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct told_watch watches[3] = {{.watch.on_close = on_close},
                                    {.watch.on_close = on_close},
                                    {.watch.on_close = on_close}};

    (void)state;
    (void)runtime_ref(runtime);
    for (int i = 0; i < 3; i++)
        runtime_watch_begin(runtime, &watches[i].watch);
    runtime_watch_end(runtime, &watches[1].watch);
    assert_false(runtime_is_closed(runtime));
    spine_runtime_close(runtime);
    assert_true(runtime_is_closed(runtime));
    assert_int_equal(watches[0].told, 1);
    assert_int_equal(watches[1].told, 0);
    assert_int_equal(watches[2].told, 1);
    runtime_watch_end(runtime, &watches[0].watch);
    runtime_watch_end(runtime, &watches[2].watch);
    runtime_unref(runtime);
}

static void
a_closed_runtime_runs_nothing(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct counted_job job;
    struct owner owner;
    uint64_t fuel_rows = 100;

    (void)state;
    (void)runtime_ref(runtime);
    owner_init(&owner, runtime);
    job_make_ready(&job, &owner, 0, 1, 1);
    spine_runtime_close(runtime);
    assert_false(runtime_help(runtime, NULL, &fuel_rows));
    assert_true(runtime_withdraw(runtime, &job.job));
    owner_release(&owner);
    runtime_unref(runtime);
}

static void
options_that_contradict_are_refused(void **state)
{
    const struct spine_executor nothing = {0};
    struct spine_runtime_options options = {.manual = true, .executor = &nothing};
    struct spine_runtime *runtime = (struct spine_runtime *)&options;
    struct spine_error error = {0};

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, &error), SPINE_INVALID);
    assert_null(runtime);
    assert_non_null(strstr(error.message, "only one of"));
    options.manual = false;
    assert_int_equal(spine_runtime_open(&options, &runtime, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "on_submit"));
}

static void
more_slices_than_libuv_has_threads_are_refused(void **state)
{
    struct spine_runtime_options options = {.manual = true, .slices_max = 1025};
    struct spine_runtime *runtime;
    struct spine_error error = {0};

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, &error), SPINE_INVALID);
    assert_null(runtime);
    assert_non_null(strstr(error.message, "slices_max"));
    options.slices_max = 1024;
    assert_int_equal(spine_runtime_open(&options, &runtime, &error), SPINE_OK);
    spine_runtime_close(runtime);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fuel_bounds_a_run),
        cmocka_unit_test(a_withdrawn_job_does_not_run),
        cmocka_unit_test(the_pool_runs_everything),
        cmocka_unit_test(the_hosts_loop_runs_everything),
        cmocka_unit_test(the_hosts_executor_runs_everything),
        cmocka_unit_test(nothing_waits_for_what_an_ended_job_has_to_do),
        cmocka_unit_test(a_long_read_runs_beside_all_slices),
        cmocka_unit_test(an_idle_pump_is_room),
        cmocka_unit_test(closing_tells_each_watch_once),
        cmocka_unit_test(a_closed_runtime_runs_nothing),
        cmocka_unit_test(options_that_contradict_are_refused),
        cmocka_unit_test(more_slices_than_libuv_has_threads_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
