/* SPDX-License-Identifier: MIT */
#ifndef STORE_CACHE_H
#define STORE_CACHE_H

/*
 * The cache of block images: bounded by bytes, sharded, one read per block however many
 * readers want it.
 *
 * S3-FIFO (Yang, Zhang, Qiu, Yue, Vigfusson: "FIFO queues are all you need for cache
 * eviction", SOSP 2023): a block that is new waits in a small queue, a tenth of the
 * bytes. If it was wanted again when it comes to the end there, it goes on to the main
 * queue, otherwise it leaves and only its number is remembered for a while (it is a
 * *ghost*). A ghost that is wanted goes to the main queue at once. At the end of the main
 * queue, what was wanted since it came there begins anew, the rest leaves. So a scan does
 * not push out what is read again and again, and a hit writes a byte. As long as the main
 * queue has room, blocks go there that were not wanted again, too.
 *
 *     miss --> small --wanted again--> main --not wanted--> gone
 *                |                      ^ |
 *                +--not wanted--> ghost-+ +--wanted--> main, from its beginning
 *
 * Each file has a tag per block, so finding one takes no hash table. A tag is 0, points
 * to an image, or holds the number of a ghost. An image that is pinned stays.
 *
 * A merge reads each block once and leaves it: its images are *transient*. They go with
 * their last pin, unless a reader wanted them meanwhile, and push nobody out.
 *
 * But what it writes in the place of blocks that readers want they will want, too. A
 * copy of such an image *waits* for its file, and comes to the main queue with it: nobody
 * reads what was in memory a moment ago. It stands a little lower than what it replaces,
 * so that images which are only merged, and wanted no more, get fewer.
 *
 *     written --wanted before--> waiting --the file is there--> main
 *
 * Beside images there are single rows (store/kept_rows.h).
 *
 * A shard's lock guards its queues, its rows, and the tags and images of the blocks that
 * belong to it. It is held for some instructions, never during a read.
 */

#include "base/thread.h"
#include "store/store.h"

#include <stdatomic.h>

#define CACHE_SHARDS 16u
/* How often a block can have been wanted before it leaves the main queue. */
#define CACHE_WANTED_MAX 3u

enum cache_queue_kind { QUEUE_NONE, QUEUE_SMALL, QUEUE_MAIN, QUEUE_KINDS };

/* The image of a block of a file, in memory. */
struct cached_image {
    struct cached_image *next;
    struct cached_image *previous;
    struct store_file *file; /* not a reference: a pin is one */
    uint32_t index;
    /* Users of the image, and threads that wait for its read. */
    uint32_t pins;
    uint8_t queue; /* enum cache_queue_kind */
    uint8_t wanted;
    bool loading;
    /* Its read failed; threads that wait for it look again. */
    bool failed;
    /* It goes with its last pin. */
    bool transient;
    size_t bytes; /* of the allocation */
    /* The tag of the block before this image was there. */
    uintptr_t tag_before;
    void *image;
};

/* First in, first out: the newest is `first`. */
struct cache_queue {
    struct cached_image *first;
    struct cached_image *last;
    size_t bytes;
    size_t count;
};

struct cache_shard {
    struct mutex mutex;
    /* A read of the shard has ended. */
    struct condition loaded;
    struct cache_queue queues[QUEUE_KINDS];
    /* Of images that nobody has pinned, and rows. */
    size_t bytes_max;
    struct kept_rows rows;
    /* Of transient images, and of those that are loading. */
    size_t other_bytes;
    /* Of images that wait for their file. */
    size_t waiting_bytes;
    /* Of images in queues that nobody has pinned. Only changed under the lock. */
    atomic_size_t idle_bytes;
    /* Blocks that became ghosts so far. */
    uint64_t ghosts;
    uint64_t hits, misses, evictions;
};

struct block_cache {
    /* Memory of all images and rows. */
    atomic_size_t bytes;
    struct cache_shard shards[CACHE_SHARDS];
    unsigned shard_count; /* those that have their locks */
};

enum spine_status
cache_init(struct block_cache *cache, size_t bytes_max, struct spine_error *error);
/* No image is pinned. Twice is harmless. */
void cache_release(struct block_cache *cache);
/* Sets another bound, but evicts nothing: locks may be held. */
void cache_set_bytes(struct block_cache *cache, size_t bytes_max);
/* Evicts what is above the bound. */
void cache_shrink(struct block_cache *cache);
/* What would go if the bound were 0: images that nobody has pinned. Other threads may
 * change that meanwhile. */
size_t cache_idle_bytes(const struct block_cache *cache);
/* The file goes: frees all its images, none of which is pinned. */
void cache_forget(struct block_cache *cache, struct store_file *file);

/*
 * Makes a pinned image for a block that has none, which the caller then reads into it and
 * ends the load. NULL when the block has an image by now, `*is_there`, or there is no
 * memory.
 */
struct cached_image *
cache_begin_load(struct store_file *file, uint32_t index, bool transient, bool *is_there);
/* `bytes` bytes were read of the file since `begin_ns`, for a merge if `transient`. */
void cache_count_read(struct store_file *file, bool transient, uint64_t bytes,
                      uint64_t begin_ns);
/* The image has been read, or `st` says why not; then it is gone. */
void cache_end_load(struct cached_image *cached, enum spine_status st);
/* Checks an image that came from the backend, as the owner of the file wants it. */
enum spine_status
cache_check(const struct cached_image *cached, struct spine_error *error);

/* Of part `index` of a file with this id. */
struct cache_shard *
cache_shard_at(struct block_cache *cache, uint64_t id, uint32_t index);
/* The bytes of an image in memory, with all that is known of it. */
size_t cached_bytes_with(size_t image_bytes);
/* An image that is yet to be written, of no file; NULL without memory. */
struct cached_image *
cached_new(struct block_cache *cache, uint32_t index, size_t image_bytes);
/* Frees a list of images, or NULL. */
void images_free(struct block_cache *cache, struct cached_image *images);

/* ---- cache_waiting.c ---- */

/*
 * A copy of `image`, which is part `index` of the file `id` that is being written, and of
 * which readers wanted what it takes the place of `wanted` times: it *waits* for the
 * file, and counts for the bound of the cache. NULL when others that wait have their part
 * of that, or there is no memory.
 */
struct cached_image *cache_new_waiting(struct block_cache *cache, uint64_t id,
                                       uint32_t index, const struct span *image,
                                       unsigned wanted);
/* The file of the image is there: the image is that of its part `index`, which nobody has
 * looked at yet, and comes to the main queue. */
void
cache_enter_waiting(struct store_file *file, uint32_t index, struct cached_image *cached);
/* There will be no such file. */
void
cache_drop_waiting(struct block_cache *cache, uint64_t id, struct cached_image *cached);

/* ---- cache_queue.c: the shard's lock is held ---- */

/* Puts an image where S3-FIFO has what was wanted again. */
void cache_enter_main_locked(struct cache_shard *shard, struct cached_image *cached);
/* Puts an image that was read where S3-FIFO wants it. */
void cache_enter_locked(struct cache_shard *shard, struct cached_image *cached);
void cache_leave_locked(struct cache_shard *shard, struct cached_image *cached);
/* A reader needs little of the block, which would take `bytes` bytes here. True when it
 * had better read that alone: the block is not in memory, would push out another one, and
 * was not asked for a short while ago. It is a ghost then. */
bool cache_leaves_out_locked(struct cache_shard *shard, struct store_file *file,
                             uint32_t index, size_t bytes);
/* Takes out what is above the bound and not pinned; a list of images to be freed. */
struct cached_image *cache_evict_locked(struct cache_shard *shard);

/* Changes a number that others may see without the lock. */
static inline void
cache_count_locked(atomic_size_t *bytes, size_t more, size_t less)
{
    const size_t before = atomic_load_explicit(bytes, memory_order_relaxed);

    atomic_store_explicit(bytes, before + more - less, memory_order_relaxed);
}

static inline bool
tag_is_image(uintptr_t tag)
{
    return tag != 0 && (tag & 1) == 0;
}

#endif
