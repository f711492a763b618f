/* SPDX-License-Identifier: MIT */
#include "store/cache.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/store_state.h"

#include <string.h>

#define IMAGE_ALIGNMENT 64u

static struct cache_shard *shard_of(const struct store_file *file, uint32_t index);
static struct cache_frame *frame_new(struct store_file *file, uint32_t index);
static void frames_free(struct block_cache *cache, struct cache_frame *frames);
static struct cache_frame *take_resident_locked(struct cache_shard *shard,
                                                struct store_file *file, uint32_t index,
                                                bool transient);
static struct cache_frame *
drop_pin_locked(struct cache_shard *shard, struct cache_frame *frame);

enum spine_status
cache_init(struct block_cache *cache, size_t bytes_max, struct spine_error *error)
{
    *cache = (struct block_cache){0};
    for (unsigned i = 0; i < CACHE_SHARDS; i++) {
        struct cache_shard *shard = &cache->shards[i];

        if (mutex_init(&shard->mutex) != SPINE_OK)
            goto out;
        if (condition_init(&shard->loaded) != SPINE_OK) {
            mutex_release(&shard->mutex);
            goto out;
        }
        shard->bytes_max = bytes_max / CACHE_SHARDS;
        cache->shard_count++;
    }
    return SPINE_OK;
out:
    cache_release(cache);
    return fail_nomem(error, "the locks of a cache", sizeof *cache);
}

void
cache_release(struct block_cache *cache)
{
    for (unsigned i = 0; i < cache->shard_count; i++) {
        struct cache_shard *shard = &cache->shards[i];

        for (unsigned kind = QUEUE_SMALL; kind < QUEUE_KINDS; kind++)
            assert(shard->queues[kind].count == 0);
        condition_release(&shard->loaded);
        mutex_release(&shard->mutex);
    }
    cache->shard_count = 0;
}

void
cache_set_bytes(struct block_cache *cache, size_t bytes_max)
{
    for (unsigned i = 0; i < CACHE_SHARDS; i++) {
        struct cache_shard *shard = &cache->shards[i];

        mutex_lock(&shard->mutex);
        shard->bytes_max = bytes_max / CACHE_SHARDS;
        mutex_unlock(&shard->mutex);
    }
}

void
cache_shrink(struct block_cache *cache)
{
    for (unsigned i = 0; i < CACHE_SHARDS; i++) {
        struct cache_shard *shard = &cache->shards[i];
        struct cache_frame *evicted;

        mutex_lock(&shard->mutex);
        evicted = cache_evict_locked(shard);
        mutex_unlock(&shard->mutex);
        frames_free(cache, evicted);
    }
}

void
cache_forget(struct block_cache *cache, struct store_file *file)
{
    for (uint32_t index = 0; index < file_table_parts(&file->table); index++) {
        struct cache_shard *shard = shard_of(file, index);
        struct cache_frame *frame = NULL;

        mutex_lock(&shard->mutex);
        if (slot_is_frame(file->slots[index])) {
            frame = (struct cache_frame *)file->slots[index];
            assert(frame->pins == 0 && !frame->loading);
            if (frame->queue != QUEUE_NONE)
                cache_leave_locked(shard, frame);
            else
                shard->other_bytes -= frame->bytes;
            file->slots[index] = 0;
        }
        mutex_unlock(&shard->mutex);
        frames_free(cache, frame);
    }
}

enum spine_status
store_pin(struct store_file *file, uint32_t index, bool transient,
          struct cache_frame **out, struct spine_error *error)
{
    struct cache_shard *shard = shard_of(file, index);
    struct cache_frame *frame;
    enum spine_status st;

    *out = NULL;
    for (;;) {
        bool is_there = false;

        mutex_lock(&shard->mutex);
        frame = take_resident_locked(shard, file, index, transient);
        mutex_unlock(&shard->mutex);
        if (frame != NULL) {
            *out = frame;
            return SPINE_OK;
        }
        frame = cache_begin_load(file, index, transient, &is_there);
        if (frame != NULL)
            break;
        if (!is_there)
            return fail_nomem(error, "a block of a file",
                              file->table.blocks[index].image_bytes);
    }
    st = store_file_read(file, index, frame->image, error);
    if (st == SPINE_OK)
        st = cache_check(frame, error);
    cache_end_load(frame, st);
    if (st == SPINE_OK)
        *out = frame;
    return st;
}

struct cache_frame *
store_pin_resident(struct store_file *file, uint32_t index, bool transient)
{
    struct cache_shard *shard = shard_of(file, index);
    struct cache_frame *frame = NULL;

    mutex_lock(&shard->mutex);
    if (slot_is_frame(file->slots[index]) &&
        !((struct cache_frame *)file->slots[index])->loading)
        frame = take_resident_locked(shard, file, index, transient);
    mutex_unlock(&shard->mutex);
    return frame;
}

void
store_unpin(struct cache_frame *frame)
{
    struct store_file *file = frame->file;
    struct cache_shard *shard = shard_of(file, frame->index);
    struct cache_frame *gone;

    mutex_lock(&shard->mutex);
    gone = drop_pin_locked(shard, frame);
    mutex_unlock(&shard->mutex);
    frames_free(&file->store->cache, gone);
}

const void *
store_image(const struct cache_frame *frame)
{
    return frame->image;
}

void
store_cache_counts(struct spine_store *store, struct store_cache_counts *out)
{
    *out = (struct store_cache_counts){0};
    for (unsigned i = 0; i < CACHE_SHARDS; i++) {
        struct cache_shard *shard = &store->cache.shards[i];

        mutex_lock(&shard->mutex);
        out->hits += shard->hits;
        out->misses += shard->misses;
        out->evictions += shard->evictions;
        out->bytes += shard->other_bytes;
        for (unsigned kind = QUEUE_SMALL; kind < QUEUE_KINDS; kind++)
            out->bytes += shard->queues[kind].bytes;
        mutex_unlock(&shard->mutex);
    }
}

struct cache_frame *
cache_begin_load(struct store_file *file, uint32_t index, bool transient, bool *is_there)
{
    struct cache_shard *shard = shard_of(file, index);
    /* Memory is asked for without the lock. */
    struct cache_frame *frame = frame_new(file, index);

    *is_there = false;
    if (frame == NULL)
        return NULL;
    mutex_lock(&shard->mutex);
    *is_there = slot_is_frame(file->slots[index]);
    if (*is_there) {
        mutex_unlock(&shard->mutex);
        frames_free(&file->store->cache, frame);
        return NULL;
    }
    frame->pins = 1;
    frame->loading = true;
    frame->transient = transient;
    frame->slot_before = file->slots[index];
    file->slots[index] = (uintptr_t)frame;
    shard->other_bytes += frame->bytes;
    shard->misses += !transient;
    mutex_unlock(&shard->mutex);
    return frame;
}

void
cache_end_load(struct cache_frame *frame, enum spine_status st)
{
    struct store_file *const frame_file = frame->file;
    struct cache_shard *shard = shard_of(frame->file, frame->index);
    struct cache_frame *gone = NULL;

    mutex_lock(&shard->mutex);
    frame->loading = false;
    if (st != SPINE_OK) {
        frame->failed = true;
        frame->file->slots[frame->index] = 0;
        shard->other_bytes -= frame->bytes;
        if (--frame->pins == 0)
            gone = frame;
    } else if (!frame->transient) {
        shard->other_bytes -= frame->bytes;
        cache_enter_locked(shard, frame);
        gone = cache_evict_locked(shard);
    }
    condition_broadcast(&shard->loaded);
    mutex_unlock(&shard->mutex);
    frames_free(&frame_file->store->cache, gone);
}

enum spine_status
cache_check(const struct cache_frame *frame, struct spine_error *error)
{
    const struct store_file *file = frame->file;

    if (file->on_check == NULL)
        return SPINE_OK;
    return file->on_check(file, frame->index, frame->image, error);
}

/* Neighbours of a file lie in different shards. */
static struct cache_shard *
shard_of(const struct store_file *file, uint32_t index)
{
    return &file->store->cache.shards[(file->footer.id.low + index) % CACHE_SHARDS];
}

static struct cache_frame *
frame_new(struct store_file *file, uint32_t index)
{
    const size_t bytes = sizeof(struct cache_frame) + IMAGE_ALIGNMENT +
                         file->table.blocks[index].image_bytes;
    struct cache_frame *frame = mem_alloc(bytes);
    uint8_t *behind;

    if (frame == NULL)
        return NULL;
    atomic_fetch_add_explicit(&file->store->cache.bytes, bytes, memory_order_relaxed);
    *frame = (struct cache_frame){.file = file, .index = index, .bytes = bytes};
    behind = (uint8_t *)(frame + 1);
    frame->image = behind + (IMAGE_ALIGNMENT - (uintptr_t)behind % IMAGE_ALIGNMENT);
    return frame;
}

/* A list of frames, or NULL. */
static void
frames_free(struct block_cache *cache, struct cache_frame *frames)
{
    while (frames != NULL) {
        struct cache_frame *next = frames->next;

        atomic_fetch_sub_explicit(&cache->bytes, frames->bytes, memory_order_relaxed);
        mem_free(frames, frames->bytes);
        frames = next;
    }
}

/*
 * Pins the frame of a block, waiting for its read if somebody has begun one. NULL when
 * there is none, or its read failed. A hit of a merge does not make a block wanted, that
 * of a reader keeps a transient one.
 */
static struct cache_frame *
take_resident_locked(struct cache_shard *shard, struct store_file *file, uint32_t index,
                     bool transient)
{
    struct cache_frame *frame;

    if (!slot_is_frame(file->slots[index]))
        return NULL;
    frame = (struct cache_frame *)file->slots[index];
    frame->pins++;
    if (!transient) {
        shard->hits++;
        if (frame->wanted < CACHE_WANTED_MAX)
            frame->wanted++;
        frame->transient = false;
    }
    while (frame->loading)
        condition_wait(&shard->loaded, &shard->mutex);
    if (!frame->failed)
        return frame;
    if (--frame->pins == 0)
        frames_free(&file->store->cache, frame);
    return NULL;
}

/* One pin less. A list of frames to be freed. */
static struct cache_frame *
drop_pin_locked(struct cache_shard *shard, struct cache_frame *frame)
{
    assert(frame->pins > 0 && !frame->loading);
    if (--frame->pins > 0)
        return NULL;
    if (frame->transient) {
        shard->other_bytes -= frame->bytes;
        frame->file->slots[frame->index] = 0;
        return frame;
    }
    if (frame->queue == QUEUE_NONE) {
        /* A reader wanted what a merge had read. */
        shard->other_bytes -= frame->bytes;
        cache_enter_locked(shard, frame);
    }
    return cache_evict_locked(shard);
}
