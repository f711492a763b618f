/* SPDX-License-Identifier: MIT */

/* A cell with bytes of its own, for a key or value that outlives what it was read
 * from. */

#include "retain/kept_cell.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

void
kept_cell_release(struct kept_cell *kept)
{
    mem_free(kept->bytes, kept->capacity);
    *kept = (struct kept_cell){0};
}

enum spine_status
kept_cell_set(struct kept_cell *kept, const struct cell_layout *column,
              union spine_datum datum, struct spine_error *error)
{
    struct cell cell;

    TRY_RETURN(cell_of_datum(column, datum, &cell, error));
    if (cell.span.size > 0) {
        if (!array_reserve(&kept->bytes, &kept->capacity, 1, cell.span.size))
            return fail_nomem(error, "a cell that a filter judges by", cell.span.size);
        memcpy(kept->bytes, cell.span.data, cell.span.size);
        cell.span.data = kept->bytes;
    }
    kept->cell = cell;
    return SPINE_OK;
}

int
kept_cell_compare(const struct kept_cell *kept, const struct cell_layout *column,
                  union spine_datum datum)
{
    struct cell cell;
    const enum spine_status st = cell_of_datum(column, datum, &cell, NULL);

    assert(st == SPINE_OK); /* it came from rows */
    (void)st;
    if (cell.word != kept->cell.word)
        return cell.word < kept->cell.word ? -1 : 1;
    return span_compare(cell.span, kept->cell.span);
}
