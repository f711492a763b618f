/* SPDX-License-Identifier: MIT */
#ifndef DEMO_RELATION_H
#define DEMO_RELATION_H

/*
 * demo/relation -- growing relations as spines.
 *
 * A relation is a set of pairs (a, b) of 32-bit numbers; p(x, z) is (x, z), and q(x, r,
 * z) is (x, (r, z)), the role and the concept packed. It is kept in two traces, by a and
 * by b, each a spine of rows key -> value of weight 1.
 *
 * Evaluation goes in rounds. In a round every trace stands still and shows three things:
 * what it held before the last round, what that round added (the delta, one batch), and
 * both together. What the round derives goes to sinks, from any number of rules, with
 * repetitions. relation_absorb() makes a set of it and takes away what is known already;
 * relation_advance() makes that the next delta.
 */

#include "demo/support.h"
#include "spine/spine.h"

#include <stdbool.h>

/* The rows of every trace and batch here. */
extern const struct spine_schema pair_schema;

/* A spine, as a round sees it. */
struct trace {
    struct spine *spine;
    struct spine_snapshot *before;
    struct spine_batch *delta;
    struct spine_snapshot *now;
};

void trace_open(struct trace *trace, struct spine_runtime *runtime);
void trace_close(struct trace *trace);
/* Adds the rows of `delta`; takes the reference. */
void trace_advance(struct trace *trace, struct spine_batch *delta);

/* A walk over all rows of a batch, in their order. */
#define SCAN_ROWS 1024u
struct scan {
    struct spine_cursor *cursor;
    size_t at;
    size_t rows;
    uint32_t keys[SCAN_ROWS];
    uint32_t values[SCAN_ROWS];
};

void scan_open(struct scan *scan, struct spine_batch *batch);
/* Fails if the cursor did. */
void scan_close(struct scan *scan);
/* Reads the next rows; false at the end. */
bool scan_fill(struct scan *scan);

/* The next row; false at the end. */
static inline bool
scan_next(struct scan *scan, uint32_t *key, uint32_t *value)
{
    if (scan->at == scan->rows && !scan_fill(scan))
        return false;
    *key = scan->keys[scan->at];
    *value = scan->values[scan->at++];
    return true;
}

/* Where derived rows go: a buffer in front of a batcher. */
#define SINK_ROWS 1024u
struct sink {
    struct spine_batcher *batcher;
    /* Rows that were handed over, ever; rows in the buffer. */
    uint64_t rows;
    uint32_t used;
    uint32_t keys[SINK_ROWS];
    uint32_t values[SINK_ROWS];
};

void sink_open(struct sink *sink);
void sink_close(struct sink *sink);
/* Hands the buffer to the batcher. */
void sink_flush(struct sink *sink);
/* The batch of all rows since the last one; the caller owns it. */
struct spine_batch *sink_seal(struct sink *sink);

static inline void
sink_add(struct sink *sink, uint32_t key, uint32_t value)
{
    if (sink->used == SINK_ROWS)
        sink_flush(sink);
    sink->keys[sink->used] = key;
    sink->values[sink->used++] = value;
}

/* All rows that ever went in. */
static inline uint64_t
sink_rows(const struct sink *sink)
{
    return sink->rows + sink->used;
}

/* Derived rows are sorted in parts, by ranges of a: rows of one part repeat each other
   early, and the fewer rows a batcher gets, the less it has to merge. */
#define PARTS_BITS 6u
#define PARTS (1u << PARTS_BITS)

struct relation {
    struct trace by_a;
    struct trace by_b;
    /* Rows (a, b) that the present round derives; those of part a >> part_shift. */
    struct sink derived[PARTS];
    unsigned part_shift;
    /* The next deltas, filled by relation_absorb(). */
    struct sink fresh_by_a;
    struct sink fresh_by_b;
    /* Rows in the relation, and in its delta. */
    uint64_t rows;
    uint64_t fresh_rows;
};

/* Numbers a are below 2^a_bits. */
void
relation_open(struct relation *relation, struct spine_runtime *runtime, unsigned a_bits);
void relation_close(struct relation *relation);
/* All rows that were ever derived, repetitions included. */
uint64_t relation_derived_rows(const struct relation *relation);

/* Derives (a, b). */
static inline void
relation_add(struct relation *relation, uint32_t a, uint32_t b)
{
    sink_add(&relation->derived[a >> relation->part_shift], a, b);
}

/* Of what was derived, finds what is new. Reads the traces; one thread per relation. */
void relation_absorb(struct relation *relation);
/* Begins the next round, whose deltas are what was new. Nobody may read meanwhile. */
void relation_advance(struct relation *relation);

#endif
