/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_GUESTS_H
#define STORE_STORE_GUESTS_H

/*
 * store/store_guests -- users that keep a file of a store open only because it may be of
 * use again. Part of store/store.h, which includes it.
 *
 * A user that needs a file keeps the store open, too, after the host has closed it. A
 * *guest* does not: when the host has closed the store and no runtime serves it, what
 * each guest keeps is taken from it.
 */

#include "base/ref.h"
#include "base/thread.h"

#include <stdbool.h>

struct spine_store;
struct store_guest;

/* The guests of a store. Each guest has a reference to this, so that it may outlive the
 * store. */
struct store_guests {
    struct ref refs;
    struct mutex mutex;
    struct {
        struct store_guest *first;
        /* Guests were sent away, and none may enter any more. */
        bool are_dismissed;
    } locked;
};

/* Part of a struct of its owner. */
struct store_guest {
    struct store_guests *guests;
    struct store_guest *next, *previous;
    bool is_there; /* in the list; guarded by the lock of `guests` */
    /* Takes from the owner what it keeps, and returns that. Called under the lock. */
    void *(*on_take)(struct store_guest *guest);
    /* Releases what was taken. Called without locks. */
    void (*on_release)(void *taken);
};

/* With one reference; NULL without memory. */
struct store_guests *store_guests_new(void);
void store_guests_unref(struct store_guests *guests);
/* Takes from all guests what they keep. */
void store_guests_dismiss(struct store_guests *guests);

/* Any thread; the two functions of `guest` are set. False when guests were sent away: the
 * owner keeps nothing then. */
bool store_guest_enter(struct spine_store *store, struct store_guest *guest);
/* The guest leaves the list, and may enter again later. True when the owner still has
 * what it keeps, and is to release it. False when that was taken from the owner, or the
 * guest was not in the list. */
bool store_guest_leave(struct store_guest *guest);

#endif
