/* SPDX-License-Identifier: MIT */

/*
 * A blocked Bloom filter: a hash chooses a block of 256 bits, and one bit in each of its
 * eight words. A block is in one line of the cache, and its eight bits are set and
 * tested at once where the processor has AVX2.
 */

#include "lookup/lookup_kinds.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <string.h>

#define BLOCK_WORDS 8u
#define BLOCK_BITS 256u
#define LINE_BYTES 64u
/* How far ahead blocks are asked for, in filters that the nearer caches may not hold. */
#define AHEAD 32u
#define NEAR_BYTES ((size_t)256 << 10)
/* Bits per key: the least and the most that a filter is made with. */
#define BITS_MIN 4.0
#define BITS_MAX 64.0
/* More keys than ever fall into one block of BITS_MIN. */
#define BLOCK_KEYS_MAX 160u

#define INLINE_ALWAYS static inline __attribute__((always_inline))

/* Odd, with both halves well mixed; those of Parquet's split-block Bloom filter. */
static const uint32_t salts[BLOCK_WORDS] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU,
                                            0xa2b7289dU, 0x705495c7U, 0x2df1424bU,
                                            0x9efc4947U, 0x5c6bfb31U};

static double power(double base, uint64_t exponent);

enum spine_status
bloom_init(struct bloom *bloom, uint64_t keys, double bits_per_key)
{
    const double wanted = (double)keys * bits_per_key / BLOCK_BITS;

    *bloom = (struct bloom){0};
    /* block_of() takes 32 bits of the hash. */
    if (wanted >= (double)UINT32_MAX)
        return SPINE_NOMEM;
    return bloom_init_blocks(bloom, (size_t)wanted + 1);
}

enum spine_status
bloom_init_blocks(struct bloom *bloom, size_t blocks)
{
    assert(blocks > 0);
    static_assert(BLOOM_BLOCK_BYTES == BLOCK_BITS / 8, "bytes of a block");
    *bloom = (struct bloom){.bytes = blocks * BLOOM_BLOCK_BYTES + LINE_BYTES};
    bloom->memory = mem_zalloc(bloom->bytes);
    if (bloom->memory == NULL) {
        bloom->bytes = 0;
        return SPINE_NOMEM;
    }
    bloom->block_count = blocks;
    bloom->words =
        (uint32_t *)(void *)((uint8_t *)bloom->memory +
                             (LINE_BYTES - (uintptr_t)bloom->memory % LINE_BYTES));
    return SPINE_OK;
}

void
bloom_release(struct bloom *bloom)
{
    mem_free(bloom->memory, bloom->bytes);
    *bloom = (struct bloom){0};
}

/*
 * A block that k keys belong to has a given bit of a word set with the probability
 * 1 - (31/32)^k, and an absent key meets eight such bits. k is distributed as Poisson
 * says, around 256 / bits.
 */
double
bloom_rate(double bits)
{
    const double mean = BLOCK_BITS / bits;
    /* exp(-mean), as the limit that it is. */
    double of_keys = power(1 - mean / (double)(UINT64_C(1) << 30), UINT64_C(1) << 30);
    double clear = 1, rate = 0;

    for (unsigned keys = 0; keys < BLOCK_KEYS_MAX; keys++) {
        rate += of_keys * power(1 - clear, BLOCK_WORDS);
        of_keys *= mean / (keys + 1);
        clear *= 31.0 / 32;
    }
    return rate;
}

/* The rate falls as the bits grow: halves what is left of the interval. */
double
bloom_bits(double rate)
{
    double low = BITS_MIN, high = BITS_MAX;

    assert(rate > 0 && rate < 1);
    if (bloom_rate(low) <= rate)
        return low;
    for (int i = 0; i < 20; i++) {
        const double middle = (low + high) / 2;

        if (bloom_rate(middle) <= rate)
            high = middle;
        else
            low = middle;
    }
    return high;
}

static double
power(double base, uint64_t exponent)
{
    double result = 1;

    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result *= base;
        base *= base;
    }
    return result;
}

INLINE_ALWAYS uint32_t *
block_of(const struct bloom *bloom, uint64_t hash)
{
    assert(bloom->block_count > 0);
    return bloom->words + ((hash >> 32) * bloom->block_count >> 32) * BLOCK_WORDS;
}

INLINE_ALWAYS bool
block_has(const uint32_t *block, uint64_t hash)
{
    uint32_t missing = 0;

    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        missing |= ~block[i] & UINT32_C(1) << ((uint32_t)hash * salts[i] >> 27);
    return missing == 0;
}

INLINE_ALWAYS void
add_one(const struct bloom *bloom, uint64_t hash)
{
    uint32_t *block = block_of(bloom, hash);

    for (unsigned w = 0; w < BLOCK_WORDS; w++)
        block[w] |= UINT32_C(1) << ((uint32_t)hash * salts[w] >> 27);
}

/* The blocks asked for ahead are used in their turn, whatever the order of hashes. */
INLINE_ALWAYS void
add_all(const struct bloom *bloom, const uint64_t *hashes, size_t count)
{
    const size_t ahead = count > AHEAD && bloom->bytes > NEAR_BYTES ? count - AHEAD : 0;
    size_t at = 0;

    for (; at < ahead; at++) {
        __builtin_prefetch(block_of(bloom, hashes[at + AHEAD]), 1);
        add_one(bloom, hashes[at]);
    }
    for (; at < count; at++)
        add_one(bloom, hashes[at]);
}

/* `has` is block_has(), or what does the same, and known where this is called. */
INLINE_ALWAYS size_t
select_all(const struct bloom *bloom, const uint64_t *hashes, size_t begin, size_t end,
           uint32_t *candidates, bool (*has)(const uint32_t *block, uint64_t hash))
{
    const size_t ahead_end = end - begin > AHEAD ? end - AHEAD : begin;
    size_t kept = 0, at = begin;

    for (; at < ahead_end; at++) {
        __builtin_prefetch(block_of(bloom, hashes[at + AHEAD]));
        candidates[kept] = (uint32_t)at;
        kept += has(block_of(bloom, hashes[at]), hashes[at]);
    }
    for (; at < end; at++) {
        candidates[kept] = (uint32_t)at;
        kept += has(block_of(bloom, hashes[at]), hashes[at]);
    }
    return kept;
}

/*
 * The same loops once more for processors that do all eight words at a time; -O2 does not
 * see that they can be, nor that one instruction tests all bits.
 */
#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))

typedef uint32_t block_lanes __attribute__((vector_size(BLOCK_WORDS * 4)));
typedef long long test_lanes __attribute__((vector_size(BLOCK_WORDS * 4)));

AVX2 static inline bool
block_has_avx2(const uint32_t *block, uint64_t hash)
{
    block_lanes lanes, bits;

    memcpy(&lanes, block, sizeof lanes);
    memcpy(&bits, salts, sizeof bits);
    bits = (block_lanes){1, 1, 1, 1, 1, 1, 1, 1} << (bits * (uint32_t)hash >> 27);
    return __builtin_ia32_ptestc256((test_lanes)lanes, (test_lanes)bits) != 0;
}

AVX2 static void
add_avx2(const struct bloom *bloom, const uint64_t *hashes, size_t count)
{
    add_all(bloom, hashes, count);
}
AVX2 static bool
maybe_avx2(const struct bloom *bloom, uint64_t hash)
{
    return block_has_avx2(block_of(bloom, hash), hash);
}
AVX2 static size_t
select_avx2(const struct bloom *bloom, const uint64_t *hashes, size_t begin, size_t end,
            uint32_t *candidates)
{
    return select_all(bloom, hashes, begin, end, candidates, block_has_avx2);
}
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#else
#define add_avx2 add_all
#define maybe_avx2(bloom, hash) block_has(block_of(bloom, hash), hash)
#define select_avx2(bloom, hashes, begin, end, candidates)                               \
    select_all(bloom, hashes, begin, end, candidates, block_has)
#define HAVE_AVX2 0
#endif

void
bloom_add(struct bloom *bloom, const uint64_t *hashes, size_t count)
{
    if (HAVE_AVX2)
        add_avx2(bloom, hashes, count);
    else
        add_all(bloom, hashes, count);
}

void
bloom_prefetch(const struct bloom *bloom, uint64_t hash)
{
    __builtin_prefetch(block_of(bloom, hash));
}

bool
bloom_maybe(const struct bloom *bloom, uint64_t hash)
{
    return HAVE_AVX2 ? maybe_avx2(bloom, hash) : block_has(block_of(bloom, hash), hash);
}

size_t
bloom_select(const struct bloom *bloom, const uint64_t *hashes, size_t begin, size_t end,
             uint32_t *candidates)
{
    assert(begin <= end);
    if (HAVE_AVX2)
        return select_avx2(bloom, hashes, begin, end, candidates);
    return select_all(bloom, hashes, begin, end, candidates, block_has);
}
