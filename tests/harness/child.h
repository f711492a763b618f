/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_CHILD_H
#define HARNESS_CHILD_H

/*
 * harness/child -- bodies of tests that run in a process of their own, since what is
 * tested is how the process ends, or that it does not hang.
 *
 * The parent has one thread: it must have opened no runtime of the default kind.
 */

#include <stdbool.h>
#include <sys/types.h>

/* How a child ended. */
struct child_end {
    bool hung; /* and was killed */
    int signal;
    int status;
};

/* Runs `on_run(context)` in a child and waits for at most `seconds`. The status is 0 when
 * the body returns. */
struct child_end
child_run(void (*on_run)(void *context), void *context, unsigned seconds);

/* The same in two steps, so that several children may run at the same time. */
pid_t child_start(void (*on_run)(void *context), void *context);
struct child_end child_wait(pid_t child, unsigned seconds);

/* Fails the test, saying `what`, unless the child ended with `status`. */
void child_expect(const char *what, struct child_end end, int status);

#endif
