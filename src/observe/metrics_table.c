/* SPDX-License-Identifier: MIT */

/* The tables of metrics: what each is called, where its number is, how numbers of several
 * spines are added up. */

#include "observe/observe.h"

#include "base/assert.h"

#include <string.h>

/* The functions of ratios. */
#define RATIO(type, prefix, name, over, under)                                           \
    static void prefix##name(const void *stats, double *part, double *whole)             \
    {                                                                                    \
        const struct type *of = stats;                                                   \
                                                                                         \
        *part = (over);                                                                  \
        *whole = (double)(under);                                                        \
    }
#define SPINE_LEVEL_RATIO(name, over, under, help)                                       \
    RATIO(spine_level_stats, level_, name, over, under)
#define SPINE_SPINE_RATIO(name, over, under, help)                                       \
    RATIO(spine_stats, spine_, name, over, under)
#define SPINE_STORE_RATIO(name, over, under, help)                                       \
    RATIO(spine_store_stats, store_, name, over, under)
#include "spine/metrics.def"

#define METRIC(type, field, kind, name, help)                                            \
    {#field, #name, help, METRIC_##kind, offsetof(struct type, field), NULL},
#define METRIC_OF_RATIO(prefix, name, help)                                              \
    {#name, #name, help, METRIC_RATIO, 0, prefix##name},

static const struct metric level_metrics[] = {
#define SPINE_LEVEL_METRIC(field, kind, name, help)                                      \
    METRIC(spine_level_stats, field, kind, name, help)
#define SPINE_LEVEL_RATIO(name, over, under, help) METRIC_OF_RATIO(level_, name, help)
#include "spine/metrics.def"
};

static const struct metric spine_metrics[] = {
#define SPINE_SPINE_METRIC(field, kind, name, help)                                      \
    METRIC(spine_stats, field, kind, name, help)
#define SPINE_SPINE_RATIO(name, over, under, help) METRIC_OF_RATIO(spine_, name, help)
#include "spine/metrics.def"
};

static const struct metric runtime_metrics[] = {
#define SPINE_RUNTIME_METRIC(field, kind, name, help)                                    \
    METRIC(spine_runtime_stats, field, kind, name, help)
#include "spine/metrics.def"
};

#define METRIC_OF_HISTOGRAM(type, field, name, help)                                     \
    {#field, #name, help, METRIC_HISTOGRAM, offsetof(struct type, field), NULL},
#define METRIC_OF_SIZES(type, field, name, help)                                         \
    {#field, #name, help, METRIC_SIZES, offsetof(struct type, field), NULL},

static const struct metric store_metrics[] = {
#define SPINE_STORE_METRIC(field, kind, name, help)                                      \
    METRIC(spine_store_stats, field, kind, name, help)
#define SPINE_STORE_HISTOGRAM(field, name, help)                                         \
    METRIC_OF_HISTOGRAM(spine_store_stats, field, name, help)
#define SPINE_STORE_SIZES(field, name, help)                                             \
    METRIC_OF_SIZES(spine_store_stats, field, name, help)
#define SPINE_STORE_RATIO(name, over, under, help) METRIC_OF_RATIO(store_, name, help)
#include "spine/metrics.def"
};

#define TABLE(prefix, metrics)                                                           \
    {                                                                                    \
        prefix, metrics, sizeof metrics / sizeof *metrics                                \
    }
const struct metric_table level_table = TABLE("spine_level_", level_metrics);
const struct metric_table spine_table = TABLE("spine_", spine_metrics);
const struct metric_table runtime_table = TABLE("spine_runtime_", runtime_metrics);
const struct metric_table store_table = TABLE("spine_store_", store_metrics);

const char *const pressure_names[SPINE_PRESSURES] = {"none", "moderate", "high",
                                                     "critical", "full"};

static void add_fields(const struct metric_table *table, void *to, const void *of);

uint64_t
metric_value(const struct metric *metric, const void *stats)
{
    uint64_t value;

    assert(metric->kind != METRIC_RATIO);
    memcpy(&value, (const char *)stats + metric->offset, sizeof value);
    return value;
}

bool
metric_is_histogram(const struct metric *metric)
{
    return metric->kind == METRIC_HISTOGRAM || metric->kind == METRIC_SIZES;
}

const uint64_t *
metric_histogram(const struct metric *metric, const void *stats)
{
    static_assert(offsetof(struct spine_histogram, sum_ns) ==
                          SPINE_BUCKETS * sizeof(uint64_t) &&
                      offsetof(struct spine_size_histogram, sum_bytes) ==
                          SPINE_BUCKETS * sizeof(uint64_t),
                  "the sum of a histogram is behind its counts");

    assert(metric_is_histogram(metric));
    return (const void *)((const char *)stats + metric->offset);
}

bool
metric_ratio(const struct metric *metric, const void *stats, double *out)
{
    double part, whole;

    assert(metric->kind == METRIC_RATIO && metric->on_ratio != NULL);
    metric->on_ratio(stats, &part, &whole);
    *out = whole > 0 ? part / whole : 0;
    return whole > 0;
}

void
spine_stats_add(struct spine_stats *to, const struct spine_stats *of)
{
    add_fields(&spine_table, to, of);
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        add_fields(&level_table, &to->levels[level], &of->levels[level]);
}

static void
add_fields(const struct metric_table *table, void *to, const void *of)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct metric *metric = &table->metrics[i];
        uint64_t sum, more;

        assert(metric->kind != METRIC_HISTOGRAM);
        if (metric->kind == METRIC_RATIO)
            continue;
        sum = metric_value(metric, to);
        more = metric_value(metric, of);
        if (metric->kind != METRIC_MOST && metric->kind != METRIC_MOST_NS)
            sum += more;
        else if (more > sum)
            sum = more;
        memcpy((char *)to + metric->offset, &sum, sizeof sum);
    }
}
