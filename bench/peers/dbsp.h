/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PEERS_DBSP_H
#define BENCH_PEERS_DBSP_H

/*
 * The spine of DBSP, which peers/dbsp/ brings as a static library.
 */

#include "harness/engine.h"

/* Rows, as DBSP has them. */
enum dbsp_kind {
    /* u64 -> u64 */
    DBSP_WORDS,
    /* Vec<u8> -> Vec<u8>, which is what a String is, of any bytes. */
    DBSP_BYTES,
    /* Tup3<i64, u64, F64> -> Tup2<i64, F64> */
    DBSP_FIXED,
    /* Tup2<String, i64> -> Tup2<String, F64> */
    DBSP_STRINGS
};

struct dbsp_setup {
    enum dbsp_kind kind;
    /* Batches are not merged. */
    bool apart;
    /* An empty directory for files; NULL: all is in memory. */
    const char *directory;
    /* With a directory: of the cache of what is in files. */
    size_t cache_bytes;
};

/* `offsets` of strings and bytes only. */
struct dbsp_column {
    const void *values;
    const uint64_t *offsets;
};

/* As many columns as the kind has; `weights` may be NULL: each is 1. */
struct dbsp_rows {
    size_t rows;
    struct dbsp_column keys[3];
    struct dbsp_column values[2];
    const int64_t *weights;
};

extern void *dbsp_open(const struct dbsp_setup *setup);
extern void dbsp_insert(void *engine, const struct dbsp_rows *rows);
extern void dbsp_settle(void *engine);
extern void dbsp_scan(void *engine, struct tally *tally);
/* The rows of each key; `values`, unless NULL, gets one value of each, NO_VALUE when
 * there is none. */
extern void dbsp_probe(void *engine, const struct dbsp_rows *keys, uint64_t *values,
                       struct tally *tally);
extern void dbsp_unite(void *engine);
extern uint64_t dbsp_runs(void *engine);
extern void dbsp_close(void *engine);
/* For the library: what is tallied of bytes. */
extern uint64_t dbsp_bytes_hash(const char *bytes, size_t size);

#endif
