/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_LANES_H
#define HARNESS_LANES_H

/*
 * harness/lanes -- merges in two lanes (lanes.h), whatever their size and though no
 * thread has nothing to do: in a manual runtime, too, where the caller runs both.
 */

#include "core.h"

static inline void
lanes_force(struct spine *spine, bool forced)
{
    mutex_lock(&spine->mutex);
    spine->locked.forces_lanes = forced;
    mutex_unlock(&spine->mutex);
}

/* Second lanes that were begun. */
static inline unsigned
lanes_begun(struct spine *spine)
{
    unsigned lanes;

    mutex_lock(&spine->mutex);
    lanes = spine->locked.lane != NULL ? spine->locked.lane->begun : 0;
    mutex_unlock(&spine->mutex);
    return lanes;
}

#endif
