/* SPDX-License-Identifier: MIT */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

/*
 * base/random -- splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
 * Generators", OOPSLA 2014): repeatable from its seed, good enough for sampling.
 */

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t
random_next(struct random *random)
{
    uint64_t word = random->state += UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

/* 0 to `bound` - 1; `bound` > 0. Uneven by less than bound / 2^64. */
static inline uint64_t
random_below(struct random *random, uint64_t bound)
{
    __extension__ typedef unsigned __int128 wide;

    return (uint64_t)((wide)random_next(random) * bound >> 64);
}

#endif
