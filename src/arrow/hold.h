/* SPDX-License-Identifier: MIT */
#ifndef ARROW_HOLD_H
#define ARROW_HOLD_H

/*
 * arrow/hold -- memory that goes as a whole: of a call, of a mapping, or of structures of
 * Arrow that belong together. Of these each has a reference, since consumers may release
 * the children of a structure later than itself.
 */

#include "base/ref.h"
#include "spine/tuple_columns.h"

struct hold_piece;

/* Zero at first, and for an owner that has the hold alone. */
struct hold {
    struct ref ref;
    struct hold_piece *pieces;
    /* NULL: none. */
    struct spine_tuple_page *page;
};

/* Zeroed memory of `bytes` bytes, also where that is 0; NULL without memory. */
void *hold_take(struct hold *hold, size_t bytes);
/* The same for `count` items. */
void *hold_take_array(struct hold *hold, size_t count, size_t item_bytes);
/* A copy of `text`, which may be NULL: then "". */
char *hold_copy(struct hold *hold, const char *text);
/* Gives back what was taken, but for the page. */
void hold_clear(struct hold *hold);
/* Gives back what it has, and leaves it as it was at first. */
void hold_release(struct hold *hold);

/* A hold that is shared, with one reference; NULL without memory. */
struct hold *hold_new(void);
/* Drops a reference; the last one frees the hold. NULL is allowed. */
void hold_unref(struct hold *hold);
/* Is the caller's reference the only one? */
bool hold_is_alone(struct hold *hold);

#endif
