/* SPDX-License-Identifier: MIT */

/*
 * Blocks into a file, with lookup filters of their keys between them and the sections of
 * the batch behind them. Filters are collected until they are worth a write.
 */

#include "batch/batch_writer.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/batch_sections.h"
#include "batch/file_keeper.h"
#include "batch/lookup_maker.h"

/* Lookup filters are kept until together they have this many bytes, so that blocks that
 * are read together lie together. */
#define LOOKUPS_BYTES (1u << 19)

struct batch_writer {
    struct store_writer *file;
    struct layout layout;
    /* Files of fewer rows have no lookup filters. */
    uint64_t lookup_rows_min;
    bool is_whole;
    uint64_t rows;
    uint32_t block_count;
    /* NULL: there will be none. */
    struct lookup_maker *lookups;
};

static enum spine_status
writer_alloc(const struct layout *layout, const struct batch_writer_options *options,
             struct batch_writer **out, struct spine_error *error);
static enum spine_status write_sections(struct store_writer *file,
                                        const struct spine_batch *part,
                                        struct spine_error *error);
static void writer_free(struct batch_writer *writer);

enum spine_status
batch_writer_new(struct spine_store *store, const struct layout *layout,
                 const struct batch_writer_options *options, struct batch_writer **out,
                 struct spine_error *error)
{
    struct batch_writer *writer;
    int64_t apart;
    enum spine_status st;

    *out = NULL;
    TRY_RETURN(writer_alloc(layout, options, &writer, error));
    apart = mem_apart_begin();
    st = store_writer_new_behind(store, options->waiter, &writer->file, error);
    mem_apart_end(apart);
    if (st == SPINE_OK)
        *out = writer;
    else
        writer_free(writer);
    return st;
}

enum spine_status
batch_writer_new_in(struct store_pack *pack, const struct layout *layout,
                    const struct batch_writer_options *options, struct batch_writer **out,
                    struct spine_error *error)
{
    struct batch_writer *writer;
    int64_t apart;
    enum spine_status st;

    *out = NULL;
    assert(options->waiter == NULL);
    TRY_RETURN(writer_alloc(layout, options, &writer, error));
    apart = mem_apart_begin();
    st = store_writer_new_in(pack, &writer->file, error);
    mem_apart_end(apart);
    if (st == SPINE_OK)
        *out = writer;
    else
        writer_free(writer);
    return st;
}

static enum spine_status
writer_alloc(const struct layout *layout, const struct batch_writer_options *options,
             struct batch_writer **out, struct spine_error *error)
{
    const struct store_waiter *waiter = options->waiter;
    const bool by_own_thread = waiter != NULL && waiter->by_own_thread;
    const struct lookup_options *lookup =
        options->lookup != NULL ? options->lookup : &lookup_defaults;
    const uint64_t rows_max = options->rows_max > 0 ? options->rows_max : UINT64_MAX;
    struct batch_writer *writer = mem_zalloc(sizeof *writer);
    enum spine_status st = SPINE_OK;

    *out = writer;
    if (writer == NULL)
        return fail_nomem(error, "the writer of a file", sizeof *writer);
    writer->layout = *layout;
    writer->lookup_rows_min = lookup->rows_min;
    if (lookup->rows_min < UINT64_MAX)
        st = lookup_maker_new(layout, lookup, rows_max, by_own_thread, &writer->lookups,
                              error);
    if (st == SPINE_OK)
        return st;
    writer_free(writer);
    *out = NULL;
    return st;
}

enum spine_status
batch_writer_block(struct batch_writer *writer, const struct image *image,
                   struct spine_error *error)
{
    const struct layout *layout = &writer->layout;
    const bool has_bytes =
        layout->key.shape == SHAPE_FIXED || layout->key.shape == SHAPE_BYTES ||
        layout->value.shape == SHAPE_FIXED || layout->value.shape == SHAPE_BYTES;
    struct file_strips strips;
    int64_t apart;
    enum spine_status st;

    apart = mem_apart_begin();
    if (strips_of_image(layout, image, &strips))
        st = store_writer_strips(writer->file, image, &strips, error);
    else
        st = store_writer_block(writer->file, image, image->bytes, has_bytes, error);
    mem_apart_end(apart);
    if (st != SPINE_OK)
        return st;
    if (image_encodes_bytes(layout, image))
        store_writer_need(writer->file, FILE_FEATURE_BYTES);
    writer->block_count++;
    writer->rows += image->row_count;
    if (writer->lookups == NULL)
        return SPINE_OK;
    TRY_RETURN(lookup_maker_add(writer->lookups, image, error));
    if (writer->rows < writer->lookup_rows_min ||
        lookup_maker_bytes(writer->lookups) < LOOKUPS_BYTES)
        return SPINE_OK;
    return lookup_maker_write(writer->lookups, writer->file, error);
}

void
batch_writer_keep(struct batch_writer *writer, const struct image *image, unsigned wanted)
{
    const int64_t apart = mem_apart_begin();

    store_writer_keep_block(writer->file, image, image->bytes, wanted);
    mem_apart_end(apart);
}

bool
batch_writer_is_behind(const struct batch_writer *writer)
{
    return store_writer_is_behind(writer->file);
}

enum spine_status
batch_writer_end(struct batch_writer *writer, const struct spine_batch *part,
                 struct spine_error *error)
{
    int64_t apart;
    enum spine_status st;

    assert(part->block_count == writer->block_count && !writer->is_whole);
    if (writer->lookups != NULL && writer->rows >= writer->lookup_rows_min) {
        TRY_RETURN(lookup_maker_end(writer->lookups, error));
        TRY_RETURN(lookup_maker_write(writer->lookups, writer->file, error));
    }
    apart = mem_apart_begin();
    st = write_sections(writer->file, part, error);
    if (st == SPINE_OK)
        st = store_writer_end(writer->file, error);
    mem_apart_end(apart);
    writer->is_whole = true;
    return st;
}

bool
batch_writer_has_ended(const struct batch_writer *writer)
{
    return store_writer_has_ended(writer->file);
}

enum spine_status
batch_writer_finish(struct batch_writer *writer, struct spine_batch *part,
                    struct block_keeper **out, struct spine_error *error)
{
    struct store_file *file = NULL;
    int64_t apart;
    enum spine_status st = SPINE_OK;

    *out = NULL;
    if (!writer->is_whole)
        TRY(batch_writer_end(writer, part, error));
    apart = mem_apart_begin();
    st = store_writer_finish(writer->file, &file, error);
    writer->file = NULL;
    if (st == SPINE_OK)
        st = keeper_of_file(file, part, out, error);
    store_file_unref(file);
    mem_apart_end(apart);
out:
    batch_writer_abort(writer);
    return st;
}

void
batch_writer_abort(struct batch_writer *writer)
{
    int64_t apart;

    if (writer == NULL)
        return;
    apart = mem_apart_begin();
    store_writer_abort(writer->file);
    mem_apart_end(apart);
    writer_free(writer);
}

static void
writer_free(struct batch_writer *writer)
{
    lookup_maker_free(writer->lookups);
    mem_free(writer, sizeof *writer);
}

static enum spine_status
write_sections(struct store_writer *file, const struct spine_batch *part,
               struct spine_error *error)
{
    const struct spine_schema *const schema = &part->layout.schema;
    enum spine_status st = SPINE_OK;

    if (schema->key_tuple != NULL || schema->value_tuple != NULL)
        store_writer_need(file, FILE_FEATURE_TUPLES);
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
            st = store_writer_section(file, kind, bytes.bytes, bytes.size, error);
        wire_release(&bytes);
    }
    return st;
}
