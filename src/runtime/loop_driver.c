/* SPDX-License-Identifier: MIT */

/*
 * The libuv side of a runtime: pumps are uv_queue_work() items, which only the loop's
 * thread may queue, so other threads ask it with uv_async_send(). They do the same to be
 * called at some time, as only the loop's thread may set its timer.
 *
 * libuv's pool is one per process, shared with the host's file and DNS calls, and runs
 * items in order of arrival: that is why the number of pumps is capped, and why each
 * makes room after some milliseconds.
 *
 * What the host has given to the pool may take for ever, and may wait for the very thread
 * that closes the runtime. So closing takes back what the pool has not begun, and waits
 * for pumps that run only.
 */

#include "runtime/loop_driver.h"

#include "base/alloc.h"
#include "base/container.h"
#include "base/error.h"
#include "runtime/process.h"

#ifndef SPINE_SIMULATED_THREADS

#include <stdio.h>
#include <uv.h>

#define POOL_THREADS_DEFAULT 4u
#define NS_PER_MS UINT64_C(1000000)

/* One uv_queue_work() item; belongs to the loop thread but while it is queued. */
struct pump {
    uv_work_t work;
    struct loop_driver *driver;
    bool queued;
    /* Written by the worker, read by the loop thread afterwards. */
    bool again;
};

struct loop_driver {
    const struct loop_calls *calls;
    void *context;
    uv_loop_t *loop;
    uv_async_t wake;
    uv_timer_t alarm;

    struct mutex mutex;
    struct {
        /* Pumps asked for and not queued yet. */
        unsigned wanted;
        /* When to call on_alarm(); UINT64_MAX: never. */
        uint64_t alarm_ns;
        bool closing;
    } locked;

    /* The loop thread's. */
    unsigned queued_count;
    /* Handles that are not closed. */
    unsigned handles_open;
    unsigned pump_count;
    struct pump pumps[];
};

static unsigned pool_threads(void);
static size_t driver_bytes(unsigned pump_count);
static enum spine_status
handles_open(struct loop_driver *driver, struct spine_error *error);
static void handles_close(struct loop_driver *driver);
static void on_wake(uv_async_t *wake);
static void alarm_set(struct loop_driver *driver, uint64_t due_ns);
static void on_alarm(uv_timer_t *timer);
static void pumps_queue(struct loop_driver *driver, unsigned count);
static void pumps_cancel(struct loop_driver *driver);
static void on_work(uv_work_t *work);
static void on_work_done(uv_work_t *work, int uv_status);
static void on_handle_closed(uv_handle_t *handle);
static void driver_free_if_unused(struct loop_driver *driver);

unsigned
loop_driver_slices(void)
{
    const unsigned cores = uv_available_parallelism();
    const unsigned threads = pool_threads();
    const unsigned least = cores < threads ? cores : threads;

    return least > 1 ? least - 1 : 1;
}

/* One thread is the host's. */
unsigned
loop_driver_reads(unsigned slices_max)
{
    const unsigned threads = pool_threads();

    return threads > slices_max + 1 ? threads - slices_max - 1 : 1;
}

static unsigned
pool_threads(void)
{
    unsigned threads = POOL_THREADS_DEFAULT;
    char text[16];
    size_t size = sizeof text;

    if (uv_os_getenv("UV_THREADPOOL_SIZE", text, &size) == 0 &&
        sscanf(text, "%u", &threads) != 1)
        threads = POOL_THREADS_DEFAULT;
    return threads;
}

enum spine_status
loop_driver_open(const struct loop_calls *calls, void *context, unsigned pump_count,
                 struct uv_loop_s *loop, struct loop_driver **out,
                 struct spine_error *error)
{
    struct loop_driver *driver = mem_zalloc(driver_bytes(pump_count));
    enum spine_status st;

    if (driver == NULL)
        return fail_nomem(error, "the loop of a runtime", driver_bytes(pump_count));
    driver->calls = calls;
    driver->context = context;
    driver->locked.alarm_ns = UINT64_MAX;
    driver->pump_count = pump_count;
    for (unsigned i = 0; i < pump_count; i++)
        driver->pumps[i].driver = driver;
    st = mutex_init(&driver->mutex);
    if (st != SPINE_OK) {
        mem_free(driver, driver_bytes(pump_count));
        return spine_fail(error, st, "no memory for a mutex of the runtime");
    }

    driver->loop = loop;
    st = handles_open(driver, error);
    if (st != SPINE_OK) {
        mutex_release(&driver->mutex);
        mem_free(driver, driver_bytes(pump_count));
        return st;
    }
    *out = driver;
    return SPINE_OK;
}

static size_t
driver_bytes(unsigned pump_count)
{
    return sizeof(struct loop_driver) + pump_count * sizeof(struct pump);
}

static enum spine_status
handles_open(struct loop_driver *driver, struct spine_error *error)
{
    const int uv_status = uv_async_init(driver->loop, &driver->wake, on_wake);

    if (uv_status != 0)
        return spine_fail(error, SPINE_IO, "uv_async_init: %s", uv_strerror(uv_status));
    (void)uv_timer_init(driver->loop, &driver->alarm); /* cannot fail */
    driver->wake.data = driver;
    driver->alarm.data = driver;
    driver->handles_open = 2;
    /* A runtime with nothing to do does not keep the host's loop alive; neither does a
     * timer that is not set. */
    uv_unref((uv_handle_t *)&driver->wake);
    return SPINE_OK;
}

static void
handles_close(struct loop_driver *driver)
{
    uv_close((uv_handle_t *)&driver->wake, on_handle_closed);
    uv_close((uv_handle_t *)&driver->alarm, on_handle_closed);
}

void
loop_driver_submit(struct loop_driver *driver, unsigned count)
{
    mutex_lock(&driver->mutex);
    driver->locked.wanted += count;
    /* Under the lock, so that the handle cannot be closed between. */
    if (!driver->locked.closing)
        (void)uv_async_send(&driver->wake); /* fails only for handles of another type */
    mutex_unlock(&driver->mutex);
}

void
loop_driver_set_alarm(struct loop_driver *driver, uint64_t due_ns)
{
    mutex_lock(&driver->mutex);
    if (due_ns < driver->locked.alarm_ns)
        driver->locked.alarm_ns = due_ns;
    if (!driver->locked.closing)
        (void)uv_async_send(&driver->wake); /* see loop_driver_submit() */
    mutex_unlock(&driver->mutex);
}

void
loop_driver_close(struct loop_driver *driver, bool in_loop)
{
    mutex_lock(&driver->mutex);
    driver->locked.closing = true;
    if (!in_loop)
        (void)uv_async_send(&driver->wake); /* see loop_driver_submit() */
    mutex_unlock(&driver->mutex);
    if (in_loop)
        loop_driver_advance(driver);
}

static void
on_wake(uv_async_t *wake)
{
    loop_driver_advance(wake->data);
}

/*
 * Queues the pumps that are wanted and sets the timer. Once closing, or when exit() has
 * begun, gives the pumps up instead and takes back those that were queued; once closing,
 * closes the handles, too.
 */
void
loop_driver_advance(struct loop_driver *driver)
{
    unsigned starts = 0;
    unsigned give_ups = 0;
    const enum pool_state pool = pool_hold();
    uint64_t alarm_ns;
    bool closing;

    mutex_lock(&driver->mutex);
    closing = driver->locked.closing;
    alarm_ns = driver->locked.alarm_ns;
    if (closing || pool != POOL_OPEN) {
        give_ups = driver->locked.wanted;
        driver->locked.wanted = 0;
    } else {
        const unsigned room = driver->pump_count - driver->queued_count;

        starts = driver->locked.wanted < room ? driver->locked.wanted : room;
        driver->locked.wanted -= starts;
    }
    mutex_unlock(&driver->mutex);

    pumps_queue(driver, starts);
    if (pool == POOL_ENDING || (pool == POOL_OPEN && closing))
        pumps_cancel(driver);
    pool_release();

    for (unsigned i = 0; i < give_ups; i++)
        driver->calls->on_give_up(driver->context);
    if (closing && !uv_is_closing((uv_handle_t *)&driver->wake))
        handles_close(driver);
    if (!closing && pool == POOL_OPEN && alarm_ns != UINT64_MAX)
        alarm_set(driver, alarm_ns);
}

static void
alarm_set(struct loop_driver *driver, uint64_t due_ns)
{
    const uint64_t now_ns = clock_now_ns();
    uint64_t left_ms = 0;

    /* Rounded up, since too early would be in vain, and one more, since the time that
     * libuv counts from is a whole number of milliseconds, rounded down. */
    if (due_ns > now_ns)
        left_ms = (due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS + 1;
    uv_update_time(driver->loop);
    (void)uv_timer_start(&driver->alarm, on_alarm, left_ms,
                         0); /* fails only without a callback */
}

static void
on_alarm(uv_timer_t *timer)
{
    struct loop_driver *driver = timer->data;

    mutex_lock(&driver->mutex);
    driver->locked.alarm_ns = UINT64_MAX;
    mutex_unlock(&driver->mutex);
    driver->calls->on_alarm(driver->context);
}

/* The pool is held. */
static void
pumps_queue(struct loop_driver *driver, unsigned count)
{
    if (count > 0)
        pool_used();
    for (unsigned i = 0; i < driver->pump_count && count > 0; i++) {
        struct pump *pump = &driver->pumps[i];

        if (pump->queued)
            continue;
        pump->queued = true;
        driver->queued_count++;
        count--;
        (void)uv_queue_work(driver->loop, &pump->work, on_work,
                            on_work_done); /* fails only without a callback */
    }
}

/* Cancels pumps: those that the pool has not begun end soon, with UV_ECANCELED. The pool
 * is held. */
static void
pumps_cancel(struct loop_driver *driver)
{
    for (unsigned i = 0; i < driver->pump_count; i++)
        if (driver->pumps[i].queued)
            (void)uv_cancel((uv_req_t *)&driver->pumps[i].work); /* or it ends itself */
}

static void
on_work(uv_work_t *work)
{
    struct pump *pump = container_of(work, struct pump, work);
    const struct loop_driver *driver = pump->driver;

    pump->again = false;
    if (pool_state() == POOL_OPEN)
        pump->again = driver->calls->on_run(driver->context);
    else
        driver->calls->on_give_up(driver->context);
}

static void
on_work_done(uv_work_t *work, int uv_status)
{
    struct pump *pump = container_of(work, struct pump, work);
    struct loop_driver *driver = pump->driver;

    pump->queued = false;
    driver->queued_count--;
    if (uv_status != 0) /* it never ran */
        driver->calls->on_give_up(driver->context);
    else if (pump->again) {
        mutex_lock(&driver->mutex);
        driver->locked.wanted++;
        mutex_unlock(&driver->mutex);
    }
    loop_driver_advance(driver);
    if (driver->handles_open == 0)
        driver_free_if_unused(driver);
}

static void
on_handle_closed(uv_handle_t *handle)
{
    struct loop_driver *driver = handle->data;

    driver->handles_open--;
    driver_free_if_unused(driver);
}

static void
driver_free_if_unused(struct loop_driver *driver)
{
    if (driver->queued_count > 0 || driver->handles_open > 0)
        return;
    driver->calls->on_end(driver->context);
    mutex_release(&driver->mutex);
    mem_free(driver, driver_bytes(driver->pump_count));
}

#else

unsigned
loop_driver_slices(void)
{
    return 2;
}

unsigned
loop_driver_reads(unsigned slices_max)
{
    (void)slices_max;
    return 1;
}

enum spine_status
loop_driver_open(const struct loop_calls *calls, void *context, unsigned pump_count,
                 struct uv_loop_s *loop, struct loop_driver **out,
                 struct spine_error *error)
{
    (void)calls;
    (void)context;
    (void)pump_count;
    (void)loop;
    (void)out;
    return spine_fail(error, SPINE_INVALID,
                      "runtime options: no loop under simulated threads");
}

void
loop_driver_submit(struct loop_driver *driver, unsigned count)
{
    (void)driver;
    (void)count;
}

void
loop_driver_set_alarm(struct loop_driver *driver, uint64_t due_ns)
{
    (void)driver;
    (void)due_ns;
}

void
loop_driver_advance(struct loop_driver *driver)
{
    (void)driver;
}

void
loop_driver_close(struct loop_driver *driver, bool in_loop)
{
    (void)driver;
    (void)in_loop;
}

#endif
