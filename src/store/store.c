/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/store_state.h"

#define CACHE_BYTES_DEFAULT ((size_t)64 << 20)

static const char *missing_function(const struct spine_backend *backend);

enum spine_status
spine_store_open(const struct spine_backend *backend,
                 const struct spine_store_options *options, struct spine_store **out,
                 struct spine_error *error)
{
    const struct spine_store_options resolved =
        options != NULL ? *options : (struct spine_store_options){0};
    struct spine_store *store;
    const char *missing;
    enum spine_status st;

    if (out == NULL)
        return spine_fail(error, SPINE_INVALID, "spine_store_open: out is NULL");
    *out = NULL;
    if (backend == NULL)
        return spine_fail(error, SPINE_INVALID, "spine_store_open: backend is NULL");
    missing = missing_function(backend);
    if (missing != NULL)
        return spine_fail(error, SPINE_INVALID,
                          "spine_store_open: the backend has no function %s", missing);
    if (resolved.compression > SPINE_COMPRESSION_NONE)
        return spine_fail(error, SPINE_INVALID,
                          "spine_store_open: compression %d is unknown",
                          (int)resolved.compression);
    store = mem_zalloc(sizeof *store);
    if (store == NULL)
        return fail_nomem(error, "a store", sizeof *store);
    st = cache_init(&store->cache,
                    resolved.cache_bytes > 0 ? resolved.cache_bytes : CACHE_BYTES_DEFAULT,
                    error);
    if (st != SPINE_OK) {
        mem_free(store, sizeof *store);
        return st;
    }
    ref_init(&store->refs);
    store->backend = *backend;
    store->options = resolved;
    *out = store;
    return SPINE_OK;
}

void
spine_store_close(struct spine_store *store)
{
    store_unref(store);
}

struct spine_store *
store_ref(struct spine_store *store)
{
    ref_take(&store->refs);
    return store;
}

void
store_unref(struct spine_store *store)
{
    if (store == NULL || !ref_drop(&store->refs))
        return;
    cache_release(&store->cache);
    spine_backend_release(&store->backend);
    mem_free(store, sizeof *store);
}

void
store_counts(struct spine_store *store, struct store_counts *out)
{
    *out = (struct store_counts){
        .writes = atomic_load_explicit(&store->writes, memory_order_relaxed),
        .write_bytes = atomic_load_explicit(&store->write_bytes, memory_order_relaxed),
        .reads = atomic_load_explicit(&store->reads, memory_order_relaxed),
        .read_bytes = atomic_load_explicit(&store->read_bytes, memory_order_relaxed),
        .files = atomic_load_explicit(&store->files, memory_order_relaxed),
        .file_bytes = atomic_load_explicit(&store->file_bytes, memory_order_relaxed)};
}

void
store_cache_set_bytes(struct spine_store *store, size_t bytes_max)
{
    cache_set_bytes(&store->cache, bytes_max);
}

/* `release` alone may be missing. */
static const char *
missing_function(const struct spine_backend *backend)
{
    const struct {
        const char *name;
        bool there;
    } functions[] = {
        {"create", backend->create != NULL},
        {"write", backend->write != NULL},
        {"finish", backend->finish != NULL},
        {"abort", backend->abort != NULL},
        {"open", backend->open != NULL},
        {"read_at", backend->read_at != NULL},
        {"close", backend->close != NULL},
        {"sync", backend->sync != NULL},
        {"sync_names", backend->sync_names != NULL},
        {"put_new", backend->put_new != NULL},
        {"remove", backend->remove != NULL},
        {"list", backend->list != NULL},
    };

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (!functions[i].there)
            return functions[i].name;
    return NULL;
}
