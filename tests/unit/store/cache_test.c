/* SPDX-License-Identifier: MIT */
#include "unit/store/file_fixture.h"

#include "harness/fault_alloc.h"
#include "harness/read_disk.h"
#include "store/cache.h"

#include <math.h>

static void
expect_image(const struct store_file *file, uint32_t index,
             const struct cached_image *cached)
{
    uint8_t expected[IMAGE_BYTES_MAX];

    assert_int_equal((uintptr_t)store_image(cached) % 64, 0);
    assert_int_equal(image_of(index, expected), file->table.blocks[index].image_bytes);
    assert_memory_equal(store_image(cached), expected,
                        file->table.blocks[index].image_bytes);
}

static void
a_block_is_read_once_and_stays_while_there_is_room(void **state)
{
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, 64u << 20);
    struct store_cache_counts counts;
    struct cached_image *cached, *same;
    struct store_file *file;

    (void)state;
    assert_int_equal(write_file(store, 50, 0, &file, NULL), SPINE_OK);
    for (unsigned round = 0; round < 3; round++)
        for (uint32_t i = 0; i < 50; i++) {
            assert_int_equal(store_pin(file, i, false, &cached, NULL), SPINE_OK);
            expect_image(file, i, cached);
            assert_int_equal(store_pin(file, i, false, &same, NULL), SPINE_OK);
            assert_ptr_equal(cached, same);
            store_unpin(same);
            store_unpin(cached);
        }
    assert_int_equal(disk.reads, 50);
    store_cache_counts(store, &counts);
    assert_int_equal(counts.misses, 50);
    assert_int_equal(counts.hits, 250);
    assert_int_equal(counts.evictions, 0);
    assert_true(counts.bytes > 0);
    store_file_unref(file);
    store_cache_counts(store, &counts);
    assert_int_equal(counts.bytes, 0);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
the_bound_holds_and_pinned_blocks_stay(void **state)
{
    const size_t bytes_max = 400000;
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, bytes_max);
    struct cached_image *pinned[40], *cached;
    struct store_cache_counts counts;
    size_t pinned_bytes = 0;
    struct store_file *file;
    struct rng rng;

    (void)state;
    rng_init(&rng, 3);
    assert_int_equal(write_file(store, 400, 0, &file, NULL), SPINE_OK);
    for (unsigned i = 0; i < 20000; i++) {
        const uint32_t index = (uint32_t)rng_below(&rng, 400);

        assert_int_equal(store_pin(file, index, rng_chance(&rng, 20), &cached, NULL),
                         SPINE_OK);
        expect_image(file, index, cached);
        store_unpin(cached);
        store_cache_counts(store, &counts);
        assert_true(counts.bytes <= bytes_max);
    }
    assert_true(counts.evictions > 100 && counts.hits > 100);

    /* More than the bound, all pinned: above it, but only as long as they are. */
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(store_pin(file, i * 10, false, &pinned[i], NULL), SPINE_OK);
    store_cache_set_bytes(store, 1000);
    /* And nothing else is. */
    for (uint32_t i = 0; i < 40; i++)
        pinned_bytes += pinned[i]->bytes;
    store_cache_counts(store, &counts);
    assert_in_range(counts.bytes, pinned_bytes, pinned_bytes + 1000);
    for (uint32_t i = 0; i < 40; i++) {
        assert_ptr_equal(store_pin_resident(file, i * 10, false), pinned[i]);
        store_unpin(pinned[i]);
        expect_image(file, i * 10, pinned[i]);
        store_unpin(pinned[i]);
    }
    store_cache_counts(store, &counts);
    assert_true(counts.bytes <= 1000);
    assert_int_equal(store_pin(file, 7, false, &cached, NULL), SPINE_OK);
    expect_image(file, 7, cached);
    store_unpin(cached);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Blocks that are read in turns, five times as many as there is room for. */
static void
some_blocks_of_a_loop_stay(void **state)
{
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, 64u << 20);
    struct store_cache_counts before, after;
    struct cached_image *cached;
    struct store_file *file;

    (void)state;
    assert_int_equal(write_file(store, 1000, 0, &file, NULL), SPINE_OK);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(store_pin(file, i, false, &cached, NULL), SPINE_OK);
        store_unpin(cached);
    }
    store_cache_counts(store, &before);
    store_cache_set_bytes(store, (size_t)before.bytes / 5);
    for (uint32_t i = 0; i < 5000; i++) {
        if (i == 2000)
            store_cache_counts(store, &before);
        assert_int_equal(store_pin(file, i % 1000, false, &cached, NULL), SPINE_OK);
        store_unpin(cached);
    }
    store_cache_counts(store, &after);
    assert_in_range(after.hits - before.hits, 3000 * 16 / 100, 3000 * 25 / 100);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
what_a_merge_reads_goes_unless_a_reader_wants_it(void **state)
{
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, 64u << 20);
    struct cached_image *merge, *reader;
    struct store_cache_counts counts;
    struct store_file *file;

    (void)state;
    assert_int_equal(write_file(store, 4, 0, &file, NULL), SPINE_OK);
    assert_int_equal(store_pin(file, 0, true, &merge, NULL), SPINE_OK);
    store_unpin(merge);
    assert_null(store_pin_resident(file, 0, false));
    store_cache_counts(store, &counts);
    assert_int_equal(counts.bytes, 0);
    assert_int_equal(counts.hits + counts.misses, 0);

    assert_int_equal(store_pin(file, 1, true, &merge, NULL), SPINE_OK);
    assert_int_equal(store_pin(file, 1, false, &reader, NULL), SPINE_OK);
    assert_ptr_equal(merge, reader);
    store_unpin(merge);
    store_unpin(reader);
    merge = store_pin_resident(file, 1, true);
    assert_non_null(merge);
    store_unpin(merge);
    assert_int_equal(disk.reads, 2);
    reader = store_pin_resident(file, 1, false);
    assert_non_null(reader);
    store_unpin(reader);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Writes a file of four blocks of which 1 and 2 take the place of wanted ones, and one
 * filter for every two blocks. */
static struct store_writer *
write_kept(struct spine_store *store)
{
    uint8_t bytes[IMAGE_BYTES_MAX];
    struct store_writer *writer;

    assert_int_equal(store_writer_new(store, &writer, NULL), SPINE_OK);
    for (uint32_t i = 0; i < 4; i++) {
        const size_t size = image_of(i, bytes);

        assert_int_equal(store_writer_block(writer, bytes, size, true, NULL), SPINE_OK);
        if (i == 1 || i == 2)
            store_writer_keep_block(writer, bytes, size, 3);
    }
    for (uint32_t i = 0; i < 3; i++) {
        const size_t size = image_of(4 + i, bytes);

        /* Of no block, of blocks 1 and 2, and of block 3. */
        assert_int_equal(
            store_writer_filter(writer, (uint32_t[]){0, 1, 3}[i], bytes, size, NULL),
            SPINE_OK);
        store_writer_keep_filter(writer, bytes, size, (uint32_t[]){1, 3, 4}[i]);
    }
    return writer;
}

static void
what_takes_the_place_of_wanted_blocks_is_there(void **state)
{
    static const bool is_kept[7] = {[1] = true, [2] = true, [5] = true};
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, 64u << 20);
    struct store_cache_counts counts;
    struct store_writer *writer;
    struct cached_image *cached;
    struct store_file *file;

    (void)state;
    writer = write_kept(store);
    store_cache_counts(store, &counts);
    assert_true(counts.bytes > 0);
    assert_int_equal(store_writer_finish(writer, &file, NULL), SPINE_OK);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(store_wanted(file, i), is_kept[i] ? i == 5 ? 1 : 2 : 0);
        cached = store_pin_resident(file, i, false);
        assert_int_equal(cached != NULL, is_kept[i]);
        if (cached == NULL)
            continue;
        expect_image(file, i, cached);
        store_unpin(cached);
        assert_int_equal(store_wanted(file, i), i == 5 ? 2 : 3);
    }
    assert_int_equal(disk.reads, 0);
    store_file_unref(file);

    /* Of a file that is given up nothing stays. */
    store_writer_abort(write_kept(store));
    store_cache_counts(store, &counts);
    assert_int_equal(counts.bytes, 0);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* As long as the file is not there, what waits for it counts, and is a part of all. */
static void
what_waits_is_within_the_bound(void **state)
{
    const size_t bytes_max = 1000000;
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, bytes_max);
    uint8_t bytes[IMAGE_BYTES_MAX];
    struct store_file *before, *file;
    struct store_cache_counts counts;
    struct store_writer *writer;
    struct cached_image *cached;

    (void)state;
    assert_int_equal(write_file(store, 400, 0, &before, NULL), SPINE_OK);
    for (uint32_t i = 0; i < 400; i++) {
        assert_int_equal(store_pin(before, i, false, &cached, NULL), SPINE_OK);
        store_unpin(cached);
    }
    assert_int_equal(store_writer_new(store, &writer, NULL), SPINE_OK);
    for (uint32_t i = 0; i < 400; i++) {
        const size_t size = image_of(i, bytes);

        assert_int_equal(store_writer_block(writer, bytes, size, true, NULL), SPINE_OK);
        store_writer_keep_block(writer, bytes, size, 1);
        store_cache_counts(store, &counts);
        assert_true(counts.bytes <= bytes_max);
    }
    assert_int_equal(store_writer_finish(writer, &file, NULL), SPINE_OK);
    store_file_unref(before);
    store_cache_counts(store, &counts);
    assert_in_range(counts.bytes, bytes_max / 10, bytes_max / 4);
    store_file_unref(file);
    store_cache_counts(store, &counts);
    assert_int_equal(counts.bytes, 0);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
runs_are_read_together(void **state)
{
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, 64u << 20);
    struct cached_image *images[30], *one;
    struct store_file *file;

    (void)state;
    assert_int_equal(write_file(store, 30, 0, &file, NULL), SPINE_OK);
    assert_int_equal(store_pin_extent(file, 0, 30, true, images, NULL), SPINE_OK);
    assert_int_equal(disk.reads, 1);
    for (uint32_t i = 0; i < 30; i++) {
        expect_image(file, i, images[i]);
        store_unpin(images[i]);
    }
    /* Two runs around one that is there. */
    assert_int_equal(store_pin(file, 10, false, &one, NULL), SPINE_OK);
    assert_int_equal(store_pin_extent(file, 5, 15, false, images, NULL), SPINE_OK);
    assert_int_equal(disk.reads, 4);
    assert_ptr_equal(images[5], one);
    for (uint32_t i = 0; i < 15; i++) {
        expect_image(file, 5 + i, images[i]);
        store_unpin(images[i]);
    }
    store_unpin(one);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
a_read_that_fails_is_tried_again_by_the_next(void **state)
{
    struct read_disk disk = {.fails = true};
    struct spine_store *store = read_disk_open(&disk, 64u << 20);
    struct cached_image *images[8], *cached;
    struct spine_error error = {0};
    struct store_file *file;

    (void)state;
    assert_int_equal(write_file(store, 8, 0, &file, NULL), SPINE_OK);
    assert_int_equal(store_pin(file, 3, false, &cached, &error), SPINE_IO);
    assert_null(cached);
    assert_int_equal(store_pin_extent(file, 0, 8, false, images, &error), SPINE_IO);
    disk.fails = false;
    disk.wrong_byte = file->table.blocks[3].offset;
    assert_int_equal(store_pin(file, 3, false, &cached, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "block 3"));
    assert_int_equal(store_pin_extent(file, 0, 8, false, images, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "block 3"));
    disk.wrong_byte = 0;
    assert_int_equal(store_pin_extent(file, 0, 8, false, images, &error), SPINE_OK);
    for (uint32_t i = 0; i < 8; i++) {
        expect_image(file, i, images[i]);
        store_unpin(images[i]);
    }
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static enum spine_status
refuse_block_2(const struct store_file *file, uint32_t index, const void *image,
               struct spine_error *error)
{
    assert_non_null(image);
    assert_ptr_equal(file->check_context, error);
    return index == 2 ? SPINE_CORRUPT : SPINE_OK;
}

static void
an_image_is_checked_when_it_comes_in(void **state)
{
    struct read_disk disk = {0};
    struct spine_store *store = read_disk_open(&disk, 64u << 20);
    struct cached_image *images[4], *cached;
    struct spine_error error = {0};
    struct store_file *file;

    (void)state;
    assert_int_equal(write_file(store, 4, 0, &file, NULL), SPINE_OK);
    file->on_check = refuse_block_2;
    file->check_context = &error;
    assert_int_equal(store_pin(file, 1, false, &cached, &error), SPINE_OK);
    store_unpin(cached);
    assert_int_equal(store_pin(file, 2, false, &cached, &error), SPINE_CORRUPT);
    assert_int_equal(store_pin_extent(file, 0, 4, false, images, &error), SPINE_CORRUPT);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
every_allocation_may_fail(void **state)
{
    uint64_t points = 0;

    (void)state;
    fault_alloc_install();
    for (uint64_t nth = 1;; nth++) {
        struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
        struct cached_image *images[20];
        struct spine_error error = {0};
        struct store_file *file;
        enum spine_status st;

        assert_int_equal(write_file(store, 20, 0, &file, NULL), SPINE_OK);
        fault_alloc_arm(FAULT_ONCE, nth);
        st = store_pin_extent(file, 0, 20, false, images, &error);
        if (st == SPINE_OK)
            for (uint32_t i = 0; i < 20; i++) {
                expect_image(file, i, images[i]);
                store_unpin(images[i]);
            }
        if (!fault_alloc_disarm())
            nth = 0;
        else {
            points++;
            assert_true(st == SPINE_NOMEM || st == SPINE_OK);
        }
        store_file_unref(file);
        spine_store_close(store);
        assert_int_equal(spine_allocated_bytes(), 0);
        if (nth == 0)
            break;
    }
    fault_alloc_remove();
    assert_true(points > 20);
}

/* ---- the policy ---- */

#define ZIPF_BLOCKS 2000u

/* Block numbers as Zipf has them, by the cumulated probabilities. */
static uint32_t
zipf(struct rng *rng, const double *cumulated)
{
    const double at = (double)rng_below(rng, UINT64_C(1) << 52) / (double)(1ull << 52);
    uint32_t low = 0, high = ZIPF_BLOCKS - 1;

    while (low < high) {
        const uint32_t middle = (low + high) / 2;

        if (cumulated[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Hits of a cache of `room` blocks that keeps what was used last. */
static uint64_t
lru_hits(const uint32_t *wanted, size_t count, size_t room)
{
    uint32_t *order = test_malloc(room * sizeof *order);
    uint64_t hits = 0;
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        size_t at = 0;

        while (at < used && order[at] != wanted[i])
            at++;
        if (at < used)
            hits++;
        else if (used < room)
            used++;
        else
            at = room - 1;
        memmove(order + 1, order, at * sizeof *order);
        order[0] = wanted[i];
    }
    test_free(order);
    return hits;
}

/* Zipf 0.99, with a scan of all blocks now and then: at least as good as LRU. */
static void
hits_are_at_least_those_of_lru(void **state)
{
    enum { COUNT = 40000 };
    uint32_t *wanted = test_malloc(COUNT * sizeof *wanted);
    double *cumulated = test_malloc(ZIPF_BLOCKS * sizeof *cumulated);
    double sum = 0;

    (void)state;
    for (uint32_t i = 0; i < ZIPF_BLOCKS; i++)
        sum += pow(i + 1, -0.99);
    for (uint32_t i = 0; i < ZIPF_BLOCKS; i++)
        cumulated[i] = (i > 0 ? cumulated[i - 1] : 0) + pow(i + 1, -0.99) / sum;
    for (unsigned scans = 0; scans < 2; scans++)
        for (size_t room = 100; room <= 800; room *= 2) {
            const size_t image = 400, cached = sizeof(struct cached_image) + 64 + image;
            struct read_disk disk = {0};
            struct spine_store *store = read_disk_open(&disk, room * cached);
            struct store_cache_counts counts;
            struct store_writer *writer;
            struct store_file *file;
            uint8_t bytes[400] = {0};
            uint64_t lru;
            struct rng rng;

            rng_init(&rng, 17);
            assert_int_equal(store_writer_new(store, &writer, NULL), SPINE_OK);
            for (uint32_t i = 0; i < ZIPF_BLOCKS; i++)
                assert_int_equal(
                    store_writer_block(writer, bytes, sizeof bytes, false, NULL),
                    SPINE_OK);
            assert_int_equal(store_writer_finish(writer, &file, NULL), SPINE_OK);
            for (size_t i = 0; i < COUNT; i++)
                wanted[i] = scans == 1 && i % 10000 < ZIPF_BLOCKS ? (uint32_t)(i % 10000)
                                                                  : zipf(&rng, cumulated);
            for (size_t i = 0; i < COUNT; i++) {
                struct cached_image *frame_of;

                assert_int_equal(store_pin(file, wanted[i], false, &frame_of, NULL),
                                 SPINE_OK);
                store_unpin(frame_of);
            }
            store_cache_counts(store, &counts);
            lru = lru_hits(wanted, COUNT, room);
            print_message("%s, room for %zu of %u: %.1f %% hits, LRU %.1f %%\n",
                          scans == 1 ? "Zipf and scans" : "Zipf", room, ZIPF_BLOCKS,
                          100.0 * (double)counts.hits / (double)COUNT,
                          100.0 * (double)lru / (double)COUNT);
            assert_true(counts.hits >= lru);
            assert_int_equal(counts.hits + counts.misses, COUNT);
            store_file_unref(file);
            spine_store_close(store);
        }
    test_free(cumulated);
    test_free(wanted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_read_once_and_stays_while_there_is_room),
        cmocka_unit_test(the_bound_holds_and_pinned_blocks_stay),
        cmocka_unit_test(some_blocks_of_a_loop_stay),
        cmocka_unit_test(what_a_merge_reads_goes_unless_a_reader_wants_it),
        cmocka_unit_test(what_takes_the_place_of_wanted_blocks_is_there),
        cmocka_unit_test(what_waits_is_within_the_bound),
        cmocka_unit_test(runs_are_read_together),
        cmocka_unit_test(a_read_that_fails_is_tried_again_by_the_next),
        cmocka_unit_test(an_image_is_checked_when_it_comes_in),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(hits_are_at_least_those_of_lru),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
