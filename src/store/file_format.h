/* SPDX-License-Identifier: MIT */
#ifndef STORE_FILE_FORMAT_H
#define STORE_FILE_FORMAT_H

/*
 * The parts of a batch file as structures, and as the bytes of FORMAT.md. Decoding checks
 * everything that can be checked without reading blocks, whatever the bytes are.
 */

#include "base/bytes.h"
#include "spine/types.h"
#include "store/wire.h"

#include <stdbool.h>

#define FILE_VERSION 1u
#define FILE_HEADER_BYTES 64u
#define FILE_FOOTER_BYTES 128u
#define FILE_PART_ALIGNMENT 64u
/* A pack that is larger than this many bytes is a multiple of them. */
#define FILE_PACK_PAGE_BYTES 4096u
/* Of a block or a section in the table. */
#define FILE_ENTRY_BYTES 32u
/* Images of blocks are not larger. */
#define FILE_IMAGE_BYTES_MAX (1u << 30)

/* Unique over all processes and machines: 128 random bits. */
struct file_id {
    uint64_t low, high;
};

enum file_codec {
    CODEC_NONE = 0,
    CODEC_LZ4 = 1,
    CODEC_ZSTD = 2,
    CODEC_STRIPS = 3,
    CODEC_COUNT
};

/* Behind which words of an image there are zeros. */
enum file_strips_slack { STRIPS_KEY_SLACK = 1, STRIPS_VALUE_SLACK = 2 };

/* How an image is cut into strips (store/strips.h). */
struct file_strips {
    /* Of a key, and of a value. */
    uint8_t key_bits, value_bits;
    /* Of enum file_strips_slack. */
    uint8_t slacks;
};

struct file_block {
    uint64_t offset;
    uint64_t checksum;
    uint32_t stored_bytes;
    uint32_t image_bytes;
    uint8_t codec;
    /* Of a block with CODEC_STRIPS; otherwise zeros. */
    struct file_strips strips;
    /* Of a filter: the first block whose keys are in it, up to that of the next one. */
    uint32_t first_block;
};

struct file_section {
    uint64_t offset;
    uint64_t bytes;
    uint64_t checksum;
    uint32_t kind;
};

struct file_table {
    /* The blocks of the batch, and behind them the lookup filters. */
    struct file_block *blocks;
    struct file_section *sections;
    uint32_t block_count;
    uint32_t filter_count;
    uint32_t section_count;
    /* Of the arrays. */
    size_t block_capacity;
    size_t section_capacity;
};

/* Features that a reader must know, as bits. */
enum file_feature {
    /* The schema tells of the columns of keys or values. */
    FILE_FEATURE_TUPLES = 1,
    /* Among the blocks of the table are filters. */
    FILE_FEATURE_FILTERS = 2,
    /* In some block bytes lie as no earlier reader expects: keys have fronts, ends are a
     * frame, or values are a list. */
    FILE_FEATURE_BYTES = 4,
    /* Some block is stored in strips. */
    FILE_FEATURE_STRIPS = 8
};

struct file_footer {
    struct file_id id;
    uint64_t file_bytes;
    uint64_t table_offset;
    uint64_t table_bytes;
    uint64_t table_checksum;
    /* Of enum file_feature. */
    uint64_t features;
};

/* The checksum of bytes that lie at `offset` of the file `id`. */
uint64_t
file_checksum(const struct file_id *id, uint64_t offset, const void *data, size_t size);

void file_header_encode(const struct file_id *id, struct wire_writer *out);
void file_table_encode(const struct file_table *table, struct wire_writer *out);
void file_footer_encode(const struct file_footer *footer, struct wire_writer *out);

/* Do bytes begin as a batch file does? */
bool file_header_begins(const uint8_t *bytes, size_t size);
/* SPINE_CORRUPT, with `name` in the message; SPINE_INVALID for a version or a feature
 * that this library does not know. */
enum spine_status file_header_check(const char *name, struct span bytes,
                                    const struct file_id *id, struct spine_error *error);
/* `bytes` are the last FILE_FOOTER_BYTES of a file of `file_bytes`. */
enum spine_status file_footer_decode(const char *name, struct span bytes,
                                     uint64_t file_bytes, struct file_footer *out,
                                     struct spine_error *error);
/* On success the caller ends `*out` with file_table_release(). Also SPINE_NOMEM. */
enum spine_status file_table_decode(const char *name, struct span bytes,
                                    const struct file_footer *footer,
                                    struct file_table *out, struct spine_error *error);
void file_table_release(struct file_table *table);
/* Blocks and filters. */
static inline uint32_t
file_table_parts(const struct file_table *table)
{
    return table->block_count + table->filter_count;
}
/* Where the next part begins behind one of `bytes` at `offset`. */
uint64_t file_part_end(uint64_t offset, uint64_t bytes);
/*
 * Blocks and filters in the order of the file: `*block` and `*filter` are how many of
 * each there were, 0 at first. The next one, whose number is then one more; NULL at the
 * end.
 */
const struct file_block *
file_table_next(const struct file_table *table, uint32_t *block, uint32_t *filter);

#endif
