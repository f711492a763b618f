/* SPDX-License-Identifier: MIT */
#include "harness/rng.h"

void
rng_init(struct rng *rng, uint64_t seed)
{
    *rng = (struct rng){.state = seed};
}

void
rng_init_bytes(struct rng *rng, const uint8_t *bytes, size_t byte_count)
{
    *rng = (struct rng){.bytes = bytes, .byte_count = byte_count};
}

bool
rng_is_dry(const struct rng *rng)
{
    return rng->byte_count == 0;
}

/* The next `count` bytes as a number, missing ones as zeros. */
static uint64_t
take_bytes(struct rng *rng, unsigned count)
{
    uint64_t word = 0;

    for (; count > 0 && rng->byte_count > 0; count--, rng->byte_count--)
        word = word << 8 | *rng->bytes++;
    return word;
}

uint64_t
rng_next(struct rng *rng)
{
    uint64_t word;

    if (rng->byte_count > 0)
        return take_bytes(rng, 8);
    word = rng->state += UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

uint64_t
rng_below(struct rng *rng, uint64_t bound)
{
    unsigned count = 1;

    if (rng->byte_count == 0)
        return rng_next(rng) % bound;
    while (count < 8 && bound >> (8 * count) > 0)
        count++;
    return take_bytes(rng, count) % bound;
}

size_t
rng_index(struct rng *rng, size_t bound)
{
    return (size_t)rng_below(rng, bound);
}

bool
rng_chance(struct rng *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

size_t
rng_magnitude(struct rng *rng, size_t bound)
{
    unsigned bits = 0;

    while (bits < 63 && bound >> bits > 1)
        bits++;
    const uint64_t top = UINT64_C(1) << rng_below(rng, bits + 1u);
    const size_t number = (size_t)(top + rng_below(rng, top));
    return number > bound ? bound : number;
}
