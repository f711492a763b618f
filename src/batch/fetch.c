/* SPDX-License-Identifier: MIT */

/* Single blocks and filters that a job waits for. */

#include "batch/fetch.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/fence.h"

static struct fetched *
find_part(struct fetch *fetch, const struct store_file *file, uint32_t index);
static enum spine_status begin_part(struct fetch *fetch, struct store_file *file,
                                    uint32_t index, struct spine_error *error);
static enum spine_status
end_part(struct fetch *fetch, struct fetched *part, struct spine_error *error);
static void drop_oldest(struct fetch *fetch);
static void drop_part(struct fetch *fetch, size_t at);

void
fetch_release(struct fetch *fetch)
{
    const int64_t apart = mem_apart_begin();

    while (fetch->count > 0)
        drop_part(fetch, fetch->count - 1);
    mem_apart_end(apart);
}

void
fetch_free(struct fetch *fetch)
{
    if (fetch == NULL)
        return;
    fetch_release(fetch);
    mem_free(fetch, sizeof *fetch);
}

enum spine_status
fetch_part(struct fetch *fetch, struct store_file *file, uint32_t index,
           struct spine_error *error)
{
    const int64_t apart = mem_apart_begin();
    struct fetched *part = find_part(fetch, file, index);
    enum spine_status st = SPINE_OK;

    assert(index < file_table_parts(&file->table));
    if (fetch->waiter.runtime == NULL && !fetch->is_closed)
        goto out;
    if (part == NULL)
        TRY(begin_part(fetch, file, index, error));
    else
        TRY(end_part(fetch, part, error));
out:
    mem_apart_end(apart);
    return st;
}

enum spine_status
fetch_block(struct fetch *fetch, const struct spine_batch *batch, size_t block,
            struct spine_error *error)
{
    const struct fence *fence = &batch->fences[block];

    assert(block < batch->block_count);
    if (fence->block != NULL || fence->keeper->file == NULL)
        return SPINE_OK;
    return fetch_part(fetch, fence->keeper->file, fence->number, error);
}

bool
fetch_awaits(const struct fetch *fetch)
{
    for (size_t i = 0; i < fetch->count; i++)
        if (fetch->parts[i].extent != NULL &&
            !store_extent_has_ended(fetch->parts[i].extent))
            return true;
    return false;
}

bool
fetch_has_room(const struct fetch *fetch)
{
    bool has_room = fetch->count < FETCH_PARTS;

    for (size_t i = 0; i < fetch->count; i++)
        has_room = has_room || fetch->parts[i].extent == NULL;
    return has_room;
}

static struct fetched *
find_part(struct fetch *fetch, const struct store_file *file, uint32_t index)
{
    for (size_t i = 0; i < fetch->count; i++)
        if (fetch->parts[i].file == file && fetch->parts[i].index == index)
            return &fetch->parts[i];
    return NULL;
}

/* Pins what is in memory, and has the rest read. SPINE_OK also when nobody reads for
 * others. */
static enum spine_status
begin_part(struct fetch *fetch, struct store_file *file, uint32_t index,
           struct spine_error *error)
{
    const struct read_waiter *waiter = &fetch->waiter;
    const bool is_block = index < file->table.block_count;
    struct fetched part = {.file = file, .index = index};

    part.cached = store_pin_resident(file, index, is_block);
    if (fetch->is_closed && (part.cached == NULL || !fetch_has_room(fetch))) {
        if (part.cached != NULL)
            store_unpin(part.cached);
        return SPINE_BUSY;
    }
    if (part.cached == NULL) {
        TRY_RETURN(store_extent_new(file, index, 1, is_block, &part.extent, error));
        if (!store_extent_submit(part.extent, waiter->runtime, waiter->on_end,
                                 waiter->context)) {
            store_extent_free(part.extent);
            return SPINE_OK;
        }
    }
    if (fetch->count == FETCH_PARTS)
        drop_oldest(fetch);
    (void)store_file_ref(file);
    fetch->parts[fetch->count++] = part;
    return part.extent == NULL ? SPINE_OK : SPINE_BUSY;
}

/* What was in memory goes before what was read. */
static void
drop_oldest(struct fetch *fetch)
{
    size_t at = 0;

    while (at < fetch->count && fetch->parts[at].extent != NULL)
        at++;
    drop_part(fetch, at < fetch->count ? at : 0);
}

/* A part that failed is forgotten, so that the next call tries again. */
static enum spine_status
end_part(struct fetch *fetch, struct fetched *part, struct spine_error *error)
{
    enum spine_status st;

    if (part->extent == NULL)
        return SPINE_OK;
    if (!store_extent_has_ended(part->extent))
        return SPINE_BUSY;
    st = store_extent_finish(part->extent, error);
    if (st != SPINE_OK)
        drop_part(fetch, (size_t)(part - fetch->parts));
    return st;
}

static void
drop_part(struct fetch *fetch, size_t at)
{
    struct fetched *part = &fetch->parts[at];

    assert(at < fetch->count);
    if (part->cached != NULL)
        store_unpin(part->cached);
    store_extent_free(part->extent);
    store_file_unref(part->file);
    fetch->count--;
    memmove(part, part + 1, (fetch->count - at) * sizeof *part);
}
