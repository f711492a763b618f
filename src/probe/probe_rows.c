/* SPDX-License-Identifier: MIT */

/* The rows of one hit, copied from its block or from where they were staged. */

#include "base/assert.h"
#include "base/error.h"
#include "probe/probe_append.h"

enum spine_status
probe_take_rows(struct spine_probe *probe, struct hit *hit, size_t count,
                struct rows *out, size_t *left)
{
    assert(count <= (size_t)(hit->end - hit->begin));
    if (hit->staged != HIT_NONE)
        probe_append_rows(probe, out, &probe->staged, hit->staged, hit->staged + count);
    else
        TRY_RETURN(
            batch_stage_hit(probe->batches[hit->batch], &probe->keys, hit, count, out));
    return probe_skip_rows(probe, hit, count, left);
}

enum spine_status
probe_skip_rows(struct spine_probe *probe, struct hit *hit, size_t count, size_t *left)
{
    enum spine_status st = SPINE_OK;

    assert(count <= (size_t)(hit->end - hit->begin));
    hit->begin = (uint16_t)(hit->begin + count);
    if (hit->staged != HIT_NONE)
        hit->staged += (uint32_t)count;
    else if (hit->begin == hit->end)
        st = batch_hit_next(probe->batches[hit->batch], &probe->keys, hit);
    *left = (size_t)(hit->end - hit->begin);
    return st;
}
