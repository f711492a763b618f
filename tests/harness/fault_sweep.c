/* SPDX-License-Identifier: MIT */
#include "harness/fault_sweep.h"

#include "harness/property.h"

#include <stdio.h>

/* A call with more points does not end. */
#define POINTS_MAX 100000u

static bool sweep_kind(const struct fault_sweep *sweep, const struct spine_schema *schema,
                       uint64_t *points);

bool
fault_sweep(const struct fault_sweep *sweep, const struct spine_schema *schema,
            const char *schema_name)
{
    for (size_t kind = 0; kind < fault_kinds(); kind++) {
        uint64_t points = 0;

        fault_use(kind);
        if (!sweep_kind(sweep, schema, &points))
            return property_fail(__FILE__, __LINE__, "%s", schema_name);
        printf("%s: %llu %s failures of %s visited\n", schema_name,
               (unsigned long long)points, fault_name(),
               spine_status_name(fault_status()));
        HOLDS(points > 0);
    }
    return true;
}

static bool
sweep_kind(const struct fault_sweep *sweep, const struct spine_schema *schema,
           uint64_t *points)
{
    for (size_t call = 0; call < sweep->call_count; call++)
        for (int mode = FAULT_ONCE; mode <= FAULT_FOREVER; mode++) {
            bool fired = true;

            for (uint64_t nth = 1; fired && nth < POINTS_MAX; nth++) {
                if (!sweep->on_point(schema, call, (enum fault_mode)mode, nth, &fired))
                    return property_fail(sweep->on_name(call), __LINE__,
                                         "%s %llu failing %s by %s", fault_name(),
                                         (unsigned long long)nth,
                                         mode == FAULT_ONCE ? "once" : "for good",
                                         spine_status_name(fault_status()));
                *points += fired;
            }
        }
    return true;
}
