/* SPDX-License-Identifier: MIT */
#include "harness/child.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cmocka.h>

static const struct timespec moment = {.tv_nsec = 1000000};

struct child_end
child_run(void (*on_run)(void *context), void *context, unsigned seconds)
{
    return child_wait(child_start(on_run, context), seconds);
}

pid_t
child_start(void (*on_run)(void *context), void *context)
{
    fflush(NULL);
    const pid_t child = fork();

    if (child != 0) {
        assert_true(child > 0);
        return child;
    }
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    /* cmocka reports a signal as the failure of a test, in the child, too. */
    signal(SIGABRT, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGFPE, SIG_DFL);
    signal(SIGILL, SIG_DFL);
    on_run(context);
    fflush(NULL);
    _exit(0);
}

struct child_end
child_wait(pid_t child, unsigned seconds)
{
    struct child_end end = {0};
    struct timespec now;
    time_t last;
    int status;
    pid_t ended;

    clock_gettime(CLOCK_MONOTONIC, &now);
    last = now.tv_sec + (time_t)seconds;
    for (;;) {
        ended = waitpid(child, &status, WNOHANG);
        if (ended == child || (ended < 0 && errno != EINTR))
            break;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > last && !end.hung) {
            end.hung = true;
            kill(child, SIGKILL);
        }
        nanosleep(&moment, NULL);
    }
    assert_int_equal(ended, child);
    if (WIFSIGNALED(status))
        end.signal = WTERMSIG(status);
    else
        end.status = WEXITSTATUS(status);
    return end;
}

void
child_expect(const char *what, struct child_end end, int status)
{
    if (end.hung)
        fail_msg("%s: hangs", what);
    if (end.signal != 0)
        fail_msg("%s: ends with %s", what, strsignal(end.signal));
    if (end.status != status)
        fail_msg("%s: ends with %d instead of %d", what, end.status, status);
}
