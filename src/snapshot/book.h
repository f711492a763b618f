/* SPDX-License-Identifier: MIT */
#ifndef SNAPSHOT_BOOK_H
#define SNAPSHOT_BOOK_H

/*
 * snapshot/book -- which snapshots of a spine there are, and since when. Part of
 * snapshot/snapshot.h, which includes it.
 *
 * Snapshots hold a reference to the book of their spine, which may end before them. Its
 * mutex is locked inside the mutex of the spine, and nothing is locked inside it.
 */

#include "base/ref.h"
#include "base/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct snapshot_book {
    struct ref refs;
    struct mutex mutex;
    /* The oldest line and the youngest; NULL: none. */
    struct book_line *first;
    struct book_line *last;
    size_t count;
};

/* The line of a snapshot in its book. */
struct book_line {
    struct snapshot_book *book; /* a reference; NULL: it is in none */
    struct book_line *older;
    struct book_line *younger;
    /* When somebody took the snapshot first. */
    atomic_uint_least64_t taken_ns;
};

/* With one reference; NULL without memory. */
struct snapshot_book *snapshot_book_new(void);
/* NULL is allowed. */
void snapshot_book_unref(struct snapshot_book *book);
/* Enters a snapshot as the youngest, taken now; `book` may be NULL. */
void book_enter(struct snapshot_book *book, struct book_line *line);
void book_leave(struct book_line *line);
/* The snapshot is taken anew, by the first caller that needs it. */
void book_renew(struct book_line *line);
/* How many there are, and the age of the oldest, without the one at `except`, which may
 * be NULL or gone. */
void book_read(struct snapshot_book *book, const struct book_line *except, size_t *count,
               uint64_t *oldest_ns);

#endif
