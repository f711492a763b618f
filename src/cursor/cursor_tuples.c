/* SPDX-License-Identifier: MIT */

/* Reading in bulk, as columns of tuples. */

#include "base/error.h"
#include "cursor/cursor_state.h"

/* Rows that are decoded while they are near. */
#define PIECE_ROWS 2048u

static size_t
read_pieces(struct spine_cursor *cursor, struct spine_tuple_page *page, size_t rows_max);
static enum spine_status read_piece(struct spine_cursor *cursor,
                                    struct spine_tuple_page *page, size_t at,
                                    size_t *rows);

size_t
spine_cursor_read_tuples(struct spine_cursor *cursor, struct spine_tuple_page *page,
                         size_t rows_max, struct spine_tuple_rows *out)
{
    size_t total;

    if (out != NULL)
        *out = (struct spine_tuple_rows){0};
    if (cursor == NULL || cursor_is_dead(cursor))
        return 0;
    cursor->status = SPINE_OK;
    if (page == NULL || out == NULL) {
        cursor->status = fail_null(&cursor->error, "spine_cursor_read_tuples",
                                   page == NULL ? "page" : "out");
        return 0;
    }
    total = read_pieces(cursor, page, rows_max);
    page_show(page, &cursor->layout.schema, total, out);
    return total;
}

/* A piece that the next row does not fit in is tried again with more room. */
static size_t
read_pieces(struct spine_cursor *cursor, struct spine_tuple_page *page, size_t rows_max)
{
    const struct spine_schema *const schema = &cursor->layout.schema;
    size_t total = 0, piece = PIECE_ROWS, rows;
    enum spine_status st;

    TRY(page_begin(page, schema, &cursor->error));
    while (total < rows_max && !page_is_full(page)) {
        const bool is_all = piece >= rows_max - total;

        rows = is_all ? rows_max - total : piece;
        TRY(read_piece(cursor, page, total, &rows));
        total += rows;
        if (rows > 0)
            continue;
        if (cursor->status != SPINE_INVALID || (!page_widen(page, schema) && is_all))
            break;
        piece = is_all ? piece : 4 * piece;
    }
    /* What does not fit is told by the read that begins with it. */
    if (total > 0 && cursor->status == SPINE_INVALID)
        cursor->status = SPINE_OK;
    return total;
out:
    if (cursor->status == SPINE_OK)
        cursor->status = st;
    return 0;
}

/* Reads at most `*rows` rows, and says how many. */
static enum spine_status
read_piece(struct spine_cursor *cursor, struct spine_tuple_page *page, size_t at,
           size_t *rows)
{
    const struct spine_schema *const schema = &cursor->layout.schema;
    struct spine_column_buffers piece = {.rows = *rows};

    *rows = 0;
    TRY_RETURN(page_room(page, schema, at, &piece, &cursor->error));
    *rows = spine_cursor_read(cursor, &piece);
    TRY_RETURN(page_take(page, schema, at, *rows, &cursor->error));
    return SPINE_OK;
}
