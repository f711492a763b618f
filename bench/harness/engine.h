/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_ENGINE_H
#define BENCH_HARNESS_ENGINE_H

/*
 * What every workload asks of every engine: a relation of rows (key, value) with weights
 * that are added, and rows of weight zero that do not exist.
 *
 * An engine ends the process with bench_fail() when anything fails. One thread calls it;
 * it may have threads of its own.
 */

#include "harness/fail.h"
#include "spine/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rows that were read, in any order: how many, their weights, and a checksum that adds up
   over rows and weights, so that rows which cancel leave no trace. */
struct tally {
    uint64_t rows;
    int64_t weight;
    uint64_t checksum;
};

static inline uint64_t
row_hash(uint64_t key, uint64_t value)
{
    return key ^ (value << 17 | value >> 47);
}

static inline void
tally_add(struct tally *tally, uint64_t key, uint64_t value, int64_t weight)
{
    tally->rows++;
    tally->weight += weight;
    tally->checksum += (uint64_t)weight * row_hash(key, value);
}

/* What an engine can do beside the rest. */
enum engine_ability {
    /* Keys and values of bytes. */
    ENGINE_BYTES = 1,
    /* Rows with times, and a frontier. */
    ENGINE_TIMES = 2,
    /* Batches stay apart when asked for. */
    ENGINE_APART = 4,
    /* Lookups and probes. */
    ENGINE_LOOKUP = 8,
    /* The first, the last and the next value of a key. */
    ENGINE_GROUPS = 16,
    /* A bulk read beside the one row by row. */
    ENGINE_BULK = 32,
    /* Probes that are something else than a lookup of each key. */
    ENGINE_PROBE = 64,
    /* Batches that were apart can be merged into one. */
    ENGINE_UNITE = 128,
    /* Keys below a bound can be given up. */
    ENGINE_RETAIN = 256,
    /* The least keys can be read. */
    ENGINE_HEAD = 512,
    /* Rows of several columns, by a way of its own (macro/columns.h). */
    ENGINE_COLUMNS = 1024,
    /* What was inserted can be made durable. */
    ENGINE_DURABLE = 2048
};

struct engine_setup {
    const struct spine_schema *schema;
    /* An empty directory for files. */
    const char *directory;
    /* Batches are not merged. */
    bool apart;
    /* What is inserted will be made durable. */
    bool durable;
    /* Rows that will be live at most, for what must be sized beforehand. */
    uint64_t rows_max;
};

/* What a settled row u64 -> u64 takes in memory, and the part of it that engines have
 * which keep the rest in files; less than the last is no limit that merges could keep. */
#define SPILL_ROW_BYTES 10u
#define SPILL_PART 4u
#define SPILL_BYTES_MIN ((uint64_t)24 << 20)

/* The memory of engines that keep the rest in files, for caches, buffers and all else. */
static inline uint64_t
engine_spill_bytes(const struct engine_setup *setup)
{
    const uint64_t bytes = setup->rows_max * SPILL_ROW_BYTES / SPILL_PART;

    return bytes > SPILL_BYTES_MIN ? bytes : SPILL_BYTES_MIN;
}

enum scan_how { SCAN_ROWS, SCAN_ROWS_BACKWARD, SCAN_BULK };

enum group_what { GROUP_FIRST, GROUP_LAST, GROUP_SEEK };

#define NO_VALUE UINT64_MAX
#define HEAD_SKIPPED_UNKNOWN UINT64_MAX

/* What it took to come to the least key: seconds, and rows that were read on the way and
 * cancel, or HEAD_SKIPPED_UNKNOWN. */
struct head_cost {
    double first_s;
    uint64_t skipped;
};

struct engine {
    const char *name;
    unsigned abilities;
    /* One line: version and configuration. */
    const char *(*describe)(void);
    void *(*open)(const struct engine_setup *setup);
    /* Unsorted rows; the columns are the caller's and gone afterwards. */
    void (*insert)(void *state, const struct spine_columns *rows);
    /* Waits until no work is left to do in the background. */
    void (*settle)(void *state);
    void (*scan)(void *state, enum scan_how how, struct tally *tally);
    /* All rows of each key, in any order of keys; NULL: by `probe`, which then takes any
       order. */
    void (*lookup)(void *state, const uint64_t *keys, size_t count, struct tally *tally);
    /* The same of strictly ascending keys; `values`, unless NULL, gets one value of each
       key, NO_VALUE when there is none. */
    void (*probe)(void *state, const uint64_t *keys, size_t count, uint64_t *values,
                  struct tally *tally);
    /* One value per key: the first, the last, or the first not less than `at[i]`. */
    void (*group)(void *state, enum group_what what, const uint64_t *keys,
                  const uint64_t *at, size_t count, struct tally *tally);
    /* Makes one batch of those that were kept apart; needs ENGINE_UNITE. */
    void (*unite)(void *state);
    /* Rows or bytes written per row or byte inserted; NULL: not known. */
    double (*written)(void *state);
    /* Times below `frontier` need not be told apart. */
    void (*advance)(void *state, uint64_t frontier);
    /* Nobody needs keys below `begin` any more; needs ENGINE_RETAIN. */
    void (*retain)(void *state, uint64_t begin);
    /* Sorted runs that a lookup has to look at now; NULL: not known. */
    uint64_t (*runs)(void *state);
    /* Leaves the directory empty. */
    void (*close)(void *state);
    /* Reads up to `count` least keys, all of different rows; returns how many there are.
       Needs ENGINE_HEAD. */
    size_t (*head)(void *state, uint64_t *keys, size_t count, struct head_cost *cost);
    /* All that was inserted survives the machine from now on; the bytes of files that
       were written for it, 0 when not known. Needs ENGINE_DURABLE, and a setup that says
       so. */
    uint64_t (*durable)(void *state);
    /* Bytes read of files so far; NULL: not known. */
    uint64_t (*read_bytes)(void *state);
    /* The most memory that it was told to take; NULL: it was told nothing. */
    uint64_t (*memory_limit)(void *state);
};

/* Spines that are opened from now on merge by `name`: decades; decades-due: only what is
 * due. */
void engine_spine_policy(const char *name);
/* The engine of the name, or NULL. */
const struct engine *engine_find(const char *name);
/* The names of all engines, built or not, apart by blanks. */
extern const char *const engine_names;
/* All engines that were built; ends with NULL. */
extern const struct engine *const engines[];

static inline void
engine_lookup(const struct engine *engine, void *state, const uint64_t *keys,
              size_t count, struct tally *tally)
{
    if (engine->lookup != NULL)
        engine->lookup(state, keys, count, tally);
    else
        engine->probe(state, keys, count, NULL, tally);
}

/* Seconds on a clock that never goes back. */
double seconds_now(void);
/* malloc that does not fail. */
void *bench_alloc(size_t count, size_t size);
/* Bytes of all files in a directory. */
uint64_t directory_bytes(const char *directory);
/* Bytes per second when these are read in order, around the page cache where the file
 * system allows it; 0: there are none. */
double directory_read_rate(const char *directory);
/* Removes all that is in a directory. */
void directory_empty(const char *directory);

#ifdef __cplusplus
}
#endif

#endif
