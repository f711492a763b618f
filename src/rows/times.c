/* SPDX-License-Identifier: MIT */

/* The order of times, and the least time behind two and the greatest before both: of one
 * number, or of pairs, where each half counts by itself. */

#include "spine/schema.h"

static uint32_t
outer_of(uint64_t time)
{
    return (uint32_t)(time >> 32);
}

static uint32_t
inner_of(uint64_t time)
{
    return (uint32_t)time;
}

bool
spine_time_less_equal(enum spine_time time, uint64_t a, uint64_t b)
{
    switch (time) {
    case SPINE_UNTIMED:
        return true;
    case SPINE_TIME_U64:
        return a <= b;
    case SPINE_TIME_PAIR:
        return outer_of(a) <= outer_of(b) && inner_of(a) <= inner_of(b);
    }
    return false;
}

uint64_t
spine_time_join(enum spine_time time, uint64_t a, uint64_t b)
{
    if (time == SPINE_UNTIMED)
        return 0;
    if (time == SPINE_TIME_U64)
        return a > b ? a : b;
    return spine_time_pair(outer_of(a) > outer_of(b) ? outer_of(a) : outer_of(b),
                           inner_of(a) > inner_of(b) ? inner_of(a) : inner_of(b));
}

uint64_t
spine_time_meet(enum spine_time time, uint64_t a, uint64_t b)
{
    if (time == SPINE_UNTIMED)
        return 0;
    if (time == SPINE_TIME_U64)
        return a < b ? a : b;
    return spine_time_pair(outer_of(a) < outer_of(b) ? outer_of(a) : outer_of(b),
                           inner_of(a) < inner_of(b) ? inner_of(a) : inner_of(b));
}
