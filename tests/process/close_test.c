/* SPDX-License-Identifier: MIT */

/*
 * Closing waits for slices that run and for nothing else: not for what the host does in
 * libuv's pool or on its executor, which may wait for the closing thread, and not for
 * itself when a callback closes.
 */

#include "harness/child.h"
#include "process/pool_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECONDS 60u

static void
expect_no_hang(const char *what, void (*on_run)(void *context), void *context)
{
    child_expect(what, child_run(on_run, context, SECONDS), 0);
}

/* ---- The host's work in the pool waits for the closing thread ---- */

static void
close_beside_a_blockade(void *context)
{
    struct blockade blockade;
    struct spine_runtime *runtime;
    struct spine *spines[3];

    (void)context;
    blockade_begin(&blockade, uv_default_loop(), 4);
    runtime = runtime_on(NULL);
    for (int i = 0; i < 3; i++)
        spines[i] = spine_with_a_merge(runtime);
    uv_sleep(20); /* the pumps are in the queue of the pool */
    spine_close(spines[0]);
    spine_runtime_close(runtime);
    spine_close(spines[1]);
    spine_close(spines[2]);
    require(spine_allocated_bytes() == 0, "memory leaked");
    blockade_end(&blockade);
}

/* The host's loop lets go of the runtime though its own work has not ended. */
static void
close_on_the_hosts_loop(void *context)
{
    struct blockade blockade;
    uv_loop_t loop;
    struct spine_runtime *runtime;
    struct spine *spine;

    (void)context;
    uv_loop_init(&loop);
    blockade_begin(&blockade, uv_default_loop(), 2);
    runtime = runtime_on(&loop);
    spine = spine_with_a_merge(runtime);
    uv_run(&loop, UV_RUN_NOWAIT); /* queues the pumps */
    spine_close(spine);
    spine_runtime_close(runtime);
    uv_run(&loop, UV_RUN_DEFAULT);
    require(uv_loop_close(&loop) == 0, "the runtime left something on the loop");
    require(spine_allocated_bytes() == 0, "memory leaked");
    blockade_end(&blockade);
}

static void
the_hosts_work_in_the_pool_is_not_waited_for(void **state)
{
    (void)state;
    expect_no_hang("a private loop", close_beside_a_blockade, NULL);
    expect_no_hang("the host's loop", close_on_the_hosts_loop, NULL);
}

/* ---- In a thread of the pool ---- */

struct pool_closer {
    uv_work_t work;
    struct spine_runtime *runtime;
    struct spine *spine;
};

static void
close_in_the_pool(uv_work_t *work)
{
    struct pool_closer *closer = work->data;

    insert_rows(closer->spine, 20);
    uv_sleep(20);
    spine_close(closer->spine);
    spine_runtime_close(closer->runtime);
}

/* A pool of one thread, or of some; the host's jobs open and close runtimes in them. */
static void
close_in_a_pool_of(void *context)
{
    const unsigned threads = *(const unsigned *)context;
    const char digits[2] = {(char)('0' + threads), 0};
    struct pool_closer closers[4];

    setenv("UV_THREADPOOL_SIZE", digits, 1);
    for (unsigned i = 0; i < 4; i++) {
        closers[i].runtime = runtime_on(NULL);
        closers[i].spine = spine_with_a_merge(closers[i].runtime);
        closers[i].work.data = &closers[i];
        uv_queue_work(uv_default_loop(), &closers[i].work, close_in_the_pool,
                      blockade_done);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    require(spine_allocated_bytes() == 0, "memory leaked");
}

static void
a_job_in_the_pool_may_close(void **state)
{
    unsigned threads[] = {1, 2, 4};

    (void)state;
    for (int i = 0; i < 3; i++)
        expect_no_hang("a job in the pool", close_in_a_pool_of, &threads[i]);
}

/* ---- In a callback of the host's loop ---- */

struct loop_closer {
    struct spine_runtime *runtimes[2];
    struct spine *spines[2];
};

static void
close_in_a_timer(uv_timer_t *timer)
{
    struct loop_closer *closer = timer->data;

    spine_close(closer->spines[0]);
    for (int i = 0; i < 2; i++)
        spine_runtime_close(closer->runtimes[i]);
    spine_close(closer->spines[1]);
    uv_close((uv_handle_t *)timer, NULL);
}

static void
close_in_the_loop(void *context)
{
    struct loop_closer closer;
    uv_timer_t timer;
    uv_loop_t loop;

    (void)context;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &timer);
    timer.data = &closer;
    /* The loop's own runtime, and one with a loop of its own. */
    closer.runtimes[0] = runtime_on(&loop);
    closer.runtimes[1] = runtime_on(NULL);
    for (int i = 0; i < 2; i++)
        closer.spines[i] = spine_with_a_merge(closer.runtimes[i]);
    uv_timer_start(&timer, close_in_a_timer, 1, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    require(uv_loop_close(&loop) == 0, "the runtime left something on the loop");
    require(spine_allocated_bytes() == 0, "memory leaked");
}

static void
a_callback_of_the_loop_may_close(void **state)
{
    (void)state;
    expect_no_hang("a callback of the loop", close_in_the_loop, NULL);
}

/* ---- On the host's executor ---- */

/* An executor whose only thread is the one that closes: runs are kept, in order. */
struct kept_runs {
    void (*run[64])(void *argument);
    void *argument[64];
    unsigned count;
    bool closed;
};

static void
keep_run(void *context, void (*run)(void *argument), void *argument)
{
    struct kept_runs *kept = context;

    require(!kept->closed, "a run was submitted after the runtime was closed");
    kept->run[kept->count] = run;
    kept->argument[kept->count++] = argument;
}

static void
close_before_the_runs(void *context)
{
    struct kept_runs kept = {.count = 0};
    const struct spine_executor executor = {&kept, keep_run};
    const struct spine_runtime_options options = {.executor = &executor, .slices_max = 4};
    struct spine_runtime *runtime;
    struct spine *spines[4];

    (void)context;
    require(spine_runtime_open(&options, &runtime, NULL) == SPINE_OK, "a runtime");
    for (int i = 0; i < 4; i++)
        spines[i] = spine_with_a_merge(runtime);
    require(kept.count > 1, "runs that wait");
    spine_runtime_close(runtime);
    kept.closed = true;
    for (int i = 0; i < 4; i++)
        spine_close(spines[i]);
    /* They are called all the same, and do nothing. */
    for (unsigned i = 0; i < kept.count; i++)
        kept.run[i](kept.argument[i]);
    require(spine_allocated_bytes() == 0, "memory leaked");
}

static void
a_thread_of_the_executor_may_close(void **state)
{
    (void)state;
    expect_no_hang("a thread of the executor", close_before_the_runs, NULL);
}

/* ---- In on_done ---- */

enum what { THE_SPINE, THE_RUNTIME, SPINE_THEN_RUNTIME, RUNTIME_THEN_SPINE, WHAT_COUNT };

/* One whose callback closes something, and the next compaction that was asked for. */
struct done_closer {
    enum what what;
    enum host_kind kind; /* HOST_KINDS: manual */
    struct spine_runtime *runtime;
    struct spine *spine;
    atomic_uint first_calls;
    atomic_uint second_calls;
    uv_sem_t closed;
};

static void
on_second(void *context, enum spine_status status)
{
    struct done_closer *closer = context;

    (void)status;
    atomic_fetch_add(&closer->second_calls, 1);
}

static void
on_first(void *context, enum spine_status status)
{
    struct done_closer *closer = context;

    require(status == SPINE_OK, "a compaction failed");
    require(atomic_fetch_add(&closer->first_calls, 1) == 0, "two reports");
    /* One more, which closing reports. */
    require(spine_compact(closer->spine, on_second, closer, NULL) == SPINE_OK, "compact");
    if (closer->what == THE_RUNTIME || closer->what == RUNTIME_THEN_SPINE)
        spine_runtime_close(closer->runtime);
    if (closer->what != THE_RUNTIME) {
        spine_close(closer->spine);
        require(atomic_load(&closer->second_calls) == 1, "a report after the close");
    }
    if (closer->what == SPINE_THEN_RUNTIME)
        spine_runtime_close(closer->runtime);
    uv_sem_post(&closer->closed);
}

static struct spine_runtime *
runtime_of_kind(struct done_closer *closer, struct host *host)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime;

    if (closer->kind == HOST_KINDS) {
        require(spine_runtime_open(&manual, &runtime, NULL) == SPINE_OK, "a runtime");
        return runtime;
    }
    host_open(host, closer->kind, 2);
    return host->runtime;
}

static void
close_in_on_done(void *context)
{
    struct done_closer *closer = context;
    static struct host host;

    uv_sem_init(&closer->closed, 0);
    closer->runtime = runtime_of_kind(closer, &host);
    closer->spine = spine_with_a_merge(closer->runtime);
    require(spine_compact(closer->spine, on_first, closer, NULL) == SPINE_OK, "compact");
    while (closer->kind == HOST_KINDS && atomic_load(&closer->first_calls) == 0)
        (void)spine_runtime_run(closer->runtime, 1000);
    uv_sem_wait(&closer->closed);

    if (closer->what == THE_RUNTIME)
        spine_close(closer->spine);
    if (closer->kind == HOST_KINDS) {
        if (closer->what == THE_SPINE)
            spine_runtime_close(closer->runtime);
    } else {
        if (closer->what != THE_SPINE)
            atomic_store(&host.runtime_is_closed, true);
        host_close(&host);
    }
    require(atomic_load(&closer->second_calls) == 1, "no second report");
    require_no_memory();
}

static void
on_done_may_close(void **state)
{
    (void)state;
    for (int kind = 0; kind <= HOST_KINDS; kind++)
        for (int what = 0; what < WHAT_COUNT; what++) {
            struct done_closer closer = {.kind = (enum host_kind)kind,
                                         .what = (enum what)what};
            char name[64];

            snprintf(name, sizeof name, "on_done, kind %d, what %d", kind, what);
            for (int i = 0; i < 5; i++)
                expect_no_hang(name, close_in_on_done, &closer);
        }
}

/* Closing reports what nobody ran, and that callback closes the spine, too. */
static void
on_cancelled(void *context, enum spine_status status)
{
    struct done_closer *closer = context;

    require(status == SPINE_CANCELLED, "no cancellation");
    atomic_fetch_add(&closer->first_calls, 1);
    spine_close(closer->spine);
}

static void
close_in_a_cancellation(void *context)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct done_closer closer = {.what = THE_SPINE};

    (void)context;
    require(spine_runtime_open(&manual, &closer.runtime, NULL) == SPINE_OK, "a runtime");
    closer.spine = spine_with_a_merge(closer.runtime);
    require(spine_compact(closer.spine, on_cancelled, &closer, NULL) == SPINE_OK,
            "compact");
    spine_runtime_close(closer.runtime);
    require(atomic_load(&closer.first_calls) == 1, "no report");
    require(spine_allocated_bytes() == 0, "memory leaked");
}

static void
a_cancelled_compaction_may_close(void **state)
{
    (void)state;
    expect_no_hang("a cancelled compaction", close_in_a_cancellation, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hosts_work_in_the_pool_is_not_waited_for),
        cmocka_unit_test(a_job_in_the_pool_may_close),
        cmocka_unit_test(a_callback_of_the_loop_may_close),
        cmocka_unit_test(a_thread_of_the_executor_may_close),
        cmocka_unit_test(on_done_may_close),
        cmocka_unit_test(a_cancelled_compaction_may_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
