/* SPDX-License-Identifier: MIT */
#ifndef POOL_FIXTURE_H
#define POOL_FIXTURE_H

/*
 * libuv's pool, blocked by the host's own work, and spines that want something from it.
 */

#include "harness/host.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define POOL_THREADS_MAX 4

static const struct spine_schema pool_schema = {.key = {SPINE_U64, 0}};

/* Work of the host that sits in every thread of the pool until it is let go. */
struct blockade {
    uv_loop_t *loop;
    unsigned count;
    uv_work_t work[POOL_THREADS_MAX];
    uv_sem_t begun;
    uv_sem_t go;
};

static inline void
blockade_work(uv_work_t *work)
{
    struct blockade *blockade = work->data;

    uv_sem_post(&blockade->begun);
    uv_sem_wait(&blockade->go);
}

static inline void
blockade_done(uv_work_t *work, int uv_status)
{
    (void)work;
    (void)uv_status;
}

/* A pool of `count` threads; returns when all of them are in there. */
static inline void
blockade_begin(struct blockade *blockade, uv_loop_t *loop, unsigned count)
{
    const char digits[2] = {(char)('0' + count), 0};

    setenv("UV_THREADPOOL_SIZE", digits, 1);
    blockade->loop = loop;
    blockade->count = count;
    uv_sem_init(&blockade->begun, 0);
    uv_sem_init(&blockade->go, 0);
    for (unsigned i = 0; i < count; i++) {
        blockade->work[i].data = blockade;
        uv_queue_work(loop, &blockade->work[i], blockade_work, blockade_done);
    }
    for (unsigned i = 0; i < count; i++)
        uv_sem_wait(&blockade->begun);
}

static inline void
blockade_end(struct blockade *blockade)
{
    for (unsigned i = 0; i < blockade->count; i++)
        uv_sem_post(&blockade->go);
    uv_run(blockade->loop, UV_RUN_DEFAULT);
    uv_sem_destroy(&blockade->begun);
    uv_sem_destroy(&blockade->go);
}

/* Inserts `count` batches of one row. */
static inline void
insert_rows(struct spine *spine, unsigned count)
{
    for (uint64_t key = 0; key < count; key++) {
        const struct spine_columns columns = {.rows = 1, .keys = &key};
        struct spine_batch *batch;

        require(spine_batch_from_columns(&pool_schema, &columns, &batch, NULL) ==
                    SPINE_OK,
                "a batch");
        require(spine_insert(spine, batch, NULL) == SPINE_OK, "an insert");
        spine_batch_unref(batch);
    }
}

/* A spine that has a merge ready, and nobody to run it. */
static inline struct spine *
spine_with_a_merge(struct spine_runtime *runtime)
{
    const struct spine_options options = {.help_batches = UINT32_MAX};
    struct spine *spine;

    require(spine_open(runtime, &pool_schema, &options, &spine, NULL) == SPINE_OK,
            "a spine");
    insert_rows(spine, 20);
    return spine;
}

static inline struct spine_runtime *
runtime_on(uv_loop_t *loop)
{
    const struct spine_runtime_options options = {.loop = loop, .slices_max = 4};
    struct spine_runtime *runtime;

    require(spine_runtime_open(&options, &runtime, NULL) == SPINE_OK, "a runtime");
    return runtime;
}

/* What other threads free last may take a moment. */
static inline void
require_no_memory(void)
{
    for (int i = 0; spine_allocated_bytes() > 0; i++) {
        require(i < 20000, "memory leaked");
        uv_sleep(1);
    }
}

#endif
