/* SPDX-License-Identifier: MIT */
#ifndef CURSOR_CURSOR_STATE_H
#define CURSOR_CURSOR_STATE_H

/*
 * cursor/cursor_state -- where a cursor stands in its window.
 *
 *     rows     a1   b1 b2 b2 b3 b4   c1         letters are keys, numbers values;
 *                   |  |     |       |          b2 has two times
 *                   |  at    |       key_end
 *                   |        value_end
 *                   key_begin
 *
 * On no value `at` is VALUE_BEFORE or `key_end`; on no key all are 0. So a cursor stands
 * on a value iff at < key_end. The rows of a key that are not in the window lie right
 * before or behind it; a row of the key always is in it.
 *
 *     cursor_clone.c, cursor_group.c      other cursors made of one
 *     cursor_views.c                      bounds, times to look through, filters
 *     cursor_position.c                   how far it is
 *     cursor_predicate.c                  to the next key or value that a caller accepts
 *     cursor_seek.c, cursor_default.c     to a key, and the row of one that is absent
 *     cursor_values.c                     from value to value
 *     cursor_read.c                       many rows at once
 *     cursor_cells.c                      what is read where it stands
 *     cursor.c                            opening, keys one by one, landing, failing
 *     cursor_kept.c                       memory that it gives out
 *     cursor_window.c, cursor_fill.c      the window (cursor_window.h)
 */

#include "cursor/cursor.h"
#include "cursor/cursor_window.h"

/* `at` before the first value of a key. */
#define VALUE_BEFORE SIZE_MAX
/* Keeps what is rare out of the functions that a scan calls for every row: they need no
 * stack then. */
#define SLOW_PATH __attribute__((noinline))

enum cursor_standing {
    STANDS_ON_KEY,
    /* Before anything was read: will be the first key, or after all. */
    STANDS_NEW,
    STANDS_BEFORE,
    STANDS_AFTER,
    /* After an exact seek that found nothing: neither before nor after. */
    STANDS_NOWHERE,
    /* For good. */
    STANDS_FAILED
};

/* How a cell becomes the caller's number; CELL_OTHER is left to the kernel. */
enum cell_read { CELL_U64, CELL_I64, CELL_F64, CELL_U32, CELL_I32, CELL_OTHER };

/* Bytes of a cell that the cursor keeps. */
struct kept_bytes {
    uint8_t *data;
    size_t capacity;
};

/* The value that absent keys have, and the row that is shown: it has bytes of its own, so
 * that a new default does not touch what the cursor gave out. */
struct cursor_default {
    union spine_datum value;
    struct kept_bytes value_bytes;
    struct kept_bytes shown_key;
    struct kept_bytes shown_value;
};

struct spine_cursor {
    enum cursor_standing standing;
    /* No times and one weight: a value is a row and has its weight. */
    bool plain;
    /* A value may have several rows, one for each of its times. Not through a time. */
    bool timed;
    /* The same, and all of a row's words are numbers of the caller's as they are. */
    bool plain_words;
    enum cell_read key_read;
    enum cell_read value_read;
    /* The first row of the value. */
    size_t at;
    /* A step from a value before this one is to the next row, a value of the key or the
     * key's known end. */
    size_t step_end;
    /* The end of its times; maintained only when timed. */
    size_t value_end;
    size_t key_begin;
    size_t key_end;
    struct window window;
    /* The bits of `hi` that are the key, where that is all of it and a row is plain;
     * otherwise 0. */
    uint64_t plain_key_mask;
    unsigned key_shift;
    uint64_t value_mask;
    enum spine_status status;
    struct spine_error error;
    struct layout layout;
    /* What spine_cursor_set_default() set, or NULL. */
    struct cursor_default *on_absent;
    /* The key of a seek, when the window that it is from may be gone before its end. */
    struct kept_bytes held;
    /* What times_through() gives out of pairs. */
    struct rows times;
    /* What is given out of cells that are no bytes in memory, and of summed weights. */
    uint8_t key_scratch[16];
    uint8_t value_scratch[16];
    int64_t sums[SPINE_WEIGHTS_MAX];
};

/* Fails for good, unless it did before. The message of `status` is made here. */
void cursor_fail(struct spine_cursor *cursor, enum spine_status status);
/* The same for `call`, which is illegal because there is no `what`. No cursor at all is
 * nothing. */
void cursor_misuse(struct spine_cursor *cursor, const char *call, const char *what);
/* The same for `call`, one of whose arguments is NULL. */
void
cursor_fail_null(struct spine_cursor *cursor, const char *call, const char *argument);
/* SPINE_OVERFLOW, naming the present value: the sum over its times is not in int64_t. The
 * cursor stays as it is. */
enum spine_status
cursor_name_sum(const struct spine_cursor *cursor, struct spine_error *error);

/* Sets `timed` and what follows from it. */
void cursor_set_timed(struct spine_cursor *cursor, bool timed);
/* On no key. */
void cursor_leave(struct spine_cursor *cursor, enum cursor_standing standing);
/* On the key of row `at`, which is the key's first, and on its first value. */
void cursor_land(struct spine_cursor *cursor, size_t at);
/* On the key of row `at`, which is the key's last. */
void cursor_land_reverse(struct spine_cursor *cursor, size_t at);
/* Fills the window after a seek that ended with `st`, and lands on the first row ahead of
 * it; on the last row behind a backward one. */
void cursor_land_filled(struct spine_cursor *cursor, enum spine_status st);
void cursor_land_filled_reverse(struct spine_cursor *cursor, enum spine_status st);
/* To the first row of the present key, which is known to exist. Clears the window. */
void cursor_seek_key_begin(struct spine_cursor *cursor, const struct cell *key);
/* The present key is rows [begin, end) of the window. */
void cursor_set_key(struct spine_cursor *cursor, size_t begin, size_t end);
/* On value row `at` of the present key. */
void cursor_set_value(struct spine_cursor *cursor, size_t at);
/* The rows of the first value in the window. */
size_t cursor_first_value_rows(const struct spine_cursor *cursor);
/* Fills the window after a seek that ended with `st`. False when either failed, and the
 * cursor with it. */
bool cursor_fill(struct spine_cursor *cursor, enum spine_status st);
/* The window moves, with `key_begin` and so on left to the caller. False on failure. */
bool cursor_forward(struct spine_cursor *cursor, bool within_key, size_t *first);
bool cursor_backward(struct spine_cursor *cursor, size_t keep, size_t *shift);
/* `datum` as a cell of `column`. False, and failed, when it is none. */
bool cursor_cell(struct spine_cursor *cursor, const struct cell_layout *column,
                 union spine_datum datum, struct cell *out);

/* Makes `datum` borrow from `bytes`, if it has bytes. False without memory. */
bool cursor_keep_datum(const struct cell_layout *column, union spine_datum *datum,
                       struct kept_bytes *bytes);
void kept_bytes_release(struct kept_bytes *bytes);
/* Frees what seeks, spine_cursor_set_default() and times_through() keep. */
void cursor_kept_release(struct spine_cursor *cursor);

/* Behind the last value of `key`, which has rows; before its first one.
 * By a new window. */
void cursor_go_behind_last(struct spine_cursor *cursor, const struct cell *key);
void cursor_go_before_first(struct spine_cursor *cursor, const struct cell *key);
/* The row of the absent `key` with the default value; true unless it failed. */
bool cursor_show_default(struct spine_cursor *cursor, union spine_datum key);
/* The same with this value. */
bool cursor_show_value(struct spine_cursor *cursor, union spine_datum key,
                       union spine_datum value);

/* Is there no cursor, or one that failed? */
static inline bool
cursor_is_dead(const struct spine_cursor *cursor)
{
    return cursor == NULL || cursor->standing == STANDS_FAILED;
}

/* Is there a cursor, and is it on a key (on a value), after reading what a new one
 * must? */
static inline bool
cursor_on_key(struct spine_cursor *cursor)
{
    return (cursor != NULL && cursor->standing == STANDS_ON_KEY) ||
           spine_cursor_key_valid(cursor);
}

static inline bool
cursor_on_value(struct spine_cursor *cursor)
{
    return (cursor != NULL && cursor->at < cursor->key_end) ||
           spine_cursor_val_valid(cursor);
}

/* Is the key's last (first) row in the window? */
static inline bool
cursor_key_end_known(const struct spine_cursor *cursor)
{
    return cursor->key_end < cursor->window.rows.count || cursor->window.back_closed;
}

static inline bool
cursor_key_begin_known(const struct spine_cursor *cursor)
{
    return cursor->key_begin > 0 || cursor->window.front_closed;
}

#endif
