/* SPDX-License-Identifier: MIT */

/* Whether there is a flood: it is measured while batches come in. */

#include "base/assert.h"
#include "core.h"
#include "pace.h"

/* The inserts and rows of which it is found out whether there is a flood. */
#define FLOOD_INSERTS 32u
#define FLOOD_ROWS 262144u

static bool is_flood_locked(const struct spine *spine);
static uint32_t now_us(void);

void
flood_insert_locked(struct spine *spine, const struct spine_batch_info *info)
{
    struct flood *flood = &spine->locked.flood;

    assert(mutex_is_held(&spine->mutex));
    if (pace_retracts(info->rows, info->negative_rows) ||
        spine->locked.key_filter != NULL || spine->locked.value_filter != NULL)
        flood_end_locked(spine);
    else
        flood->is_on = flood->is_on || flood->is_forced;
    if (spine->options.only_due_merges || runtime_threads(spine->runtime) == 0)
        return;
    /* The rows are those since then, though 65,536 inserts had too few of them. */
    if (flood->inserts == flood->inserts_before) {
        flood->begin_us = now_us();
        flood->rows = 0;
    }
    flood->inserts++;
    flood->rows += info->rows < FLOOD_ROWS ? (uint32_t)info->rows : FLOOD_ROWS;
    if ((uint16_t)(flood->inserts - flood->inserts_before) < FLOOD_INSERTS ||
        flood->rows < FLOOD_ROWS)
        return;
    flood->is_on = is_flood_locked(spine);
    flood->inserts_before = flood->inserts;
    flood->rows = 0;
}

static bool
is_flood_locked(const struct spine *spine)
{
    const struct flood *flood = &spine->locked.flood;
    struct pace pace = {.rows = flood->rows,
                        .elapsed_us = now_us() - flood->begin_us,
                        .threads = runtime_threads(spine->runtime)};

    assert(mutex_is_held(&spine->mutex));
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        const struct task_counters *counters = &spine->locked.tasks[level].counters;

        pace.merge_ns += counters->merge_cpu_ns;
        pace.merged_rows += counters->merge_rows_in;
    }
    return pace_is_flood(&pace);
}

static uint32_t
now_us(void)
{
    return (uint32_t)(clock_now_ns() / 1000);
}

void
flood_end_locked(struct spine *spine)
{
    struct flood *flood = &spine->locked.flood;

    assert(mutex_is_held(&spine->mutex));
    flood->is_on = false;
    flood->inserts_before = flood->inserts;
    flood->rows = 0;
}

bool
flood_goes_on_locked(struct spine *spine)
{
    struct flood *flood = &spine->locked.flood;

    assert(mutex_is_held(&spine->mutex));
    if (flood->inserts_seen == flood->inserts)
        flood_end_locked(spine);
    flood->inserts_seen = flood->inserts;
    return flood->is_on;
}
