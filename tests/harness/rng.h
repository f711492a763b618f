/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_RNG_H
#define HARNESS_RNG_H

/*
 * harness/rng -- random numbers that a seed repeats exactly, on every machine.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* splitmix64. */
struct rng {
    uint64_t state;
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* 0 to `bound` - 1; `bound` > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
size_t rng_index(struct rng *rng, size_t bound);
/* True in `percent` of 100 calls. */
bool rng_chance(struct rng *rng, unsigned percent);
/* 1 to `bound`, every order of magnitude about as likely as the others. */
size_t rng_magnitude(struct rng *rng, size_t bound);

#endif
