/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

/*
 * runtime/process -- what runtimes must know of the process: that exit() has begun, and
 * that it was forked.
 *
 * exit() ends with libuv's destructor, which takes libuv's pool away. A thread that gives
 * work to the pool after that aborts. So a thread holds the pool while it gives work to
 * it, and a handler of exit(), which runs before any destructor, sees to it that nobody
 * does any more:
 *
 *     POOL_OPEN     work may be given to it, and taken back
 *     POOL_ENDING   exit() has begun: work may be taken back only; the handler waits
 *                   until each private loop has done so and is *still*
 *     POOL_GONE     neither: the destructor may be at work
 *
 * Nothing is closed by that. Threads that run go on, slices that run come to their end,
 * and what handlers of the host close later can be closed without the pool.
 *
 * A child of fork() has none of its parent's threads. What a parent opened is *lost* in
 * the child when others could have been at work in it: closing it then does nothing. The
 * threads of libuv's pool are missing, too; its destructor would look for them, so the
 * handler of exit() has libuv start a new pool in a child first.
 */

#include "spine/types.h"

#include <stdbool.h>

enum pool_state { POOL_OPEN, POOL_ENDING, POOL_GONE };

/* A loop on a thread of its own. Zero at first. */
struct private_loop {
    struct private_loop *next;
    struct private_loop *previous;
    bool still;
    /* Asks it to see what became of the pool. Any thread, the pool held. */
    void (*on_exit)(struct private_loop *loop);
};

/* Installs the handlers of exit() and fork(), once per process. SPINE_NOMEM. */
enum spine_status process_init(struct spine_error *error);

/* How many times this process is a child of the first one that had the handlers. */
unsigned process_generation(void);

/* Holds the pool as it is until pool_release(). No lock but the spine's and the runtime's
 * may be held. */
enum pool_state pool_hold(void);
void pool_release(void);
/* As it was a moment ago. */
enum pool_state pool_state(void);
/* Says that work is given to the pool, which is held. */
void pool_used(void);

/* From its first to its last use of the pool. */
void private_loop_begin(struct private_loop *loop);
void private_loop_end(struct private_loop *loop);
/* It has taken its work back, and the pool is held. */
void private_loop_is_still(struct private_loop *loop);

#endif
