/* SPDX-License-Identifier: MIT */

/*
 * Blocks that go to files of a store, as the library itself puts them there.
 */

#include "harness/elsewhere.h"

#include "batch/fence.h"
#include "harness/directory.h"
#include "runtime/runtime.h"
#include "spine/fault.h"
#include "spine/store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The least cache there is: blocks leave it as soon as nobody has them pinned. */
#define CACHE_BYTES 1u
/* Inserted batches of so many bytes go to a file at once, most of those of tests. */
#define INSERT_BYTES_MIN 1000u

/* Removed when the process ends. */
static char root[DIRECTORY_BYTES];
static atomic_uint stores;

static struct spine_store *store_new(enum elsewhere_mode mode);
static bool backend_new(enum elsewhere_mode mode, struct spine_backend *out);
static void fail_reads(void *argument, enum spine_operation operation, const char *name,
                       uint64_t offset, size_t size, struct spine_fault *fault);
static bool every_third_stays(const void *context, size_t index);

enum elsewhere_mode
elsewhere_mode(void)
{
    static const char *const names[] = {"copies",    "files", "mixed",
                                        "directory", "spill", "none"};
    const char *name = getenv("SPINE_ELSEWHERE");

    for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum elsewhere_mode)i;
    return ELSEWHERE_COPIES;
}

void
elsewhere_move_to_file(enum elsewhere_mode mode, struct spine_batch *batch)
{
    const unsigned number = atomic_load(&stores);
    const struct batch_moves moves = {mode == ELSEWHERE_MIXED ? every_third_stays : NULL,
                                      &number};
    /* Small batches have filters, too. */
    const struct lookup_options lookup = {0.01, 1};
    struct spine_store *store = store_new(mode);
    struct spine_error error = {0};

    if (store == NULL ||
        batch_move_to_file(batch, store, moves, &lookup, &error) != SPINE_OK) {
        fprintf(stderr, "elsewhere: %s\n", error.message);
        abort();
    }
    /* Its files keep it. */
    spine_store_close(store);
}

struct runtime_service *
elsewhere_place(struct placement *placement)
{
    if (elsewhere_mode() != ELSEWHERE_SPILL)
        return NULL;
    placement->store = store_new(ELSEWHERE_SPILL);
    if (placement->store == NULL)
        return NULL;
    atomic_store(&placement->output_bytes_min, 1);
    atomic_store(&placement->insert_bytes_min, INSERT_BYTES_MIN);
    return (struct runtime_service *)(void *)placement->store;
}

static struct spine_store *
store_new(enum elsewhere_mode mode)
{
    const struct spine_store_options options = {.cache_bytes = CACHE_BYTES};
    struct spine_backend backend;
    struct spine_store *store;

    if (!backend_new(mode, &backend))
        return NULL;
    if (spine_store_open(&backend, &options, &store, NULL) != SPINE_OK) {
        spine_backend_release(&backend);
        return NULL;
    }
    return store;
}

/* False without memory. */
static bool
backend_new(enum elsewhere_mode mode, struct spine_backend *out)
{
    const unsigned number = atomic_fetch_add(&stores, 1);
    struct spine_backend inner;
    enum spine_status st;
    char path[DIRECTORY_BYTES + 16];

    if (mode != ELSEWHERE_DIRECTORY)
        st = spine_memory_backend(&inner, NULL);
    else {
        if (number == 0)
            directory_make(root, "/tmp/spine_elsewhere");
        (void)snprintf(path, sizeof path, "%s/%u", root, number);
        st = spine_directory_backend(path, NULL, &inner, NULL);
    }
    if (st != SPINE_OK)
        return false;
    st = spine_fault_backend(&inner, fail_reads, NULL, out, NULL);
    if (st != SPINE_OK)
        spine_backend_release(&inner);
    return st == SPINE_OK;
}

static void
fail_reads(void *argument, enum spine_operation operation, const char *name,
           uint64_t offset, size_t size, struct spine_fault *fault)
{
    (void)argument;
    (void)name;
    (void)offset;
    (void)size;
    if (operation == SPINE_OPERATION_READ_AT && elsewhere_fails(&fault->status))
        fault->message = ELSEWHERE_MESSAGE " of a file";
}

static bool
every_third_stays(const void *context, size_t index)
{
    const unsigned *number = context;

    return (index + *number) % 3 != 0;
}
