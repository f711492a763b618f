/* SPDX-License-Identifier: MIT */

/*
 * bench_macro -- runs workloads on engines, samples of different engines interleaved, and
 * appends what came out to a file of JSON lines.
 */

#include "harness/measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES_MAX = 99, ENGINES_MAX = 16, WORKLOADS_MAX = 32 };

/* Other processes that used more than this part of the machine make a sample noisy. */
#define OTHERS_MAX 0.1

struct settings {
    struct bench bench;
    unsigned samples;
    const struct engine *engines[ENGINES_MAX];
    size_t engine_count;
    const struct workload *workloads[WORKLOADS_MAX];
    size_t workload_count;
    const char *results;
    const char *commit;
};

static void settings_parse(struct settings *settings, int count, char **arguments);
static uint64_t parse_number(const char *option, const char *text, uint64_t max);
static void parse_engines(struct settings *settings, char *names);
static void parse_workloads(struct settings *settings, char *names);
static bool workload_fits(const struct workload *workload, const struct engine *engine);
static bool workload_run(const struct settings *settings, const struct workload *workload,
                         FILE *results);
static void engine_report(const struct settings *settings, const struct engine *engine,
                          const struct sample *samples, size_t count, FILE *results);

int
main(int count, char **arguments)
{
    struct settings settings;
    bool right = true;

    settings_parse(&settings, count, arguments);
    FILE *const results = fopen(settings.results, "a");
    if (results == NULL)
        bench_fail("%s: %s", settings.results, strerror(errno));
    for (size_t e = 0; e < settings.engine_count; e++)
        printf("  %-14s %s\n", settings.engines[e]->name,
               settings.engines[e]->describe());
    for (size_t w = 0; w < settings.workload_count; w++)
        right = workload_run(&settings, settings.workloads[w], results) && right;
    if (fclose(results) != 0)
        bench_fail("%s: %s", settings.results, strerror(errno));
    return right ? 0 : 1;
}

static void
settings_parse(struct settings *settings, int count, char **arguments)
{
    static char all[] = "all";

    *settings = (struct settings){.bench = {.n = 10000000, .seed = 1},
                                  .samples = 5,
                                  .results = "results.jsonl",
                                  .commit = ""};
    char *only = all, *peers = all;
    for (int at = 1; at < count; at += 2) {
        const char *const option = arguments[at];
        char *const value = at + 1 < count ? arguments[at + 1] : NULL;
        if (strcmp(option, "--list") == 0) {
            for (size_t w = 0; w < workload_count; w++)
                printf("%-12s %s\n", workloads[w].name, workloads[w].about);
            exit(0);
        }
        if (value == NULL)
            bench_fail("%s needs a value, or is no option", option);
        if (strcmp(option, "--only") == 0)
            only = value;
        else if (strcmp(option, "--peers") == 0)
            peers = value;
        else if (strcmp(option, "--n") == 0)
            settings->bench.n = parse_number(option, value, UINT64_C(2000000000));
        else if (strcmp(option, "--seed") == 0)
            settings->bench.seed = parse_number(option, value, 0xffffff);
        else if (strcmp(option, "--samples") == 0)
            settings->samples = (unsigned)parse_number(option, value, SAMPLES_MAX);
        else if (strcmp(option, "--policy") == 0)
            engine_spine_policy(value);
        else if (strcmp(option, "--results") == 0)
            settings->results = value;
        else if (strcmp(option, "--files") == 0)
            settings->bench.directory = value;
        else if (strcmp(option, "--commit") == 0)
            settings->commit = value;
        else
            bench_fail("unknown option %s", option);
    }
    if (settings->bench.n < 100000 || settings->samples == 0)
        bench_fail("--n must be at least 100000 and --samples at least 1");
    if (settings->bench.directory == NULL)
        bench_fail("--files DIR, an empty directory, is needed");
    parse_engines(settings, peers);
    parse_workloads(settings, only);
}

/* A number, also as 1e7. */
static uint64_t
parse_number(const char *option, const char *text, uint64_t max)
{
    char *end;
    const double number = strtod(text, &end);

    if (end == text || *end != '\0' || !(number >= 0) || number > (double)max)
        bench_fail("%s %s: it must be a number up to %" PRIu64, option, text, max);
    return (uint64_t)number;
}

static void
parse_engines(struct settings *settings, char *names)
{
    if (strcmp(names, "all") == 0) {
        for (; engines[settings->engine_count] != NULL; settings->engine_count++)
            settings->engines[settings->engine_count] = engines[settings->engine_count];
        return;
    }
    settings->engines[settings->engine_count++] = engine_find("spine");
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        const struct engine *const engine = engine_find(name);
        if (strcmp(name, "spine") == 0 || strcmp(name, "none") == 0)
            continue;
        if (engine == NULL)
            printf("  %-14s skipped: it was not built (bench/peers/install)\n", name);
        else if (settings->engine_count < ENGINES_MAX)
            settings->engines[settings->engine_count++] = engine;
    }
}

static void
parse_workloads(struct settings *settings, char *names)
{
    if (strcmp(names, "all") == 0) {
        for (size_t w = 0; w < workload_count; w++)
            settings->workloads[settings->workload_count++] = &workloads[w];
        return;
    }
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        const struct workload *found = NULL;
        for (size_t w = 0; w < workload_count; w++)
            if (strcmp(workloads[w].name, name) == 0)
                found = &workloads[w];
        if (found == NULL || settings->workload_count == WORKLOADS_MAX)
            bench_fail("unknown workload %s", name);
        settings->workloads[settings->workload_count++] = found;
    }
}

static bool
workload_fits(const struct workload *workload, const struct engine *engine)
{
    return (workload->needs & ~engine->abilities) == 0 &&
           (!workload->spine_only || strcmp(engine->name, "spine") == 0);
}

/* One sample of each engine, then the next of each: what else the machine does hits all
   of them. */
static bool
workload_run(const struct settings *settings, const struct workload *workload,
             FILE *results)
{
    static struct sample samples[ENGINES_MAX][SAMPLES_MAX];
    size_t taken[ENGINES_MAX] = {0};
    bool failed[ENGINES_MAX] = {false};
    bool right = true;

    printf("%s: %s; n = %" PRIu64 "\n", workload->name, workload->about,
           settings->bench.n);
    for (unsigned round = 0; round < settings->samples; round++) {
        printf("  sample %u of %u:", round + 1, settings->samples);
        for (size_t e = 0; e < settings->engine_count; e++) {
            if (!workload_fits(workload, settings->engines[e]) || failed[e])
                continue;
            printf(" %s", settings->engines[e]->name);
            fflush(stdout);
            if (sample_take(workload, &settings->bench, settings->engines[e],
                            &samples[e][taken[e]])) {
                taken[e]++;
                continue;
            }
            fprintf(stderr, "error: %s on %s failed\n", workload->name,
                    settings->engines[e]->name);
            failed[e] = true;
            right = false;
        }
        printf("\n");
    }
    for (size_t e = 0; e < settings->engine_count; e++)
        if (taken[e] > 0 && !failed[e])
            engine_report(settings, settings->engines[e], samples[e], taken[e], results);
    fflush(results);
    return right;
}

static void
engine_report(const struct settings *settings, const struct engine *engine,
              const struct sample *samples, size_t count, FILE *results)
{
    double values[SAMPLES_MAX];
    unsigned noisy = 0;

    for (size_t s = 0; s < count; s++)
        noisy += samples[s].others > OTHERS_MAX;
    for (size_t f = 0; f < samples[0].count; f++) {
        const struct figure *const figure = &samples[0].figures[f];
        for (size_t s = 0; s < count; s++)
            values[s] = samples[s].figures[f].value;
        qsort(values, count, sizeof *values, compare_doubles);
        const double median = count % 2 == 1
                                  ? values[count / 2]
                                  : (values[count / 2 - 1] + values[count / 2]) / 2;
        fprintf(results,
                "{\"workload\":\"%s\",\"engine\":\"%s\",\"metric\":\"%s\","
                "\"unit\":\"%s\",\"n\":%" PRIu64 ",\"median\":%.9g,\"min\":%.9g,"
                "\"max\":%.9g,\"samples\":%zu,\"noisy_samples\":%u,\"seed\":%" PRIu64
                ",\"commit\":\"%s\"}\n",
                figure->workload, engine->name, figure->metric,
                metric_unit(figure->metric), figure->n, median, values[0],
                values[count - 1], count, noisy, settings->bench.seed, settings->commit);
    }
}
