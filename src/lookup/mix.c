/* SPDX-License-Identifier: MIT */

/*
 * Hashes of words, four at a time where the processor has AVX2; it has to multiply them
 * in parts, unless it has the products of 64 bits of AVX-512.
 */

#include "lookup/lookup.h"

#include <string.h>

#define LANES 4u
#define INLINE_ALWAYS static inline __attribute__((always_inline))

typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t))));

INLINE_ALWAYS void
mix_any(const uint64_t *words, size_t count, uint64_t *hashes)
{
    size_t at = 0;

    for (; at + LANES <= count; at += LANES) {
        lanes mixed;

        memcpy(&mixed, words + at, sizeof mixed);
        mixed ^= mixed >> LOOKUP_MIX_SHIFT;
        mixed *= LOOKUP_MIX_FACTOR;
        mixed ^= mixed >> LOOKUP_MIX_SHIFT;
        mixed *= LOOKUP_MIX_FACTOR;
        mixed ^= mixed >> LOOKUP_MIX_SHIFT;
        memcpy(hashes + at, &mixed, sizeof mixed);
    }
    for (; at < count; at++)
        hashes[at] = lookup_mix(words[at]);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
mix_avx2(const uint64_t *words, size_t count, uint64_t *hashes)
{
    mix_any(words, count, hashes);
}
__attribute__((target("avx2,avx512f,avx512vl,avx512dq"))) static void
mix_avx512(const uint64_t *words, size_t count, uint64_t *hashes)
{
    mix_any(words, count, hashes);
}
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#define HAVE_AVX512                                                                      \
    (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
#else
#define mix_avx2 mix_any
#define mix_avx512 mix_any
#define HAVE_AVX2 0
#define HAVE_AVX512 0
#endif

void
lookup_mix_all(const uint64_t *words, size_t count, uint64_t *hashes)
{
    if (HAVE_AVX512)
        mix_avx512(words, count, hashes);
    else if (HAVE_AVX2)
        mix_avx2(words, count, hashes);
    else
        mix_any(words, count, hashes);
}
