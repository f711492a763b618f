/* SPDX-License-Identifier: MIT */
#include "demo/storage.h"

#include "demo/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *make_directory(void);

struct spine_runtime *
storage_open(struct storage *storage, uint64_t memory_limit_bytes)
{
    struct spine_runtime_options options = {.memory_limit_bytes = memory_limit_bytes};
    struct spine_runtime *runtime;
    struct spine_backend backend;
    struct spine_error error;

    *storage = (struct storage){0};
    if (memory_limit_bytes > 0) {
        storage->directory = make_directory();
        must(spine_directory_backend(storage->directory, NULL, &backend, &error), &error,
             "spine_directory_backend");
        must(spine_store_open(&backend, NULL, &storage->store, &error), &error,
             "spine_store_open");
        options.store = storage->store;
    }
    must(spine_runtime_open(&options, &runtime, &error), &error, "spine_runtime_open");
    return runtime;
}

static char *
make_directory(void)
{
    const char *const parent = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    const size_t room = strlen(parent) + sizeof "/ontology-XXXXXX";
    char *const directory = grow(NULL, room, 1);

    (void)snprintf(directory, room, "%s/ontology-XXXXXX", parent);
    if (mkdtemp(directory) == NULL)
        fail("%s: %s", directory, strerror(errno));
    return directory;
}

/* The store has removed its files, but for that of the lock. */
void
storage_close(struct storage *storage)
{
    if (storage->directory == NULL)
        return;

    const size_t room = strlen(storage->directory) + sizeof "/.lock";
    char *const lock = grow(NULL, room, 1);

    spine_store_close(storage->store);
    (void)snprintf(lock, room, "%s/.lock", storage->directory);
    if ((unlink(lock) != 0 && errno != ENOENT) || rmdir(storage->directory) != 0)
        fail("%s: %s", storage->directory, strerror(errno));
    free(lock);
    free(storage->directory);
    *storage = (struct storage){0};
}
