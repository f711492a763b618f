/* SPDX-License-Identifier: MIT */

/* Another cursor that shows the same and stands in the same place. */

#include "base/alloc.h"
#include "base/error.h"
#include "cursor/cursor_state.h"
#include "spine/view.h"

static void clone_position(struct spine_cursor *cursor, struct spine_cursor *clone);

enum spine_status
spine_cursor_clone(struct spine_cursor *cursor, struct spine_cursor **out,
                   struct spine_error *error)
{
    struct spine_cursor *clone = NULL;
    struct spine_batch **batches = NULL;
    size_t count = 0, bytes = 0;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_cursor_clone", "out");
    *out = NULL;
    if (cursor == NULL)
        return fail_null(error, "spine_cursor_clone", "cursor");
    TRY(spine_cursor_error(cursor, error));
    count = cursor->window.source_count;
    bytes = (count + 1) * sizeof(struct spine_batch *);
    batches = mem_alloc(bytes);
    if (batches == NULL)
        return fail_nomem(error, "the batches of a cursor", bytes);
    for (size_t i = 0; i < count; i++)
        batches[i] = cursor->window.sources[i].batch;
    TRY(cursor_new(&clone, &cursor->layout, batches, count, error));
    cursor_use_ledger(clone, cursor->window.ledger);
    for (size_t i = 0; i < count; i++) {
        clone->window.sources[i].begin = cursor->window.sources[i].begin;
        clone->window.sources[i].end = cursor->window.sources[i].end;
        clone->window.sources[i].negated = cursor->window.sources[i].negated;
    }
    window_set_filter(&clone->window, key_filter_ref(cursor->window.filter));
    clone->window.tells_skipped = cursor->window.tells_skipped;
    if (cursor->window.has_through)
        spine_cursor_set_through(clone, cursor->window.through);
    if (cursor->on_absent != NULL)
        spine_cursor_set_default(clone, cursor->on_absent->value);
    TRY(spine_cursor_error(clone, error));
    clone_position(cursor, clone);
    TRY(spine_cursor_error(clone, error));

    *out = clone;
    clone = NULL;
out:
    spine_cursor_close(clone);
    mem_free(batches, bytes);
    return st;
}

static void
clone_position(struct spine_cursor *cursor, struct spine_cursor *clone)
{
    const size_t at = cursor->at;
    uint8_t scratch[16];

    if (cursor->standing != STANDS_ON_KEY) {
        cursor_leave(clone, cursor->standing);
        return;
    }
    /* The row that is shown, which may have a default of before. */
    if (cursor->window.ghost)
        cursor_show_value(
            clone, spine_cursor_key(cursor),
            rows_value_datum(&cursor->layout, &cursor->window.rows, 0, scratch));
    else
        (void)spine_cursor_seek_key_exact(clone, spine_cursor_key(cursor)); /* is there */
    if (clone->standing != STANDS_ON_KEY ||
        (at == cursor->key_begin && cursor_key_begin_known(cursor)))
        return;
    if (at < cursor->key_end)
        spine_cursor_seek_val(clone, spine_cursor_val(cursor));
    else if (at == VALUE_BEFORE)
        clone->at = VALUE_BEFORE;
    else {
        spine_cursor_fast_forward_vals(clone);
        if (clone->standing == STANDS_ON_KEY)
            clone->at = clone->key_end;
    }
}
