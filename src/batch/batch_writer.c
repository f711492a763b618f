/* SPDX-License-Identifier: MIT */

/*
 * Blocks into a file, with lookup filters of their keys between them and the sections of
 * the batch behind them. The codes of keys are collected until there are enough of them
 * for a filter; filters are collected until they are worth a write.
 */

#include "batch/batch_writer.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/batch_sections.h"
#include "batch/key_codes.h"

/* Keys of a lookup filter, and up to a block more. */
#define LOOKUP_KEYS 32768u
/* Lookup filters are kept until together they have this many bytes, so that blocks that
 * are read together lie together. */
#define LOOKUPS_BYTES (1u << 20)

/* A lookup filter that is yet to be written. */
struct kept_lookup {
    uint32_t first_block;
    size_t bytes;
};

struct batch_writer {
    struct store_writer *file;
    struct layout layout;
    struct lookup_options lookup;
    double bits_per_key; /* of these */
    bool is_whole;
    uint64_t rows;
    uint32_t block_count;
    /* Codes of the keys of the next lookup filter (batch/key_codes.h), which begins with
     * block `first_block`; NULL: there will be none. */
    uint64_t *codes;
    size_t code_count;
    uint32_t first_block;
    /* Filters that are made, one behind the other. */
    struct kept_lookup *kept;
    size_t kept_count, kept_capacity;
    uint8_t *images;
    size_t image_bytes, image_capacity;
};

#define CODES_MAX (LOOKUP_KEYS + BLOCK_ROWS)

static enum spine_status
writer_alloc(const struct layout *layout, const struct lookup_options *lookup,
             struct batch_writer **out, struct spine_error *error);
static void add_keys(struct batch_writer *writer, const struct image *image);
static enum spine_status
end_lookup(struct batch_writer *writer, struct spine_error *error);
static struct lookup_facts lookup_facts_of(const struct batch_writer *writer);
static enum spine_status keep_lookup(struct batch_writer *writer,
                                     const struct lookup *lookup,
                                     struct spine_error *error);
static enum spine_status
write_lookups(struct batch_writer *writer, struct spine_error *error);
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
    TRY_RETURN(writer_alloc(layout, options->lookup, &writer, error));
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
                    const struct lookup_options *lookup, struct batch_writer **out,
                    struct spine_error *error)
{
    struct batch_writer *writer;
    int64_t apart;
    enum spine_status st;

    *out = NULL;
    TRY_RETURN(writer_alloc(layout, lookup, &writer, error));
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
writer_alloc(const struct layout *layout, const struct lookup_options *lookup,
             struct batch_writer **out, struct spine_error *error)
{
    struct batch_writer *writer = mem_zalloc(sizeof *writer);

    *out = writer;
    if (writer == NULL)
        return fail_nomem(error, "the writer of a file", sizeof *writer);
    writer->layout = *layout;
    writer->lookup = lookup != NULL ? *lookup : lookup_defaults;
    if (writer->lookup.rows_min == UINT64_MAX)
        return SPINE_OK;
    writer->bits_per_key = lookup_bits_per_key(&writer->lookup);
    writer->codes = mem_alloc_array(CODES_MAX, sizeof *writer->codes);
    if (writer->codes != NULL)
        return SPINE_OK;
    writer_free(writer);
    return fail_nomem(error, "the keys of a filter", CODES_MAX * sizeof *writer->codes);
}

enum spine_status
batch_writer_block(struct batch_writer *writer, const struct image *image,
                   struct spine_error *error)
{
    const struct layout *layout = &writer->layout;
    const bool has_bytes =
        layout->key.shape == SHAPE_FIXED || layout->key.shape == SHAPE_BYTES ||
        layout->value.shape == SHAPE_FIXED || layout->value.shape == SHAPE_BYTES;
    const int64_t apart = mem_apart_begin();
    enum spine_status st =
        store_writer_block(writer->file, image, image->bytes, has_bytes, error);

    mem_apart_end(apart);
    if (st != SPINE_OK)
        return st;
    writer->block_count++;
    writer->rows += image->row_count;
    if (writer->codes == NULL)
        return SPINE_OK;
    add_keys(writer, image);
    if (writer->code_count >= LOOKUP_KEYS)
        TRY_RETURN(end_lookup(writer, error));
    if (writer->image_bytes >= LOOKUPS_BYTES && writer->rows >= writer->lookup.rows_min)
        TRY_RETURN(write_lookups(writer, error));
    return SPINE_OK;
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
    if (writer->codes != NULL && writer->rows >= writer->lookup.rows_min) {
        TRY_RETURN(end_lookup(writer, error));
        TRY_RETURN(write_lookups(writer, error));
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
    mem_free(writer->codes, CODES_MAX * sizeof *writer->codes);
    mem_free(writer->kept, writer->kept_capacity * sizeof *writer->kept);
    mem_free(writer->images, writer->image_capacity);
    mem_free(writer, sizeof *writer);
}

/* All keys of the block but the one that the block before has, too. */
static void
add_keys(struct batch_writer *writer, const struct image *image)
{
    const struct cell_layout *layout = &writer->layout.key;
    const struct column keys = image_keys(image);
    uint64_t *to = writer->codes + writer->code_count;

    assert(writer->code_count + image->key_count <= CODES_MAX);
    key_codes(layout, &keys, 0, image->key_count, to);
    if (writer->code_count > 0 && to[0] == to[-1]) {
        memmove(to, to + 1, (image->key_count - 1) * sizeof *to);
        writer->code_count--;
    }
    writer->code_count += image->key_count;
}

/* The keys that there are become a lookup filter. */
static enum spine_status
end_lookup(struct batch_writer *writer, struct spine_error *error)
{
    const struct lookup_facts facts = lookup_facts_of(writer);
    struct lookup *lookup = NULL;
    enum spine_status st = SPINE_OK;

    if (writer->code_count == 0)
        return SPINE_OK;
    TRY(lookup_new(&lookup, &facts, &writer->lookup));
    key_codes_add(&writer->layout.key, writer->codes, writer->code_count, lookup);
    TRY(lookup_finish(lookup));
    TRY(keep_lookup(writer, lookup, error));
    writer->code_count = 0;
    writer->first_block = writer->block_count;
out:
    lookup_unref(lookup);
    if (st == SPINE_NOMEM)
        return fail_nomem(error, "a lookup filter", (size_t)facts.keys);
    return st;
}

static struct lookup_facts
lookup_facts_of(const struct batch_writer *writer)
{
    const size_t count = writer->code_count;
    const bool words = key_codes_are_words(&writer->layout.key) && count > 0;

    return (struct lookup_facts){.rows = UINT64_MAX,
                                 .keys = count,
                                 .bits_per_key = writer->bits_per_key,
                                 .words = words,
                                 .word_min = words ? writer->codes[0] : 0,
                                 .word_max = words ? writer->codes[count - 1] : 0};
}

static enum spine_status
keep_lookup(struct batch_writer *writer, const struct lookup *lookup,
            struct spine_error *error)
{
    const size_t bytes = lookup_image_bytes(lookup);

    if (!array_reserve(&writer->kept, &writer->kept_capacity, sizeof *writer->kept,
                       writer->kept_count + 1) ||
        !array_reserve(&writer->images, &writer->image_capacity, 1,
                       writer->image_bytes + bytes))
        return fail_nomem(error, "a lookup filter", bytes);
    lookup_image_write(lookup, writer->code_count, writer->images + writer->image_bytes);
    writer->kept[writer->kept_count++] =
        (struct kept_lookup){.first_block = writer->first_block, .bytes = bytes};
    writer->image_bytes += bytes;
    return SPINE_OK;
}

static enum spine_status
write_lookups(struct batch_writer *writer, struct spine_error *error)
{
    const int64_t apart = mem_apart_begin();
    const uint8_t *from = writer->images;
    enum spine_status st = SPINE_OK;

    for (size_t i = 0; i < writer->kept_count; i++) {
        const struct kept_lookup *kept = &writer->kept[i];

        TRY(store_writer_filter(writer->file, kept->first_block, from, kept->bytes,
                                error));
        from += kept->bytes;
    }
    writer->kept_count = 0;
    writer->image_bytes = 0;
out:
    mem_apart_end(apart);
    return st;
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
