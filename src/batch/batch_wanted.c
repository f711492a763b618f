/* SPDX-License-Identifier: MIT */

/* How much readers want blocks of a batch: of those in files the cache knows it, of those
 * in memory the batch does, of all together. */

#include "base/assert.h"
#include "batch/fence.h"

/* What is in memory is wanted when each block of it was, about so often. */
#define WANTED_TIMES 2u

static bool memory_is_wanted(const struct spine_batch *batch);

void
batch_note_asked(struct spine_batch *batch, uint64_t keys)
{
    const uint64_t blocks = keys < batch->block_count ? keys : batch->block_count;

    /* Once it is enough nobody writes what all readers share. */
    if (!memory_is_wanted(batch))
        atomic_fetch_add_explicit(&batch->blocks_asked, blocks, memory_order_relaxed);
}

void
batch_inherit_asked(struct spine_batch *heir, const struct spine_batch *batch)
{
    const uint64_t most = (uint64_t)WANTED_TIMES * batch->block_count;
    const uint64_t asked =
        atomic_load_explicit(&batch->blocks_asked, memory_order_relaxed);

    atomic_fetch_add_explicit(&heir->blocks_asked, asked < most ? asked : most,
                              memory_order_relaxed);
}

void
batch_find_wanted(const struct spine_batch *batch, size_t *from,
                  const struct row_code *first, const struct row_code *last,
                  struct wanted_blocks *out)
{
    const struct layout *layout = &batch->layout;

    if (!batch->in_files && !memory_is_wanted(batch))
        return;
    for (; *from < batch->block_count; ++*from) {
        const struct row_code end = fence_last(&batch->fences[*from]);

        if (row_code_compare(layout, &end, first) >= 0)
            break;
    }
    for (size_t i = *from; i < batch->block_count; i++) {
        const struct fence *fence = &batch->fences[i];
        const struct row_code begin = fence_first(fence);
        unsigned wanted;

        if (row_code_compare(layout, &begin, last) > 0)
            break;
        if (fence->block != NULL) {
            out->in_memory = out->in_memory || memory_is_wanted(batch);
        } else if (fence->keeper->file != NULL) {
            wanted = store_wanted(fence->keeper->file, fence->number);
            out->most = wanted > out->most ? wanted : out->most;
            out->any_in_file = true;
        }
    }
}

unsigned
wanted_most(const struct wanted_blocks *blocks)
{
    if (blocks->any_in_file)
        return blocks->most;
    return blocks->in_memory ? WANTED_TIMES : 0;
}

static bool
memory_is_wanted(const struct spine_batch *batch)
{
    const uint64_t asked =
        atomic_load_explicit(&batch->blocks_asked, memory_order_relaxed);

    return asked >= (uint64_t)WANTED_TIMES * batch->block_count;
}
