/* SPDX-License-Identifier: MIT */
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
book_enter(struct snapshot_book *book, struct book_place *place)
{
    if (book == NULL)
        return;
    ref_take(&book->refs);
    place->book = book;
    book_renew(place);
    mutex_lock(&book->mutex);
    place->older = book->last;
    place->younger = NULL;
    if (book->last != NULL)
        book->last->younger = place;
    else
        book->first = place;
    book->last = place;
    book->count++;
    mutex_unlock(&book->mutex);
}

void
book_leave(struct book_place *place)
{
    struct snapshot_book *book = place->book;

    if (book == NULL)
        return;
    mutex_lock(&book->mutex);
    if (place->older != NULL)
        place->older->younger = place->younger;
    else
        book->first = place->younger;
    if (place->younger != NULL)
        place->younger->older = place->older;
    else
        book->last = place->older;
    book->count--;
    mutex_unlock(&book->mutex);
    place->book = NULL;
    snapshot_book_unref(book);
}

void
book_renew(struct book_place *place)
{
    atomic_store_explicit(&place->taken_ns, clock_now_ns(), memory_order_relaxed);
}

/* The oldest place is looked at, and the next one if that is not meant. */
void
book_read(struct snapshot_book *book, const struct book_place *except, size_t *count,
          uint64_t *oldest_ns)
{
    const struct book_place *oldest;

    *count = 0;
    *oldest_ns = 0;
    mutex_lock(&book->mutex);
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
