/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_NULLS_H
#define HARNESS_NULLS_H

/*
 * harness/nulls -- every pointer that a public function takes, as NULL: a line of
 * REFUSES() or TOLERATES() for each, which lint/nulls.sh compares with the headers. After
 * cmocka.h.
 */

#include "spine/types.h"

#include <string.h>

static struct spine_error told;
/* NULL, or `told`. */
static struct spine_error *error;

/* `function` called with `arguments`, of which `argument` is NULL, is SPINE_INVALID and
 * names both, whether anybody wants to know or not. */
#define REFUSES(function, argument, arguments)                                           \
    do {                                                                                 \
        error = NULL;                                                                    \
        assert_int_equal(function arguments, SPINE_INVALID);                             \
        error = &told;                                                                   \
        memset(&told, 0, sizeof told);                                                   \
        assert_int_equal(function arguments, SPINE_INVALID);                             \
        assert_int_equal(told.status, SPINE_INVALID);                                    \
        assert_string_equal(told.message, #function ": " #argument " is NULL");          \
    } while (0)

/* A call of `function` with a NULL `argument` is legal, and `holds`. */
#define TOLERATES(function, argument, holds) assert_true(holds)

#endif
