/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_FLOOD_H
#define HARNESS_FLOOD_H

/*
 * harness/flood -- a flood (flood.h) that begins with every insert, however slowly rows
 * come in: merges wait for more batches, in a manual runtime, too.
 */

#include "core.h"

static inline void
flood_force(struct spine *spine, bool forced)
{
    mutex_lock(&spine->mutex);
    spine->locked.flood.is_forced = forced;
    mutex_unlock(&spine->mutex);
}

static inline bool
flood_lasts(struct spine *spine)
{
    bool lasts;

    mutex_lock(&spine->mutex);
    lasts = spine->locked.flood.is_on;
    mutex_unlock(&spine->mutex);
    return lasts;
}

#endif
