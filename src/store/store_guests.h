/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_GUESTS_H
#define STORE_STORE_GUESTS_H

/*
 * store/store_guests -- who keeps a file of a store open only because it may be of use
 * again. Part of store/store.h, which includes it.
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

/* Those of a store; guests have references, so that it may outlive the store. */
struct store_guests {
    struct ref refs;
    struct mutex mutex;
    struct {
        struct store_guest *first;
        /* There will be no more. */
        bool are_dismissed;
    } locked;
};

/* Part of a struct of its owner. */
struct store_guest {
    struct store_guests *guests;
    struct store_guest *next, *previous;
    bool is_there; /* of the lock */
    /* Under the lock: the owner does not have it any more, what it is to be released. */
    void *(*on_take)(struct store_guest *guest);
    /* Without locks. */
    void (*on_release)(void *taken);
};

/* With one reference; NULL without memory. */
struct store_guests *store_guests_new(void);
void store_guests_unref(struct store_guests *guests);
/* Takes from all guests what they keep. */
void store_guests_dismiss(struct store_guests *guests);

/* Any thread; `guest` has its two functions. False when there are no guests any more: the
 * owner keeps nothing then. */
bool store_guest_enter(struct spine_store *store, struct store_guest *guest);
/* True: the owner still has what it keeps, and is to release it. Of a guest that did not
 * enter, or has left, nothing happens. It may enter again. */
bool store_guest_leave(struct store_guest *guest);

#endif
