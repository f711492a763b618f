/* SPDX-License-Identifier: MIT */

/* Checks lookup filters of files: every key of a block is in its filter, and the filter
 * made anew has the same bytes. */

#include "batch/lookup_check.h"

#include "base/alloc.h"
#include "base/error.h"
#include "batch/file_lookup.h"
#include "batch/key_codes.h"

#include <inttypes.h>

static enum spine_status check_keys(struct lookup_check *check,
                                    const struct spine_batch *batch,
                                    const struct fence *fence, const struct image *image,
                                    const void *filter, struct spine_error *error);
static enum spine_status remake(struct lookup_check *check,
                                const struct spine_batch *batch,
                                const struct fence *fence, size_t keys,
                                const void *filter, struct spine_error *error);
static enum spine_status
compare(struct lookup_check *check, const void *filter, struct spine_error *error);
static uint32_t end_of(const struct store_file *file, uint32_t number);

enum spine_status
lookup_check_block(struct lookup_check *check, const struct spine_batch *batch,
                   size_t index, const struct image *image, struct spine_error *error)
{
    const struct fence *fence = &batch->fences[index];
    struct cached_image *cached = NULL;
    struct store_file *file;
    enum spine_status st;

    if (fence->block != NULL || fence->keeper->file == NULL ||
        fence->keeper->file->table.filter_count == 0)
        return SPINE_OK;
    file = fence->keeper->file;
    TRY(store_pin(file, file->table.block_count + file_filter_of(file, fence->number),
                  true, &cached, error));
    TRY(check_keys(check, batch, fence, image, store_image(cached), error));
    TRY(remake(check, batch, fence, image->key_count, store_image(cached), error));
out:
    if (cached != NULL)
        store_unpin(cached);
    return st;
}

void
lookup_check_release(struct lookup_check *check)
{
    lookup_unref(check->lookup);
    check->lookup = NULL;
    mem_free(check->image, check->image_capacity);
    check->image = NULL;
    check->image_capacity = 0;
}

/* The codes of the keys are there afterwards. */
static enum spine_status
check_keys(struct lookup_check *check, const struct spine_batch *batch,
           const struct fence *fence, const struct image *image, const void *filter,
           struct spine_error *error)
{
    const struct cell_layout *layout = &batch->layout.key;
    const struct store_file *file = fence->keeper->file;
    const struct column keys = image_keys(image);

    if (!key_codes(layout, &keys, 0, image->key_count, check->codes))
        return fail_nomem(error, "keys of a lookup filter", image->key_count);
    for (size_t i = 0; i < image->key_count; i++) {
        const uint64_t code = check->codes[i];
        const uint64_t hash = key_codes_are_words(layout) ? lookup_mix(code) : code;

        if (!lookup_image_maybe(filter, code, hash))
            return spine_fail(error, SPINE_CORRUPT,
                              "%s: filter %" PRIu32 " denies a key of block %" PRIu32,
                              file->name, file_filter_of(file, fence->number),
                              fence->number);
    }
    return SPINE_OK;
}

/* Adds the keys, which are in the filter, to the one that is made anew, if all of its
 * blocks so far were seen. */
static enum spine_status
remake(struct lookup_check *check, const struct spine_batch *batch,
       const struct fence *fence, size_t keys, const void *filter,
       struct spine_error *error)
{
    const struct store_file *file = fence->keeper->file;
    const uint32_t number = file_filter_of(file, fence->number);
    const struct file_table *table = &file->table;
    const struct file_block *entry = &table->blocks[table->block_count + number];
    const bool begins = fence->number == entry->first_block;
    size_t first = 0;
    enum spine_status st = SPINE_OK;

    if (begins || check->file != file || check->number != number ||
        check->next_block != fence->number) {
        lookup_unref(check->lookup);
        check->lookup = NULL;
    }
    if (begins) {
        if (lookup_new_like(&check->lookup, filter) != SPINE_OK)
            return fail_nomem(error, "a lookup filter", entry->image_bytes);
        check->keys = 0;
        check->file = file;
        check->number = number;
    }
    if (check->lookup == NULL)
        return SPINE_OK;
    /* The block before may end with the same key. */
    first = check->keys > 0 && check->codes[0] == check->last_code;
    key_codes_add(&batch->layout.key, check->codes + first, keys - first, check->lookup);
    check->keys += keys - first;
    check->last_code = check->codes[keys - 1];
    check->next_block = fence->number + 1;
    if (check->next_block == end_of(file, number))
        st = compare(check, filter, error);
    return st;
}

/* The filter is made. */
static enum spine_status
compare(struct lookup_check *check, const void *filter, struct spine_error *error)
{
    const struct file_table *table = &check->file->table;
    const uint32_t bytes = table->blocks[table->block_count + check->number].image_bytes;
    enum spine_status st;

    TRY(lookup_finish(check->lookup));
    if (lookup_image_bytes(check->lookup) == bytes) {
        if (!array_reserve(&check->image, &check->image_capacity, 1, bytes))
            st = SPINE_NOMEM;
        TRY(st);
        lookup_image_write(check->lookup, check->keys, check->image);
        if (memcmp(check->image, filter, bytes) == 0)
            goto out;
    }
    st =
        spine_fail(error, SPINE_CORRUPT, "%s: filter %" PRIu32 " is not that of its keys",
                   check->file->name, check->number);
out:
    lookup_unref(check->lookup);
    check->lookup = NULL;
    if (st == SPINE_NOMEM)
        return fail_nomem(error, "a lookup filter", bytes);
    return st;
}

/* The block behind the last one of a filter. */
static uint32_t
end_of(const struct store_file *file, uint32_t number)
{
    const struct file_table *table = &file->table;

    return number + 1 < table->filter_count
               ? table->blocks[table->block_count + number + 1].first_block
               : table->block_count;
}
