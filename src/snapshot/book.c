/* SPDX-License-Identifier: MIT */

/* The snapshots of a spine as a list in the order in which they were taken. */

#include "snapshot/book.h"

#include "base/alloc.h"
#include "base/assert.h"

struct snapshot_book *
snapshot_book_new(void)
{
    struct snapshot_book *book = mem_zalloc(sizeof *book);

    if (book == NULL)
        return NULL;
    if (mutex_init(&book->mutex) != SPINE_OK) {
        mem_free(book, sizeof *book);
        return NULL;
    }
    ref_init(&book->refs);
    return book;
}

void
snapshot_book_unref(struct snapshot_book *book)
{
    if (book == NULL || !ref_drop(&book->refs))
        return;
    assert(book->count == 0);
    mutex_release(&book->mutex);
    mem_free(book, sizeof *book);
}

void
book_enter(struct snapshot_book *book, struct book_line *line)
{
    assert(line->book == NULL);
    if (book == NULL)
        return;
    ref_take(&book->refs);
    line->book = book;
    book_renew(line);
    mutex_lock(&book->mutex);
    line->older = book->last;
    line->younger = NULL;
    if (book->last != NULL)
        book->last->younger = line;
    else
        book->first = line;
    book->last = line;
    book->count++;
    mutex_unlock(&book->mutex);
}

void
book_leave(struct book_line *line)
{
    struct snapshot_book *book = line->book;

    if (book == NULL)
        return;
    mutex_lock(&book->mutex);
    assert(book->first != NULL && book->last != NULL);
    if (line->older != NULL)
        line->older->younger = line->younger;
    else
        book->first = line->younger;
    if (line->younger != NULL)
        line->younger->older = line->older;
    else
        book->last = line->older;
    book->count--;
    mutex_unlock(&book->mutex);
    line->book = NULL;
    snapshot_book_unref(book);
}

void
book_renew(struct book_line *line)
{
    atomic_store_explicit(&line->taken_ns, clock_now_ns(), memory_order_relaxed);
}

/* The oldest line is looked at, and the next one if that is not meant. */
void
book_read(struct snapshot_book *book, const struct book_line *except, size_t *count,
          uint64_t *oldest_ns)
{
    const struct book_line *oldest;

    *count = 0;
    *oldest_ns = 0;
    mutex_lock(&book->mutex);
    assert((book->first == NULL) == (book->count == 0));
    oldest = book->first;
    if (oldest != NULL && oldest == except)
        oldest = oldest->younger;
    if (oldest != NULL) {
        const uint64_t taken_ns =
            atomic_load_explicit(&oldest->taken_ns, memory_order_relaxed);
        const uint64_t now_ns = clock_now_ns();

        *count = book->count - (except != NULL);
        *oldest_ns = now_ns > taken_ns ? now_ns - taken_ns : 0;
    }
    mutex_unlock(&book->mutex);
}
