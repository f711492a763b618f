/* SPDX-License-Identifier: MIT */
#include "rows/arena.h"

#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                           .value = {SPINE_BYTES, 0}};

/* A row whose cells are the `size` bytes at `bytes`. */
static void
add_row(const struct layout *layout, struct rows *rows, const char *bytes, size_t size)
{
    const struct span span = {.data = (const uint8_t *)bytes, .size = size};
    const size_t at = rows->count;

    assert_true(rows_reserve(layout, rows, at + 1));
    rows->hi[at] = rows->lo[at] = 0;
    rows->key[at] = rows->value[at] = span;
    rows->weight[at] = 1;
    rows->count++;
}

/* What is copied stays the same while more is, however large it is. */
static void
copies_stay_where_they_are(void **state)
{
    static char large[1u << 20];
    struct arena arena = {0};
    struct span spans[40];

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        const size_t size = i % 4 == 0 ? sizeof large : 1000 * i;

        memset(large, (int)i, sizeof large);
        spans[i] = (struct span){.data = (const uint8_t *)large, .size = size};
        assert_true(arena_reserve(&arena, size));
        arena_copy(&arena, &spans[i]);
    }
    for (size_t i = 0; i < 40; i++) {
        const size_t size = i % 4 == 0 ? sizeof large : 1000 * i;

        assert_int_equal(spans[i].size, size);
        memset(large, (int)i, sizeof large);
        assert_memory_equal(spans[i].data, large, size);
    }
    arena_release(&arena);
    arena_release(&arena);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* A cell that rows share is copied once, and rows before `begin` are left alone. */
static void
shared_cells_are_copied_once(void **state)
{
    char bytes[] = "abcdefghijklmnop", other[] = "another cell";
    struct arena arena = {0};
    struct layout layout;
    struct rows rows = {0};

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    add_row(&layout, &rows, bytes, 16);
    for (size_t i = 0; i < 5; i++)
        add_row(&layout, &rows, bytes, 16);
    add_row(&layout, &rows, other, 12);
    add_row(&layout, &rows, other, 0);
    assert_true(arena_copy_rows(&arena, &layout, &rows, 1));
    assert_ptr_equal(rows.key[0].data, bytes);
    for (size_t i = 1; i < 6; i++) {
        assert_ptr_not_equal(rows.key[i].data, bytes);
        assert_ptr_equal(rows.key[i].data, rows.key[1].data);
    }
    assert_true(arena.bytes <= 2 * (16 + 12));
    memset(bytes, 'x', sizeof bytes);
    memset(other, 'x', sizeof other);
    assert_memory_equal(rows.key[5].data, "abcdefghijklmnop", 16);
    assert_memory_equal(rows.value[6].data, "another cell", 12);
    assert_int_equal(rows.value[7].size, 0);
    rows_release(&layout, &rows);
    arena_release(&arena);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* Without memory rows borrow as before. */
static void
a_want_of_memory_changes_nothing(void **state)
{
    const char bytes[] = "abcdefghijklmnop";
    struct arena arena = {0};
    struct layout layout;
    struct rows rows = {0};

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    for (size_t i = 0; i < 20; i++)
        add_row(&layout, &rows, bytes, i % 17);
    fault_alloc_arm(FAULT_ONCE, 1);
    assert_false(arena_copy_rows(&arena, &layout, &rows, 0));
    assert_true(fault_alloc_disarm());
    for (size_t i = 0; i < 20; i++) {
        assert_ptr_equal(rows.key[i].data, bytes);
        assert_ptr_equal(rows.value[i].data, bytes);
    }
    assert_true(arena_copy_rows(&arena, &layout, &rows, 0));
    rows_release(&layout, &rows);
    arena_release(&arena);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* After a reset the memory is used again. */
static void
a_reset_arena_is_used_again(void **state)
{
    struct arena arena = {0};
    size_t live;

    (void)state;
    assert_true(arena_reserve(&arena, 100));
    arena_reset(&arena);
    live = fault_alloc_live_bytes();
    for (size_t i = 0; i < 100; i++) {
        struct span span = {.data = (const uint8_t *)"cell", .size = 4};

        assert_true(arena_reserve(&arena, 4));
        arena_copy(&arena, &span);
        assert_int_equal(arena.bytes, 4);
        arena_reset(&arena);
        assert_int_equal(arena.bytes, 0);
    }
    assert_true(fault_alloc_live_bytes() <= (live > 0 ? live : 1u << 16));
    arena_release(&arena);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_stay_where_they_are),
        cmocka_unit_test(shared_cells_are_copied_once),
        cmocka_unit_test(a_want_of_memory_changes_nothing),
        cmocka_unit_test(a_reset_arena_is_used_again),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
