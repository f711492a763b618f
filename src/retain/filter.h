/* SPDX-License-Identifier: MIT */
#ifndef RETAIN_FILTER_H
#define RETAIN_FILTER_H

/*
 * retain/filter -- the shared copies of the caller's filters.
 */

#include "base/ref.h"
#include "retain/retain.h"

struct key_filter {
    struct ref refs;
    /* No other filter has it, or ever had; never 0. */
    uint64_t number;
    struct spine_key_filter filter;
    char name[SPINE_FILTER_NAME_MAX + 1];
};

struct value_filter {
    struct ref refs;
    uint64_t number;
    struct spine_value_filter filter;
    char name[SPINE_FILTER_NAME_MAX + 1];
};

#endif
