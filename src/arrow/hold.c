/* SPDX-License-Identifier: MIT */

/* Holds: memory that goes as a whole, counted by the structures of Arrow that use it. */

#include "arrow/hold.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <stdalign.h>

struct hold_piece {
    struct hold_piece *next;
    size_t bytes;
    /* For numbers of all kinds. */
    alignas(16) uint8_t memory[];
};

void *
hold_take(struct hold *hold, size_t bytes)
{
    struct hold_piece *piece;

    if (bytes > SIZE_MAX - sizeof *piece)
        return NULL;
    piece = mem_zalloc(sizeof *piece + bytes);
    if (piece == NULL)
        return NULL;
    piece->bytes = sizeof *piece + bytes;
    piece->next = hold->pieces;
    hold->pieces = piece;
    return piece->memory;
}

void *
hold_take_array(struct hold *hold, size_t count, size_t item_bytes)
{
    assert(item_bytes > 0);
    return count <= SIZE_MAX / item_bytes ? hold_take(hold, count * item_bytes) : NULL;
}

char *
hold_copy(struct hold *hold, const char *text)
{
    const size_t bytes = text != NULL ? strlen(text) : 0;
    char *const copy = hold_take(hold, bytes + 1);

    if (copy != NULL && bytes > 0)
        memcpy(copy, text, bytes);
    return copy;
}

void
hold_clear(struct hold *hold)
{
    while (hold->pieces != NULL) {
        struct hold_piece *const piece = hold->pieces;

        hold->pieces = piece->next;
        mem_free(piece, piece->bytes);
    }
}

void
hold_release(struct hold *hold)
{
    hold_clear(hold);
    spine_tuple_page_free(hold->page);
    hold->page = NULL;
}

struct hold *
hold_new(void)
{
    struct hold *const hold = mem_zalloc(sizeof *hold);

    if (hold != NULL)
        ref_init(&hold->ref);
    return hold;
}

void
hold_unref(struct hold *hold)
{
    if (hold == NULL || !ref_drop(&hold->ref))
        return;
    hold_release(hold);
    assert(hold->pieces == NULL && hold->page == NULL);
    mem_free(hold, sizeof *hold);
}

/* The threads that dropped the other references are done with what the hold has. */
bool
hold_is_alone(struct hold *hold)
{
    return atomic_load_explicit(&hold->ref.count, memory_order_acquire) == 1;
}
