/* SPDX-License-Identifier: MIT */

/*
 * A spine on a file whose bytes are not what was written: bits that flipped, bytes that
 * are missing, sectors of zeros, of another place, of another file. Whoever reads gets
 * the right rows, or SPINE_CORRUPT with the name of the file and an offset, and a merge
 * leaves its inputs; other spines go on; when the bytes are right again, so is
 * everything.
 */

#include "base/error.h"
#include "batch/fence.h"
#include "harness/figure.h"
#include "harness/property.h"
#include "spine/spine.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Rows of the file; at night, when a file of 64 KiB is damaged bit by bit. */
#define FILE_ROWS 100u
#define FILE_ROWS_NIGHTLY 4500u
#define MEMORY_ROWS 20u
#define ROWS_MAX (FILE_ROWS_NIGHTLY + MEMORY_ROWS)
#define SECTOR_BYTES 512u

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_BYTES, 0}};

/* What reads of the file get: `bytes`, unless that is NULL. */
static struct {
    const uint8_t *bytes;
    size_t size;
    const char *name;
    enum spine_status (*read_at)(void *context, void *object, uint64_t offset, void *data,
                                 size_t size, struct spine_error *error);
} disk;

struct world {
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine *other;
    /* Those of the file as it was written, a copy to damage, and those of a file of the
     * same rows. */
    char name[SPINE_NAME_MAX + 1];
    size_t size;
    uint8_t *bytes;
    uint8_t *damaged;
    uint8_t *twin;
    /* What a reader of the spine has seen after so many rows, as hashes. */
    uint64_t seen[ROWS_MAX + 1];
    size_t rows;
    size_t file_rows;
    uint64_t cases;
    /* Of them, those that a reader or a merge was told. */
    uint64_t told;
};

static enum spine_status
read_at(void *context, void *object, uint64_t offset, void *data, size_t size,
        struct spine_error *error)
{
    if (disk.bytes == NULL)
        return disk.read_at(context, object, offset, data, size, error);
    if (offset > disk.size || size > disk.size - offset)
        return spine_fail(error, SPINE_CORRUPT, "%s: %zu bytes are missing at %llu",
                          disk.name, size, (unsigned long long)offset);
    memcpy(data, disk.bytes + offset, size);
    return SPINE_OK;
}

static struct spine_batch *
batch_of(uint64_t begin, uint64_t step, size_t rows)
{
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    for (uint64_t i = 0; i < rows; i++) {
        char text[32];
        const int size = snprintf(text, sizeof text, "value %llu",
                                  (unsigned long long)((begin + i * step) % 37));
        const struct spine_row row = {.key = spine_u64(begin + i * step),
                                      .value = spine_data(text, (size_t)size),
                                      .weight = (int64_t)(i % 3) + 1};

        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batcher_free(batcher);
    return batch;
}

static void
insert(struct spine *spine, struct spine_batch *batch)
{
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

static uint64_t
mix(uint64_t hash, const void *data, size_t size)
{
    return XXH3_64bits_withSeed(data, size, hash);
}

/* Reads all rows; `seen` are the hashes, if not yet known, or else what they must be. */
static enum spine_status
read_all(struct spine *spine, struct world *world, struct spine_error *error)
{
    const bool is_known = world->rows > 0;
    struct spine_cursor *cursor;
    enum spine_status st;
    size_t rows = 0;

    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor)) {
        const uint64_t key = spine_cursor_key(cursor).u64;

        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
            const union spine_datum value = spine_cursor_val(cursor);
            const int64_t weight = spine_cursor_weight(cursor);
            uint64_t hash = mix(world->seen[rows], &key, sizeof key);

            hash = mix(hash, &weight, sizeof weight);
            hash = mix(hash, value.bytes.data, value.bytes.size);
            assert_in_range(++rows, 1, ROWS_MAX);
            if (is_known)
                assert_true(world->seen[rows] == hash);
            world->seen[rows] = hash;
        }
    }
    st = spine_cursor_error(cursor, error);
    spine_cursor_close(cursor);
    if (!is_known)
        world->rows = rows;
    assert_true(st != SPINE_OK || rows == world->rows);
    return st;
}

/* A spine whose first batch is in a file, a second one in memory, and another spine. */
static void
world_init(struct world *world, enum spine_compression compression, size_t file_rows)
{
    const struct spine_store_options small = {.compression = compression,
                                              .cache_bytes = 1};
    struct spine_batch *batch = batch_of(0, 3, file_rows), *stored, *twin;
    struct spine_backend backend;
    struct store_file *file;

    *world = (struct world){.file_rows = file_rows};
    disk.bytes = NULL;
    disk.name = world->name;
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    disk.read_at = backend.read_at;
    backend.read_at = read_at;
    assert_int_equal(spine_store_open(&backend, &small, &world->store, NULL), SPINE_OK);
    const struct spine_runtime_options options = {.manual = true, .store = world->store};
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &schema, NULL, &world->spine, NULL),
                     SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &schema, NULL, &world->other, NULL),
                     SPINE_OK);
    assert_int_equal(batch_to_file(batch, world->store, &stored, NULL), SPINE_OK);
    assert_int_equal(batch_to_file(batch, world->store, &twin, NULL), SPINE_OK);
    spine_batch_unref(batch);

    file = stored->fences[0].keeper->file;
    strcpy(world->name, file->name);
    world->size = (size_t)file->footer.file_bytes;
    world->bytes = test_malloc(world->size);
    world->damaged = test_malloc(world->size);
    world->twin = test_malloc(world->size);
    assert_int_equal(store_file_read_extent(file, 0, world->bytes, world->size, NULL),
                     SPINE_OK);
    file = twin->fences[0].keeper->file;
    assert_int_equal(file->footer.file_bytes, world->size);
    assert_int_equal(store_file_read_extent(file, 0, world->twin, world->size, NULL),
                     SPINE_OK);
    memcpy(world->damaged, world->bytes, world->size);
    spine_batch_unref(twin);
    insert(world->spine, stored);
    insert(world->spine, batch_of(1, 7, MEMORY_ROWS));
    assert_int_equal(read_all(world->spine, world, NULL), SPINE_OK);
    /* Some are in both. */
    assert_in_range(world->rows, file_rows + 1, file_rows + MEMORY_ROWS - 1);
}

static void
world_release(struct world *world, const char *what)
{
    printf("%s: %llu cases, %llu of them told\n", what, (unsigned long long)world->cases,
           (unsigned long long)world->told);
    disk.bytes = NULL;
    assert_int_equal(read_all(world->spine, world, NULL), SPINE_OK);
    assert_int_equal(spine_check(world->spine, NULL), SPINE_OK);
    assert_int_equal(spine_check(world->other, NULL), SPINE_OK);
    spine_close(world->spine);
    spine_close(world->other);
    spine_runtime_close(world->runtime);
    spine_store_close(world->store);
    test_free(world->bytes);
    test_free(world->damaged);
    test_free(world->twin);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
is_said(const struct world *world, const struct spine_error *error)
{
    assert_int_equal(error->status, SPINE_CORRUPT);
    if (strstr(error->message, world->name) == NULL ||
        strstr(error->message, " at ") == NULL)
        fail_msg("the message names neither file nor offset: %s", error->message);
}

/* Points of the file, and of memory, and keys that are not there. */
static bool
seek_some(struct spine *spine, const struct world *world)
{
    struct spine_error error = {0};
    struct spine_cursor *cursor;
    enum spine_status st;

    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    for (uint64_t key = 0; key < 3 * world->file_rows; key += 41) {
        const bool is_there = key % 3 == 0 || (key % 7 == 1 && key < 7 * MEMORY_ROWS + 1);
        const bool found = spine_cursor_seek_key_exact(cursor, spine_u64(key));

        if (spine_cursor_status(cursor) != SPINE_OK)
            break;
        assert_int_equal(found, is_there);
    }
    st = spine_cursor_error(cursor, &error);
    spine_cursor_close(cursor);
    if (st != SPINE_OK)
        is_said(world, &error);
    return st != SPINE_OK;
}

/* One damage: a fork of the spine is read and merged on it. */
static void
try_damage(struct world *world, size_t size)
{
    struct spine_error error = {0};
    struct spine_stats stats;
    struct spine *fork;
    bool told;

    disk.bytes = world->damaged;
    disk.size = size;
    assert_int_equal(spine_fork(world->spine, &fork, NULL), SPINE_OK);
    told = read_all(fork, world, &error) != SPINE_OK;
    if (told)
        is_said(world, &error);
    /* A point may lie in memory alone. */
    assert_true(!seek_some(fork, world) || told);
    if (spine_consolidate(fork, NULL, &error) != SPINE_OK) {
        is_said(world, &error);
        assert_true(told);
        spine_get_stats(fork, &stats);
        assert_int_equal(stats.batches, 2);
        assert_int_equal(stats.rows, world->file_rows + MEMORY_ROWS);
        disk.bytes = NULL;
        assert_int_equal(read_all(fork, world, NULL), SPINE_OK);
        disk.bytes = world->damaged;
    } else
        assert_false(told);
    spine_close(fork);
    world->cases++;
    world->told += told;
    if (world->cases % 512 == 0) {
        insert(world->other, batch_of(world->cases, 1, 50));
        assert_int_equal(spine_consolidate(world->other, NULL, NULL), SPINE_OK);
    }
}

static void
every_bit_is_told_or_does_not_matter(void **state)
{
    static const char *const names[] = {"bits flipped, LZ4", "bits flipped, Zstd",
                                        "bits flipped, not compressed"};
    static struct world world;

    (void)state;
    for (unsigned codec = SPINE_COMPRESSION_LZ4; codec <= SPINE_COMPRESSION_NONE;
         codec++) {
        world_init(&world, (enum spine_compression)codec,
                   harness_cases(1) > 1 ? FILE_ROWS_NIGHTLY : FILE_ROWS);
        for (size_t bit = 0; bit < 8 * world.size; bit++) {
            world.damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
            try_damage(&world, world.size);
            world.damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        /* All bits of blocks. */
        assert_in_range(world.told, world.size, 8 * world.size);
        figure_add("bits flipped", 8 * world.size);
        world_release(&world, names[codec]);
    }
}

static void
every_length_is_told_or_does_not_matter(void **state)
{
    static struct world world;

    (void)state;
    world_init(&world, SPINE_COMPRESSION_NONE, FILE_ROWS);
    for (size_t size = 0; size < world.size; size++)
        try_damage(&world, size);
    assert_true(world.told >= FILE_HEADER_BYTES);
    world_release(&world, "lengths");
}

static void
every_sector_is_told_or_does_not_matter(void **state)
{
    static struct world world;

    (void)state;
    world_init(&world, SPINE_COMPRESSION_NONE, FILE_ROWS);
    for (size_t at = 0; at + SECTOR_BYTES <= world.size; at += SECTOR_BYTES) {
        memset(world.damaged + at, 0, SECTOR_BYTES);
        try_damage(&world, world.size);
        /* Torn: what was written last is missing. */
        memset(world.damaged + at, 0, world.size - at);
        try_damage(&world, world.size);
        memcpy(world.damaged, world.bytes, world.size);
        for (size_t from = 0; from + SECTOR_BYTES <= world.size; from += SECTOR_BYTES) {
            memcpy(world.damaged + at, world.bytes + from, SECTOR_BYTES);
            try_damage(&world, world.size);
            memcpy(world.damaged + at, world.twin + from, SECTOR_BYTES);
            try_damage(&world, world.size);
            memcpy(world.damaged + at, world.bytes + at, SECTOR_BYTES);
        }
    }
    /* The file of the same rows that has another id. */
    memcpy(world.damaged, world.twin, world.size);
    try_damage(&world, world.size);
    assert_true(world.told > world.cases / 2);
    world_release(&world, "sectors zeroed, torn, misplaced, of another file");
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_is_told_or_does_not_matter),
        cmocka_unit_test(every_length_is_told_or_does_not_matter),
        cmocka_unit_test(every_sector_is_told_or_does_not_matter),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
