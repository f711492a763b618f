/* SPDX-License-Identifier: MIT */

/* Reading ahead: extents of blocks on their way while others are in use. */

#include "batch/read_ahead.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/fence.h"

static void read_ahead_drop_extents(struct read_ahead *ahead, size_t count);
static struct ahead_extent *find_extent(struct read_ahead *ahead, size_t block);
static bool failed_ahead(const struct ahead_extent *extent);
static enum spine_status finish_extent(struct read_ahead *ahead,
                                       const struct spine_batch *batch, size_t block,
                                       struct spine_error *error);
static void go_on(struct read_ahead *ahead, const struct spine_batch *batch);
static bool are_in_order(const struct read_ahead *ahead);
static enum spine_status begin_extent(struct read_ahead *ahead,
                                      const struct spine_batch *batch, size_t block,
                                      bool is_needed, struct spine_error *error);
static size_t take_blocks(struct read_ahead *ahead, const struct spine_batch *batch,
                          size_t begin, size_t end, bool is_needed, uint64_t *taken);
static void read_ahead_submit(struct read_ahead *ahead, const struct ahead_extent *begun);
static bool block_is_in_file(const struct spine_batch *batch, size_t block);
static size_t
extent_end(const struct spine_batch *batch, size_t begin, uint64_t bytes_max);

void
read_ahead_release(struct read_ahead *ahead)
{
    const int64_t apart = mem_apart_begin();

    read_ahead_drop_extents(ahead, ahead->extent_count);
    ahead->bytes = 0;
    mem_apart_end(apart);
}

enum spine_status
read_ahead_bring(struct read_ahead *ahead, const struct spine_batch *batch, size_t block,
                 struct spine_error *error)
{
    const int64_t apart = mem_apart_begin();
    struct ahead_extent *extent;
    size_t passed = 0;
    enum spine_status st = SPINE_OK;

    while (passed < ahead->extent_count && ahead->extents[passed].end <= block)
        passed++;
    read_ahead_drop_extents(ahead, passed);
    if (!block_is_in_file(batch, block))
        goto out;
    extent = find_extent(ahead, block);
    if (extent == NULL || failed_ahead(extent)) {
        /* What was read ahead was for another place, or could not be read then. */
        read_ahead_drop_extents(ahead, ahead->extent_count);
        if (block != ahead->next)
            ahead->bytes = 0;
        TRY(begin_extent(ahead, batch, block, true, error));
        extent = find_extent(ahead, block);
    }
    extent->is_wanted = true;
    st = finish_extent(ahead, batch, block, error);
out:
    mem_apart_end(apart);
    return st;
}

bool
read_ahead_awaits(const struct read_ahead *ahead, size_t block)
{
    const struct ahead_extent *extent =
        find_extent((struct read_ahead *)(uintptr_t)ahead, block);

    /* Nobody reads, and tells of, one that was not submitted. */
    return extent != NULL && extent->is_submitted &&
           !store_extent_has_ended(extent->read);
}

/* Lets go of the first `count` extents. */
static void
read_ahead_drop_extents(struct read_ahead *ahead, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ahead_extent *extent = &ahead->extents[i];

        store_extent_free(extent->read);
        if (extent->taken_bytes > 0)
            store_ahead_give(extent->store, &ahead->held_bytes, extent->taken_bytes);
    }
    ahead->extent_count -= count;
    memmove(ahead->extents, ahead->extents + count,
            ahead->extent_count * sizeof ahead->extents[0]);
}

static struct ahead_extent *
find_extent(struct read_ahead *ahead, size_t block)
{
    for (size_t i = 0; i < ahead->extent_count; i++)
        if (block >= ahead->extents[i].begin && block < ahead->extents[i].end)
            return &ahead->extents[i];
    return NULL;
}

/* Did the read fail before anybody needed the blocks? Since then the disk may have
 * recovered. */
static bool
failed_ahead(const struct ahead_extent *extent)
{
    return !extent->is_wanted && store_extent_has_ended(extent->read) &&
           store_extent_finish(extent->read, NULL) != SPINE_OK;
}

/* The extent is needed now. */
static enum spine_status
finish_extent(struct read_ahead *ahead, const struct spine_batch *batch, size_t block,
              struct spine_error *error)
{
    struct ahead_extent *extent = find_extent(ahead, block);
    const bool waits = ahead->waiter == NULL || !extent->is_submitted;
    enum spine_status st;

    go_on(ahead, batch);
    if (!waits && !store_extent_has_ended(extent->read))
        return SPINE_BUSY;
    st = store_extent_finish(extent->read, error);
    if (st != SPINE_OK)
        read_ahead_release(ahead);
    return st;
}

/* Begins the extents that follow, if blocks are read one after the other. What cannot be
 * begun is begun when it is needed. */
static void
go_on(struct read_ahead *ahead, const struct spine_batch *batch)
{
    const size_t most =
        ahead->transient ? READ_AHEAD_EXTENTS_TRANSIENT : READ_AHEAD_EXTENTS;

    while (ahead->extent_count < most && ahead->next < batch->block_count &&
           are_in_order(ahead) && block_is_in_file(batch, ahead->next) &&
           begin_extent(ahead, batch, ahead->next, false, NULL) == SPINE_OK)
        ;
}

/* Are blocks read one after the other, as far as is known? A reader that may hold no more
 * than a block is not to have another one. */
static bool
are_in_order(const struct read_ahead *ahead)
{
    const struct ahead_extent *first = &ahead->extents[0];

    return ahead->transient ? first->follows : first->end - first->begin > 1;
}

/* Has blocks from `block` on read. One that is not needed yet is not begun when it may
 * not be held: SPINE_BUSY. */
static enum spine_status
begin_extent(struct read_ahead *ahead, const struct spine_batch *batch, size_t block,
             bool is_needed, struct spine_error *error)
{
    const struct fence *fence = &batch->fences[block];
    const uint64_t bytes_max = ahead->bytes_max > 0 ? ahead->bytes_max : READ_AHEAD_BYTES;
    /* Merges have reserved what they read ahead. */
    const uint64_t room =
        ahead->transient ? UINT64_MAX : store_ahead_bytes(fence->keeper->file->store);
    struct ahead_extent begun = {
        .store = fence->keeper->file->store, .begin = block, .follows = ahead->bytes > 0};
    enum spine_status st;

    assert(ahead->extent_count < READ_AHEAD_EXTENTS);
    begun.end = extent_end(batch, block, ahead->bytes < room ? ahead->bytes : room);
    if (!ahead->transient)
        begun.end =
            take_blocks(ahead, batch, block, begun.end, is_needed, &begun.taken_bytes);
    if (begun.end == block)
        return SPINE_BUSY;
    st = store_extent_new(fence->keeper->file, fence->number,
                          (uint32_t)(begun.end - block), ahead->transient, &begun.read,
                          error);
    if (st != SPINE_OK) {
        store_ahead_give(begun.store, &ahead->held_bytes, begun.taken_bytes);
        return st;
    }
    ahead->next = begun.end;
    ahead->bytes = ahead->bytes == 0 ? 2 * fence->bytes : 2 * ahead->bytes;
    if (ahead->bytes > bytes_max)
        ahead->bytes = bytes_max;
    read_ahead_submit(ahead, &begun);
    return SPINE_OK;
}

/*
 * Takes what the blocks [begin, end) need, or as many of them as may be held: returns
 * where these end. The first one costs nothing when it is needed now. They are in memory
 * as they are in the cache, however well they are compressed.
 */
static size_t
take_blocks(struct read_ahead *ahead, const struct spine_batch *batch, size_t begin,
            size_t end, bool is_needed, uint64_t *taken)
{
    struct spine_store *store = batch->fences[begin].keeper->file->store;
    const size_t least = begin + is_needed;
    const uint64_t before = ahead->held_bytes;

    while (end > least) {
        uint64_t bytes = 0;

        for (size_t i = least; i < end; i++)
            bytes += batch->fences[i].bytes;
        if (store_ahead_take(store, &ahead->held_bytes, bytes))
            break;
        end = least + (end - least) / 2;
    }
    *taken = ahead->held_bytes - before;
    return end;
}

static void
read_ahead_submit(struct read_ahead *ahead, const struct ahead_extent *begun)
{
    const struct read_waiter *waiter = ahead->waiter;
    struct ahead_extent *to = &ahead->extents[ahead->extent_count++];
    struct store_extent *extent = begun->read;

    *to = *begun;
    if (waiter != NULL) {
        to->is_submitted =
            store_extent_submit(extent, waiter->runtime, waiter->on_end, waiter->context);
    } else if (ahead->extent_count > 1) {
        /* The thread that waits for the first one reads it itself. */
        to->is_submitted = store_extent_submit(extent, NULL, NULL, NULL);
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
extent_end(const struct spine_batch *batch, size_t begin, uint64_t bytes_max)
{
    const struct fence *first = &batch->fences[begin];
    size_t end = begin + 1;
    uint64_t offset;
    size_t bytes;

    while (end < batch->block_count && end - begin < READ_AHEAD_BLOCKS &&
           batch->fences[end].block == NULL &&
           batch->fences[end].keeper == first->keeper &&
           batch->fences[end].number == first->number + (end - begin))
        end++;
    return begin + store_file_extent(first->keeper->file, first->number,
                                     first->number + (uint32_t)(end - begin), bytes_max,
                                     &offset, &bytes);
}
