/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_FAULT_H
#define HARNESS_FAULT_H

/*
 * harness/fault -- what a sweep lets fail: allocations and, where blocks are elsewhere,
 * pins. One kind of fault at a time; the functions are those of fault_alloc.h or
 * elsewhere.h, whichever brings the kind about.
 *
 *     for (size_t i = 0; i < fault_kinds(); i++)
 *         fault_use(i), fault_arm(...), calls, fault_disarm()
 */

#include "harness/fault_alloc.h"
#include "spine/types.h"

/* The number of kinds that this build knows. */
size_t fault_kinds(void);
/* From here on the functions below are about kind `kind`; kind 0 at first. */
void fault_use(size_t kind);
/* "allocation" or "pin". */
const char *fault_name(void);
/* The status that a call answers where the fault struck. */
enum spine_status fault_status(void);

void fault_arm(enum fault_mode mode, uint64_t nth);
bool fault_disarm(void);
void fault_pause(void);
void fault_resume(void);
bool fault_fired(void);
/* Allocations asked for, or pins; not those during a pause. */
uint64_t fault_chances(void);

/* Does the call that answered `status` say that the fault struck, and what it struck? */
bool fault_explains(enum spine_status status, const struct spine_error *error);

#endif
