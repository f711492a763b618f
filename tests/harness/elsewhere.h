/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_ELSEWHERE_H
#define HARNESS_ELSEWHERE_H

/*
 * harness/elsewhere -- batches whose blocks are not in memory (batch/pin.h).
 *
 * Images are kept out of the library's sight. Whoever pins a block gets a copy that ends
 * where its memory does, and that is overwritten and freed as soon as it is given back:
 * so who borrows without a pin is seen, by what it reads and by sanitizers. Pins can be
 * made to fail. Thread safe, but for arming.
 *
 * In the tests of blocks elsewhere the library is built with SPINE_BLOCKS_ELSEWHERE and
 * calls elsewhere_move() for every batch that it makes.
 */

#include "harness/fault_alloc.h"
#include "spine/batch.h"

/* Where blocks go, by the variable SPINE_ELSEWHERE of the environment. */
enum elsewhere_mode {
    /* "copies", the default: as above. */
    ELSEWHERE_COPIES,
    /* "files": to files in memory, each batch to a store of its own, with hardly any
     * cache. */
    ELSEWHERE_FILES,
    /* "mixed": two of three blocks go there, the others stay in memory. */
    ELSEWHERE_MIXED,
    /* "directory": to files of a directory, which is removed in the end. */
    ELSEWHERE_DIRECTORY,
    /* "spill": batches stay where the library puts them, and every runtime has a store in
     * memory, with hardly any cache, where every output and most inserts go. */
    ELSEWHERE_SPILL,
    /* "none": blocks stay in memory. */
    ELSEWHERE_NONE
};
enum elsewhere_mode elsewhere_mode(void);
/* As elsewhere_move(), in the modes that move batches to files. */
void elsewhere_move_to_file(enum elsewhere_mode mode, struct spine_batch *batch);

struct placement;
struct runtime_service;
/* Gives a runtime that has none a store, in the mode ELSEWHERE_SPILL and as far as there
 * is memory; otherwise NULL. */
struct runtime_service *elsewhere_place(struct placement *placement);

/* The blocks of the batch, which nobody else knows yet, go elsewhere. */
void elsewhere_move(struct spine_batch *batch);

/* Lets the `nth` pin from now, or read of a file that has blocks, fail with `status`, 1
 * being the next. */
void elsewhere_arm(enum fault_mode mode, uint64_t nth, enum spine_status status);
/* No pin fails any more; true when one did since elsewhere_arm(). */
bool elsewhere_disarm(void);
bool elsewhere_fired(void);
/* Stops failing, and goes on, at the same count. For one thread. */
void elsewhere_pause(void);
void elsewhere_resume(void);
/* Counts a pin or read. True when it is to fail with `*status`. */
bool elsewhere_fails(enum spine_status *status);
/* What the message of a failed pin says. */
#define ELSEWHERE_MESSAGE "elsewhere: block"

/* Pins asked for, or reads, in all; not those during a pause. */
uint64_t elsewhere_pins(void);
/* Pins that were not given back. */
uint64_t elsewhere_pinned(void);
/* The most of them at one time since elsewhere_count_most(). */
void elsewhere_count_most(void);
uint64_t elsewhere_pinned_most(void);
/* Keepers that are alive. */
uint64_t elsewhere_keepers(void);

#endif
