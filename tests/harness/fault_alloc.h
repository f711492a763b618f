/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_FAULT_ALLOC_H
#define HARNESS_FAULT_ALLOC_H

/*
 * harness/fault_alloc -- an allocator for spine_set_allocator() that counts what is
 * alive, fails when told to, and aborts when the library frees with a wrong size, frees
 * twice or writes past an end. Fresh memory is filled with garbage. Thread safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_mode {
    /* One allocation fails. */
    FAULT_ONCE,
    /* It and all after it. */
    FAULT_FOREVER
};

/* Hands the allocator to the library; nothing of the library may be alive. */
void fault_alloc_install(void);
/* Back to malloc. */
void fault_alloc_remove(void);

/* Lets the `nth` allocation from now fail, 1 being the next. */
void fault_alloc_arm(enum fault_mode mode, uint64_t nth);
/* No allocation fails any more; true when one did since fault_alloc_arm(). */
bool fault_alloc_disarm(void);
/* Stops failing, and goes on, at the same count: allocations between do not count. For
 * one thread. */
void fault_alloc_pause(void);
void fault_alloc_resume(void);
/* From now on allocations of the calling thread never fail nor count; or do so again. */
void fault_alloc_exempt(bool exempt);
/* Has an allocation failed since fault_alloc_arm()? */
bool fault_alloc_fired(void);

size_t fault_alloc_live_blocks(void);
size_t fault_alloc_live_bytes(void);
/* Allocations asked for, in all; not those during a pause. */
uint64_t fault_alloc_count(void);

#endif
