/* SPDX-License-Identifier: MIT */
#include "report/results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool field_text(const char *line, const char *name, char *out, size_t size);
static double field_number(const char *line, const char *name);
static bool same_figure(const struct result *a, const struct result *b);
static void results_unite(struct results *results);

void
results_read(struct results *results, const char *path)
{
    char line[1024];
    FILE *const file = fopen(path, "r");

    if (file == NULL)
        bench_fail("%s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file) != NULL) {
        struct result result = {0};
        if (!field_text(line, "workload", result.workload, sizeof result.workload) ||
            !field_text(line, "engine", result.engine, sizeof result.engine) ||
            !field_text(line, "metric", result.metric, sizeof result.metric))
            continue;
        field_text(line, "unit", result.unit, sizeof result.unit);
        result.n = field_number(line, "n");
        result.median = field_number(line, "median");
        result.min = field_number(line, "min");
        result.max = field_number(line, "max");
        result.samples = field_number(line, "samples");
        result.noisy_samples = field_number(line, "noisy_samples");
        if (results->count == results->capacity) {
            results->capacity = results->capacity * 2 + 256;
            results->list =
                realloc(results->list, results->capacity * sizeof *results->list);
            if (results->list == NULL)
                bench_fail("no memory");
        }
        results->list[results->count++] = result;
    }
    fclose(file);
    if (results->count == 0)
        bench_fail("%s: there are no results in it", path);
    results_unite(results);
}

/* Objects are flat and their texts have no escapes, as bench_macro writes them. */
static const char *
field_find(const char *line, const char *name)
{
    char quoted[48];

    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *const at = strstr(line, quoted);
    if (at == NULL)
        return NULL;
    return at + strlen(quoted) + strspn(at + strlen(quoted), " ");
}

static bool
field_text(const char *line, const char *name, char *out, size_t size)
{
    const char *at = field_find(line, name);

    if (at == NULL || *at != '"')
        return false;
    const size_t length = strcspn(++at, "\"");
    if (length >= size)
        return false;
    memcpy(out, at, length);
    out[length] = '\0';
    return true;
}

static double
field_number(const char *line, const char *name)
{
    const char *const at = field_find(line, name);

    return at == NULL ? 0 : strtod(at, NULL);
}

static bool
same_figure(const struct result *a, const struct result *b)
{
    return strcmp(a->workload, b->workload) == 0 && strcmp(a->engine, b->engine) == 0 &&
           strcmp(a->metric, b->metric) == 0 && a->n == b->n;
}

static int
compare_medians(const void *a, const void *b)
{
    const double left = ((const struct result *)a)->median;
    const double right = ((const struct result *)b)->median;

    return (left > right) - (left < right);
}

/* Keeps the order of first appearance. */
static void
results_unite(struct results *results)
{
    struct result *const same = malloc((results->count + 1) * sizeof *same);
    size_t put = 0;

    if (same == NULL)
        bench_fail("no memory");
    for (size_t at = 0; at < results->count; at++) {
        size_t count = 0;
        bool earlier = false;
        for (size_t i = 0; i < put; i++)
            earlier = earlier || same_figure(&results->list[i], &results->list[at]);
        if (earlier)
            continue;
        for (size_t i = at; i < results->count; i++)
            if (same_figure(&results->list[i], &results->list[at]))
                same[count++] = results->list[i];
        qsort(same, count, sizeof *same, compare_medians);
        struct result united = same[count / 2];
        if (count % 2 == 0)
            united.median = (united.median + same[count / 2 - 1].median) / 2;
        united.samples = united.noisy_samples = 0;
        for (size_t i = 0; i < count; i++) {
            united.min = same[i].min < united.min ? same[i].min : united.min;
            united.max = same[i].max > united.max ? same[i].max : united.max;
            united.samples += same[i].samples;
            united.noisy_samples += same[i].noisy_samples;
        }
        results->list[put++] = united;
    }
    results->count = put;
    free(same);
}

const struct result *
results_find(const struct results *results, const char *workload, const char *engine,
             const char *metric, double n)
{
    const struct result *found = NULL;

    for (size_t i = 0; i < results->count; i++) {
        const struct result *const at = &results->list[i];
        if (strcmp(at->workload, workload) == 0 && strcmp(at->engine, engine) == 0 &&
            strcmp(at->metric, metric) == 0 && (n == 0 || at->n == n) &&
            (found == NULL || at->n > found->n))
            found = at;
    }
    return found;
}

bool
result_is_rate(const struct result *result)
{
    return strstr(result->unit, "/s") != NULL;
}

double
result_ratio(const struct result *result, const struct result *other)
{
    return result_is_rate(result) ? result->median / other->median
                                  : other->median / result->median;
}

const char *
number_text(char *text, size_t size, double number)
{
    static const struct {
        double from;
        const char *suffix;
    } scales[] = {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}, {0, ""}};
    size_t scale = 0;

    while (scale < 3 && number < scales[scale].from)
        scale++;
    const double shown = scale < 3 ? number / scales[scale].from : number;
    snprintf(text, size, "%.*f%s",
             shown < 10    ? 2
             : shown < 100 ? 1
                           : 0,
             shown, scales[scale].suffix);
    return text;
}
