/* SPDX-License-Identifier: MIT */
#include "harness/script.h"

#include "harness/fault.h"
#include "harness/flood.h"
#include "harness/lanes.h"

#include <string.h>

typedef bool step_fn(struct script *script, struct script_spine *at);

static bool step_insert(struct script *script, struct script_spine *at);
static bool step_run(struct script *script, struct script_spine *at);
static bool step_snapshot(struct script *script, struct script_spine *at);
static bool step_cursor(struct script *script, struct script_spine *at);
static bool step_view(struct script *script, struct script_spine *at);
static bool step_compact(struct script *script, struct script_spine *at);
static bool step_consolidate(struct script *script, struct script_spine *at);
static bool step_fork(struct script *script, struct script_spine *at);
static bool step_close(struct script *script, struct script_spine *at);
static bool step_pause(struct script *script, struct script_spine *at);
static bool step_resume(struct script *script, struct script_spine *at);
static bool step_frontier(struct script *script, struct script_spine *at);
static bool step_look(struct script *script, struct script_spine *at);
static bool step_wait(struct script *script, struct script_spine *at);
static bool step_dirty(struct script *script, struct script_spine *at);

/* How often of all weights together a step is drawn. */
static const struct {
    const char *name;
    step_fn *on_step;
    unsigned weight;
} steps[] = {
    {"insert", step_insert, 40},
    {"run", step_run, 30},
    {"snapshot", step_snapshot, 5},
    {"cursor", step_cursor, 5},
    {"view", step_view, 10},
    {"compact", step_compact, 3},
    {"consolidate", step_consolidate, 2},
    {"fork", step_fork, 3},
    {"close", step_close, 1},
    {"pause", step_pause, 3},
    {"resume", step_resume, 4},
    {"frontier", step_frontier, 4},
    {"look", step_look, 6},
    {"wait", step_wait, 2},
    {"dirty", step_dirty, 2},
};

static bool refused(struct script *script, enum spine_status status);
static bool spine_is_sound(struct script *script, struct script_spine *at);
static bool
insert_rows(struct script *script, struct script_spine *at, const struct model *rows);
static struct script_view *free_view(struct script *script);
static void view_drop(struct script_view *view);
static bool view_check(struct script *script, struct script_view *view);
static uint64_t later_time(struct script *script, uint64_t frontier);
static void on_compacted(void *context, enum spine_status status);
static bool compare_since(struct script *script, struct spine_cursor *cursor,
                          const struct model *expected, uint64_t frontier);

bool
script_init(struct script *script, struct rng *rng, const struct script_options *options)
{
    const struct spine_runtime_options runtime_options = {.manual = true};
    struct spine_options spine_options = {0};
    struct spine_schema schema;

    *script = (struct script){.rng = rng, .step = "begin"};
    if (options != NULL)
        script->options = *options;
    if (script->options.batch_rows == 0)
        script->options.batch_rows = 200;
    if (script->options.schema != NULL)
        schema = *script->options.schema;
    else
        generate_schema(rng, &schema);
    if (script->options.faulty)
        spine_options.retry_ms = 1;
    if (rng_chance(rng, 70))
        spine_options.level0_rows = (uint32_t)rng_magnitude(rng, 500);
    if (rng_chance(rng, 60))
        spine_options.backpressure_batches = 2 + (uint32_t)rng_below(rng, 30);
    if (rng_chance(rng, 50))
        spine_options.help_batches =
            rng_chance(rng, 30) ? UINT32_MAX : 1 + (uint32_t)rng_below(rng, 20);
    spine_options.only_due_merges = rng_chance(rng, 25);
    spine_options.negative_weight_multiplier = (uint32_t)rng_below(rng, 3);
    if (rng_chance(rng, 70))
        spine_options.encode_rows =
            rng_chance(rng, 20) ? UINT32_MAX : (uint32_t)rng_magnitude(rng, 500);

    enum spine_status st = spine_runtime_open(&runtime_options, &script->runtime, NULL);
    if (st == SPINE_OK)
        st = spine_open(script->runtime, &schema, &spine_options,
                        &script->spines[0].spine, NULL);
    if (st != SPINE_OK) {
        spine_runtime_close(script->runtime);
        if (!script->options.faulty)
            property_ok(__FILE__, __LINE__, st, NULL);
        return false;
    }
    lanes_force(script->spines[0].spine, rng_chance(rng, 30));
    flood_force(script->spines[0].spine, rng_chance(rng, 30));
    generator_init(&script->generator, rng, &schema, NULL);
    for (unsigned i = 0; i < SCRIPT_SPINES; i++)
        model_init(&script->spines[i].model, &schema);
    for (unsigned i = 0; i < SCRIPT_VIEWS; i++)
        model_init(&script->views[i].model, &schema);
    return true;
}

bool
script_step(struct script *script)
{
    unsigned total = 0;
    size_t chosen = 0;
    struct script_spine *at = &script->spines[rng_index(script->rng, SCRIPT_SPINES)];

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        total += steps[i].weight;
    unsigned left = (unsigned)rng_below(script->rng, total);
    while (left >= steps[chosen].weight)
        left -= steps[chosen++].weight;
    script->step = steps[chosen].name;
    if (at->spine == NULL)
        at = &script->spines[0];
    return steps[chosen].on_step(script, at);
}

bool
script_check(struct script *script)
{
    for (unsigned i = 0; i < SCRIPT_SPINES; i++)
        if (script->spines[i].spine != NULL &&
            !spine_is_sound(script, &script->spines[i]))
            return false;
    for (unsigned i = 0; i < SCRIPT_VIEWS; i++)
        if (!view_check(script, &script->views[i]))
            return false;
    return true;
}

bool
script_finish(struct script *script)
{
    const bool runtime_first = rng_chance(script->rng, 30);
    bool sound = script_check(script);

    if (runtime_first)
        spine_runtime_close(script->runtime);
    for (unsigned i = 0; i < SCRIPT_SPINES; i++)
        spine_close(script->spines[i].spine);
    if (!runtime_first)
        spine_runtime_close(script->runtime);
    if (script->compactions != script->compactions_done)
        sound = property_fail(__FILE__, __LINE__, "%u compactions, %u reported",
                              script->compactions, script->compactions_done);
    for (unsigned i = 0; i < SCRIPT_VIEWS; i++) {
        sound = sound && view_check(script, &script->views[i]);
        view_drop(&script->views[i]);
        model_release(&script->views[i].model);
    }
    for (unsigned i = 0; i < SCRIPT_SPINES; i++)
        model_release(&script->spines[i].model);
    generator_release(&script->generator);
    return sound;
}

/* True, and counted, when the call failed in a way that is allowed here. */
static bool
refused(struct script *script, enum spine_status status)
{
    if (!script->options.faulty || status != fault_status())
        return false;
    script->refused++;
    return true;
}

static bool
step_insert(struct script *script, struct script_spine *at)
{
    const size_t count = rng_chance(script->rng, 3)
                             ? 0
                             : rng_magnitude(script->rng, script->options.batch_rows);
    struct model rows;

    model_init(&rows, &script->generator.schema);
    generate_rows(&script->generator, count, &rows);
    const bool sound = insert_rows(script, at, &rows);
    model_release(&rows);
    return sound;
}

static bool
insert_rows(struct script *script, struct script_spine *at, const struct model *rows)
{
    struct spine_batch_info info;
    struct spine_batch *batch = NULL;
    struct columns columns;

    columns_init(&columns, rows);
    enum spine_status st =
        spine_batch_from_columns(&rows->schema, &columns.view, &batch, NULL);
    columns_release(&columns);
    if (refused(script, st))
        return batch == NULL;
    HOLDS_OK(st);

    spine_batch_get_info(batch, &info);
    if (rng_chance(script->rng, 50))
        st = spine_insert(at->spine, batch, NULL);
    else
        st = spine_try_insert(at->spine, batch, NULL);
    spine_batch_unref(batch);
    if (refused(script, st)) {
        /* It may be the sticky error; without it, merges may be tried again. */
        spine_retry(at->spine);
        return true;
    }
    if (st == SPINE_BUSY)
        return true;
    HOLDS_OK(st);
    model_add_rows(&at->model, rows->rows, rows->count);
    model_consolidate(&at->model);
    if (info.rows == 0)
        return true;
    at->dirty = true;
    at->inserted_batches++;
    at->inserted_rows += info.rows;
    return true;
}

static bool
step_run(struct script *script, struct script_spine *at)
{
    const uint64_t fuel = rng_magnitude(script->rng, 3000);
    struct spine_error error;

    for (uint64_t runs = 1 + rng_below(script->rng, 3); runs > 0; runs--)
        if (spine_runtime_run(script->runtime, fuel) == 0)
            break;
    if (script->options.faulty && spine_get_status(at->spine, &error) != SPINE_OK) {
        HOLDS(fault_explains(error.status, &error));
        spine_retry(at->spine);
    }
    return true;
}

static bool
step_snapshot(struct script *script, struct script_spine *at)
{
    struct script_view *view = free_view(script);
    const enum spine_status st = spine_take_snapshot(at->spine, &view->snapshot, NULL);

    if (refused(script, st))
        return view->snapshot == NULL;
    HOLDS_OK(st);
    model_copy(&view->model, &at->model);
    view->frontier = at->frontier;
    return true;
}

static bool
step_cursor(struct script *script, struct script_spine *at)
{
    struct script_view *view = free_view(script);
    const enum spine_status st = spine_cursor_open(at->spine, &view->cursor, NULL);

    if (refused(script, st))
        return view->cursor == NULL;
    HOLDS_OK(st);
    model_copy(&view->model, &at->model);
    view->frontier = at->frontier;
    return true;
}

static bool
step_view(struct script *script, struct script_spine *at)
{
    struct script_view *view = &script->views[rng_index(script->rng, SCRIPT_VIEWS)];

    (void)at;
    if (!view_check(script, view))
        return false;
    if (rng_chance(script->rng, 50))
        view_drop(view);
    return true;
}

static bool
step_compact(struct script *script, struct script_spine *at)
{
    const bool wants_news = rng_chance(script->rng, 80);

    script->compactions += wants_news;
    const enum spine_status st =
        spine_compact(at->spine, wants_news ? on_compacted : NULL, script, NULL);
    if (st != SPINE_OK)
        script->compactions -= wants_news;
    if (refused(script, st))
        return true;
    HOLDS_OK(st);
    return true;
}

static bool
step_consolidate(struct script *script, struct script_spine *at)
{
    struct spine_batch *batch = NULL;
    bool same = true;

    if (at->pauses > 0)
        return true;
    const enum spine_status st = spine_consolidate(at->spine, &batch, NULL);
    if (refused(script, st)) {
        spine_retry(at->spine);
        return batch == NULL;
    }
    HOLDS_OK(st);
    fault_pause();
    if (batch == NULL) {
        /* Advanced times may have let all rows cancel. */
        struct model advanced;
        model_init(&advanced, &at->model.schema);
        model_copy(&advanced, &at->model);
        model_advance(&advanced, at->frontier);
        same = advanced.count == 0;
        model_release(&advanced);
    } else {
        struct spine_cursor *cursor;
        HOLDS_OK(spine_batch_check(batch, NULL));
        HOLDS_OK(spine_batch_cursor(batch, &cursor, NULL));
        same = compare_since(script, cursor, &at->model, at->frontier);
        spine_cursor_close(cursor);
        spine_batch_unref(batch);
    }
    fault_resume();
    return same;
}

static bool
step_fork(struct script *script, struct script_spine *at)
{
    for (unsigned i = 0; i < SCRIPT_SPINES; i++) {
        struct script_spine *to = &script->spines[i];
        if (to->spine != NULL)
            continue;
        const enum spine_status st = spine_fork(at->spine, &to->spine, NULL);
        if (refused(script, st))
            return to->spine == NULL;
        HOLDS_OK(st);
        lanes_force(to->spine, rng_chance(script->rng, 30));
        flood_force(to->spine, rng_chance(script->rng, 30));
        model_copy(&to->model, &at->model);
        to->frontier = at->frontier;
        to->pauses = 0;
        to->dirty = at->dirty;
        return spine_is_sound(script, to);
    }
    return true;
}

static bool
step_close(struct script *script, struct script_spine *at)
{
    for (unsigned i = 0; i < SCRIPT_SPINES; i++)
        if (script->spines[i].spine != NULL && &script->spines[i] != at) {
            spine_close(at->spine);
            at->spine = NULL;
            if (at == &script->spines[0]) {
                const struct script_spine closed = *at;
                *at = script->spines[i];
                script->spines[i] = closed;
            }
            return true;
        }
    return true;
}

static bool
step_pause(struct script *script, struct script_spine *at)
{
    (void)script;
    if (at->pauses == 2)
        return true;
    spine_pause(at->spine);
    at->pauses++;
    return true;
}

static bool
step_resume(struct script *script, struct script_spine *at)
{
    (void)script;
    if (at->pauses == 0)
        return true;
    spine_resume(at->spine);
    at->pauses--;
    return true;
}

static bool
step_frontier(struct script *script, struct script_spine *at)
{
    const enum spine_time time = script->generator.schema.time;

    if (time == SPINE_UNTIMED) {
        HOLDS_STATUS(SPINE_INVALID, spine_set_frontier(at->spine, 0, NULL));
        return true;
    }
    if (at->frontier > 0 && rng_chance(script->rng, 20)) {
        HOLDS_STATUS(SPINE_INVALID,
                     spine_set_frontier(at->spine, at->frontier - 1, NULL));
        return true;
    }
    const uint64_t frontier = later_time(script, at->frontier);
    HOLDS_OK(spine_set_frontier(at->spine, frontier, NULL));
    at->frontier = frontier;
    return true;
}

static bool
step_look(struct script *script, struct script_spine *at)
{
    return spine_is_sound(script, at);
}

static bool
step_wait(struct script *script, struct script_spine *at)
{
    /* Nobody merges meanwhile. */
    enum spine_status st = spine_wait_idle(at->spine, 0, NULL);

    if (refused(script, st)) {
        spine_retry(at->spine);
        return true;
    }
    HOLDS(st == SPINE_OK || st == SPINE_TIMEOUT);
    st = spine_insert_wait(at->spine, 0, NULL);
    if (refused(script, st))
        return true;
    HOLDS(st == SPINE_OK || st == SPINE_TIMEOUT);
    return true;
}

static bool
step_dirty(struct script *script, struct script_spine *at)
{
    HOLDS_EQUAL(at->dirty, spine_is_dirty(at->spine));
    if (rng_chance(script->rng, 50)) {
        spine_clear_dirty(at->spine);
        at->dirty = false;
    }
    return true;
}

/* The content, the invariants, and numbers that must agree. No fault in here. */
static bool
spine_is_sound(struct script *script, struct script_spine *at)
{
    struct spine_error error;
    struct spine_snapshot *snapshot = NULL;
    struct spine_cursor *cursor = NULL;
    struct spine_stats stats;

    fault_pause();
    if (!property_ok(__FILE__, __LINE__, spine_check(at->spine, &error), &error))
        return false;
    HOLDS_OK(spine_take_snapshot(at->spine, &snapshot, NULL));
    HOLDS_OK(spine_snapshot_cursor(snapshot, &cursor, NULL));
    spine_get_stats(at->spine, &stats);
    HOLDS_EQUAL(spine_snapshot_batch_count(snapshot), stats.batches);
    HOLDS_EQUAL(spine_snapshot_rows(snapshot), stats.rows);
    HOLDS_EQUAL(spine_snapshot_bytes(snapshot), stats.bytes);
    spine_snapshot_unref(snapshot);
    const bool same = compare_since(script, cursor, &at->model, at->frontier);
    spine_cursor_close(cursor);
    fault_resume();
    return same;
}

static bool
compare_since(struct script *script, struct spine_cursor *cursor,
              const struct model *expected, uint64_t frontier)
{
    struct model advanced, observed;

    model_init(&advanced, &expected->schema);
    model_init(&observed, &expected->schema);
    model_copy(&advanced, expected);
    bool same = observe_forward(cursor, &observed);
    if (frontier > 0) {
        model_advance(&advanced, frontier);
        model_advance(&observed, frontier);
    }
    same = same && model_equal(&advanced, &observed, script->step);
    model_release(&advanced);
    model_release(&observed);
    return same;
}

/* Drops a view if all are taken. */
static struct script_view *
free_view(struct script *script)
{
    for (unsigned i = 0; i < SCRIPT_VIEWS; i++)
        if (script->views[i].snapshot == NULL && script->views[i].cursor == NULL)
            return &script->views[i];
    struct script_view *view = &script->views[rng_index(script->rng, SCRIPT_VIEWS)];
    view_drop(view);
    return view;
}

static void
view_drop(struct script_view *view)
{
    spine_cursor_close(view->cursor);
    spine_snapshot_unref(view->snapshot);
    view->cursor = NULL;
    view->snapshot = NULL;
}

static bool
view_check(struct script *script, struct script_view *view)
{
    struct spine_cursor *cursor = view->cursor;
    bool same;

    if (view->snapshot == NULL && cursor == NULL)
        return true;
    fault_pause();
    if (cursor == NULL)
        HOLDS_OK(spine_snapshot_cursor(view->snapshot, &cursor, NULL));
    same = compare_since(script, cursor, &view->model, view->frontier);
    if (view->cursor == NULL)
        spine_cursor_close(cursor);
    fault_resume();
    return same;
}

static uint64_t
later_time(struct script *script, uint64_t frontier)
{
    struct rng *rng = script->rng;

    if (script->generator.schema.time == SPINE_TIME_U64)
        return frontier + rng_below(rng, 4);
    return spine_time_pair((uint32_t)((frontier >> 32) + rng_below(rng, 2)),
                           (uint32_t)((frontier & UINT32_MAX) + rng_below(rng, 3)));
}

static void
on_compacted(void *context, enum spine_status status)
{
    struct script *script = context;

    (void)status;
    script->compactions_done++;
}
