/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_AHEAD_H
#define STORE_STORE_AHEAD_H

/*
 * store/store_ahead -- what readers may read ahead, and hold, with a limit. Part of
 * store/store.h, which includes it.
 */

#include <stdbool.h>
#include <stdint.h>

struct spine_store;

/* The most bytes that one read ahead may take now, so that runtimes keep their memory
 * limits: less the more the store holds that its cache could not let go of. 0: nothing is
 * to be read ahead. UINT64_MAX: no runtime has a limit. */
uint64_t store_ahead_bytes(struct spine_store *store);
/*
 * May a reader hold `bytes` bytes of images more, beyond the one block that it looks
 * into? Then they are added to `*held`, what it holds so. All readers together hold at
 * most an eighth of a memory limit so, less under pressure, and each at most as much as
 * it leaves to others. Without a limit always true, and nothing is counted.
 */
bool store_ahead_take(struct spine_store *store, uint64_t *held, uint64_t bytes);
/* The reader holds `bytes` bytes of `*held` no more. */
void store_ahead_give(struct spine_store *store, uint64_t *held, uint64_t bytes);
/* What all readers may hold so. UINT64_MAX: no runtime has a limit. */
uint64_t store_ahead_max(struct spine_store *store);

#endif
