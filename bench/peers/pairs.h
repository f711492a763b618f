/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PEERS_PAIRS_H
#define BENCH_PEERS_PAIRS_H

/*
 * peers/pairs -- rows as key-value stores keep them: key and value, both with the highest
 * byte first, are the key of 16 bytes, so that the order of bytes is that of rows; the
 * weight is the value.
 */

#include "harness/engine.h"

#include <stdlib.h>
#include <string.h>

#define PAIR_BYTES 16

struct pair {
    uint64_t key;
    uint64_t value;
    int64_t weight;
};

static inline void
pair_encode(char *bytes, uint64_t key, uint64_t value)
{
    key = __builtin_bswap64(key);
    value = __builtin_bswap64(value);
    memcpy(bytes, &key, 8);
    memcpy(bytes + 8, &value, 8);
}

static inline struct pair
pair_decode(const char *bytes, const char *weight)
{
    struct pair pair;

    memcpy(&pair.key, bytes, 8);
    memcpy(&pair.value, bytes + 8, 8);
    memcpy(&pair.weight, weight, 8);
    pair.key = __builtin_bswap64(pair.key);
    pair.value = __builtin_bswap64(pair.value);
    return pair;
}

static inline int
pair_compare(const void *a, const void *b)
{
    const struct pair *const left = (const struct pair *)a;
    const struct pair *const right = (const struct pair *)b;

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return (left->value > right->value) - (left->value < right->value);
}

/* The rows sorted and consolidated: stores take ascending keys best. To be freed. */
static inline struct pair *
pairs_of(const struct spine_columns *columns, size_t *count)
{
    struct pair *const pairs = (struct pair *)bench_alloc(columns->rows, sizeof *pairs);
    const uint64_t *const keys = (const uint64_t *)columns->keys;
    const uint64_t *const values = (const uint64_t *)columns->values;
    size_t put = 0;

    for (size_t i = 0; i < columns->rows; i++) {
        pairs[i].key = keys[i];
        pairs[i].value = values[i];
        pairs[i].weight = columns->weights != NULL ? columns->weights[i] : 1;
    }
    qsort(pairs, columns->rows, sizeof *pairs, pair_compare);
    for (size_t at = 0; at < columns->rows;) {
        struct pair sum = pairs[at++];
        for (; at < columns->rows && pair_compare(&pairs[at], &sum) == 0; at++)
            sum.weight += pairs[at].weight;
        if (sum.weight != 0)
            pairs[put++] = sum;
    }
    *count = put;
    return pairs;
}

#endif
