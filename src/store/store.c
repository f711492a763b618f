/* SPDX-License-Identifier: MIT */

/* A store: a backend, the cache of what is read from it, and what is counted. Also the
 * service that a store is to a runtime. */

#include "store/store.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/store_state.h"

#include <unistd.h>

#define CACHE_BYTES_DEFAULT ((size_t)64 << 20)

static enum spine_status serve(struct runtime_service *service,
                               struct spine_runtime *runtime, struct spine_error *error);
static void serve_no_more(struct runtime_service *service, struct spine_runtime *runtime);
static void keep(struct runtime_service *service);
static void let_go(struct runtime_service *service);
static uint64_t memory(struct runtime_service *service);
static uint64_t merge_memory(struct runtime_service *service);
static uint64_t idle_memory(struct runtime_service *service);
static void press(struct runtime_service *service, struct spine_runtime *runtime,
                  const struct service_room *room);
static void shrink(struct runtime_service *service);
static enum spine_status
options_check(const struct spine_store_options *options, struct spine_error *error);
static enum spine_status parts_init(struct spine_store *store,
                                    const struct spine_store_options *options,
                                    struct spine_error *error);
static const char *missing_function(const struct spine_backend *backend);
static void add_usage_locked(struct spine_store *store);

static_assert(offsetof(struct spine_store, service) == 0,
              "a runtime knows no more of a store than its service");
static const struct runtime_service_calls service_calls = {
    keep, let_go, serve, serve_no_more, memory, merge_memory, idle_memory, press, shrink};

enum spine_status
spine_store_open(const struct spine_backend *backend,
                 const struct spine_store_options *options, struct spine_store **out,
                 struct spine_error *error)
{
    struct spine_store_options resolved =
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
    TRY_RETURN(options_check(&resolved, error));
    if (resolved.cache_bytes == 0)
        resolved.cache_bytes = CACHE_BYTES_DEFAULT;
    store = mem_zalloc(sizeof *store);
    if (store == NULL)
        return fail_nomem(error, "a store", sizeof *store);
    st = parts_init(store, &resolved, error);
    if (st != SPINE_OK) {
        mem_free(store, sizeof *store);
        return st;
    }
    ref_init(&store->refs);
    atomic_init(&store->memory_max, UINT64_MAX);
    atomic_init(&store->ahead_max, UINT64_MAX);
    store->process = (long)getpid();
    store->names.next = 1;
    store->service.calls = &service_calls;
    store->backend = *backend;
    store->options = resolved;
    if (resolved.trace != NULL)
        store->trace = *resolved.trace;
    store->options.trace = NULL; /* the host's */
    if (!resolved.keep_leftovers) {
        st = store_remove_leftovers(store, error);
        if (st != SPINE_OK) {
            /* The backend stays the caller's. */
            store->backend = (struct spine_backend){0};
            store_unref(store);
            return st;
        }
    }
    *out = store;
    return SPINE_OK;
}

static enum spine_status
options_check(const struct spine_store_options *options, struct spine_error *error)
{
    if (options->compression > SPINE_COMPRESSION_NONE)
        return spine_fail(error, SPINE_INVALID,
                          "spine_store_open: compression %d is unknown",
                          (int)options->compression);
    if (options->trace != NULL && options->trace->on_event == NULL)
        return spine_fail(error, SPINE_INVALID,
                          "spine_store_open: trace.on_event is NULL");
    return SPINE_OK;
}

/* Makes all parts of a store, or none. */
static enum spine_status
parts_init(struct spine_store *store, const struct spine_store_options *options,
           struct spine_error *error)
{
    enum spine_status st = cache_init(&store->cache, options->cache_bytes, error);

    if (st != SPINE_OK)
        return st;
    st = store_work_init(&store->work, error);
    if (st != SPINE_OK)
        goto no_work;
    st = mutex_init(&store->objects.mutex);
    if (st != SPINE_OK)
        goto no_objects;
    st = unit_pool_init(&store->units);
    if (st != SPINE_OK)
        goto no_units;
    st = mutex_init(&store->turn.mutex);
    if (st != SPINE_OK)
        goto no_turn;
    st = condition_init(&store->turn.ended);
    if (st != SPINE_OK)
        goto no_condition;
    store->guests = store_guests_new();
    if (store->guests != NULL)
        return st;
    st = SPINE_NOMEM;
    condition_release(&store->turn.ended);
no_condition:
    mutex_release(&store->turn.mutex);
no_turn:
    unit_pool_release(&store->units);
no_units:
    mutex_release(&store->objects.mutex);
no_objects:
    (void)fail_nomem(error, "a lock", sizeof store->turn); /* the same status */
    store_work_release(&store->work);
no_work:
    cache_release(&store->cache);
    return st;
}

void
spine_store_close(struct spine_store *store)
{
    if (store == NULL)
        return;
    if (store_work_close(store))
        store_guests_dismiss(store->guests);
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
    mem_free(store->ledger.orphans,
             store->ledger.orphan_room * sizeof *store->ledger.orphans);
    store_guests_unref(store->guests);
    condition_release(&store->turn.ended);
    mutex_release(&store->turn.mutex);
    unit_pool_release(&store->units);
    mutex_release(&store->objects.mutex);
    store_work_release(&store->work);
    cache_release(&store->cache);
    spine_backend_release(&store->backend);
    mem_free(store, sizeof *store);
}

static uint64_t
counted(const atomic_uint_least64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

void
store_counts(struct spine_store *store, struct store_counts *out)
{
    *out = (struct store_counts){.writes = counted(&store->writes),
                                 .write_bytes = counted(&store->write_bytes),
                                 .reads = counted(&store->reads),
                                 .read_bytes = counted(&store->read_bytes),
                                 .files = counted(&store->files),
                                 .file_bytes = counted(&store->file_bytes),
                                 .syncs = counted(&store->syncs),
                                 .files_written = counted(&store->files_written),
                                 .files_removed = counted(&store->files_removed)};
}

void
store_change_bytes(struct spine_store *store, uint64_t more, uint64_t less)
{
    mutex_lock(&store->objects.mutex);
    add_usage_locked(store);
    store_count(&store->file_bytes, more);
    store_uncount(&store->file_bytes, less);
    mutex_unlock(&store->objects.mutex);
}

static void
add_usage_locked(struct spine_store *store)
{
    struct store_usage *const usage = &store->usage;
    const uint64_t now_ns = clock_now_ns();

    assert(mutex_is_held(&store->objects.mutex));
    /* Before the first change there are no bytes. */
    if (usage->since_ns > 0)
        usage->byte_seconds += (double)(now_ns - usage->since_ns) * 1e-9 *
                               (double)counted(&store->file_bytes);
    usage->since_ns = now_ns;
}

/* Bytes of files, each for as many seconds as it was there. */
static uint64_t
byte_seconds(struct spine_store *store)
{
    double so_far;

    mutex_lock(&store->objects.mutex);
    add_usage_locked(store);
    so_far = store->usage.byte_seconds;
    mutex_unlock(&store->objects.mutex);
    return so_far < 0x1p63 ? (uint64_t)so_far : UINT64_MAX;
}

static void
copy_times(const struct store_histogram *times, struct spine_histogram *out)
{
    for (unsigned i = 0; i < SPINE_BUCKETS; i++)
        out->counts[i] = counted(&times->counts[i]);
    out->sum_ns = counted(&times->sum);
}

static void
copy_sizes(const struct store_histogram *sizes, struct spine_size_histogram *out)
{
    for (unsigned i = 0; i < SPINE_BUCKETS; i++)
        out->counts[i] = counted(&sizes->counts[i]);
    out->sum_bytes = counted(&sizes->sum);
}

void
spine_store_get_stats(struct spine_store *store, struct spine_store_stats *out)
{
    struct store_cache_counts cache;
    struct store_counts counts;

    if (out == NULL)
        return;
    *out = (struct spine_store_stats){0};
    if (store == NULL)
        return;
    store_counts(store, &counts);
    store_cache_counts(store, &cache);
    *out = (struct spine_store_stats){.writes = counts.writes,
                                      .write_bytes = counts.write_bytes,
                                      .reads = counts.reads,
                                      .read_bytes = counts.read_bytes,
                                      .syncs = counts.syncs,
                                      .files_written = counts.files_written,
                                      .files_removed = counts.files_removed,
                                      .files = counts.files,
                                      .file_bytes = counts.file_bytes,
                                      .cache_hits = cache.hits,
                                      .cache_misses = cache.misses,
                                      .cache_evictions = cache.evictions,
                                      .cache_bytes = cache.bytes,
                                      .cache_limit_bytes = cache.bytes_max};
    copy_times(&store->write_times, &out->write_times);
    copy_times(&store->read_times, &out->read_times);
    copy_times(&store->sync_times, &out->sync_times);
    copy_sizes(&store->write_sizes, &out->write_sizes);
    copy_sizes(&store->read_sizes, &out->read_sizes);
    out->file_byte_seconds = byte_seconds(store);
    out->checkpoints = counted(&store->checkpoints);
    out->failed_checkpoints = counted(&store->failed_checkpoints);
    out->restores = counted(&store->restores);
    copy_times(&store->checkpoint_times, &out->checkpoint_times);
    copy_times(&store->checkpoint_delays, &out->checkpoint_delays);
    copy_sizes(&store->checkpoint_sizes, &out->checkpoint_sizes);
}

void
store_cache_set_bytes(struct spine_store *store, size_t bytes_max)
{
    cache_set_bytes(&store->cache, bytes_max);
    cache_shrink(&store->cache);
}

static enum spine_status
serve(struct runtime_service *service, struct spine_runtime *runtime,
      struct spine_error *error)
{
    return store_serve((struct spine_store *)(void *)service, runtime, error);
}

static void
serve_no_more(struct runtime_service *service, struct spine_runtime *runtime)
{
    store_serve_no_more((struct spine_store *)(void *)service, runtime);
}

static void
keep(struct runtime_service *service)
{
    (void)store_ref((struct spine_store *)(void *)service);
}

static void
let_go(struct runtime_service *service)
{
    store_unref((struct spine_store *)(void *)service);
}

static uint64_t
memory(struct runtime_service *service)
{
    return store_memory((struct spine_store *)(void *)service);
}

static uint64_t
merge_memory(struct runtime_service *service)
{
    const struct spine_store *store = (struct spine_store *)(void *)service;

    return atomic_load_explicit(&store->merge_memory, memory_order_relaxed);
}

static uint64_t
idle_memory(struct runtime_service *service)
{
    return cache_idle_bytes(&((struct spine_store *)(void *)service)->cache);
}

static void
press(struct runtime_service *service, struct spine_runtime *runtime,
      const struct service_room *room)
{
    store_press((struct spine_store *)(void *)service, runtime, room);
}

static void
shrink(struct runtime_service *service)
{
    struct spine_store *store = (struct spine_store *)(void *)service;

    cache_shrink(&store->cache);
    unit_pool_shrink(store);
}

uint64_t
store_memory(struct spine_store *store)
{
    return atomic_load_explicit(&store->memory, memory_order_relaxed) +
           atomic_load_explicit(&store->cache.bytes, memory_order_relaxed);
}

/* `release` alone may be missing. */
static const char *
missing_function(const struct spine_backend *backend)
{
    const bool puts = backend->put_prepare != NULL || backend->put_publish != NULL ||
                      backend->put_discard != NULL;
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
        /* All three of these, or none. */
        {"put_prepare", backend->put_prepare != NULL || !puts},
        {"put_publish", backend->put_publish != NULL || !puts},
        {"put_discard", backend->put_discard != NULL || !puts},
    };

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (!functions[i].there)
            return functions[i].name;
    return NULL;
}
