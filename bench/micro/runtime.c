/* SPDX-License-Identifier: MIT */

/*
 * micro_runtime [hand-overs] -- how long a ready job waits for its slice: from
 * runtime_kick() in one thread to the slice in a thread of libuv's pool, when nothing
 * else runs. Percentiles, in microseconds.
 */

#include "runtime/runtime.h"
#include "base/thread.h"
#include "micro/micro.h"

#define GAP_NS UINT64_C(200000)

struct hand_over {
    struct job job;
    struct spine_runtime *runtime;
    struct mutex mutex;
    struct condition done;
    /* Guarded by the mutex. */
    uint64_t begun_ns;
    bool over;
};

static void
on_slice(struct job *job, uint64_t *fuel_rows)
{
    struct hand_over *over = (struct hand_over *)job; /* its first member */
    const uint64_t begun_ns = clock_now_ns();

    *fuel_rows = 0;
    mutex_lock(&over->mutex);
    over->begun_ns = begun_ns;
    over->over = true;
    runtime_idle(over->runtime, job);
    condition_signal(&over->done);
    mutex_unlock(&over->mutex);
}

/* After a pause, so that the threads of the pool are asleep. */
static double
hand_over(struct hand_over *over)
{
    const struct timespec gap = {.tv_nsec = (long)GAP_NS};
    uint64_t kicked_ns;

    nanosleep(&gap, NULL);
    mutex_lock(&over->mutex);
    over->over = false;
    over->job.rows_left = 1;
    runtime_ready(over->runtime, &over->job);
    mutex_unlock(&over->mutex);
    kicked_ns = clock_now_ns();
    runtime_kick(over->runtime);

    mutex_lock(&over->mutex);
    while (!over->over)
        condition_wait(&over->done, &over->mutex);
    mutex_unlock(&over->mutex);
    return over->begun_ns > kicked_ns ? (double)(over->begun_ns - kicked_ns) / 1e3 : 0;
}

int
main(int argc, char **argv)
{
    const size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    struct hand_over over = {.job = {.on_slice = on_slice}};
    double *const waits = malloc((count + 1) * sizeof *waits);

    require(count > 0 && waits != NULL, "a number of hand-overs");
    require(spine_runtime_open(NULL, &over.runtime, NULL) == SPINE_OK, "a runtime");
    require(mutex_init(&over.mutex) == SPINE_OK && condition_init(&over.done) == SPINE_OK,
            "a mutex");
    for (size_t i = 0; i < count; i++)
        waits[i] = hand_over(&over);
    qsort(waits, count, sizeof *waits, compare_rates);
    printf("hand-over of a slice to the pool, %zu times: p50 %.1f us, p99 %.1f us, "
           "max %.1f us\n",
           count, waits[count / 2], waits[count - 1 - count / 100], waits[count - 1]);

    spine_runtime_close(over.runtime);
    condition_release(&over.done);
    mutex_release(&over.mutex);
    free(waits);
    return 0;
}
