/* SPDX-License-Identifier: MIT */

/*
 * Filters never deny a key that is there, say "maybe" to absent ones as rarely as asked
 * for, and are chosen and built as their door says.
 */

#include "lookup/lookup_kinds.h"

#include <roaring/roaring.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t seed = UINT64_C(0x5eed10c0);

static uint64_t
random_next(uint64_t *state)
{
    uint64_t word = *state += UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

static struct lookup_facts
facts_of_words(const uint64_t *words, size_t count)
{
    return (struct lookup_facts){.rows = count,
                                 .keys = count,
                                 .words = true,
                                 .word_min = words[0],
                                 .word_max = words[count - 1]};
}

/* The filter of `words`, ascending, added in pieces. */
static struct lookup *
lookup_of_words(const uint64_t *words, size_t count, double rate)
{
    const struct lookup_options options = {rate, 0};
    const struct lookup_facts facts = facts_of_words(words, count);
    uint64_t *hashes = malloc(count * sizeof *hashes);
    const size_t before = spine_allocated_bytes();
    struct lookup *lookup;

    for (size_t i = 0; i < count; i++)
        hashes[i] = lookup_mix(words[i]);
    assert_int_equal(lookup_new(&lookup, &facts, &options), SPINE_OK);
    for (size_t at = 0, piece = 1; at < count; at += piece, piece = piece * 2 + 1)
        lookup_add(lookup, words + at, hashes + at,
                   count - at < piece ? count - at : piece);
    assert_int_equal(lookup_finish(lookup), SPINE_OK);
    assert_int_equal(spine_allocated_bytes(), before + lookup_bytes(lookup));
    free(hashes);
    return lookup;
}

/* Every word is there, one by one and many at once. */
static void
expect_all_there(const struct lookup *lookup, const uint64_t *words, size_t count)
{
    uint64_t *hashes = calloc(count, sizeof *hashes);
    uint32_t *candidates = malloc(count * sizeof *candidates);
    const size_t part = count / 3;

    for (size_t i = 0; i < count; i++) {
        hashes[i] = lookup_mix(words[i]);
        if (!lookup_maybe(lookup, words[i], hashes[i]))
            fail_msg("key %zu is denied", i);
    }
    /* All, and a part that begins somewhere. */
    assert_int_equal(lookup_select(lookup, words, hashes, 0, count, candidates), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(candidates[i], i);
    assert_int_equal(lookup_select(lookup, words, hashes, part, count, candidates),
                     count - part);
    for (size_t i = part; i < count; i++)
        assert_int_equal(candidates[i - part], i);
    free(hashes);
    free(candidates);
}

/* How many of 1 random absent words are called "maybe". */
static double
measured_rate(const struct lookup *lookup, uint64_t mask, size_t probes)
{
    uint64_t state = seed + 1, words[1000], hashes[1000];
    uint32_t candidates[1000];
    size_t maybe = 0;

    for (size_t at = 0; at < probes; at += 1000) {
        for (uint32_t i = 0; i < 1000; i++) {
            words[i] = random_next(&state) & mask;
            hashes[i] = lookup_mix(words[i]);
        }
        maybe += lookup_select(lookup, words, hashes, 0, 1000, candidates);
    }
    return (double)maybe / (double)probes;
}

static int
compare_words(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* `count` different random words, ascending. */
static uint64_t *
draw_words(size_t count, uint64_t mask)
{
    uint64_t *words = malloc(count * sizeof *words), state = seed;
    size_t kept = 0;

    while (kept < count) {
        for (size_t i = kept; i < count; i++)
            words[i] = random_next(&state) & mask;
        qsort(words, count, sizeof *words, compare_words);
        kept = 1;
        for (size_t i = 1; i < count; i++)
            if (words[i] != words[kept - 1])
                words[kept++] = words[i];
    }
    return words;
}

static void
bloom_rates_are_what_was_asked_for(void **state)
{
    static const double rates[] = {0.1, 1e-2, 1e-3, 1e-4};
    const size_t count = 200000;
    uint64_t *words = draw_words(count, UINT64_MAX);

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct lookup *lookup = lookup_of_words(words, count, rates[i]);
        const double rate = measured_rate(lookup, UINT64_MAX, 4000000);

        print_message("rate %g: measured %g, %.2f bits per key\n", rates[i], rate,
                      8.0 * (double)lookup_bytes(lookup) / (double)count);
        assert_int_equal(lookup_kind(lookup), LOOKUP_BLOOM);
        assert_true(rate <= 1.2 * rates[i]);
        assert_true(rate >= rates[i] / 1.2);
        expect_all_there(lookup, words, count);
        lookup_unref(lookup);
    }
    free(words);
}

static void
bloom_bits_invert_the_model(void **state)
{
    (void)state;
    /* Sixteen bits per key: PERFORMANCE measured 0.13 %. */
    assert_true(bloom_rate(16) > 0.0012 && bloom_rate(16) < 0.0015);
    for (double rate = 0.3; rate > 1e-9; rate /= 3) {
        const double bits = bloom_bits(rate);

        assert_true(bits >= 4 && bits <= 64);
        assert_true(bits == 64 || bloom_rate(bits) <= rate);
        assert_true(bits == 4 || bits == 64 || bloom_rate(bits - 0.1) > rate);
    }
}

static void
bloom_works_with_one_key(void **state)
{
    const uint64_t word = 42;
    struct lookup *lookup = lookup_of_words(&word, 1, 0.5);

    (void)state;
    expect_all_there(lookup, &word, 1);
    lookup_unref(lookup);
}

/* What CRoaring finds in the bitmap: exactly the words. */
static void
expect_portable(const struct roaring *roaring, const uint64_t *words, size_t count)
{
    const uint8_t *end = (const uint8_t *)roaring->memory + roaring->memory_bytes;
    const size_t portable_bytes = (size_t)(end - roaring->portable);
    roaring_bitmap_t *bitmap = roaring_bitmap_portable_deserialize_safe(
        (const char *)roaring->portable, portable_bytes);

    assert_non_null(bitmap);
    assert_int_equal(roaring_bitmap_portable_deserialize_size(
                         (const char *)roaring->portable, portable_bytes),
                     portable_bytes);
    assert_int_equal(roaring_bitmap_get_cardinality(bitmap), count);
    for (size_t i = 0; i < count; i++)
        assert_true(
            roaring_bitmap_contains(bitmap, (uint32_t)(words[i] - roaring->base)));
    roaring_bitmap_free(bitmap);
}

/* A Roaring filter of the words says exactly what is there, whatever its containers. */
static void
expect_exact(const uint64_t *words, size_t count, uint64_t reach)
{
    struct roaring roaring;

    assert_int_equal(roaring_init(&roaring, words[0], words[count - 1]), SPINE_OK);
    roaring_add(&roaring, words, count / 3);
    roaring_add(&roaring, words + count / 3, count - count / 3);
    assert_int_equal(roaring_finish(&roaring), SPINE_OK);
    for (size_t i = 0; i < count; i++) {
        const uint64_t next = i + 1 < count ? words[i + 1] : UINT64_MAX;
        const uint64_t before = i > 0 ? words[i - 1] : 0;

        assert_true(roaring_has(&roaring, words[i]));
        if (words[i] + 1 < next)
            assert_false(roaring_has(&roaring, words[i] + 1));
        if (words[i] > before + 1)
            assert_false(roaring_has(&roaring, words[i] - 1));
        if (words[i] + reach < next)
            assert_false(roaring_has(&roaring, words[i] + reach));
    }
    assert_false(roaring_has(&roaring, words[0] + (UINT64_C(1) << 32)));
    assert_false(roaring_has(&roaring, words[0] - 1));
    assert_int_equal(spine_allocated_bytes(), roaring.bytes);
    expect_portable(&roaring, words, count);
    roaring_release(&roaring);
    roaring_release(&roaring);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
roaring_is_exact(void **state)
{
    const uint64_t base = UINT64_C(0xffffffffffff) - 12345;
    const size_t count = 150000;
    uint64_t *words = draw_words(count, 0xfffff);

    (void)state;
    /* Random: arrays and bitmaps, and all of it one run. */
    expect_exact(words, count, 65536);
    for (size_t i = 0; i < count; i++)
        words[i] = base + i;
    expect_exact(words, count, 65536);
    /* Runs with holes; every other; few per window; the last of a window. */
    for (size_t i = 0; i < count; i++)
        words[i] = base + i + i / 1000 * 7;
    expect_exact(words, count, 3);
    for (size_t i = 0; i < count; i++)
        words[i] = base + 2 * i;
    expect_exact(words, count, 65536);
    for (size_t i = 0; i < 60000; i++)
        words[i] = base + i * 65537;
    expect_exact(words, 60000, 65536);
    for (size_t i = 0; i < 3; i++)
        words[i] = i * 65536 + 65535;
    expect_exact(words, 3, 65536);
    /* The whole reach, with the least key away from 0, which reopening must not move. */
    words[0] = 77;
    words[1] = 77 + UINT64_C(0xffffffff);
    expect_exact(words, 2, 5);
    expect_exact(words, 1, 5);
    free(words);
}

/* Rows, keys, span of keys; the kind. */
static const struct {
    uint64_t rows;
    uint64_t keys;
    uint64_t min;
    uint64_t span;
    bool words;
    enum lookup_kind kind;
} choices[] = {
    {4095, 4095, 0, 4095, true, LOOKUP_NONE},
    {4096, 4096, 0, 4095, true, LOOKUP_ROARING},
    {4096, 5, 0, 4095, true, LOOKUP_BLOOM},
    {100000, 100000, 0, 99999, true, LOOKUP_ROARING},
    {100000, 5, 0, 99999, true, LOOKUP_BLOOM},
    {1000000, 1000000, 7, 15900000, true, LOOKUP_ROARING},
    {1000000, 1000000, 7, 17000000, true, LOOKUP_BLOOM},
    {1000000, 1000000, 0, 1000000, false, LOOKUP_BLOOM},
    {400000000, 400000000, 9, UINT32_MAX, true, LOOKUP_ROARING},
    {400000000, 400000000, 9, UINT64_C(1) << 32, true, LOOKUP_BLOOM},
    {0, 0, 0, 0, true, LOOKUP_NONE},
};

static void
kinds_are_chosen_by_density(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const struct lookup_facts facts = {.rows = choices[i].rows,
                                           .keys = choices[i].keys,
                                           .words = choices[i].words,
                                           .word_min = choices[i].min,
                                           .word_max = choices[i].min + choices[i].span};
        const struct lookup_options off = {1e-3, UINT64_MAX};

        assert_int_equal(lookup_choose(&facts, &lookup_defaults), choices[i].kind);
        assert_int_equal(lookup_choose(&facts, &off), LOOKUP_NONE);
    }
}

/* Where Roaring is chosen it is not larger than Bloom would be. */
static void
the_chosen_is_the_smaller(void **state)
{
    const size_t count = 120000;
    uint64_t *dense = draw_words(count, 0xfffff), *sparse = draw_words(count, 0x3fffff);
    struct lookup *roaring = lookup_of_words(dense, count, 1e-3);
    struct lookup *bloom = lookup_of_words(sparse, count, 1e-3);

    (void)state;
    assert_int_equal(lookup_kind(roaring), LOOKUP_ROARING);
    assert_int_equal(lookup_kind(bloom), LOOKUP_BLOOM);
    assert_true(lookup_bytes(roaring) < lookup_bytes(bloom));
    expect_all_there(roaring, dense, count);
    expect_all_there(bloom, sparse, count);
    lookup_unref(roaring);
    lookup_unref(bloom);
    free(dense);
    free(sparse);
}

/* ---- Hashes of cells ---- */

static void
expect_hash(struct spine_type type, union spine_datum datum, uint64_t hash)
{
    const struct spine_schema schema = {.key = type};
    struct layout layout;
    struct cell cell;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_int_equal(cell_of_datum(&layout.key, datum, &cell, NULL), SPINE_OK);
    assert_true(lookup_hash(&layout.key, &cell) == hash);
}

static void
hashes_look_at_all_of_a_cell(void **state)
{
    static const char bytes[] = "0123456789abcdef0123456789abcdef";
    uint8_t changed[32];

    (void)state;
    expect_hash((struct spine_type){SPINE_U64, 0}, spine_u64(7), lookup_mix(7));
    expect_hash((struct spine_type){SPINE_U32, 0}, spine_u32(7), lookup_mix(7));
    expect_hash((struct spine_type){SPINE_BYTES, 0}, spine_data(bytes, 21),
                XXH3_64bits(bytes, 21));
    expect_hash((struct spine_type){SPINE_FIXED, 32}, spine_data(bytes, 32),
                XXH3_64bits(bytes, 32));
    for (unsigned at = 0; at < 16; at++) {
        const struct spine_schema schema = {.key = {SPINE_FIXED, 16}};
        struct layout layout;
        struct cell cell, other;

        memcpy(changed, bytes, 32);
        changed[at] ^= 1;
        assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
        assert_int_equal(cell_of_datum(&layout.key, spine_data(bytes, 16), &cell, NULL),
                         SPINE_OK);
        assert_int_equal(
            cell_of_datum(&layout.key, spine_data(changed, 16), &other, NULL), SPINE_OK);
        assert_true(lookup_hash(&layout.key, &cell) != lookup_hash(&layout.key, &other));
    }
}

/* ---- Without memory ---- */

static uint64_t allocations_left;

static void *
failing_alloc(void *context, size_t bytes)
{
    (void)context;
    return allocations_left-- > 0 ? malloc(bytes) : NULL;
}

static void
failing_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

/* True when the filter could be built with `allocations` allocations. */
static bool
build_with(uint64_t allocations, const uint64_t *words, size_t count)
{
    const struct lookup_options options = {1e-3, 0};
    const struct lookup_facts facts = facts_of_words(words, count);
    struct lookup *lookup;
    enum spine_status st;

    allocations_left = allocations;
    st = lookup_new(&lookup, &facts, &options);
    if (st == SPINE_OK) {
        lookup_add(lookup, words, words, count);
        st = lookup_finish(lookup);
    } else {
        assert_null(lookup);
    }
    assert_true(st == SPINE_OK || st == SPINE_NOMEM);
    lookup_unref(lookup);
    assert_int_equal(spine_allocated_bytes(), 0);
    return st == SPINE_OK;
}

static void
failing_allocations_leave_nothing(void **state)
{
    const struct spine_allocator allocator = {NULL, failing_alloc, failing_free};
    const uint64_t dense[] = {5, 6, 9, 70000}, sparse[] = {5, UINT64_MAX};
    uint64_t needed = 0;

    (void)state;
    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    while (!build_with(needed, sparse, 2))
        needed++;
    assert_int_equal(needed, 2);
    for (needed = 0; !build_with(needed, dense, 2); needed++)
        ;
    assert_int_equal(needed, 2);

    struct roaring roaring;
    enum spine_status st;

    needed = 0;
    do {
        allocations_left = needed++;
        st = roaring_init(&roaring, dense[0], dense[3]);
        if (st == SPINE_OK) {
            roaring_add(&roaring, dense, 4);
            st = roaring_finish(&roaring);
        }
        roaring_release(&roaring);
        assert_int_equal(spine_allocated_bytes(), 0);
    } while (st != SPINE_OK);
    assert_int_equal(needed, 5);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
}

/* The last stretch that was told is there, once, with bytes of its own. */
static void
stretches_are_told_and_taken(void **state)
{
    uint8_t bytes[] = "low key, high value";
    const struct lookup_options options = {.false_positive_rate = 0.1};
    const size_t before = spine_allocated_bytes();
    struct lookup_ledger *ledger = lookup_ledger_new(&options, NULL);
    struct skipped first = {.rows = 7, .has_low = true}, second = {.rows = 3};
    struct skipped *taken;

    (void)state;
    first.low = (struct row_code){.hi = 1, .lo = 2, .key = {bytes, 7}};
    second.has_high = true;
    second.high = (struct row_code){.hi = 3, .lo = 4, .value = {bytes + 9, 10}};
    assert_false(lookup_ledger_has_skipped(ledger));
    assert_null(lookup_ledger_take_skipped(ledger));
    lookup_ledger_skipped(ledger, &second);
    lookup_ledger_skipped(ledger, &first);
    assert_true(lookup_ledger_has_skipped(ledger));
    bytes[0] = 'L';
    taken = lookup_ledger_take_skipped(ledger);
    assert_false(lookup_ledger_has_skipped(ledger));
    assert_int_equal(taken->rows, 7);
    assert_true(taken->has_low && !taken->has_high);
    assert_int_equal(taken->low.lo, 2);
    assert_int_equal(taken->low.key.size, 7);
    assert_memory_equal(taken->low.key.data, "low key", 7);
    assert_int_equal(taken->high.key.size, 0);
    skipped_unref(taken);
    skipped_unref(NULL);
    lookup_ledger_skipped(ledger, &second);
    lookup_ledger_unref(ledger);
    assert_int_equal(spine_allocated_bytes(), before);
}

static void
many_words_have_the_hashes_of_each(void **state)
{
    enum { MANY = 67 };
    uint64_t words[MANY], hashes[MANY + 1], drawn = seed;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        words[i] = random_next(&drawn) >> i % 64;
    for (size_t begin = 0; begin < 8; begin++)
        for (size_t count = 0; begin + count <= MANY; count++) {
            hashes[count] = 5;
            lookup_mix_all(words + begin, count, hashes);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(hashes[i], lookup_mix(words[begin + i]));
            assert_int_equal(hashes[count], 5);
        }
    lookup_mix_all(words, MANY, hashes);
    lookup_mix_all(words, MANY, words);
    assert_memory_equal(words, hashes, sizeof words);
}

static void
many_cells_have_the_hashes_of_each(void **state)
{
    enum { MANY = 300 };
    static const struct spine_type types[] = {
        {SPINE_FIXED, 9}, {SPINE_FIXED, 16}, {SPINE_FIXED, 40}, {SPINE_BYTES, 0}};
    static uint8_t bytes[MANY + 40];
    uint64_t hashes[MANY], drawn = seed;
    struct cell cells[MANY];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)random_next(&drawn);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        const struct spine_schema schema = {.key = types[t]};
        struct layout layout;

        assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
        for (size_t i = 0; i < MANY; i++)
            assert_int_equal(
                cell_of_datum(&layout.key,
                              spine_data(bytes + (types[t].size > 0 ? i : 0),
                                         types[t].size > 0 ? types[t].size : i),
                              &cells[i], NULL),
                SPINE_OK);
        lookup_hash_all(&layout.key, cells, MANY, hashes);
        for (size_t i = 0; i < MANY; i++)
            assert_true(hashes[i] == lookup_hash(&layout.key, &cells[i]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stretches_are_told_and_taken),
        cmocka_unit_test(bloom_rates_are_what_was_asked_for),
        cmocka_unit_test(bloom_bits_invert_the_model),
        cmocka_unit_test(bloom_works_with_one_key),
        cmocka_unit_test(roaring_is_exact),
        cmocka_unit_test(kinds_are_chosen_by_density),
        cmocka_unit_test(the_chosen_is_the_smaller),
        cmocka_unit_test(hashes_look_at_all_of_a_cell),
        cmocka_unit_test(many_words_have_the_hashes_of_each),
        cmocka_unit_test(many_cells_have_the_hashes_of_each),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };

    print_message("seed %#llx\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
