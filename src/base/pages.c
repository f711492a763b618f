/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* madvise() and mincore() */
#include "base/pages.h"

#include "base/alloc.h"

#ifdef __linux__

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* newer than some C libraries; others answer EINVAL */
#endif

#define PAGE_BYTES_MIN ((size_t)4096)
/* A large page is worth so much memory more. */
#define UNUSED_BYTES_MAX (LARGE_PAGE_BYTES / 8)

static bool are_allowed(void);
static size_t bytes_in_use(void *memory, size_t bytes);

void
pages_enlarge(void *memory)
{
    uint8_t *large = memory;

    large -= (uintptr_t)large % LARGE_PAGE_BYTES;
    if (mem_is_from_malloc() && are_allowed() &&
        bytes_in_use(large, LARGE_PAGE_BYTES) >= LARGE_PAGE_BYTES - UNUSED_BYTES_MAX)
        (void)madvise(large, LARGE_PAGE_BYTES, MADV_COLLAPSE); /* a wish */
}

/* Does the system's owner allow large pages? MADV_COLLAPSE does not ask. */
static bool
are_allowed(void)
{
    static atomic_int known; /* 0: not yet, 1: they are, 2: they are not */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);

    if (answer == 0) {
        const int file =
            open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
        char text[64] = "";

        if (file >= 0) {
            if (read(file, text, sizeof text - 1) < 0)
                text[0] = 0;
            close(file);
        }
        answer = text[0] == 0 || strstr(text, "[never]") != NULL ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 1;
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
