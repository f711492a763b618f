/* SPDX-License-Identifier: MIT */

/*
 * Writing a batch file: to an object of its own, or behind others in a pack.
 */

#include "store/cache.h"
#include "store/codec.h"
#include "store/object_sink.h"
#include "store/strips.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

struct store_writer {
    struct file_id id;
    struct object_sink *sink;
    /* The pack that owns the sink; NULL: the writer owns it. */
    struct store_pack *pack;
    /* Where the file begins. */
    uint64_t base;
    struct file_table table;
    /* Filters come behind the blocks when the file ends. */
    struct file_block *filters;
    size_t filter_capacity;
    uint64_t features;
    /* Valid once the file has its end. */
    struct file_footer footer;
    bool is_whole;
    /* What an image is written to that is compressed, or cut into strips. */
    struct scratch scratch;
    /* Images that wait for the file, the last ones first. */
    struct cached_image *blocks_kept, *filters_kept;
};

/* The image of a part, and how often readers wanted what it takes the place of. */
struct kept_image {
    struct span image;
    unsigned wanted;
};

/* Where a block is wanted, its filter is. */
#define FILTER_WANTED 2u

struct store_pack {
    struct object_sink *sink;
    /* One of its files is being written, or could not be. */
    bool is_busy;
};

static enum spine_status writer_new(struct spine_store *store, struct store_pack *pack,
                                    const struct store_waiter *waiter,
                                    struct store_writer **out, struct spine_error *error);
static enum spine_status append_image(struct store_writer *writer, struct span stored,
                                      struct file_block *block,
                                      struct spine_error *error);
static enum spine_status align(struct store_writer *writer, struct spine_error *error);
static void keep_image(struct store_writer *writer, struct cached_image **list,
                       uint32_t number, const struct kept_image *kept);
static void give_kept(struct store_writer *writer, struct store_file *file);
static void enter_kept(struct store_writer *writer, struct cached_image **list,
                       struct store_file *file, uint32_t first);
static enum spine_status
join_filters(struct store_writer *writer, struct spine_error *error);
static enum spine_status append_end(struct store_writer *writer,
                                    struct file_footer *footer,
                                    struct spine_error *error);

enum spine_status
store_writer_new(struct spine_store *store, struct store_writer **out,
                 struct spine_error *error)
{
    return writer_new(store, NULL, NULL, out, error);
}

enum spine_status
store_writer_new_behind(struct spine_store *store, const struct store_waiter *waiter,
                        struct store_writer **out, struct spine_error *error)
{
    return writer_new(store, NULL, waiter, out, error);
}

enum spine_status
store_writer_new_in(struct store_pack *pack, struct store_writer **out,
                    struct spine_error *error)
{
    assert(!pack->is_busy);
    return writer_new(pack->sink->store, pack, NULL, out, error);
}

static enum spine_status
writer_new(struct spine_store *store, struct store_pack *pack,
           const struct store_waiter *waiter, struct store_writer **out,
           struct spine_error *error)
{
    struct store_writer *writer = mem_zalloc(sizeof *writer);
    struct wire_writer header = {0};
    char name[SPINE_NAME_MAX + 1];
    enum spine_status st;

    *out = NULL;
    if (writer == NULL)
        return fail_nomem(error, "the writer of a file", sizeof *writer);
    TRY(file_id_new(&writer->id, error));
    file_header_encode(&writer->id, &header);
    if (header.failed) {
        st = fail_nomem(error, "the header of a file", FILE_HEADER_BYTES);
        goto out;
    }
    if (pack != NULL) {
        writer->pack = pack;
        writer->sink = pack->sink;
        pack->is_busy = true;
        TRY(align(writer, error));
        writer->base = object_sink_bytes(writer->sink);
    } else {
        file_id_name(&writer->id, STORE_FILE_ENDING, name);
        TRY(object_sink_new(store, name, waiter, &writer->sink, error));
    }
    TRY(object_sink_append(writer->sink, header.bytes, header.size, error));
    *out = writer;
    writer = NULL;
out:
    wire_release(&header);
    store_writer_abort(writer);
    return st;
}

enum spine_status
store_writer_block(struct store_writer *writer, const void *image, size_t bytes,
                   bool compress, struct spine_error *error)
{
    struct file_table *table = &writer->table;
    struct file_block block = {.image_bytes = (uint32_t)bytes};
    struct span stored = {.data = image, .size = bytes};

    assert(!writer->is_whole);
    assert(bytes > 0 && bytes <= FILE_IMAGE_BYTES_MAX && table->section_count == 0);
    if (!array_reserve(&table->blocks, &table->block_capacity, sizeof *table->blocks,
                       (size_t)table->block_count + 1))
        return fail_nomem(error, "the table of a file", sizeof *table->blocks);
    if (compress)
        TRY_RETURN(codec_compress(writer->sink->store->options.compression, stored,
                                  &writer->scratch, &stored, &block.codec, error));
    TRY_RETURN(append_image(writer, stored, &block, error));
    table->blocks[table->block_count++] = block;
    return SPINE_OK;
}

enum spine_status
store_writer_strips(struct store_writer *writer, const void *image,
                    const struct file_strips *strips, struct spine_error *error)
{
    struct file_table *table = &writer->table;
    const size_t bytes = strips_stored_bytes(strips);
    struct file_block block = {.image_bytes = (uint32_t)strips_image_bytes(strips),
                               .codec = CODEC_STRIPS,
                               .strips = *strips};

    assert(!writer->is_whole);
    assert(strips_are_sound(strips) && table->section_count == 0);
    if (!array_reserve(&table->blocks, &table->block_capacity, sizeof *table->blocks,
                       (size_t)table->block_count + 1))
        return fail_nomem(error, "the table of a file", sizeof *table->blocks);
    TRY_RETURN(scratch_reserve(&writer->scratch, bytes, error));
    /* Checksums depend on where the strips lie. */
    TRY_RETURN(align(writer, error));
    strips_store(strips, image, &writer->id, store_writer_bytes(writer),
                 writer->scratch.bytes);
    TRY_RETURN(
        append_image(writer, (struct span){writer->scratch.bytes, bytes}, &block, error));
    table->blocks[table->block_count++] = block;
    writer->features |= FILE_FEATURE_STRIPS;
    return SPINE_OK;
}

enum spine_status
store_writer_filter(struct store_writer *writer, uint32_t first_block, const void *image,
                    size_t bytes, struct spine_error *error)
{
    struct file_table *table = &writer->table;
    struct file_block filter = {.image_bytes = (uint32_t)bytes,
                                .first_block = first_block};

    assert(bytes > 0 && bytes <= FILE_IMAGE_BYTES_MAX && table->section_count == 0);
    assert(first_block < table->block_count);
    if (!array_reserve(&writer->filters, &writer->filter_capacity,
                       sizeof *writer->filters, (size_t)table->filter_count + 1))
        return fail_nomem(error, "the table of a file", sizeof *writer->filters);
    TRY_RETURN(append_image(writer, (struct span){image, bytes}, &filter, error));
    writer->filters[table->filter_count++] = filter;
    writer->features |= FILE_FEATURE_FILTERS;
    return SPINE_OK;
}

enum spine_status
store_writer_section(struct store_writer *writer, uint32_t kind, const void *data,
                     size_t bytes, struct spine_error *error)
{
    struct file_table *table = &writer->table;
    struct file_section section = {.kind = kind, .bytes = bytes};

    assert(!writer->is_whole && writer->base % FILE_PART_ALIGNMENT == 0);
    assert(table->section_count == 0 ||
           table->sections[table->section_count - 1].kind < kind);
    if (!array_reserve(&table->sections, &table->section_capacity,
                       sizeof *table->sections, (size_t)table->section_count + 1))
        return fail_nomem(error, "the table of a file", sizeof *table->sections);
    TRY_RETURN(align(writer, error));
    section.offset = store_writer_bytes(writer);
    section.checksum = file_checksum(&writer->id, section.offset, data, bytes);
    TRY_RETURN(object_sink_append(writer->sink, data, bytes, error));
    table->sections[table->section_count++] = section;
    return SPINE_OK;
}

void
store_writer_keep_block(struct store_writer *writer, const void *image, size_t bytes,
                        unsigned wanted)
{
    assert(writer->table.block_count > 0);
    keep_image(writer, &writer->blocks_kept, writer->table.block_count - 1,
               &(struct kept_image){{image, bytes}, wanted});
}

void
store_writer_keep_filter(struct store_writer *writer, const void *image, size_t bytes,
                         uint32_t end_block)
{
    const uint32_t number = writer->table.filter_count - 1;
    const struct cached_image *block = writer->blocks_kept;

    assert(writer->table.filter_count > 0);
    while (block != NULL && block->index >= end_block)
        block = block->next;
    if (block != NULL && block->index >= writer->filters[number].first_block)
        keep_image(writer, &writer->filters_kept, number,
                   &(struct kept_image){{image, bytes}, FILTER_WANTED});
}

void
store_writer_need(struct store_writer *writer, enum file_feature feature)
{
    assert(!writer->is_whole);
    writer->features |= feature;
}

uint64_t
store_writer_bytes(const struct store_writer *writer)
{
    assert(object_sink_bytes(writer->sink) >= writer->base);
    return object_sink_bytes(writer->sink) - writer->base;
}

bool
store_writer_is_behind(const struct store_writer *writer)
{
    return object_sink_is_behind(writer->sink);
}

enum spine_status
store_writer_end(struct store_writer *writer, struct spine_error *error)
{
    assert(!writer->is_whole);
    writer->footer = (struct file_footer){.id = writer->id, .features = writer->features};
    TRY_RETURN(join_filters(writer, error));
    TRY_RETURN(append_end(writer, &writer->footer, error));
    assert(store_writer_bytes(writer) == writer->footer.file_bytes);
    writer->is_whole = true;
    return writer->pack != NULL ? SPINE_OK : object_sink_end(writer->sink, error);
}

bool
store_writer_has_ended(const struct store_writer *writer)
{
    assert(writer->pack == NULL);
    return object_sink_has_ended(writer->sink);
}

enum spine_status
store_writer_finish(struct store_writer *writer, struct store_file **out,
                    struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    *out = NULL;
    if (!writer->is_whole)
        TRY(store_writer_end(writer, error));
    if (writer->pack == NULL)
        TRY(object_sink_finish(writer->sink, error));
    TRY(store_file_of_written(writer->sink->object, writer->base, &writer->table,
                              &writer->footer, out, error));
    give_kept(writer, *out);
    if (writer->pack != NULL) {
        writer->pack->is_busy = false;
        writer->sink = NULL;
    }
out:
    store_writer_abort(writer);
    return st;
}

void
store_writer_abort(struct store_writer *writer)
{
    if (writer == NULL)
        return;
    give_kept(writer, NULL);
    if (writer->pack == NULL)
        object_sink_free(writer->sink);
    mem_free(writer->filters, writer->filter_capacity * sizeof *writer->filters);
    file_table_release(&writer->table);
    scratch_release(&writer->scratch);
    mem_free(writer, sizeof *writer);
}

enum spine_status
store_pack_new(struct spine_store *store, const struct store_waiter *waiter,
               struct store_pack **out, struct spine_error *error)
{
    struct store_pack *pack = mem_zalloc(sizeof *pack);
    char name[SPINE_NAME_MAX + 1];
    struct file_id id;
    enum spine_status st;

    *out = NULL;
    if (pack == NULL)
        return fail_nomem(error, "the writer of files", sizeof *pack);
    TRY(file_id_new(&id, error));
    file_id_name(&id, STORE_PACK_ENDING, name);
    TRY(object_sink_new(store, name, waiter, &pack->sink, error));
    *out = pack;
    pack = NULL;
out:
    mem_free(pack, sizeof *pack);
    return st;
}

/* A pack of some pages ends with a whole one: around the cache of the system, the last
 * page would have to be written whole and cut, which takes as long as 150 KB do. */
enum spine_status
store_pack_end(struct store_pack *pack, struct spine_error *error)
{
    assert(!pack->is_busy);
    if (object_sink_bytes(pack->sink) > FILE_PACK_PAGE_BYTES)
        object_sink_pad(pack->sink, FILE_PACK_PAGE_BYTES);
    return object_sink_end(pack->sink, error);
}

enum spine_status
store_pack_finish(struct store_pack *pack, struct spine_error *error)
{
    enum spine_status st;

    assert(!pack->is_busy);
    st = object_sink_finish(pack->sink, error);
    store_pack_abort(pack);
    return st;
}

void
store_pack_abort(struct store_pack *pack)
{
    if (pack == NULL)
        return;
    object_sink_free(pack->sink);
    mem_free(pack, sizeof *pack);
}

/* Appends the stored bytes of an image, and notes in `block` where they lie and their
 * checksum. */
static enum spine_status
append_image(struct store_writer *writer, struct span stored, struct file_block *block,
             struct spine_error *error)
{
    const enum spine_status st = align(writer, error);

    if (st != SPINE_OK)
        return st;
    block->offset = store_writer_bytes(writer);
    block->stored_bytes = (uint32_t)stored.size;
    block->checksum = file_checksum(&writer->id, block->offset, stored.data, stored.size);
    return object_sink_append(writer->sink, stored.data, stored.size, error);
}

/* Zeros up to where the next part may begin. */
static enum spine_status
align(struct store_writer *writer, struct spine_error *error)
{
    static const uint8_t zeros[FILE_PART_ALIGNMENT];
    const size_t behind = (size_t)(object_sink_bytes(writer->sink) % FILE_PART_ALIGNMENT);

    return object_sink_append(writer->sink, zeros,
                              behind > 0 ? FILE_PART_ALIGNMENT - behind : 0, error);
}

static void
keep_image(struct store_writer *writer, struct cached_image **list, uint32_t number,
           const struct kept_image *kept)
{
    struct cached_image *cached = cache_new_waiting(
        &writer->sink->store->cache, writer->id.low, number, &kept->image, kept->wanted);

    if (cached == NULL)
        return;
    cached->next = *list;
    *list = cached;
}

/* The images that wait come into the cache as those of `file`, or go if that is NULL. */
static void
give_kept(struct store_writer *writer, struct store_file *file)
{
    if (file != NULL)
        file->came_with_images = writer->blocks_kept != NULL;
    enter_kept(writer, &writer->blocks_kept, file, 0);
    enter_kept(writer, &writer->filters_kept, file,
               file != NULL ? file->table.block_count : 0);
}

static void
enter_kept(struct store_writer *writer, struct cached_image **list,
           struct store_file *file, uint32_t first)
{
    while (*list != NULL) {
        struct cached_image *cached = *list;

        *list = cached->next;
        if (file != NULL)
            cache_enter_waiting(file, first + cached->index, cached);
        else
            cache_drop_waiting(&writer->sink->store->cache, writer->id.low, cached);
    }
}

/* Copies the filters to their place in the table. */
static enum spine_status
join_filters(struct store_writer *writer, struct spine_error *error)
{
    struct file_table *table = &writer->table;

    if (table->filter_count == 0)
        return SPINE_OK;
    if (!array_reserve(&table->blocks, &table->block_capacity, sizeof *table->blocks,
                       file_table_parts(table)))
        return fail_nomem(error, "the table of a file",
                          table->filter_count * sizeof *table->blocks);
    memcpy(table->blocks + table->block_count, writer->filters,
           table->filter_count * sizeof *table->blocks);
    return SPINE_OK;
}

/* Fills in the footer, and appends it behind the table. */
static enum spine_status
append_end(struct store_writer *writer, struct file_footer *footer,
           struct spine_error *error)
{
    struct wire_writer end = {0};
    enum spine_status st;

    TRY(align(writer, error));
    footer->table_offset = store_writer_bytes(writer);
    file_table_encode(&writer->table, &end);
    footer->table_bytes = end.size;
    if (!end.failed)
        footer->table_checksum =
            file_checksum(&writer->id, footer->table_offset, end.bytes, end.size);
    footer->file_bytes = footer->table_offset + end.size + FILE_FOOTER_BYTES;
    file_footer_encode(footer, &end);
    if (end.failed)
        st = fail_nomem(error, "the end of a file", end.size + FILE_FOOTER_BYTES);
    else
        st = object_sink_append(writer->sink, end.bytes, end.size, error);
out:
    wire_release(&end);
    return st;
}
