/* SPDX-License-Identifier: MIT */
#ifndef PERF_WORK_H
#define PERF_WORK_H

/*
 * perf/work -- the rows that kernels work on, drawn from their numbers, and the batches
 * of them.
 */

#include "spine/spine.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCHES_MAX = 5000,
    MERGE_ROWS = 1 << 18,
    BATCH_ROWS = 10000,
    PROBE_BATCHES = 4,
    PROBE_BATCH_ROWS = 120000, /* smaller batches are not encoded */
    PROBES = 10000,
    KEY_BYTES = 16,
    READ_ROWS = 4096,
    LARGE_ROWS = 1 << 18, /* so large that blocks may be encoded */
    SMALL_ROWS = 1 << 16
};

/* What a kernel works on; main() says how it is made. */
struct work {
    const struct spine_schema *schema;
    size_t batch_count;
    size_t batch_rows;
    /* Each batch has a range of keys of its own. */
    bool clustered;
    /* If not 0, there are so many keys, each with many values. */
    uint64_t keys;
    /* Of the keys that are looked for, in percent, those that are there. */
    unsigned present;
    struct spine_batch *batches[BATCHES_MAX];
};

typedef void work_fn(struct work *work);

static const struct spine_schema u64_u64 = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};
static const struct spine_schema u32_u32 = {.key = {SPINE_U32, 0},
                                            .value = {SPINE_U32, 0}};
static const struct spine_schema bytes_u64 = {.key = {SPINE_BYTES, 0},
                                              .value = {SPINE_U64, 0}};
static const struct spine_schema timed = {
    .key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64};

/* A macro, so that compilers see what holds after it. */
#define REQUIRE(held, what) ((held) ? (void)0 : fail(what))

static inline __attribute__((noreturn)) void
fail(const char *what)
{
    fprintf(stderr, "perf_kernels: wrong: %s\n", what);
    exit(1);
}

/* splitmix64 of a counter: a permutation. */
static inline uint64_t
mix(uint64_t number)
{
    number += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

static inline uint64_t
key_of(const struct work *work, uint64_t number)
{
    const uint64_t key = work->keys > 0    ? mix(number % work->keys)
                         : work->clustered ? number
                                           : mix(number);

    return work->schema->key.kind == SPINE_U32 ? key & UINT32_MAX : key;
}

static inline void *
allocate(size_t bytes)
{
    void *const memory = malloc(bytes);

    REQUIRE(memory != NULL, "memory");
    return memory;
}

/* ---- Rows and batches ---- */

/* KEY_BYTES bytes, of which the first seven are those of all keys. */
static inline void
draw_bytes(uint8_t *bytes, uint64_t key)
{
    memcpy(bytes, "prefix:suffix-..", KEY_BYTES);
    for (unsigned i = 0; i < 8; i++)
        bytes[7 + i] = (uint8_t)(key >> (56 - 8 * i));
}

/* Columns with rows `begin` to `end`, which the caller frees. */
static inline struct spine_columns
draw_columns(const struct work *work, uint64_t begin, uint64_t end)
{
    const size_t rows = (size_t)(end - begin);
    uint64_t *const keys = allocate(rows * KEY_BYTES);
    uint64_t *const offsets = allocate((rows + 1) * sizeof *offsets);
    uint64_t *const values = allocate(rows * sizeof *values);
    uint64_t *const times = allocate(rows * sizeof *times);

    for (size_t at = 0; at < rows; at++) {
        const uint64_t key = key_of(work, begin + at);
        if (work->schema->key.kind == SPINE_U32) {
            ((uint32_t *)keys)[at] = (uint32_t)key;
            ((uint32_t *)values)[at] = (uint32_t)(begin + at);
            continue;
        }
        if (work->schema->key.kind == SPINE_BYTES)
            draw_bytes((uint8_t *)keys + at * KEY_BYTES, key);
        else
            keys[at] = key;
        offsets[at] = at * KEY_BYTES;
        values[at] = begin + at;
        times[at] = key % 4;
    }
    offsets[rows] = rows * KEY_BYTES;
    return (struct spine_columns){.rows = rows,
                                  .keys = keys,
                                  .key_offsets = offsets,
                                  .values = values,
                                  .times = work->schema->time == SPINE_TIME_U64 ? times
                                                                                : NULL};
}

static inline void
free_columns(struct spine_columns *columns)
{
    free((void *)(uintptr_t)columns->keys);
    free((void *)(uintptr_t)columns->key_offsets);
    free((void *)(uintptr_t)columns->values);
    free((void *)(uintptr_t)columns->times);
}

static inline void
make_batches(struct work *work)
{
    for (size_t b = 0; b < work->batch_count; b++) {
        struct spine_columns columns =
            draw_columns(work, b * work->batch_rows, (b + 1) * work->batch_rows);
        REQUIRE(spine_batch_from_columns(work->schema, &columns, &work->batches[b],
                                         NULL) == SPINE_OK,
                "a batch");
        free_columns(&columns);
    }
}

static inline void
free_batches(struct work *work)
{
    for (size_t b = 0; b < work->batch_count; b++)
        spine_batch_unref(work->batches[b]);
}

#endif
