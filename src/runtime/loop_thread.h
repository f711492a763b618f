/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_LOOP_THREAD_H
#define RUNTIME_LOOP_THREAD_H

/*
 * runtime/loop_thread -- a libuv loop on a thread of the library's. It knows nothing of
 * what its loop is for.
 *
 *     loop_thread_open()      handles may be opened in its loop now
 *     loop_thread_start()     the loop runs
 *     loop_thread_leave()     before its handles are closed
 *     loop_thread_end()       when the last of them is closed: by a callback of the loop
 *     loop_thread_join()      unless it was left `detached`
 */

#include "spine/types.h"

#include <stdbool.h>

struct loop_thread;
struct uv_loop_s;

/*
 * Makes a loop, whose thread is yet to be started. `on_exit` will be called in that
 * thread when exit() has begun, and takes back what was given to libuv's pool
 * (runtime/process.h). SPINE_NOMEM, SPINE_IO.
 */
enum spine_status loop_thread_open(void (*on_exit)(void *context), void *context,
                                   struct loop_thread **out, struct spine_error *error);
struct uv_loop_s *loop_thread_loop(struct loop_thread *thread);
/* SPINE_IO: there is no thread. What is open in the loop ends in loop_thread_join(). */
enum spine_status
loop_thread_start(struct loop_thread *thread, struct spine_error *error);
/* exit() does not wait for the loop any more, as it is about to end. `detached`: it frees
 * itself then, and is not joined, since it may wait for what the calling thread does. */
void loop_thread_leave(struct loop_thread *thread, bool detached);
/* The loop ends when nothing else is open in it. In the thread that runs it, or before
 * that was started. */
void loop_thread_end(struct loop_thread *thread);
/* Waits until the loop has ended, and frees it. */
void loop_thread_join(struct loop_thread *thread);

#endif
