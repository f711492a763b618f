/* SPDX-License-Identifier: MIT */
#include "runtime/loop_driver.h"

#include "base/alloc.h"
#include "runtime/loop_thread.h"
#include "runtime/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>
#include <uv.h>

#define MS UINT64_C(1000000)
#define PUMPS 3u

/* Who has pumps run, and counts. */
struct owner {
    /* Of a loop with a thread of its own; otherwise NULL. */
    struct loop_thread *thread;
    atomic_uint runs;
    atomic_uint given_up;
    atomic_uint alarms;
    atomic_uint ends;
    /* Runs that are to be submitted again. */
    atomic_uint again;
    /* Runs stay in the pool until they may go. */
    atomic_bool holds;
};

static bool
on_run(void *context)
{
    struct owner *owner = context;
    unsigned again = atomic_load(&owner->again);

    atomic_fetch_add(&owner->runs, 1);
    while (atomic_load(&owner->holds))
        uv_sleep(1);
    while (again > 0)
        if (atomic_compare_exchange_weak(&owner->again, &again, again - 1))
            return true;
    return false;
}

static void
on_give_up(void *context)
{
    struct owner *owner = context;

    atomic_fetch_add(&owner->given_up, 1);
}

static void
on_alarm(void *context)
{
    struct owner *owner = context;

    atomic_fetch_add(&owner->alarms, 1);
}

static void
on_end(void *context)
{
    struct owner *owner = context;

    atomic_fetch_add(&owner->ends, 1);
    if (owner->thread != NULL)
        loop_thread_end(owner->thread);
}

static const struct loop_calls calls = {on_run, on_give_up, on_alarm, on_end};

static struct loop_driver *
open_driver(struct owner *owner, uv_loop_t *loop)
{
    struct loop_driver *driver;

    assert_int_equal(process_init(NULL), SPINE_OK);
    assert_int_equal(loop_driver_open(&calls, owner, PUMPS, loop, &driver, NULL),
                     SPINE_OK);
    return driver;
}

static void
never(void *context)
{
    (void)context;
    fail();
}

/* A driver in a loop with a thread of its own. */
static struct loop_driver *
start_driver(struct owner *owner)
{
    struct loop_driver *driver;

    assert_int_equal(loop_thread_open(never, NULL, &owner->thread, NULL), SPINE_OK);
    driver = open_driver(owner, loop_thread_loop(owner->thread));
    assert_int_equal(loop_thread_start(owner->thread, NULL), SPINE_OK);
    return driver;
}

/* Returns when that loop has ended. */
static void
end_driver(struct owner *owner, struct loop_driver *driver)
{
    loop_thread_leave(owner->thread, false);
    loop_driver_close(driver, false);
    loop_thread_join(owner->thread);
}

/* Returns when so many are counted; the time limit of the test ends one that never is. */
static void
wait_for(const atomic_uint *count, unsigned least)
{
    while (atomic_load(count) < least)
        uv_sleep(1);
}

/* Each pump that is submitted runs once, more than run at a time, too, and again if it
 * says so. */
static void
each_pump_runs_once(void **state)
{
    struct owner owner = {.again = 5};
    struct loop_driver *driver = start_driver(&owner);

    (void)state;
    loop_driver_submit(driver, 2 * PUMPS);
    wait_for(&owner.runs, 2 * PUMPS + 5);
    end_driver(&owner, driver);
    assert_int_equal(owner.runs, 2 * PUMPS + 5);
    assert_int_equal(owner.given_up, 0);
    assert_int_equal(owner.ends, 1);
}

/* What was submitted and not begun when the driver closes is given up: each submitted
 * pump is either run or given up. */
static void
closing_gives_up_what_has_not_begun(void **state)
{
    struct owner owner = {.holds = true};
    struct loop_driver *driver = start_driver(&owner);

    (void)state;
    loop_driver_submit(driver, 10);
    wait_for(&owner.runs, 1);
    atomic_store(&owner.holds, false);
    end_driver(&owner, driver);
    assert_int_equal(owner.runs + owner.given_up, 10);
    assert_int_equal(owner.ends, 1);
}

/* The earliest of the times that were set counts, and an alarm that rang is over. */
static void
the_earliest_alarm_rings(void **state)
{
    struct owner owner = {0};
    struct loop_driver *driver = start_driver(&owner);
    const uint64_t begin_ns = clock_now_ns();

    (void)state;
    loop_driver_set_alarm(driver, begin_ns + 3600 * 1000 * MS);
    loop_driver_set_alarm(driver, begin_ns + 20 * MS);
    loop_driver_set_alarm(driver, begin_ns + 3600 * 1000 * MS);
    wait_for(&owner.alarms, 1);
    assert_true(clock_now_ns() >= begin_ns + 20 * MS);
    uv_sleep(5);
    assert_int_equal(owner.alarms, 1);
    /* A time that is over rings at once. */
    loop_driver_set_alarm(driver, begin_ns);
    wait_for(&owner.alarms, 2);
    loop_driver_set_alarm(driver, begin_ns + 3600 * 1000 * MS);
    end_driver(&owner, driver);
    assert_int_equal(owner.alarms, 2);
    assert_int_equal(owner.ends, 1);
}

static void
tick(uv_timer_t *timer)
{
    const struct owner *owner = timer->data;

    if (atomic_load(&owner->runs) > 0)
        uv_close((uv_handle_t *)timer, NULL);
}

/* A host's loop is not kept alive by a driver with nothing to do, and lets go of it when
 * it runs next after closing. */
static void
a_host_loop_is_let_go_of(void **state)
{
    struct owner owner = {0};
    struct loop_driver *driver;
    uv_timer_t timer;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    driver = open_driver(&owner, &loop);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    /* Something of the host's keeps it alive while there is work. */
    assert_int_equal(uv_timer_init(&loop, &timer), 0);
    timer.data = &owner;
    assert_int_equal(uv_timer_start(&timer, tick, 1, 1), 0);
    loop_driver_submit(driver, 1);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(owner.runs, 1);
    loop_driver_close(driver, true);
    assert_int_equal(owner.ends, 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(owner.ends, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* Pumps that the loop did not come to before the driver closed are given up. */
static void
a_closed_host_loop_gives_up(void **state)
{
    struct owner owner = {0};
    struct loop_driver *driver;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    driver = open_driver(&owner, &loop);
    loop_driver_submit(driver, 2);
    loop_driver_close(driver, true);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(owner.runs, 0);
    assert_int_equal(owner.given_up, 2);
    assert_int_equal(owner.ends, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* The loop has a thread of its own, which could not be started. */
static void
a_loop_that_never_ran_lets_go(void **state)
{
    const size_t before = spine_allocated_bytes();
    struct owner owner = {0};
    struct loop_driver *driver;

    (void)state;
    assert_int_equal(loop_thread_open(never, NULL, &owner.thread, NULL), SPINE_OK);
    driver = open_driver(&owner, loop_thread_loop(owner.thread));
    loop_driver_submit(driver, 2);
    loop_driver_close(driver, true);
    loop_thread_join(owner.thread);
    assert_int_equal(owner.runs, 0);
    assert_int_equal(owner.given_up, 2);
    assert_int_equal(owner.ends, 1);
    assert_int_equal(spine_allocated_bytes(), before);
}

static void
slices_leave_a_core(void **state)
{
    (void)state;
    assert_true(loop_driver_slices() >= 1);
    assert_int_equal(setenv("UV_THREADPOOL_SIZE", "1", 1), 0);
    assert_int_equal(loop_driver_slices(), 1);
    assert_int_equal(setenv("UV_THREADPOOL_SIZE", "no number", 1), 0);
    assert_true(loop_driver_slices() >= 1);
    assert_int_equal(unsetenv("UV_THREADPOOL_SIZE"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pump_runs_once),
        cmocka_unit_test(closing_gives_up_what_has_not_begun),
        cmocka_unit_test(the_earliest_alarm_rings),
        cmocka_unit_test(a_host_loop_is_let_go_of),
        cmocka_unit_test(a_closed_host_loop_gives_up),
        cmocka_unit_test(a_loop_that_never_ran_lets_go),
        cmocka_unit_test(slices_leave_a_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
