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

/* `pieces` is a constant. */
static inline __attribute__((always_inline)) void
copy_cell(uint8_t *to, const uint8_t *from, size_t size, size_t pieces)
{
    if (size >= COPY_PIECE_BYTES && size <= pieces * COPY_PIECE_BYTES) {
        const size_t last = size - COPY_PIECE_BYTES;

        for (size_t piece = 0; piece < pieces; piece++) {
            const size_t begin = piece * COPY_PIECE_BYTES;
            const size_t at = begin < last ? begin : last;

            memcpy(to + at, from + at, COPY_PIECE_BYTES);
        }
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
