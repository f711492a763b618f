/* SPDX-License-Identifier: MIT */

/* Extents, blocks side by side that are read together: by a job of a runtime, or by the
 * thread that needs them first. */

#include "store/store_extent.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/store_state.h"

static void extent_on_do(struct store_task *task);
static void read_extent(struct store_extent *extent);
static void extent_free(struct store_extent *extent);
static size_t extent_bytes(size_t count);

enum spine_status
store_extent_new(struct store_file *file, uint32_t index, uint32_t count, bool transient,
                 struct store_extent **out, struct spine_error *error)
{
    struct store_extent *extent = mem_zalloc(extent_bytes(count));

    assert(count > 0);
    assert(index + count <= file->table.block_count ||
           (count == 1 && index < file_table_parts(&file->table)));
    *out = extent;
    if (extent == NULL)
        return fail_nomem(error, "an extent of blocks", extent_bytes(count));
    extent->file = store_file_ref(file);
    store_count(&file->store->memory, extent_bytes(count));
    extent->index = index;
    extent->count = count;
    extent->transient = transient;
    if (transient)
        for (uint32_t i = 0; i < count; i++)
            extent->merge_bytes += file->table.blocks[index + i].image_bytes;
    store_count(&file->store->merge_memory, extent->merge_bytes);
    return SPINE_OK;
}

bool
store_extent_submit(struct store_extent *extent, const struct spine_runtime *runtime,
                    void (*on_end)(void *context), void *context)
{
    assert(extent->state == EXTENT_IDLE);
    extent->on_end = on_end;
    extent->context = context;
    extent->task.on_do = extent_on_do;
    extent->state = EXTENT_SUBMITTED;
    if (store_work_read(extent->file->store, &extent->task, runtime))
        return true;
    extent->state = EXTENT_IDLE;
    return false;
}

bool
store_extent_has_ended(const struct store_extent *extent)
{
    return atomic_load_explicit(&extent->state, memory_order_acquire) == EXTENT_ENDED;
}

enum spine_status
store_extent_finish(struct store_extent *extent, struct spine_error *error)
{
    struct store_work *work = &extent->file->store->work;
    bool is_mine;

    mutex_lock(&work->mutex);
    is_mine = extent->state == EXTENT_IDLE ||
              store_work_take_back_locked(&work->locked.reads, &extent->task);
    if (is_mine) {
        extent->state = EXTENT_SUBMITTED;
        extent->on_end = NULL;
    }
    mutex_unlock(&work->mutex);
    if (is_mine)
        read_extent(extent);
    mutex_lock(&work->mutex);
    while (extent->state != EXTENT_ENDED)
        condition_wait(&work->ended, &work->mutex);
    mutex_unlock(&work->mutex);
    assert(extent->status != SPINE_OK || extent->images[extent->count - 1] != NULL);
    if (extent->status != SPINE_OK && error != NULL)
        *error = extent->error;
    return extent->status;
}

void
store_extent_free(struct store_extent *extent)
{
    struct store_work *work;
    bool is_read = false;

    if (extent == NULL)
        return;
    work = &extent->file->store->work;
    mutex_lock(&work->mutex);
    if (!store_work_take_back_locked(&work->locked.reads, &extent->task) &&
        extent->state == EXTENT_SUBMITTED) {
        extent->is_abandoned = true;
        is_read = true;
    }
    while (!is_read && extent->is_telling)
        condition_wait(&work->ended, &work->mutex);
    mutex_unlock(&work->mutex);
    if (!is_read)
        extent_free(extent);
}

static void
extent_on_do(struct store_task *task)
{
    read_extent((struct store_extent *)(void *)task);
}

/* Reads an extent, ends and tells it. */
static void
read_extent(struct store_extent *extent)
{
    struct store_work *work = &extent->file->store->work;
    bool is_abandoned, is_telling;

    if (extent->count == 1)
        extent->status = store_pin(extent->file, extent->index, extent->transient,
                                   &extent->images[0], &extent->error);
    else
        extent->status =
            store_pin_extent(extent->file, extent->index, extent->count,
                             extent->transient, extent->images, &extent->error);
    mutex_lock(&work->mutex);
    is_abandoned = extent->is_abandoned;
    is_telling = !is_abandoned && extent->on_end != NULL;
    extent->is_telling = is_telling;
    atomic_store_explicit(&extent->state, EXTENT_ENDED, memory_order_release);
    condition_broadcast(&work->ended);
    mutex_unlock(&work->mutex);
    /* The extent may be gone from here on, unless its end is told now. */
    if (is_abandoned)
        extent_free(extent);
    else if (is_telling) {
        extent->on_end(extent->context);
        mutex_lock(&work->mutex);
        extent->is_telling = false;
        condition_broadcast(&work->ended);
        mutex_unlock(&work->mutex);
    }
}

static void
extent_free(struct store_extent *extent)
{
    for (uint32_t i = 0; i < extent->count; i++)
        if (extent->images[i] != NULL)
            store_unpin(extent->images[i]);
    store_uncount(&extent->file->store->memory, extent_bytes(extent->count));
    store_uncount(&extent->file->store->merge_memory, extent->merge_bytes);
    store_file_unref(extent->file);
    mem_free(extent, extent_bytes(extent->count));
}

static size_t
extent_bytes(size_t count)
{
    return sizeof(struct store_extent) + count * sizeof(struct cached_image *);
}
