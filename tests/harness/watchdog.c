/* SPDX-License-Identifier: MIT */
#include "harness/watchdog.h"
#include "harness/sanitized.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Sanitized tests may take longer, as for ctest. */
#define PATIENCE ALL_OR_SOME(1u, 3u)

static const char *volatile guarded;

static void
on_alarm(int number)
{
    static const char text[] = "watchdog: hangs: ";
    const char *what = guarded;

    (void)number;
    /* Nothing is left to do should the writes fail. */
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    written += write(STDERR_FILENO, what, strlen(what));
    written += write(STDERR_FILENO, "\n", 1);
    (void)written;
    abort();
}

void
watchdog_start(const char *what, unsigned seconds)
{
    struct sigaction action = {0};

    guarded = what;
    action.sa_handler = on_alarm;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    alarm(PATIENCE * seconds);
}

void
watchdog_stop(void)
{
    alarm(0);
}
