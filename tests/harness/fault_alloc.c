/* SPDX-License-Identifier: MIT */
#include "harness/fault_alloc.h"

#include "harness/figure.h"
#include "spine/types.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_LIVE UINT64_C(0x5eed11fe5eed11fe)
#define MAGIC_DEAD UINT64_C(0xdeadb10cdeadb10c)
#define TAIL_BYTES 8u
#define GARBAGE 0xa5

/* Two words, so that what follows is aligned for any type. */
struct header {
    uint64_t magic;
    uint64_t bytes;
};

static struct {
    atomic_size_t blocks;
    atomic_size_t bytes;
    atomic_uint_fast64_t count;
    /* Allocations until one fails; 0 when none will. */
    atomic_uint_fast64_t left;
    atomic_bool forever;
    atomic_bool armed;
    atomic_bool paused;
    atomic_bool fired;
} fault;

static _Thread_local bool thread_is_exempt;

static void *on_alloc(void *context, size_t bytes);
static void on_free(void *context, void *memory, size_t bytes);
static bool must_fail(void);
static void complain(const char *what, size_t bytes);

void
fault_alloc_install(void)
{
    const struct spine_allocator allocator = {NULL, on_alloc, on_free};

    fault_alloc_disarm();
    if (spine_set_allocator(&allocator) != SPINE_OK)
        complain("is alive as the allocator changes", spine_allocated_bytes());
}

void
fault_alloc_remove(void)
{
    if (spine_set_allocator(NULL) != SPINE_OK)
        complain("is alive as the allocator changes", spine_allocated_bytes());
}

void
fault_alloc_arm(enum fault_mode mode, uint64_t nth)
{
    atomic_store(&fault.left, nth);
    atomic_store(&fault.forever, mode == FAULT_FOREVER);
    atomic_store(&fault.fired, false);
    atomic_store(&fault.paused, false);
    atomic_store(&fault.armed, true);
}

bool
fault_alloc_disarm(void)
{
    const bool fired = atomic_load(&fault.fired);

    if (atomic_exchange(&fault.armed, false) && fired)
        figure_add("allocations that failed", 1);
    return fired;
}

void
fault_alloc_pause(void)
{
    atomic_store(&fault.paused, true);
}

void
fault_alloc_resume(void)
{
    atomic_store(&fault.paused, false);
}

void
fault_alloc_exempt(bool exempt)
{
    thread_is_exempt = exempt;
}

bool
fault_alloc_fired(void)
{
    return atomic_load(&fault.fired);
}

size_t
fault_alloc_live_blocks(void)
{
    return atomic_load(&fault.blocks);
}

size_t
fault_alloc_live_bytes(void)
{
    return atomic_load(&fault.bytes);
}

uint64_t
fault_alloc_count(void)
{
    return atomic_load(&fault.count);
}

static void *
on_alloc(void *context, size_t bytes)
{
    struct header *header;

    (void)context;
    if (bytes == 0)
        complain("asked for nothing", bytes);
    if (!thread_is_exempt && !atomic_load(&fault.paused))
        atomic_fetch_add(&fault.count, 1);
    if (must_fail())
        return NULL;
    header = malloc(sizeof *header + bytes + TAIL_BYTES);
    if (header == NULL)
        return NULL;
    header->magic = MAGIC_LIVE;
    header->bytes = bytes;
    memset(header + 1, GARBAGE, bytes + TAIL_BYTES);
    atomic_fetch_add(&fault.blocks, 1);
    atomic_fetch_add(&fault.bytes, bytes);
    return header + 1;
}

static void
on_free(void *context, void *memory, size_t bytes)
{
    struct header *header = (struct header *)memory - 1;

    (void)context;
    if (header->magic == MAGIC_DEAD)
        complain("freed twice", bytes);
    if (header->magic != MAGIC_LIVE)
        complain("freed what is not ours, or overwritten before its begin", bytes);
    if (header->bytes != bytes)
        complain("freed with another size", bytes);
    for (size_t i = 0; i < TAIL_BYTES; i++)
        if (((uint8_t *)memory)[bytes + i] != GARBAGE)
            complain("overwritten past its end", bytes);
    header->magic = MAGIC_DEAD;
    memset(memory, GARBAGE, bytes);
    atomic_fetch_sub(&fault.blocks, 1);
    atomic_fetch_sub(&fault.bytes, bytes);
    free(header);
}

static bool
must_fail(void)
{
    if (thread_is_exempt || !atomic_load(&fault.armed) || atomic_load(&fault.paused))
        return false;
    if (atomic_load(&fault.fired))
        return atomic_load(&fault.forever);
    if (atomic_fetch_sub(&fault.left, 1) != 1)
        return false;
    atomic_store(&fault.fired, true);
    return true;
}

static void
complain(const char *what, size_t bytes)
{
    fprintf(stderr, "allocator: memory of %zu bytes %s\n", bytes, what);
    abort();
}
