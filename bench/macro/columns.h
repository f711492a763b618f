/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MACRO_COLUMNS_H
#define BENCH_MACRO_COLUMNS_H

/*
 * Rows of five columns, which the workload `columns` hands to spine and to peers alike:
 *
 *     fixed     (i64, u64, f64) -> (i64, f64)
 *     strings   (string of 16 to 32, i64) -> (string of 0 to 100, f64)
 */

#include "harness/source.h"

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KEY_TEXT_MAX = 32, VALUE_TEXT_MAX = 100 };

/* Strings are there in rows of strings only, `other` in fixed ones. */
struct wide_rows {
    bool strings;
    size_t rows;
    int64_t number[BATCH_ROWS];
    uint64_t other[BATCH_ROWS];
    double real[BATCH_ROWS];
    int64_t value_number[BATCH_ROWS];
    double value_real[BATCH_ROWS];
    uint64_t key_offsets[BATCH_ROWS + 1];
    uint64_t value_offsets[BATCH_ROWS + 1];
    char key_text[BATCH_ROWS * KEY_TEXT_MAX];
    char value_text[BATCH_ROWS * VALUE_TEXT_MAX];
};

static inline uint64_t
bits_of(double real)
{
    uint64_t bits;

    memcpy(&bits, &real, sizeof bits);
    return bits;
}

/* What a reader makes of a row, of both kinds alike: strings by their size. */
static inline void
wide_tally(struct tally *tally, uint64_t text, int64_t number, uint64_t value,
           double value_real, int64_t weight)
{
    tally_add(tally, text ^ (uint64_t)number, value ^ bits_of(value_real), weight);
}

/* Who keeps such rows. */
struct wide_engine {
    const char *name;
    /* An empty directory for files. */
    void *(*open)(bool strings, const char *directory);
    void (*insert)(void *state, const struct wide_rows *rows);
    void (*settle)(void *state);
    void (*scan)(void *state, struct tally *tally);
    void (*close)(void *state);
};

/* spine by records of Arrow. */
extern const struct wide_engine wide_arrow;

#ifdef __cplusplus
}
#endif

#endif
