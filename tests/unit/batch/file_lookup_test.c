/* SPDX-License-Identifier: MIT */

/*
 * Lookup filters of files: keys that are absent cost no read of a block, also when the
 * file is opened again and when its blocks are in another batch; keys that are there cost
 * one; what is wrong with a filter is told, and found by whoever checks the batch.
 */

#include "batch/file_lookup.h"

#include "base/alloc.h"
#include "harness/check.h"
#include "harness/read_disk.h"
#include "harness/reseal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 150000u
#define ASKED 2000u

enum kind { SPARSE, DENSE, LETTERS, KINDS };

struct world {
    enum kind kind;
    struct spine_store *store;
    struct store_file *file; /* not a reference */
    struct spine_batch *batch;
    struct layout layout;
    struct read_disk disk;
};

/* Key number `i`; one that is odd is absent. */
static struct cell
key_of(const struct world *world, uint64_t i, char letters[32])
{
    struct cell key = {0};

    switch (world->kind) {
    case SPARSE:
        key.word = i * UINT64_C(1000003);
        break;
    case DENSE:
        key.word = i;
        break;
    case LETTERS:
    case KINDS:
        (void)snprintf(letters, 32, "key %012llu", (unsigned long long)i);
        key.span = (struct span){(const uint8_t *)letters, strlen(letters)};
        key.word = bytes_prefix(key.span.data, key.span.size);
        break;
    }
    return key;
}

/* All keys, each once, in `rows_min` of which a file gets filters. */
static struct spine_batch *
batch_new(struct world *world)
{
    const struct spine_schema schema = {
        .key = {world->kind == LETTERS ? SPINE_BYTES : SPINE_U64, 0},
        .value = {SPINE_U64, 0}};
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(layout_init(&world->layout, &schema, NULL), SPINE_OK);
    assert_int_equal(spine_builder_new(&schema, &builder, NULL), SPINE_OK);
    for (uint64_t i = 0; i < ROWS; i++) {
        char letters[32];
        const struct cell key = key_of(world, 2 * i, letters);
        const union spine_datum datum = world->kind == LETTERS
                                            ? spine_data(key.span.data, key.span.size)
                                            : spine_u64(key.word);

        const struct spine_row row = {.key = datum, .value = spine_u64(i), .weight = 1};

        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_builder_free(builder);
    return batch;
}

static void
world_open(struct world *world, enum kind kind, size_t cache_bytes)
{
    struct spine_batch *in_memory;

    *world = (struct world){.kind = kind};
    world->store = read_disk_open(&world->disk, cache_bytes);
    in_memory = batch_new(world);
    assert_int_equal(batch_to_file(in_memory, world->store, &world->batch, NULL),
                     SPINE_OK);
    spine_batch_unref(in_memory);
    world->file = world->batch->fences[0].keeper->file;
}

static void
world_close(struct world *world)
{
    spine_batch_unref(world->batch);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Opens the file of the batch anew: nothing of it is in the cache. */
static void
open_again(struct world *world)
{
    char name[SPINE_NAME_MAX + 1];

    (void)strcpy(name, world->file->name);
    store_object_keep(world->file->object, true);
    spine_batch_unref(world->batch);
    assert_int_equal(store_file_open(world->store, name, &world->file, NULL), SPINE_OK);
    store_object_keep(world->file->object, false);
    assert_int_equal(batch_of_file(world->file, &world->batch, NULL), SPINE_OK);
    store_file_unref(world->file);
}

/* Looks for some keys one by one; how many were found. */
static unsigned
seek(const struct world *world, bool present, struct spine_error *error,
     enum spine_status *st)
{
    unsigned found = 0;
    struct reader reader;

    reader_init(&reader, world->batch);
    reader.error = error;
    *st = SPINE_OK;
    for (uint64_t i = 0; i < ASKED && *st == SPINE_OK; i++) {
        const uint64_t at = i * UINT64_C(7919) % (ROWS - 1);
        char letters[32];
        const struct cell key = key_of(world, 2 * at + !present, letters);
        size_t rows;

        *st = reader_seek_exact(&reader, &key, &rows);
        found += *st == SPINE_OK && rows > 0;
    }
    reader_release(&reader);
    return found;
}

/* The same together. */
static unsigned
probe(const struct world *world, bool present, struct lookup_counts *counts)
{
    static char letters[ASKED][32];
    static struct cell cells[ASKED];
    static uint64_t words[ASKED];
    static uint32_t candidates[ASKED];
    static struct hit hits[ASKED];
    struct found_hits found = {.hits = hits};
    const struct probe_keys keys = {.column = &world->layout.key,
                                    .count = ASKED,
                                    .words = words,
                                    .cells = world->kind == LETTERS ? cells : NULL,
                                    .counts = counts};

    for (uint32_t i = 0; i < ASKED; i++) {
        const uint64_t at = i * (uint64_t)(ROWS / ASKED);

        cells[i] = key_of(world, 2 * at + !present, letters[i]);
        words[i] = cells[i].word;
        candidates[i] = i;
    }
    assert_int_equal(batch_probe(world->batch, &keys, candidates, ASKED, &found),
                     SPINE_OK);
    return (unsigned)found.count;
}

static void
absent_keys_cost_no_read(void **state)
{
    (void)state;
    for (enum kind kind = SPARSE; kind < KINDS; kind++) {
        struct lookup_counts counts = {0};
        enum spine_status st;
        struct world world;

        world_open(&world, kind, 64u << 20);
        for (unsigned opened = 0; opened < 2; opened++) {
            const uint32_t filters = world.file->table.filter_count;

            assert_in_range(filters, 4, 5);
            if (opened > 0)
                open_again(&world);
            world.disk.reads = 0;
            assert_int_equal(seek(&world, false, NULL, &st), 0);
            assert_int_equal(st, SPINE_OK);
            /* Each filter once, and a block for each of a hundred keys. */
            assert_in_range(world.disk.reads, filters, filters + ASKED / 50);
            world.disk.reads = 0;
            assert_int_equal(seek(&world, false, NULL, &st), 0);
            assert_int_equal(probe(&world, false, &counts), 0);
            assert_in_range(world.disk.reads, 0, ASKED / 50);
            assert_true(kind != DENSE || world.disk.reads == 0);
            /* Those behind a key that passes are looked for in the block of that. */
            assert_in_range(counts.filter_rejections + counts.filter_passes,
                            ASKED / 4 * (opened + 1), ASKED * (opened + 1));
            assert_in_range(counts.filter_passes, 0, ASKED / 50 * (opened + 1));
        }
        assert_int_equal(seek(&world, true, NULL, &st), ASKED);
        assert_int_equal(probe(&world, true, &counts), ASKED);
        assert_int_equal(spine_batch_check(world.batch, NULL), SPINE_OK);
        world_close(&world);
    }
}

/* What a file lacks a reader builds, as for a batch in memory: once that would have
 * paid. A file that has filters is enough. */
static void
readers_build_the_filter_that_a_file_lacks(void **state)
{
    const struct lookup_options none = {.rows_min = UINT64_MAX};

    (void)state;
    for (enum kind kind = SPARSE; kind < KINDS; kind++) {
        struct spine_batch *in_memory, *bare;
        struct world world;
        char letters[32];

        world_open(&world, kind, 64u << 20);
        in_memory = batch_new(&world);
        assert_int_equal(batch_to_file_with(in_memory, world.store, &none, &bare, NULL),
                         SPINE_OK);
        spine_batch_unref(in_memory);
        assert_int_equal(bare->fences[0].keeper->file->table.filter_count, 0);
        batch_search_failed(world.batch, &lookup_defaults, ROWS);
        batch_search_failed(bare, &lookup_defaults, ROWS / 17);
        assert_null(batch_lookup(world.batch));
        assert_null(batch_lookup(bare));
        batch_search_failed(bare, &lookup_defaults, ROWS / 16);
        assert_non_null(batch_lookup(bare));
        for (uint64_t i = 0; i < ROWS; i += ROWS / 100) {
            const struct cell key = key_of(&world, 2 * i, letters);

            assert_true(lookup_maybe(batch_lookup(bare), key.word,
                                     lookup_hash(&world.layout.key, &key)));
        }
        spine_batch_unref(bare);
        world_close(&world);
    }
}

/* The memory of blocks and filters is the store's, whether they stay in its cache or
 * not, and none of the account that the calling thread's is on. */
static void
what_is_read_is_no_memory_of_the_reader(void **state)
{
    (void)state;
    for (enum kind kind = SPARSE; kind < KINDS; kind++)
        for (unsigned cached = 0; cached < 2; cached++) {
            struct lookup_counts counts = {0};
            enum spine_status st;
            struct world world;
            int64_t before;

            world_open(&world, kind, cached ? 64u << 20 : 1);
            before = mem_thread_bytes();
            assert_int_equal(probe(&world, true, &counts), ASKED);
            assert_int_equal(mem_thread_bytes(), before);
            assert_int_equal(probe(&world, false, &counts), 0);
            assert_int_equal(mem_thread_bytes(), before);
            assert_int_equal(seek(&world, true, NULL, &st), ASKED);
            assert_int_equal(seek(&world, false, NULL, &st), 0);
            assert_int_equal(mem_thread_bytes(), before);
            world_close(&world);
        }
}

/* The cache keeps nothing: what is asked costs a read. */
static void
filters_are_asked_where_that_pays(void **state)
{
    enum spine_status st;
    struct world world;

    (void)state;
    world_open(&world, SPARSE, 1);
    world.disk.reads = 0;
    assert_int_equal(seek(&world, true, NULL, &st), ASKED);
    assert_in_range(world.disk.reads, 1, ASKED + 10);
    /* It takes some searches in vain to ask again, fewer than a seventh. */
    for (unsigned i = 0; i < 2; i++)
        (void)seek(&world, false, NULL, &st);
    world.disk.reads = 0;
    (void)probe(&world, false, NULL);
    assert_in_range(world.disk.reads, 1, 30);
    world_close(&world);
}

/* Every second key is there: the number of the rows of these, which are staged. */
static size_t
probe_for_rows(const struct world *world)
{
    static char letters[ASKED][32];
    static struct cell cells[ASKED];
    static uint64_t words[ASKED];
    static uint32_t candidates[ASKED];
    static struct hit hits[ASKED];
    struct arena arena = {0};
    struct rows rows = {0};
    const struct probe_keys keys = {.column = &world->layout.key,
                                    .count = ASKED,
                                    .words = words,
                                    .cells = world->kind == LETTERS ? cells : NULL,
                                    .arena = &arena};
    struct found_hits found = {.hits = hits, .staged = &rows, .staged_max = ASKED};
    size_t count;

    for (uint32_t i = 0; i < ASKED; i++) {
        const uint64_t at = i * (uint64_t)(ROWS / ASKED);

        cells[i] = key_of(world, 2 * at + i % 2, letters[i]);
        words[i] = cells[i].word;
        candidates[i] = i;
    }
    assert_int_equal(batch_probe(world->batch, &keys, candidates, ASKED, &found),
                     SPINE_OK);
    assert_int_equal(found.count, ASKED / 2);
    for (size_t i = 0; i < found.count; i++)
        assert_int_equal(rows.lo[hits[i].staged], hits[i].key * (uint64_t)(ROWS / ASKED));
    count = rows.count;
    rows_release(&world->layout, &rows);
    arena_release(&arena);
    return count;
}

/* The cache keeps nothing, and each block has many of the keys: it is read once, with
 * some of its neighbours, for the search and for the rows; its filter is not, where it
 * can be known that there are many. */
static void
many_keys_of_a_block_cost_one_read(void **state)
{
    (void)state;
    for (enum kind kind = SPARSE; kind < KINDS; kind++) {
        struct world world;
        size_t splits;

        world_open(&world, kind, 1);
        splits = world.file->table.filter_count;
        (void)probe_for_rows(&world);
        world.disk.reads = 0;
        assert_int_equal(probe_for_rows(&world), ASKED / 2);
        if (kind == LETTERS)
            splits *= 2;
        assert_in_range(world.disk.reads, 1, world.batch->block_count / 8 + splits + 2);
        world_close(&world);
    }
}

static bool
is_second(const void *context, size_t index)
{
    (void)context;
    return index % 2 == 1;
}

/* Blocks in two files, and those of one of them in another batch. */
static void
blocks_have_the_filter_of_their_file(void **state)
{
    struct spine_batch *copy, *inner, *outer;
    enum spine_status st;
    struct world world;

    (void)state;
    world_open(&world, SPARSE, 64u << 20);
    copy = batch_new(&world);
    assert_int_equal(batch_move_to_file(copy, world.store,
                                        (struct batch_moves){is_second, NULL}, NULL,
                                        NULL),
                     SPINE_OK);
    assert_int_equal(batch_move_to_file(copy, world.store,
                                        (struct batch_moves){NULL, NULL}, NULL, NULL),
                     SPINE_OK);
    spine_batch_unref(world.batch);
    world.batch = copy;
    world.disk.reads = 0;
    assert_int_equal(seek(&world, false, NULL, &st), 0);
    assert_in_range(world.disk.reads, 6, 8 + ASKED / 50);
    assert_int_equal(seek(&world, true, NULL, &st), ASKED);
    assert_int_equal(spine_batch_check(copy, NULL), SPINE_OK);

    assert_int_equal(batch_cut(copy, ROWS / 3, ROWS / 2, NULL, &inner, &outer), SPINE_OK);
    spine_batch_unref(copy);
    world.batch = outer;
    assert_int_equal(spine_batch_check(inner, NULL), SPINE_OK);
    assert_int_equal(spine_batch_check(outer, NULL), SPINE_OK);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(seek(&world, false, NULL, &st), 0);
    world.disk.reads = 0;
    assert_int_equal(seek(&world, false, NULL, &st), 0);
    assert_in_range(world.disk.reads, 0, 8);
    spine_batch_unref(inner);
    world_close(&world);
}

/* A file with other bytes in filter 0, from `at` on, and with the checksums of these if
 * `sealed`. */
static void
damage(struct world *world, uint32_t at, int byte, size_t bytes, bool sealed)
{
    const struct file_table *table = &world->file->table;
    const struct file_block *filter = &table->blocks[table->block_count];
    const struct file_footer footer = world->file->footer;
    uint8_t *const file = test_malloc((size_t)footer.file_bytes);
    char name[SPINE_NAME_MAX + 1];

    (void)strcpy(name, world->file->name);
    assert_int_equal(
        store_file_read_extent(world->file, 0, file, (size_t)footer.file_bytes, NULL),
        SPINE_OK);
    memset(file + filter->offset + at, byte, bytes);
    if (sealed)
        file_reseal(file, (size_t)footer.file_bytes, NULL);
    spine_batch_unref(world->batch);
    assert_int_equal(world->disk.backend.put_new(world->disk.backend.context, name, file,
                                                 (size_t)footer.file_bytes, NULL),
                     SPINE_OK);
    test_free(file);
    assert_int_equal(store_file_open(world->store, name, &world->file, NULL), SPINE_OK);
    store_object_keep(world->file->object, false);
    assert_int_equal(batch_of_file(world->file, &world->batch, NULL), SPINE_OK);
    store_file_unref(world->file);
}

static void
what_is_wrong_with_a_filter_is_told(void **state)
{
    static const struct {
        enum kind kind;
        uint32_t at;
        int byte;
        size_t bytes;
        bool sealed;
        const char *on_search;
        const char *on_check;
    } cases[] = {
        {SPARSE, 100, 0x55, 1, false, "filter 0 is not what was written",
         "filter 0 is not what was written"},
        {SPARSE, 64, 0, 4096, true, NULL, "filter 0 denies a key of block"},
        {SPARSE, 64, 0xff, 4096, true, NULL, "filter 0 is not that of its keys"},
        {SPARSE, 8, 1, 1, true, NULL, "filter 0 is not that of its keys"},
        {SPARSE, 4, 1, 4, true, "filter 0, at", "filter 0, at"},
        {SPARSE, 0, 3, 1, true, "filter 0, at", "filter 0, at"},
        {DENSE, 64, 0xff, 3, true, "filter 0, at", "filter 0, at"},
        {DENSE, 68, 0, 4, true, NULL, "filter 0 denies a key of block"},
        {DENSE, 24, 1, 1, true, "filter 0, at", "filter 0, at"},
        {DENSE, 16, 1, 1, true, NULL, "filter 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct spine_error error = {0};
        enum spine_status st;
        struct world world;

        world_open(&world, cases[i].kind, 64u << 20);
        damage(&world, cases[i].at, cases[i].byte, cases[i].bytes, cases[i].sealed);
        (void)seek(&world, false, &error, &st);
        assert_int_equal(st, cases[i].on_search != NULL ? SPINE_CORRUPT : SPINE_OK);
        if (st != SPINE_OK) {
            assert_non_null(strstr(error.message, world.file->name));
            assert_non_null(strstr(error.message, cases[i].on_search));
        }
        assert_int_equal(spine_batch_check(world.batch, &error), SPINE_CORRUPT);
        assert_non_null(strstr(error.message, world.file->name));
        assert_non_null(strstr(error.message, cases[i].on_check));
        world_close(&world);
    }
}

static void
a_filter_that_cannot_be_read_is_told(void **state)
{
    struct spine_error error = {0};
    enum spine_status st;
    struct world world;

    (void)state;
    world_open(&world, LETTERS, 64u << 20);
    world.disk.fails = true;
    (void)seek(&world, false, &error, &st);
    assert_int_equal(st, SPINE_IO);
    world.disk.fails = false;
    assert_int_equal(seek(&world, false, NULL, &st), 0);
    assert_int_equal(st, SPINE_OK);
    world_close(&world);
}

/* Options say which files have filters, and how large these are. */
static void
options_are_kept(void **state)
{
    static const struct lookup_options options[] = {
        {0.1, 1}, {0.001, ROWS}, {0.001, ROWS + 1}, {0.001, UINT64_MAX}};
    uint64_t bytes[4] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct spine_batch *batch, *copy;
        const struct file_table *table;
        struct world world;

        world_open(&world, SPARSE, 64u << 20);
        batch = batch_new(&world);
        assert_int_equal(batch_to_file_with(batch, world.store, &options[i], &copy, NULL),
                         SPINE_OK);
        table = &copy->fences[0].keeper->file->table;
        for (uint32_t f = table->block_count; f < file_table_parts(table); f++)
            bytes[i] += table->blocks[f].image_bytes;
        spine_batch_unref(batch);
        spine_batch_unref(copy);
        world_close(&world);
    }
    assert_in_range(bytes[0], ROWS / 2, ROWS);
    assert_in_range(bytes[1], 5 * ROWS / 4, 3 * ROWS / 2);
    assert_int_equal(bytes[2], 0);
    assert_int_equal(bytes[3], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_build_the_filter_that_a_file_lacks),
        cmocka_unit_test(absent_keys_cost_no_read),
        cmocka_unit_test(what_is_read_is_no_memory_of_the_reader),
        cmocka_unit_test(filters_are_asked_where_that_pays),
        cmocka_unit_test(many_keys_of_a_block_cost_one_read),
        cmocka_unit_test(blocks_have_the_filter_of_their_file),
        cmocka_unit_test(what_is_wrong_with_a_filter_is_told),
        cmocka_unit_test(a_filter_that_cannot_be_read_is_told),
        cmocka_unit_test(options_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
