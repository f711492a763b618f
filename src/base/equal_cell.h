/* SPDX-License-Identifier: MIT */
#ifndef BASE_EQUAL_CELL_H
#define BASE_EQUAL_CELL_H

/*
 * base/equal_cell -- whether two cells of one size are the same bytes.
 *
 * A call of memcmp() costs more than a comparison of few bytes, and ends after a number
 * of steps that differs from cell to cell. So cells are compared in a number of pieces
 * that is the same for all, as base/copy_cell.h copies them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Pieces of cells that are short, of those among cells of many sizes, and of others. */
#define EQUAL_FEW_PIECES 2u
#define EQUAL_SOME_PIECES 3u
#define EQUAL_MANY_PIECES 4u

/* What processors compare at once. */
typedef uint64_t equal_piece __attribute__((vector_size(16)));

/* Of cells that are not longer than `pieces`, a constant, nor shorter than one. */
static inline __attribute__((always_inline)) bool
pieces_equal(const uint8_t *a, const uint8_t *b, size_t size, size_t pieces)
{
    const size_t last = size - sizeof(equal_piece);
    equal_piece differ = {0, 0};

    for (size_t piece = 0; piece < pieces; piece++) {
        const size_t begin = piece * sizeof(equal_piece);
        const size_t at = begin < last ? begin : last;
        equal_piece of_a, of_b;

        memcpy(&of_a, a + at, sizeof of_a);
        memcpy(&of_b, b + at, sizeof of_b);
        differ |= of_a ^ of_b;
    }
    return (differ[0] | differ[1]) == 0;
}

static inline __attribute__((always_inline)) bool
cell_equals(const uint8_t *a, const uint8_t *b, size_t size)
{
    if (size < sizeof(equal_piece) || size > EQUAL_MANY_PIECES * sizeof(equal_piece))
        return size == 0 || memcmp(a, b, size) == 0;
    if (size <= EQUAL_FEW_PIECES * sizeof(equal_piece))
        return pieces_equal(a, b, size, EQUAL_FEW_PIECES);
    return pieces_equal(a, b, size, EQUAL_MANY_PIECES);
}

/* The same where sizes differ, many of which may be about those of few pieces. */
static inline __attribute__((always_inline)) bool
cell_equals_any(const uint8_t *a, const uint8_t *b, size_t size)
{
    if (size - sizeof(equal_piece) <= (EQUAL_SOME_PIECES - 1) * sizeof(equal_piece))
        return pieces_equal(a, b, size, EQUAL_SOME_PIECES);
    return cell_equals(a, b, size);
}

#endif
