/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_RNG_H
#define HARNESS_RNG_H

/*
 * harness/rng -- random numbers that a seed repeats exactly, on every machine; or numbers
 * that a fuzzer chooses, byte by byte.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* splitmix64; first, the numbers that its bytes are. */
struct rng {
    uint64_t state;
    const uint8_t *bytes;
    size_t byte_count;
};

void rng_init(struct rng *rng, uint64_t seed);
/* Numbers come from `bytes`, which stay the caller's, as long as there are some: a number
 * below 256 is one byte, so that a byte that changes changes one decision. */
void rng_init_bytes(struct rng *rng, const uint8_t *bytes, size_t byte_count);
/* Are the bytes used up? Always true after rng_init(). */
bool rng_is_dry(const struct rng *rng);
uint64_t rng_next(struct rng *rng);
/* 0 to `bound` - 1; `bound` > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
size_t rng_index(struct rng *rng, size_t bound);
/* True in `percent` of 100 calls. */
bool rng_chance(struct rng *rng, unsigned percent);
/* 1 to `bound`, every order of magnitude about as likely as the others. */
size_t rng_magnitude(struct rng *rng, size_t bound);

#endif
