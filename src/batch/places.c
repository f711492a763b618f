/* SPDX-License-Identifier: MIT */

/*
 * Where the blocks of a batch are in files: found without a look into them, written where
 * they are nowhere, remembered with the blocks. And batches of ranges of such blocks.
 */

#include "batch/places.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/batch_writer.h"
#include "batch/block_facts.h"
#include "batch/fence.h"
#include "batch/marks.h"
#include "batch/twin.h"

/* How far ahead of the block that is looked at its twins are asked for. */
#define TWINS_AHEAD 8u
/* Batches of at least this many blocks are remembered as a whole. */
#define WHOLE_BLOCKS 64u

static void find_places(struct batch_places *places, const struct spine_store *store);
static void remember_whole(struct batch_places *places);
static void prefetch_twins(const struct spine_batch *batch, size_t at);
static bool is_encoded_fast(const struct layout *layout);
static bool column_is_word(const struct cell_layout *column);
static enum spine_status
write_missing(struct batch_places *places, bool encode, struct spine_error *error);
static enum spine_status write_block(struct batch_places *places, size_t index,
                                     struct rows *scratch, struct spine_error *error);
static enum spine_status check_ranges(const struct batch_range *ranges,
                                      size_t range_count, size_t *blocks,
                                      struct spine_error *error);
static enum spine_status append_fence(struct spine_batch *batch, const struct fence *from,
                                      const uint64_t *marks, struct spine_error *error);

enum spine_status
batch_places_new(struct spine_batch *batch, const struct spine_store *store,
                 struct batch_places **out, struct spine_error *error)
{
    const size_t bytes =
        sizeof(struct batch_places) + batch->block_count * sizeof(struct batch_place);
    struct batch_places *places = mem_zalloc(bytes);
    const struct file_twin *whole;

    *out = places;
    if (places == NULL)
        return fail_nomem(error, "the places of blocks", bytes);
    places->batch = spine_batch_ref(batch);
    places->count = batch->block_count;
    whole = batch_twin_in_store(batch, store);
    if (whole == NULL)
        find_places(places, store);
    else
        for (size_t i = 0; i < places->count; i++)
            places->places[i] = (struct batch_place){block_keeper_ref(whole->keeper),
                                                     whole->number + (uint32_t)i};
    return SPINE_OK;
}

static void
find_places(struct batch_places *places, const struct spine_store *store)
{
    const struct spine_batch *batch = places->batch;

    for (size_t i = 0; i < places->count; i++) {
        const struct fence *fence = &batch->fences[i];
        const bool is_there =
            fence->block == NULL && twin_is_reliable(fence->keeper, store);
        const struct file_twin *twin = is_there ? NULL : twin_in_store(fence, store);
        struct batch_place *place = &places->places[i];

        prefetch_twins(batch, i);
        if (is_there)
            *place = (struct batch_place){block_keeper_ref(fence->keeper), fence->number};
        else if (twin != NULL)
            *place = (struct batch_place){block_keeper_ref(twin->keeper), twin->number};
        else {
            places->missing++;
            places->missing_rows += fence->rows;
            places->missing_bytes += fence->bytes;
        }
    }
}

/* A fence leads to its block, that to its twin, and where the batch is large none of them
 * is in a cache of the processor: memory is asked for all before they are looked at. */
static void
prefetch_twins(const struct spine_batch *batch, size_t at)
{
    const size_t near = at + TWINS_AHEAD, far = near + TWINS_AHEAD;
    const struct fence *fences = batch->fences;

    if (far + TWINS_AHEAD < batch->block_count)
        __builtin_prefetch(&fences[far + TWINS_AHEAD].block);
    if (far < batch->block_count && fences[far].block != NULL)
        __builtin_prefetch(&fences[far].block->twins);
    if (near < batch->block_count && fences[near].block != NULL)
        __builtin_prefetch(twins_first(&fences[near].block->twins));
}

enum spine_status
batch_places_write(struct batch_places *places, struct spine_store *store,
                   const struct batch_places_options *how, struct spine_error *error)
{
    const struct layout *layout = &places->batch->layout;
    static const struct store_waiter own = {.by_own_thread = true};
    const bool is_large =
        how->pack == NULL && places->missing_bytes >= STORE_OWN_THREAD_BYTES;
    const struct batch_writer_options options = {.lookup = how->lookup,
                                                 .waiter = is_large ? &own : NULL,
                                                 .rows_max = places->missing_rows};

    assert(places->missing > 0 && places->writer == NULL);
    if (how->pack != NULL)
        TRY_RETURN(
            batch_writer_new_in(how->pack, layout, &options, &places->writer, error));
    else
        TRY_RETURN(batch_writer_new(store, layout, &options, &places->writer, error));
    TRY_RETURN(write_missing(places, how->encode && is_encoded_fast(layout), error));
    TRY_RETURN(batch_writer_end(places->writer, places->part, error));
    places->missing = 0;
    places->missing_rows = 0;
    places->missing_bytes = 0;
    return SPINE_OK;
}

/* Another batch has a reference of its own to each of its blocks in memory. */
bool
batch_places_share(const struct batch_places *places)
{
    const struct spine_batch *part = places->part;

    for (size_t i = 0; i < part->block_count; i++) {
        struct block *block = part->fences[i].block;

        if (block == NULL || ref_count(&block->refs) > 1)
            return true;
    }
    return false;
}

enum spine_status
batch_places_finish(struct batch_places *places, struct spine_error *error)
{
    struct batch_writer *writer = places->writer;
    struct block_keeper *keeper;
    uint32_t number = 0;

    assert(writer != NULL && places->missing == 0 && places->written == NULL);
    places->writer = NULL;
    TRY_RETURN(batch_writer_finish(writer, places->part, &keeper, error));
    batch_part_free(places->part);
    places->part = NULL;
    for (size_t i = 0; i < places->count; i++)
        if (places->places[i].keeper == NULL)
            places->places[i] = (struct batch_place){block_keeper_ref(keeper), number++};
    places->written = keeper->file;
    block_keeper_unref(keeper);
    return SPINE_OK;
}

void
batch_places_remember(struct batch_places *places)
{
    bool all = true;

    assert(places->missing == 0);
    if (places->is_remembered)
        return;
    for (size_t i = 0; places->written != NULL && i < places->count; i++) {
        const struct batch_place *place = &places->places[i];

        if (place->keeper->file == places->written &&
            !twin_remember(&places->batch->fences[i], place->keeper, place->number))
            all = false;
    }
    places->is_remembered = all;
    if (all && places->written != NULL && places->count >= WHOLE_BLOCKS)
        remember_whole(places);
}

/* If all blocks lie in one file as they do in the batch. */
static void
remember_whole(struct batch_places *places)
{
    const struct batch_place *first = &places->places[0];

    for (size_t i = 1; i < places->count; i++)
        if (places->places[i].keeper->file != first->keeper->file ||
            places->places[i].number != first->number + i)
            return;
    batch_twin_remember(places->batch, first->keeper, first->number);
}

void
batch_places_free(struct batch_places *places)
{
    if (places == NULL)
        return;
    batch_writer_abort(places->writer);
    batch_part_free(places->part);
    for (size_t i = 0; i < places->count; i++)
        block_keeper_unref(places->places[i].keeper);
    spine_batch_unref(places->batch);
    mem_free(places, sizeof *places + places->count * sizeof places->places[0]);
}

struct store_file *
batch_place(const struct batch_places *places, size_t index, uint32_t *number)
{
    assert(index < places->count && places->places[index].keeper != NULL);
    *number = places->places[index].number;
    return places->places[index].keeper->file;
}

enum spine_status
batch_of_ranges(const struct layout *layout, const struct batch_range *ranges,
                size_t range_count, struct spine_batch **out, struct spine_error *error)
{
    struct spine_batch *batch = NULL;
    size_t blocks;
    enum spine_status st;

    *out = NULL;
    TRY(check_ranges(ranges, range_count, &blocks, error));
    batch = batch_alloc(layout, blocks);
    if (batch == NULL)
        return fail_nomem(error, "a batch", batch_bytes(layout, blocks));
    batch->block_count = 0;
    for (size_t r = 0; r < range_count; r++)
        for (size_t i = 0; i < ranges[r].count; i++) {
            const struct spine_batch *from = ranges[r].batch;
            const size_t index = ranges[r].first + i;

            TRY(append_fence(batch, &from->fences[index],
                             from->marks != NULL ? from->marks + 1 + index * BLOCK_MARKS
                                                 : NULL,
                             error));
        }
    batch_changed_places(batch);
    *out = batch;
    batch = NULL;
out:
    if (batch != NULL) {
        /* It has memory for all its blocks; the fences behind are zero. */
        batch->block_count = blocks;
        spine_batch_unref(batch);
    }
    return st;
}

/* Words become frames in less time than a disk takes for what that saves. */
static bool
is_encoded_fast(const struct layout *layout)
{
    return !layout->key.spans && !layout->value.spans &&
           (column_is_word(&layout->key) || column_is_word(&layout->value));
}

static bool
column_is_word(const struct cell_layout *column)
{
    return column->shape == SHAPE_WORD4 || column->shape == SHAPE_WORD8;
}

/* The blocks that are written become a part, a batch of its own. */
static enum spine_status
write_missing(struct batch_places *places, bool encode, struct spine_error *error)
{
    const struct spine_batch *batch = places->batch;
    struct rows scratch = {0};
    enum spine_status st = SPINE_OK;

    places->part = batch_part_new(&batch->layout, places->missing);
    if (places->part == NULL)
        return fail_nomem(error, "a batch", batch_bytes(&batch->layout, places->missing));
    for (size_t i = 0; i < places->count; i++)
        if (places->places[i].keeper == NULL)
            TRY(write_block(places, i, encode ? &scratch : NULL, error));
out:
    rows_release(&batch->layout, &scratch);
    if (st != SPINE_OK) {
        /* It is freed by the number of its blocks. */
        places->part->block_count = places->missing;
    }
    return st;
}

/* With `scratch`, the file has the block encoded, if there is memory for that. */
static enum spine_status
write_block(struct batch_places *places, size_t index, struct rows *scratch,
            struct spine_error *error)
{
    const struct spine_batch *batch = places->batch;
    struct fence in_file = batch->fences[index];
    struct block *encoded = NULL;
    struct pin pin;
    enum spine_status st;

    TRY_RETURN(fence_pin(&in_file, PIN_TO_MERGE, &pin, error));
    if (scratch != NULL && !in_file.encoded &&
        block_encode(&batch->layout, pin.image, scratch, &encoded) == SPINE_OK) {
        const struct block_facts facts =
            facts_of_image(&batch->layout, block_image(encoded));

        facts_to_fence(&facts, &in_file);
    }
    st = batch_writer_block(places->writer,
                            encoded != NULL ? block_image(encoded) : pin.image, error);
    block_unref(encoded);
    pin_release(&pin);
    if (st == SPINE_OK)
        batch_part_push(places->part, &in_file,
                        batch->marks != NULL ? batch->marks + 1 + index * BLOCK_MARKS
                                             : NULL);
    return st;
}

static enum spine_status
check_ranges(const struct batch_range *ranges, size_t range_count, size_t *blocks,
             struct spine_error *error)
{
    *blocks = 0;
    for (size_t r = 0; r < range_count; r++) {
        const struct batch_range *range = &ranges[r];

        if (range->count == 0 || range->first >= range->batch->block_count ||
            range->count > range->batch->block_count - range->first)
            return spine_fail(
                error, SPINE_CORRUPT, "there are no blocks %zu to %zu, there are %zu",
                range->first, range->first + range->count, range->batch->block_count);
        *blocks += range->count;
    }
    return SPINE_OK;
}

/* Appends the block of a fence of another batch. */
static enum spine_status
append_fence(struct spine_batch *batch, const struct fence *from, const uint64_t *marks,
             struct spine_error *error)
{
    const struct layout *layout = &batch->layout;
    struct fence *to = &batch->fences[batch->block_count];
    const size_t index = batch->block_count;

    if (index > 0) {
        const struct row_code last = fence_last(to - 1), first = fence_first(from);

        if (row_code_compare(layout, &last, &first) > 0)
            return spine_fail(error, SPINE_CORRUPT, "block %zu is out of order", index);
    }
    if (fence_copy(to, from) != SPINE_OK)
        return fail_nomem(error, "the cells of a fence", fence_cells_bytes(from));
    to->row_begin = batch->info.rows;
    to->continues = index > 0 && fence_continues(layout, to - 1, to);
    to->judged = false;
    if (batch->marks != NULL) {
        if (index == 0)
            batch->marks[0] = marks_word(layout, to->first_hi);
        memcpy(batch->marks + 1 + index * BLOCK_MARKS, marks,
               BLOCK_MARKS * sizeof *marks);
    }
    batch->block_count++;
    batch->has_frames = batch->has_frames || to->key_framed;
    batch->info.rows += to->rows;
    batch->info.keys += to->keys - to->continues;
    batch->info.negative_rows += to->negative_rows;
    return SPINE_OK;
}
