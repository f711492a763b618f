/* SPDX-License-Identifier: MIT */
#ifndef SPINE_METRICS_H
#define SPINE_METRICS_H

/*
 * What a spine has done and holds, in numbers, and what a runtime holds.
 */

#include "spine/filter.h"
#include "spine/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spine_runtime;

/* Levels of a spine, 0 to SPINE_LEVELS - 1. */
#define SPINE_LEVELS 9

/* The most bytes of the name of a spine. */
#define SPINE_LABEL_MAX 63

/* The fields of the structures below, what they mean, and their names outside are in
 * spine/metrics.def. */
#define SPINE_METRIC_FIELD(field, kind, name, help) uint64_t field;

/* How often something took how long. */
#define SPINE_BUCKETS 26
struct spine_histogram {
    /* Number i: less than 2^i microseconds, and not less than half of that; the first has
     * all shorter ones, the last all longer ones. */
    uint64_t counts[SPINE_BUCKETS];
    /* Of all, in nanoseconds. */
    uint64_t sum_ns;
};

/* How often something had what size. */
struct spine_size_histogram {
    /* Number i: less than 2^i KiB, and not less than half of that; the first has all
     * smaller ones, the last all larger ones. */
    uint64_t counts[SPINE_BUCKETS];
    /* Of all. */
    uint64_t sum_bytes;
};

/* What a level of a spine holds and has done. */
struct spine_level_stats {
#define SPINE_LEVEL_METRIC SPINE_METRIC_FIELD
#include "spine/metrics.def"
};

/* What a spine holds and has done, and each of its levels. */
struct spine_stats {
    struct spine_level_stats levels[SPINE_LEVELS];
#define SPINE_SPINE_METRIC SPINE_METRIC_FIELD
#include "spine/metrics.def"
    /* The name of the spine (spine_options), and of its retention filters. */
    char name[SPINE_LABEL_MAX + 1];
    char key_filter[SPINE_FILTER_NAME_MAX + 1];
    char value_filter[SPINE_FILTER_NAME_MAX + 1];
};

/* How near a runtime is to its memory limit (spine_runtime_options). */
enum spine_pressure {
    SPINE_PRESSURE_NONE = 0,
    /* From 85 %: outputs of 1 MiB go to files, inserted batches of min_storage_bytes. */
    SPINE_PRESSURE_MODERATE,
    /* From 90 %: all do; what is in memory is merged into files, the cache shrinks. */
    SPINE_PRESSURE_HIGH,
    /* From 95 %: merges begin one at a time unless they surely fit. */
    SPINE_PRESSURE_CRITICAL,
    /* Inserts wait. */
    SPINE_PRESSURE_FULL
};
/* How many levels of pressure there are. */
#define SPINE_PRESSURES 5

/* What a runtime holds. A level of pressure ends 5 % below where it begins. */
struct spine_runtime_stats {
#define SPINE_RUNTIME_METRIC SPINE_METRIC_FIELD
#include "spine/metrics.def"
    enum spine_pressure pressure;
    /* Time at each level. */
    uint64_t pressure_ns[SPINE_PRESSURES];
};

/* Fills `*out`, with zeros for no runtime. Each number is exact; together they may be of
 * different moments. Any thread. */
SPINE_API void
spine_runtime_get_stats(struct spine_runtime *runtime, struct spine_runtime_stats *out);

/* Takes a piece of text, which is not terminated. Anything but SPINE_OK ends the call
 * that writes, and is its answer. */
typedef enum spine_status
spine_write_fn(void *context, const char *text, size_t text_bytes);

/*
 * Writes all metrics of a runtime, its store and its spines, in the text format 0.0.4 of
 * Prometheus, or as one object of JSON. Spines have a label `spine`, their name; those of
 * the same name, such as those without one, are told as one: sums, and the greatest of
 * what is a greatest.
 *
 *     spine_level_rows{spine="orders",level="3"} 812345
 *
 *     {"runtime":{...},"store":{...},"spines":[{"name":"orders",...,"levels":[...]}]}
 *
 * In JSON times are in nanoseconds. `write` is called in this thread, without locks, some
 * kilobytes at a time, after all was counted. SPINE_NOMEM; SPINE_BUSY in an on_done that
 * spine_runtime_close() calls; what `write` answered. Any thread; as cheap as
 * spine_get_stats() of every spine.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_metrics_prometheus(struct spine_runtime *runtime, spine_write_fn *write,
                         void *context, struct spine_error *error);
SPINE_API SPINE_CHECKED enum spine_status
spine_metrics_json(struct spine_runtime *runtime, spine_write_fn *write, void *context,
                   struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
