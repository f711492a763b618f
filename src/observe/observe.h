/* SPDX-License-Identifier: MIT */
#ifndef OBSERVE_OBSERVE_H
#define OBSERVE_OBSERVE_H

/*
 * observe/ -- what is told of a runtime to its watchers.
 *
 *     metrics_table.c    spine/metrics.def as tables, and sums of statistics
 *     prometheus.c       all of them as the text that Prometheus reads
 *     json.c             all of them as JSON
 *     text_out.c         text on its way to the host, and names in it
 *     trace_writer.c     events as what trace viewers open
 *
 * Knows structures of statistics only; src/metrics.c fills them.
 *
 *     spine_get_stats() ... --> struct observed --> prometheus_write() --> the host
 */

#include "spine/metrics.h"
#include "spine/store.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Static probes for bpftrace, perf and SystemTap, where the system has the header for
 * them: a nop each, and arguments that are at hand.
 *
 *     bpftrace -e 'usdt:libspine.so:spine:stall { @[arg0] = hist(arg3); }'
 *
 *     insert         spine, level, rows, sequence
 *     merge__begin   spine, level, rows, merge
 *     slice          spine, level, fuel that it used, nanoseconds
 *     merge__end     spine, level, rows written, merge
 *     stall          spine, loose batches, status, nanoseconds
 */
#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define PROBE(name, a, b, c, d) DTRACE_PROBE4(spine, name, a, b, c, d)
#endif
#endif
#ifndef PROBE
#define PROBE(name, a, b, c, d) ((void)0)
#endif

/* ---- text_out.c ---- */

/* Text on its way to the host. Sticky: after a failure nothing more is written. */
struct text_out {
    spine_write_fn *write;
    void *context;
    enum spine_status status;
    size_t used;
    char buffer[4096];
};

void text_begin(struct text_out *out, spine_write_fn *write, void *context);
/* Hands over what is left, and tells whether all went well. */
enum spine_status text_end(struct text_out *out);
void text_put(struct text_out *out, const char *text);
void text_put_number(struct text_out *out, uint64_t number);
/* Seconds, or a ratio: nine digits behind the point, less what is zero at the end. */
void text_put_real(struct text_out *out, double number);
/* Writes a name as part of a label of Prometheus or of a string of JSON; "?" for what is
 * not UTF-8 or a control character. */
void text_put_name(struct text_out *out, const char *name);
/* Is this UTF-8 of at most `bytes_max` bytes and without control characters? */
bool name_is_text(const char *name, size_t bytes_max);

/* ---- metrics_table.c ---- */

enum metric_kind {
    METRIC_GAUGE,
    METRIC_MOST,
    METRIC_MOST_NS,
    METRIC_TOTAL,
    METRIC_TOTAL_NS,
    METRIC_RATIO,
    METRIC_HISTOGRAM,
    METRIC_SIZES
};

struct metric {
    const char *field; /* in C and JSON */
    const char *name;  /* in Prometheus, less a prefix and _total */
    const char *help;
    enum metric_kind kind;
    size_t offset; /* of a uint64_t, or a histogram */
    /* METRIC_RATIO only. */
    void (*on_ratio)(const void *stats, double *part, double *whole);
};

/* The metrics of one kind of structure. */
struct metric_table {
    const char *prefix; /* in Prometheus */
    const struct metric *metrics;
    size_t count;
};

extern const struct metric_table level_table;
extern const struct metric_table spine_table;
extern const struct metric_table runtime_table;
extern const struct metric_table store_table;

/* The value of a metric that is a number. */
uint64_t metric_value(const struct metric *metric, const void *stats);
/* The value of a ratio; false when it has none, as what it is of is zero. */
bool metric_ratio(const struct metric *metric, const void *stats, double *out);
/* Is it a histogram, of times or of sizes? */
bool metric_is_histogram(const struct metric *metric);
/* Such a one, as SPINE_BUCKETS counts and the sum behind them. */
const uint64_t *metric_histogram(const struct metric *metric, const void *stats);
/* Adds up what is told of two spines, as if they were one. Names stay those of `to`. */
void spine_stats_add(struct spine_stats *to, const struct spine_stats *of);

/* ---- prometheus.c, json.c ---- */

/* All that is told of a runtime. */
struct observed {
    struct spine_runtime_stats runtime;
    struct spine_store_stats store;
    bool has_store;
    /* By name, no two the same. */
    const struct spine_stats *spines;
    size_t spine_count;
};

extern const char *const pressure_names[SPINE_PRESSURES];

void prometheus_write(struct text_out *out, const struct observed *observed);
void json_write(struct text_out *out, const struct observed *observed);

#endif
