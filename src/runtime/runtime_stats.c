/* SPDX-License-Identifier: MIT */

/* spine_runtime_get_stats(): what a runtime holds, runs and waits for. */

#include "runtime/pump.h"

#include <sys/resource.h>

void
spine_runtime_get_stats(struct spine_runtime *runtime, struct spine_runtime_stats *out)
{
    struct memory_budget *budget;
    struct rusage usage;

    if (out == NULL)
        return;
    *out = (struct spine_runtime_stats){0};
    if (runtime == NULL || runtime_is_lost(runtime))
        return;
    budget = &runtime->budget;
    if (budget->limit_bytes < UINT64_MAX)
        out->memory_limit_bytes = budget->limit_bytes;
    out->block_bytes = account_bytes(runtime->account, ACCOUNT_BLOCKS);
    out->output_bytes = account_output_bytes(runtime->account);
    out->fence_bytes = account_bytes(runtime->account, ACCOUNT_FENCES);
    out->filter_bytes = account_bytes(runtime->account, ACCOUNT_FILTERS);
    out->merge_bytes = account_bytes(runtime->account, ACCOUNT_SCRATCH);
    out->reader_bytes = account_bytes(runtime->account, ACCOUNT_READERS);
    if (runtime->service != NULL)
        out->store_bytes = runtime->service->calls->on_memory(runtime->service);
    out->memory_bytes = out->block_bytes + out->fence_bytes + out->filter_bytes +
                        out->merge_bytes + out->reader_bytes + out->store_bytes;
    out->allocated_bytes = spine_allocated_bytes();
    /* In KiB on Linux. */
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        out->resident_bytes_max = (uint64_t)usage.ru_maxrss * 1024;
    mutex_lock(&budget->mutex);
    out->pressure = (enum spine_pressure)runtime_pressure(runtime);
    for (unsigned i = 0; i < PRESSURES; i++)
        out->pressure_ns[i] = budget->ns[i];
    out->pressure_ns[out->pressure] += clock_now_ns() - budget->since_ns;
    out->pressure_changes = budget->changes;
    mutex_unlock(&budget->mutex);
}
