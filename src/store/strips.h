/* SPDX-License-Identifier: MIT */
#ifndef STORE_STRIPS_H
#define STORE_STRIPS_H

/*
 * store/strips -- images whose keys and values lie side by side in a file, so that one
 * key and its value are read with a page or two.
 *
 * In an image all values lie behind all keys. Stored in strips, both are cut into
 * STRIP_COUNT equal parts, and a strip has one part of each, behind a checksum of its
 * own:
 *
 *     image     head | k0 k1 ... k31 | zeros | v0 v1 ... v31 | zeros
 *     stored    head | sum k0 v0 | sum k1 v1 | ... | sum k31 v31
 *
 * Only images that are nothing but words of keys and of values can be stored so: a block
 * has to be full, each row of it a key of its own, its weight 1, and no times. What is
 * here knows of that only how many bits a key and a value have. FORMAT.md, "Strips".
 */

#include "store/file_format.h"

struct store_file;
struct store_writer;

/* What reads are aligned to where that costs nothing. */
#define STORE_PAGE_BYTES 4096u
#define STRIP_COUNT 32u
/* Keys of a strip, and values: this many words of any width are whole bytes. */
#define STRIP_ROWS 128u
/* The widest words of keys and values. */
#define STRIP_BITS_MAX 64u
/* What an image has in front of its keys. */
#define STRIPS_HEAD_BYTES 128u
#define STRIP_SUM_BYTES 8u
/* Zeros that may lie behind keys, or values. */
#define STRIPS_SLACK_BYTES 8u
/* The most bytes of the pages around a strip. */
#define STRIP_PAGES_BYTES 8192u
/* Bytes behind a strip that may be read. */
#define STRIP_SLACK_BYTES 8u

static inline size_t
strip_key_bytes(const struct file_strips *strips)
{
    return strips->key_bits * (size_t)(STRIP_ROWS / 8);
}

static inline size_t
strip_value_bytes(const struct file_strips *strips)
{
    return strips->value_bits * (size_t)(STRIP_ROWS / 8);
}

/* With its checksum. */
static inline size_t
strip_bytes(const struct file_strips *strips)
{
    return STRIP_SUM_BYTES + strip_key_bytes(strips) + strip_value_bytes(strips);
}

/* Where strip `number` begins, from the begin of the block. */
static inline uint64_t
strip_offset(const struct file_strips *strips, uint32_t number)
{
    return STRIPS_HEAD_BYTES + number * (uint64_t)strip_bytes(strips);
}

/* Bytes of zeros behind keys, or values. */
static inline size_t
strips_slack_bytes(const struct file_strips *strips, enum file_strips_slack which)
{
    return (strips->slacks & which) != 0 ? STRIPS_SLACK_BYTES : 0;
}

/* The bytes of the image, and of what is stored of it. */
static inline size_t
strips_image_bytes(const struct file_strips *strips)
{
    return STRIPS_HEAD_BYTES +
           STRIP_COUNT * (strip_key_bytes(strips) + strip_value_bytes(strips)) +
           strips_slack_bytes(strips, STRIPS_KEY_SLACK) +
           strips_slack_bytes(strips, STRIPS_VALUE_SLACK);
}

static inline size_t
strips_stored_bytes(const struct file_strips *strips)
{
    return STRIPS_HEAD_BYTES + STRIP_COUNT * strip_bytes(strips);
}

/* Can there be such strips? */
static inline bool
strips_are_sound(const struct file_strips *strips)
{
    return strips->key_bits <= STRIP_BITS_MAX && strips->value_bits <= STRIP_BITS_MAX &&
           strips->key_bits + strips->value_bits > 0 &&
           (strips->slacks & ~(STRIPS_KEY_SLACK | STRIPS_VALUE_SLACK)) == 0;
}

/* Writes what is stored of `image` at `offset` of the file `id` to `stored`. */
void strips_store(const struct file_strips *strips, const void *image,
                  const struct file_id *id, uint64_t offset, void *stored);
/* Makes the image of what is stored, whose checksums nobody looks at here. */
void strips_expand(const struct file_strips *strips, const void *stored, void *image);
/* Is the strip that lies at `offset` of the file what was written? */
bool strip_is_whole(const struct file_strips *strips, const struct file_id *id,
                    uint64_t offset, const void *strip);

/* ---- In files ---- */

/* Appends the image of a block to the file as strips; see store_writer_block(). */
enum spine_status store_writer_strips(struct store_writer *writer, const void *image,
                                      const struct file_strips *strips,
                                      struct spine_error *error);
/*
 * A strip of a block, which has CODEC_STRIPS, as it was read: keys, and values, of
 * `strips` bits end to end.
 */
struct store_strip {
    const uint8_t *keys;
    const uint8_t *values;
};

/* Room for the pages around a strip; what is read of it begins aligned. */
struct store_strip_room {
    _Alignas(STORE_PAGE_BYTES) uint8_t bytes[STRIP_PAGES_BYTES];
};

/* May a reader that looks for one key read a strip of the block instead of all of it? No
 * when the block is in memory, when the cache has room for it, or when it was asked for a
 * short while ago. A yes counts as a miss. */
bool store_prefers_strip(struct store_file *file, uint32_t index);
/* Reads strip `number` of block `index` into `room`, and checks it. */
enum spine_status store_read_strip(struct store_file *file, uint32_t index,
                                   uint32_t number, struct store_strip_room *room,
                                   struct store_strip *out, struct spine_error *error);

#endif
