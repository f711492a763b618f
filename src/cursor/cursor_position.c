/* SPDX-License-Identifier: MIT */

/* How far a cursor is in its batches. */

#include "base/error.h"
#include "cursor/cursor_state.h"
#include "spine/view.h"

static enum spine_status
offset_of(struct spine_cursor *cursor, const struct source *source, uint64_t *out);

enum spine_status
spine_cursor_position(struct spine_cursor *cursor, uint64_t *offset, uint64_t *total)
{
    const size_t count = cursor != NULL ? cursor->window.source_count : 0;
    uint64_t before = 0, all = 0;
    enum spine_status st = SPINE_OK;

    if (offset != NULL)
        *offset = 0;
    if (total != NULL)
        *total = 0;
    if (cursor_is_dead(cursor))
        return spine_cursor_status(cursor);
    for (size_t i = 0; i < count; i++) {
        const struct source *source = &cursor->window.sources[i];
        uint64_t rows;

        TRY(offset_of(cursor, source, &rows));
        all += source->end - source->begin;
        before += rows;
    }
    if (offset != NULL)
        *offset = before;
    if (total != NULL)
        *total = all;
out:
    if (st != SPINE_OK)
        cursor_fail(cursor, st);
    return st;
}

/* Rows of the source, within bounds, before the present value or key. */
static enum spine_status
offset_of(struct spine_cursor *cursor, const struct source *source, uint64_t *out)
{
    const struct rows *rows = &cursor->window.rows;
    struct reader reader;
    uint64_t offset;
    enum spine_status st;

    *out = cursor->standing == STANDS_AFTER ? source->end - source->begin : 0;
    if (cursor->standing != STANDS_ON_KEY)
        return SPINE_OK;

    const struct cell key = rows_key(&cursor->layout, rows, cursor->key_begin);

    reader_init(&reader, source->batch);
    reader.error = &cursor->window.failure;
    if (cursor->at < cursor->key_end) {
        const struct cell value = rows_value(&cursor->layout, rows, cursor->at);

        TRY(reader_seek(&reader, &key, &value));
    } else if (cursor->at == VALUE_BEFORE)
        TRY(reader_seek(&reader, &key, NULL));
    else
        TRY(reader_seek_after(&reader, &key, NULL));
    offset = reader_offset(&reader);
    if (offset < source->begin)
        offset = source->begin;
    *out = (offset < source->end ? offset : source->end) - source->begin;
out:
    reader_release(&reader);
    return st;
}
