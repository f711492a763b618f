/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* madvise() and mincore() */
#include "base/pages.h"

#include "base/alloc.h"

#ifdef __linux__

#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* newer than some C libraries; others answer EINVAL */
#endif

#define PAGE_BYTES_MIN ((size_t)4096)
/* A large page is worth so much memory more. */
#define UNUSED_BYTES_MAX (LARGE_PAGE_BYTES / 8)

static size_t bytes_in_use(void *memory, size_t bytes);

void
pages_enlarge(void *memory)
{
    uint8_t *large = memory;

    large -= (uintptr_t)large % LARGE_PAGE_BYTES;
    if (mem_is_from_malloc() &&
        bytes_in_use(large, LARGE_PAGE_BYTES) >= LARGE_PAGE_BYTES - UNUSED_BYTES_MAX)
        (void)madvise(large, LARGE_PAGE_BYTES, MADV_COLLAPSE); /* a wish */
}

/* 0 if not all of them are mapped. */
static size_t
bytes_in_use(void *memory, size_t bytes)
{
    const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char pages[LARGE_PAGE_BYTES / PAGE_BYTES_MIN];
    size_t used = 0;

    if (mincore(memory, bytes, pages) != 0)
        return 0;
    for (size_t i = 0; i < bytes / page_bytes; i++)
        used += pages[i] & 1;
    return used * page_bytes;
}

#else

void
pages_enlarge(void *memory)
{
    (void)memory;
}

#endif
