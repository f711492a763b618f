/* SPDX-License-Identifier: MIT */

/*
 * Single rows that the cache keeps: which ones enter, which ones stay, what they take,
 * and when there are none.
 */

#include "store/kept_rows.h"

#include "store/cache.h"
#include "unit/store/file_fixture.h"

#define FILE_ID UINT64_C(0x5bd1e995c3a4f027)
#define TABLE_BYTES 65536u

static struct row_place
place_of(uint64_t key)
{
    return (struct row_place){.key = key, .block = (uint32_t)(key / 4096)};
}

static struct kept_row
row_of(uint64_t key)
{
    return (struct kept_row){
        .value = ~key, .weight = -(int64_t)key, .row = (uint16_t)(key % 4096)};
}

/* Asks for the key and keeps it if it is not there; was it? */
static bool
ask(struct kept_rows *rows, uint64_t key)
{
    const struct row_place place = place_of(key);
    const struct kept_row row = row_of(key);
    struct kept_row found;

    if (!kept_rows_find(rows, FILE_ID, &place, &found)) {
        kept_rows_put(rows, FILE_ID, &place, &row);
        return false;
    }
    assert_int_equal(found.value, row.value);
    assert_int_equal(found.weight, row.weight);
    assert_int_equal(found.row, row.row);
    return true;
}

static void
a_row_enters_when_it_is_asked_for_again(void **state)
{
    struct kept_rows rows = kept_rows_new(TABLE_BYTES);
    const struct row_place place = place_of(7), elsewhere = {7, 1};
    struct kept_row found;

    (void)state;
    assert_in_range(rows.bytes, TABLE_BYTES * 9 / 10, TABLE_BYTES);
    assert_false(ask(&rows, 7));
    assert_false(ask(&rows, 7));
    assert_true(ask(&rows, 7));
    /* Another file, and another block, have the key, too. */
    assert_false(kept_rows_find(&rows, FILE_ID + 1, &place, &found));
    assert_false(kept_rows_find(&rows, FILE_ID, &elsewhere, &found));
    kept_rows_release(&rows);
    kept_rows_release(&rows);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
what_is_wanted_stays(void **state)
{
    struct kept_rows rows = kept_rows_new(TABLE_BYTES);
    unsigned kept = 0;

    (void)state;
    /* A hundred keys between some thousand that come once or twice. */
    for (uint64_t round = 0; round < 100; round++)
        for (uint64_t i = 0; i < 100; i++) {
            const uint64_t other = 1000 + (round * 100 + i) * 977;

            kept += ask(&rows, i);
            for (unsigned times = 0; times < 1 + i % 2; times++)
                assert_false(ask(&rows, other));
        }
    assert_in_range(kept, 9000, 9800);
    kept_rows_release(&rows);
}

static void
a_table_needs_room_and_memory(void **state)
{
    struct kept_rows rows = kept_rows_new(100);

    (void)state;
    assert_null(rows.entries);
    assert_int_equal(rows.set_count, 0);
    kept_rows_release(&rows);
}

static bool
ask_cache(struct store_file *file, uint64_t key)
{
    const struct row_place place = {.key = key, .block = (uint32_t)key % 50};
    const struct kept_row row = row_of(key);
    struct kept_row found;

    if (!store_row_find(file, &place, &found)) {
        store_row_keep(file, &place, &row);
        return false;
    }
    assert_int_equal(found.value, row.value);
    return true;
}

/* Pins each block of the file once. */
static void
read_all(struct store_file *file)
{
    for (uint32_t i = 0; i < 50; i++) {
        struct cached_image *cached;

        assert_int_equal(store_pin(file, i, false, &cached, NULL), SPINE_OK);
        store_unpin(cached);
    }
}

static uint64_t
cache_bytes(struct spine_store *store)
{
    struct store_cache_counts counts;

    store_cache_counts(store, &counts);
    return counts.bytes;
}

/* As long as everything is there, no rows are; and they go when their room goes. */
static void
rows_are_kept_where_blocks_are_not(void **state)
{
    const size_t bytes_max = (size_t)CACHE_SHARDS * 40000;
    struct spine_backend backend;
    struct spine_store *store;
    struct store_file *file;
    unsigned kept = 0;

    (void)state;
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
    assert_int_equal(write_file(store, 50, 0, &file, NULL), SPINE_OK);
    read_all(file);
    for (unsigned round = 0; round < 4; round++)
        for (uint64_t key = 0; key < 50; key++)
            assert_false(ask_cache(file, key));

    store_cache_set_bytes(store, 1);
    store_cache_set_bytes(store, bytes_max);
    for (unsigned round = 0; round < 4; round++) {
        for (uint64_t key = 0; key < 50; key++)
            kept += ask_cache(file, key);
        read_all(file);
        assert_in_range(cache_bytes(store), 1, bytes_max);
        assert_true(store_memory(store) >= cache_bytes(store));
    }
    assert_in_range(kept, 20, 100);

    store_cache_set_bytes(store, 1);
    assert_int_equal(cache_bytes(store), 0);
    assert_false(ask_cache(file, 0));
    store_cache_set_bytes(store, bytes_max);
    for (uint64_t key = 0; key < 50; key++)
        (void)ask_cache(file, key);
    assert_true(cache_bytes(store) > 0);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_enters_when_it_is_asked_for_again),
        cmocka_unit_test(what_is_wanted_stays),
        cmocka_unit_test(a_table_needs_room_and_memory),
        cmocka_unit_test(rows_are_kept_where_blocks_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
