/* SPDX-License-Identifier: MIT */

/* Header, footer and table of a batch file as bytes (FORMAT.md), written and checked.
 * Nothing of a file is believed before it was checked here. */

#include "store/strips.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <inttypes.h>
/* The first has the functions of the second, and calls the best for the processor. */
#ifdef SPINE_XXHASH_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

/* Eight characters as a little-endian word. */
#define MAGIC_OF(a, b, c, d, e, f, g, h)                                                 \
    ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | (uint64_t)(d) << 24 |    \
     (uint64_t)(e) << 32 | (uint64_t)(f) << 40 | (uint64_t)(g) << 48 |                   \
     (uint64_t)(h) << 56)

static const uint64_t header_magic = MAGIC_OF('S', 'P', 'I', 'N', 'E', 'B', 'A', 'T');
static const uint64_t footer_magic = MAGIC_OF('S', 'P', 'I', 'N', 'E', 'E', 'N', 'D');

/* Features that a reader must know and this library does. */
#define FEATURES_KNOWN                                                                   \
    ((uint64_t)(FILE_FEATURE_TUPLES | FILE_FEATURE_FILTERS | FILE_FEATURE_BYTES |        \
                FILE_FEATURE_STRIPS))
/* Bytes of a table before its entries. */
#define TABLE_HEAD_BYTES 8u
/* Where an entry of a block says what it is, and those values. */
#define ENTRY_KIND_AT 25u
enum entry_kind { ENTRY_BLOCK = 0, ENTRY_FILTER = 1 };

static enum spine_status check_version(const char *name, uint32_t version,
                                       uint64_t features, struct spine_error *error);
static enum spine_status decode_blocks(const char *name, struct wire_reader *reader,
                                       const struct file_footer *footer,
                                       struct file_table *table,
                                       struct spine_error *error);
static enum spine_status decode_sections(const char *name, struct wire_reader *reader,
                                         const struct file_footer *footer,
                                         struct file_table *table,
                                         struct spine_error *error);
static bool
count_filters(struct span entries, uint64_t features, struct file_table *table);
static bool decode_entry(struct wire_reader *reader, struct file_table *table,
                         uint32_t *block, uint32_t *filter, struct file_block **out);
static bool block_is_sound(const struct file_block *block);
static bool
filter_is_sound(const struct file_table *table, uint32_t filter, uint32_t blocks_before);

uint64_t
file_checksum(const struct file_id *id, uint64_t offset, const void *data, size_t size)
{
    const uint64_t high = id->high << 32 | id->high >> 32;

    assert(data != NULL || size == 0);
    return XXH3_64bits_withSeed(data, size,
                                id->low ^ high ^ offset * UINT64_C(0x9e3779b97f4a7c15));
}

void
file_header_encode(const struct file_id *id, struct wire_writer *out)
{
    const size_t begin = out->size;

    wire_put_u64(out, header_magic);
    wire_put_u32(out, FILE_VERSION);
    wire_put_u32(out, FILE_HEADER_BYTES);
    wire_put_u64(out, id->low);
    wire_put_u64(out, id->high);
    wire_put_u64(out, 0);
    wire_put_u64(out, 0);
    wire_put_u64(out, 0);
    if (!out->failed)
        wire_put_u64(out, file_checksum(id, 0, out->bytes + begin, out->size - begin));
    assert(out->failed || out->size - begin == FILE_HEADER_BYTES);
}

void
file_table_encode(const struct file_table *table, struct wire_writer *out)
{
    const size_t begin = out->size;
    const struct file_block *block;
    uint32_t blocks = 0, filters = 0;

    wire_put_u32(out, file_table_parts(table));
    wire_put_u32(out, table->section_count);
    while ((block = file_table_next(table, &blocks, &filters)) != NULL) {
        const bool is_filter = block >= table->blocks + table->block_count;

        wire_put_u64(out, block->offset);
        wire_put_u32(out, block->stored_bytes);
        wire_put_u32(out, block->image_bytes);
        wire_put_u64(out, block->checksum);
        wire_put_u8(out, block->codec);
        wire_put_u8(out, is_filter ? ENTRY_FILTER : ENTRY_BLOCK);
        wire_put_u8(out, block->strips.key_bits);
        wire_put_u8(out, block->strips.value_bits);
        wire_put_u32(out, is_filter ? block->first_block : block->strips.slacks);
    }
    for (uint32_t i = 0; i < table->section_count; i++) {
        const struct file_section *section = &table->sections[i];

        wire_put_u64(out, section->offset);
        wire_put_u64(out, section->bytes);
        wire_put_u64(out, section->checksum);
        wire_put_u32(out, section->kind);
        wire_put_zeros(out, 4);
    }
    assert(blocks == table->block_count && filters == table->filter_count);
    assert(out->failed ||
           out->size - begin ==
               TABLE_HEAD_BYTES +
                   FILE_ENTRY_BYTES * ((size_t)blocks + filters + table->section_count));
    (void)begin;
}

void
file_footer_encode(const struct file_footer *footer, struct wire_writer *out)
{
    const size_t begin = out->size;

    wire_put_u64(out, footer->file_bytes);
    wire_put_u64(out, footer->table_offset);
    wire_put_u64(out, footer->table_bytes);
    wire_put_u64(out, footer->table_checksum);
    wire_put_u64(out, footer->id.low);
    wire_put_u64(out, footer->id.high);
    wire_put_u64(out, footer->features);
    wire_put_u64(out, 0);
    wire_put_u32(out, FILE_VERSION);
    wire_put_zeros(out, 44);
    wire_put_u64(out, footer_magic);
    if (!out->failed)
        wire_put_u64(out,
                     file_checksum(&footer->id, footer->file_bytes - FILE_FOOTER_BYTES,
                                   out->bytes + begin, out->size - begin));
    assert(out->failed || out->size - begin == FILE_FOOTER_BYTES);
}

bool
file_header_begins(const uint8_t *bytes, size_t size)
{
    struct wire_reader in = wire_reader_of(bytes, size);

    return wire_get_u64(&in) == header_magic;
}

/* Version and features come first: what they cover may look different in files that are
 * newer. */
enum spine_status
file_header_check(const char *name, struct span bytes, const struct file_id *id,
                  struct spine_error *error)
{
    struct wire_reader in = wire_reader_of(bytes.data, bytes.size);
    const uint64_t magic = wire_get_u64(&in);
    const uint32_t version = wire_get_u32(&in), header_bytes = wire_get_u32(&in);
    const uint64_t low = wire_get_u64(&in), high = wire_get_u64(&in);
    const uint64_t features = wire_get_u64(&in);

    (void)wire_get_u64(&in);
    if (in.overrun || magic != header_magic)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: does not begin as a batch file does, at 0", name);
    TRY_RETURN(check_version(name, version, features, error));
    if (!wire_get_zeros(&in, 8) || header_bytes != FILE_HEADER_BYTES || low != id->low ||
        high != id->high || bytes.size != FILE_HEADER_BYTES ||
        wire_get_u64(&in) != file_checksum(id, 0, bytes.data, FILE_HEADER_BYTES - 8))
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: the header is not what was written, at 0", name);
    return SPINE_OK;
}

enum spine_status
file_footer_decode(const char *name, struct span bytes, uint64_t file_bytes,
                   struct file_footer *out, struct spine_error *error)
{
    struct wire_reader in = wire_reader_of(bytes.data, bytes.size);
    uint64_t magic, offset;
    uint32_t version;
    enum spine_status st;

    if (bytes.size != FILE_FOOTER_BYTES ||
        file_bytes < FILE_HEADER_BYTES + TABLE_HEAD_BYTES + FILE_FOOTER_BYTES)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: %" PRIu64 " bytes are too few for a batch file", name,
                          file_bytes);
    offset = file_bytes - FILE_FOOTER_BYTES;
    out->file_bytes = wire_get_u64(&in);
    out->table_offset = wire_get_u64(&in);
    out->table_bytes = wire_get_u64(&in);
    out->table_checksum = wire_get_u64(&in);
    out->id.low = wire_get_u64(&in);
    out->id.high = wire_get_u64(&in);
    out->features = wire_get_u64(&in);
    (void)wire_get_u64(&in);
    version = wire_get_u32(&in);
    (void)wire_get(&in, 44);
    magic = wire_get_u64(&in);
    if (magic != footer_magic)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: does not end as a batch file does, at %" PRIu64, name,
                          offset);
    st = check_version(name, version, out->features, error);
    if (st != SPINE_OK)
        return st;
    if (wire_get_u64(&in) !=
        file_checksum(&out->id, offset, bytes.data, FILE_FOOTER_BYTES - 8))
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: the footer is not what was written, at %" PRIu64, name,
                          offset);
    if (out->file_bytes != file_bytes || out->table_offset > offset ||
        out->table_bytes > offset - out->table_offset ||
        out->table_offset % FILE_PART_ALIGNMENT != 0)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: the footer of a file of %" PRIu64
                          " bytes ends one of %" PRIu64,
                          name, out->file_bytes, file_bytes);
    return SPINE_OK;
}

enum spine_status
file_table_decode(const char *name, struct span bytes, const struct file_footer *footer,
                  struct file_table *out, struct spine_error *error)
{
    struct wire_reader in = wire_reader_of(bytes.data, bytes.size);
    enum spine_status st;

    *out = (struct file_table){0};
    if (bytes.size != footer->table_bytes ||
        file_checksum(&footer->id, footer->table_offset, bytes.data, bytes.size) !=
            footer->table_checksum)
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: the table is not what was written, at %" PRIu64, name,
                          footer->table_offset);
    out->block_count = wire_get_u32(&in);
    out->section_count = wire_get_u32(&in);
    if (in.overrun ||
        ((uint64_t)out->block_count + out->section_count) * FILE_ENTRY_BYTES !=
            wire_left(&in) ||
        !count_filters((struct span){in.at, out->block_count * (size_t)FILE_ENTRY_BYTES},
                       footer->features, out)) {
        *out = (struct file_table){0};
        return spine_fail(error, SPINE_CORRUPT,
                          "%s: the table has not the bytes of its entries, at %" PRIu64,
                          name, footer->table_offset);
    }
    TRY(decode_blocks(name, &in, footer, out, error));
    TRY(decode_sections(name, &in, footer, out, error));
    assert(!in.overrun && wire_left(&in) == 0);
    return SPINE_OK;
out:
    file_table_release(out);
    return st;
}

void
file_table_release(struct file_table *table)
{
    mem_free(table->blocks, table->block_capacity * sizeof *table->blocks);
    mem_free(table->sections, table->section_capacity * sizeof *table->sections);
    *table = (struct file_table){0};
}

static enum spine_status
check_version(const char *name, uint32_t version, uint64_t features,
              struct spine_error *error)
{
    if (version != FILE_VERSION)
        return spine_fail(error, SPINE_INVALID,
                          "%s: is of version %" PRIu32 ", this library reads version %u",
                          name, version, FILE_VERSION);
    if ((features & ~FEATURES_KNOWN) != 0)
        return spine_fail(error, SPINE_INVALID,
                          "%s: has feature %d, which this library does not know", name,
                          __builtin_ctzll(features & ~FEATURES_KNOWN));
    return SPINE_OK;
}

uint64_t
file_part_end(uint64_t offset, uint64_t bytes)
{
    assert(offset % FILE_PART_ALIGNMENT == 0);
    return (offset + bytes + FILE_PART_ALIGNMENT - 1) / FILE_PART_ALIGNMENT *
           FILE_PART_ALIGNMENT;
}

const struct file_block *
file_table_next(const struct file_table *table, uint32_t *block, uint32_t *filter)
{
    const struct file_block *blocks = table->blocks;
    const bool more_blocks = *block < table->block_count;
    const bool more_filters = *filter < table->filter_count;
    const uint32_t at = table->block_count + *filter;

    assert(*block <= table->block_count && *filter <= table->filter_count);
    if (more_filters && (!more_blocks || blocks[at].offset < blocks[*block].offset)) {
        ++*filter;
        return &blocks[at];
    }
    return more_blocks ? &blocks[(*block)++] : NULL;
}

/* `block_count` is the number of all parts at first; this takes the filters out of it. */
static bool
count_filters(struct span entries, uint64_t features, struct file_table *table)
{
    for (size_t at = ENTRY_KIND_AT; at < entries.size; at += FILE_ENTRY_BYTES)
        table->filter_count += entries.data[at] == ENTRY_FILTER;
    table->block_count -= table->filter_count;
    return table->filter_count == 0 || (features & FILE_FEATURE_FILTERS) != 0;
}

/* Blocks and filters lie one behind the other, and all of them before the table. */
static enum spine_status
decode_blocks(const char *name, struct wire_reader *reader,
              const struct file_footer *footer, struct file_table *table,
              struct spine_error *error)
{
    const uint32_t count = file_table_parts(table);
    uint32_t blocks = 0, filters = 0;
    uint64_t end = FILE_HEADER_BYTES;

    if (count == 0)
        return SPINE_OK;
    if (!array_reserve(&table->blocks, &table->block_capacity, sizeof *table->blocks,
                       count))
        return fail_nomem(error, "the table of a file", count * sizeof *table->blocks);
    for (uint32_t i = 0; i < count; i++) {
        struct file_block *block;

        if (!decode_entry(reader, table, &blocks, &filters, &block) ||
            !block_is_sound(block) || block->offset != end ||
            block->offset > footer->table_offset ||
            block->stored_bytes > footer->table_offset - block->offset)
            return spine_fail(error, SPINE_CORRUPT,
                              "%s: block %" PRIu32 " cannot lie at %" PRIu64, name, i,
                              block->offset);
        if (block->codec == CODEC_STRIPS && (footer->features & FILE_FEATURE_STRIPS) == 0)
            return spine_fail(error, SPINE_CORRUPT,
                              "%s: block %" PRIu32 ", at %" PRIu64 ", lies in strips, "
                              "and feature 3 says that none does",
                              name, i, block->offset);
        end = file_part_end(block->offset, block->stored_bytes);
    }
    return SPINE_OK;
}

/* Decodes the next block or filter to where it belongs in the table. */
static bool
decode_entry(struct wire_reader *reader, struct file_table *table, uint32_t *block,
             uint32_t *filter, struct file_block **out)
{
    const bool is_filter = reader->at[ENTRY_KIND_AT] == ENTRY_FILTER;
    struct file_block *to =
        &table->blocks[is_filter ? table->block_count + *filter : *block];
    uint32_t last;
    uint8_t kind;

    *to = (struct file_block){.offset = wire_get_u64(reader)};
    to->stored_bytes = wire_get_u32(reader);
    to->image_bytes = wire_get_u32(reader);
    to->checksum = wire_get_u64(reader);
    to->codec = wire_get_u8(reader);
    kind = wire_get_u8(reader);
    to->strips.key_bits = wire_get_u8(reader);
    to->strips.value_bits = wire_get_u8(reader);
    last = wire_get_u32(reader);
    *out = to;
    if (is_filter) {
        to->first_block = last;
        return filter_is_sound(table, (*filter)++, *block);
    }
    ++*block;
    to->strips.slacks = (uint8_t)last;
    return kind == ENTRY_BLOCK && last <= UINT8_MAX;
}

/* The first filter begins with the first block, each other one behind that, and all of
 * them come behind their blocks. */
static bool
filter_is_sound(const struct file_table *table, uint32_t filter, uint32_t blocks_before)
{
    const struct file_block *entry = &table->blocks[table->block_count + filter];

    if (entry->codec != CODEC_NONE || entry->first_block >= blocks_before)
        return false;
    return filter == 0 ? entry->first_block == 0
                       : entry->first_block > entry[-1].first_block;
}

static enum spine_status
decode_sections(const char *name, struct wire_reader *reader,
                const struct file_footer *footer, struct file_table *table,
                struct spine_error *error)
{
    const uint32_t count = table->section_count;

    if (count == 0)
        return SPINE_OK;
    if (!array_reserve(&table->sections, &table->section_capacity,
                       sizeof *table->sections, count))
        return fail_nomem(error, "the table of a file", count * sizeof *table->sections);
    for (uint32_t i = 0; i < count; i++) {
        struct file_section *section = &table->sections[i];

        section->offset = wire_get_u64(reader);
        section->bytes = wire_get_u64(reader);
        section->checksum = wire_get_u64(reader);
        section->kind = wire_get_u32(reader);
        if (!wire_get_zeros(reader, 4) || section->offset % FILE_PART_ALIGNMENT != 0 ||
            section->offset > footer->table_offset ||
            section->bytes > footer->table_offset - section->offset ||
            (i > 0 && section->kind <= section[-1].kind))
            return spine_fail(error, SPINE_CORRUPT,
                              "%s: section %" PRIu32 " cannot lie at %" PRIu64, name,
                              section->kind, section->offset);
    }
    return SPINE_OK;
}

static bool
block_is_sound(const struct file_block *block)
{
    const struct file_strips *strips = &block->strips;

    if (block->image_bytes == 0 || block->image_bytes > FILE_IMAGE_BYTES_MAX ||
        block->codec >= CODEC_COUNT || block->stored_bytes == 0)
        return false;
    if (block->codec == CODEC_STRIPS)
        return strips_are_sound(strips) &&
               block->image_bytes == strips_image_bytes(strips) &&
               block->stored_bytes == strips_stored_bytes(strips);
    if (strips->key_bits != 0 || strips->value_bits != 0 || strips->slacks != 0)
        return false;
    return block->codec == CODEC_NONE ? block->stored_bytes == block->image_bytes
                                      : block->stored_bytes < block->image_bytes;
}
