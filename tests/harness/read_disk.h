/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_READ_DISK_H
#define HARNESS_READ_DISK_H

/*
 * harness/read_disk -- a store in memory whose reads are counted, and fail on demand.
 */

#include "spine/fault.h"
#include "spine/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Zero at first. */
struct read_disk {
    uint64_t reads;
    /* Reads fail with SPINE_IO. */
    bool fails;
    /* They give a wrong bit in this byte of an object, unless it is 0. */
    uint64_t wrong_byte;
    /* The store has it. */
    struct spine_backend backend;
};

static inline void
read_disk_operation(void *argument, enum spine_operation operation, const char *name,
                    uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct read_disk *disk = argument;

    (void)name;
    if (operation != SPINE_OPERATION_READ_AT)
        return;
    disk->reads++;
    if (disk->fails)
        fault->status = SPINE_IO;
    if (disk->wrong_byte > 0 && disk->wrong_byte >= offset &&
        disk->wrong_byte < offset + size)
        fault->flip_bit = 8 * (disk->wrong_byte - offset) + 5;
}

/* A store of the disk, which lives as long. `cache_bytes`: 0 for the default. */
static inline struct spine_store *
read_disk_open(struct read_disk *disk, size_t cache_bytes)
{
    const struct spine_store_options options = {.cache_bytes = cache_bytes};
    struct spine_backend memory;
    struct spine_store *store;

    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(
        spine_fault_backend(&memory, read_disk_operation, disk, &disk->backend, NULL),
        SPINE_OK);
    assert_int_equal(spine_store_open(&disk->backend, &options, &store, NULL), SPINE_OK);
    return store;
}

#endif
