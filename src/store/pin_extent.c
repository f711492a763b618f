/* SPDX-License-Identifier: MIT */

/*
 * Reading neighbours ahead: one read of the backend for an extent of blocks that are not
 * in memory.
 *
 * Blocks that another thread is reading are left out at first: a thread that waited for
 * them, while others wait for what it is reading itself, would wait for ever.
 */

#include "store/cache.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "store/codec.h"
#include "store/store_state.h"

static size_t extent_begin(struct store_file *file, uint32_t index, size_t count,
                           bool transient, struct cached_image **images);
static enum spine_status extent_read(struct store_file *file,
                                     struct cached_image **images, size_t count,
                                     bool transient, struct spine_error *error);
static enum spine_status extent_unpack(struct store_file *file,
                                       struct cached_image *cached, const uint8_t *stored,
                                       struct spine_error *error);

enum spine_status
store_pin_extent(struct store_file *file, uint32_t index, size_t count, bool transient,
                 struct cached_image **out, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;
    size_t at = 0;

    assert(index + count <= file->table.block_count);
    memset(out, 0, count * sizeof(struct cached_image *));
    while (at < count && st == SPINE_OK) {
        const uint32_t first = index + (uint32_t)at;
        uint64_t offset;
        size_t taken, bytes;

        out[at] = store_pin_resident(file, first, transient);
        if (out[at] != NULL) {
            at++;
            continue;
        }
        taken = store_file_extent(file, first, index + (uint32_t)count, UINT64_MAX,
                                  &offset, &bytes);
        taken = extent_begin(file, first, taken, transient, out + at);
        if (taken == 0) {
            /* There is no memory, or another thread reads the block: store_pin() handles
             * both. */
            st = store_pin(file, first, transient, &out[at], error);
            taken = 1;
        } else
            st = extent_read(file, out + at, taken, transient, error);
        at += taken;
    }
    if (st == SPINE_OK)
        return SPINE_OK;
    for (size_t i = 0; i < count; i++)
        if (out[i] != NULL) {
            store_unpin(out[i]);
            out[i] = NULL;
        }
    return st;
}

/* Begins the loads of blocks that have no image, from `index` on, up to the first that
 * has one. Returns their number. */
static size_t
extent_begin(struct store_file *file, uint32_t index, size_t count, bool transient,
             struct cached_image **images)
{
    size_t begun = 0;

    while (begun < count) {
        bool is_there;
        struct cached_image *cached =
            cache_begin_load(file, index + (uint32_t)begun, transient, &is_there);

        if (cached == NULL)
            break;
        images[begun++] = cached;
    }
    return begun;
}

/* Reads an extent that was begun and ends its loads: those that failed are NULL then. */
static enum spine_status
extent_read(struct store_file *file, struct cached_image **images, size_t count,
            bool transient, struct spine_error *error)
{
    const uint32_t first = images[0]->index;
    const uint64_t begin_ns = clock_now_ns();
    struct scratch pages = {0};
    const uint8_t *stored = NULL;
    uint64_t offset;
    size_t bytes;
    enum spine_status st;

    (void)store_file_extent(file, first, first + (uint32_t)count, UINT64_MAX, &offset,
                            &bytes);
    st = scratch_reserve(&pages, store_pages_bytes(file, offset, bytes), error);
    store_count(&file->store->memory, pages.capacity);
    if (st == SPINE_OK)
        st = store_read_pages(file, offset, bytes, &pages, &stored, error);
    cache_count_read(file, transient, bytes, begin_ns);
    for (size_t i = 0; i < count; i++) {
        const uint64_t at = file->table.blocks[first + i].offset - offset;

        if (st == SPINE_OK)
            st = extent_unpack(file, images[i], stored + at, error);
        cache_end_load(images[i], st);
        if (st != SPINE_OK)
            images[i] = NULL;
    }
    store_uncount(&file->store->memory, pages.capacity);
    scratch_release(&pages);
    return st;
}

static enum spine_status
extent_unpack(struct store_file *file, struct cached_image *cached, const uint8_t *stored,
              struct spine_error *error)
{
    const enum spine_status st =
        store_file_unpack(file, cached->index, stored, cached->image, error);

    return st == SPINE_OK ? cache_check(cached, error) : st;
}
