/* SPDX-License-Identifier: MIT */
#ifndef BATCH_CELL_LINES_H
#define BATCH_CELL_LINES_H

/*
 * batch/cell_lines -- the lines of memory that cells lie in: searches ask for them ahead.
 */

#include "block/block.h"

#define LINE_BYTES 64u
/* Lines that are asked for at once, at most. */
#define LINES_MAX 9u

/* Lines of memory [begin, end), which may lie outside of a block. */
struct cell_lines {
    uintptr_t begin;
    uintptr_t end;
};

/*
 * Asks for them. The first line of each comes first: where it has to be looked up in
 * which page that is, some look-ups overlap. Compilers leave out calls of functions that
 * do nothing but prefetch: none is made.
 */
WORD_SEARCH void
prefetch_lines(const struct cell_lines *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch((const void *)lines[i].begin);
    for (size_t i = 0; i < count; i++) {
        const uintptr_t most = lines[i].begin + (LINES_MAX - 1) * LINE_BYTES;
        const uintptr_t end = lines[i].end < most ? lines[i].end : most;

        for (uintptr_t at = (lines[i].begin | (LINE_BYTES - 1)) + 1; at < end;
             at += LINE_BYTES)
            __builtin_prefetch((const void *)at);
    }
}

/* Asks for where the bytes of a value end; the end of the one before is next to it. */
WORD_SEARCH void
prefetch_value_end(const struct column *values, size_t value)
{
    const struct frame *const frame =
        values->picks != NULL ? values->picks : values->frame;

    __builtin_prefetch(frame != NULL ? frame_bits(frame) + value * frame->width / 8
                                     : (const uint8_t *)(values->ends + value));
}

/* Where value `at` of a block lies. */
WORD_SEARCH struct cell_lines
value_lines(const struct cell_layout *layout, const struct column *values, size_t at)
{
    const uintptr_t cells = (uintptr_t)values->cells;
    uintptr_t begin;

    switch (layout->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
    case SHAPE_WORD8:
        begin = values->frame != NULL
                    ? (uintptr_t)frame_bits(values->frame) + at * values->frame->width / 8
                    : cells + at * layout->bytes;
        return (struct cell_lines){begin, begin};
    case SHAPE_FIXED:
        begin = cells + at * layout->bytes;
        return (struct cell_lines){begin, begin + layout->bytes};
    case SHAPE_BYTES:
        if (values->picks != NULL)
            at = (size_t)frame_word(values->picks, at);
        return (struct cell_lines){cells + (at > 0 ? column_end(values, at - 1) : 0),
                                   cells + column_end(values, at)};
    }
    return (struct cell_lines){cells, cells};
}

#endif
