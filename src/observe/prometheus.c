/* SPDX-License-Identifier: MIT */

/*
 * The text format 0.0.4: for each metric its help, its type, and a line for each of the
 * things that it is of.
 */

#include "observe/observe.h"

#include "base/assert.h"

/* Things that have the metrics of one table. */
struct things {
    const struct metric_table *table;
    size_t count;
    /* The structure with the metrics of thing `i`. */
    const void *(*on_thing)(const struct observed *observed, size_t i);
    /* Writes its labels, in braces; NULL: it has none. */
    void (*on_labels)(struct text_out *out, const struct observed *observed, size_t i);
};

static void
write_things(struct text_out *out, const struct observed *observed, struct things things);
static void write_header(struct text_out *out, const struct metric_table *table,
                         const struct metric *metric);
static void write_name(struct text_out *out, const struct metric_table *table,
                       const struct metric *metric);
static void
write_value(struct text_out *out, const struct metric *metric, const void *stats);
static void write_buckets(struct text_out *out, const struct metric_table *table,
                          const struct metric *metric, const void *stats);
static void write_pressure(struct text_out *out, const struct spine_runtime_stats *stats);
static void
write_retention_filters(struct text_out *out, const struct observed *observed);
static void
write_filter(struct text_out *out, const char *spine, const char *of, const char *filter);
static const void *the_runtime(const struct observed *observed, size_t i);
static const void *the_store(const struct observed *observed, size_t i);
static const void *the_spine(const struct observed *observed, size_t i);
static const void *the_level(const struct observed *observed, size_t i);
static void spine_label(struct text_out *out, const struct observed *observed, size_t i);
static void level_labels(struct text_out *out, const struct observed *observed, size_t i);

void
prometheus_write(struct text_out *out, const struct observed *observed)
{
    assert(observed->spines != NULL || observed->spine_count == 0);
    write_things(out, observed, (struct things){&runtime_table, 1, the_runtime, NULL});
    write_pressure(out, &observed->runtime);
    if (observed->has_store)
        write_things(out, observed, (struct things){&store_table, 1, the_store, NULL});
    write_things(
        out, observed,
        (struct things){&spine_table, observed->spine_count, the_spine, spine_label});
    write_things(out, observed,
                 (struct things){&level_table, observed->spine_count * SPINE_LEVELS,
                                 the_level, level_labels});
    write_retention_filters(out, observed);
}

static void
write_things(struct text_out *out, const struct observed *observed, struct things things)
{
    for (size_t at = 0; at < things.table->count; at++) {
        const struct metric *metric = &things.table->metrics[at];

        write_header(out, things.table, metric);
        for (size_t i = 0; i < things.count; i++) {
            const void *stats = things.on_thing(observed, i);
            double ratio;

            if (metric->kind == METRIC_RATIO && !metric_ratio(metric, stats, &ratio))
                continue;
            if (metric_is_histogram(metric)) {
                assert(things.on_labels == NULL);
                write_buckets(out, things.table, metric, stats);
                continue;
            }
            write_name(out, things.table, metric);
            if (things.on_labels != NULL)
                things.on_labels(out, observed, i);
            text_put(out, " ");
            write_value(out, metric, stats);
            text_put(out, "\n");
        }
    }
}

static void
write_header(struct text_out *out, const struct metric_table *table,
             const struct metric *metric)
{
    const bool grows = metric->kind == METRIC_TOTAL || metric->kind == METRIC_TOTAL_NS;

    text_put(out, "# HELP ");
    write_name(out, table, metric);
    text_put(out, " ");
    text_put(out, metric->help);
    text_put(out, "\n# TYPE ");
    write_name(out, table, metric);
    text_put(out, metric_is_histogram(metric) ? " histogram\n"
                  : grows                     ? " counter\n"
                                              : " gauge\n");
}

static void
write_name(struct text_out *out, const struct metric_table *table,
           const struct metric *metric)
{
    text_put(out, table->prefix);
    text_put(out, metric->name);
    if (metric->kind == METRIC_TOTAL || metric->kind == METRIC_TOTAL_NS)
        text_put(out, "_total");
}

static void
write_value(struct text_out *out, const struct metric *metric, const void *stats)
{
    double ratio = 0;

    switch (metric->kind) {
    case METRIC_GAUGE:
    case METRIC_MOST:
    case METRIC_TOTAL:
        text_put_number(out, metric_value(metric, stats));
        break;
    case METRIC_MOST_NS:
    case METRIC_TOTAL_NS:
        text_put_real(out, (double)metric_value(metric, stats) * 1e-9);
        break;
    case METRIC_RATIO:
        (void)metric_ratio(metric, stats, &ratio); /* the caller saw that there is one */
        text_put_real(out, ratio);
        break;
    case METRIC_HISTOGRAM:
    case METRIC_SIZES:
        assert(!"a histogram has no one value");
        break;
    }
}

/* Its buckets, each with all shorter ones, then the sum and the count. */
static void
write_buckets(struct text_out *out, const struct metric_table *table,
              const struct metric *metric, const void *stats)
{
    const uint64_t *const counts = metric_histogram(metric, stats);
    const bool is_size = metric->kind == METRIC_SIZES;
    uint64_t count = 0;

    for (unsigned i = 0; i < SPINE_BUCKETS; i++) {
        count += counts[i];
        write_name(out, table, metric);
        text_put(out, "_bucket{le=\"");
        if (i + 1 < SPINE_BUCKETS)
            text_put_real(out, (double)(UINT64_C(1) << i) * (is_size ? 1024 : 1e-6));
        else
            text_put(out, "+Inf");
        text_put(out, "\"} ");
        text_put_number(out, count);
        text_put(out, "\n");
    }
    write_name(out, table, metric);
    text_put(out, "_sum ");
    if (is_size)
        text_put_number(out, counts[SPINE_BUCKETS]);
    else
        text_put_real(out, (double)counts[SPINE_BUCKETS] * 1e-9);
    text_put(out, "\n");
    write_name(out, table, metric);
    text_put(out, "_count ");
    text_put_number(out, count);
    text_put(out, "\n");
}

static void
write_pressure(struct text_out *out, const struct spine_runtime_stats *stats)
{
    text_put(out,
             "# HELP spine_runtime_pressure How near memory is to its limit: 0 none, "
             "1 moderate, 2 high, 3 critical, 4 full.\n"
             "# TYPE spine_runtime_pressure gauge\n"
             "spine_runtime_pressure ");
    text_put_number(out, (uint64_t)stats->pressure);
    text_put(out, "\n# HELP spine_runtime_pressure_seconds_total Time at each pressure.\n"
                  "# TYPE spine_runtime_pressure_seconds_total counter\n");
    for (unsigned i = 0; i < SPINE_PRESSURES; i++) {
        text_put(out, "spine_runtime_pressure_seconds_total{pressure=\"");
        text_put(out, pressure_names[i]);
        text_put(out, "\"} ");
        text_put_real(out, (double)stats->pressure_ns[i] * 1e-9);
        text_put(out, "\n");
    }
}

static void
write_retention_filters(struct text_out *out, const struct observed *observed)
{
    text_put(out,
             "# HELP spine_retention_filter 1 for each retention filter that is set, "
             "of the keys or the values of a spine.\n"
             "# TYPE spine_retention_filter gauge\n");
    for (size_t i = 0; i < observed->spine_count; i++) {
        const struct spine_stats *stats = &observed->spines[i];

        write_filter(out, stats->name, "keys", stats->key_filter);
        write_filter(out, stats->name, "values", stats->value_filter);
    }
}

static void
write_filter(struct text_out *out, const char *spine, const char *of, const char *filter)
{
    if (filter[0] == '\0')
        return;
    text_put(out, "spine_retention_filter{spine=\"");
    text_put_name(out, spine);
    text_put(out, "\",of=\"");
    text_put(out, of);
    text_put(out, "\",filter=\"");
    text_put_name(out, filter);
    text_put(out, "\"} 1\n");
}

static const void *
the_runtime(const struct observed *observed, size_t i)
{
    (void)i;
    return &observed->runtime;
}

static const void *
the_store(const struct observed *observed, size_t i)
{
    (void)i;
    return &observed->store;
}

static const void *
the_spine(const struct observed *observed, size_t i)
{
    return &observed->spines[i];
}

static const void *
the_level(const struct observed *observed, size_t i)
{
    return &observed->spines[i / SPINE_LEVELS].levels[i % SPINE_LEVELS];
}

static void
spine_label(struct text_out *out, const struct observed *observed, size_t i)
{
    text_put(out, "{spine=\"");
    text_put_name(out, observed->spines[i].name);
    text_put(out, "\"}");
}

static void
level_labels(struct text_out *out, const struct observed *observed, size_t i)
{
    text_put(out, "{spine=\"");
    text_put_name(out, observed->spines[i / SPINE_LEVELS].name);
    text_put(out, "\",level=\"");
    text_put_number(out, i % SPINE_LEVELS);
    text_put(out, "\"}");
}
