/* SPDX-License-Identifier: MIT */

/*
 * micro_lookup [samples] -- lookup filters: building, asking for 10,000 ascending keys at
 * once as probes do, and for single keys as exact seeks do; bits per key.
 *
 * The same keys, every 2nd (8th) number, once in a Bloom filter and once in Roaring, so
 * that the rule of lookup_choose() can be judged.
 */

#include "lookup/lookup.h"
#include "micro/micro.h"

#define ASKED 10000u

/* Keys are `stride * i`; absent ones lie between them. */
struct keys {
    size_t count;
    uint64_t stride;
    uint64_t *words;
    uint64_t *hashes;
    /* ASKED ascending keys, half of them present. */
    uint64_t asked[ASKED];
    uint64_t asked_hashes[ASKED];
};

static void
keys_init(struct keys *keys, size_t count, uint64_t stride)
{
    keys->count = count;
    keys->stride = stride;
    keys->words = malloc(count * sizeof *keys->words);
    keys->hashes = malloc(count * sizeof *keys->hashes);
    require(keys->words != NULL && keys->hashes != NULL, "memory");
    for (size_t i = 0; i < count; i++) {
        keys->words[i] = i * stride;
        keys->hashes[i] = lookup_mix(keys->words[i]);
    }
    for (size_t i = 0; i < ASKED; i++) {
        keys->asked[i] = count / ASKED * i * stride + i % 2;
        keys->asked_hashes[i] = lookup_mix(keys->asked[i]);
    }
}

static void
keys_release(struct keys *keys)
{
    free(keys->words);
    free(keys->hashes);
}

static struct lookup *
build(const struct keys *keys, enum lookup_kind kind)
{
    const struct lookup_facts facts = {.rows = keys->count,
                                       .keys = keys->count,
                                       .words = kind == LOOKUP_ROARING,
                                       .word_max = keys->words[keys->count - 1]};
    struct lookup *lookup;

    require(lookup_new(&lookup, &facts, &lookup_defaults) == SPINE_OK, "lookup_new");
    require(lookup_kind(lookup) == kind, "the kind of filter");
    lookup_add(lookup, keys->words, keys->hashes, keys->count);
    require(lookup_finish(lookup) == SPINE_OK, "lookup_finish");
    return lookup;
}

static size_t
ask_many(const struct keys *keys, const struct lookup *lookup)
{
    static uint32_t candidates[ASKED];

    return lookup_select(lookup, keys->asked, keys->asked_hashes, 0, ASKED, candidates);
}

/* In no order, each after the answer to the one before. */
static size_t
ask_single(const struct keys *keys, const struct lookup *lookup)
{
    size_t kept = 0, at = 0;

    for (size_t i = 0; i < ASKED; i++) {
        const bool maybe = lookup_maybe(lookup, keys->asked[at], keys->asked_hashes[at]);

        kept += maybe;
        at = (at + 7919 + maybe) % ASKED;
    }
    return kept;
}

static void
measure(const struct keys *keys, enum lookup_kind kind, unsigned count)
{
    const char *const kind_name = kind == LOOKUP_BLOOM ? "Bloom" : "Roaring";
    struct samples building = {0}, many = {0}, single = {0};
    struct lookup *lookup = NULL;
    char name[64];

    for (unsigned i = 0; i < count; i++) {
        uint64_t began = now_ns();

        lookup_unref(lookup);
        lookup = build(keys, kind);
        samples_add(&building, keys->count, began);
        began = now_ns();
        const size_t kept = ask_many(keys, lookup);
        samples_add(&many, ASKED, began);
        require(kept >= ASKED / 2 && kept < ASKED / 2 + ASKED / 100, "answers");
        began = now_ns();
        require(ask_single(keys, lookup) > 0, "an answer");
        samples_add(&single, ASKED, began);
    }
    printf("%s, %zu keys, every %u: %.1f bits per key\n", kind_name, keys->count,
           (unsigned)keys->stride,
           8 * (double)lookup_bytes(lookup) / (double)keys->count);
    (void)snprintf(name, sizeof name, "  %s: build", kind_name);
    samples_print(&building, name);
    (void)snprintf(name, sizeof name, "  %s: 10,000 keys at once", kind_name);
    samples_print(&many, name);
    (void)snprintf(name, sizeof name, "  %s: single keys", kind_name);
    samples_print(&single, name);
    lookup_unref(lookup);
}

int
main(int argc, char **argv)
{
    static const size_t counts[] = {100000, 1000000, 10000000};
    static const uint64_t strides[] = {2, 8};
    const unsigned samples = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 5;
    static struct keys keys;

    require(samples > 0 && samples <= SAMPLES_MAX, "samples from 1 to 64");
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
        for (size_t s = 0; s < sizeof strides / sizeof strides[0]; s++) {
            keys_init(&keys, counts[c], strides[s]);
            measure(&keys, LOOKUP_BLOOM, samples);
            measure(&keys, LOOKUP_ROARING, samples);
            keys_release(&keys);
        }
    return 0;
}
