/* SPDX-License-Identifier: MIT */

/*
 * macro/window -- a window slides over ascending keys: what leaves it is retracted row by
 * row, or a retention filter moves and says that nobody needs it. Space must stay flat.
 */

#include "macro/macro.h"

#include <stdlib.h>

enum {
    /* A look at memory every so many batches: it takes as long as 200 rows. */
    LOOK_BATCHES = 4,
    /* A run is as long as so many windows. */
    WINDOWS = 20,
    /* After so many of them as much is retracted as there will ever be. */
    WINDOWS_WARM = 4
};

struct window {
    struct source *source;
    uint64_t n;
    /* Rows that the window has at most. */
    uint64_t rows_max;
    bool by_filter;
    /* Rows [begin, end) are in the window. */
    uint64_t begin;
    uint64_t end;
    uint64_t handed;
    /* Bytes held in the first and second half of what comes after WINDOWS_WARM. */
    double held[2];
    unsigned looks[2];
};

static void window_run(const struct bench *bench, const struct engine *engine,
                       struct sample *sample, bool by_filter);

void
run_window(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    window_run(bench, engine, sample, false);
}

void
run_window_retain(const struct bench *bench, const struct engine *engine,
                  struct sample *sample)
{
    window_run(bench, engine, sample, true);
}

/* A row in, in a full window another one out; false at the end of the input. */
static bool
window_fill(struct window *window)
{
    struct source *const source = window->source;

    source_begin(source);
    for (unsigned i = 0; i < BATCH_ROWS && window->handed < window->n;
         i++, window->handed++) {
        const uint64_t rows = window->end - window->begin;
        if (!window->by_filter && rows + BATCH_ROWS >= window->rows_max &&
            (i % 2 == 1 || rows == window->rows_max)) {
            source_add(source, window->begin, window->begin, -1);
            window->begin++;
        } else {
            source_add(source, window->end, window->end, 1);
            window->end++;
        }
    }
    return source->columns.rows > 0;
}

/* The rows that leave a window that is too long, which the engine is not told one by
   one. */
static void
window_move(struct window *window)
{
    for (; window->end - window->begin > window->rows_max; window->begin++) {
        window->source->expected.weight--;
        window->source->expected.checksum -= row_hash(window->begin, window->begin);
    }
}

static void
window_look(struct window *window, uint64_t before)
{
    const uint64_t warm = window->n / WINDOWS * WINDOWS_WARM;
    const uint64_t half = warm + (window->n - warm) / 2;

    if (window->handed / BATCH_ROWS % LOOK_BATCHES != 0 || window->handed < warm)
        return;
    window->held[window->handed > half] += (double)memory_now() - (double)before;
    window->looks[window->handed > half]++;
}

static void
window_insert_all(struct window *window, const struct engine *engine, void *state,
                  uint64_t before)
{
    while (window_fill(window)) {
        engine->insert(state, &window->source->columns);
        if (window->by_filter) {
            window_move(window);
            engine->retain(state, window->begin);
        }
        window_look(window, before);
    }
}

/* Per row of the window. Rows that a filter gives up may be there until everything is
   merged, so that is done before they are counted. */
static void
window_run(const struct bench *bench, const struct engine *engine, struct sample *sample,
           bool by_filter)
{
    const char *const name = by_filter ? "window.retain" : "window";
    struct window window = {.source = source_new(),
                            .n = bench->n,
                            .rows_max = bench->n / WINDOWS > 2 * BATCH_ROWS
                                            ? bench->n / WINDOWS
                                            : 2 * BATCH_ROWS,
                            .by_filter = by_filter};
    struct intake intake;
    struct tally found = {0};
    intake_open(&intake);
    void *const state = engine->open(&(struct engine_setup){
        .schema = &schema_u64, .directory = bench->directory, .rows_max = bench->n});

    intake_begin(&intake);
    window_insert_all(&window, engine, state, intake.memory);
    intake_end(&intake);
    engine->settle(state);
    const double rows = (double)(window.end - window.begin);
    intake_put(&intake, sample, name, bench->n, rows);
    written_put(sample, name, bench->n, engine, state);
    disk_put(sample, name, bench->n, bench, rows);
    if (window.looks[0] > 0 && window.looks[1] > 0)
        sample_put(sample, name, "space_growth", bench->n,
                   window.held[1] / window.looks[1] * window.looks[0] / window.held[0]);

    if (by_filter)
        engine->unite(state);
    engine->scan(state, engine->abilities & ENGINE_BULK ? SCAN_BULK : SCAN_ROWS, &found);
    window.source->expected.rows = window.end - window.begin;
    tally_check(name, &window.source->expected, &found);
    engine->close(state);
    source_free(window.source);
}
