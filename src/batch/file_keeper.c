/* SPDX-License-Identifier: MIT */

/*
 * Blocks that a file has: they are pinned in the cache of the store, and checked when
 * they come into it.
 */

#include "batch/fence.h"
#include "batch/twin.h"

#include "base/alloc.h"
#include "base/error.h"
#include "batch/block_facts.h"

#include <inttypes.h>

/* What the blocks of a file must be; the file's. */
struct file_check {
    struct layout layout;
    size_t count;
    struct block_facts facts[];
};

static enum spine_status on_pin(struct block_keeper *keeper, uint32_t number,
                                enum pin_use use, struct pin *out,
                                struct spine_error *error);
static void on_unpin(struct pin *pin);
static void file_keeper_free(struct block_keeper *keeper);
static enum spine_status on_check(const struct store_file *file, uint32_t index,
                                  const void *image, struct spine_error *error);
static void on_release(void *context);

static const struct block_keeper_calls calls = {on_pin, on_unpin, file_keeper_free};

enum spine_status
keeper_of_file(struct store_file *file, struct spine_batch *part,
               struct block_keeper **out, struct spine_error *error)
{
    const size_t count = part->block_count;
    struct block_keeper *keeper = mem_alloc(sizeof *keeper);
    struct file_check *check = mem_alloc(sizeof *check + count * sizeof check->facts[0]);

    if (keeper == NULL || check == NULL) {
        mem_free(keeper, sizeof *keeper);
        mem_free(check, sizeof *check + count * sizeof check->facts[0]);
        return fail_nomem(error, "what is known of a file", sizeof *check);
    }
    check->layout = part->layout;
    /* Images are checked without, and files live longer than batches. */
    check->layout.schema.key_tuple = check->layout.schema.value_tuple = NULL;
    check->count = count;
    for (size_t i = 0; i < count; i++)
        check->facts[i] = facts_of_fence(&part->layout, &part->fences[i]);
    file->on_check = on_check;
    file->on_release = on_release;
    file->check_context = check;
    store_file_holds(file,
                     sizeof *keeper + sizeof *check + count * sizeof check->facts[0]);
    *keeper = (struct block_keeper){.calls = &calls, .file = store_file_ref(file)};
    ref_init(&keeper->refs);
    *out = keeper;
    return SPINE_OK;
}

static enum spine_status
on_pin(struct block_keeper *keeper, uint32_t number, enum pin_use use, struct pin *out,
       struct spine_error *error)
{
    const int64_t apart = mem_apart_begin();
    struct cached_image *cached;
    enum spine_status st = SPINE_OK;

    TRY(store_pin(keeper->file, number, use == PIN_TO_MERGE, &cached, error));
    *out = (struct pin){.image = store_image(cached), .keeper = keeper, .handle = cached};
out:
    mem_apart_end(apart);
    return st;
}

static void
on_unpin(struct pin *pin)
{
    const int64_t apart = mem_apart_begin();

    store_unpin(pin->handle);
    mem_apart_end(apart);
}

static void
file_keeper_free(struct block_keeper *keeper)
{
    const int64_t apart = mem_apart_begin();

    keeper_twins_free(keeper);
    store_file_unref(keeper->file);
    mem_free(keeper, sizeof *keeper);
    mem_apart_end(apart);
}

static enum spine_status
on_check(const struct store_file *file, uint32_t index, const void *image,
         struct spine_error *error)
{
    const struct file_check *check = file->check_context;
    const struct file_block *block = &file->table.blocks[index];
    struct spine_error why = {0};
    struct block_facts facts;
    enum spine_status st;

    if (index >= check->count) {
        if (lookup_image_is_sound(image, block->image_bytes))
            return SPINE_OK;
        return spine_fail(error, SPINE_CORRUPT, "%s: filter %zu, at %" PRIu64 ", is none",
                          file->name, index - check->count, block->offset);
    }
    st = image_check_shape(&check->layout, image, block->image_bytes, &why);
    if (st != SPINE_OK)
        return spine_fail(error, st, "%s: block %" PRIu32 ", at %" PRIu64 ": %s",
                          file->name, index, block->offset, why.message);
    facts = facts_of_image(&check->layout, image);
    if (memcmp(&facts, &check->facts[index], sizeof facts) != 0)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: block %" PRIu32 ", at %" PRIu64
                          ": its fence says something else",
                          file->name, index, block->offset);
    return SPINE_OK;
}

static void
on_release(void *context)
{
    struct file_check *check = context;

    mem_free(check, sizeof *check + check->count * sizeof check->facts[0]);
}
