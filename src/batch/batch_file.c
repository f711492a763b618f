/* SPDX-License-Identifier: MIT */
#include "batch/batch_file.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/batch_sections.h"
#include "batch/block_facts.h"
#include "batch/marks.h"

#include <inttypes.h>

/* What the blocks of a file must be; the file's. */
struct file_check {
    struct layout layout;
    size_t count;
    struct block_facts facts[];
};

static enum spine_status keeper_new(struct store_file *file, struct spine_batch *part,
                                    struct block_keeper **out, struct spine_error *error);
static enum spine_status on_pin(struct block_keeper *keeper, uint32_t number,
                                enum pin_use use, struct pin *out,
                                struct spine_error *error);
static void on_unpin(struct pin *pin);
static void on_free(struct block_keeper *keeper);
static enum spine_status on_check(const struct store_file *file, uint32_t index,
                                  const void *image, struct spine_error *error);
static void on_release(void *context);
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
static enum spine_status write_sections(struct store_writer *writer,
                                        const struct spine_batch *part,
                                        struct spine_error *error);
static struct spine_batch *
part_new(const struct spine_batch *batch, batch_moves_fn *moves, const void *context);
static bool moves_block(const struct spine_batch *batch, size_t index,
                        batch_moves_fn *moves, const void *context);

static const struct block_keeper_calls calls = {on_pin, on_unpin, on_free};

enum spine_status
batch_of_file(struct store_file *file, struct spine_batch **out,
              struct spine_error *error)
{
    struct spine_batch *batch = NULL;
    struct block_keeper *keeper = NULL;
    enum spine_status st;

    *out = NULL;
    TRY(open_batch(file, &batch, error));
    TRY(keeper_new(file, batch, &keeper, error));
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
    struct spine_batch *copy = batch_copy(batch);
    enum spine_status st;

    *out = NULL;
    if (copy == NULL)
        return fail_nomem(error, "a batch",
                          batch_bytes(&batch->layout, batch->block_count));
    st = batch_move_to_file(copy, store, NULL, NULL, error);
    if (st != SPINE_OK) {
        spine_batch_unref(copy);
        return st;
    }
    *out = copy;
    return SPINE_OK;
}

enum spine_status
batch_move_to_file(struct spine_batch *batch, struct spine_store *store,
                   batch_moves_fn *moves, const void *context, struct spine_error *error)
{
    struct store_writer *writer = NULL;
    struct block_keeper *keeper = NULL;
    struct spine_batch *part = part_new(batch, moves, context);
    enum spine_status st;

    if (part == NULL)
        return fail_nomem(error, "a batch",
                          batch_bytes(&batch->layout, batch->block_count));
    if (part->block_count == 0) {
        st = SPINE_OK;
        goto out;
    }
    TRY(store_writer_new(store, &writer, error));
    for (size_t i = 0; i < part->block_count; i++)
        TRY(batch_write_block(writer, &batch->layout, block_image(part->fences[i].block),
                              error));
    st = batch_finish_file(writer, part, &keeper, error);
    writer = NULL;
    TRY(st);
    for (size_t i = 0, number = 0; i < batch->block_count; i++)
        if (moves_block(batch, i, moves, context))
            fence_move(&batch->fences[i], keeper, (uint32_t)number++);
    batch_changed_places(batch);
out:
    store_writer_abort(writer);
    block_keeper_unref(keeper);
    batch_part_free(part);
    return st;
}

enum spine_status
batch_write_block(struct store_writer *writer, const struct layout *layout,
                  const struct image *image, struct spine_error *error)
{
    const bool has_bytes =
        layout->key.shape == SHAPE_FIXED || layout->key.shape == SHAPE_BYTES ||
        layout->value.shape == SHAPE_FIXED || layout->value.shape == SHAPE_BYTES;

    return store_writer_block(writer, image, image->bytes, has_bytes, error);
}

enum spine_status
batch_finish_file(struct store_writer *writer, struct spine_batch *part,
                  struct block_keeper **out, struct spine_error *error)
{
    struct store_file *file = NULL;
    enum spine_status st;

    *out = NULL;
    TRY(write_sections(writer, part, error));
    st = store_writer_finish(writer, &file, error);
    writer = NULL;
    TRY(st);
    TRY(keeper_new(file, part, out, error));
out:
    store_writer_abort(writer);
    store_file_unref(file);
    return st;
}

/* Also tells the file what its blocks, those of `part`, must be. */
static enum spine_status
keeper_new(struct store_file *file, struct spine_batch *part, struct block_keeper **out,
           struct spine_error *error)
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
        check->facts[i] = facts_of_fence(&part->fences[i]);
    file->on_check = on_check;
    file->on_release = on_release;
    file->check_context = check;
    ref_init(&keeper->refs);
    keeper->calls = &calls;
    keeper->file = store_file_ref(file);
    *out = keeper;
    return SPINE_OK;
}

static enum spine_status
on_pin(struct block_keeper *keeper, uint32_t number, enum pin_use use, struct pin *out,
       struct spine_error *error)
{
    const int64_t apart = mem_apart_begin();
    struct cache_frame *frame;
    enum spine_status st = SPINE_OK;

    TRY(store_pin(keeper->file, number, use == PIN_TO_MERGE, &frame, error));
    *out = (struct pin){.image = store_image(frame), .keeper = keeper, .handle = frame};
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
on_free(struct block_keeper *keeper)
{
    const int64_t apart = mem_apart_begin();

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
    enum spine_status st =
        image_check_shape(&check->layout, image, block->image_bytes, &why);

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

static enum spine_status
write_sections(struct store_writer *writer, const struct spine_batch *part,
               struct spine_error *error)
{
    const struct spine_schema *const schema = &part->layout.schema;
    enum spine_status st = SPINE_OK;

    if (schema->key_tuple != NULL || schema->value_tuple != NULL)
        store_writer_need(writer, FILE_FEATURE_TUPLES);
    for (enum batch_section kind = SECTION_SCHEMA;
         st == SPINE_OK && kind <= SECTION_MARKS; kind++) {
        struct wire_writer bytes = {0};

        if (kind == SECTION_SCHEMA)
            schema_encode(schema, &bytes);
        else if (kind == SECTION_COUNTS)
            counts_encode(part, &bytes);
        else if (kind == SECTION_FENCES)
            fences_encode(part, &bytes);
        else if (part->marks != NULL)
            marks_encode(part, &bytes);
        if (bytes.failed)
            st = fail_nomem(error, "a section of a file", bytes.size);
        else if (bytes.size > 0)
            st = store_writer_section(writer, kind, bytes.bytes, bytes.size, error);
        wire_release(&bytes);
    }
    return st;
}

/* The blocks that move, as a batch of its own, which borrows from `batch`. */
static struct spine_batch *
part_new(const struct spine_batch *batch, batch_moves_fn *moves, const void *context)
{
    struct spine_batch *part;
    size_t count = 0;

    for (size_t i = 0; i < batch->block_count; i++)
        count += moves_block(batch, i, moves, context);
    part = batch_part_new(&batch->layout, count);
    if (part == NULL)
        return NULL;
    for (size_t i = 0; i < batch->block_count; i++)
        if (moves_block(batch, i, moves, context))
            batch_part_push(part, &batch->fences[i],
                            batch->marks != NULL ? batch->marks + 1 + i * BLOCK_MARKS
                                                 : NULL);
    return part;
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

static bool
moves_block(const struct spine_batch *batch, size_t index, batch_moves_fn *moves,
            const void *context)
{
    return batch->fences[index].block != NULL && (moves == NULL || moves(context, index));
}
