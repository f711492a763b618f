/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MACRO_BYTES_H
#define BENCH_MACRO_BYTES_H

/*
 * Rows of strings, which the workload `bytes` hands to spine and to peers alike.
 */

#include "harness/source.h"

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* FNV-1a, eight bytes at a time. */
static inline uint64_t
bytes_hash(const char *data, size_t size)
{
    uint64_t hash = size * UINT64_C(0x9e3779b97f4a7c15), part;

    for (; size >= 8; data += 8, size -= 8) {
        memcpy(&part, data, 8);
        hash = (hash ^ part) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    part = 0;
    memcpy(&part, data, size);
    return mix(hash ^ part);
}

static inline void
bytes_tally(struct tally *tally, const char *key, size_t key_size, const char *value,
            size_t value_size, int64_t weight)
{
    tally_add(tally, bytes_hash(key, key_size), bytes_hash(value, value_size), weight);
}

/* Key `i` of columns of such rows. */
static inline struct spine_bytes
bytes_key(const struct spine_columns *rows, size_t i)
{
    const struct spine_bytes key = {(const char *)rows->keys + rows->key_offsets[i],
                                    rows->key_offsets[i + 1] - rows->key_offsets[i]};

    return key;
}

/* Who keeps such rows. */
struct bytes_engine {
    const char *name;
    /* An empty directory for files. */
    void *(*open)(const char *directory);
    /* Unsorted rows, each with weight 1. */
    void (*insert)(void *state, const struct spine_columns *rows);
    void (*settle)(void *state);
    void (*scan)(void *state, struct tally *tally);
    /* The rows of each key, in any order of keys. */
    void (*lookup)(void *state, const struct spine_columns *keys, struct tally *tally);
    void (*close)(void *state);
};

#ifdef __cplusplus
}
#endif

#endif
