/* SPDX-License-Identifier: MIT */
#ifndef BASE_COPY_CELL_H
#define BASE_COPY_CELL_H

/*
 * base/copy_cell -- copies the bytes of cells whose sizes nobody can guess.
 *
 * A loop over a cell's bytes, or a call of memcpy(), ends after a number of steps that
 * differs from cell to cell, which processors guess wrongly. So a cell is copied in a
 * number of pieces that is the same for all; of a short cell the last ones lie on one
 * another. No byte outside of the cell is read or written.
 *
 *     20 bytes in four pieces     [0, 16) [4, 20) [4, 20) [4, 20)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    COPY_PIECE_BYTES = 16,
    /* Pieces of cells that are short, and of others, in the mean. */
    COPY_FEW_PIECES = 4,
    COPY_MANY_PIECES = 8,
    /* Cells of more bytes in the mean are not short. */
    COPY_SHORT_BYTES = 40
};

/* Are `bytes` in all those of short cells? */
static inline bool
copy_cell_is_short(size_t cells, size_t bytes)
{
    return bytes / COPY_SHORT_BYTES <= cells;
}

/* Pieces `at` to `at` + 3, none of which lies behind `last`. */
static inline __attribute__((always_inline)) void
copy_four_pieces(uint8_t *to, const uint8_t *from, size_t at, size_t last)
{
    const size_t first = at * COPY_PIECE_BYTES < last ? at * COPY_PIECE_BYTES : last;
    const size_t second = (at + 1) * COPY_PIECE_BYTES;
    const size_t third = (at + 2) * COPY_PIECE_BYTES;
    const size_t fourth = (at + 3) * COPY_PIECE_BYTES;

    memcpy(to + first, from + first, COPY_PIECE_BYTES);
    memcpy(to + (second < last ? second : last), from + (second < last ? second : last),
           COPY_PIECE_BYTES);
    memcpy(to + (third < last ? third : last), from + (third < last ? third : last),
           COPY_PIECE_BYTES);
    memcpy(to + (fourth < last ? fourth : last), from + (fourth < last ? fourth : last),
           COPY_PIECE_BYTES);
}

/* `pieces` is one of these constants. */
static inline __attribute__((always_inline)) void
copy_cell(uint8_t *to, const uint8_t *from, size_t size, size_t pieces)
{
    if (size >= COPY_PIECE_BYTES && size <= pieces * COPY_PIECE_BYTES) {
        const size_t last = size - COPY_PIECE_BYTES;

        copy_four_pieces(to, from, 0, last);
        if (pieces == COPY_MANY_PIECES)
            copy_four_pieces(to, from, COPY_FEW_PIECES, last);
    } else if (size > 0) {
        memcpy(to, from, size);
    }
}

/* The same, `is_short` for all cells of a column. */
static inline void
copy_cell_of(uint8_t *to, const uint8_t *from, size_t size, bool is_short)
{
    if (is_short)
        copy_cell(to, from, size, COPY_FEW_PIECES);
    else
        copy_cell(to, from, size, COPY_MANY_PIECES);
}

#endif
