/* SPDX-License-Identifier: MIT */

/*
 * macro/checkpoint -- what it takes until all rows are durable, and again after one
 * hundredth more. Beside spines: the same bytes, written once to a file that is synced.
 */

#include "macro/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes of a write. */
#define PIECE_BYTES ((size_t)1 << 20)
#define PIECE_ALIGNMENT 4096u

struct durability {
    /* Of the call alone, and since the first insert. */
    double seconds;
    double since_insert;
    uint64_t bytes;
};

static void insert_rows(const struct bench *bench, const struct engine *engine,
                        void *state, struct source *source, uint64_t begin, uint64_t end);
static struct durability
make_durable(const struct engine *engine, void *state, double inserting);
static void durability_put(struct sample *sample, const char *name, uint64_t n,
                           const struct durability *took);
static double write_once(const struct bench *bench, uint64_t bytes);

void
run_checkpoint(const struct bench *bench, const struct engine *engine,
               struct sample *sample)
{
    const uint64_t more = bench->n / 100;
    struct source *const source = source_new();
    struct tally found = {0};
    struct durability all, again;
    void *const state = engine->open(&(struct engine_setup){.schema = &schema_u64,
                                                            .directory = bench->directory,
                                                            .durable = true,
                                                            .rows_max = bench->n + more});

    double inserting = seconds_now();
    insert_rows(bench, engine, state, source, 0, bench->n);
    engine->settle(state);
    all = make_durable(engine, state, inserting);
    durability_put(sample, "checkpoint", bench->n, &all);
    if (strcmp(engine->name, "spine") == 0)
        sample_put(sample, "checkpoint", "over_write", bench->n,
                   all.seconds / write_once(bench, all.bytes));
    inserting = seconds_now();
    insert_rows(bench, engine, state, source, bench->n, bench->n + more);
    again = make_durable(engine, state, inserting);
    durability_put(sample, "checkpoint.more", more, &again);
    sample_put(sample, "checkpoint.more", "time_part", more, again.seconds / all.seconds);
    if (all.bytes > 0)
        sample_put(sample, "checkpoint.more", "bytes_part", more,
                   (double)again.bytes / (double)all.bytes);
    engine->scan(state, SCAN_ROWS, &found);
    source->expected.rows = bench->n + more;
    tally_check("checkpoint", &source->expected, &found);
    engine->close(state);
    source_free(source);
    if (strcmp(engine->name, "spine") == 0)
        run_checkpoint_of_spines(bench, sample);
}

static void
insert_rows(const struct bench *bench, const struct engine *engine, void *state,
            struct source *source, uint64_t begin, uint64_t end)
{
    for (uint64_t number = begin; number < end;) {
        source_begin(source);
        for (unsigned i = 0; i < BATCH_ROWS && number < end; i++, number++)
            source_add(source, key_of(bench->seed, number), number, 1);
        engine->insert(state, &source->columns);
    }
}

static struct durability
make_durable(const struct engine *engine, void *state, double inserting)
{
    const double began = seconds_now();
    const uint64_t bytes = engine->durable(state);
    const double now = seconds_now();

    return (struct durability){
        .seconds = now - began, .since_insert = now - inserting, .bytes = bytes};
}

static void
durability_put(struct sample *sample, const char *name, uint64_t n,
               const struct durability *took)
{
    sample_put(sample, name, "durable_ms", n, 1e3 * took->seconds);
    sample_put(sample, name, "rows_per_s", n, (double)n / took->since_insert);
    if (took->bytes > 0)
        sample_put(sample, name, "durable_bytes_per_row", n,
                   (double)took->bytes / (double)n);
}

/* Seconds for so many bytes in one file, in order, around the page cache where that can
 * be, and one sync. */
static double
write_once(const struct bench *bench, uint64_t bytes)
{
    char path[4096];
    uint8_t *piece;
    double began;

    snprintf(path, sizeof path, "%s/written-once", bench->directory);
    if (posix_memalign((void **)&piece, PIECE_ALIGNMENT, PIECE_BYTES) != 0)
        bench_fail("no memory");
    for (size_t i = 0; i < PIECE_BYTES; i++)
        piece[i] = (uint8_t)mix(i);
    began = seconds_now();
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT, 0644);
    if (file < 0)
        file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    for (uint64_t at = 0; file >= 0 && at < bytes; at += PIECE_BYTES)
        if (write(file, piece, PIECE_BYTES) != (ssize_t)PIECE_BYTES)
            bench_fail("%s: %s", path, strerror(errno));
    if (file < 0 || fsync(file) != 0 || close(file) != 0)
        bench_fail("%s: %s", path, strerror(errno));
    const double seconds = seconds_now() - began;
    (void)unlink(path);
    free(piece);
    return seconds;
}
