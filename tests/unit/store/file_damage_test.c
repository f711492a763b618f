/* SPDX-License-Identifier: MIT */

/*
 * Damage to a batch file is said, wherever it is, and names the file and, but for whole
 * files that are not ours, the offset.
 */

#include "unit/store/file_fixture.h"

#include "harness/figure.h"

static void
damage_is_said(const char *name, const uint8_t *bytes, size_t size)
{
    struct spine_error error = {0};
    const enum spine_status st = check_bytes(name, bytes, size, &error);

    /* A damaged version is one that the library does not know. */
    assert_true(st == SPINE_CORRUPT || st == SPINE_INVALID);
    assert_int_equal(error.status, st);
    assert_non_null(strstr(error.message, name));
}

/* A file of some kilobytes: every bit of it. */
static void
every_bit_that_is_flipped_is_said(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct store_file *file;
    size_t size;
    uint8_t *bytes;

    (void)state;
    assert_int_equal(write_file(store, 2, 3, &file, NULL), SPINE_OK);
    size = (size_t)file->footer.file_bytes;
    bytes = bytes_of(file);
    assert_int_equal(check_bytes("whole", bytes, size, NULL), SPINE_OK);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        damage_is_said("flipped", bytes, size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    print_message("%zu bits flipped, all of them said\n", size * 8);
    figure_add("bits flipped", size * 8);
    test_free(bytes);
    store_file_unref(file);
    spine_store_close(store);
}

static void
every_length_but_the_right_one_is_said(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct store_file *file;
    uint8_t *bytes, *longer;
    size_t size;

    (void)state;
    assert_int_equal(write_file(store, 2, 3, &file, NULL), SPINE_OK);
    size = (size_t)file->footer.file_bytes;
    bytes = bytes_of(file);
    for (size_t length = 0; length < size; length++)
        damage_is_said("cut", bytes, length);
    longer = test_malloc(size + 200);
    memcpy(longer, bytes, size);
    memset(longer + size, 0, 200);
    for (size_t more = 1; more <= 200; more++)
        damage_is_said("longer", longer, size + more);
    test_free(longer);
    test_free(bytes);
    store_file_unref(file);
    spine_store_close(store);
}

/* Each sector: zeros, another sector of the file, the same sector of another file. */
static void
sectors_that_are_not_what_they_were_are_said(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_NONE);
    struct store_file *file, *other;
    uint8_t *bytes, *others, *damaged;
    size_t size;

    (void)state;
    /* The same content: only the ids of the two files differ. */
    assert_int_equal(write_file(store, 8, 3, &file, NULL), SPINE_OK);
    assert_int_equal(write_file(store, 8, 3, &other, NULL), SPINE_OK);
    size = (size_t)file->footer.file_bytes;
    assert_int_equal(other->footer.file_bytes, size);
    bytes = bytes_of(file);
    others = bytes_of(other);
    damaged = test_malloc(size);
    for (size_t at = 0; at + 512 <= size; at += 512) {
        memcpy(damaged, bytes, size);
        memset(damaged + at, 0, 512);
        damage_is_said("zeroed", damaged, size);

        memcpy(damaged + at, bytes + (at + 512) % (size / 512 * 512), 512);
        damage_is_said("misplaced", damaged, size);

        /* Blocks are equal in both files; sectors of blocks only are no damage. */
        memcpy(damaged + at, others + at, 512);
        if (memcmp(damaged, bytes, size) != 0)
            damage_is_said("stale", damaged, size);
    }
    test_free(damaged);
    test_free(others);
    test_free(bytes);
    store_file_unref(other);
    store_file_unref(file);
    spine_store_close(store);
}

/* Whole parts, with their checksums, at the place of others. */
static void
blocks_that_change_places_are_said(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_NONE);
    struct wire_writer end = {0};
    struct spine_error error = {0};
    struct store_file *file;
    struct file_block first;
    struct file_footer footer;
    uint8_t *bytes;
    size_t size;

    (void)state;
    assert_int_equal(write_file(store, 8, 1, &file, NULL), SPINE_OK);
    size = (size_t)file->footer.file_bytes;
    bytes = bytes_of(file);

    /* The table is written anew, with a checksum that is right: blocks 1 and 2 have each
     * other's checksum and size, so that their bytes may be exchanged. */
    first = file->table.blocks[1];
    file->table.blocks[1].checksum = file->table.blocks[2].checksum;
    file->table.blocks[2].checksum = first.checksum;
    file_table_encode(&file->table, &end);
    footer = file->footer;
    footer.table_checksum =
        file_checksum(&footer.id, footer.table_offset, end.bytes, end.size);
    file_footer_encode(&footer, &end);
    memcpy(bytes + footer.table_offset, end.bytes, end.size);
    assert_int_equal(check_bytes("exchanged", bytes, size, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "block 1"));
    wire_release(&end);
    test_free(bytes);
    store_file_unref(file);
    spine_store_close(store);
}

/* A part of a file that ends with its own checksum. */
struct sealed {
    uint8_t *bytes;
    size_t size;
    const struct file_id *id;
    uint64_t offset;
};

/* Puts a number into it and makes its checksum right. */
static void
reseal(const struct sealed *part, size_t at, const void *number, size_t size)
{
    uint64_t checksum;

    memcpy(part->bytes + at, number, size);
    checksum = file_checksum(part->id, part->offset, part->bytes, part->size - 8);
    memcpy(part->bytes + part->size - 8, &checksum, sizeof checksum);
}

static void
versions_and_features_that_are_not_known_are_refused_by_name(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    const uint32_t version = 2;
    const uint64_t feature = UINT64_C(1) << 5;
    struct spine_error error = {0};
    struct store_file *file;
    struct file_id id;
    uint8_t *bytes;
    size_t size;

    (void)state;
    assert_int_equal(write_file(store, 2, 1, &file, NULL), SPINE_OK);
    size = (size_t)file->footer.file_bytes;
    id = file->footer.id;
    for (unsigned i = 0; i < 5; i++) {
        bytes = bytes_of(file);
        const struct sealed header = {bytes, FILE_HEADER_BYTES, &id, 0};
        const struct sealed footer = {bytes + size - FILE_FOOTER_BYTES, FILE_FOOTER_BYTES,
                                      &id, size - FILE_FOOTER_BYTES};
        if (i == 0)
            reseal(&footer, 64, &version, sizeof version);
        if (i == 1)
            reseal(&footer, 48, &feature, sizeof feature);
        if (i == 2)
            reseal(&header, 8, &version, sizeof version);
        if (i == 3)
            reseal(&header, 32, &feature, sizeof feature);
        /* A feature that may be ignored is. */
        if (i == 4)
            reseal(&footer, 56, &feature, sizeof feature);
        assert_int_equal(check_bytes("newer", bytes, size, &error),
                         i < 4 ? SPINE_INVALID : SPINE_OK);
        if (i < 4)
            assert_non_null(
                strstr(error.message, i % 2 == 0 ? "version 2" : "feature 5"));
        test_free(bytes);
    }
    store_file_unref(file);
    spine_store_close(store);
}

/* Tables that no writer makes, with checksums that are right. */
static void
tables_that_make_no_sense_are_said(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct store_file *file;
    struct rng rng;
    size_t size;

    (void)state;
    rng_init(&rng, 11);
    assert_int_equal(write_file(store, 5, 3, &file, NULL), SPINE_OK);
    size = (size_t)file->footer.file_bytes;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t *bytes = bytes_of(file);
        uint8_t *table = bytes + file->footer.table_offset;
        const size_t at = (size_t)rng_below(&rng, file->footer.table_bytes);
        struct file_footer footer = file->footer;
        struct wire_writer end = {0};
        struct spine_error error = {0};
        enum spine_status st;

        table[at] = (uint8_t)(rng_chance(&rng, 50) ? rng_next(&rng) : table[at] + 1u);
        footer.table_checksum = file_checksum(&footer.id, footer.table_offset, table,
                                              (size_t)footer.table_bytes);
        if (rng_chance(&rng, 10))
            footer.table_bytes = rng_below(&rng, size);
        if (rng_chance(&rng, 10))
            footer.table_offset = rng_below(&rng, size);
        file_footer_encode(&footer, &end);
        memcpy(bytes + size - FILE_FOOTER_BYTES, end.bytes, end.size);
        wire_release(&end);
        st = check_file("resealed", bytes, size, true, &error);
        assert_true(st == SPINE_OK || st == SPINE_CORRUPT || st == SPINE_NOMEM);
        test_free(bytes);
    }
    store_file_unref(file);
    spine_store_close(store);
}

/* A table has two counts at least, also one whose checksum is right. */
static void
tables_without_counts_are_none(void **state)
{
    static const uint8_t zeros[8];
    struct file_footer footer = {.id = {1, 2}, .table_offset = FILE_HEADER_BYTES};
    struct spine_error error = {0};
    struct file_table table;

    (void)state;
    for (size_t bytes = 0; bytes <= sizeof zeros; bytes++) {
        const struct span encoded = {zeros, bytes};
        enum spine_status st;

        footer.table_bytes = bytes;
        footer.table_checksum =
            file_checksum(&footer.id, footer.table_offset, zeros, bytes);
        st = file_table_decode("a", encoded, &footer, &table, &error);
        assert_int_equal(st, bytes < sizeof zeros ? SPINE_CORRUPT : SPINE_OK);
        file_table_release(&table);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_that_is_flipped_is_said),
        cmocka_unit_test(every_length_but_the_right_one_is_said),
        cmocka_unit_test(sectors_that_are_not_what_they_were_are_said),
        cmocka_unit_test(blocks_that_change_places_are_said),
        cmocka_unit_test(versions_and_features_that_are_not_known_are_refused_by_name),
        cmocka_unit_test(tables_that_make_no_sense_are_said),
        cmocka_unit_test(tables_without_counts_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
