/* SPDX-License-Identifier: MIT */

/*
 * Threads, locks and clocks as libuv has them. In Debug each thread knows which mutexes
 * it holds, so that functions that need one can assert it, and how many steps it has
 * taken under them (base/steps.h).
 */

#include "base/thread.h"

#include "base/assert.h"
#include "base/steps.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <uv.h>

/* libuv adds the present time to a timeout; what is longer than a century would wrap. */
#define TIMEOUT_NS_MAX (UINT64_C(1) << 62)

#ifdef NDEBUG
#define note_locked(mutex) ((void)0)
#define note_unlocked(mutex) ((void)0)
#else
/* The mutexes that this thread holds: as many as there are kinds of locks, at most. */
static _Thread_local const struct mutex *held[16];
static _Thread_local unsigned held_count;

static void
note_locked(const struct mutex *mutex)
{
    assert(held_count < sizeof held / sizeof *held);
    held[held_count++] = mutex;
}

static void
note_unlocked(const struct mutex *mutex)
{
    unsigned at = held_count;

    while (at > 0 && held[at - 1] != mutex)
        at--;
    assert(at > 0);
    for (held_count--; at <= held_count; at++)
        held[at - 1] = held[at];
}

bool
mutex_is_held(const struct mutex *mutex)
{
    unsigned at = held_count;

    while (at > 0 && held[at - 1] != mutex)
        at--;
    return at > 0;
}
#endif

enum spine_status
mutex_init(struct mutex *mutex)
{
#if defined(NDEBUG) || defined(_WIN32)
    const int failure = uv_mutex_init(&mutex->handle);
#else
    /* A libuv that was built without asserts makes plain mutexes, which forgive an unlock
       by a stranger and hang on a second lock. With these, libuv aborts. */
    pthread_mutexattr_t attributes;
    int failure = pthread_mutexattr_init(&attributes);
    if (failure != 0)
        return SPINE_NOMEM;
    failure = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    if (failure == 0)
        failure = pthread_mutex_init(&mutex->handle, &attributes);
    (void)pthread_mutexattr_destroy(&attributes); /* cannot fail once initialised */
#endif
    return failure == 0 ? SPINE_OK : SPINE_NOMEM;
}

void
mutex_release(struct mutex *mutex)
{
    uv_mutex_destroy(&mutex->handle);
}

void
mutex_lock(struct mutex *mutex)
{
    uv_mutex_lock(&mutex->handle);
    note_locked(mutex);
    steps_section_begin();
}

void
mutex_unlock(struct mutex *mutex)
{
    steps_section_end();
    note_unlocked(mutex);
    uv_mutex_unlock(&mutex->handle);
}

enum spine_status
condition_init(struct condition *condition)
{
    return uv_cond_init(&condition->handle) == 0 ? SPINE_OK : SPINE_NOMEM;
}

void
condition_release(struct condition *condition)
{
    uv_cond_destroy(&condition->handle);
}

void
condition_wait(struct condition *condition, struct mutex *mutex)
{
    steps_section_end();
    uv_cond_wait(&condition->handle, &mutex->handle);
    steps_section_begin();
}

bool
condition_wait_until(struct condition *condition, struct mutex *mutex,
                     uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX) {
        condition_wait(condition, mutex);
        return true;
    }

    const uint64_t now_ns = clock_now_ns();
    if (deadline_ns <= now_ns)
        return false;
    const uint64_t left_ns = deadline_ns - now_ns;
    const uint64_t timeout_ns = left_ns < TIMEOUT_NS_MAX ? left_ns : TIMEOUT_NS_MAX;
    steps_section_end();
    const int outcome = uv_cond_timedwait(&condition->handle, &mutex->handle, timeout_ns);
    steps_section_begin();
    assert(outcome == 0 || outcome == UV_ETIMEDOUT);
    return outcome == 0;
}

void
condition_signal(struct condition *condition)
{
    uv_cond_signal(&condition->handle);
}

void
condition_broadcast(struct condition *condition)
{
    uv_cond_broadcast(&condition->handle);
}

/* A new thread blocks what its creator blocks: here all signals. */
int
thread_start(struct thread *out, void (*on_run)(void *argument), void *argument)
{
    sigset_t all, before;
    int uv_status;

    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* fails only for other verbs */
    uv_status = uv_thread_create(&out->handle, on_run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return uv_status;
}

void
thread_join(struct thread *thread)
{
    (void)uv_thread_join(&thread->handle); /* fails only for strangers */
}

struct thread
thread_self(void)
{
    return (struct thread){uv_thread_self()};
}

bool
thread_is_self(const struct thread *thread)
{
    const uv_thread_t self = uv_thread_self();

    return uv_thread_equal(&self, &thread->handle) != 0;
}

uint64_t
thread_number(void)
{
    static atomic_uint_least64_t last;
    static _Thread_local uint64_t number;

    if (number == 0)
        number = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return number;
}

uint64_t
clock_now_ns(void)
{
    return uv_hrtime();
}

uint64_t
clock_cpu_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}
