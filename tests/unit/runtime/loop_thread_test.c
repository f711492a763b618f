/* SPDX-License-Identifier: MIT */
#include "runtime/loop_thread.h"

#include "base/alloc.h"
#include "runtime/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>
#include <uv.h>

/* What is open in a loop: a handle that is closed, and the loop ended, on request. */
struct world {
    struct loop_thread *thread;
    uv_async_t stop;
    uv_thread_t runner;
    atomic_uint closed;
};

static void
never(void *context)
{
    (void)context;
    fail();
}

static void
on_closed(uv_handle_t *handle)
{
    struct world *world = handle->data;

    world->runner = uv_thread_self();
    loop_thread_end(world->thread);
    atomic_fetch_add(&world->closed, 1);
}

static void
on_stop(uv_async_t *stop)
{
    uv_close((uv_handle_t *)stop, on_closed);
}

/* The handle alone would not keep the loop. */
static void
open_world(struct world *world)
{
    assert_int_equal(process_init(NULL), SPINE_OK);
    assert_int_equal(loop_thread_open(never, NULL, &world->thread, NULL), SPINE_OK);
    assert_int_equal(
        uv_async_init(loop_thread_loop(world->thread), &world->stop, on_stop), 0);
    world->stop.data = world;
    uv_unref((uv_handle_t *)&world->stop);
}

/* Its loop goes on with nothing to do, ends when it is told to, and has ended after
 * loop_thread_join(). */
static void
a_loop_runs_until_it_is_ended(void **state)
{
    const size_t before = spine_allocated_bytes();
    struct world world = {0};
    const uv_thread_t self = uv_thread_self();

    (void)state;
    open_world(&world);
    assert_int_equal(loop_thread_start(world.thread, NULL), SPINE_OK);
    uv_sleep(5);
    assert_int_equal(world.closed, 0);
    loop_thread_leave(world.thread, false);
    assert_int_equal(uv_async_send(&world.stop), 0);
    loop_thread_join(world.thread);
    assert_int_equal(world.closed, 1);
    assert_false(uv_thread_equal(&world.runner, &self));
    assert_int_equal(spine_allocated_bytes(), before);
}

/* Nobody joins a loop that is left detached: it frees itself. */
static void
a_detached_loop_frees_itself(void **state)
{
    const size_t before = spine_allocated_bytes();
    struct world world = {0};

    (void)state;
    open_world(&world);
    assert_int_equal(loop_thread_start(world.thread, NULL), SPINE_OK);
    loop_thread_leave(world.thread, true);
    assert_true(spine_allocated_bytes() > before);
    assert_int_equal(uv_async_send(&world.stop), 0);
    /* The time limit of the test ends what never comes. */
    while (spine_allocated_bytes() > before)
        uv_sleep(1);
    assert_int_equal(world.closed, 1);
}

/* What is open in a loop whose thread could not be started ends in the calling thread. */
static void
a_loop_without_a_thread_lets_go_of_its_handles(void **state)
{
    const size_t before = spine_allocated_bytes();
    struct world world = {0};
    const uv_thread_t self = uv_thread_self();

    (void)state;
    open_world(&world);
    uv_close((uv_handle_t *)&world.stop, on_closed);
    loop_thread_join(world.thread);
    assert_int_equal(world.closed, 1);
    assert_true(uv_thread_equal(&world.runner, &self));
    assert_int_equal(spine_allocated_bytes(), before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_runs_until_it_is_ended),
        cmocka_unit_test(a_detached_loop_frees_itself),
        cmocka_unit_test(a_loop_without_a_thread_lets_go_of_its_handles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
