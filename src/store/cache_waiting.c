/* SPDX-License-Identifier: MIT */

/* Images that wait for the file that they are written to. */

#include "store/cache.h"

#include "base/assert.h"
#include "store/store_state.h"

/* Of the bytes of a shard, the part that images may take that wait. */
#define WAITING_PART 4u

static void waits_no_more(struct cache_shard *shard, size_t bytes);

struct cached_image *
cache_new_waiting(struct block_cache *cache, uint64_t id, uint32_t index,
                  const struct span *image, unsigned wanted)
{
    struct cache_shard *shard = cache_shard_at(cache, id, index);
    const size_t bytes = cached_bytes_with(image->size);
    struct cached_image *cached = NULL, *gone = NULL;
    bool has_room;

    assert(wanted > 0);
    mutex_lock(&shard->mutex);
    has_room = shard->waiting_bytes + bytes <= shard->bytes_max / WAITING_PART;
    if (has_room) {
        shard->waiting_bytes += bytes;
        gone = cache_evict_locked(shard);
    }
    mutex_unlock(&shard->mutex);
    images_free(cache, gone);
    if (!has_room)
        return NULL;
    cached = cached_new(cache, index, image->size);
    if (cached == NULL) {
        waits_no_more(shard, bytes);
        return NULL;
    }
    /* As long as nobody wants it in its new place it stands a little lower each time. */
    cached->wanted = (uint8_t)(wanted - 1);
    memcpy(cached->image, image->data, image->size);
    return cached;
}

void
cache_enter_waiting(struct store_file *file, uint32_t index, struct cached_image *cached)
{
    struct block_cache *cache = &file->store->cache;
    struct cache_shard *shard = cache_shard_at(cache, file->footer.id.low, index);
    struct cached_image *gone;

    waits_no_more(cache_shard_at(cache, file->footer.id.low, cached->index),
                  cached->bytes);
    cached->file = file;
    cached->index = index;
    cached->next = NULL;
    mutex_lock(&shard->mutex);
    assert(file->tags[index] == 0);
    file->tags[index] = (uintptr_t)cached;
    cache_enter_main_locked(shard, cached);
    gone = cache_evict_locked(shard);
    mutex_unlock(&shard->mutex);
    images_free(cache, gone);
}

void
cache_drop_waiting(struct block_cache *cache, uint64_t id, struct cached_image *cached)
{
    waits_no_more(cache_shard_at(cache, id, cached->index), cached->bytes);
    cached->next = NULL;
    images_free(cache, cached);
}

static void
waits_no_more(struct cache_shard *shard, size_t bytes)
{
    mutex_lock(&shard->mutex);
    assert(shard->waiting_bytes >= bytes);
    shard->waiting_bytes -= bytes;
    mutex_unlock(&shard->mutex);
}
