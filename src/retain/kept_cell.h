/* SPDX-License-Identifier: MIT */
#ifndef RETAIN_KEPT_CELL_H
#define RETAIN_KEPT_CELL_H

/*
 * retain/kept_cell -- a cell that outlives what it was read from.
 */

#include "rows/rows.h"

/* Zero at first. */
struct kept_cell {
    struct cell cell;
    uint8_t *bytes;
    size_t capacity;
};

void kept_cell_release(struct kept_cell *kept);
/* Keeps a copy of `datum`, a cell of `column`. SPINE_NOMEM: what was kept is lost. */
enum spine_status kept_cell_set(struct kept_cell *kept, const struct cell_layout *column,
                                union spine_datum datum, struct spine_error *error);
/* <0, 0, >0: how `datum` compares to what is kept. */
int kept_cell_compare(const struct kept_cell *kept, const struct cell_layout *column,
                      union spine_datum datum);

#endif
