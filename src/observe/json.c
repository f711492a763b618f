/* SPDX-License-Identifier: MIT */

/* Statistics as JSON, by the tables of metrics. */

#include "observe/observe.h"

static void write_runtime(struct text_out *out, const struct spine_runtime_stats *stats);
static void write_spine(struct text_out *out, const struct spine_stats *stats);
static void
write_table(struct text_out *out, const struct metric_table *table, const void *stats);
static void write_histogram(struct text_out *out, const struct metric *metric,
                            const uint64_t *counts);
static void write_string(struct text_out *out, const char *key, const char *value);

void
json_write(struct text_out *out, const struct observed *observed)
{
    text_put(out, "{\"runtime\":{");
    write_runtime(out, &observed->runtime);
    text_put(out, "},\"store\":");
    if (observed->has_store) {
        text_put(out, "{");
        write_table(out, &store_table, &observed->store);
        text_put(out, "}");
    } else {
        text_put(out, "null");
    }
    text_put(out, ",\"spines\":[");
    for (size_t i = 0; i < observed->spine_count; i++) {
        text_put(out, i > 0 ? ",{" : "{");
        write_spine(out, &observed->spines[i]);
        text_put(out, "}");
    }
    text_put(out, "]}\n");
}

static void
write_runtime(struct text_out *out, const struct spine_runtime_stats *stats)
{
    write_table(out, &runtime_table, stats);
    text_put(out, ",");
    write_string(out, "pressure", pressure_names[stats->pressure]);
    text_put(out, ",\"pressure_ns\":{");
    for (unsigned i = 0; i < SPINE_PRESSURES; i++) {
        text_put(out, i > 0 ? ",\"" : "\"");
        text_put(out, pressure_names[i]);
        text_put(out, "\":");
        text_put_number(out, stats->pressure_ns[i]);
    }
    text_put(out, "}");
}

static void
write_spine(struct text_out *out, const struct spine_stats *stats)
{
    write_string(out, "name", stats->name);
    text_put(out, ",");
    write_string(out, "key_filter", stats->key_filter);
    text_put(out, ",");
    write_string(out, "value_filter", stats->value_filter);
    text_put(out, ",");
    write_table(out, &spine_table, stats);
    text_put(out, ",\"levels\":[");
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        text_put(out, level > 0 ? ",{" : "{");
        write_table(out, &level_table, &stats->levels[level]);
        text_put(out, "}");
    }
    text_put(out, "]");
}

static void
write_table(struct text_out *out, const struct metric_table *table, const void *stats)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct metric *metric = &table->metrics[i];
        double ratio;

        text_put(out, i > 0 ? ",\"" : "\"");
        text_put(out, metric->field);
        text_put(out, "\":");
        if (metric_is_histogram(metric))
            write_histogram(out, metric, metric_histogram(metric, stats));
        else if (metric->kind != METRIC_RATIO)
            text_put_number(out, metric_value(metric, stats));
        else if (metric_ratio(metric, stats, &ratio))
            text_put_real(out, ratio);
        else
            text_put(out, "null");
    }
}

/* {"counts":[...],"sum_ns":...}, of sizes "sum_bytes". */
static void
write_histogram(struct text_out *out, const struct metric *metric, const uint64_t *counts)
{
    text_put(out, "{\"counts\":[");
    for (unsigned i = 0; i < SPINE_BUCKETS; i++) {
        text_put(out, i > 0 ? "," : "");
        text_put_number(out, counts[i]);
    }
    text_put(out, metric->kind == METRIC_SIZES ? "],\"sum_bytes\":" : "],\"sum_ns\":");
    text_put_number(out, counts[SPINE_BUCKETS]);
    text_put(out, "}");
}

static void
write_string(struct text_out *out, const char *key, const char *value)
{
    text_put(out, "\"");
    text_put(out, key);
    text_put(out, "\":\"");
    text_put_name(out, value);
    text_put(out, "\"");
}
