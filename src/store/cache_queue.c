/* SPDX-License-Identifier: MIT */

/* The queues of a shard of the cache (S3-FIFO): new images come to a small queue, those
 * that are wanted again to the main one, and a ghost remembers which image left early. */

#include "store/cache.h"

#include "base/assert.h"

/* Of the bytes of a shard, the part of the small queue. */
#define SMALL_PART 10u
/* A block whose strips are read comes into the cache when it was asked for among the last
 * ghosts, this part of as many as images are in the main queue: so soon that it is asked
 * for more often than most, and not by chance. */
#define SOON_PART 4u

static bool is_recent_ghost(const struct cache_shard *shard, uintptr_t tag, size_t count);
static uintptr_t new_ghost(struct cache_shard *shard);
static void
push(struct cache_shard *shard, struct cached_image *cached, enum cache_queue_kind kind);
static bool main_has_room(const struct cache_shard *shard, size_t bytes_max);
static bool evict_small_locked(struct cache_shard *shard, size_t bytes_max,
                               struct cached_image **evicted);
static bool evict_main_locked(struct cache_shard *shard, struct cached_image **evicted);
static void evict(struct cache_shard *shard, struct cached_image *cached, uintptr_t tag,
                  struct cached_image **evicted);

void
cache_enter_locked(struct cache_shard *shard, struct cached_image *cached)
{
    assert(!cached->loading && !cached->failed && !cached->transient);
    assert(cached->queue == QUEUE_NONE);
    cached->wanted = 0;
    push(shard, cached,
         is_recent_ghost(shard, cached->tag_before, shard->queues[QUEUE_MAIN].count)
             ? QUEUE_MAIN
             : QUEUE_SMALL);
}

void
cache_enter_main_locked(struct cache_shard *shard, struct cached_image *cached)
{
    assert(!cached->loading && cached->queue == QUEUE_NONE);
    push(shard, cached, QUEUE_MAIN);
}

bool
cache_leaves_out_locked(struct cache_shard *shard, struct store_file *file,
                        uint32_t index, size_t bytes)
{
    const struct cache_queue *small = &shard->queues[QUEUE_SMALL];
    const struct cache_queue *main = &shard->queues[QUEUE_MAIN];
    const uintptr_t tag = file->tags[index];

    if (tag_is_image(tag) ||
        small->bytes + main->bytes + shard->rows.bytes + shard->waiting_bytes + bytes <=
            shard->bytes_max ||
        is_recent_ghost(shard, tag, main->count / SOON_PART))
        return false;
    file->tags[index] = new_ghost(shard);
    return true;
}

void
cache_leave_locked(struct cache_shard *shard, struct cached_image *cached)
{
    struct cache_queue *queue = &shard->queues[cached->queue];

    assert(cached->queue != QUEUE_NONE && queue->count > 0);
    assert(queue->bytes >= cached->bytes);
    if (cached->previous != NULL)
        cached->previous->next = cached->next;
    else
        queue->first = cached->next;
    if (cached->next != NULL)
        cached->next->previous = cached->previous;
    else
        queue->last = cached->previous;
    queue->bytes -= cached->bytes;
    queue->count--;
    if (cached->pins == 0)
        cache_count_locked(&shard->idle_bytes, 0, cached->bytes);
    assert((queue->count == 0) == (queue->first == NULL && queue->last == NULL));
    cached->next = cached->previous = NULL;
    cached->queue = QUEUE_NONE;
}

/* Ends when there is room, or when a whole round through both queues found nothing but
 * pinned images. */
struct cached_image *
cache_evict_locked(struct cache_shard *shard)
{
    struct cached_image *evicted = NULL;
    const struct cache_queue *small = &shard->queues[QUEUE_SMALL];
    const struct cache_queue *main = &shard->queues[QUEUE_MAIN];
    /* When the bound falls, rows leave after it has, and what waits stays. */
    const size_t apart = shard->rows.bytes + shard->waiting_bytes;
    const size_t bytes_max = apart < shard->bytes_max ? shard->bytes_max - apart : 0;
    size_t looks = (small->count + main->count) * (CACHE_WANTED_MAX + 2);
    /* Images at the begin of the small queue that are pinned, as was seen just now. */
    size_t pinned = 0;

    while (small->bytes + main->bytes > bytes_max && looks-- > 0) {
        const size_t count = small->count;
        const bool from_small =
            count > pinned &&
            (small->bytes > shard->bytes_max / SMALL_PART || main->count == 0);

        /* What is pinned is above the bound; the others are not. */
        if (pinned == count && main->bytes <= bytes_max)
            break;
        if (from_small)
            (void)evict_small_locked(shard, bytes_max, &evicted);
        else
            (void)evict_main_locked(shard, &evicted);
        pinned += from_small && small->count == count;
    }
    return evicted;
}

/* Is it one of the last `count` ghosts? */
static bool
is_recent_ghost(const struct cache_shard *shard, uintptr_t tag, size_t count)
{
    const uint64_t number = (uint64_t)tag >> 1;

    return (tag & 1) != 0 && shard->ghosts - number < count;
}

/* The tag of a block that becomes a ghost. */
static uintptr_t
new_ghost(struct cache_shard *shard)
{
    shard->ghosts++;
    return (uintptr_t)(shard->ghosts << 1 | 1);
}

static void
push(struct cache_shard *shard, struct cached_image *cached, enum cache_queue_kind kind)
{
    struct cache_queue *queue = &shard->queues[kind];

    cached->queue = (uint8_t)kind;
    cached->previous = NULL;
    cached->next = queue->first;
    if (queue->first != NULL)
        queue->first->previous = cached;
    else
        queue->last = cached;
    queue->first = cached;
    queue->bytes += cached->bytes;
    queue->count++;
    if (cached->pins == 0)
        cache_count_locked(&shard->idle_bytes, cached->bytes, 0);
}

/*
 * Has the main queue room for the oldest of the small one? Then that moves on although
 * nobody wanted it again. So what a cache has been filled with stays until something
 * better comes: of blocks that are read in turns, more than the cache has room for, some
 * are found each time. If each pushed out the one before, none would be.
 */
static bool
main_has_room(const struct cache_shard *shard, size_t bytes_max)
{
    return shard->queues[QUEUE_MAIN].bytes + shard->queues[QUEUE_SMALL].last->bytes <=
           bytes_max - bytes_max / SMALL_PART;
}

/* The oldest of the small queue moves on, or leaves, or begins anew if it is pinned. */
static bool
evict_small_locked(struct cache_shard *shard, size_t bytes_max,
                   struct cached_image **evicted)
{
    struct cached_image *cached = shard->queues[QUEUE_SMALL].last;
    const bool has_room = main_has_room(shard, bytes_max);

    cache_leave_locked(shard, cached);
    if (cached->wanted > 0 || has_room) {
        cached->wanted = 0;
        push(shard, cached, QUEUE_MAIN);
        return false;
    }
    if (cached->pins > 0) {
        /* It has not had its time, as the queue has hardly room for it. */
        push(shard, cached, QUEUE_SMALL);
        return false;
    }
    evict(shard, cached, new_ghost(shard), evicted);
    return true;
}

/* The oldest of the main queue begins anew, or leaves. */
static bool
evict_main_locked(struct cache_shard *shard, struct cached_image **evicted)
{
    struct cached_image *cached = shard->queues[QUEUE_MAIN].last;

    cache_leave_locked(shard, cached);
    if (cached->wanted > 0 || cached->pins > 0) {
        if (cached->wanted > 0)
            cached->wanted--;
        push(shard, cached, QUEUE_MAIN);
        return false;
    }
    evict(shard, cached, 0, evicted);
    return true;
}

static void
evict(struct cache_shard *shard, struct cached_image *cached, uintptr_t tag,
      struct cached_image **evicted)
{
    shard->evictions++;
    cached->file->tags[cached->index] = tag;
    cached->next = *evicted;
    *evicted = cached;
}
