/* SPDX-License-Identifier: MIT */

/* The guests of a store, in a list under a lock of its own, and their dismissal. */

#include "base/alloc.h"
#include "base/assert.h"
#include "store/store_state.h"

static void guest_unlink_locked(struct store_guests *guests, struct store_guest *guest);

struct store_guests *
store_guests_new(void)
{
    struct store_guests *guests = mem_zalloc(sizeof *guests);

    if (guests == NULL)
        return NULL;
    if (mutex_init(&guests->mutex) != SPINE_OK) {
        mem_free(guests, sizeof *guests);
        return NULL;
    }
    ref_init(&guests->refs);
    return guests;
}

void
store_guests_unref(struct store_guests *guests)
{
    if (guests == NULL || !ref_drop(&guests->refs))
        return;
    assert(guests->locked.first == NULL);
    mutex_release(&guests->mutex);
    mem_free(guests, sizeof *guests);
}

void
store_guests_dismiss(struct store_guests *guests)
{
    mutex_lock(&guests->mutex);
    guests->locked.are_dismissed = true;
    while (guests->locked.first != NULL) {
        struct store_guest *guest = guests->locked.first;
        void (*const on_release)(void *taken) = guest->on_release;
        void *const taken = guest->on_take(guest);

        guest_unlink_locked(guests, guest);
        /* From here on the guest may be gone. */
        mutex_unlock(&guests->mutex);
        on_release(taken);
        mutex_lock(&guests->mutex);
    }
    mutex_unlock(&guests->mutex);
}

bool
store_guest_enter(struct spine_store *store, struct store_guest *guest)
{
    struct store_guests *guests = store->guests;
    bool enters;

    assert(guest->guests == NULL && !guest->is_there);
    assert(guest->on_take != NULL && guest->on_release != NULL);
    mutex_lock(&guests->mutex);
    enters = !guests->locked.are_dismissed;
    if (enters) {
        ref_take(&guests->refs);
        guest->guests = guests;
        guest->is_there = true;
        guest->previous = NULL;
        guest->next = guests->locked.first;
        if (guest->next != NULL)
            guest->next->previous = guest;
        guests->locked.first = guest;
    }
    mutex_unlock(&guests->mutex);
    return enters;
}

bool
store_guest_leave(struct store_guest *guest)
{
    struct store_guests *guests = guest->guests;
    bool was_there;

    if (guests == NULL)
        return false;
    guest->guests = NULL;
    mutex_lock(&guests->mutex);
    was_there = guest->is_there;
    if (was_there)
        guest_unlink_locked(guests, guest);
    mutex_unlock(&guests->mutex);
    store_guests_unref(guests);
    return was_there;
}

static void
guest_unlink_locked(struct store_guests *guests, struct store_guest *guest)
{
    assert(guest->is_there);
    if (guest->previous != NULL)
        guest->previous->next = guest->next;
    else
        guests->locked.first = guest->next;
    if (guest->next != NULL)
        guest->next->previous = guest->previous;
    guest->is_there = false;
}
