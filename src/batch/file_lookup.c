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
/* A filter has about this part of the bytes of its blocks. */
#define FILTER_PART 8u

static bool filters_pay(const struct block_keeper *keeper);
static enum spine_status pin_filter(struct asked_lookup *asked, const struct fence *fence,
                                    struct spine_error *error);
static bool read_pays(const struct block_keeper *keeper, size_t together);

enum spine_status
file_ask(struct asked_lookup *asked, const struct fence *fence,
         const struct cell_layout *column, const struct cell *key,
         enum file_answer *answer, struct spine_error *error)
{
    struct store_file *const file = fence->keeper->file;

    *answer = FILE_NOT_ASKED;
    if (file == NULL || file->table.filter_count == 0 || !filters_pay(fence->keeper))
        return SPINE_OK;
    if (!asked_lookup_has(asked, fence)) {
        TRY_RETURN(pin_filter(asked, fence, error));
        if (asked->cached == NULL)
            return SPINE_OK;
    }
    *answer = lookup_image_maybe(store_image(asked->cached), key->word,
                                 lookup_hash(column, key))
                  ? FILE_SAYS_MAYBE
                  : FILE_RULES_OUT;
    return SPINE_OK;
}

bool
asked_lookup_has(const struct asked_lookup *asked, const struct fence *fence)
{
    return asked->cached != NULL && asked->file == fence->keeper->file &&
           fence->number >= asked->begin && fence->number < asked->end;
}

/* Pins the filter of the block instead of the one before; none, if that is not in memory
 * and not worth a read. */
static enum spine_status
pin_filter(struct asked_lookup *asked, const struct fence *fence,
           struct spine_error *error)
{
    struct store_file *const file = fence->keeper->file;
    const uint32_t number = file_filter_of(file, fence->number);
    const uint32_t part = file->table.block_count + number;
    const struct file_block *const filter = &file->table.blocks[part];
    const int64_t apart = mem_apart_begin();
    enum spine_status st = SPINE_OK;

    asked_lookup_release(asked);
    if (!read_pays(fence->keeper, asked->together))
        asked->cached = store_pin_resident(file, part, false);
    else {
        if (asked->fetch != NULL)
            st = fetch_part(asked->fetch, file, part, error);
        if (st == SPINE_OK)
            st = store_pin(file, part, false, &asked->cached, error);
    }
    mem_apart_end(apart);
    asked->file = file;
    asked->begin = filter->first_block;
    asked->end = number + 1 < file->table.filter_count ? filter[1].first_block
                                                       : file->table.block_count;
    return st;
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
    *asked = (struct asked_lookup){.fetch = asked->fetch, .together = asked->together};
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

/* Does a filter that has to be read save more than that, when `together` keys are looked
 * for in each of its blocks? It saves a block when all of these are absent. */
static bool
read_pays(const struct block_keeper *keeper, size_t together)
{
    const uint32_t found = atomic_load_explicit(&keeper->found, memory_order_relaxed);
    const uint32_t absent = atomic_load_explicit(&keeper->absent, memory_order_relaxed);
    double saved = FILTER_PART;

    if (together > 1 && found > 0)
        for (size_t i = 0; i < together && saved >= 1; i++)
            saved *= (double)absent / ((double)absent + found);
    return saved >= 1;
}
