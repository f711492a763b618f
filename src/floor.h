/* SPDX-License-Identifier: MIT */
#ifndef FLOOR_H
#define FLOOR_H

/*
 * floor -- the row before which a spine has none. Part of core.h.
 *
 * A reader from the beginning that skips many rows, as one of a queue does, tells the
 * ledger which row it has found first (lookup/lookup.h). That is the spine's floor,
 * until a batch comes in that begins below it: merges do not change what rows add up to.
 * A snapshot has the floor of its moment, and its cursors begin there:
 *
 *     in batches    +a +b +c +d +e +f    -a -b    -c     a to c are gone: the floor is d
 *     a cursor               |-------------------------> skips nothing
 *     then                                         -d    the floor stays
 *     a cursor               |-------------------------> skips d; the floor will be e
 *     then                                     +b        begins below: there is no floor
 *
 * A floor is learned only if nothing has come in since the snapshot of the reader that
 * told it. There is none while filters are set: they drop parts of what adds up to
 * nothing.
 */

#include <stdbool.h>

struct skipped;
struct spine;
struct spine_batch;

/* Keeps the floor that a reader has told, if it is still true, and then it is another one
 * than before: true. */
bool floor_learn_locked(struct spine *spine);
/* The same of `skipped`, which a reader has told. */
bool floor_learn_from_locked(struct spine *spine, struct skipped *skipped);
/* A batch is about to come in. */
void floor_insert_locked(struct spine *spine, const struct spine_batch *batch);
/* There is no floor any more. */
void floor_drop_locked(struct spine *spine);

#endif
