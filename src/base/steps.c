/* SPDX-License-Identifier: MIT */

/* Steps counted per thread and per critical section, in Debug. */

#include "base/steps.h"

#ifdef NDEBUG

/* A file is not empty in C. */
typedef int steps_are_counted_in_debug_builds;

#else

#include "base/assert.h"

#include <stdatomic.h>

static _Thread_local uint64_t steps;
/* The steps before the critical section. */
static _Thread_local uint64_t section_begin;
static _Thread_local unsigned sections_open;
static atomic_uint_least64_t most;

void
steps_count(void)
{
    steps++;
}

void
steps_section_begin(void)
{
    if (sections_open++ == 0)
        section_begin = steps;
}

void
steps_section_end(void)
{
    const uint64_t section_steps = steps - section_begin;
    uint_least64_t before = atomic_load_explicit(&most, memory_order_relaxed);

    assert(sections_open > 0);
    if (--sections_open > 0)
        return;
    while (section_steps > before &&
           !atomic_compare_exchange_weak_explicit(
               &most, &before, section_steps, memory_order_relaxed, memory_order_relaxed))
        continue;
}

uint64_t
steps_take_most(void)
{
    return atomic_exchange_explicit(&most, 0, memory_order_relaxed);
}

uint64_t
steps_taken(void)
{
    return steps;
}

#endif
