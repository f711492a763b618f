/* SPDX-License-Identifier: MIT */
#include "harness/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Processor time of the machine, in ticks of all processors. */
struct machine_time {
    uint64_t busy;
    uint64_t all;
};

static uint64_t field_bytes(const char *path, const char *field);
static struct machine_time machine_time_now(void);
static void sample_child(const struct workload *workload, const struct bench *bench,
                         const struct engine *engine, int to);
static bool read_whole(int from, void *memory, size_t size);

void *
bench_alloc(size_t count, size_t size)
{
    void *const memory = malloc(count * size + 1);

    if (memory == NULL)
        bench_fail("no memory for %zu bytes", count * size);
    return memory;
}

double
seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

uint64_t
memory_now(void)
{
    return field_bytes("/proc/self/status", "RssAnon:");
}

uint64_t
memory_peak(void)
{
    return field_bytes("/proc/self/status", "VmHWM:");
}

uint64_t
memory_available(void)
{
    return field_bytes("/proc/meminfo", "MemAvailable:");
}

void
memory_trim(void)
{
    malloc_trim(0);
}

static uint64_t
field_bytes(const char *path, const char *field)
{
    char line[256];
    uint64_t kilobytes = 0;
    FILE *const file = fopen(path, "r");

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, field, strlen(field)) == 0)
            kilobytes = strtoull(line + strlen(field), NULL, 10);
    fclose(file);
    return kilobytes << 10;
}

void
sample_put(struct sample *sample, const char *workload, const char *metric, uint64_t n,
           double value)
{
    if (sample->count == FIGURES_MAX)
        bench_fail("more than %d figures in a sample", FIGURES_MAX);
    struct figure *const figure = &sample->figures[sample->count++];
    snprintf(figure->workload, sizeof figure->workload, "%s", workload);
    snprintf(figure->metric, sizeof figure->metric, "%s", metric);
    figure->n = n;
    figure->value = value;
}

bool
sample_take(const struct workload *workload, const struct bench *bench,
            const struct engine *engine, struct sample *out)
{
    int ends[2], outcome;
    struct rusage used;
    const struct machine_time before = machine_time_now();

    directory_empty(bench->directory);
    fflush(NULL);
    if (pipe(ends) != 0)
        bench_fail("pipe: %s", strerror(errno));
    const pid_t child = fork();
    if (child < 0)
        bench_fail("fork: %s", strerror(errno));
    if (child == 0) {
        close(ends[0]);
        sample_child(workload, bench, engine, ends[1]);
    }
    close(ends[1]);
    const bool whole = read_whole(ends[0], out, sizeof *out);
    close(ends[0]);
    while (wait4(child, &outcome, 0, &used) < 0)
        if (errno != EINTR)
            bench_fail("wait4: %s", strerror(errno));
    directory_empty(bench->directory);

    const struct machine_time after = machine_time_now();
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    const double own =
        ticks * ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
    const double others = (double)(after.busy - before.busy) - own;
    out->others = others <= 0 || after.all == before.all
                      ? 0
                      : others / (double)(after.all - before.all);
    return whole && WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0;
}

static void
sample_child(const struct workload *workload, const struct bench *bench,
             const struct engine *engine, int to)
{
    struct sample *const sample = calloc(1, sizeof *sample);
    const char *at = (const char *)sample;
    size_t left = sizeof *sample;

    if (sample == NULL)
        bench_fail("no memory");
    workload->run(bench, engine, sample);
    fflush(stdout);
    while (left > 0) {
        const ssize_t put = write(to, at, left);
        if (put <= 0)
            _exit(1);
        at += put;
        left -= (size_t)put;
    }
    _exit(0);
}

static bool
read_whole(int from, void *memory, size_t size)
{
    char *at = memory;

    while (size > 0) {
        const ssize_t got = read(from, at, size);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
    return true;
}

static struct machine_time
machine_time_now(void)
{
    struct machine_time time = {0};
    uint64_t ticks[8] = {0};
    FILE *const file = fopen("/proc/stat", "r");

    if (file == NULL)
        return time;
    if (fscanf(file,
               "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64,
               &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5],
               &ticks[6], &ticks[7]) == 8)
        for (unsigned i = 0; i < 8; i++) {
            time.all += ticks[i];
            if (i != 3 && i != 4) /* idle, and waiting for a disk */
                time.busy += ticks[i];
        }
    fclose(file);
    return time;
}

void
tally_check(const char *what, const struct tally *expected, const struct tally *found)
{
    if (memcmp(expected, found, sizeof *found) != 0)
        bench_fail("wrong: %s: expected %" PRIu64 " rows, weight %" PRId64
                   ", checksum %016" PRIx64 "; found %" PRIu64 ", %" PRId64
                   ", %016" PRIx64,
                   what, expected->rows, expected->weight, expected->checksum,
                   found->rows, found->weight, found->checksum);
}

const char *
metric_unit(const char *metric)
{
    static const char *const units[][2] = {
        {"rows_per_s", "rows/s"},
        {"settled_rows_per_s", "rows/s"},
        {"backward_rows_per_s", "rows/s"},
        {"bulk_rows_per_s", "rows/s"},
        {"scan_rows_per_s", "rows/s"},
        {"probes_per_s", "probes/s"},
        {"lookups_per_s", "lookups/s"},
        {"first_per_s", "1/s"},
        {"last_per_s", "1/s"},
        {"seek_per_s", "1/s"},
        {"bytes_per_row", "bytes"},
        {"peak_bytes_per_row", "bytes"},
        {"disk_bytes_per_row", "bytes"},
        {"bytes_per_spine", "bytes"},
        {"write_amplification", "rows/row"},
        {"join_rows_per_s", "rows/s"},
        {"join_write_amplification", "rows/row"},
        {"runs_per_probe", "runs"},
        {"space_growth", "x"},
        {"open_close_us", "us"},
        {"first_p50_us", "us"},
        {"first_p99_us", "us"},
        {"rows_skipped", "rows"},
        {"cold_bulk_rows_per_s", "rows/s"},
        {"files_rows_per_s", "rows/s"},
        {"reading_bound_rows_per_s", "rows/s"},
        {"peak_over_limit", "x"},
        {"durable_bytes_per_row", "bytes"},
        {"over_write", "x"},
        {"time_part", "x"},
        {"bytes_part", "x"},
        {"over_cold", "x"},
        {"over_quiet", "x"},
        {"over_plain", "x"},
        {"files", "files"},
        {"syncs", "calls"},
    };

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i][0], metric) == 0)
            return units[i][1];
    return "ms";
}

int
compare_doubles(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static int
remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    return place->level == 0 ? 0 : remove(path);
}

void
directory_empty(const char *directory)
{
    if (nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        bench_fail("%s: %s", directory, strerror(errno));
}

static uint64_t bytes_seen;

static int
add_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)path;
    (void)place;
    if (kind == FTW_F)
        bytes_seen += (uint64_t)info->st_blocks * 512;
    return 0;
}

uint64_t
directory_bytes(const char *directory)
{
    bytes_seen = 0;
    nftw(directory, add_entry, 16, FTW_PHYS);
    return bytes_seen;
}

/* A read of the size that merges and scans read ahead. */
#define READ_UNIT ((size_t)1 << 20)

static void *read_room;
static uint64_t bytes_read;

static int
read_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    int file;
    ssize_t got;

    (void)place;
    if (kind != FTW_F || info->st_size < (off_t)READ_UNIT)
        return 0;
    file = open(path, O_RDONLY | O_DIRECT);
    if (file < 0)
        file = open(path, O_RDONLY);
    if (file < 0)
        bench_fail("%s: %s", path, strerror(errno));
    while ((got = read(file, read_room, READ_UNIT)) > 0)
        bytes_read += (uint64_t)got;
    if (got < 0)
        bench_fail("%s: %s", path, strerror(errno));
    close(file);
    return 0;
}

double
directory_read_rate(const char *directory)
{
    double began, seconds;

    if (posix_memalign(&read_room, 4096, READ_UNIT) != 0)
        bench_fail("no memory");
    bytes_read = 0;
    began = seconds_now();
    nftw(directory, read_entry, 16, FTW_PHYS);
    seconds = seconds_now() - began;
    free(read_room);
    return bytes_read > 0 ? (double)bytes_read / seconds : 0;
}
