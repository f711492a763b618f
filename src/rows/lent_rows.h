/* SPDX-License-Identifier: MIT */
#ifndef ROWS_LENT_ROWS_H
#define ROWS_LENT_ROWS_H

/*
 * rows/lent_rows -- words of rows that belong to somebody else.
 *
 * Bulk reads write rows straight into the columns of the library's caller, and sorting
 * works on parts of larger rows. Such columns have room for a number of rows, which is
 * fixed: they can be neither moved nor freed. So they are a type of their own.
 * rows_reserve() and rows_release() do not take it, and nothing makes a struct rows of
 * it. A kernel that writes rows for which its caller has made room takes this type, also
 * when the caller owns them.
 */

#include <stddef.h>
#include <stdint.h>

/* Untimed codes of one weight; `lo` only in ROW_TWO. Columns lie anywhere. */
struct lent_rows {
    uint64_t *hi;
    uint64_t *lo;
    int64_t *weight;
    size_t count;
    size_t capacity;
};

static inline size_t
lent_rows_room(const struct lent_rows *rows)
{
    return rows->capacity - rows->count;
}

#endif
