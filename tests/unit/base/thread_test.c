/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define THREADS 4
#define ROUNDS 5000

struct meeting {
    struct mutex mutex;
    struct condition condition;
    uint64_t total;
    unsigned arrived;
    bool open;
};

static int
meeting_setup(void **state)
{
    static struct meeting meeting;

    meeting = (struct meeting){0};
    assert_int_equal(mutex_init(&meeting.mutex), SPINE_OK);
    assert_int_equal(condition_init(&meeting.condition), SPINE_OK);
    *state = &meeting;
    return 0;
}

static int
meeting_teardown(void **state)
{
    struct meeting *meeting = *state;

    condition_release(&meeting->condition);
    mutex_release(&meeting->mutex);
    return 0;
}

static void
the_clock_never_goes_back(void **state)
{
    (void)state;
    uint64_t before_ns = clock_now_ns();

    for (int i = 0; i < 10000; i++) {
        const uint64_t now_ns = clock_now_ns();
        assert_true(now_ns >= before_ns);
        before_ns = now_ns;
    }
}

static void
a_wait_ends_at_its_deadline(void **state)
{
    struct meeting *meeting = *state;
    const uint64_t deadline_ns = clock_now_ns() + 30 * MS;

    mutex_lock(&meeting->mutex);
    while (condition_wait_until(&meeting->condition, &meeting->mutex, deadline_ns))
        continue;
    mutex_unlock(&meeting->mutex);
    assert_true(clock_now_ns() >= deadline_ns);
}

static void
a_deadline_that_passed_is_no_wait(void **state)
{
    struct meeting *meeting = *state;
    const uint64_t begin_ns = clock_now_ns();

    mutex_lock(&meeting->mutex);
    assert_false(condition_wait_until(&meeting->condition, &meeting->mutex, 0));
    assert_false(condition_wait_until(&meeting->condition, &meeting->mutex, begin_ns));
    mutex_unlock(&meeting->mutex);
}

static void
open_later(void *argument)
{
    struct meeting *meeting = argument;

    uv_sleep(20);
    mutex_lock(&meeting->mutex);
    meeting->open = true;
    condition_signal(&meeting->condition);
    mutex_unlock(&meeting->mutex);
}

/* Waits for another thread's signal with `deadline_ns`, which lies far ahead. */
static void
wait_for_signal(struct meeting *meeting, uint64_t deadline_ns)
{
    uv_thread_t thread;

    meeting->open = false;
    assert_int_equal(uv_thread_create(&thread, open_later, meeting), 0);
    mutex_lock(&meeting->mutex);
    while (!meeting->open)
        assert_true(
            condition_wait_until(&meeting->condition, &meeting->mutex, deadline_ns));
    mutex_unlock(&meeting->mutex);
    assert_int_equal(uv_thread_join(&thread), 0);
}

static void
a_signal_ends_a_wait_before_its_deadline(void **state)
{
    struct meeting *meeting = *state;

    wait_for_signal(meeting, clock_now_ns() + 60000 * MS);
    wait_for_signal(meeting, UINT64_MAX);
    /* Centuries ahead: must not wrap to the past. */
    wait_for_signal(meeting, UINT64_MAX - 1);
    wait_for_signal(meeting, UINT64_MAX / 2);
}

static void
count_and_meet(void *argument)
{
    struct meeting *meeting = argument;

    for (int round = 0; round < ROUNDS; round++) {
        mutex_lock(&meeting->mutex);
        meeting->total++;
        mutex_unlock(&meeting->mutex);
    }
    mutex_lock(&meeting->mutex);
    meeting->arrived++;
    if (meeting->arrived == THREADS)
        condition_broadcast(&meeting->condition);
    while (meeting->arrived < THREADS)
        condition_wait(&meeting->condition, &meeting->mutex);
    mutex_unlock(&meeting->mutex);
}

static void
mutexes_exclude_and_broadcasts_wake_all(void **state)
{
    struct meeting *meeting = *state;
    uv_thread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_create(&threads[i], count_and_meet, meeting), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(uv_thread_join(&threads[i]), 0);
    assert_int_equal(meeting->total, (uint64_t)THREADS * ROUNDS);
}

static void
compare_with_self(void *argument)
{
    struct thread *const threads = argument;

    threads[1] = thread_self();
    threads[2] = thread_self();
    assert_true(thread_is_self(&threads[1]) && thread_is_self(&threads[2]));
    assert_false(thread_is_self(&threads[0]));
}

static void
a_thread_knows_itself(void **state)
{
    struct thread threads[3];
    uv_thread_t thread;

    (void)state;
    threads[0] = thread_self();
    assert_true(thread_is_self(&threads[0]));
    assert_int_equal(uv_thread_create(&thread, compare_with_self, threads), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
    assert_false(thread_is_self(&threads[1]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(a_thread_knows_itself),
        cmocka_unit_test_setup_teardown(a_wait_ends_at_its_deadline, meeting_setup,
                                        meeting_teardown),
        cmocka_unit_test_setup_teardown(a_deadline_that_passed_is_no_wait, meeting_setup,
                                        meeting_teardown),
        cmocka_unit_test_setup_teardown(a_signal_ends_a_wait_before_its_deadline,
                                        meeting_setup, meeting_teardown),
        cmocka_unit_test_setup_teardown(mutexes_exclude_and_broadcasts_wake_all,
                                        meeting_setup, meeting_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
