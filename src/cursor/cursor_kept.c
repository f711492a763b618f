/* SPDX-License-Identifier: MIT */

/* Memory of its own that a cursor gives out: bytes of cells, and times. */

#include "base/alloc.h"
#include "cursor/cursor_state.h"

bool
cursor_keep_datum(const struct cell_layout *column, union spine_datum *datum,
                  struct kept_bytes *bytes)
{
    if (column->kind != SPINE_FIXED && column->kind != SPINE_BYTES)
        return true;
    if (datum->bytes.size == 0)
        return true;
    if (!array_reserve(&bytes->data, &bytes->capacity, 1, datum->bytes.size))
        return false;
    memmove(bytes->data, datum->bytes.data, datum->bytes.size);
    datum->bytes.data = bytes->data;
    return true;
}

void
kept_bytes_release(struct kept_bytes *bytes)
{
    mem_free(bytes->data, bytes->capacity);
    *bytes = (struct kept_bytes){0};
}

void
cursor_kept_release(struct spine_cursor *cursor)
{
    struct cursor_default *on_absent = cursor->on_absent;

    if (on_absent != NULL) {
        kept_bytes_release(&on_absent->value_bytes);
        kept_bytes_release(&on_absent->shown_key);
        kept_bytes_release(&on_absent->shown_value);
        mem_free(on_absent, sizeof *on_absent);
    }
    kept_bytes_release(&cursor->held);
    rows_release(&cursor->layout, &cursor->times);
}
