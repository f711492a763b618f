/* SPDX-License-Identifier: MIT */

/*
 * What a lookup filter is to its users: a reference, a kind, questions about words and
 * hashes. Which kind a batch gets is decided here; the two kinds themselves are in
 * bloom.c and roaring.c.
 */

#include "lookup/lookup_kinds.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

/* A container with this many keys, or more, is a bitmap of 8 KiB: at most 16 bits per
 * key. */
#define CHUNK_DENSE_KEYS 4096u

struct lookup {
    struct ref refs;
    /* The account that is charged for it. */
    account_payer payer;
    enum lookup_kind kind;
    struct bloom bloom;
    struct roaring roaring;
};

static enum spine_status of_bloom(struct lookup **out, struct bloom *bloom);

enum lookup_kind
lookup_choose(const struct lookup_facts *facts, const struct lookup_options *options)
{
    if (facts->keys == 0 || facts->rows < options->rows_min)
        return LOOKUP_NONE;
    if (facts->words && facts->word_max - facts->word_min <= UINT32_MAX) {
        const uint64_t span = facts->word_max - facts->word_min;
        const uint64_t chunks = (span >> ROARING_CHUNK_BITS) + 1;

        if (facts->keys / chunks >= CHUNK_DENSE_KEYS)
            return LOOKUP_ROARING;
    }
    return LOOKUP_BLOOM;
}

/* Searching for it takes as long as the filter of some thousand keys, and a thread that
 * makes filters mostly asks for one rate. */
double
lookup_bits_per_key(const struct lookup_options *options)
{
    static _Thread_local double rate, bits;

    if (rate != options->false_positive_rate) {
        rate = options->false_positive_rate;
        bits = bloom_bits(rate);
    }
    return bits;
}

enum spine_status
lookup_new(struct lookup **out, const struct lookup_facts *facts,
           const struct lookup_options *options)
{
    const enum lookup_kind kind = lookup_choose(facts, options);
    struct bloom bloom;
    enum spine_status st;

    assert(kind != LOOKUP_NONE);
    *out = NULL;
    if (kind == LOOKUP_ROARING)
        return lookup_new_roaring(out, facts->word_min, facts->word_max);
    st = bloom_init(&bloom, facts->keys,
                    facts->bits_per_key > 0 ? facts->bits_per_key
                                            : lookup_bits_per_key(options));
    return st == SPINE_OK ? of_bloom(out, &bloom) : st;
}

enum spine_status
lookup_new_bloom(struct lookup **out, size_t blocks)
{
    struct bloom bloom;
    const enum spine_status st = bloom_init_blocks(&bloom, blocks);

    *out = NULL;
    return st == SPINE_OK ? of_bloom(out, &bloom) : st;
}

enum spine_status
lookup_new_roaring(struct lookup **out, uint64_t min, uint64_t max)
{
    struct lookup *lookup = mem_zalloc(sizeof *lookup);

    *out = NULL;
    if (lookup == NULL)
        return SPINE_NOMEM;
    ref_init(&lookup->refs);
    lookup->kind = LOOKUP_ROARING;
    if (roaring_init(&lookup->roaring, min, max) != SPINE_OK) {
        lookup_unref(lookup);
        return SPINE_NOMEM;
    }
    *out = lookup;
    return SPINE_OK;
}

/* Takes the Bloom filter, also when there is no memory. */
static enum spine_status
of_bloom(struct lookup **out, struct bloom *bloom)
{
    struct lookup *lookup = mem_zalloc(sizeof *lookup);

    if (lookup == NULL) {
        bloom_release(bloom);
        return SPINE_NOMEM;
    }
    ref_init(&lookup->refs);
    lookup->kind = LOOKUP_BLOOM;
    lookup->bloom = *bloom;
    *out = lookup;
    return SPINE_OK;
}

const struct bloom *
lookup_bloom(const struct lookup *lookup)
{
    return lookup->kind == LOOKUP_BLOOM ? &lookup->bloom : NULL;
}

const struct roaring *
lookup_roaring(const struct lookup *lookup)
{
    return lookup->kind == LOOKUP_ROARING ? &lookup->roaring : NULL;
}

void
lookup_add(struct lookup *lookup, const uint64_t *words, const uint64_t *hashes,
           size_t count)
{
    if (lookup->kind == LOOKUP_ROARING)
        roaring_add(&lookup->roaring, words, count);
    else
        bloom_add(&lookup->bloom, hashes, count);
}

enum spine_status
lookup_finish(struct lookup *lookup)
{
    return lookup->kind == LOOKUP_ROARING ? roaring_finish(&lookup->roaring) : SPINE_OK;
}

struct lookup *
lookup_ref(struct lookup *lookup)
{
    ref_take(&lookup->refs);
    return lookup;
}

void
lookup_unref(struct lookup *lookup)
{
    struct account *account;
    size_t bytes;

    if (lookup == NULL || !ref_drop(&lookup->refs))
        return;
    account = atomic_load_explicit(&lookup->payer, memory_order_acquire);
    bytes = lookup_bytes(lookup) - sizeof *lookup;
    bloom_release(&lookup->bloom);
    roaring_release(&lookup->roaring);
    if (account != NULL)
        account_subtract(account, ACCOUNT_FILTERS, bytes);
    account_free(&lookup->payer, ACCOUNT_FILTERS, lookup, sizeof *lookup);
}

void
lookup_charge(struct lookup *lookup, struct account *account)
{
    (void)account_charge(&lookup->payer, account, ACCOUNT_FILTERS, lookup_bytes(lookup));
}

enum lookup_kind
lookup_kind(const struct lookup *lookup)
{
    return lookup->kind;
}

size_t
lookup_bytes(const struct lookup *lookup)
{
    return sizeof *lookup + lookup->bloom.bytes + lookup->roaring.bytes;
}

void
lookup_prefetch(const struct lookup *lookup, uint64_t hash)
{
    if (lookup->kind == LOOKUP_BLOOM)
        bloom_prefetch(&lookup->bloom, hash);
}

bool
lookup_maybe(const struct lookup *lookup, uint64_t word, uint64_t hash)
{
    return lookup->kind == LOOKUP_ROARING ? roaring_has(&lookup->roaring, word)
                                          : bloom_maybe(&lookup->bloom, hash);
}

/* What lookup_count() would count, with as few instructions as seeks like. */
bool
lookup_ask(const struct lookup *lookup, uint64_t word, uint64_t hash,
           struct lookup_counts *counts)
{
    const bool is_bloom = lookup->kind == LOOKUP_BLOOM;
    const bool maybe = is_bloom ? bloom_maybe(&lookup->bloom, hash)
                                : roaring_has(&lookup->roaring, word);

    if (maybe) {
        counts->filter_passes++;
        counts->bloom_passes += is_bloom;
    } else {
        counts->filter_rejections++;
        counts->bloom_rejections += is_bloom;
    }
    return maybe;
}

size_t
lookup_select(const struct lookup *lookup, const uint64_t *words, const uint64_t *hashes,
              size_t begin, size_t end, uint32_t *candidates)
{
    assert(begin <= end);
    return lookup->kind == LOOKUP_ROARING
               ? roaring_select(&lookup->roaring, words, begin, end, candidates)
               : bloom_select(&lookup->bloom, hashes, begin, end, candidates);
}

void
lookup_count(const struct lookup *lookup, struct lookup_counts *counts,
             uint64_t rejections, uint64_t passes)
{
    lookup_count_kind(lookup->kind, counts, rejections, passes);
}

void
lookup_count_kind(enum lookup_kind kind, struct lookup_counts *counts,
                  uint64_t rejections, uint64_t passes)
{
    counts->filter_rejections += rejections;
    counts->filter_passes += passes;
    if (kind == LOOKUP_BLOOM) {
        counts->bloom_rejections += rejections;
        counts->bloom_passes += passes;
    }
}
