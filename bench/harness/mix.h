/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_MIX_H
#define BENCH_HARNESS_MIX_H

/*
 * Numbers and keys of bytes that look random, from a counter.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEXT_KEY_MAX 64u

/* splitmix64 of a counter: a permutation, so different numbers give different keys. */
static inline uint64_t
mix(uint64_t number)
{
    number += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

/* A key of 8 to 64 bytes: up to 56 that one number of 4096 shares, and the number. */
static inline size_t
text_key(uint64_t number, char *out)
{
    const uint64_t group = number % 4096;
    const size_t shared = group % 8 * 8;

    for (size_t at = 0; at < shared; at += 8)
        memcpy(out + at, "customer", 8);
    if (shared > 0)
        memcpy(out + shared - 2, &group, 2);
    memcpy(out + shared, &number, 8);
    return shared + 8;
}

#endif
