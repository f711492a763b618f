/* SPDX-License-Identifier: MIT */
#include "store/cache.h"

#include "base/assert.h"

/* Of the bytes of a shard, the part of the small queue. */
#define SMALL_PART 10u

static bool is_recent_ghost(const struct cache_shard *shard, uintptr_t slot);
static void
push(struct cache_shard *shard, struct cache_frame *frame, enum cache_queue_kind kind);
static bool evict_small(struct cache_shard *shard, struct cache_frame **evicted);
static bool evict_main(struct cache_shard *shard, struct cache_frame **evicted);
static void evict(struct cache_shard *shard, struct cache_frame *frame, uintptr_t slot,
                  struct cache_frame **evicted);

void
cache_enter_locked(struct cache_shard *shard, struct cache_frame *frame)
{
    assert(frame->queue == QUEUE_NONE);
    frame->wanted = 0;
    push(shard, frame,
         is_recent_ghost(shard, frame->slot_before) ? QUEUE_MAIN : QUEUE_SMALL);
}

void
cache_leave_locked(struct cache_shard *shard, struct cache_frame *frame)
{
    struct cache_queue *queue = &shard->queues[frame->queue];

    assert(frame->queue != QUEUE_NONE && queue->count > 0);
    if (frame->previous != NULL)
        frame->previous->next = frame->next;
    else
        queue->first = frame->next;
    if (frame->next != NULL)
        frame->next->previous = frame->previous;
    else
        queue->last = frame->previous;
    queue->bytes -= frame->bytes;
    queue->count--;
    frame->next = frame->previous = NULL;
    frame->queue = QUEUE_NONE;
}

/* Ends when there is room, or when a whole round through both queues found nothing but
 * pinned frames. */
struct cache_frame *
cache_evict_locked(struct cache_shard *shard)
{
    struct cache_frame *evicted = NULL;
    const struct cache_queue *small = &shard->queues[QUEUE_SMALL];
    const struct cache_queue *main = &shard->queues[QUEUE_MAIN];
    size_t looks = (small->count + main->count) * (CACHE_WANTED_MAX + 2);

    while (small->bytes + main->bytes > shard->bytes_max && looks-- > 0) {
        const bool from_small =
            small->count > 0 &&
            (small->bytes > shard->bytes_max / SMALL_PART || main->count == 0);

        (void)(from_small ? evict_small(shard, &evicted) : evict_main(shard, &evicted));
    }
    return evicted;
}

/* As many ghosts are remembered as frames are in the main queue. */
static bool
is_recent_ghost(const struct cache_shard *shard, uintptr_t slot)
{
    const uint64_t number = (uint64_t)slot >> 1;

    return (slot & 1) != 0 && shard->ghosts - number <= shard->queues[QUEUE_MAIN].count;
}

static void
push(struct cache_shard *shard, struct cache_frame *frame, enum cache_queue_kind kind)
{
    struct cache_queue *queue = &shard->queues[kind];

    frame->queue = (uint8_t)kind;
    frame->previous = NULL;
    frame->next = queue->first;
    if (queue->first != NULL)
        queue->first->previous = frame;
    else
        queue->last = frame;
    queue->first = frame;
    queue->bytes += frame->bytes;
    queue->count++;
}

/* The oldest of the small queue moves on, or leaves. */
static bool
evict_small(struct cache_shard *shard, struct cache_frame **evicted)
{
    struct cache_frame *frame = shard->queues[QUEUE_SMALL].last;

    cache_leave_locked(shard, frame);
    if (frame->wanted > 0 || frame->pins > 0) {
        frame->wanted = 0;
        push(shard, frame, QUEUE_MAIN);
        return false;
    }
    shard->ghosts++;
    evict(shard, frame, (uintptr_t)(shard->ghosts << 1 | 1), evicted);
    return true;
}

/* The oldest of the main queue begins anew, or leaves. */
static bool
evict_main(struct cache_shard *shard, struct cache_frame **evicted)
{
    struct cache_frame *frame = shard->queues[QUEUE_MAIN].last;

    cache_leave_locked(shard, frame);
    if (frame->wanted > 0 || frame->pins > 0) {
        if (frame->wanted > 0)
            frame->wanted--;
        push(shard, frame, QUEUE_MAIN);
        return false;
    }
    evict(shard, frame, 0, evicted);
    return true;
}

static void
evict(struct cache_shard *shard, struct cache_frame *frame, uintptr_t slot,
      struct cache_frame **evicted)
{
    shard->evictions++;
    frame->file->slots[frame->index] = slot;
    frame->next = *evicted;
    *evicted = frame;
}
