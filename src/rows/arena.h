/* SPDX-License-Identifier: MIT */
#ifndef ROWS_ARENA_H
#define ROWS_ARENA_H

/*
 * rows/arena -- the bytes of cells that rows borrow until they are packed.
 */

#include "rows/rows.h"

struct arena_chunk;

/* Zero at first. */
struct arena {
    struct arena_chunk *chunks;
    /* Where the next bytes go, and how many there are. */
    uint8_t *at;
    size_t left;
    /* Handed out since the arena was empty. */
    size_t bytes;
};

/* Makes sure that the next `bytes` bytes are there. False without memory. */
bool arena_reserve(struct arena *arena, size_t bytes);
/* The next `bytes` bytes, of reserved ones, were written. */
static inline void
arena_take(struct arena *arena, size_t bytes)
{
    arena->at += bytes;
    arena->left -= bytes;
    arena->bytes += bytes;
}
/* Does a cell that was copied, or taken with others behind it, begin at `at`? */
bool arena_has(const struct arena *arena, const uint8_t *at);
/* Makes `span` a copy of itself that lives as long as the arena's contents; reserved. */
void arena_copy(struct arena *arena, struct span *span);
/*
 * Copies the cells of rows [begin, count) that have spans. A span that is the one of the
 * row before stays shared. False without memory, with nothing changed.
 */
bool arena_copy_rows(struct arena *arena, const struct layout *layout, struct rows *rows,
                     size_t begin);
/* Forgets the contents; keeps some memory for the next. */
void arena_reset(struct arena *arena);
/* Frees all; zeroed, twice is harmless. */
void arena_release(struct arena *arena);

#endif
