/* SPDX-License-Identifier: MIT */

/*
 * A process may end by exit() with everything open and in use: it neither crashes nor
 * hangs. Each ending is a child of its own, some at the same time, after a random moment.
 */

#include "harness/child.h"
#include "harness/property.h"
#include "process/pool_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECONDS 120u
/* Endings of each kind of runtime, at a scale of 1, and how many at the same time. */
#define ENDINGS 8u
#define ENDINGS_MAX 200u
#define AT_ONCE 4u

enum way {
    BY_EXIT,
    /* In another thread than main's. */
    BY_EXIT_IN_A_THREAD,
    /* A handler of exit() closes everything: after that of the library, before it. */
    BY_EXIT_AND_A_LATE_CLOSE,
    BY_EXIT_AND_AN_EARLY_CLOSE,
    /* The late one even after libuv's destructor. */
    BY_EXIT_AND_A_CLOSE_WITHOUT_LIBUV,
    BY_QUICK_EXIT,
    BY_THE_SHORT_WAY,
    WAY_COUNT
};

/* What a process has open; static, as what is open when it ends is no leak. */
static struct life {
    enum way way;
    enum host_kind kind; /* HOST_KINDS: manual */
    uint64_t moment_us;
    struct host host;
    struct spine_runtime *runtime;
    struct spine *spines[3];
    struct spine_cursor *cursor;
    atomic_bool closing;
    atomic_uint inside;
} life;

/* ---- The process ---- */

static void
on_done(void *context, enum spine_status status)
{
    (void)context;
    (void)status;
}

/* Calls are cancelled once somebody closes. */
static void
whatever(enum spine_status status)
{
    (void)status;
}

/* Threads of the host leave when somebody closes, as closing demands. */
static bool
enter(void)
{
    atomic_fetch_add(&life.inside, 1);
    if (!atomic_load(&life.closing))
        return true;
    atomic_fetch_sub(&life.inside, 1);
    return false;
}

static void
leave(void)
{
    atomic_fetch_sub(&life.inside, 1);
}

static void *
be_inserter(void *context)
{
    struct spine *spine = context;

    for (uint64_t turn = 0; enter(); turn++) {
        uint64_t keys[500];
        const struct spine_columns columns = {.rows = 500, .keys = keys};
        struct spine_batch *batch;

        for (uint64_t i = 0; i < 500; i++)
            keys[i] = i * 1000 + turn;
        if (spine_batch_from_columns(&pool_schema, &columns, &batch, NULL) == SPINE_OK) {
            whatever(spine_insert(spine, batch, NULL));
            spine_batch_unref(batch);
        }
        leave();
    }
    return NULL;
}

static void *
be_waiter(void *context)
{
    struct spine *spine = context;

    while (enter()) {
        whatever(spine_wait_idle(spine, UINT64_MAX, NULL));
        whatever(spine_compact(spine, on_done, NULL, NULL));
        whatever(spine_consolidate(spine, NULL, NULL));
        leave();
    }
    return NULL;
}

static void *
be_merger(void *context)
{
    (void)context;
    while (enter()) {
        (void)spine_runtime_run(life.runtime, 1000);
        leave();
    }
    return NULL;
}

static void
thread_start(void *(*on_run)(void *context), void *context)
{
    pthread_t thread;

    require(pthread_create(&thread, NULL, on_run, context) == 0, "a thread");
    pthread_detach(thread);
}

static void
life_open(void)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.level0_rows = 2000,
                                          .backpressure_batches = 16};

    if (life.kind == HOST_KINDS) {
        require(spine_runtime_open(&manual, &life.runtime, NULL) == SPINE_OK,
                "a runtime");
    } else {
        host_open(&life.host, life.kind, 2);
        life.runtime = life.host.runtime;
    }
    for (int i = 0; i < 3; i++)
        require(spine_open(life.runtime, &pool_schema, &options, &life.spines[i], NULL) ==
                    SPINE_OK,
                "a spine");
    insert_rows(life.spines[2], 30);
    require(spine_cursor_open(life.spines[2], &life.cursor, NULL) == SPINE_OK, "cursor");
    require(spine_cursor_key_valid(life.cursor), "a row");
}

/* Inserts, waits and compactions, in threads that know nothing of the end. */
static void
life_begin(void)
{
    for (int i = 0; i < 2; i++) {
        thread_start(be_inserter, life.spines[i]);
        thread_start(be_waiter, life.spines[i]);
    }
    if (life.kind == HOST_KINDS)
        thread_start(be_merger, NULL);
    whatever(spine_compact(life.spines[2], on_done, NULL, NULL));
}

static void
life_close(void)
{
    atomic_store(&life.closing, true);
    spine_runtime_close(life.runtime);
    while (atomic_load(&life.inside) > 0)
        uv_sleep(1);
    spine_cursor_close(life.cursor);
    for (int i = 0; i < 3; i++)
        spine_close(life.spines[i]);
    require_no_memory();
}

static void
close_without_libuv(void)
{
    uv_library_shutdown();
    life_close();
}

static void *
exit_in_a_thread(void *context)
{
    (void)context;
    exit(0);
}

static void
live(void *context)
{
    life.way = ((const struct life *)context)->way;
    life.kind = ((const struct life *)context)->kind;
    life.moment_us = ((const struct life *)context)->moment_us;
    if (life.way == BY_EXIT_AND_A_LATE_CLOSE)
        atexit(life_close);
    if (life.way == BY_EXIT_AND_A_CLOSE_WITHOUT_LIBUV)
        atexit(close_without_libuv);
    life_open();
    if (life.way == BY_EXIT_AND_AN_EARLY_CLOSE)
        atexit(life_close);
    life_begin();
    usleep((useconds_t)life.moment_us);
    if (life.way == BY_EXIT_IN_A_THREAD) {
        thread_start(exit_in_a_thread, NULL);
        for (;;)
            pause();
    }
    if (life.way == BY_QUICK_EXIT)
        quick_exit(0);
    if (life.way == BY_THE_SHORT_WAY)
        _exit(0);
    exit(0);
}

/* ---- The tests ---- */

static void
end_so(const char *what, struct life *plan)
{
    const unsigned scaled = harness_cases(ENDINGS);
    const unsigned endings = scaled < ENDINGS_MAX ? scaled : ENDINGS_MAX;
    struct rng rng;

    rng_init(&rng, harness_seed());
    for (unsigned i = 0; i < endings; i += AT_ONCE) {
        pid_t children[AT_ONCE];

        for (unsigned j = 0; j < AT_ONCE; j++) {
            plan->moment_us = rng_below(&rng, rng_chance(&rng, 30) ? 20 : 10000);
            children[j] = child_start(live, plan);
        }
        for (unsigned j = 0; j < AT_ONCE; j++)
            child_expect(what, child_wait(children[j], SECONDS), 0);
    }
}

static void
end_each_way(enum host_kind kind)
{
    static const char *const ways[] = {
        "exit()",         "exit() in a thread",         "a late close",
        "an early close", "a late close without libuv", "quick_exit()",
        "_exit()",
    };

    for (int way = 0; way < WAY_COUNT; way++) {
        struct life plan = {.kind = kind, .way = (enum way)way};

        end_so(ways[way], &plan);
    }
}

static void
with_a_loop_of_its_own(void **state)
{
    (void)state;
    end_each_way(HOST_DEFAULT);
}

static void
with_the_hosts_loop(void **state)
{
    (void)state;
    end_each_way(HOST_LOOP);
}

static void
with_an_executor(void **state)
{
    (void)state;
    end_each_way(HOST_EXECUTOR);
}

static void
with_a_manual_runtime(void **state)
{
    (void)state;
    end_each_way(HOST_KINDS);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_loop_of_its_own),
        cmocka_unit_test(with_the_hosts_loop),
        cmocka_unit_test(with_an_executor),
        cmocka_unit_test(with_a_manual_runtime),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
