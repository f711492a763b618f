/* SPDX-License-Identifier: MIT */

/*
 * Tuples of any elements, one by one: tags, then content that compares as the elements do
 * (elements.h). The writer keeps its first error, and refuses the tuple at its end.
 */

#include "tuple/elements.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"

/* A tag and a word. */
#define SMALL_MAX 9

static void put_small(struct spine_tuple_writer *writer, unsigned tag, uint64_t word,
                      unsigned bytes, enum spine_tuple_order order);
static void put_escaped(struct spine_tuple_writer *writer, unsigned tag,
                        struct span content, enum spine_tuple_order order);
static uint8_t *copy_escaped(uint8_t *to, struct span content);
static bool
writer_accepts(struct spine_tuple_writer *writer, enum spine_tuple_order order);
static uint8_t *writer_extend(struct spine_tuple_writer *writer, size_t bytes);
static bool
writer_flips(const struct spine_tuple_writer *writer, enum spine_tuple_order order);
static void writer_fail(struct spine_tuple_writer *writer, enum spine_status status,
                        const char *reason);

void
spine_tuple_writer_init(struct spine_tuple_writer *writer)
{
    if (writer != NULL)
        *writer = (struct spine_tuple_writer){0};
}

void
spine_tuple_writer_release(struct spine_tuple_writer *writer)
{
    if (writer == NULL)
        return;
    mem_free(writer->data, writer->capacity);
    *writer = (struct spine_tuple_writer){0};
}

void
spine_tuple_clear(struct spine_tuple_writer *writer)
{
    if (writer == NULL)
        return;
    writer->size = 0;
    writer->flips = 0;
    writer->depth = 0;
    writer->status = SPINE_OK;
    writer->reason = NULL;
}

void
spine_tuple_put_null(struct spine_tuple_writer *writer, enum spine_tuple_order order)
{
    /* Flipping a descending null also swaps the side that it is on. */
    const bool last = (order & TUPLE_ORDER_NULLS_LAST) != 0;
    const bool descends = (order & TUPLE_ORDER_DESCENDING) != 0;

    put_small(writer, last != descends ? TUPLE_TAG_NULL_LAST : TUPLE_TAG_NULL_FIRST, 0, 0,
              order);
}

void
spine_tuple_put_bool(struct spine_tuple_writer *writer, bool truth,
                     enum spine_tuple_order order)
{
    put_small(writer, truth ? TUPLE_TAG_TRUE : TUPLE_TAG_FALSE, 0, 0, order);
}

void
spine_tuple_put_i64(struct spine_tuple_writer *writer, int64_t number,
                    enum spine_tuple_order order)
{
    const uint64_t word = (uint64_t)number;

    if (number < 0) {
        const unsigned bytes = tuple_word_bytes(~word);
        put_small(writer, TUPLE_TAG_I64_NEGATIVE - bytes, word, bytes, order);
    } else {
        const unsigned bytes = tuple_word_bytes(word);
        put_small(writer, TUPLE_TAG_I64 + bytes, word, bytes, order);
    }
}

void
spine_tuple_put_u64(struct spine_tuple_writer *writer, uint64_t number,
                    enum spine_tuple_order order)
{
    const unsigned bytes = tuple_word_bytes(number);

    put_small(writer, TUPLE_TAG_U64 + bytes, number, bytes, order);
}

void
spine_tuple_put_f64(struct spine_tuple_writer *writer, double number,
                    enum spine_tuple_order order)
{
    put_small(writer, TUPLE_TAG_F64, word_of_f64(number), 8, order);
}

void
spine_tuple_put_string(struct spine_tuple_writer *writer, const char *data, size_t size,
                       enum spine_tuple_order order)
{
    const struct span content = {(const uint8_t *)data, size};

    put_escaped(writer, TUPLE_TAG_STRING, content, order);
}

void
spine_tuple_put_bytes(struct spine_tuple_writer *writer, const void *data, size_t size,
                      enum spine_tuple_order order)
{
    const struct span content = {data, size};

    put_escaped(writer, TUPLE_TAG_BYTES, content, order);
}

void
spine_tuple_begin(struct spine_tuple_writer *writer, enum spine_tuple_order order)
{
    if (writer != NULL && writer->depth == SPINE_TUPLE_DEPTH_MAX) {
        writer_fail(writer, SPINE_INVALID, "tuples are nested too deeply");
        return;
    }
    put_small(writer, TUPLE_TAG_TUPLE, 0, 0, order);
    if (writer == NULL || writer->status != SPINE_OK)
        return;
    writer->flips = writer->flips << 1 | (writer_flips(writer, order) ? 1u : 0u);
    writer->depth++;
}

void
spine_tuple_end(struct spine_tuple_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->depth == 0) {
        writer_fail(writer, SPINE_MISUSE, "a nested tuple ends that has not begun");
        return;
    }
    put_small(writer, TUPLE_TAG_END, 0, 0, SPINE_ASCENDING);
    if (writer->status != SPINE_OK)
        return;
    writer->flips >>= 1;
    writer->depth--;
}

void
spine_tuple_put(struct spine_tuple_writer *writer,
                const struct spine_tuple_element *element)
{
    if (element == NULL) {
        writer_fail(writer, SPINE_INVALID, "the element is NULL");
        return;
    }

    const enum spine_tuple_order order = element->order;
    const struct spine_bytes *const bytes = &element->as.bytes;

    switch (element->kind) {
    case SPINE_TUPLE_NULL:
        spine_tuple_put_null(writer, order);
        return;
    case SPINE_TUPLE_BOOL:
        spine_tuple_put_bool(writer, element->as.truth, order);
        return;
    case SPINE_TUPLE_I64:
        spine_tuple_put_i64(writer, element->as.i64, order);
        return;
    case SPINE_TUPLE_U64:
        spine_tuple_put_u64(writer, element->as.u64, order);
        return;
    case SPINE_TUPLE_F64:
        spine_tuple_put_f64(writer, element->as.f64, order);
        return;
    case SPINE_TUPLE_STRING:
        spine_tuple_put_string(writer, bytes->data, bytes->size, order);
        return;
    case SPINE_TUPLE_BYTES:
        spine_tuple_put_bytes(writer, bytes->data, bytes->size, order);
        return;
    case SPINE_TUPLE_BEGIN:
        spine_tuple_begin(writer, order);
        return;
    case SPINE_TUPLE_END:
        spine_tuple_end(writer);
        return;
    }
    writer_fail(writer, SPINE_INVALID, "no element is of this kind");
}

enum spine_status
spine_tuple_writer_status(const struct spine_tuple_writer *writer,
                          struct spine_error *error)
{
    if (writer == NULL)
        return fail_null(error, "spine_tuple_writer_status", "writer");
    if (writer->status != SPINE_OK)
        return spine_fail(error, writer->status, "tuple, at byte %zu: %s", writer->size,
                          writer->reason);
    if (writer->depth != 0)
        return spine_fail(error, SPINE_MISUSE, "tuple, at byte %zu: %u nested %s not end",
                          writer->size, writer->depth,
                          writer->depth == 1 ? "tuple does" : "tuples do");
    return SPINE_OK;
}

struct spine_bytes
spine_tuple_bytes(const struct spine_tuple_writer *writer)
{
    struct spine_bytes bytes = {NULL, 0};

    if (writer != NULL && writer->status == SPINE_OK && writer->depth == 0) {
        bytes.data = writer->data;
        bytes.size = writer->size;
    }
    return bytes;
}

/* A tag and the low `bytes` bytes of `word`, big-endian. */
static void
put_small(struct spine_tuple_writer *writer, unsigned tag, uint64_t word, unsigned bytes,
          enum spine_tuple_order order)
{
    assert(bytes < SMALL_MAX);
    if (!writer_accepts(writer, order))
        return;
    uint8_t *const to = writer_extend(writer, 1 + bytes);
    if (to == NULL)
        return;

    const uint8_t flip = writer_flips(writer, order) ? 0xff : 0;
    to[0] = (uint8_t)(tag ^ flip);
    for (unsigned i = 0; i < bytes; i++)
        to[1 + i] = (uint8_t)(word >> (8 * (bytes - 1 - i)) ^ flip);
}

static void
put_escaped(struct spine_tuple_writer *writer, unsigned tag, struct span content,
            enum spine_tuple_order order)
{
    if (!writer_accepts(writer, order))
        return;
    /* Before any byte is read: such a size may well be a mistake. */
    if (content.size > SPINE_BYTES_MAX) {
        writer_fail(writer, SPINE_INVALID, "an element is too long");
        return;
    }
    if (content.data == NULL && content.size > 0) {
        writer_fail(writer, SPINE_INVALID, "an element's data is NULL");
        return;
    }

    size_t zeros = 0;
    for (size_t i = 0; i < content.size; i++)
        zeros += content.data[i] == 0;
    const size_t bytes = 1 + content.size + zeros + 2;
    uint8_t *const to = writer_extend(writer, bytes);
    if (to == NULL)
        return;

    to[0] = (uint8_t)tag;
    uint8_t *const end = copy_escaped(to + 1, content);
    end[0] = 0;
    end[1] = TUPLE_ZERO_ENDS;
    assert(end + 2 == to + bytes);
    if (!writer_flips(writer, order))
        return;
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)~to[i];
}

/* Returns where the copy ends. */
static uint8_t *
copy_escaped(uint8_t *to, struct span content)
{
    const uint8_t *from = content.data;
    size_t left = content.size;

    while (left > 0) {
        const uint8_t *const zero = memchr(from, 0, left);
        const size_t run = zero != NULL ? (size_t)(zero - from) + 1 : left;

        memcpy(to, from, run);
        to += run;
        from += run;
        left -= run;
        if (zero != NULL)
            *to++ = TUPLE_ZERO_ESCAPED;
    }
    return to;
}

static bool
writer_accepts(struct spine_tuple_writer *writer, enum spine_tuple_order order)
{
    const unsigned known = TUPLE_ORDER_DESCENDING | TUPLE_ORDER_NULLS_LAST;

    if (((unsigned)order & ~known) != 0)
        writer_fail(writer, SPINE_INVALID, "there is no such order");
    return writer != NULL && writer->status == SPINE_OK;
}

/* Room for `bytes` more bytes, which the caller fills; NULL once the writer failed. */
static uint8_t *
writer_extend(struct spine_tuple_writer *writer, size_t bytes)
{
    assert(writer->status == SPINE_OK);
    assert(writer->size <= SPINE_BYTES_MAX);
    if (bytes > SPINE_BYTES_MAX - writer->size) {
        writer_fail(writer, SPINE_INVALID, "the tuple is too long");
        return NULL;
    }

    const size_t size = writer->size + bytes;
    const size_t needed = size > 64 ? size : 64;
    if (!array_reserve(&writer->data, &writer->capacity, 1, needed)) {
        writer_fail(writer, SPINE_NOMEM, "no memory for the next element");
        return NULL;
    }
    uint8_t *const to = writer->data + writer->size;
    writer->size = size;
    return to;
}

static bool
writer_flips(const struct spine_tuple_writer *writer, enum spine_tuple_order order)
{
    return (((unsigned)order ^ writer->flips) & TUPLE_ORDER_DESCENDING) != 0;
}

static void
writer_fail(struct spine_tuple_writer *writer, enum spine_status status,
            const char *reason)
{
    if (writer == NULL || writer->status != SPINE_OK)
        return;
    writer->status = status;
    writer->reason = reason;
}
