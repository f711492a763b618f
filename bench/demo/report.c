/* SPDX-License-Identifier: MIT */
#include "demo/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void summary_of(struct trace *trace, bool swapped, struct summary *summary);
static void add_stats(struct spine_stats *sum, struct trace *trace);
static void stats_of(struct program *program, struct spine_stats *sum);
static uint64_t derivations_of(const struct program *program);

void
report_facts(const struct facts *facts, double seconds)
{
    printf("%" PRIu32 " concepts, %" PRIu32 " roles; rows: p %zu q %zu r %zu c %zu u %zu "
           "s %zu; %.2f s\n",
           facts->concepts, facts->roles, table_rows(&facts->p), table_rows(&facts->q),
           table_rows(&facts->r), table_rows(&facts->c), table_rows(&facts->u),
           table_rows(&facts->s), seconds);
}

void
report_head(void)
{
    printf(
        "round      new p      new q  derivations  seconds  M rows/s  MB held  merges  "
        "batches per level\n");
}

void
report_round(struct program *program, unsigned round, double seconds)
{
    struct spine_stats stats;
    const uint64_t derivations = derivations_of(program) - program->derivations_reported;

    program->derivations_reported += derivations;
    stats_of(program, &stats);
    printf("%5u %10" PRIu64 " %10" PRIu64 " %12" PRIu64 " %8.2f %9.1f %8.1f %7" PRIu64
           " ",
           round, program->p.fresh_rows, program->q.fresh_rows, derivations, seconds,
           seconds > 0 ? 1e-6 * (double)derivations / seconds : 0,
           1e-6 * (double)spine_allocated_bytes(), stats.merges);
    unsigned levels = SPINE_LEVELS;
    while (levels > 1 && stats.levels[levels - 1].loose_batches == 0 &&
           stats.levels[levels - 1].merging_batches == 0)
        levels--;
    for (unsigned level = 0; level < levels; level++)
        printf(" %" PRIu64,
               stats.levels[level].loose_batches + stats.levels[level].merging_batches);
    printf("\n");
    fflush(stdout);
}

void
report_rules(struct program *program)
{
    static const char *const texts[RULES] = {
        "p(x, z) :- p(x, y), p(y, z).",
        "p(x, z) :- p(y, w), u(w, r, z), q(x, r, y).",
        "p(x, z) :- c(y, w, z), p(x, w), p(x, y).",
        "q(x, r, z) :- p(x, y), q(y, r, z).",
        "q(x, q, z) :- q(x, r, z), s(r, q).",
        "q(x, e, o) :- q(x, y, z), r(y, u, e), q(z, u, o).",
    };
    static const char *const names[2] = {"p: distinct and new", "q: distinct and new"};

    printf("derivations  seconds  rule\n");
    for (unsigned rule = 0; rule < RULES; rule++)
        printf("%11" PRIu64 " %8.2f  %s\n", program->derivations[rule],
               program->seconds[rule], texts[rule]);
    for (unsigned relation = 0; relation < 2; relation++)
        printf("%11s %8.2f  %s\n", "", program->absorb_seconds[relation],
               names[relation]);
}

void
report_memory(struct program *program)
{
    static const char *const names[5] = {"p by x", "p by z", "q by x", "q by (r, z)",
                                         "t by (r, y)"};
    struct trace *const traces[5] = {&program->p.by_a, &program->p.by_b, &program->q.by_a,
                                     &program->q.by_b, &program->t};
    struct spine_stats stats;

    printf("trace              rows  batches  bytes/row  merges  written/inserted\n");
    for (unsigned at = 0; at < 5; at++) {
        spine_get_stats(traces[at]->spine, &stats);
        const double rows = stats.rows > 0 ? (double)stats.rows : 1;
        const double inserted = stats.rows > 0 ? (double)stats.inserted_rows : 1;
        printf("%-12s %10" PRIu64 " %8" PRIu64 " %10.2f %7" PRIu64 " %17.2f\n", names[at],
               stats.rows, stats.batches, (double)stats.bytes / rows, stats.merges,
               (inserted + (double)(stats.merge_rows_out - stats.merge_rows_shared)) /
                   inserted);
    }
    printf("the library holds %.1f MB now; processor time so far %.2f s\n",
           1e-6 * (double)spine_allocated_bytes(), processor_seconds());
}

void
report_answer(struct program *program, struct answer *answer)
{
    struct relation *const relations[2] = {&program->p, &program->q};
    struct summary *const summaries[2] = {&answer->p, &answer->q};

    for (unsigned at = 0; at < 2; at++) {
        struct summary by_b = {0};
        *summaries[at] = (struct summary){0};
        summary_of(&relations[at]->by_a, false, summaries[at]);
        summary_of(&relations[at]->by_b, true, &by_b);
        if (!summary_equal(summaries[at], &by_b))
            fail("the two orders of relation %c differ: %" PRIu64 " and %" PRIu64 " rows",
                 at == 0 ? 'p' : 'q', summaries[at]->rows, by_b.rows);
    }
}

/* `swapped`: the trace has (b, a). */
static void
summary_of(struct trace *trace, bool swapped, struct summary *summary)
{
    struct spine_error error;
    struct spine_cursor *cursor;
    uint32_t keys[SCAN_ROWS], values[SCAN_ROWS];
    int64_t weights[SCAN_ROWS];
    const struct spine_column_buffers buffers = {
        .rows = SCAN_ROWS, .keys = keys, .values = values, .weights = weights};
    size_t rows;

    must(spine_snapshot_cursor(trace->now, &cursor, &error), &error,
         "spine_snapshot_cursor");
    while ((rows = spine_cursor_read(cursor, &buffers)) > 0)
        for (size_t at = 0; at < rows; at++) {
            if (weights[at] != 1)
                fail("row (%" PRIu32 ", %" PRIu32 ") weighs %" PRId64, keys[at],
                     values[at], weights[at]);
            summary_add(summary, swapped ? values[at] : keys[at],
                        swapped ? keys[at] : values[at]);
        }
    must(spine_cursor_error(cursor, &error), &error, "reading the result");
    spine_cursor_close(cursor);
}

static void
add_stats(struct spine_stats *sum, struct trace *trace)
{
    struct spine_stats stats;

    spine_get_stats(trace->spine, &stats);
    sum->merges += stats.merges;
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        sum->levels[level].loose_batches += stats.levels[level].loose_batches;
        sum->levels[level].merging_batches += stats.levels[level].merging_batches;
    }
}

static void
stats_of(struct program *program, struct spine_stats *sum)
{
    *sum = (struct spine_stats){0};
    add_stats(sum, &program->p.by_a);
    add_stats(sum, &program->p.by_b);
    add_stats(sum, &program->q.by_a);
    add_stats(sum, &program->q.by_b);
    add_stats(sum, &program->t);
}

static uint64_t
derivations_of(const struct program *program)
{
    uint64_t sum = 0;

    for (unsigned rule = 0; rule < RULES; rule++)
        sum += program->derivations[rule];
    return sum;
}
