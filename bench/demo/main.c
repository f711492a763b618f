/* SPDX-License-Identifier: MIT */

/*
 * ontology -- the consequences of an ontology, computed with spines.
 */

#include "demo/report.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *data;
    uint64_t seed;
    uint32_t scale;
    unsigned threads;
    uint64_t memory_limit_bytes;
    bool check;
};

static void settings_parse(struct settings *settings, int count, char **arguments);
static uint64_t parse_number(const char *option, const char *text, uint64_t max);
static uint64_t parse_bytes(const char *option, const char *text);
static void usage(FILE *file);
static void facts_open(struct facts *facts, const struct settings *settings);
static void evaluate(struct program *program, unsigned threads);
static void derive(struct program *program, unsigned threads);
static void *derive_q(void *program);
static void check(const struct facts *facts, const struct answer *found);

int
main(int count, char **arguments)
{
    struct settings settings;
    struct facts facts;
    struct program program;
    struct answer answer;
    const double began = seconds_now();

    settings_parse(&settings, count, arguments);
    facts_open(&facts, &settings);
    program_open(&program, &facts, settings.memory_limit_bytes);
    evaluate(&program, settings.threads);
    const double seconds = seconds_now() - began;
    const uint64_t peak = memory_peak();

    report_rules(&program);
    report_memory(&program);
    report_answer(&program, &answer);
    program_close(&program);
    if (settings.check)
        check(&facts, &answer);
    facts_release(&facts);

    printf("ontology: p %" PRIu64 " q %" PRIu64 " seconds %.2f peak_mb %.0f\n",
           answer.p.rows, answer.q.rows, seconds, 1e-6 * (double)peak);
    return 0;
}

static void
settings_parse(struct settings *settings, int count, char **arguments)
{
    *settings = (struct settings){.seed = 1, .scale = 40, .threads = 2};
    for (int at = 1; at < count; at++) {
        const char *const option = arguments[at];
        const char *const value = at + 1 < count ? arguments[at + 1] : NULL;
        if (strcmp(option, "--help") == 0) {
            usage(stdout);
            exit(0);
        }
        if (strcmp(option, "--check") == 0) {
            settings->check = true;
            continue;
        }
        if (strcmp(option, "--data") == 0 && value != NULL)
            settings->data = value;
        else if (strcmp(option, "--seed") == 0)
            settings->seed = parse_number(option, value, UINT64_MAX);
        else if (strcmp(option, "--scale") == 0)
            settings->scale = (uint32_t)parse_number(option, value, 1000);
        else if (strcmp(option, "--threads") == 0)
            settings->threads = (unsigned)parse_number(option, value, 2);
        else if (strcmp(option, "--memory-limit") == 0)
            settings->memory_limit_bytes = parse_bytes(option, value);
        else {
            usage(stderr);
            fail("%s %s", option, value == NULL ? "needs a value" : "is no option");
        }
        at++;
    }
    if (settings->threads == 0 || settings->scale == 0)
        fail("--threads and --scale must be at least 1");
}

static uint64_t
parse_number(const char *option, const char *text, uint64_t max)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        fail("%s needs a number", option);
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number > max)
        fail("%s %s: it must be a number up to %" PRIu64, option, text, max);
    return number;
}

/* A number of bytes, or of those that K, M or G stand for. */
static uint64_t
parse_bytes(const char *option, const char *text)
{
    static const char units[] = "KMG";
    const size_t size = text != NULL ? strlen(text) : 0;
    const char *const unit = size > 1 ? strchr(units, text[size - 1]) : NULL;
    char digits[32] = "";

    if (unit == NULL)
        return parse_number(option, text, UINT64_MAX);
    if (size > sizeof digits)
        fail("%s %s: that is too much", option, text);
    memcpy(digits, text, size - 1);

    const unsigned shift = 10 * (unsigned)(unit - units + 1);

    return parse_number(option, digits, UINT64_MAX >> shift) << shift;
}

static void
usage(FILE *file)
{
    fputs("usage: ontology [options]\n"
          "Derives all p and q that six rules give, with spines as relations.\n"
          "  --data DIR    read p.txt q.txt r.txt c.txt u.txt s.txt in DIR: numbers\n"
          "                below 2^32, separated by commas; without it, an ontology is\n"
          "                generated\n"
          "  --seed N      of the generated ontology (default 1)\n"
          "  --scale N     about N thousand concepts, 1 to 1000 (default 40)\n"
          "  --threads N   1, or 2: one for p and one for q (default 2); the library's\n"
          "                own threads, which merge, come on top\n"
          "  --memory-limit N[K|M|G]\n"
          "                the most memory of the relations; the rest is in files of a\n"
          "                directory in $TMPDIR or /tmp, which is removed\n"
          "  --check       compare with another evaluation, without spines; slow\n",
          file);
}

static void
facts_open(struct facts *facts, const struct settings *settings)
{
    const double began = seconds_now();

    if (settings->data != NULL) {
        facts_load(facts, settings->data);
        printf("data %s\n", settings->data);
    } else {
        facts_generate(facts, settings->seed, settings->scale);
        printf("generated: seed %" PRIu64 " scale %" PRIu32 "\n", settings->seed,
               settings->scale);
    }
    report_facts(facts, seconds_now() - began);
}

/* Rounds until nothing new is derived. */
static void
evaluate(struct program *program, unsigned threads)
{
    report_head();
    double began = seconds_now();
    bool more = program_advance(program);
    for (unsigned round = 0; more; round++) {
        report_round(program, round, seconds_now() - began);
        began = seconds_now();
        derive(program, threads);
        more = program_advance(program);
    }
}

static void
derive(struct program *program, unsigned threads)
{
    pthread_t thread;

    if (threads == 1) {
        program_derive_p(program);
        program_derive_q(program);
        return;
    }
    const int failure = pthread_create(&thread, NULL, derive_q, program);
    if (failure != 0)
        fail("pthread_create: %s", strerror(failure));
    program_derive_p(program);
    pthread_join(thread, NULL);
}

static void *
derive_q(void *program)
{
    program_derive_q(program);
    return NULL;
}

static void
check(const struct facts *facts, const struct answer *found)
{
    struct answer expected;
    const double began = seconds_now();

    check_evaluate(facts, &expected);
    if (!summary_equal(&found->p, &expected.p) || !summary_equal(&found->q, &expected.q))
        fail("wrong: expected p %" PRIu64 " (%016" PRIx64 ") q %" PRIu64 " (%016" PRIx64
             "), found p %" PRIu64 " (%016" PRIx64 ") q %" PRIu64 " (%016" PRIx64 ")",
             expected.p.rows, expected.p.checksum, expected.q.rows, expected.q.checksum,
             found->p.rows, found->p.checksum, found->q.rows, found->q.checksum);
    printf("checked: the evaluation without spines agrees; %.2f s\n",
           seconds_now() - began);
}
