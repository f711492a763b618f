/* SPDX-License-Identifier: MIT */
#ifndef PROBE_PROBE_APPEND_H
#define PROBE_PROBE_APPEND_H

/*
 * probe/probe_append -- rows of a probe on their way from one place to the next. Most are
 * few, for which calls of memmove() would take longer than the loops here.
 */

#include "probe/probe_state.h"

/* rows_append() of rows that are words and few: without calls of memmove(). */
static inline void
probe_append_words(struct rows *to, const struct rows *from, size_t begin, size_t end)
{
    size_t at = to->count;

    for (size_t i = begin; i < end; i++, at++) {
        to->hi[at] = from->hi[i];
        if (to->lo != NULL)
            to->lo[at] = from->lo[i];
        to->weight[at] = from->weight[i];
    }
    to->count = at;
}

/* Appends what few wide rows have beside their keys, which are not written. */
static inline void
probe_append_values(const struct layout *layout, struct rows *to, const struct rows *from,
                    size_t begin, size_t end)
{
    const size_t weights = layout->weight_count;
    size_t at = to->count;

    for (size_t i = begin; i < end; i++, at++) {
        to->lo[at] = from->lo[i];
        if (layout->value.spans)
            to->value[at] = from->value[i];
        if (layout->timed)
            to->time[at] = from->time[i];
        for (size_t w = 0; w < weights; w++)
            to->weight[at * weights + w] = from->weight[i * weights + w];
    }
    to->count = at;
}

/* rows_append() of wide rows that are few. */
static inline void
probe_append_wide(const struct layout *layout, struct rows *to, const struct rows *from,
                  size_t begin, size_t end)
{
    size_t at = to->count;

    for (size_t i = begin; i < end; i++, at++) {
        to->hi[at] = from->hi[i];
        if (layout->key.spans)
            to->key[at] = from->key[i];
    }
    probe_append_values(layout, to, from, begin, end);
}

/* Appends rows [begin, end) of `from`; there is room. */
static inline void
probe_append_rows(const struct spine_probe *probe, struct rows *to,
                  const struct rows *from, size_t begin, size_t end)
{
    if (end - begin > HIT_ROWS_MAX)
        rows_append(&probe->layout, to, from, begin, end);
    else if (probe->layout.row_kind != ROW_WIDE)
        probe_append_words(to, from, begin, end);
    else
        probe_append_wide(&probe->layout, to, from, begin, end);
}

#endif
