/* SPDX-License-Identifier: MIT */

/*
 * Images that lie in strips: each strip is read alone and is what was written, damage to
 * it is said, and blocks of which more is wanted are not read that way.
 */

#include "unit/store/file_fixture.h"

#include "harness/fault_alloc.h"
#include "harness/read_disk.h"
#include "spine/fault.h"
#include "store/strips.h"

#define STRIPS_BYTES_MAX (STRIPS_HEAD_BYTES + 32u * (8u + 2u * 1024u))
#define SHAPES (sizeof shapes / sizeof *shapes)

static const struct file_strips shapes[] = {
    {43, 24, STRIPS_KEY_SLACK | STRIPS_VALUE_SLACK},
    {64, 64, 0},
    {1, 0, STRIPS_KEY_SLACK},
    {0, 7, STRIPS_KEY_SLACK | STRIPS_VALUE_SLACK},
    {57, 32, STRIPS_KEY_SLACK},
    {32, 0, 0},
};

/* Any image of the shape; its size. */
static size_t
image_in_strips(const struct file_strips *strips, uint32_t index, uint8_t *image)
{
    static uint8_t stored[STRIPS_BYTES_MAX];
    struct rng rng;

    rng_init(&rng, index);
    for (size_t i = 0; i < strips_stored_bytes(strips); i++)
        stored[i] = (uint8_t)rng_next(&rng);
    strips_expand(strips, stored, image);
    return strips_image_bytes(strips);
}

static void
what_is_stored_becomes_the_image_again(void **state)
{
    static uint8_t image[STRIPS_BYTES_MAX], stored[STRIPS_BYTES_MAX],
        again[STRIPS_BYTES_MAX];
    const struct file_id id = {7, 9}, other = {7, 10};
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    for (uint32_t s = 0; s < SHAPES; s++) {
        const struct file_strips *strips = &shapes[s];
        const size_t bytes = image_in_strips(strips, s, image);

        assert_true(strips_are_sound(strips));
        strips_store(strips, image, &id, 640, stored);
        memset(again, 0xaa, sizeof again);
        strips_expand(strips, stored, again);
        assert_memory_equal(image, again, bytes);
        for (uint32_t i = 0; i < STRIP_COUNT; i++) {
            const uint64_t at = strip_offset(strips, i);
            const uint64_t bit = rng_below(&rng, 8 * strip_bytes(strips));

            assert_true(strip_is_whole(strips, &id, 640 + at, stored + at));
            assert_false(strip_is_whole(strips, &other, 640 + at, stored + at));
            assert_false(strip_is_whole(strips, &id, 704 + at, stored + at));
            stored[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(strip_is_whole(strips, &id, 640 + at, stored + at));
        }
    }
    assert_false(strips_are_sound(&(struct file_strips){65, 1, 0}));
    assert_false(strips_are_sound(&(struct file_strips){1, 65, 0}));
    assert_false(strips_are_sound(&(struct file_strips){0, 0, 3}));
    assert_false(strips_are_sound(&(struct file_strips){1, 1, 4}));
}

/* Files of a block of each shape, the second behind the first in a pack. */
static void
write_pack(struct spine_store *store, struct store_file *files[2])
{
    static uint8_t image[STRIPS_BYTES_MAX];
    struct store_pack *pack;

    assert_int_equal(store_pack_new(store, NULL, &pack, NULL), SPINE_OK);
    for (unsigned f = 0; f < 2; f++) {
        struct store_writer *writer;

        assert_int_equal(store_writer_new_in(pack, &writer, NULL), SPINE_OK);
        for (uint32_t s = 0; s < SHAPES; s++) {
            (void)image_in_strips(&shapes[s], s, image);
            assert_int_equal(store_writer_strips(writer, image, &shapes[s], NULL),
                             SPINE_OK);
        }
        assert_int_equal(store_writer_finish(writer, &files[f], NULL), SPINE_OK);
    }
    assert_int_equal(store_pack_finish(pack, NULL), SPINE_OK);
}

static void
expect_strip(const struct file_strips *strips, uint32_t number, const uint8_t *image,
             const struct store_strip *strip)
{
    const size_t key_bytes = strip_key_bytes(strips);
    const size_t value_bytes = strip_value_bytes(strips);
    const uint8_t *const keys = image + STRIPS_HEAD_BYTES;
    const uint8_t *const values =
        keys + STRIP_COUNT * key_bytes + (strips->slacks & STRIPS_KEY_SLACK ? 8 : 0);

    assert_memory_equal(strip->keys, keys + number * key_bytes, key_bytes);
    assert_memory_equal(strip->values, values + number * value_bytes, value_bytes);
}

static void
strips_are_read_alone(void **state)
{
    static uint8_t image[STRIPS_BYTES_MAX], whole[STRIPS_BYTES_MAX];
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct store_strip_room room;
    struct store_file *files[2];
    struct store_counts before, after;
    struct store_strip strip;

    (void)state;
    write_pack(store, files);
    for (unsigned f = 0; f < 2; f++) {
        assert_int_equal(files[f]->footer.features, FILE_FEATURE_STRIPS);
        assert_int_equal(store_file_verify(files[f], NULL, NULL, NULL), SPINE_OK);
        for (uint32_t s = 0; s < SHAPES; s++) {
            const size_t bytes = image_in_strips(&shapes[s], s, image);

            assert_int_equal(store_file_read(files[f], s, whole, NULL), SPINE_OK);
            assert_memory_equal(image, whole, bytes);
            store_counts(store, &before);
            for (uint32_t i = 0; i < STRIP_COUNT; i++) {
                assert_int_equal(store_read_strip(files[f], s, i, &room, &strip, NULL),
                                 SPINE_OK);
                expect_strip(&shapes[s], i, image, &strip);
            }
            store_counts(store, &after);
            assert_int_equal(after.reads - before.reads, STRIP_COUNT);
            assert_true(after.read_bytes - before.read_bytes <=
                        STRIP_COUNT * STRIP_PAGES_BYTES);
        }
        store_file_unref(files[f]);
    }
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* A wrong byte is said by the strip that has it, and by the block. */
static void
damage_is_said_by_its_strip(void **state)
{
    static uint8_t whole[STRIPS_BYTES_MAX];
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, 0);
    struct store_strip_room room;
    struct store_file *files[2];
    struct store_strip strip;
    struct rng rng;

    (void)state;
    rng_init(&rng, 4);
    write_pack(store, files);
    for (unsigned round = 0; round < 300; round++) {
        struct store_file *file = files[round % 2];
        const uint32_t s = (uint32_t)rng_below(&rng, SHAPES);
        const struct file_strips *strips = &shapes[s];
        const uint64_t at = rng_below(&rng, strips_stored_bytes(strips));
        struct spine_error error = {0};

        disk.wrong_byte = file->base + file->table.blocks[s].offset + at;
        for (uint32_t i = 0; i < STRIP_COUNT; i++) {
            const uint64_t begin = strip_offset(strips, i);
            const bool is_in = at >= begin && at < begin + strip_bytes(strips);

            assert_int_equal(store_read_strip(file, s, i, &room, &strip, &error),
                             is_in ? SPINE_CORRUPT : SPINE_OK);
            if (is_in)
                assert_non_null(strstr(error.message, file->name));
        }
        assert_int_equal(store_file_read(file, s, whole, NULL), SPINE_CORRUPT);
    }
    disk.wrong_byte = 0;
    disk.fails = true;
    assert_int_equal(store_read_strip(files[1], 0, 5, &room, &strip, NULL), SPINE_IO);
    store_file_unref(files[0]);
    store_file_unref(files[1]);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* What opening and verifying say of the bytes of a file whose table is that of `file`, as
 * it is in memory now, with the checksums that such a file has. */
static enum spine_status
check_resealed(const struct store_file *file, uint8_t *bytes, struct spine_error *error)
{
    struct file_footer footer = file->footer;
    const size_t size = (size_t)footer.file_bytes;
    struct wire_writer table = {0}, end = {0};
    enum spine_status st;

    file_table_encode(&file->table, &table);
    memcpy(bytes + footer.table_offset, table.bytes, table.size);
    footer.table_checksum =
        file_checksum(&footer.id, footer.table_offset, table.bytes, table.size);
    file_footer_encode(&footer, &end);
    memcpy(bytes + size - end.size, end.bytes, end.size);
    st = check_file("wrong", bytes, size, true, error);
    wire_release(&table);
    wire_release(&end);
    return st;
}

/* The checksum of a strip is wrong, and all others are right. */
static void
wrong_strips_are_found_by_verifying(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_NONE);
    struct spine_error error = {0};
    struct store_file *files[2];
    struct file_block *block;
    uint8_t *bytes;

    (void)state;
    write_pack(store, files);
    bytes = bytes_of(files[0]);
    block = &files[0]->table.blocks[0];
    assert_int_equal(check_resealed(files[0], bytes, &error), SPINE_OK);
    bytes[block->offset + strip_offset(&block->strips, 3)] ^= 1;
    block->checksum = file_checksum(&files[0]->footer.id, block->offset,
                                    bytes + block->offset, block->stored_bytes);
    assert_int_equal(check_resealed(files[0], bytes, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "strips of block 0"));
    test_free(bytes);
    store_file_unref(files[0]);
    store_file_unref(files[1]);
    spine_store_close(store);
}

/* A table that says of strips what no strips are. */
static void
tables_with_impossible_strips_are_refused(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_NONE);
    struct spine_error error = {0};
    struct store_file *files[2];
    struct file_block *block, before;
    uint8_t *bytes;

    (void)state;
    write_pack(store, files);
    bytes = bytes_of(files[0]);
    block = &files[0]->table.blocks[0];
    before = *block;
    block->strips.key_bits = 65;
    assert_int_equal(check_resealed(files[0], bytes, &error), SPINE_CORRUPT);
    *block = before;
    block->image_bytes += 64;
    assert_int_equal(check_resealed(files[0], bytes, &error), SPINE_CORRUPT);
    *block = before;
    block->stored_bytes -= 64;
    assert_int_equal(check_resealed(files[0], bytes, &error), SPINE_CORRUPT);
    *block = before;
    files[0]->footer.features &= ~(uint64_t)FILE_FEATURE_STRIPS;
    assert_int_equal(check_resealed(files[0], bytes, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "feature 3"));
    files[0]->footer.features |= FILE_FEATURE_STRIPS;
    assert_int_equal(check_resealed(files[0], bytes, &error), SPINE_OK);
    test_free(bytes);
    store_file_unref(files[0]);
    store_file_unref(files[1]);
    spine_store_close(store);
}

/* Blocks of all shapes, four of each. */
static enum spine_status
write_and_verify(struct spine_store *store, struct spine_error *error)
{
    static uint8_t image[STRIPS_BYTES_MAX];
    struct store_writer *writer;
    struct store_file *file;
    enum spine_status st = store_writer_new(store, &writer, error);

    if (st != SPINE_OK)
        return st;
    for (uint32_t i = 0; st == SPINE_OK && i < 4 * SHAPES; i++) {
        (void)image_in_strips(&shapes[i % SHAPES], i, image);
        st = store_writer_strips(writer, image, &shapes[i % SHAPES], error);
    }
    if (st != SPINE_OK) {
        store_writer_abort(writer);
        return st;
    }
    st = store_writer_finish(writer, &file, error);
    if (st != SPINE_OK)
        return st;
    st = store_file_verify(file, NULL, NULL, error);
    store_file_unref(file);
    return st;
}

static void
without_memory_it_is_a_status(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_NONE);
    size_t live;
    uint64_t nth = 1;

    (void)state;
    assert_int_equal(write_and_verify(store, NULL), SPINE_OK);
    live = fault_alloc_live_blocks();
    for (;; nth++) {
        struct spine_error error = {0};
        enum spine_status st;

        fault_alloc_arm(FAULT_ONCE, nth);
        st = write_and_verify(store, &error);
        if (!fault_alloc_disarm())
            break;
        assert_int_equal(st, SPINE_NOMEM);
        assert_string_not_equal(error.message, "");
        assert_int_equal(fault_alloc_live_blocks(), live);
    }
    assert_true(nth > 5);
    spine_store_close(store);
}

static void
fail_writes(void *argument, enum spine_operation operation, const char *name,
            uint64_t offset, size_t size, struct spine_fault *fault)
{
    (void)argument;
    (void)name;
    (void)offset;
    (void)size;
    if (operation == SPINE_OPERATION_WRITE)
        fault->status = SPINE_IO;
}

/* The zeros before the strips fill a unit, which cannot be written. */
static void
a_write_that_fails_is_a_status(void **state)
{
    static uint8_t image[STORE_WRITE_BYTES];
    struct spine_backend inner, backend;
    struct spine_store *store;
    struct store_writer *writer;
    struct spine_error error = {0};

    (void)state;
    assert_int_equal(spine_memory_backend(&inner, NULL), SPINE_OK);
    assert_int_equal(spine_fault_backend(&inner, fail_writes, NULL, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
    assert_int_equal(store_writer_new(store, &writer, NULL), SPINE_OK);
    assert_int_equal(
        store_writer_block(writer, image,
                           STORE_WRITE_BYTES - 10 - (size_t)store_writer_bytes(writer),
                           false, NULL),
        SPINE_OK);
    assert_int_equal(store_writer_bytes(writer), STORE_WRITE_BYTES - 10);
    (void)image_in_strips(&shapes[0], 0, image);
    assert_int_equal(store_writer_strips(writer, image, &shapes[0], &error), SPINE_IO);
    store_writer_abort(writer);
    spine_store_close(store);
}

/* Where the cache has room, or a block is asked for again, it is read as a whole. */
static void
blocks_that_are_wanted_are_read_as_a_whole(void **state)
{
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, 64u << 20);
    struct store_cache_counts counts;
    struct cached_image *cached;
    struct store_file *files[2], *others;

    (void)state;
    write_pack(store, files);
    assert_false(store_prefers_strip(files[0], 0));
    store_cache_set_bytes(store, 0);
    store_cache_counts(store, &counts);
    assert_int_equal(counts.misses, 0);
    for (uint32_t i = 0; i < SHAPES; i++)
        assert_true(store_prefers_strip(files[0], i));
    store_cache_counts(store, &counts);
    assert_int_equal(counts.misses, SHAPES);

    /* Others fill the cache: then there is a while in which a block may be asked for
     * again. */
    assert_int_equal(write_file(store, 1000, 0, &others, NULL), SPINE_OK);
    store_cache_set_bytes(store, 2u << 20);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(store_pin(others, i, false, &cached, NULL), SPINE_OK);
        store_unpin(cached);
    }
    assert_true(store_prefers_strip(files[0], 0));
    assert_false(store_prefers_strip(files[0], 0));
    store_file_unref(others);
    store_cache_set_bytes(store, 64u << 20);
    assert_int_equal(store_pin(files[0], 1, false, &cached, NULL), SPINE_OK);
    store_cache_set_bytes(store, 0);
    assert_false(store_prefers_strip(files[0], 1));
    store_unpin(cached);
    store_file_unref(files[0]);
    store_file_unref(files[1]);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stored_becomes_the_image_again),
        cmocka_unit_test(strips_are_read_alone),
        cmocka_unit_test(damage_is_said_by_its_strip),
        cmocka_unit_test(wrong_strips_are_found_by_verifying),
        cmocka_unit_test(tables_with_impossible_strips_are_refused),
        cmocka_unit_test(without_memory_it_is_a_status),
        cmocka_unit_test(a_write_that_fails_is_a_status),
        cmocka_unit_test(blocks_that_are_wanted_are_read_as_a_whole),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
