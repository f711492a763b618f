/* SPDX-License-Identifier: MIT */

/*
 * macro/queue -- a queue of a tenth of the rows: in each round the least 1,000 keys are
 * read and retracted, and 1,000 greater ones come in. What was popped must not be in the
 * way of who looks for the next one.
 */

#include "macro/macro.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
    /* Keys that are popped, and keys that are pushed, per round. */
    STEP = 1000,
    QUEUE_ROWS_MIN = 20000
};

/* Keys [begin, end) are in it. */
struct queue {
    struct source *source;
    uint64_t begin;
    uint64_t end;
    /* Seconds until the first key was there, of each round. */
    double *first;
    double skipped;
    bool skipped_known;
};

static void queue_push(struct queue *queue, uint64_t rows);
static void
queue_round(struct queue *queue, const struct engine *engine, void *state, size_t round);
static void queue_put(struct queue *queue, struct sample *sample, uint64_t n,
                      size_t rounds, double seconds);

void
run_queue(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    const uint64_t rows = bench->n / 10 > QUEUE_ROWS_MIN ? bench->n / 10 : QUEUE_ROWS_MIN;
    const size_t rounds = 2 * rows / STEP;
    struct queue queue = {.source = source_new(),
                          .first = bench_alloc(rounds, sizeof(double))};
    struct tally found = {0};
    void *const state = engine->open(&(struct engine_setup){
        .schema = &schema_u64, .directory = bench->directory, .rows_max = rows});

    while (queue.end < rows) {
        source_begin(queue.source);
        queue_push(&queue, rows - queue.end < BATCH_ROWS ? rows - queue.end : BATCH_ROWS);
        engine->insert(state, &queue.source->columns);
    }
    engine->settle(state);
    const double began = seconds_now();
    for (size_t round = 0; round < rounds; round++)
        queue_round(&queue, engine, state, round);
    queue_put(&queue, sample, bench->n, rounds, seconds_now() - began);
    engine->settle(state);
    written_put(sample, "queue", bench->n, engine, state);

    engine->scan(state, SCAN_ROWS, &found);
    queue.source->expected.rows = rows;
    tally_check("queue", &queue.source->expected, &found);
    engine->close(state);
    free(queue.first);
    source_free(queue.source);
}

static void
queue_push(struct queue *queue, uint64_t rows)
{
    for (uint64_t i = 0; i < rows; i++, queue->end++)
        source_add(queue->source, queue->end, queue->end, 1);
}

static void
queue_round(struct queue *queue, const struct engine *engine, void *state, size_t round)
{
    uint64_t keys[STEP];
    struct head_cost cost;
    const size_t count = engine->head(state, keys, STEP, &cost);

    queue->first[round] = cost.first_s;
    queue->skipped_known = cost.skipped != HEAD_SKIPPED_UNKNOWN;
    queue->skipped += (double)cost.skipped;
    source_begin(queue->source);
    for (size_t i = 0; i < STEP; i++, queue->begin++) {
        if (i >= count || keys[i] != queue->begin)
            bench_fail("queue: key %zu of round %zu is not %" PRIu64, i, round,
                       queue->begin);
        source_add(queue->source, queue->begin, queue->begin, -1);
    }
    queue_push(queue, STEP);
    engine->insert(state, &queue->source->columns);
}

static void
queue_put(struct queue *queue, struct sample *sample, uint64_t n, size_t rounds,
          double seconds)
{
    const double count = (double)rounds;

    qsort(queue->first, rounds, sizeof *queue->first, compare_doubles);
    sample_put(sample, "queue", "first_p50_us", n, 1e6 * queue->first[rounds / 2]);
    sample_put(sample, "queue", "first_p99_us", n,
               1e6 * queue->first[(size_t)ceil(0.99 * count) - 1]);
    if (queue->skipped_known)
        sample_put(sample, "queue", "rows_skipped", n, queue->skipped / count);
    sample_put(sample, "queue", "rows_per_s", n, 2 * STEP * count / seconds);
}
