/* SPDX-License-Identifier: MIT */
#include "base/pages.h"

#include "base/alloc.h"
#include "spine/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

#define AREA_BYTES (4 * LARGE_PAGE_BYTES)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Bytes of the process in large pages. */
static size_t
large_bytes(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    size_t kilobytes = 0;
    char line[256];

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "AnonHugePages: %zu kB", &kilobytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kilobytes << 10;
}

/* Memory of small pages that no allocator touches, aligned to a large one. */
static uint8_t *
area_new(void)
{
    uint8_t *memory = mmap(NULL, AREA_BYTES + LARGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(memory, MAP_FAILED);
    /* Never unmapped: the process ends soon. */
    return memory + (-(uintptr_t)memory & (LARGE_PAGE_BYTES - 1));
}

static void
skip_without_large_pages(void)
{
    uint8_t *area = area_new();

    memset(area, 1, LARGE_PAGE_BYTES);
    if (madvise(area, LARGE_PAGE_BYTES, MADV_COLLAPSE) != 0)
        skip();
}

static void
fill(uint8_t *area, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        area[i] = (uint8_t)(i * 7 + i / 251);
}

static void
expect_filled(const uint8_t *area, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        if (area[i] != (uint8_t)(i * 7 + i / 251))
            fail_msg("byte %zu has changed", i);
}

static void
what_is_used_becomes_large_and_stays(void **state)
{
    (void)state;
    uint8_t *area = area_new();

    fill(area, 0, AREA_BYTES);
    for (size_t i = 0; i < AREA_BYTES; i += LARGE_PAGE_BYTES / 3)
        pages_enlarge(area + i);
    pages_enlarge(area + AREA_BYTES - 1);
    expect_filled(area, 0, AREA_BYTES);
    skip_without_large_pages();
    assert_true(large_bytes() >= AREA_BYTES);
}

/* Or memory would grow. */
static void
what_is_hardly_used_stays_small(void **state)
{
    (void)state;
    uint8_t *area = area_new();
    size_t before;

    /* Three quarters. */
    fill(area, 0, LARGE_PAGE_BYTES / 4 * 3);
    before = large_bytes();
    pages_enlarge(area);
    /* None. */
    pages_enlarge(area + LARGE_PAGE_BYTES);
    assert_int_equal(large_bytes(), before);
    expect_filled(area, 0, LARGE_PAGE_BYTES / 4 * 3);
}

/* As with pages around the stack, or in the last part of a heap. */
static void
what_is_not_all_mapped_stays_small(void **state)
{
    (void)state;
    uint8_t *area = area_new();
    size_t before;

    assert_int_equal(munmap(area + LARGE_PAGE_BYTES - 65536, 65536), 0);
    fill(area, 0, LARGE_PAGE_BYTES - 65536);
    before = large_bytes();
    pages_enlarge(area);
    assert_int_equal(large_bytes(), before);
    expect_filled(area, 0, LARGE_PAGE_BYTES - 65536);
}

static void *
own_alloc(void *context, size_t bytes)
{
    (void)context;
    (void)bytes;
    return NULL;
}

static void
own_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)memory;
    (void)bytes;
}

static void
memory_of_the_host_is_left_alone(void **state)
{
    (void)state;
    const struct spine_allocator allocator = {NULL, own_alloc, own_free};
    uint8_t *area = area_new();
    size_t before;

    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    fill(area, 0, AREA_BYTES);
    before = large_bytes();
    pages_enlarge(area);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
    assert_int_equal(large_bytes(), before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_used_becomes_large_and_stays),
        cmocka_unit_test(what_is_hardly_used_stays_small),
        cmocka_unit_test(what_is_not_all_mapped_stays_small),
        cmocka_unit_test(memory_of_the_host_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
