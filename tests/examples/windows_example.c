/* SPDX-License-Identifier: MIT */

/*
 * Windows with a watermark: count and sum of what sensors measured, per ten minutes.
 *
 * Measurements come some minutes late and in no order, in steps. A row is (window,
 * sensor) at the time of its step, with two weights, count and sum. The watermark is the
 * minute before which nothing comes any more: a window is read once, when the watermark
 * has passed its end, through the step of that moment. From then on nobody needs it: the
 * filter of keys says so, and merges drop it; and nobody asks for a step before the
 * present one: the frontier says so, and merges forget at which step a row came.
 *
 * Every window that is read is compared with a table, and so is what is left in the end.
 */

#include "example.h"

#define MINUTES 3000u
#define WINDOW 10u
#define LATE 25u /* minutes at most */
#define SENSORS 8u
#define PER_STEP 40u

/* Per window and sensor: count and sum that are still to be read. */
static int64_t table[MINUTES / WINDOW + 1][SENSORS][2];

/* The measurements of minute `now`, each up to LATE minutes old. */
static void
measure(struct spine *windows, uint64_t step, uint64_t now)
{
    struct spine_batcher *const batcher = batcher_of(windows);
    struct spine_error error;

    for (unsigned i = 0; i < PER_STEP; i++) {
        const uint64_t age = draw(LATE + 1), minute = now > age ? now - age : 0;
        const uint64_t window = minute / WINDOW;
        const uint32_t sensor = draw(SENSORS);
        const int64_t weights[2] = {1, draw(100)};
        const struct spine_row row = {.key = spine_u64(window),
                                      .value = spine_u32(sensor),
                                      .time = step,
                                      .weights = weights};

        need(spine_batcher_add(batcher, &row, &error), &error);
        table[window][sensor][0] += weights[0];
        table[window][sensor][1] += weights[1];
    }
    spine_batch_unref(insert_rows(windows, batcher));
}

/* Reads windows [first, end) as they are at `step`, once: true when nothing is left of
 * them in the table. */
static bool
read_windows(struct spine *windows, uint64_t first, uint64_t end, uint64_t step)
{
    const union spine_datum lower = spine_u64(first), upper = spine_u64(end);
    struct spine_cursor *cursor;
    struct spine_error error;
    bool right = true;

    need(spine_cursor_open(windows, &cursor, &error), &error);
    spine_cursor_set_bounds(cursor, &lower, &upper);
    spine_cursor_set_through(cursor, step);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
            const uint64_t window = spine_cursor_key(cursor).u64;
            const uint32_t sensor = spine_cursor_val(cursor).u32;
            const int64_t *const weights = spine_cursor_weights(cursor);

            table[window][sensor][0] -= weights[0];
            table[window][sensor][1] -= weights[1];
        }
    need(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
    for (uint64_t window = first; window < end; window++)
        for (size_t sensor = 0; sensor < SENSORS; sensor++)
            right =
                right && table[window][sensor][0] == 0 && table[window][sensor][1] == 0;
    return right;
}

/* The context of a filter is its own: merges may use an older one for a while. */
static bool
is_needed(void *context, union spine_datum key)
{
    return key.u64 >= *(const uint64_t *)context;
}

static void
forget_before(struct spine *windows, uint64_t first)
{
    uint64_t *const context = malloc(sizeof *context);
    const struct spine_key_filter filter = {
        .name = "watermark", .context = context, .on_key = is_needed, .on_release = free};
    struct spine_error error;

    if (context == NULL)
        exit(1);
    *context = first;
    need(spine_retain_keys(windows, &filter, &error), &error);
}

int
main(void)
{
    const struct spine_schema schema = {.key = {.kind = SPINE_U64},
                                        .value = {.kind = SPINE_U32},
                                        .weight_count = 2,
                                        .time = SPINE_TIME_U64};
    struct spine_runtime *runtime;
    struct spine_error error;
    struct spine_batch *left;
    struct spine_batch_info info;
    struct spine *windows;
    uint64_t closed = 0;

    need(spine_runtime_open(NULL, &runtime, &error), &error);
    need(spine_open(runtime, &schema, NULL, &windows, &error), &error);
    for (uint64_t step = 1; step < MINUTES; step++) {
        const uint64_t watermark = step > LATE ? step - LATE : 0;

        measure(windows, step, step);
        if (watermark / WINDOW > closed) {
            if (!read_windows(windows, closed, watermark / WINDOW, step)) {
                (void)fprintf(stderr, "window %" PRIu64 " is wrong\n", closed);
                return 1;
            }
            closed = watermark / WINDOW;
            forget_before(windows, closed);
        }
        need(spine_set_frontier(windows, step, &error), &error);
    }

    /* What is left: windows that are open, each row at one time. */
    need(spine_consolidate(windows, &left, &error), &error);
    spine_batch_get_info(left, &info);
    (void)printf("%" PRIu64 " windows closed, %" PRIu64 " rows left of %u\n", closed,
                 info.rows, MINUTES * PER_STEP);
    if (info.rows > (MINUTES / WINDOW + 1 - closed) * SENSORS ||
        !read_windows(windows, closed, MINUTES / WINDOW + 1, MINUTES))
        return 1;
    spine_batch_unref(left);
    spine_close(windows);
    spine_runtime_close(runtime);
    return 0;
}
