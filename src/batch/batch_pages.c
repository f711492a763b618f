/* SPDX-License-Identifier: MIT */
#include "batch/block.h"

#include "base/pages.h"

/* The pages of smaller batches are at hand. */
#define BATCH_BYTES_MIN (2 * LARGE_PAGE_BYTES)
/* So many searches lose on small pages what it costs to make a large one. */
#define SEARCHES_PER_PAGE 2048u

static void enlarge(const struct spine_batch *batch, size_t begin, size_t end);

void
batch_searched(struct spine_batch *batch, uint64_t count)
{
    const uint64_t pages = batch->info.bytes / LARGE_PAGE_BYTES;
    uint64_t before;

    if (batch->info.bytes < BATCH_BYTES_MIN ||
        atomic_load_explicit(&batch->searches, memory_order_relaxed) >=
            pages * SEARCHES_PER_PAGE)
        return;
    before = atomic_fetch_add_explicit(&batch->searches, count, memory_order_relaxed);
    /* Whose searches are enough for the next share of the blocks pays for it. */
    for (uint64_t page = before / SEARCHES_PER_PAGE;
         page < (before + count) / SEARCHES_PER_PAGE && page < pages; page++)
        enlarge(batch, batch->fence_count * page / pages,
                batch->fence_count * (page + 1) / pages);
}

static void
enlarge(const struct spine_batch *batch, size_t begin, size_t end)
{
    uintptr_t last = 0;

    for (size_t i = begin; i < end; i++) {
        struct block *const block = batch->fences[i].block;
        const uintptr_t page = (uintptr_t)block / LARGE_PAGE_BYTES;

        if (page != last)
            pages_enlarge(block);
        last = page;
    }
}
