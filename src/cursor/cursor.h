/* SPDX-License-Identifier: MIT */
#ifndef CURSOR_CURSOR_H
#define CURSOR_CURSOR_H

/*
 * cursor/ -- the public cursor (spine/cursor.h) over any number of batches.
 *
 * A cursor is a *window* of merged, consolidated rows and a position in it. Inside the
 * window every move is an index; at its edge kway_fill() makes the next window, forward
 * or (complemented) backward. Windows grow from a few rows after a seek to some hundreds
 * in a scan.
 */

#include "batch/batch.h"

/*
 * A cursor over `batches` of `layout`, of each of which it keeps a reference. No batch at
 * all is an empty cursor. Reads nothing before the first use.
 */
enum spine_status cursor_new(struct spine_cursor **out, const struct layout *layout,
                             struct spine_batch *const *batches, size_t batch_count,
                             struct spine_error *error);
/* Takes options of lookup filters from `ledger` and tells it at the end what they did;
 * keeps a reference. Before the first use. */
void cursor_use_ledger(struct spine_cursor *cursor, struct lookup_ledger *ledger);
/* The cursor has all of a spine when its batch number `sequence` had come in, and nothing
 * of it lies before the floor, which may be NULL; keeps a reference. */
void
cursor_use_floor(struct spine_cursor *cursor, uint64_t sequence, struct skipped *floor);
/* Charges what the cursor holds, and what it will, to `account`; NULL: to none. By
 * cursor_use_ledger() to that of the ledger, if there is one. */
void cursor_charge(struct spine_cursor *cursor, struct account *account);

/* Of a new cursor, batches [begin, end) of those given count with their weights times
 * -1. */
void cursor_negate(struct spine_cursor *cursor, size_t begin, size_t end);

#endif
