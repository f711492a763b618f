/* SPDX-License-Identifier: MIT */
#ifndef TUPLE_FIXTURE_H
#define TUPLE_FIXTURE_H

/*
 * What the tests of tuples share: bytes written as hexadecimal text.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "40 68 00" as bytes; returns how many. */
static inline size_t
bytes_of_hex(const char *text, uint8_t *out, size_t room)
{
    size_t size = 0;
    unsigned byte;

    for (; size < room && sscanf(text, "%2x", &byte) == 1; size++) {
        out[size] = (uint8_t)byte;
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    return size;
}

#endif
