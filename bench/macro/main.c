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

enum {
    SAMPLES_MAX = 99,
    ENGINES_MAX = 16,
    WORKLOADS_MAX = 32,
    GROWTH_ROWS_MIN = 100000,
    ROWS_MIN = 100000
};

/* Other processes that used more than this part of the machine make a sample noisy. */
#define OTHERS_MAX 0.1

struct settings {
    struct bench bench;
    unsigned samples;
    const struct engine *engines[ENGINES_MAX];
    size_t engine_count;
    struct {
        const struct workload *workload;
        const char *variant;
    } chosen[WORKLOADS_MAX];
    size_t chosen_count;
    const char *results;
    const char *commit;
};

static void list_print(void);
static void settings_parse(struct settings *settings, int count, char **arguments);
static uint64_t parse_number(const char *option, const char *text, uint64_t max);
static void parse_engines(struct settings *settings, char *names);
static bool engine_is_meant(const struct engine *engine, const char *name);
static void parse_workloads(struct settings *settings, char *names);
static void choose(struct settings *settings, const char *name);
static bool word_is_in(const char *words, const char *word);
static bool workload_fits(const struct workload *workload, const struct engine *engine);
static bool workload_run(const struct settings *settings, const struct workload *workload,
                         const struct bench *bench, FILE *results);
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
    for (size_t w = 0; w < settings.chosen_count; w++) {
        const struct workload *const workload = settings.chosen[w].workload;
        struct bench bench = settings.bench;
        bench.variant = settings.chosen[w].variant;
        for (bench.n = workload->grows ? GROWTH_ROWS_MIN : bench.n;
             bench.n <= settings.bench.n; bench.n *= 10) {
            right = workload_run(&settings, workload, &bench, results) && right;
            if (!workload->grows)
                break;
        }
    }
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
            list_print();
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
    if (settings->bench.n < ROWS_MIN || settings->samples == 0)
        bench_fail("--n must be at least %d and --samples at least 1", ROWS_MIN);
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
list_print(void)
{
    for (size_t w = 0; w < workload_count; w++) {
        const struct workload *const at = &workloads[w];
        printf("%-13s %s", at->name, at->about);
        if (at->variants != NULL)
            printf("; alone: %s.V, V one of %s", at->name, at->variants);
        printf("\n");
    }
}

static void
parse_engines(struct settings *settings, char *names)
{
    const bool all = strcmp(names, "all") == 0;
    bool meant[ENGINES_MAX] = {true}; /* spine */

    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        bool built = all || strcmp(name, "none") == 0;
        if (!built && !word_is_in(engine_names, name))
            bench_fail("unknown peer %s", name);
        for (size_t e = 0; engines[e] != NULL; e++)
            if (all || engine_is_meant(engines[e], name))
                built = meant[e] = true;
        if (!built)
            printf("  %-14s skipped: it was not built (bench/peers/install)\n", name);
    }
    for (size_t e = 0; engines[e] != NULL; e++)
        if (meant[e])
            settings->engines[settings->engine_count++] = engines[e];
}

/* By its name, or by what is before the "-" in its name: "rocksdb" are both
   configurations of RocksDB. */
static bool
engine_is_meant(const struct engine *engine, const char *name)
{
    const size_t size = strlen(name);

    return strncmp(engine->name, name, size) == 0 &&
           (engine->name[size] == '\0' || engine->name[size] == '-');
}

static void
parse_workloads(struct settings *settings, char *names)
{
    if (strcmp(names, "all") == 0)
        for (size_t w = 0; w < workload_count; w++)
            settings->chosen[settings->chosen_count++].workload = &workloads[w];
    else
        for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ","))
            choose(settings, name);
    if (settings->chosen_count == 0)
        bench_fail("--only names no workload");
}

/* A workload, or one of its variants: NAME.VARIANT. */
static void
choose(struct settings *settings, const char *name)
{
    const size_t size = strcspn(name, ".");
    const char *const variant = name[size] == '.' ? name + size + 1 : NULL;

    for (size_t w = 0; w < workload_count; w++) {
        if (strncmp(workloads[w].name, name, size) != 0 ||
            workloads[w].name[size] != '\0')
            continue;
        if (variant != NULL && !word_is_in(workloads[w].variants, variant))
            bench_fail("%s has no variant %s alone", workloads[w].name, variant);
        if (settings->chosen_count == WORKLOADS_MAX)
            bench_fail("more than %d workloads", WORKLOADS_MAX);
        settings->chosen[settings->chosen_count].workload = &workloads[w];
        settings->chosen[settings->chosen_count++].variant = variant;
        return;
    }
    bench_fail("unknown workload %s", name);
}

/* Is `word` one of `words`, which are apart by blanks? None is in NULL. */
static bool
word_is_in(const char *words, const char *word)
{
    const size_t size = strlen(word);
    const char *at = words;

    while (at != NULL && size > 0) {
        if (strncmp(at, word, size) == 0 && (at[size] == '\0' || at[size] == ' '))
            return true;
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return false;
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
             const struct bench *bench, FILE *results)
{
    static struct sample samples[ENGINES_MAX][SAMPLES_MAX];
    size_t taken[ENGINES_MAX] = {0};
    bool failed[ENGINES_MAX] = {false};
    bool right = true;

    printf("%s: %s; n = %" PRIu64 "\n", workload->name, workload->about, bench->n);
    if (workload->row_bytes * bench->n > memory_available()) {
        printf("  skipped: it takes %u bytes of memory per row\n", workload->row_bytes);
        return true;
    }
    for (unsigned round = 0; round < settings->samples; round++) {
        printf("  sample %u of %u:", round + 1, settings->samples);
        for (size_t e = 0; e < settings->engine_count; e++) {
            if (!workload_fits(workload, settings->engines[e]) || failed[e])
                continue;
            printf(" %s", settings->engines[e]->name);
            fflush(stdout);
            if (sample_take(workload, bench, settings->engines[e],
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
