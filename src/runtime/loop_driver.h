/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_LOOP_DRIVER_H
#define RUNTIME_LOOP_DRIVER_H

/*
 * runtime/loop_driver -- an executor on a libuv loop and libuv's pool, with an alarm.
 *
 * It knows pumps as calls that its owner wants made, and nothing of the owner.
 */

#include "base/thread.h"
#include "spine/runtime.h"

struct loop_driver;

/* What the driver calls, without locks. */
struct loop_calls {
    /*
     * One run of a pump that was submitted. True when it wants to be submitted again;
     * otherwise it has ended. A thread of libuv's pool.
     */
    bool (*on_run)(void *context);
    /* Ends a pump that was submitted and will not be run. Loop or pool thread. */
    void (*on_give_up)(void *context);
    /* The time that the alarm was set for has come. Loop thread. */
    void (*on_alarm)(void *context);
    /* The driver is gone: the last call. */
    void (*on_end)(void *context);
};

/*
 * Opens the libuv side in `loop`, for at most `pump_count` pumps at a time. It keeps the
 * loop alive only while a pump is queued or the alarm is set. `calls` is borrowed. Loop
 * thread, or any before the loop runs. SPINE_NOMEM, SPINE_IO; then no call is made.
 */
enum spine_status loop_driver_open(const struct loop_calls *calls, void *context,
                                   unsigned pump_count, struct uv_loop_s *loop,
                                   struct loop_driver **out, struct spine_error *error);

/* Has `count` pumps submitted from the loop thread. Any thread. */
void loop_driver_submit(struct loop_driver *driver, unsigned count);

/* Has on_alarm() called in the loop thread at `due_ns` of clock_now_ns(), or at the time
 * set before if that is earlier. Any thread. */
void loop_driver_set_alarm(struct loop_driver *driver, uint64_t due_ns);

/* The number of slices that suits this machine and libuv's pool, and the number of reads
 * that its pool has room for beside `slices_max` slices. */
unsigned loop_driver_slices(void);
unsigned loop_driver_reads(unsigned slices_max);

/* Gives up and takes back what the pool has not begun, if exit() has begun. Loop
 * thread. */
void loop_driver_advance(struct loop_driver *driver);

/*
 * Closes the libuv side, after the owner has marked itself closed. The loop lets go of
 * its handles when it runs next, and calls on_end(). Any thread; `in_loop`: the loop's,
 * or the loop does not run. Takes `driver`.
 */
void loop_driver_close(struct loop_driver *driver, bool in_loop);

#endif
