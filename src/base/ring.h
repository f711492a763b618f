/* SPDX-License-Identifier: MIT */
#ifndef BASE_RING_H
#define BASE_RING_H

/*
 * base/ring -- rings of structs that have members `next` and `previous`.
 *
 * The head of a ring is a struct of the same type, so that nothing is ever NULL, and the
 * ring is empty when its head is next to itself:
 *
 *     head <-> first <-> second <-> head
 */

#include "base/assert.h"

#define RING_INIT(head) ((head)->next = (head), (head)->previous = (head))

/* `item`, which is in no ring, comes before `head`: as the last of the ring. Evaluates
 * `head` several times while it changes what is around it. */
#define RING_APPEND(head, item)                                                          \
    ((item)->next = (head), (item)->previous = (head)->previous,                         \
     (head)->previous->next = (item), (head)->previous = (item))

/* The ring goes on without `item`, whose members stay as they are. */
#define RING_REMOVE(item)                                                                \
    (assert((item)->previous->next == (item) && (item)->next->previous == (item)),       \
     (item)->previous->next = (item)->next, (item)->next->previous = (item)->previous)

#endif
