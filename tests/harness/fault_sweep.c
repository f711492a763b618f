/* SPDX-License-Identifier: MIT */
#include "harness/fault_sweep.h"

#include "harness/property.h"

#include <stdio.h>

/* A call with more allocations does not end. */
#define POINTS_MAX 100000u

bool
fault_sweep(const struct fault_sweep *sweep, const struct spine_schema *schema,
            const char *schema_name)
{
    uint64_t points = 0;

    for (size_t call = 0; call < sweep->call_count; call++)
        for (int mode = FAULT_ONCE; mode <= FAULT_FOREVER; mode++) {
            bool fired = true;

            for (uint64_t nth = 1; fired && nth < POINTS_MAX; nth++) {
                if (!sweep->on_point(schema, call, (enum fault_mode)mode, nth, &fired))
                    return property_fail(sweep->on_name(call), __LINE__,
                                         "%s, allocation %llu failing %s", schema_name,
                                         (unsigned long long)nth,
                                         mode == FAULT_ONCE ? "once" : "for good");
                points += fired;
            }
        }
    printf("%s: %llu allocation failures visited\n", schema_name,
           (unsigned long long)points);
    return points > 0;
}
