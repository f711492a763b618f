/* SPDX-License-Identifier: MIT */

/*
 * Blocks that a file has: they are pinned in the cache of the store, and checked when
 * they come into it.
 */

#include "batch/file_keeper.h"
#include "batch/file_check.h"
#include "batch/twin.h"

#include "base/alloc.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdatomic.h>

enum strips_state { STRIPS_UNKNOWN, STRIPS_ARE_WRITTEN, STRIPS_ARE_KNOWN };

/* The frames of a block that lies in strips, once it was read. */
struct known_strips {
    atomic_int state; /* enum strips_state */
    struct image_strips strips;
};

static_assert(STRIPS_HEAD_BYTES == IMAGE_HEAD_BYTES && STRIP_COUNT == BLOCK_MARKS &&
                  STRIPS_SLACK_BYTES == FRAME_SLACK && STRIP_SLACK_BYTES == FRAME_SLACK,
              "a strip has the keys of a granule, and their values");

static enum spine_status on_pin(struct block_keeper *keeper, uint32_t number,
                                enum pin_use use, struct pin *out,
                                struct spine_error *error);
static void on_unpin(struct pin *pin);
static void file_keeper_free(struct block_keeper *keeper);
static enum spine_status on_check(const struct store_file *file, uint32_t index,
                                  const void *image, struct spine_error *error);
static bool has_strips(const struct store_file *file);
static enum spine_status check_strips(const struct store_file *file, uint32_t index,
                                      const void *image, struct spine_error *error);
static void
know_strips(const struct file_check *check, uint32_t index, const void *image);
static void know_resident_strips(struct store_file *file);
static void on_release(void *context);
static void file_check_free(struct file_check *check);

static const struct block_keeper_calls calls = {on_pin, on_unpin, file_keeper_free};

enum spine_status
keeper_of_file(struct store_file *file, struct spine_batch *part,
               struct block_keeper **out, struct spine_error *error)
{
    const size_t count = part->block_count;
    struct block_keeper *keeper = mem_alloc(sizeof *keeper);
    struct file_check *check = mem_alloc(sizeof *check + count * sizeof check->facts[0]);
    const size_t strips_bytes =
        has_strips(file) ? count * sizeof(struct known_strips) : 0;

    if (check != NULL) {
        check->count = count;
        check->strips = strips_bytes > 0 ? mem_zalloc(strips_bytes) : NULL;
    }
    if (keeper == NULL || check == NULL || (strips_bytes > 0 && check->strips == NULL)) {
        mem_free(keeper, sizeof *keeper);
        file_check_free(check);
        return fail_nomem(error, "what is known of a file", sizeof *check);
    }
    check->layout = part->layout;
    /* Images are checked without, and files live longer than batches. */
    check->layout.schema.key_tuple = check->layout.schema.value_tuple = NULL;
    for (size_t i = 0; i < count; i++)
        check->facts[i] = facts_of_fence(&part->layout, &part->fences[i]);
    file->on_check = on_check;
    file->on_release = on_release;
    file->check_context = check;
    store_file_holds(file, sizeof *keeper + sizeof *check +
                               count * sizeof check->facts[0] + strips_bytes);
    *keeper = (struct block_keeper){.calls = &calls, .file = store_file_ref(file)};
    ref_init(&keeper->refs);
    if (check->strips != NULL && file->came_with_images)
        know_resident_strips(file);
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
    return block->codec == CODEC_STRIPS ? check_strips(file, index, image, error)
                                        : SPINE_OK;
}

/* Are the strips of the block those that its image is cut into? Remembers its frames. */
static enum spine_status
check_strips(const struct store_file *file, uint32_t index, const void *image,
             struct spine_error *error)
{
    const struct file_check *check = file->check_context;
    const struct file_block *block = &file->table.blocks[index];
    struct file_strips strips;

    if (!strips_of_image(&check->layout, image, &strips) ||
        memcmp(&strips, &block->strips, sizeof strips) != 0)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: block %" PRIu32 ", at %" PRIu64
                          ": is not cut as its keys and values are",
                          file->name, index, block->offset);
    know_strips(check, index, image);
    return SPINE_OK;
}

static void
know_strips(const struct file_check *check, uint32_t index, const void *image)
{
    struct known_strips *const known = &check->strips[index];
    int unknown = STRIPS_UNKNOWN;

    if (atomic_load_explicit(&known->state, memory_order_relaxed) != STRIPS_UNKNOWN ||
        !atomic_compare_exchange_strong(&known->state, &unknown, STRIPS_ARE_WRITTEN))
        return;
    (void)image_strips(&check->layout, image, &known->strips);
    atomic_store_explicit(&known->state, STRIPS_ARE_KNOWN, memory_order_release);
}

/* What came into the cache with the file is never checked. */
static void
know_resident_strips(struct store_file *file)
{
    for (uint32_t i = 0; i < file->table.block_count; i++) {
        struct cached_image *cached = NULL;

        if (file->table.blocks[i].codec == CODEC_STRIPS)
            cached = store_pin_resident(file, i, true);
        if (cached == NULL)
            continue;
        know_strips(file->check_context, i, store_image(cached));
        store_unpin(cached);
    }
}

bool
strips_of_image(const struct layout *layout, const struct image *image,
                struct file_strips *out)
{
    struct image_strips strips;

    /* Granules of other blocks are no whole bytes. */
    if (BLOCK_ROWS != STRIP_COUNT * STRIP_ROWS || !image_strips(layout, image, &strips))
        return false;
    *out = (struct file_strips){.key_bits = strips.keys.width,
                                .value_bits = strips.values.width};
    if (strips.keys_have_slack)
        out->slacks |= STRIPS_KEY_SLACK;
    if (strips.values_have_slack)
        out->slacks |= STRIPS_VALUE_SLACK;
    return true;
}

bool
file_knows_strips(const struct store_file *file, uint32_t index, struct image_strips *out)
{
    const struct file_check *check = file->check_context;
    const struct known_strips *known;

    if (check == NULL || check->strips == NULL || index >= check->count)
        return false;
    known = &check->strips[index];
    if (atomic_load_explicit(&known->state, memory_order_acquire) != STRIPS_ARE_KNOWN)
        return false;
    *out = known->strips;
    return true;
}

static bool
has_strips(const struct store_file *file)
{
    for (uint32_t i = 0; i < file->table.block_count; i++)
        if (file->table.blocks[i].codec == CODEC_STRIPS)
            return true;
    return false;
}

static void
on_release(void *context)
{
    file_check_free(context);
}

/* NULL is allowed. */
static void
file_check_free(struct file_check *check)
{
    if (check == NULL)
        return;
    if (check->strips != NULL)
        mem_free(check->strips, check->count * sizeof check->strips[0]);
    mem_free(check, sizeof *check + check->count * sizeof check->facts[0]);
}
