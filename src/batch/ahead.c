/* SPDX-License-Identifier: MIT */

/* Reading ahead: extents of blocks on their way while others are in use. */

#include "batch/ahead.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/fence.h"

static void ahead_drop_runs(struct ahead *ahead, size_t count);
static struct ahead_run *find_run(struct ahead *ahead, size_t block);
static bool failed_ahead(const struct ahead_run *run);
static enum spine_status finish_run(struct ahead *ahead, const struct spine_batch *batch,
                                    size_t block, struct spine_error *error);
static void go_on(struct ahead *ahead, const struct spine_batch *batch);
static enum spine_status begin_run(struct ahead *ahead, const struct spine_batch *batch,
                                   size_t block, struct spine_error *error);
static void
ahead_submit(struct ahead *ahead, struct store_run *run, size_t begin, size_t end);
static bool block_is_in_file(const struct spine_batch *batch, size_t block);
static size_t run_end(const struct spine_batch *batch, size_t begin, uint64_t bytes_max);

void
ahead_release(struct ahead *ahead)
{
    const int64_t apart = mem_apart_begin();

    ahead_drop_runs(ahead, ahead->run_count);
    ahead->bytes = 0;
    mem_apart_end(apart);
}

enum spine_status
ahead_bring(struct ahead *ahead, const struct spine_batch *batch, size_t block,
            struct spine_error *error)
{
    const int64_t apart = mem_apart_begin();
    struct ahead_run *run;
    size_t passed = 0;
    enum spine_status st = SPINE_OK;

    while (passed < ahead->run_count && ahead->runs[passed].end <= block)
        passed++;
    ahead_drop_runs(ahead, passed);
    if (!block_is_in_file(batch, block))
        goto out;
    run = find_run(ahead, block);
    if (run == NULL || failed_ahead(run)) {
        /* What was read ahead was for another place, or could not be read then. */
        ahead_drop_runs(ahead, ahead->run_count);
        if (block != ahead->next)
            ahead->bytes = 0;
        TRY(begin_run(ahead, batch, block, error));
        run = find_run(ahead, block);
    }
    run->is_wanted = true;
    st = finish_run(ahead, batch, block, error);
out:
    mem_apart_end(apart);
    return st;
}

bool
ahead_awaits(const struct ahead *ahead, size_t block)
{
    const struct ahead_run *run = find_run((struct ahead *)(uintptr_t)ahead, block);

    /* Nobody reads, and tells of, one that was not submitted. */
    return run != NULL && run->is_submitted && !store_run_has_ended(run->run);
}

/* Lets go of the first `count` runs. */
static void
ahead_drop_runs(struct ahead *ahead, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_run_free(ahead->runs[i].run);
    ahead->run_count -= count;
    memmove(ahead->runs, ahead->runs + count, ahead->run_count * sizeof ahead->runs[0]);
}

static struct ahead_run *
find_run(struct ahead *ahead, size_t block)
{
    for (size_t i = 0; i < ahead->run_count; i++)
        if (block >= ahead->runs[i].begin && block < ahead->runs[i].end)
            return &ahead->runs[i];
    return NULL;
}

/* Did the read fail before anybody needed the blocks? Since then the disk may have
 * recovered. */
static bool
failed_ahead(const struct ahead_run *run)
{
    return !run->is_wanted && store_run_has_ended(run->run) &&
           store_run_finish(run->run, NULL) != SPINE_OK;
}

/* The run is needed now. */
static enum spine_status
finish_run(struct ahead *ahead, const struct spine_batch *batch, size_t block,
           struct spine_error *error)
{
    struct ahead_run *run = find_run(ahead, block);
    const bool waits = ahead->waiter == NULL || !run->is_submitted;
    enum spine_status st;

    go_on(ahead, batch);
    if (!waits && !store_run_has_ended(run->run))
        return SPINE_BUSY;
    st = store_run_finish(run->run, error);
    if (st != SPINE_OK)
        ahead_release(ahead);
    return st;
}

/* Begins the runs that follow, if blocks are read one after the other. What cannot be
 * begun is begun when it is needed. */
static void
go_on(struct ahead *ahead, const struct spine_batch *batch)
{
    while (ahead->run_count < AHEAD_RUNS && ahead->next < batch->block_count &&
           ahead->runs[0].end - ahead->runs[0].begin > 1 &&
           block_is_in_file(batch, ahead->next) &&
           begin_run(ahead, batch, ahead->next, NULL) == SPINE_OK)
        ;
}

/* Has blocks from `block` on read. */
static enum spine_status
begin_run(struct ahead *ahead, const struct spine_batch *batch, size_t block,
          struct spine_error *error)
{
    const struct fence *fence = &batch->fences[block];
    const uint64_t bytes_max = ahead->bytes_max > 0 ? ahead->bytes_max : AHEAD_BYTES;
    const uint64_t room = store_ahead_bytes(fence->keeper->file->store);
    const size_t end = run_end(batch, block, ahead->bytes < room ? ahead->bytes : room);
    struct store_run *run;

    assert(ahead->run_count < AHEAD_RUNS);
    TRY_RETURN(store_run_new(fence->keeper->file, fence->number, (uint32_t)(end - block),
                             ahead->transient, &run, error));
    ahead->next = end;
    ahead->bytes = ahead->bytes == 0 ? 2 * fence->bytes : 2 * ahead->bytes;
    if (ahead->bytes > bytes_max)
        ahead->bytes = bytes_max;
    ahead_submit(ahead, run, block, end);
    return SPINE_OK;
}

static void
ahead_submit(struct ahead *ahead, struct store_run *run, size_t begin, size_t end)
{
    const struct ahead_waiter *waiter = ahead->waiter;
    struct ahead_run *to = &ahead->runs[ahead->run_count++];

    *to = (struct ahead_run){.run = run, .begin = begin, .end = end};
    if (waiter != NULL) {
        to->is_submitted =
            store_run_submit(run, waiter->runtime, waiter->on_end, waiter->context);
    } else if (ahead->run_count > 1) {
        /* The thread that waits for the first one reads it itself. */
        to->is_submitted = store_run_submit(run, NULL, NULL, NULL);
    }
}

static bool
block_is_in_file(const struct spine_batch *batch, size_t block)
{
    const struct fence *fence = &batch->fences[block];

    return fence->block == NULL && fence->keeper->file != NULL;
}

/* Blocks from `begin` on that lie side by side in a file and take at most `bytes_max`
 * bytes there, or one. */
static size_t
run_end(const struct spine_batch *batch, size_t begin, uint64_t bytes_max)
{
    const struct fence *first = &batch->fences[begin];
    size_t end = begin + 1;
    uint64_t offset;
    size_t bytes;

    while (end < batch->block_count && end - begin < AHEAD_BLOCKS &&
           batch->fences[end].block == NULL &&
           batch->fences[end].keeper == first->keeper &&
           batch->fences[end].number == first->number + (end - begin))
        end++;
    return begin + store_file_extent(first->keeper->file, first->number,
                                     first->number + (uint32_t)(end - begin), bytes_max,
                                     &offset, &bytes);
}
