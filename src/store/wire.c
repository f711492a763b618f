/* SPDX-License-Identifier: MIT */

/* Numbers and bytes put into memory that grows, and got from bytes that may be anything:
 * what is not there sets a flag, and reads as zero. */

#include "store/wire.h"

#include "base/alloc.h"
#include "base/assert.h"

void
wire_release(struct wire_writer *writer)
{
    mem_free(writer->bytes, writer->capacity);
    *writer = (struct wire_writer){0};
}

void
wire_put(struct wire_writer *writer, const void *data, size_t size)
{
    assert(writer->size <= writer->capacity);
    if (writer->failed || size == 0)
        return;
    if (!array_reserve(&writer->bytes, &writer->capacity, 1, writer->size + size)) {
        writer->failed = true;
        return;
    }
    memcpy(writer->bytes + writer->size, data, size);
    writer->size += size;
}

void
wire_put_u8(struct wire_writer *writer, uint8_t number)
{
    wire_put(writer, &number, sizeof number);
}

/* The machine is little-endian, too (base/bytes.h). */
void
wire_put_u32(struct wire_writer *writer, uint32_t number)
{
    wire_put(writer, &number, sizeof number);
}

void
wire_put_u64(struct wire_writer *writer, uint64_t number)
{
    wire_put(writer, &number, sizeof number);
}

void
wire_put_zeros(struct wire_writer *writer, size_t size)
{
    static const uint8_t zeros[64];

    assert(size <= sizeof zeros);
    wire_put(writer, zeros, size);
}

struct span
wire_get(struct wire_reader *reader, size_t size)
{
    struct span span = {0};

    assert((reader->at != NULL && reader->end != NULL) || reader->at == reader->end);
    if (reader->overrun || size > wire_left(reader)) {
        reader->overrun = true;
        return span;
    }
    span = (struct span){.data = reader->at, .size = size};
    if (size > 0)
        reader->at += size;
    return span;
}

uint8_t
wire_get_u8(struct wire_reader *reader)
{
    const struct span span = wire_get(reader, sizeof(uint8_t));

    return span.size > 0 ? span.data[0] : 0;
}

uint32_t
wire_get_u32(struct wire_reader *reader)
{
    uint32_t number = 0;
    const struct span span = wire_get(reader, sizeof number);

    if (span.size > 0)
        memcpy(&number, span.data, sizeof number);
    return number;
}

uint64_t
wire_get_u64(struct wire_reader *reader)
{
    uint64_t number = 0;
    const struct span span = wire_get(reader, sizeof number);

    if (span.size > 0)
        memcpy(&number, span.data, sizeof number);
    return number;
}

bool
wire_get_zeros(struct wire_reader *reader, size_t size)
{
    const struct span span = wire_get(reader, size);

    for (size_t i = 0; i < span.size; i++)
        if (span.data[i] != 0)
            return false;
    return !reader->overrun;
}
