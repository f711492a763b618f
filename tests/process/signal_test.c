/* SPDX-License-Identifier: MIT */

/*
 * The threads that the library starts block all signals, so that those of the host get
 * them.
 */

#include "harness/child.h"
#include "harness/sanitized.h"
#include "process/pool_fixture.h"

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define SECONDS 60u
#define SIGNALS 200
/* Threads of libuv's pool, as its variable says; the library has one more. */
#define POOL_THREADS 2u
#define POOL_THREADS_TEXT "2"
/* Milliseconds until these threads are there, at most. */
#define START_MS_MAX 20000

/* Bit n - 1 is signal n. Those that cannot be blocked, and what the C library keeps for
 * itself, do not count. */
#define SIGNAL_BIT(number) (UINT64_C(1) << ((number)-1))

static uint64_t
signals_that_count(void)
{
    uint64_t signals = 0;

    for (int number = 1; number <= 64; number++)
        if (number != SIGKILL && number != SIGSTOP && number != 32 && number != 33)
            signals |= SIGNAL_BIT(number);
    return signals;
}

/* The calling one when NULL. */
static uint64_t
blocked_by(const char *thread)
{
    char path[64], line[128];
    uint64_t blocked = 0;
    bool found = false;

    snprintf(path, sizeof path, "/proc/thread-self/status");
    if (thread != NULL)
        snprintf(path, sizeof path, "/proc/self/task/%.20s/status", thread);
    FILE *file = fopen(path, "r");
    require(file != NULL, "the status of a thread");
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = sscanf(line, "SigBlk: %" SCNx64, &blocked) == 1;
    fclose(file);
    require(found, "the blocked signals of a thread");
    return blocked;
}

/* How many threads there are beside main's; each has to block all signals. */
static unsigned
require_others_block(void)
{
    const long self = syscall(SYS_gettid);
    DIR *threads = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned others = 0;

    require(threads != NULL, "the list of threads");
    while ((entry = readdir(threads)) != NULL) {
        if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == self)
            continue;
        require((blocked_by(entry->d_name) & signals_that_count()) ==
                    signals_that_count(),
                "a thread does not block all signals");
        others++;
    }
    closedir(threads);
    return others;
}

/* Returns when all threads of the library and of the pool are there. libuv starts the
 * pool for the first pump, which a busy machine may run long after the merges that the
 * pump was meant for: a waiting caller merges, too. */
static void
await_others(void)
{
    for (int i = 0; require_others_block() < POOL_THREADS + 1; i++) {
        require(i < START_MS_MAX, "threads of the library are missing");
        uv_sleep(1);
    }
}

static long main_thread;
static atomic_int signals_here, signals_elsewhere;

static void
on_signal(int number)
{
    (void)number;
    atomic_fetch_add(
        syscall(SYS_gettid) == main_thread ? &signals_here : &signals_elsewhere, 1);
}

static void
live_with_signals(void *context)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct spine_runtime *runtime;
    struct spine *spine;

    (void)context;
    setenv("UV_THREADPOOL_SIZE", POOL_THREADS_TEXT, 1);
    runtime = runtime_on(NULL);
    require(blocked_by(NULL) == 0, "the caller blocks signals now");
    main_thread = syscall(SYS_gettid);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    spine = spine_with_a_merge(runtime);
    require(spine_wait_idle(spine, UINT64_MAX, NULL) == SPINE_OK, "a wait");
    await_others();

    for (int i = 0; i < SIGNALS; i++) {
        insert_rows(spine, 10);
        kill(getpid(), i % 2 == 0 ? SIGUSR1 : SIGTERM);
    }
    require(atomic_load(&signals_here) == SIGNALS, "signals were lost");
    require(atomic_load(&signals_elsewhere) == 0, "a thread of the library got a signal");
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
threads_of_the_library_block_signals(void **state)
{
    (void)state;
#ifdef SANITIZED_THREAD
    skip(); /* its own thread does not block all of them, and it delays handlers */
#endif
    child_expect("signals", child_run(live_with_signals, NULL, SECONDS), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_of_the_library_block_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
