/* SPDX-License-Identifier: MIT */
#include "harness/fault.h"

#include "harness/elsewhere.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum spine_status status;
    bool of_pins;
} kinds[] = {
    {"allocation", SPINE_NOMEM, false},
#ifdef SPINE_BLOCKS_ELSEWHERE
    {"pin", SPINE_IO, true},
    {"pin", SPINE_CORRUPT, true},
    {"pin", SPINE_NOMEM, true},
#endif
};

static size_t used;

size_t
fault_kinds(void)
{
    return sizeof kinds / sizeof kinds[0];
}

void
fault_use(size_t kind)
{
    used = kind;
}

const char *
fault_name(void)
{
    return kinds[used].name;
}

enum spine_status
fault_status(void)
{
    return kinds[used].status;
}

void
fault_arm(enum fault_mode mode, uint64_t nth)
{
    if (kinds[used].of_pins)
        elsewhere_arm(mode, nth, kinds[used].status);
    else
        fault_alloc_arm(mode, nth);
}

bool
fault_disarm(void)
{
    return kinds[used].of_pins ? elsewhere_disarm() : fault_alloc_disarm();
}

void
fault_pause(void)
{
    if (kinds[used].of_pins)
        elsewhere_pause();
    else
        fault_alloc_pause();
}

void
fault_resume(void)
{
    if (kinds[used].of_pins)
        elsewhere_resume();
    else
        fault_alloc_resume();
}

bool
fault_fired(void)
{
    return kinds[used].of_pins ? elsewhere_fired() : fault_alloc_fired();
}

uint64_t
fault_chances(void)
{
    return kinds[used].of_pins ? elsewhere_pins() : fault_alloc_count();
}

bool
fault_explains(enum spine_status status, const struct spine_error *error)
{
    const char *named = kinds[used].of_pins ? ELSEWHERE_MESSAGE : "memory";

    if (status == kinds[used].status && fault_fired() && error->status == status &&
        strstr(error->message, named) != NULL)
        return true;
    printf("%s: %s\n", spine_status_name(status), error->message);
    return false;
}
