/* SPDX-License-Identifier: MIT */

/* spine_metrics_...(): the statistics of a runtime and of all its spines, collected
 * without stopping any, and written as text. */

#include "base/alloc.h"
#include "base/container.h"
#include "base/error.h"
#include "core.h"
#include "observe/observe.h"
#include "store/store.h"

typedef void writer_fn(struct text_out *out, const struct observed *observed);

/* The spines that were found so far, by their names. */
struct found {
    struct spine_stats *spines;
    size_t count;
    size_t capacity;
    enum spine_status status;
};

static enum spine_status metrics_write(struct spine_runtime *runtime, writer_fn *writer,
                                       spine_write_fn *write, void *context,
                                       struct spine_error *error);
static void find_spine(struct runtime_watch *watch, void *context);
static void found_add(struct found *found, const struct spine_stats *stats);

enum spine_status
spine_metrics_prometheus(struct spine_runtime *runtime, spine_write_fn *write,
                         void *context, struct spine_error *error)
{
    if (runtime == NULL || write == NULL)
        return fail_null(error, "spine_metrics_prometheus",
                         runtime == NULL ? "runtime" : "write");
    return metrics_write(runtime, prometheus_write, write, context, error);
}

enum spine_status
spine_metrics_json(struct spine_runtime *runtime, spine_write_fn *write, void *context,
                   struct spine_error *error)
{
    if (runtime == NULL || write == NULL)
        return fail_null(error, "spine_metrics_json",
                         runtime == NULL ? "runtime" : "write");
    return metrics_write(runtime, json_write, write, context, error);
}

static enum spine_status
metrics_write(struct spine_runtime *runtime, writer_fn *writer, spine_write_fn *write,
              void *context, struct spine_error *error)
{
    struct spine_store *store = runtime_placement(runtime)->store;
    struct observed observed = {.has_store = store != NULL};
    struct found found = {.status = SPINE_OK};
    struct text_out out;
    enum spine_status st;

    if (runtime_is_lost(runtime))
        return spine_fail(error, SPINE_INVALID,
                          "metrics: the runtime is that of the parent process");
    TRY(runtime_watch_each(runtime, find_spine, &found, error));
    if (found.status != SPINE_OK) {
        st = fail_nomem(error, "the statistics of spines",
                        (found.count + 1) * sizeof *found.spines);
        goto out;
    }
    spine_runtime_get_stats(runtime, &observed.runtime);
    if (store != NULL)
        spine_store_get_stats(store, &observed.store);
    observed.spines = found.spines;
    observed.spine_count = found.count;
    text_begin(&out, write, context);
    writer(&out, &observed);
    st = text_end(&out);
    if (st != SPINE_OK)
        st = spine_fail(error, st,
                        "metrics: the function that takes the text returned %d", (int)st);
out:
    mem_free(found.spines, found.capacity * sizeof *found.spines);
    return st;
}

static void
find_spine(struct runtime_watch *watch, void *context)
{
    struct spine *spine = container_of(watch, struct spine, watch);
    struct spine_stats stats;

    if (!watch->is_spine)
        return;
    spine_get_stats(spine, &stats);
    found_add(context, &stats);
}

static void
found_add(struct found *found, const struct spine_stats *stats)
{
    size_t begin = 0, end = found->count;

    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;

        if (strcmp(found->spines[middle].name, stats->name) < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    if (begin < found->count && strcmp(found->spines[begin].name, stats->name) == 0) {
        spine_stats_add(&found->spines[begin], stats);
        return;
    }
    if (!array_reserve(&found->spines, &found->capacity, sizeof *found->spines,
                       found->count + 1)) {
        found->status = SPINE_NOMEM;
        return;
    }
    memmove(&found->spines[begin + 1], &found->spines[begin],
            (found->count - begin) * sizeof *found->spines);
    found->spines[begin] = *stats;
    found->count++;
}
