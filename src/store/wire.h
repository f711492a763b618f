/* SPDX-License-Identifier: MIT */
#ifndef STORE_WIRE_H
#define STORE_WIRE_H

/*
 * Numbers as bytes, little-endian: a writer that grows, and a reader that never leaves
 * its bounds. Both are sticky: after a failure they do nothing, and the owner asks once,
 * at the end.
 */

#include "base/bytes.h"

#include <stdbool.h>

struct wire_writer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    /* There was no memory; nothing more was written. */
    bool failed;
};

/* Frees the bytes; zeroed afterwards. */
void wire_release(struct wire_writer *writer);

void wire_put(struct wire_writer *writer, const void *data, size_t size);
void wire_put_u8(struct wire_writer *writer, uint8_t number);
void wire_put_u32(struct wire_writer *writer, uint32_t number);
void wire_put_u64(struct wire_writer *writer, uint64_t number);
/* At most 64. */
void wire_put_zeros(struct wire_writer *writer, size_t size);

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
    /* More was asked for than there was; everything since read as zeros. */
    bool overrun;
};

static inline struct wire_reader
wire_reader_of(const void *data, size_t size)
{
    const uint8_t *const bytes = data;

    return (struct wire_reader){.at = bytes, .end = size > 0 ? bytes + size : bytes};
}

static inline size_t
wire_left(const struct wire_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* The next `size` bytes, which stay where they are; no bytes on overrun. */
struct span wire_get(struct wire_reader *reader, size_t size);
uint8_t wire_get_u8(struct wire_reader *reader);
uint32_t wire_get_u32(struct wire_reader *reader);
uint64_t wire_get_u64(struct wire_reader *reader);
/* True when the next `size` bytes are there and zero. */
bool wire_get_zeros(struct wire_reader *reader, size_t size);

#endif
