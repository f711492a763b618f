/* SPDX-License-Identifier: MIT */
#ifndef LOOKUP_LOOKUP_KINDS_H
#define LOOKUP_LOOKUP_KINDS_H

/*
 * lookup/lookup_kinds -- the two filters behind struct lookup.
 */

#include "lookup/lookup.h"

/*
 * Blocks of eight words. A key belongs to the block that the upper half of its hash
 * names, and sets in each word the bit that the lower half, times the word's salt, names.
 */
struct bloom {
    uint32_t *words;
    size_t block_count;
    /* What was allocated; `words` is aligned in it, so that no block has two lines. */
    void *memory;
    size_t bytes;
};

/* Room for `keys` keys of `bits_per_key` bits each; SPINE_NOMEM. */
enum spine_status bloom_init(struct bloom *bloom, uint64_t keys, double bits_per_key);
/* The same with `blocks` blocks. */
enum spine_status bloom_init_blocks(struct bloom *bloom, size_t blocks);
#define BLOOM_BLOCK_BYTES 32u
void bloom_release(struct bloom *bloom);
void bloom_add(struct bloom *bloom, const uint64_t *hashes, size_t count);
void bloom_prefetch(const struct bloom *bloom, uint64_t hash);
bool bloom_maybe(const struct bloom *bloom, uint64_t hash);
size_t bloom_select(const struct bloom *bloom, const uint64_t *hashes, size_t begin,
                    size_t end, uint32_t *candidates);

/* The rate to expect of blocks that have `bits` bits per key. */
double bloom_rate(double bits);
/* The bits per key that the rate takes. */
double bloom_bits(double rate);

struct roaring_builder;

/* What a chunk of 65,536 words has: nothing, or a container. */
struct roaring_chunk {
    uint32_t offset; /* in the containers' bytes */
    /* Keys; with ROARING_RUNS when the container is of runs. */
    uint32_t keys;
};
#define ROARING_RUNS (UINT32_C(1) << 31)
#define ROARING_CHUNK_BITS 16

/* A Roaring bitmap of words, those of a batch less its least. */
struct roaring {
    uint64_t base;
    /* What each chunk has; NULL until it is finished. */
    struct roaring_chunk *chunks;
    size_t chunk_count;
    /* The bitmap in the portable format; its containers are the end of it, and it is the
     * end of `memory`. */
    const uint8_t *portable;
    const uint8_t *containers;
    void *memory;
    size_t memory_bytes;
    /* Of both. */
    size_t bytes;
    struct roaring_builder *builder;
};

/* For words in [min, max], which are less than 2^32 apart; SPINE_NOMEM. */
enum spine_status roaring_init(struct roaring *roaring, uint64_t min, uint64_t max);
void roaring_release(struct roaring *roaring);
void roaring_add(struct roaring *roaring, const uint64_t *words, size_t count);
enum spine_status roaring_finish(struct roaring *roaring);
bool roaring_has(const struct roaring *roaring, uint64_t word);
/* Bytes of the containers. */
size_t roaring_container_bytes(const struct roaring *roaring);
/* May it be asked, whatever the bytes are: does every container of the chunks lie within
 * the `bytes` of containers? */
bool roaring_is_sound(const struct roaring *roaring, size_t bytes);
size_t roaring_select(const struct roaring *roaring, const uint64_t *words, size_t begin,
                      size_t end, uint32_t *candidates);

/* The kind that the filter is, and NULL for the kind that it is not. */
const struct bloom *lookup_bloom(const struct lookup *lookup);
const struct roaring *lookup_roaring(const struct lookup *lookup);
/* lookup_new() of a known size. */
enum spine_status lookup_new_bloom(struct lookup **out, size_t blocks);
enum spine_status lookup_new_roaring(struct lookup **out, uint64_t min, uint64_t max);

#endif
