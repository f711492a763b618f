/* SPDX-License-Identifier: MIT */
#ifndef JOB_FIXTURE_H
#define JOB_FIXTURE_H

/*
 * Jobs of some slices each, whose owner keeps the order in which they ran.
 */

#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* An owner of jobs: each needs a number of slices, and the order in which they ran is
 * kept. */
struct owner {
    struct job_owner jobs;
    struct spine_runtime *runtime;
    struct mutex mutex;
    struct condition ended;
    unsigned idle_count;
    unsigned order[1024];
    unsigned order_count;
};

struct counted_job {
    struct job job;
    struct owner *owner;
    unsigned index;
    unsigned slices_left;
};

static inline void
on_slice(struct job *job, uint64_t *fuel_rows)
{
    struct counted_job *counted =
        (struct counted_job *)((char *)job - offsetof(struct counted_job, job));
    struct owner *owner = counted->owner;

    *fuel_rows -= *fuel_rows < 10 ? *fuel_rows : 10;
    mutex_lock(&owner->mutex);
    if (owner->order_count < sizeof owner->order / sizeof owner->order[0])
        owner->order[owner->order_count++] = counted->index;
    if (--counted->slices_left > 0)
        runtime_ready(owner->runtime, job);
    else {
        runtime_idle(owner->runtime, job);
        owner->idle_count++;
        condition_broadcast(&owner->ended);
    }
    mutex_unlock(&owner->mutex);
}

static inline void
owner_init(struct owner *owner, struct spine_runtime *runtime)
{
    memset(owner, 0, sizeof *owner);
    owner->runtime = runtime;
    assert_int_equal(mutex_init(&owner->mutex), SPINE_OK);
    assert_int_equal(condition_init(&owner->ended), SPINE_OK);
}

static inline void
owner_release(struct owner *owner)
{
    condition_release(&owner->ended);
    mutex_release(&owner->mutex);
}

static inline void
job_make_ready(struct counted_job *counted, struct owner *owner, unsigned index,
               uint64_t rows_left, unsigned slices)
{
    memset(counted, 0, sizeof *counted);
    counted->owner = owner;
    counted->index = index;
    counted->slices_left = slices;
    counted->job.owner = &owner->jobs;
    counted->job.rows_left = rows_left;
    counted->job.on_slice = on_slice;
    mutex_lock(&owner->mutex);
    runtime_ready(owner->runtime, &counted->job);
    mutex_unlock(&owner->mutex);
}

static inline struct spine_runtime *
manual_runtime(void)
{
    const struct spine_runtime_options options = {.manual = true};
    struct spine_runtime *runtime;

    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    return runtime;
}

#endif
