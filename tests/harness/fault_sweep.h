/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_FAULT_SWEEP_H
#define HARNESS_FAULT_SWEEP_H

/*
 * harness/fault_sweep -- every point of every call fails once, and for good from there: a
 * point is an allocation, or a pin where blocks are elsewhere (harness/fault.h).
 */

#include "harness/fault.h"
#include "spine/schema.h"

struct fault_sweep {
    size_t call_count;
    /* What a call is called, for messages. */
    const char *(*on_name)(size_t call);
    /* Does the call from a fresh start while the `nth` point fails. Sets whether one
     * failed; false: what must hold did not. */
    bool (*on_point)(const struct spine_schema *schema, size_t call, enum fault_mode mode,
                     uint64_t nth, bool *fired);
};

/* Goes on with each call until no point of it is left, for each kind of fault. Prints how
 * many failed; false when none did, or what must hold did not. */
bool fault_sweep(const struct fault_sweep *sweep, const struct spine_schema *schema,
                 const char *schema_name);

#endif
