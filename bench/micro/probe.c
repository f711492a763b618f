/* SPDX-License-Identifier: MIT */

/*
 * micro_probe [rows] -- many keys in many batches: spine_snapshot_probe() against
 * spine_cursor_seek_key_exact(), u64 -> u64.
 *
 * 10,000 random ascending keys, of which 0, 50 or 100 % are present, each in one of ten
 * batches, in ns of processor time per key; while filters are being built, and with them.
 * Each figure is the best of repeated runs; the two are run in turn.
 */

#include "spine/spine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROBES 10000u
#define RUNS 15u
#define BATCHES 10u

/* How the rows are shared out, in percent. */
static const unsigned shares_alike[BATCHES] = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10};
static const unsigned shares_lsm[BATCHES] = {50, 20, 10, 8, 4, 3, 2, 1, 1, 1};

static uint64_t random_state = UINT64_C(0x5eed9406e);

static void
expect(enum spine_status st, const struct spine_error *error)
{
    if (st == SPINE_OK)
        return;
    fprintf(stderr, "%s: %s\n", spine_status_name(st), error->message);
    exit(1);
}

static uint64_t
mix(uint64_t word)
{
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

static uint64_t
random_next(void)
{
    return mix(random_state += UINT64_C(0x9e3779b97f4a7c15));
}

static double
cpu_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Key number `i`; all are even. */
static uint64_t
key_of(uint64_t i)
{
    return mix(i + 1) & ~UINT64_C(1);
}

static struct spine_snapshot *
make_snapshot(uint64_t rows, const unsigned *shares)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    struct spine_batch *batches[BATCHES];
    struct spine_snapshot *snapshot;
    struct spine_error error;
    uint64_t *keys = malloc(rows * sizeof *keys);
    uint64_t number = 0;

    for (unsigned b = 0; b < BATCHES; b++) {
        const uint64_t count = rows * shares[b] / 100;
        const struct spine_columns columns = {
            .rows = (size_t)count, .keys = keys, .values = keys};

        for (uint64_t i = 0; i < count; i++)
            keys[i] = key_of(number++);
        expect(spine_batch_from_columns(&schema, &columns, &batches[b], &error), &error);
    }
    expect(spine_snapshot_of_batches(&schema, batches, BATCHES, &snapshot, &error),
           &error);
    for (unsigned b = 0; b < BATCHES; b++)
        spine_batch_unref(batches[b]);
    free(keys);
    return snapshot;
}

static int
compare_words(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* PROBES ascending keys, `percent` of them present. */
static void
draw_keys(uint64_t *keys, uint64_t rows, unsigned percent)
{
    size_t kept = 0;

    while (kept < PROBES) {
        for (size_t i = kept; i < PROBES; i++)
            keys[i] = random_next() % 100 < percent ? key_of(random_next() % rows)
                                                    : random_next() | 1;
        qsort(keys, PROBES, sizeof *keys, compare_words);
        kept = 1;
        for (size_t i = 1; i < PROBES; i++)
            if (keys[i] != keys[kept - 1])
                keys[kept++] = keys[i];
    }
}

static int
compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* ns per key; `*sum` of what was found, to compare. */
static double
run_probe(struct spine_snapshot *snapshot, struct spine_probe *probe,
          const uint64_t *keys, uint64_t *sum)
{
    const struct spine_columns columns = {.rows = PROBES, .keys = keys};
    const double begin = cpu_ns();
    struct spine_probe_rows rows;
    struct spine_error error;

    expect(spine_snapshot_probe(snapshot, probe, &columns, NULL, &rows, &error), &error);
    *sum = 0;
    for (size_t i = 0; i < rows.columns.rows; i++)
        *sum += ((const uint64_t *)rows.columns.values)[i] *
                (uint64_t)rows.columns.weights[i];
    return (cpu_ns() - begin) / PROBES;
}

static double
run_cursor(struct spine_snapshot *snapshot, const uint64_t *keys, uint64_t *sum)
{
    const double begin = cpu_ns();
    struct spine_cursor *cursor;
    struct spine_error error;

    expect(spine_snapshot_cursor(snapshot, &cursor, &error), &error);
    *sum = 0;
    for (size_t i = 0; i < PROBES; i++)
        if (spine_cursor_seek_key_exact(cursor, spine_u64(keys[i])))
            for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
                *sum +=
                    spine_cursor_val(cursor).u64 * (uint64_t)spine_cursor_weight(cursor);
    expect(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
    return (cpu_ns() - begin) / PROBES;
}

static uint64_t
filter_bytes(struct spine_snapshot *snapshot)
{
    struct spine_batch_info info;
    uint64_t bytes = 0;

    for (size_t i = 0; i < spine_snapshot_batch_count(snapshot); i++) {
        spine_batch_get_info(spine_snapshot_batch(snapshot, i), &info);
        bytes += info.filter_bytes;
    }
    return bytes;
}

/* The best of `runs` runs of each, in turn: others share the machine. */
static void
compare(struct spine_snapshot *snapshot, uint64_t rows, unsigned percent, unsigned runs)
{
    double probe_ns[RUNS], cursor_ns[RUNS];
    uint64_t keys[PROBES], probe_sum, cursor_sum;
    struct spine_probe *probe;
    struct spine_error error;

    expect(spine_probe_new(&probe, &error), &error);
    for (unsigned run = 0; run < runs; run++) {
        draw_keys(keys, rows, percent);
        probe_ns[run] = run_probe(snapshot, probe, keys, &probe_sum);
        draw_keys(keys, rows, percent);
        cursor_ns[run] = run_cursor(snapshot, keys, &cursor_sum);
        if (run == 0) {
            (void)run_probe(snapshot, probe, keys, &probe_sum);
            if (probe_sum != cursor_sum) {
                fprintf(stderr, "probe and cursor found different rows\n");
                exit(1);
            }
        }
    }
    spine_probe_free(probe);
    qsort(probe_ns, runs, sizeof *probe_ns, compare_doubles);
    qsort(cursor_ns, runs, sizeof *cursor_ns, compare_doubles);
    printf("  %3u %% present: probe %6.1f ns/key, exact seek %7.1f ns/key, %4.1f times\n",
           percent, probe_ns[0], cursor_ns[0], cursor_ns[0] / probe_ns[0]);
}

/* Probes of absent keys until no further filter is built. */
static void
build_filters(struct spine_snapshot *snapshot, uint64_t rows)
{
    uint64_t keys[PROBES], sum;
    struct spine_probe *probe;
    struct spine_error error;
    double ns = 0;

    expect(spine_probe_new(&probe, &error), &error);
    for (uint64_t i = 0; i < rows / 8 / PROBES + 2; i++) {
        draw_keys(keys, rows, 0);
        ns += run_probe(snapshot, probe, keys, &sum) * PROBES;
    }
    spine_probe_free(probe);
    printf("  filters: %.1f MB, built within %.0f ms of probing\n",
           (double)filter_bytes(snapshot) / 1e6, ns / 1e6);
}

static void
measure(uint64_t rows, const unsigned *shares, const char *name)
{
    static const unsigned percents[] = {0, 50, 100};
    struct spine_snapshot *snapshot = make_snapshot(rows, shares);

    printf("%" PRIu64 " rows in %u batches, %s\n", rows, BATCHES, name);
    printf(" first calls, which build the filters\n");
    for (unsigned i = 0; i < 3; i++)
        compare(snapshot, rows, percents[i], 3);
    build_filters(snapshot, rows);
    for (unsigned i = 0; i < 3; i++)
        compare(snapshot, rows, percents[i], RUNS);
    spine_snapshot_unref(snapshot);
}

int
main(int argc, char **argv)
{
    const uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;

    measure(rows, shares_alike, "all of one size");
    measure(rows, shares_lsm, "half of them in one");
    return 0;
}
