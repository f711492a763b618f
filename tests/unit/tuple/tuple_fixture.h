/* SPDX-License-Identifier: MIT */
#ifndef TUPLE_FIXTURE_H
#define TUPLE_FIXTURE_H

/*
 * What the tests of tuples share: bytes written as hexadecimal text, and an allocator
 * that refuses from the nth call on.
 */

#include "spine/tuple_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "40 68 00" as bytes; returns how many. */
static inline size_t
bytes_of_hex(const char *text, uint8_t *out, size_t room)
{
    size_t size = 0;
    unsigned byte;

    for (; size < room && sscanf(text, "%2x", &byte) == 1; size++) {
        out[size] = (uint8_t)byte;
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    return size;
}

/* Puts what the bytes hold; the reader's status. */
static inline enum spine_status
tuple_copy(struct spine_tuple_reader *reader, struct spine_tuple_writer *writer)
{
    struct spine_tuple_element element;

    spine_tuple_clear(writer);
    while (spine_tuple_next(reader, &element))
        spine_tuple_put(writer, &element);
    return spine_tuple_reader_status(reader, NULL);
}

/* Allocations that are granted before the first that is refused. */
struct refusing {
    size_t granted;
    size_t refusals;
};

static inline void *
refusing_alloc(void *context, size_t bytes)
{
    struct refusing *refusing = context;

    if (refusing->granted == 0) {
        refusing->refusals++;
        return NULL;
    }
    refusing->granted--;
    return malloc(bytes);
}

static inline void
refusing_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

#endif
