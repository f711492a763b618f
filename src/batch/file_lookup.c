/* SPDX-License-Identifier: MIT */

/* The lookup filters of a file: which one has the keys of a block, whether asking pays,
 * and what it says. */

#include "batch/file_lookup.h"

#include "base/alloc.h"
#include "base/error.h"

/* Filters are asked as long as searches in vain, times this, are as many as those that
 * found their key. */
#define VAIN_WEIGHT 8u
/* When both counts together get here they are halved, so that they tell of the last
 * searches. */
#define SEARCHES_COUNTED 4096u

static bool filters_pay(const struct block_keeper *keeper);

enum spine_status
file_ask(struct asked_lookup *asked, const struct fence *fence,
         const struct cell_layout *column, const struct cell *key,
         enum file_answer *answer, struct spine_error *error)
{
    struct store_file *const file = fence->keeper->file;

    *answer = FILE_NOT_ASKED;
    if (file == NULL || file->table.filter_count == 0 || !filters_pay(fence->keeper))
        return SPINE_OK;
    if (asked->cached == NULL || asked->file != file || fence->number < asked->begin ||
        fence->number >= asked->end) {
        const uint32_t number = file_filter_of(file, fence->number);
        const struct file_block *filter =
            &file->table.blocks[file->table.block_count + number];
        const int64_t apart = mem_apart_begin();
        enum spine_status st;

        asked_lookup_release(asked);
        st = asked->fetch == NULL ? SPINE_OK
                                  : fetch_part(asked->fetch, file,
                                               file->table.block_count + number, error);
        if (st == SPINE_OK)
            st = store_pin(file, file->table.block_count + number, false, &asked->cached,
                           error);
        mem_apart_end(apart);
        if (st != SPINE_OK)
            return st;
        asked->file = file;
        asked->begin = filter->first_block;
        asked->end = number + 1 < file->table.filter_count ? filter[1].first_block
                                                           : file->table.block_count;
    }
    *answer = lookup_image_maybe(store_image(asked->cached), key->word,
                                 lookup_hash(column, key))
                  ? FILE_SAYS_MAYBE
                  : FILE_RULES_OUT;
    return SPINE_OK;
}

void
asked_lookup_prefetch(const struct asked_lookup *asked, const struct cell_layout *column,
                      const struct cell *key)
{
    if (asked->cached != NULL)
        lookup_image_prefetch(store_image(asked->cached), lookup_hash(column, key));
}

void
asked_lookup_count(const struct asked_lookup *asked, enum file_answer answer,
                   struct lookup_counts *counts)
{
    const bool rules_out = answer == FILE_RULES_OUT;

    if (answer != FILE_NOT_ASKED && counts != NULL)
        lookup_count_kind(lookup_image_kind(store_image(asked->cached)), counts,
                          rules_out, !rules_out);
}

void
asked_lookup_release(struct asked_lookup *asked)
{
    if (asked->cached != NULL) {
        const int64_t apart = mem_apart_begin();

        store_unpin(asked->cached);
        mem_apart_end(apart);
    }
    *asked = (struct asked_lookup){.fetch = asked->fetch};
}

void
file_tell_found(const struct fence *fence, uint32_t found, uint32_t absent)
{
    struct block_keeper *keeper = fence->keeper;
    uint32_t all_found, all_absent;

    if (keeper->file == NULL || keeper->file->table.filter_count == 0)
        return;
    /* What threads that tell at the same time lose of each other does not matter. */
    all_found = atomic_load_explicit(&keeper->found, memory_order_relaxed) + found;
    all_absent = atomic_load_explicit(&keeper->absent, memory_order_relaxed) + absent;
    if (all_found + all_absent >= SEARCHES_COUNTED) {
        all_found /= 2;
        all_absent /= 2;
    }
    atomic_store_explicit(&keeper->found, all_found, memory_order_relaxed);
    atomic_store_explicit(&keeper->absent, all_absent, memory_order_relaxed);
}

uint32_t
file_filter_of(const struct store_file *file, uint32_t number)
{
    const struct file_block *filters = file->table.blocks + file->table.block_count;
    uint32_t begin = 0;

    /* The last one that does not begin behind the block. */
    for (uint32_t count = file->table.filter_count; count > 1; count -= count / 2)
        begin += filters[begin + count / 2].first_block <= number ? count / 2 : 0;
    return begin;
}

static bool
filters_pay(const struct block_keeper *keeper)
{
    const uint32_t found = atomic_load_explicit(&keeper->found, memory_order_relaxed);
    const uint32_t absent = atomic_load_explicit(&keeper->absent, memory_order_relaxed);

    return VAIN_WEIGHT * absent >= found;
}
