/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_BLOCK_FRONTS_H
#define BLOCK_BLOCK_FRONTS_H

/*
 * block/block_fronts -- what keys begin with, taken out of them.
 *
 * The keys from an anchor up to the next one have a *front*: the bytes that all of them
 * begin with. An image with fronts has only the *rest* of each key among its cells, and
 * the bytes of fronts elsewhere, where neighbours share what they have in common:
 *
 *     keys       box/a1  box/a2 ..   box/a7  box/b1 ..    cab ..
 *     fronts     box/a               box/                 cab
 *     bytes      box/acab            the first front is at 0, 5 bytes; then 0, 4; 5, 3
 */

#include "block/column.h"

/* The bytes of fronts so far. Zero at first. */
struct front_bytes {
    /* The longest of the last fronts that begin at the same place, which is the last
     * one. */
    struct span tail;
    uint32_t tail_at;
    uint32_t count;
};

/* Where among the bytes the front lies, behind which there may be more bytes now. False
 * when it is too far behind. */
bool front_add(struct front_bytes *bytes, struct span front, uint32_t *at);

/* The size of the front of sorted keys from `first` to `last`. */
static inline uint32_t
front_size_of(struct span first, struct span last)
{
    const size_t shared = span_shared(first, last);

    return shared < FRONT_SIZE_MAX ? (uint32_t)shared : FRONT_SIZE_MAX;
}

/* Sorted keys. */
struct front_source {
    const struct span *spans;
    /* Which row has key i; NULL: row i. */
    const uint16_t *rows;
    uint32_t count;
};

/* Writes the front of every ANCHOR_STEP keys. Returns how many bytes the fronts have;
 * UINT32_MAX when there should be none, because they do not save an eighth. */
uint32_t fronts_plan(const struct front_source *keys, uint32_t *fronts);

#endif
