/* SPDX-License-Identifier: MIT */

/*
 * Blocks of a batch that are needed together: what is not in memory is read at the same
 * time, neighbours in one read, by the runtimes that serve the store and by the caller.
 */

#include "batch/held_blocks.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

/* Blocks of a read, at most: several threads read, and unpack what they have read. */
#define NEIGHBOURS_MAX 8u

static enum spine_status begin_reads(const struct spine_batch *batch,
                                     struct held_blocks *held, struct spine_error *error);
static bool pin_resident(const struct fence *fence, struct pin *out);
static size_t
neighbours(const struct spine_batch *batch, const struct held_blocks *held, size_t at);
static void end_reads(struct held_blocks *held);

/* May the block be held without asking for its memory? */
static inline bool
is_free(const struct held_blocks *held, const struct fence *fence)
{
    return fence->block != NULL || fence->keeper->file == NULL ||
           (held->count == 0 && !held->is_ahead);
}

bool
held_has_room(struct held_blocks *held, const struct fence *fence)
{
    uint64_t lacking;

    if (is_free(held, fence))
        return held->count < HELD_BLOCKS_MAX;
    if (held->count == HELD_BLOCKS_MAX ||
        (held->store != NULL && held->store != fence->keeper->file->store))
        return false;
    held->store = fence->keeper->file->store;
    if (fence->bytes <= held->unused_bytes)
        return true;
    lacking = fence->bytes - held->unused_bytes;
    if (!store_ahead_take(held->store, &held->ahead_bytes, lacking))
        return false;
    held->unused_bytes += lacking;
    return true;
}

void
held_add(struct held_blocks *held, const struct fence *fence, uint32_t index)
{
    assert(held->count < HELD_BLOCKS_MAX);
    if (!is_free(held, fence))
        held->unused_bytes -= fence->bytes;
    held->index[held->count++] = index;
}

enum spine_status
held_begin(const struct spine_batch *batch, struct held_blocks *held,
           struct spine_error *error)
{
    /* Images belong to the store, whichever thread reads them. */
    const int64_t apart = mem_apart_begin();
    enum spine_status st;

    assert(held->count <= HELD_BLOCKS_MAX);
    assert(held->pinned == 0 && held->read_count == 0);
    for (size_t i = 0; i < held->count; i++)
        held->pins[i] = (struct pin){0};
    held->pinned = held->count;
    st = begin_reads(batch, held, error);
    mem_apart_end(apart);
    if (st != SPINE_OK)
        held_unpin(held);
    return st;
}

enum spine_status
held_end(const struct spine_batch *batch, struct held_blocks *held,
         struct spine_error *error)
{
    const int64_t apart = mem_apart_begin();
    enum spine_status st = SPINE_OK;

    assert(held->pinned == held->count);
    /* Reads what nobody has begun, and waits for the rest. */
    for (size_t i = 0; i < held->read_count; i++)
        TRY(store_extent_finish(held->reads[i], error));
    for (size_t i = 0; i < held->count; i++) {
        const struct fence *fence = &batch->fences[held->index[i]];

        /* What was read is there, and was counted as wanted by its read. */
        if (held->pins[i].image == NULL)
            TRY(fence_pin(fence, PIN_TO_MERGE, &held->pins[i], error));
    }
    end_reads(held);
out:
    mem_apart_end(apart);
    if (st != SPINE_OK)
        held_unpin(held);
    return st;
}

void
held_unpin(struct held_blocks *held)
{
    const int64_t apart = mem_apart_begin();

    end_reads(held);
    mem_apart_end(apart);
    while (held->pinned > 0)
        pin_release(&held->pins[--held->pinned]);
    if (held->ahead_bytes > 0)
        store_ahead_give(held->store, &held->ahead_bytes, held->ahead_bytes);
    held->unused_bytes = 0;
    held->store = NULL;
    held->count = 0;
}

/* Pins what is in memory and makes extents of the rest, which are given to others as far
 * as there are some; but for the first one, when the caller will read that at once. */
static enum spine_status
begin_reads(const struct spine_batch *batch, struct held_blocks *held,
            struct spine_error *error)
{
    for (size_t i = 0; i < held->count;) {
        const struct fence *fence = &batch->fences[held->index[i]];
        size_t count = 1;

        if (fence->block != NULL || fence->keeper->file == NULL)
            TRY_RETURN(fence_pin(fence, PIN_TO_READ, &held->pins[i], error));
        else if (!pin_resident(fence, &held->pins[i])) {
            struct store_extent **const extent = &held->reads[held->read_count];

            count = neighbours(batch, held, i);
            TRY_RETURN(store_extent_new(fence->keeper->file, fence->number,
                                        (uint32_t)count, false, extent, error));
            if (held->read_count++ > 0 || held->is_ahead)
                (void)store_extent_submit(*extent, NULL, NULL, NULL);
        }
        i += count;
    }
    return SPINE_OK;
}

static bool
pin_resident(const struct fence *fence, struct pin *out)
{
    struct cached_image *cached =
        store_pin_resident(fence->keeper->file, fence->number, false);

    if (cached != NULL)
        *out = (struct pin){
            .image = store_image(cached), .keeper = fence->keeper, .handle = cached};
    return cached != NULL;
}

/* How many of the blocks from `at` on lie side by side and are read at once. */
static size_t
neighbours(const struct spine_batch *batch, const struct held_blocks *held, size_t at)
{
    const struct fence *first = &batch->fences[held->index[at]];
    size_t count = 1;

    while (count < NEIGHBOURS_MAX && at + count < held->count) {
        const struct fence *fence = &batch->fences[held->index[at + count]];

        if (fence->block != NULL || fence->keeper != first->keeper ||
            fence->number != first->number + count)
            break;
        count++;
    }
    return count;
}

/* Lets go of the reads; those that are under way end without us. */
static void
end_reads(struct held_blocks *held)
{
    while (held->read_count > 0)
        store_extent_free(held->reads[--held->read_count]);
}
