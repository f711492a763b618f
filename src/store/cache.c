/* SPDX-License-Identifier: MIT */

/* The cache of images as its users see it: pinning a block, reading it if it is not
 * there, and letting go of it. Which images leave is in cache_queue.c. */

#include "store/cache.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/store_state.h"

#include <string.h>

#define IMAGE_ALIGNMENT 64u
/* Of the bytes of a shard, the part that single rows may take. */
#define ROWS_PART 16u

static struct cache_shard *shard_of(const struct store_file *file, uint32_t index);
static size_t rows_wanted_locked(const struct cache_shard *shard);
static void rows_make(struct block_cache *cache, struct cache_shard *shard);
static void rows_free(struct block_cache *cache, struct kept_rows *rows);
static struct cached_image *
take_resident_locked(struct cache_shard *shard, struct store_file *file, uint32_t index,
                     bool transient, struct cached_image **gone);
static struct cached_image *
drop_pin_locked(struct cache_shard *shard, struct cached_image *cached);

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
        rows_free(cache, &shard->rows);
        condition_release(&shard->loaded);
        mutex_release(&shard->mutex);
    }
    assert(atomic_load_explicit(&cache->bytes, memory_order_relaxed) == 0);
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
        struct cached_image *evicted;
        struct kept_rows rows = {0};

        mutex_lock(&shard->mutex);
        if (shard->rows.bytes > shard->bytes_max / ROWS_PART) {
            rows = shard->rows;
            shard->rows = (struct kept_rows){0};
        }
        evicted = cache_evict_locked(shard);
        mutex_unlock(&shard->mutex);
        images_free(cache, evicted);
        rows_free(cache, &rows);
    }
}

size_t
cache_idle_bytes(const struct block_cache *cache)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < CACHE_SHARDS; i++)
        bytes += atomic_load_explicit(&cache->shards[i].idle_bytes, memory_order_relaxed);
    return bytes;
}

void
cache_forget(struct block_cache *cache, struct store_file *file)
{
    for (uint32_t index = 0; index < file_table_parts(&file->table); index++) {
        struct cache_shard *shard = shard_of(file, index);
        struct cached_image *cached = NULL;

        mutex_lock(&shard->mutex);
        if (tag_is_image(file->tags[index])) {
            cached = (struct cached_image *)file->tags[index];
            assert(cached->pins == 0 && !cached->loading);
            if (cached->queue != QUEUE_NONE)
                cache_leave_locked(shard, cached);
            else
                shard->other_bytes -= cached->bytes;
            file->tags[index] = 0;
        }
        mutex_unlock(&shard->mutex);
        images_free(cache, cached);
    }
}

enum spine_status
store_pin(struct store_file *file, uint32_t index, bool transient,
          struct cached_image **out, struct spine_error *error)
{
    struct cache_shard *shard = shard_of(file, index);
    struct cached_image *cached;
    enum spine_status st;
    uint64_t begin_ns;

    assert(index < file_table_parts(&file->table));
    *out = NULL;
    for (;;) {
        struct cached_image *gone = NULL;
        bool is_there = false;

        mutex_lock(&shard->mutex);
        cached = take_resident_locked(shard, file, index, transient, &gone);
        mutex_unlock(&shard->mutex);
        images_free(&file->store->cache, gone);
        if (cached != NULL) {
            *out = cached;
            return SPINE_OK;
        }
        cached = cache_begin_load(file, index, transient, &is_there);
        if (cached != NULL)
            break;
        if (!is_there)
            return fail_nomem(error, "a block of a file",
                              file->table.blocks[index].image_bytes);
    }
    begin_ns = clock_now_ns();
    st = store_file_read(file, index, cached->image, error);
    if (st == SPINE_OK)
        st = cache_check(cached, error);
    cache_count_read(file, transient, cached->bytes, begin_ns);
    cache_end_load(cached, st);
    if (st == SPINE_OK)
        *out = cached;
    return st;
}

struct cached_image *
store_pin_resident(struct store_file *file, uint32_t index, bool transient)
{
    struct cache_shard *shard = shard_of(file, index);
    struct cached_image *cached = NULL, *gone = NULL;

    assert(index < file_table_parts(&file->table));
    mutex_lock(&shard->mutex);
    if (tag_is_image(file->tags[index]) &&
        !((struct cached_image *)file->tags[index])->loading)
        cached = take_resident_locked(shard, file, index, transient, &gone);
    mutex_unlock(&shard->mutex);
    /* Only an image that is waited for may fail. */
    assert(gone == NULL);
    return cached;
}

bool
store_prefers_strip(struct store_file *file, uint32_t index)
{
    const struct file_block *block = &file->table.blocks[index];
    struct cache_shard *shard = shard_of(file, index);
    struct account_reads *const reads = account_reads_of(&file->payer, false);
    bool prefers;

    assert(index < file->table.block_count);
    if (block->codec != CODEC_STRIPS)
        return false;
    mutex_lock(&shard->mutex);
    prefers = cache_leaves_out_locked(shard, file, index, block->image_bytes);
    shard->misses += prefers;
    mutex_unlock(&shard->mutex);
    if (prefers && reads != NULL)
        atomic_fetch_add_explicit(&reads->misses, 1, memory_order_relaxed);
    return prefers;
}

void
store_unpin(struct cached_image *cached)
{
    struct store_file *file = cached->file;
    struct cache_shard *shard = shard_of(file, cached->index);
    struct cached_image *gone;

    mutex_lock(&shard->mutex);
    gone = drop_pin_locked(shard, cached);
    mutex_unlock(&shard->mutex);
    images_free(&file->store->cache, gone);
}

unsigned
store_wanted(struct store_file *file, uint32_t index)
{
    struct cache_shard *shard = shard_of(file, index);
    unsigned wanted = 0;

    assert(index < file_table_parts(&file->table));
    mutex_lock(&shard->mutex);
    if (tag_is_image(file->tags[index]))
        wanted = ((struct cached_image *)file->tags[index])->wanted;
    mutex_unlock(&shard->mutex);
    return wanted;
}

void
cache_count_read(struct store_file *file, bool transient, uint64_t bytes,
                 uint64_t begin_ns)
{
    struct account_reads *const reads = account_reads_of(&file->payer, transient);

    if (reads == NULL)
        return;
    atomic_fetch_add_explicit(&reads->bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&reads->ns, clock_now_ns() - begin_ns,
                              memory_order_relaxed);
}

const void *
store_image(const struct cached_image *cached)
{
    /* The holder of a pin sees an image that was read. */
    assert(!cached->loading && !cached->failed);
    return cached->image;
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
        out->bytes_max += shard->bytes_max;
        out->bytes += shard->other_bytes + shard->waiting_bytes + shard->rows.bytes;
        for (unsigned kind = QUEUE_SMALL; kind < QUEUE_KINDS; kind++)
            out->bytes += shard->queues[kind].bytes;
        mutex_unlock(&shard->mutex);
    }
}

bool
store_row_find(struct store_file *file, const struct row_place *place,
               struct kept_row *out)
{
    struct cache_shard *shard = shard_of(file, place->block);
    struct account_reads *const reads = account_reads_of(&file->payer, false);
    bool found = false;

    mutex_lock(&shard->mutex);
    if (shard->rows.set_count > 0)
        found = kept_rows_find(&shard->rows, file->footer.id.low, place, out);
    shard->hits += found;
    mutex_unlock(&shard->mutex);
    if (found && reads != NULL)
        atomic_fetch_add_explicit(&reads->hits, 1, memory_order_relaxed);
    return found;
}

void
store_row_keep(struct store_file *file, const struct row_place *place,
               const struct kept_row *row)
{
    struct cache_shard *shard = shard_of(file, place->block);
    bool lacks_room;

    mutex_lock(&shard->mutex);
    lacks_room = rows_wanted_locked(shard) > 0;
    if (shard->rows.set_count > 0)
        kept_rows_put(&shard->rows, file->footer.id.low, place, row);
    mutex_unlock(&shard->mutex);
    if (lacks_room)
        rows_make(&file->store->cache, shard);
}

/* The bytes of the table that the shard should have instead of the one it has, or 0. */
static size_t
rows_wanted_locked(const struct cache_shard *shard)
{
    const size_t bytes_max = shard->bytes_max / ROWS_PART;

    return shard->evictions > 0 && shard->rows.bytes < bytes_max / 2 ? bytes_max : 0;
}

/* A new table, which is empty. */
static void
rows_make(struct block_cache *cache, struct cache_shard *shard)
{
    struct cached_image *evicted;
    struct kept_rows rows, before;
    size_t bytes;

    mutex_lock(&shard->mutex);
    bytes = rows_wanted_locked(shard);
    mutex_unlock(&shard->mutex);
    rows = kept_rows_new(bytes);
    if (rows.set_count == 0)
        return;
    atomic_fetch_add_explicit(&cache->bytes, rows.bytes, memory_order_relaxed);
    mutex_lock(&shard->mutex);
    before = rows;
    /* Another thread may have made one, and the bound may have fallen. */
    if (rows_wanted_locked(shard) >= rows.bytes) {
        before = shard->rows;
        shard->rows = rows;
    }
    evicted = cache_evict_locked(shard);
    mutex_unlock(&shard->mutex);
    images_free(cache, evicted);
    rows_free(cache, &before);
}

static void
rows_free(struct block_cache *cache, struct kept_rows *rows)
{
    atomic_fetch_sub_explicit(&cache->bytes, rows->bytes, memory_order_relaxed);
    kept_rows_release(rows);
}

struct cached_image *
cache_begin_load(struct store_file *file, uint32_t index, bool transient, bool *is_there)
{
    struct cache_shard *shard = shard_of(file, index);
    /* Memory is asked for without the lock. */
    struct cached_image *cached =
        cached_new(&file->store->cache, index, file->table.blocks[index].image_bytes);
    struct account_reads *reads;

    assert(index < file_table_parts(&file->table));
    *is_there = false;
    if (cached == NULL)
        return NULL;
    mutex_lock(&shard->mutex);
    *is_there = tag_is_image(file->tags[index]);
    if (*is_there) {
        mutex_unlock(&shard->mutex);
        images_free(&file->store->cache, cached);
        return NULL;
    }
    cached->file = file;
    cached->pins = 1;
    cached->loading = true;
    cached->transient = transient;
    cached->tag_before = file->tags[index];
    file->tags[index] = (uintptr_t)cached;
    shard->other_bytes += cached->bytes;
    shard->misses += !transient;
    reads = account_reads_of(&file->payer, transient);
    if (reads != NULL)
        atomic_fetch_add_explicit(&reads->misses, 1, memory_order_relaxed);
    mutex_unlock(&shard->mutex);
    return cached;
}

void
cache_end_load(struct cached_image *cached, enum spine_status st)
{
    struct store_file *const cached_file = cached->file;
    struct cache_shard *shard = shard_of(cached->file, cached->index);
    struct cached_image *gone = NULL;

    mutex_lock(&shard->mutex);
    assert(cached->loading && cached->pins > 0 && cached->queue == QUEUE_NONE);
    assert(cached_file->tags[cached->index] == (uintptr_t)cached);
    cached->loading = false;
    if (st != SPINE_OK) {
        cached->failed = true;
        cached->file->tags[cached->index] = 0;
        shard->other_bytes -= cached->bytes;
        if (--cached->pins == 0)
            gone = cached;
    } else if (!cached->transient) {
        shard->other_bytes -= cached->bytes;
        cache_enter_locked(shard, cached);
        gone = cache_evict_locked(shard);
    }
    condition_broadcast(&shard->loaded);
    mutex_unlock(&shard->mutex);
    images_free(&cached_file->store->cache, gone);
}

enum spine_status
cache_check(const struct cached_image *cached, struct spine_error *error)
{
    const struct store_file *file = cached->file;

    assert(cached->loading);
    if (file->on_check == NULL)
        return SPINE_OK;
    return file->on_check(file, cached->index, cached->image, error);
}

/* Neighbours of a file lie in different shards. */
static struct cache_shard *
shard_of(const struct store_file *file, uint32_t index)
{
    return cache_shard_at(&file->store->cache, file->footer.id.low, index);
}

struct cache_shard *
cache_shard_at(struct block_cache *cache, uint64_t id, uint32_t index)
{
    return &cache->shards[(id + index) % CACHE_SHARDS];
}

size_t
cached_bytes_with(size_t image_bytes)
{
    return sizeof(struct cached_image) + IMAGE_ALIGNMENT + image_bytes;
}

struct cached_image *
cached_new(struct block_cache *cache, uint32_t index, size_t image_bytes)
{
    const size_t bytes = cached_bytes_with(image_bytes);
    struct cached_image *cached = mem_alloc(bytes);
    uint8_t *behind;

    if (cached == NULL)
        return NULL;
    atomic_fetch_add_explicit(&cache->bytes, bytes, memory_order_relaxed);
    *cached = (struct cached_image){.index = index, .bytes = bytes};
    behind = (uint8_t *)(cached + 1);
    cached->image = behind + (IMAGE_ALIGNMENT - (uintptr_t)behind % IMAGE_ALIGNMENT);
    return cached;
}

void
images_free(struct block_cache *cache, struct cached_image *images)
{
    while (images != NULL) {
        struct cached_image *next = images->next;

        atomic_fetch_sub_explicit(&cache->bytes, images->bytes, memory_order_relaxed);
        mem_free(images, images->bytes);
        images = next;
    }
}

/*
 * Pins the image of a block, waiting for its read if somebody has begun one. NULL when
 * there is none, or its read failed: then the last of those that waited has it in
 * `*gone`, to be freed without the lock. A hit of a merge does not make a block wanted; a
 * hit of a reader keeps a transient one.
 */
static struct cached_image *
take_resident_locked(struct cache_shard *shard, struct store_file *file, uint32_t index,
                     bool transient, struct cached_image **gone)
{
    struct account_reads *const reads = account_reads_of(&file->payer, transient);
    struct cached_image *cached;

    if (!tag_is_image(file->tags[index]))
        return NULL;
    cached = (struct cached_image *)file->tags[index];
    if (cached->pins++ == 0 && cached->queue != QUEUE_NONE)
        cache_count_locked(&shard->idle_bytes, 0, cached->bytes);
    if (reads != NULL)
        atomic_fetch_add_explicit(&reads->hits, 1, memory_order_relaxed);
    if (!transient) {
        shard->hits++;
        if (cached->wanted < CACHE_WANTED_MAX)
            cached->wanted++;
        cached->transient = false;
    }
    while (cached->loading)
        condition_wait(&shard->loaded, &shard->mutex);
    if (!cached->failed)
        return cached;
    if (--cached->pins == 0)
        *gone = cached;
    return NULL;
}

/* Drops a pin. Returns a list of images to be freed. */
static struct cached_image *
drop_pin_locked(struct cache_shard *shard, struct cached_image *cached)
{
    assert(cached->pins > 0 && !cached->loading);
    if (--cached->pins > 0)
        return NULL;
    if (cached->transient) {
        shard->other_bytes -= cached->bytes;
        cached->file->tags[cached->index] = 0;
        return cached;
    }
    if (cached->queue == QUEUE_NONE) {
        /* A reader wanted what a merge had read. */
        shard->other_bytes -= cached->bytes;
        cache_enter_locked(shard, cached);
    } else
        cache_count_locked(&shard->idle_bytes, cached->bytes, 0);
    return cache_evict_locked(shard);
}
