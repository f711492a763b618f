/* SPDX-License-Identifier: MIT */

/*
 * Cursors: opening, moving by keys, and failing. A move within the window is an index;
 * at its edge the window is filled on (cursor_window.h). What is rare is in functions of
 * its own, so that steps stay short.
 */

#include "cursor/cursor.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "cursor/cursor_state.h"

static enum cell_read cell_read_of(const struct cell_layout *column);
static bool are_words(const struct layout *layout);
static bool has_key_slowly(struct spine_cursor *cursor);
static void step_key_slowly(struct spine_cursor *cursor);
static void step_key_at_edge(struct spine_cursor *cursor);
static void step_key_reverse_slowly(struct spine_cursor *cursor);
static void step_key_reverse_at_edge(struct spine_cursor *cursor);
static inline bool land_on_row(struct spine_cursor *cursor, size_t at, size_t next);
static void land_slowly(struct spine_cursor *cursor, size_t at);
static inline bool land_on_row_reverse(struct spine_cursor *cursor, size_t at);
static void land_reverse_slowly(struct spine_cursor *cursor, size_t at);
static void land_after(struct spine_cursor *cursor, const struct cell *key);

enum spine_status
cursor_new(struct spine_cursor **out, const struct layout *layout,
           struct spine_batch *const *batches, size_t batch_count,
           struct spine_error *error)
{
    struct spine_cursor *cursor = NULL;
    enum spine_status st;

    *out = NULL;
    cursor = mem_zalloc(sizeof *cursor);
    if (cursor == NULL)
        return fail_nomem(error, "a cursor", sizeof *cursor);
    cursor->layout = *layout;
    cursor->standing = STANDS_NEW;
    cursor->key_read = cell_read_of(&layout->key);
    cursor->value_read = cell_read_of(&layout->value);
    cursor->key_shift = layout->key_shift;
    cursor->value_mask =
        layout->row_kind == ROW_ONE && layout->key_shift == 32 ? UINT32_MAX : UINT64_MAX;
    TRY(window_init(&cursor->window, &cursor->layout, batches, batch_count, error));
    cursor_set_timed(cursor, layout->timed);
    schema_ref(&layout->schema);
    *out = cursor;
    cursor = NULL;
out:
    mem_free(cursor, sizeof *cursor);
    return st;
}

void
cursor_set_timed(struct spine_cursor *cursor, bool timed)
{
    const struct layout *layout = &cursor->layout;

    cursor->timed = timed;
    cursor->plain = !timed && layout->weight_count == 1;
    cursor->plain_key_mask =
        cursor->plain && cursor->window.key_lo_mask == 0 && !layout->key.spans
            ? cursor->window.key_hi_mask
            : 0;
    cursor->plain_words = cursor->plain && !layout->timed && are_words(layout);
}

void
cursor_charge(struct spine_cursor *cursor, struct account *account)
{
    const size_t bytes = sizeof *cursor + window_sources_bytes(&cursor->window);

    assert(cursor->window.share.account == NULL);
    account_share_to(&cursor->window.share, account);
    account_share_add(&cursor->window.share, mem_thread_bytes() - (int64_t)bytes);
}

void
cursor_use_ledger(struct spine_cursor *cursor, struct lookup_ledger *ledger)
{
    assert(cursor->window.ledger == NULL);
    cursor->window.ledger = lookup_ledger_ref(ledger);
    cursor_charge(cursor, lookup_ledger_account(ledger));
    /* What cancels between a source and a negated one stays, whatever merges. */
    cursor->window.tells_skipped = ledger != NULL;
    for (size_t i = 0; i < cursor->window.source_count; i++)
        if (cursor->window.sources[i].negated)
            cursor->window.tells_skipped = false;
}

void
cursor_use_floor(struct spine_cursor *cursor, uint64_t sequence, struct skipped *floor)
{
    assert(cursor->window.floor == NULL);
    cursor->window.sequence = sequence;
    cursor->window.floor = skipped_ref(floor);
}

enum spine_status
spine_batch_cursor(struct spine_batch *batch, struct spine_cursor **out,
                   struct spine_error *error)
{
    if (out == NULL)
        return fail_null(error, "spine_batch_cursor", "out");
    *out = NULL;
    if (batch == NULL)
        return fail_null(error, "spine_batch_cursor", "batch");
    return cursor_new(out, &batch->layout, &batch, 1, error);
}

void
spine_cursor_close(struct spine_cursor *cursor)
{
    struct account_share share;

    if (cursor == NULL)
        return;
    share = cursor->window.share;
    cursor_kept_release(cursor);
    window_release(&cursor->window);
    schema_unref(&cursor->layout.schema);
    mem_free(cursor, sizeof *cursor);
    account_share_end(&share);
}

const struct spine_schema *
spine_cursor_schema(const struct spine_cursor *cursor)
{
    return cursor != NULL ? &cursor->layout.schema : NULL;
}

enum spine_status
spine_cursor_status(const struct spine_cursor *cursor)
{
    return cursor != NULL ? cursor->status : SPINE_INVALID;
}

enum spine_status
spine_cursor_error(const struct spine_cursor *cursor, struct spine_error *error)
{
    if (cursor == NULL)
        return fail_null(error, "spine_cursor_error", "cursor");
    if (cursor->status != SPINE_OK && error != NULL)
        *error = cursor->error;
    return cursor->status;
}

bool
spine_cursor_key_valid(struct spine_cursor *cursor)
{
    return (cursor != NULL && cursor->standing == STANDS_ON_KEY) ||
           has_key_slowly(cursor);
}

bool
spine_cursor_val_valid(struct spine_cursor *cursor)
{
    if (cursor == NULL || cursor->standing == STANDS_NEW)
        return has_key_slowly(cursor);
    return cursor->at < cursor->key_end;
}

/* A new cursor reads for the first time: it stands on a value iff it stands on a key. */
static SLOW_PATH bool
has_key_slowly(struct spine_cursor *cursor)
{
    if (cursor == NULL)
        return false;
    if (cursor->standing == STANDS_NEW)
        spine_cursor_rewind(cursor);
    return cursor->standing == STANDS_ON_KEY;
}

void
spine_cursor_rewind(struct spine_cursor *cursor)
{
    if (cursor_is_dead(cursor))
        return;
    if (!cursor->window.low_open && cursor->window.rows.count > 0) {
        cursor_land(cursor, 0);
        return;
    }
    cursor_land_filled(cursor, window_to_start(&cursor->window));
}

void
spine_cursor_fast_forward(struct spine_cursor *cursor)
{
    if (cursor_is_dead(cursor))
        return;
    window_to_end(&cursor->window);
    cursor_land_filled_reverse(cursor, SPINE_OK);
}

void
spine_cursor_step_key(struct spine_cursor *cursor)
{
    /* On no key `key_end` is 0. */
    if (cursor == NULL || cursor->key_end == 0 ||
        !land_on_row(cursor, cursor->key_end, cursor->key_end + 1))
        step_key_slowly(cursor);
}

static SLOW_PATH void
step_key_slowly(struct spine_cursor *cursor)
{
    if (cursor_on_key(cursor) && cursor->key_end < cursor->window.rows.count)
        land_slowly(cursor, cursor->key_end);
    else
        step_key_at_edge(cursor);
}

/* From the last key of the window. Few rows of the key are read over, many
 * are skipped. */
static void
step_key_at_edge(struct spine_cursor *cursor)
{
    struct window *window;

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_step_key", "key");
        return;
    }
    window = &cursor->window;
    if (cursor->key_end < window->rows.count) {
        cursor_land(cursor, cursor->key_end);
        return;
    }
    if (!window->high_open) {
        cursor_leave(cursor, STANDS_AFTER);
        return;
    }
    if (!window->back_closed && cursor->key_end - cursor->key_begin < window->want) {
        size_t end;

        if (!cursor_forward(cursor, false, &end))
            return;
        if (end < window->rows.count && window_same_key(window, end - 1, end))
            end = window_key_end(window, end);
        if (end < window->rows.count) {
            cursor_land(cursor, end);
            return;
        }
        if (!window->high_open) {
            cursor_leave(cursor, STANDS_AFTER);
            return;
        }
    }

    const struct cell key =
        rows_key(&cursor->layout, &window->rows, window->rows.count - 1);

    land_after(cursor, &key);
}

void
spine_cursor_step_key_reverse(struct spine_cursor *cursor)
{
    /* On no key it is 0. */
    if (cursor == NULL || cursor->key_begin <= 1 ||
        !land_on_row_reverse(cursor, cursor->key_begin - 1))
        step_key_reverse_slowly(cursor);
}

static SLOW_PATH void
step_key_reverse_slowly(struct spine_cursor *cursor)
{
    if (cursor_on_key(cursor) && cursor->key_begin > 0)
        land_reverse_slowly(cursor, cursor->key_begin - 1);
    else
        step_key_reverse_at_edge(cursor);
}

/* From the first key of the window. */
static void
step_key_reverse_at_edge(struct spine_cursor *cursor)
{
    struct window *window;

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_step_key_reverse", "key");
        return;
    }
    window = &cursor->window;
    if (!window->low_open) {
        cursor_leave(cursor, STANDS_BEFORE);
    } else if (window->front_closed && !window->ghost) {
        size_t shift;

        if (!cursor_backward(cursor, cursor_first_value_rows(cursor), &shift))
            return;
        if (shift > 0)
            cursor_land_reverse(cursor, shift - 1);
        else
            cursor_leave(cursor, STANDS_BEFORE);
    } else {
        const struct cell key = rows_key(&cursor->layout, &window->rows, 0);
        const struct bound begin = bound_of(&cursor->layout, &key, NULL, false);

        cursor_land_filled_reverse(cursor, window_seek(window, &begin, true));
    }
}

void
cursor_fail(struct spine_cursor *cursor, enum spine_status status)
{
    if (cursor->standing == STANDS_FAILED)
        return;
    cursor_leave(cursor, STANDS_FAILED);
    cursor->status = status;
    (void)fail_by(&cursor->error, &cursor->window.failure, status,
                  status == SPINE_NOMEM ? "no memory for the rows of a cursor"
                                        : "a batch cannot be read");
}

void
cursor_misuse(struct spine_cursor *cursor, const char *call, const char *what)
{
    if (cursor_is_dead(cursor))
        return;
    cursor_leave(cursor, STANDS_FAILED);
    cursor->status = SPINE_MISUSE;
    (void)spine_fail(&cursor->error, SPINE_MISUSE, "%s needs a %s; the cursor is on none",
                     call, what);
}

void
cursor_fail_null(struct spine_cursor *cursor, const char *call, const char *argument)
{
    if (cursor_is_dead(cursor))
        return;
    cursor_leave(cursor, STANDS_FAILED);
    cursor->status = fail_null(&cursor->error, call, argument);
}

enum spine_status
cursor_name_sum(const struct spine_cursor *cursor, struct spine_error *error)
{
    struct rows rows = cursor->window.rows;

    rows.time = NULL;
    return fail_overflow(error, &cursor->layout, &rows, cursor->at, false);
}

void
cursor_leave(struct spine_cursor *cursor, enum cursor_standing standing)
{
    assert(standing != STANDS_ON_KEY);
    cursor->standing = standing;
    cursor->at = cursor->value_end = cursor->step_end = 0;
    cursor->key_begin = cursor->key_end = 0;
}

void
cursor_land(struct spine_cursor *cursor, size_t at)
{
    assert(at < cursor->window.rows.count);
    cursor->standing = STANDS_ON_KEY;
    if (!land_on_row(cursor, at, at + 1))
        land_slowly(cursor, at);
}

/* On the key of row `at`, which has no other row, from a key. False when it has, or when
 * that is not known, and the cursor has not moved. */
static inline bool
land_on_row(struct spine_cursor *cursor, size_t at, size_t next)
{
    const struct window *window = &cursor->window;

    if (next >= window->rows.count ||
        ((window->rows.hi[at] ^ window->rows.hi[next]) & cursor->plain_key_mask) == 0)
        return false;
    cursor->at = cursor->key_begin = at;
    cursor->key_end = cursor->step_end = next;
    return true;
}

static SLOW_PATH void
land_slowly(struct spine_cursor *cursor, size_t at)
{
    cursor_set_key(cursor, at, window_key_end(&cursor->window, at));
    cursor_set_value(cursor, at);
}

/*
 * The first value of the key may be missing from the window. Few rows are added in front,
 * for many the first one is sought.
 */
void
cursor_land_reverse(struct spine_cursor *cursor, size_t at)
{
    assert(at < cursor->window.rows.count);
    cursor->standing = STANDS_ON_KEY;
    if (at == 0 || !land_on_row_reverse(cursor, at))
        land_reverse_slowly(cursor, at);
}

/* As land_on_row(), for a row with others on both sides. */
static inline bool
land_on_row_reverse(struct spine_cursor *cursor, size_t at)
{
    const uint64_t *hi = cursor->window.rows.hi;

    if (at + 1 >= cursor->window.rows.count ||
        ((hi[at - 1] ^ hi[at]) & cursor->plain_key_mask) == 0)
        return false;
    cursor->at = cursor->key_begin = at;
    cursor->key_end = cursor->step_end = at + 1;
    return true;
}

static SLOW_PATH void
land_reverse_slowly(struct spine_cursor *cursor, size_t at)
{
    struct window *window = &cursor->window;
    size_t begin = window_key_begin(window, at);

    if (begin == 0 && !window->front_closed && at < window->want) {
        size_t shift;

        if (!cursor_backward(cursor, at + 1, &shift))
            return;
        at += shift;
        begin = window_key_begin(window, at);
    }
    if (begin == 0 && !window->front_closed) {
        const struct cell key = rows_key(&cursor->layout, &window->rows, at);

        cursor_seek_key_begin(cursor, &key);
        return;
    }
    cursor_set_key(cursor, begin, at + 1);
    cursor_set_value(cursor, begin);
}

void
cursor_seek_key_begin(struct spine_cursor *cursor, const struct cell *key)
{
    const struct bound begin = bound_of(&cursor->layout, key, NULL, false);

    cursor_land_filled(cursor, window_seek(&cursor->window, &begin, false));
}

void
cursor_set_key(struct spine_cursor *cursor, size_t begin, size_t end)
{
    const bool end_known = end < cursor->window.rows.count || cursor->window.back_closed;

    assert(begin < end);
    assert(end <= cursor->window.rows.count);
    cursor->standing = STANDS_ON_KEY;
    cursor->key_begin = begin;
    cursor->key_end = end;
    cursor->step_end = cursor->timed ? 0 : end - !end_known;
}

void
cursor_set_value(struct spine_cursor *cursor, size_t at)
{
    assert(at >= cursor->key_begin);
    assert(at < cursor->key_end);
    cursor->at = at;
    if (cursor->timed)
        cursor->value_end =
            rows_value_end(&cursor->layout, &cursor->window.rows, at, cursor->key_end);
}

size_t
cursor_first_value_rows(const struct spine_cursor *cursor)
{
    const struct rows *rows = &cursor->window.rows;

    assert(rows->count > 0);
    return cursor->timed ? rows_value_end(&cursor->layout, rows, 0, rows->count) : 1;
}

bool
cursor_fill(struct spine_cursor *cursor, enum spine_status st)
{
    const int64_t begun = mem_thread_bytes();

    if (st == SPINE_OK)
        st = window_fill(&cursor->window);
    account_share_add(&cursor->window.share, begun);
    if (st != SPINE_OK)
        cursor_fail(cursor, st);
    return st == SPINE_OK;
}

bool
cursor_forward(struct spine_cursor *cursor, bool within_key, size_t *first)
{
    const int64_t begun = mem_thread_bytes();
    const enum spine_status st = window_forward(&cursor->window, within_key, first);

    account_share_add(&cursor->window.share, begun);
    if (st != SPINE_OK)
        cursor_fail(cursor, st);
    return st == SPINE_OK;
}

bool
cursor_backward(struct spine_cursor *cursor, size_t keep, size_t *shift)
{
    const int64_t begun = mem_thread_bytes();
    const enum spine_status st = window_backward(&cursor->window, keep, shift);

    account_share_add(&cursor->window.share, begun);
    if (st != SPINE_OK)
        cursor_fail(cursor, st);
    return st == SPINE_OK;
}

bool
cursor_cell(struct spine_cursor *cursor, const struct cell_layout *column,
            union spine_datum datum, struct cell *out)
{
    struct spine_error error;
    const enum spine_status st = cell_of_datum(column, datum, out, &error);

    if (st == SPINE_OK)
        return true;
    cursor_leave(cursor, STANDS_FAILED);
    cursor->status = st;
    cursor->error = error;
    return false;
}

/* On the first key after `key`. */
static void
land_after(struct spine_cursor *cursor, const struct cell *key)
{
    const struct bound end = bound_of(&cursor->layout, key, NULL, true);

    cursor_land_filled(cursor, window_seek(&cursor->window, &end, false));
}

void
cursor_land_filled(struct spine_cursor *cursor, enum spine_status st)
{
    if (!cursor_fill(cursor, st))
        return;
    if (cursor->window.rows.count > 0)
        cursor_land(cursor, 0);
    else
        cursor_leave(cursor, STANDS_AFTER);
}

void
cursor_land_filled_reverse(struct spine_cursor *cursor, enum spine_status st)
{
    if (!cursor_fill(cursor, st))
        return;
    if (cursor->window.rows.count > 0)
        cursor_land_reverse(cursor, cursor->window.rows.count - 1);
    else
        cursor_leave(cursor, STANDS_BEFORE);
}

/* Is there a word for each column, and are words what the caller knows? */
static bool
are_words(const struct layout *layout)
{
    const enum spine_kind key = layout->key.kind, value = layout->value.kind;

    return (key == SPINE_U64 && (value == SPINE_U64 || value == SPINE_NONE)) ||
           (key == SPINE_NONE && value == SPINE_U64);
}

static enum cell_read
cell_read_of(const struct cell_layout *column)
{
    switch (column->kind) {
    case SPINE_U64:
        return CELL_U64;
    case SPINE_I64:
        return CELL_I64;
    case SPINE_F64:
        return CELL_F64;
    case SPINE_U32:
        return CELL_U32;
    case SPINE_I32:
        return CELL_I32;
    case SPINE_NONE:
    case SPINE_FIXED:
    case SPINE_BYTES:
        break;
    }
    return CELL_OTHER;
}
