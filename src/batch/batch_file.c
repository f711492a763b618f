/* SPDX-License-Identifier: MIT */

/* Batches and files: a batch of an open file; a batch that is written to a file, or the
 * blocks of it that are chosen; and parts of batches, whose blocks go to a file. */

#include "batch/batch_file.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/batch_sections.h"
#include "batch/batch_writer.h"
#include "batch/file_keeper.h"
#include "batch/marks.h"
#include "batch/twin.h"

#include <inttypes.h>

static enum spine_status
open_batch(struct store_file *file, struct spine_batch **out, struct spine_error *error);
static enum spine_status decode_section(struct store_file *file, enum batch_section kind,
                                        struct spine_batch *batch,
                                        struct spine_error *error);
static enum spine_status read_counts(struct store_file *file, struct layout *layout,
                                     struct spine_batch_info *info,
                                     struct spine_error *error);
static enum spine_status read_section(struct store_file *file, enum batch_section kind,
                                      struct span *out, struct spine_error *error);
static void section_release(struct span *section);
static enum spine_status fail_file(const struct store_file *file,
                                   const struct spine_error *why,
                                   struct spine_error *error);
static struct block_move *choose(const struct spine_batch *batch,
                                 const struct spine_store *store,
                                 struct batch_moves chosen);
static struct spine_batch *
part_new(const struct spine_batch *batch, const struct block_move *moves);
static void apply_moves(struct spine_batch *batch, const struct block_move *moves,
                        struct block_keeper *keeper);

/* What becomes of a block: it is written, or leaves memory for the twin that it had when
 * that was decided, or stays. */
struct block_move {
    bool is_written;
    const struct file_twin *twin;
};

enum spine_status
batch_of_file(struct store_file *file, struct spine_batch **out,
              struct spine_error *error)
{
    struct spine_batch *batch = NULL;
    struct block_keeper *keeper = NULL;
    enum spine_status st;

    *out = NULL;
    TRY(open_batch(file, &batch, error));
    TRY(keeper_of_file(file, batch, &keeper, error));
    assert(batch->block_count == file->table.block_count);
    for (size_t i = 0; i < batch->block_count; i++)
        batch->fences[i].bytes = file->table.blocks[i].image_bytes;
    batch_use_keeper(batch, keeper);
    *out = batch;
    batch = NULL;
out:
    block_keeper_unref(keeper);
    spine_batch_unref(batch);
    return st;
}

enum spine_status
batch_to_file(const struct spine_batch *batch, struct spine_store *store,
              struct spine_batch **out, struct spine_error *error)
{
    return batch_to_file_with(batch, store, NULL, out, error);
}

enum spine_status
batch_to_file_with(const struct spine_batch *batch, struct spine_store *store,
                   const struct lookup_options *lookup, struct spine_batch **out,
                   struct spine_error *error)
{
    struct spine_batch *copy = batch_copy(batch);
    enum spine_status st;

    *out = NULL;
    if (copy == NULL)
        return fail_nomem(error, "a batch",
                          batch_bytes(&batch->layout, batch->block_count));
    st = batch_move_to_file(copy, store, (struct batch_moves){NULL, NULL}, lookup, error);
    if (st != SPINE_OK) {
        spine_batch_unref(copy);
        return st;
    }
    *out = copy;
    return SPINE_OK;
}

/* What becomes of each block is decided once, since other threads give blocks twins
 * meanwhile. */
enum spine_status
batch_move_to_file(struct spine_batch *batch, struct spine_store *store,
                   struct batch_moves chosen, const struct lookup_options *lookup,
                   struct spine_error *error)
{
    struct batch_writer_options options = {.lookup = lookup};
    const size_t moves_bytes = batch->block_count * sizeof(struct block_move);
    struct batch_writer *writer = NULL;
    struct block_keeper *keeper = NULL;
    struct block_move *moves;
    struct spine_batch *part;
    enum spine_status st = SPINE_OK;

    if (batch->block_count == 0)
        return SPINE_OK;
    moves = choose(batch, store, chosen);
    part = moves != NULL ? part_new(batch, moves) : NULL;
    if (part == NULL) {
        st =
            fail_nomem(error, "a batch", batch_bytes(&batch->layout, batch->block_count));
        goto out;
    }
    options.rows_max = part->info.rows;
    if (part->block_count > 0) {
        TRY(batch_writer_new(store, &batch->layout, &options, &writer, error));
        for (size_t i = 0; i < part->block_count; i++)
            TRY(batch_writer_block(writer, block_image(part->fences[i].block), error));
        st = batch_writer_finish(writer, part, &keeper, error);
        writer = NULL;
        TRY(st);
    }
    apply_moves(batch, moves, keeper);
    batch_changed_places(batch);
out:
    batch_writer_abort(writer);
    block_keeper_unref(keeper);
    batch_part_free(part);
    mem_free(moves, moves_bytes);
    return st;
}

/* The batch that the sections of the file tell of, without its blocks. */
static enum spine_status
open_batch(struct store_file *file, struct spine_batch **out, struct spine_error *error)
{
    struct spine_batch_info info = {0};
    struct spine_batch *batch;
    struct layout layout;

    TRY_RETURN(read_counts(file, &layout, &info, error));
    batch = batch_alloc(&layout, file->table.block_count);
    schema_unref(&layout.schema);
    if (batch == NULL)
        return fail_nomem(error, "a batch",
                          batch_bytes(&layout, file->table.block_count));
    batch->info = info;
    *out = batch;
    TRY_RETURN(decode_section(file, SECTION_FENCES, batch, error));
    return decode_section(file, SECTION_MARKS, batch, error);
}

/* On success the caller has references to the tuple types of the layout. */
static enum spine_status
read_counts(struct store_file *file, struct layout *layout, struct spine_batch_info *info,
            struct spine_error *error)
{
    struct spine_error why = {0};
    struct spine_schema schema = {0};
    struct span section = {0};
    size_t fences;
    enum spine_status st;

    TRY(read_section(file, SECTION_SCHEMA, &section, error));
    st = schema_decode(section, &schema, &why);
    if (st == SPINE_OK)
        st = layout_init(layout, &schema, &why);
    section_release(&section);
    if (st == SPINE_OK)
        TRY(read_section(file, SECTION_COUNTS, &section, error));
    if (st == SPINE_OK)
        st = counts_decode(section, info, &fences, &why);
    if (st == SPINE_OK && fences != file->table.block_count)
        st = spine_fail(&why, SPINE_CORRUPT, "there are %" PRIu32 " blocks, not %zu",
                        file->table.block_count, fences);
    if (st != SPINE_OK)
        (void)fail_file(file, &why, error); /* the same status */
out:
    if (st != SPINE_OK)
        schema_unref(&schema);
    section_release(&section);
    return st;
}

static enum spine_status
decode_section(struct store_file *file, enum batch_section kind,
               struct spine_batch *batch, struct spine_error *error)
{
    struct spine_error why = {0};
    struct span section = {0};
    enum spine_status st;

    TRY(read_section(file, kind, &section, error));
    st = kind == SECTION_FENCES ? fences_decode(section, batch, &why)
                                : marks_decode(section, batch, &why);
    if (st != SPINE_OK)
        (void)fail_file(file, &why, error); /* the same status */
out:
    section_release(&section);
    return st;
}

/* The caller ends it with section_release(). */
static enum spine_status
read_section(struct store_file *file, enum batch_section kind, struct span *out,
             struct spine_error *error)
{
    uint8_t *data;
    const enum spine_status st = store_file_section(file, kind, &data, &out->size, error);

    out->data = data;
    return st;
}

static void
section_release(struct span *section)
{
    mem_free((void *)(uintptr_t)section->data, section->size);
    *section = (struct span){0};
}

/* What is wrong with what a file holds. */
static enum spine_status
fail_file(const struct store_file *file, const struct spine_error *why,
          struct spine_error *error)
{
    return spine_fail(error, why->status, "%s: %s", file->name, why->message);
}

/* An array of one for each block of the batch, which has some. A block that has a twin in
 * the store is not written once more. NULL: no memory. */
static struct block_move *
choose(const struct spine_batch *batch, const struct spine_store *store,
       struct batch_moves chosen)
{
    struct block_move *moves = mem_zalloc(batch->block_count * sizeof *moves);

    for (size_t i = 0; moves != NULL && i < batch->block_count; i++) {
        const struct fence *fence = &batch->fences[i];

        if (fence->block == NULL ||
            (chosen.moves != NULL && !chosen.moves(chosen.context, i)))
            continue;
        moves[i].twin = twin_in_store(fence, store);
        moves[i].is_written = moves[i].twin == NULL;
    }
    return moves;
}

/* The blocks that are written, as a batch of its own, which borrows from `batch`. */
static struct spine_batch *
part_new(const struct spine_batch *batch, const struct block_move *moves)
{
    struct spine_batch *part;
    size_t count = 0;

    for (size_t i = 0; i < batch->block_count; i++)
        count += moves[i].is_written;
    part = batch_part_new(&batch->layout, count);
    for (size_t i = 0; part != NULL && i < batch->block_count; i++)
        if (moves[i].is_written)
            batch_part_push(part, &batch->fences[i],
                            batch->marks != NULL ? batch->marks + 1 + i * BLOCK_MARKS
                                                 : NULL);
    return part;
}

/* `keeper` has the blocks that were written, in their order. */
static void
apply_moves(struct spine_batch *batch, const struct block_move *moves,
            struct block_keeper *keeper)
{
    uint32_t number = 0;

    for (size_t i = 0; i < batch->block_count; i++)
        if (moves[i].is_written)
            fence_move(&batch->fences[i], keeper, number++);
        else if (moves[i].twin != NULL) {
            fence_move_to_twin(&batch->fences[i], moves[i].twin);
            batch->has_frames = batch->has_frames || batch->fences[i].key_framed;
        }
}

struct spine_batch *
batch_part_new(const struct layout *layout, size_t block_count)
{
    struct spine_batch *part = batch_alloc(layout, block_count);

    if (part != NULL)
        part->block_count = 0;
    return part;
}

void
batch_part_free(struct spine_batch *part)
{
    batch_discard(part);
}

void
batch_part_push(struct spine_batch *part, const struct fence *fence,
                const uint64_t *marks)
{
    struct fence *to = &part->fences[part->block_count];

    assert(fence->rows > 0);
    *to = *fence;
    to->continues = part->block_count > 0 && fence_continues(&part->layout, to - 1, to);
    if (part->marks != NULL) {
        if (part->block_count == 0)
            part->marks[0] = marks_word(&part->layout, fence->first_hi);
        memcpy(part->marks + 1 + part->block_count * BLOCK_MARKS, marks,
               BLOCK_MARKS * sizeof *marks);
    }
    part->block_count++;
    part->info.rows += fence->rows;
    part->info.keys += fence->keys - to->continues;
    part->info.negative_rows += fence->negative_rows;
}
