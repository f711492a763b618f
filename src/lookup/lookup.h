/* SPDX-License-Identifier: MIT */
#ifndef LOOKUP_LOOKUP_H
#define LOOKUP_LOOKUP_H

/*
 * lookup/ -- "surely absent": what a batch knows of its keys beyond their range.
 *
 * A lookup filter answers, for a key, either "absent", which is always true, or "maybe".
 * There are two, chosen by lookup_choose() from facts of the batch:
 *
 *     LOOKUP_BLOOM     split-block Bloom filter: 8 bits in one block of 256, so that a
 *                      question costs one cache line; wrong "maybe" at the rate asked for
 *     LOOKUP_ROARING   Roaring bitmap of (key - least key): exact; for keys of one word
 *                      that lie densely
 *
 * A filter is built from all keys of a batch in ascending order, and never changes then:
 *
 *     lookup_new(&lookup, facts, options);
 *     lookup_add(lookup, words, hashes, count);      any number of times
 *     lookup_finish(lookup);                         at any point: lookup_unref(lookup)
 *
 * A filter lives beside its batch, in memory of our allocator. Batch files have filters,
 * too, as images that answer where they lie (store/FORMAT.md): each of some blocks of the
 * file, so that it has a base of its own.
 *
 * Building: one thread. A finished filter: any number of threads.
 */

#include "base/account.h"
#include "rows/rows.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <xxhash.h>

enum lookup_kind { LOOKUP_NONE, LOOKUP_BLOOM, LOOKUP_ROARING };

/* How filters are made; see struct spine_options. */
struct lookup_options {
    /* Of a Bloom filter: the fraction of absent keys that it may call "maybe". */
    double false_positive_rate;
    /* Batches of fewer rows get no filter; UINT64_MAX: none does. */
    uint64_t rows_min;
};

#define LOOKUP_RATE_DEFAULT 1e-3
#define LOOKUP_ROWS_MIN_DEFAULT UINT64_C(4096)
static const struct lookup_options lookup_defaults = {
    .false_positive_rate = LOOKUP_RATE_DEFAULT,
    .rows_min = LOOKUP_ROWS_MIN_DEFAULT,
};

/* What is known of a batch before its keys are read. */
struct lookup_facts {
    uint64_t rows;
    uint64_t keys;
    /* Is a key one word (SHAPE_WORD4, SHAPE_WORD8)? Then the least and the greatest. */
    bool words;
    uint64_t word_min;
    uint64_t word_max;
    /* What lookup_bits_per_key() says of the options, for a caller that makes many
     * filters; 0: that is found out for each. */
    double bits_per_key;
};

/* Of a Bloom filter that is made so. Takes some 20 us, unless the thread asked for the
 * same rate last time. */
double lookup_bits_per_key(const struct lookup_options *options);

/*
 * The filter for such a batch. Pure. Roaring where its containers are bitmaps on average
 * (4,096 keys in each chunk of 65,536 words): there it is smaller than Bloom, exact, and
 * needs no search inside a container.
 */
enum lookup_kind
lookup_choose(const struct lookup_facts *facts, const struct lookup_options *options);

struct lookup;
struct lookup_counts;

/* An empty filter of the kind chosen, LOOKUP_NONE excepted; SPINE_NOMEM. */
enum spine_status lookup_new(struct lookup **out, const struct lookup_facts *facts,
                             const struct lookup_options *options);
/* Adds keys, ascending over all calls. LOOKUP_BLOOM looks at `hashes` only,
 * LOOKUP_ROARING at `words` only. */
void lookup_add(struct lookup *lookup, const uint64_t *words, const uint64_t *hashes,
                size_t count);
/* After it the filter answers. SPINE_NOMEM: it is good for lookup_unref() only. */
enum spine_status lookup_finish(struct lookup *lookup);
/* Another reference to a finished filter, which several batches may share. */
struct lookup *lookup_ref(struct lookup *lookup);
/* Gives a reference back; the last one frees the filter. NULL is allowed. */
void lookup_unref(struct lookup *lookup);
/* Charges a finished filter to `account`, unless it is charged already. Any thread. */
void lookup_charge(struct lookup *lookup, struct account *account);

enum lookup_kind lookup_kind(const struct lookup *lookup);
/* Memory that the filter holds. */
size_t lookup_bytes(const struct lookup *lookup);

/* Asks for the memory that lookup_maybe() will read. */
void lookup_prefetch(const struct lookup *lookup, uint64_t hash);
/* May the key of this word and lookup_hash() be there? */
bool lookup_maybe(const struct lookup *lookup, uint64_t word, uint64_t hash);
/* The same, counted. */
bool lookup_ask(const struct lookup *lookup, uint64_t word, uint64_t hash,
                struct lookup_counts *counts);
/*
 * Writes to `candidates`, which has room for all, the indexes in [begin, end) of `words`
 * and `hashes` of keys that may be there; returns how many.
 */
size_t lookup_select(const struct lookup *lookup, const uint64_t *words,
                     const uint64_t *hashes, size_t begin, size_t end,
                     uint32_t *candidates);
/* Counts `rejections` keys that the filter ruled out, and `passes` keys that it did
 * not. */
void lookup_count(const struct lookup *lookup, struct lookup_counts *counts,
                  uint64_t rejections, uint64_t passes);
/* The same of a filter of this kind. */
void lookup_count_kind(enum lookup_kind kind, struct lookup_counts *counts,
                       uint64_t rejections, uint64_t passes);

/* ---- Images of filters ---- */

/* An image lies at a multiple of this many bytes, in memory and in files. */
#define LOOKUP_IMAGE_ALIGNMENT 64u

/* Of a finished filter: the bytes of its image, and these, of `keys` keys. */
size_t lookup_image_bytes(const struct lookup *lookup);
void lookup_image_write(const struct lookup *lookup, uint64_t keys, void *image);
/* Can the image be asked? Then nothing outside of its bytes is read, whatever its bytes
 * are. */
bool lookup_image_is_sound(const void *image, size_t bytes);
/* Of a sound image: what kind it is, how many keys it says it has, and
 * lookup_maybe(). */
enum lookup_kind lookup_image_kind(const void *image);
uint64_t lookup_image_keys(const void *image);
bool lookup_image_maybe(const void *image, uint64_t word, uint64_t hash);
/* Asks the processor for what that will look at. */
void lookup_image_prefetch(const void *image, uint64_t hash);
/* An empty filter that becomes a sound image again when the same keys are added;
 * SPINE_NOMEM. */
enum spine_status lookup_new_like(struct lookup **out, const void *image);

/* ---- What is asked, and how it ends ---- */

/*
 * What is counted, of pairs of a key and a batch, and how statistics call it:
 *
 *     searches
 *         range_rejections       ruled out by the least and the greatest key of the batch
 *         filter_rejections      ruled out by its filter
 *             bloom_rejections   when that was a Bloom filter
 *         filter_passes          not ruled out by the filter that there is
 *             bloom_passes       when that was a Bloom filter
 *             filter_errors      absent after all
 */
#define LOOKUP_COUNTS(COUNT)                                                             \
    COUNT(searches, lookups)                                                             \
    COUNT(range_rejections, lookup_range_rejections)                                     \
    COUNT(filter_rejections, lookup_filter_rejections)                                   \
    COUNT(filter_passes, lookup_filter_passes)                                           \
    COUNT(filter_errors, lookup_filter_errors)                                           \
    COUNT(bloom_rejections, bloom_rejections)                                            \
    COUNT(bloom_passes, bloom_passes)

#define LOOKUP_COUNT_FIELD(name, statistic) uint64_t name;
#define LOOKUP_SUM_FIELD(name, statistic) atomic_uint_least64_t name;

struct lookup_counts {
    LOOKUP_COUNTS(LOOKUP_COUNT_FIELD)
};

/*
 * How filters are made and what they did, for one spine with its snapshots, cursors and
 * probes. Readers count for themselves, and add it up here once per call or at their end.
 */
struct lookup_ledger {
    struct ref refs;
    struct lookup_options options;
    /* The account that readers are charged to, a reference. */
    struct account *account;
    LOOKUP_COUNTS(LOOKUP_SUM_FIELD)
    /* The last stretch that a reader told, or NULL. */
    _Atomic(struct skipped *) skipped;
};

/* A stretch of rows that a reader read and did not show, most of them: from `low` on and
 * up to `high`, each if there is one. Never changes once it is told, and is shared. */
struct skipped {
    struct ref refs;
    uint64_t rows;
    bool has_low;
    bool has_high;
    struct row_code low;
    struct row_code high;
    /* The reader came from the beginning, and showed nothing before `first`: the content
     * of the spine was that when its batch number `sequence` had come in. 0: it came from
     * elsewhere, or not all of it was shown. */
    uint64_t sequence;
    struct row_code first;
    /* Of the struct and the bytes of the spans behind it; 0: it borrows. */
    size_t bytes;
};

/* With one reference; NULL without memory. Keeps a reference to `account`, which may be
 * NULL. */
struct lookup_ledger *
lookup_ledger_new(const struct lookup_options *options, struct account *account);
/* NULL: there is none. */
struct account *lookup_ledger_account(const struct lookup_ledger *ledger);
/* NULL is allowed everywhere: nothing is counted, and options are the defaults. */
struct lookup_ledger *lookup_ledger_ref(struct lookup_ledger *ledger);
void lookup_ledger_unref(struct lookup_ledger *ledger);
const struct lookup_options *lookup_ledger_options(const struct lookup_ledger *ledger);
/* Adds `counts` and clears them. */
void lookup_ledger_add(struct lookup_ledger *ledger, struct lookup_counts *counts);
void lookup_ledger_read(struct lookup_ledger *ledger, struct lookup_counts *out);

/*
 * Tells a stretch, of which the ledger keeps a copy until somebody takes it, another one
 * is told, or it goes; without memory it is forgotten. Any thread.
 */
void lookup_ledger_skipped(struct lookup_ledger *ledger, const struct skipped *skipped);
/* Is there one, as far as is known? */
bool lookup_ledger_has_skipped(struct lookup_ledger *ledger);
/* A reference, which the ledger lets go of; NULL when there is none. */
struct skipped *lookup_ledger_take_skipped(struct lookup_ledger *ledger);
/* Takes the reference back, unless another one was told meanwhile. */
void lookup_ledger_return_skipped(struct lookup_ledger *ledger, struct skipped *skipped);
/* NULL is allowed. */
struct skipped *skipped_ref(struct skipped *skipped);
void skipped_unref(struct skipped *skipped);

/* ---- Hashes ---- */

#define LOOKUP_MIX_SHIFT 32
#define LOOKUP_MIX_FACTOR UINT64_C(0xd6e8feb86659fd93)

static inline uint64_t
lookup_mix(uint64_t word)
{
    word ^= word >> LOOKUP_MIX_SHIFT;
    word *= LOOKUP_MIX_FACTOR;
    word ^= word >> LOOKUP_MIX_SHIFT;
    word *= LOOKUP_MIX_FACTOR;
    return word ^ word >> LOOKUP_MIX_SHIFT;
}

/* The same of many words; the arrays are different ones, or the same. */
void lookup_mix_all(const uint64_t *words, size_t count, uint64_t *hashes);

/* The hash of a key, the same in all batches. `key` has its word, its rest (SPINE_FIXED
 * of up to 16 bytes) or its span (all other bytes). */
static inline uint64_t
lookup_hash(const struct cell_layout *column, const struct cell *key)
{
    if (column->shape != SHAPE_FIXED && column->shape != SHAPE_BYTES)
        return lookup_mix(key->word);
    if (column->shape == SHAPE_FIXED && column->bytes <= 16)
        return lookup_mix(key->word ^ lookup_mix(key->rest + 1));
    return XXH3_64bits(key->span.data, key->span.size);
}

/* The same of many keys that are bytes. */
void lookup_hash_all(const struct cell_layout *column, const struct cell *keys,
                     size_t count, uint64_t *hashes);

#endif
