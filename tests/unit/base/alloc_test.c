/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include "base/stock.h"
#include "harness/sanitized.h"
#include "spine/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <uv.h>

#include <cmocka.h>

#if defined(__GLIBC__) && !defined(SANITIZED_ADDRESS) && !defined(SANITIZED_THREAD)
#define KEEPS_MEMORY true
#else
#define KEEPS_MEMORY false
#endif

/* An allocator over an array that counts what goes through it and refuses on demand. */
struct counting {
    size_t allocs;
    size_t frees;
    size_t bytes;
    bool refuses;
    _Alignas(16) unsigned char pool[4096];
    size_t pool_used;
};

static void *
counting_alloc(void *context, size_t bytes)
{
    struct counting *counting = context;
    const size_t rounded = (bytes + 15) / 16 * 16;

    if (counting->refuses || rounded > sizeof counting->pool - counting->pool_used)
        return NULL;
    void *memory = counting->pool + counting->pool_used;
    counting->pool_used += rounded;
    counting->allocs++;
    counting->bytes += bytes;
    return memory;
}

static void
counting_free(void *context, void *memory, size_t bytes)
{
    struct counting *counting = context;

    assert_non_null(memory);
    counting->frees++;
    counting->bytes -= bytes;
}

static void
bytes_out_are_counted(void **state)
{
    (void)state;
    assert_int_equal(spine_allocated_bytes(), 0);
    void *a = mem_alloc(100);
    void *b = mem_zalloc(28);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(spine_allocated_bytes(), 128);

    a = mem_resize(a, 100, 1000);
    assert_non_null(a);
    assert_int_equal(spine_allocated_bytes(), 1028);
    a = mem_resize(a, 1000, 10);
    assert_non_null(a);
    assert_int_equal(spine_allocated_bytes(), 38);

    mem_free(a, 10);
    mem_free(b, 28);
    mem_free(NULL, 0);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
zeroed_memory_is_zero(void **state)
{
    (void)state;
    unsigned char *dirty = mem_alloc(4096);
    assert_non_null(dirty);
    memset(dirty, 0xa5, 4096);
    mem_free(dirty, 4096);

    unsigned char *clean = mem_zalloc(4096);
    assert_non_null(clean);
    for (size_t i = 0; i < 4096; i++)
        assert_int_equal(clean[i], 0);
    mem_free(clean, 4096);
}

/* Of no size is more touched than what was asked for; what is used again stays. */
static void
memory_that_is_written_as_a_whole_is_as_any(void **state)
{
    const size_t sizes[] = {1, 4096, 65535, 65536, 65537, 400000, 3000000};

    (void)state;
    for (unsigned round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            unsigned char *memory = mem_alloc_whole(sizes[i]);
            unsigned char *other = mem_alloc_whole(sizes[i]);

            assert_non_null(memory);
            assert_non_null(other);
            assert_int_equal(spine_allocated_bytes(), 2 * sizes[i]);
            memset(memory, 1, sizes[i]);
            memset(other, 2, sizes[i]);
            assert_int_equal(memory[0], 1);
            assert_int_equal(memory[sizes[i] - 1], 1);
            mem_free(other, sizes[i]);
            mem_free(memory, sizes[i]);
        }
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
products_that_overflow_are_refused(void **state)
{
    (void)state;
    assert_null(mem_alloc_array(SIZE_MAX / 2, 3));
    uint32_t *array = mem_alloc_array(3, sizeof *array);
    assert_non_null(array);
    assert_int_equal(spine_allocated_bytes(), 12);
    mem_free(array, 12);

    uint64_t *items = NULL;
    size_t capacity = 0;
    assert_false(array_reserve(&items, &capacity, sizeof *items, SIZE_MAX / 2));
    assert_null(items);
    assert_int_equal(capacity, 0);
}

static void
arrays_grow_by_half_and_keep_their_items(void **state)
{
    (void)state;
    uint32_t *items = NULL;
    size_t capacity = 0;
    unsigned growths = 0;

    for (uint32_t i = 0; i < 10000; i++) {
        const size_t before = capacity;
        assert_true(array_reserve(&items, &capacity, sizeof *items, i + 1));
        growths += capacity != before;
        assert_true(capacity >= (size_t)i + 1);
        assert_true(before == 0 || capacity == before || capacity >= before + before / 2);
        items[i] = i;
    }
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(items[i], i);
    assert_true(growths < 30);
    assert_int_equal(spine_allocated_bytes(), capacity * sizeof *items);
    mem_free(items, capacity * sizeof *items);
}

static void
a_given_allocator_is_used_for_all(void **state)
{
    (void)state;
    static struct counting counting;
    const struct spine_allocator allocator = {&counting, counting_alloc, counting_free};

    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    unsigned char *memory = mem_alloc(20);
    assert_non_null(memory);
    memset(memory, 7, 20);
    memory = mem_resize(memory, 20, 40);
    assert_non_null(memory);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(memory[i], 7);
    assert_int_equal(counting.allocs, 2);
    assert_int_equal(counting.frees, 1);
    assert_int_equal(counting.bytes, 40);
    assert_int_equal(spine_allocated_bytes(), 40);
    mem_free(memory, 40);
    assert_int_equal(counting.bytes, 0);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);

    memory = mem_alloc(1);
    assert_non_null(memory);
    assert_int_equal(counting.allocs, 2);
    mem_free(memory, 1);
}

static void
an_allocator_does_not_change_under_live_memory(void **state)
{
    static struct counting counting;
    const struct spine_allocator allocator = {&counting, counting_alloc, counting_free};
    const struct spine_allocator half = {&counting, counting_alloc, NULL};
    void *memory = mem_alloc(1);

    (void)state;
    assert_non_null(memory);
    assert_int_equal(spine_set_allocator(&allocator), SPINE_MISUSE);
    assert_int_equal(spine_set_allocator(NULL), SPINE_MISUSE);
    mem_free(memory, 1);
    assert_int_equal(counting.frees, 0);
    assert_int_equal(spine_set_allocator(&half), SPINE_INVALID);
    memory = mem_alloc(1);
    assert_int_equal(counting.allocs, 0);
    mem_free(memory, 1);
}

static void
refusals_change_nothing(void **state)
{
    (void)state;
    static struct counting counting;
    const struct spine_allocator allocator = {&counting, counting_alloc, counting_free};

    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    uint32_t *items = NULL;
    size_t capacity = 0;
    assert_true(array_reserve(&items, &capacity, sizeof *items, 4));
    items[3] = 42;

    counting.refuses = true;
    const uint32_t *const items_before = items;
    const size_t capacity_before = capacity;
    assert_null(mem_alloc(1));
    assert_null(mem_alloc_whole(1000000));
    assert_null(mem_zalloc(1));
    assert_null(mem_alloc_array(1, 1));
    assert_null(mem_resize(items, capacity * sizeof *items, 100));
    assert_false(array_reserve(&items, &capacity, sizeof *items, capacity + 1));
    assert_ptr_equal(items, items_before);
    assert_int_equal(capacity, capacity_before);
    assert_int_equal(items[3], 42);
    assert_int_equal(spine_allocated_bytes(), capacity * sizeof *items);

    mem_free(items, capacity * sizeof *items);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
}

#define PIECE ((size_t)100 << 10)

static void
free_piece(void *memory)
{
    mem_free(memory, PIECE);
}

/* Which malloc would keep for the thread that took it first. */
static void
what_one_thread_frees_the_next_to_ask_gets(void **state)
{
    uv_thread_t thread;
    void *memory = NULL, *again = NULL;

    (void)state;
    if (!KEEPS_MEMORY)
        skip();
    memory = mem_alloc(PIECE);
    assert_non_null(memory);
    assert_int_equal(uv_thread_create(&thread, free_piece, memory), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
    assert_int_equal(spine_allocated_bytes(), 0);
    again = mem_alloc(PIECE - PIECE / 32);
    assert_ptr_equal(again, memory);
    assert_int_equal(spine_allocated_bytes(), PIECE - PIECE / 32);
    mem_free(again, PIECE - PIECE / 32);

    /* It had all of its bytes still. */
    assert_ptr_equal(mem_alloc(PIECE), memory);
    mem_free(memory, PIECE);
    mem_trim();
    assert_null(stock_take(PIECE));
    mem_free(mem_alloc(PIECE), PIECE);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
    assert_null(stock_take(PIECE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_out_are_counted),
        cmocka_unit_test(zeroed_memory_is_zero),
        cmocka_unit_test(memory_that_is_written_as_a_whole_is_as_any),
        cmocka_unit_test(products_that_overflow_are_refused),
        cmocka_unit_test(arrays_grow_by_half_and_keep_their_items),
        cmocka_unit_test(a_given_allocator_is_used_for_all),
        cmocka_unit_test(an_allocator_does_not_change_under_live_memory),
        cmocka_unit_test(refusals_change_nothing),
        cmocka_unit_test(what_one_thread_frees_the_next_to_ask_gets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
