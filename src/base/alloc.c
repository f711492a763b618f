/* SPDX-License-Identifier: MIT */

/* All memory comes from here: the host's allocator or malloc, counted by thread and in
 * all. Sizes are given back with the memory, so nothing stands in front of it. */

/* MAP_ANONYMOUS is of no POSIX before 2024. */
#define _DEFAULT_SOURCE
#define BASE_ALLOC_C
#include "base/alloc.h"

#include "base/assert.h"
#include "base/stock.h"
#include "spine/types.h"

#include <stdatomic.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <stdio.h>
#include <unistd.h>
#endif

/* Sanitizers find what is used after it was freed, which memory that is kept is not. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KEEPS_NOTHING 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEEPS_NOTHING 1
#endif
#ifndef KEEPS_NOTHING
#define KEEPS_NOTHING 0
#endif

/* The most that is kept for use again: this much, and a part of what is out, as merges
 * that are split free a twelfth of what they read at once, which is half of all or less.
 * More would wait for pieces of its size while others are asked for. */
#define KEPT_BYTES ((size_t)8 << 20)
#define KEPT_PART 24

/* Pages of smaller pieces come one by one, as where pages have another size. */
#define POPULATED_MIN ((size_t)64 << 10)
#define PAGE_BYTES 4096u

static void populate(void *memory, size_t bytes);
static void *malloc_alloc(void *context, size_t bytes);
static void malloc_free(void *context, void *memory, size_t bytes);
static size_t piece_bytes(void *memory, size_t bytes);
static void *memory_resize_by_copy(void *memory, size_t old_bytes, size_t new_bytes);
static void count_bytes(size_t more, size_t less);

static const struct spine_allocator malloc_allocator = {
    .on_alloc = malloc_alloc,
    .on_free = malloc_free,
};

/* Global, like what runtime/process.c knows of the process, and nothing else of the
 * library: set before anything is alive, read ever after. */
static struct spine_allocator allocator = {
    .on_alloc = malloc_alloc,
    .on_free = malloc_free,
};
static atomic_size_t allocated_bytes;
static _Thread_local int64_t thread_bytes;

enum spine_status
spine_set_allocator(const struct spine_allocator *replacement)
{
    if (replacement != NULL &&
        (replacement->on_alloc == NULL || replacement->on_free == NULL))
        return SPINE_INVALID;
    if (atomic_load(&allocated_bytes) != 0)
        return SPINE_MISUSE;
    stock_empty();
    allocator = replacement != NULL ? *replacement : malloc_allocator;
    return SPINE_OK;
}

size_t
spine_allocated_bytes(void)
{
    return atomic_load_explicit(&allocated_bytes, memory_order_relaxed);
}

void *
mem_alloc(size_t bytes)
{
    assert(bytes > 0);
    void *memory = allocator.on_alloc(allocator.context, bytes);

    if (memory != NULL)
        count_bytes(bytes, 0);
    return memory;
}

void *
mem_alloc_whole(size_t bytes)
{
    void *memory = mem_alloc(bytes);

    if (memory != NULL && bytes >= POPULATED_MIN && allocator.on_alloc == malloc_alloc)
        populate(memory, bytes);
    return memory;
}

/* Has the system give the whole pages of it, unless the last of these is there already,
 * as it is in memory that was used before. */
static void
populate(void *memory, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
    const uintptr_t page = PAGE_BYTES;
    const uintptr_t begin = ((uintptr_t)memory + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)memory + bytes) / page * page;
    unsigned char there = 0;

    /* A system that cannot do it gives the pages one by one. */
    if (!KEEPS_NOTHING && mincore((void *)(end - page), page, &there) == 0 &&
        (there & 1) == 0)
        (void)madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
#else
    (void)memory;
    (void)bytes;
#endif
}

void *
mem_zalloc(size_t bytes)
{
    void *memory = mem_alloc(bytes);

    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

void *
mem_alloc_array(size_t count, size_t item_bytes)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, item_bytes, &bytes))
        return NULL;
    return mem_alloc(bytes);
}

void *
mem_resize(void *memory, size_t old_bytes, size_t new_bytes)
{
    assert(new_bytes > 0);
    assert((memory == NULL) == (old_bytes == 0));
    if (memory == NULL)
        return mem_alloc(new_bytes);
    if (allocator.on_alloc != malloc_alloc)
        return memory_resize_by_copy(memory, old_bytes, new_bytes);

    void *resized = realloc(memory, new_bytes);
    if (resized != NULL)
        count_bytes(new_bytes, old_bytes);
    return resized;
}

void
mem_free(void *memory, size_t bytes)
{
    if (memory == NULL)
        return;
    assert(bytes > 0);
    assert(spine_allocated_bytes() >= bytes);
    count_bytes(0, bytes);
    allocator.on_free(allocator.context, memory, bytes);
}

void *
mem_alloc_pages(size_t bytes)
{
    assert(bytes > 0);
#ifdef MAP_ANONYMOUS
    if (allocator.on_alloc == malloc_alloc) {
        void *memory =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED)
            return NULL;
        count_bytes(bytes, 0);
        return memory;
    }
#endif
    return mem_alloc(bytes);
}

void
mem_free_pages(void *memory, size_t bytes)
{
#ifdef MAP_ANONYMOUS
    if (allocator.on_alloc == malloc_alloc && memory != NULL) {
        const int failed = munmap(memory, bytes);

        assert(failed == 0);
        (void)failed;
        count_bytes(0, bytes);
        return;
    }
#endif
    mem_free(memory, bytes);
}

void
mem_trim(void)
{
    stock_empty();
#ifdef __GLIBC__
    if (allocator.on_alloc == malloc_alloc)
        (void)malloc_trim(0);
#endif
}

size_t
mem_resident_beyond(void)
{
    size_t bytes = 0;
#ifdef __linux__
    unsigned long whole, resident, shared;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu %lu", &whole, &resident, &shared) == 3 && resident > shared)
        bytes = (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
    (void)fclose(file);
#endif
    return bytes > spine_allocated_bytes() ? bytes - spine_allocated_bytes() : 0;
}

bool
array_reserve(void *items, size_t *capacity, size_t item_bytes, size_t needed)
{
    assert(item_bytes > 0);
    if (needed <= *capacity)
        return true;

    /* Half as much again, unless that is too little or does not fit. */
    const size_t grown = *capacity + *capacity / 2;
    const size_t wanted = grown > needed ? grown : needed;
    size_t bytes;
    if (__builtin_mul_overflow(wanted, item_bytes, &bytes))
        return false;

    /* `items` is a T ** of any T: its bytes are copied, as it may not be dereferenced. */
    void *memory;
    memcpy(&memory, items, sizeof memory);
    memory = mem_resize(memory, *capacity * item_bytes, bytes);
    if (memory == NULL)
        return false;
    memcpy(items, &memory, sizeof memory);
    *capacity = wanted;
    return true;
}

/* What malloc gave may be more than was asked for, and what was kept is. */
static size_t
piece_bytes(void *memory, size_t bytes)
{
#ifdef __GLIBC__
    if (bytes >= STOCK_PIECE_MIN)
        return malloc_usable_size(memory);
#endif
    (void)memory;
    return bytes;
}

static void *
malloc_alloc(void *context, size_t bytes)
{
    void *const kept = KEEPS_NOTHING ? NULL : stock_take(bytes);

    (void)context;
    return kept != NULL ? kept : malloc(bytes);
}

static void
malloc_free(void *context, void *memory, size_t bytes)
{
    const size_t bytes_most = KEPT_BYTES + spine_allocated_bytes() / KEPT_PART;

    (void)context;
    if (KEEPS_NOTHING || !stock_put(memory, piece_bytes(memory, bytes), bytes_most))
        free(memory);
}

static void *
memory_resize_by_copy(void *memory, size_t old_bytes, size_t new_bytes)
{
    void *copy = mem_alloc(new_bytes);

    if (copy == NULL)
        return NULL;
    memcpy(copy, memory, old_bytes < new_bytes ? old_bytes : new_bytes);
    mem_free(memory, old_bytes);
    return copy;
}

/* Unsigned numbers wrap, so one addition does for both directions. */
static void
count_bytes(size_t more, size_t less)
{
    atomic_fetch_add_explicit(&allocated_bytes, more - less, memory_order_relaxed);
    thread_bytes += (int64_t)(more - less);
}

int64_t
mem_thread_bytes(void)
{
    return thread_bytes;
}

void
mem_thread_add(int64_t bytes)
{
    thread_bytes += bytes;
}
