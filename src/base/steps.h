/* SPDX-License-Identifier: MIT */
#ifndef BASE_STEPS_H
#define BASE_STEPS_H

/*
 * base/steps -- counts what is done under a lock, or in a slice, so that tests can tell
 * whether these are short whatever the machine. Debug builds only; nothing in Release.
 *
 * Whatever takes as long as there are batches, blocks of batches, jobs or requests counts
 * a step for each that it looks at. A critical section begins with the first mutex that a
 * thread locks and ends with the last that it unlocks; a wait ends one and begins
 * another.
 */

#include <stdint.h>

#ifdef NDEBUG
#define steps_count() ((void)0)
#define steps_section_begin() ((void)0)
#define steps_section_end() ((void)0)
#else
void steps_count(void);
void steps_section_begin(void);
void steps_section_end(void);
/* The most steps of a critical section, in any thread, since this was last asked. */
uint64_t steps_take_most(void);
/* All steps of the calling thread so far, under a lock or not: how long a slice is. */
uint64_t steps_taken(void);
#endif

#endif
