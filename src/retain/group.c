/* SPDX-License-Identifier: MIT */
#include "retain/group.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "spine/view.h"

/* Which values are needed whatever on_value says. */
enum bound_kind {
    BOUND_ALL,     /* all: there are too few others, or no group */
    BOUND_NONE,    /* none */
    BOUND_FLOOR,   /* those from the bound on */
    BOUND_CEILING, /* those up to the bound */
};

/* A cell that outlives what it was read from. */
struct kept_cell {
    struct cell cell;
    uint8_t *bytes;
    size_t capacity;
};

/* The context of is_rejected(). */
struct rejection {
    const struct spine_value_filter *filter;
    union spine_datum key;
};

struct group {
    const struct layout *layout;
    struct spine_cursor *cursor;
    bool advance_times;
    uint64_t frontier;
    /* The key that was judged last. */
    bool judged;
    struct kept_cell key;
    /* Is the key there at all? */
    bool found;
    enum bound_kind kind;
    struct kept_cell bound;
    /* A value's times, advanced. */
    struct rows times;
};

static enum spine_status kept_cell_set(const struct cell_layout *column,
                                       struct kept_cell *kept, union spine_datum datum,
                                       struct spine_error *error);
static int datum_compare(const struct cell_layout *column, union spine_datum datum,
                         const struct kept_cell *kept);
static enum spine_status find_bound(struct group *group,
                                    const struct spine_value_filter *filter,
                                    union spine_datum key, struct spine_error *error);
static enum spine_status
steps_to_bound(struct group *group, const struct spine_value_filter *filter,
               union spine_datum key, bool *found, struct spine_error *error);
static bool is_rejected(void *context, union spine_datum value);
static enum spine_status
value_counts(struct group *group, const struct spine_value_filter *filter,
             union spine_datum key, bool *out, struct spine_error *error);
static enum spine_status times_read(struct group *group, struct spine_error *error);
static void times_consolidate(const struct layout *layout, struct rows *times);
static bool
times_equal(const struct group *group, const struct rows *rows, struct value_run run);

enum spine_status
group_new(struct group **out, const struct layout *layout,
          const struct retain_options *options, struct spine_error *error)
{
    struct group *group = mem_zalloc(sizeof *group);

    *out = NULL;
    if (group == NULL) {
        spine_cursor_close(options->groups);
        return fail_nomem(error, "a group filter of a merge", sizeof *group);
    }
    group->layout = layout;
    group->cursor = options->groups;
    group->advance_times = options->advance_times && layout->timed;
    group->frontier = options->frontier;
    *out = group;
    return SPINE_OK;
}

void
group_free(struct group *group)
{
    if (group == NULL)
        return;
    spine_cursor_close(group->cursor);
    mem_free(group->key.bytes, group->key.capacity);
    mem_free(group->bound.bytes, group->bound.capacity);
    mem_free(group->times.time, group->times.capacity * sizeof(uint64_t));
    mem_free(group->times.weight,
             group->times.capacity * group->layout->weight_count * sizeof(int64_t));
    mem_free(group, sizeof *group);
}

/* Keeps a copy of `datum`, normalised. */
static enum spine_status
kept_cell_set(const struct cell_layout *column, struct kept_cell *kept,
              union spine_datum datum, struct spine_error *error)
{
    struct cell cell;
    enum spine_status st;

    TRY(cell_of_datum(column, datum, &cell, error));
    if (cell.span.size > 0) {
        if (!array_reserve(&kept->bytes, &kept->capacity, 1, cell.span.size))
            return fail_nomem(error, "a key of a group filter", cell.span.size);
        memcpy(kept->bytes, cell.span.data, cell.span.size);
        cell.span.data = kept->bytes;
    }
    kept->cell = cell;
out:
    return st;
}

static int
datum_compare(const struct cell_layout *column, union spine_datum datum,
              const struct kept_cell *kept)
{
    struct cell cell;
    const enum spine_status st = cell_of_datum(column, datum, &cell, NULL);

    assert(st == SPINE_OK); /* it came from rows */
    (void)st;
    if (cell.word != kept->cell.word)
        return cell.word < kept->cell.word ? -1 : 1;
    return span_compare(cell.span, kept->cell.span);
}

enum spine_status
group_judge(struct group *group, const struct spine_value_filter *filter,
            union spine_datum key, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    /* A group that goes on in the next window keeps its bound. */
    if (group->judged && datum_compare(&group->layout->key, key, &group->key) == 0)
        return SPINE_OK;
    group->judged = false;
    group->kind = BOUND_ALL;
    TRY(kept_cell_set(&group->layout->key, &group->key, key, error));
    group->found = spine_cursor_seek_key_exact(group->cursor, key);
    if (group->found)
        TRY(find_bound(group, filter, key, error));
    TRY(spine_cursor_error(group->cursor, error));
    group->judged = true;
out:
    return st;
}

/* The cursor is on the group's first value before and afterwards. */
static enum spine_status
find_bound(struct group *group, const struct spine_value_filter *filter,
           union spine_datum key, struct spine_error *error)
{
    bool found;
    enum spine_status st = SPINE_OK;

    group->kind = BOUND_NONE;
    if (filter->count == 0)
        return SPINE_OK;
    group->kind = BOUND_ALL;
    TRY(steps_to_bound(group, filter, key, &found, error));
    if (found) {
        const union spine_datum value = spine_cursor_val(group->cursor);

        TRY(kept_cell_set(&group->layout->value, &group->bound, value, error));
        group->kind = filter->retain == SPINE_RETAIN_BOTTOM ? BOUND_CEILING : BOUND_FLOOR;
    }
    spine_cursor_rewind_vals(group->cursor);
out:
    return st;
}

/*
 * Puts the cursor on the count-th value that on_value rejects, from the end at which the
 * needed ones are. `*found` is false when there are fewer.
 */
static enum spine_status
steps_to_bound(struct group *group, const struct spine_value_filter *filter,
               union spine_datum key, bool *found, struct spine_error *error)
{
    struct spine_cursor *cursor = group->cursor;
    const bool upward = filter->retain == SPINE_RETAIN_BOTTOM;
    uint64_t rejected = 0;
    enum spine_status st = SPINE_OK;

    *found = false;
    if (upward)
        spine_cursor_rewind_vals(cursor);
    else
        spine_cursor_fast_forward_vals(cursor);
    /* What is kept lies above all that is rejected, and may be most of the group. */
    if (filter->retain == SPINE_RETAIN_LAST) {
        struct rejection rejection = {filter, key};

        spine_cursor_seek_val_with_reverse(cursor, is_rejected, &rejection);
    }
    while (spine_cursor_val_valid(cursor)) {
        bool counts;

        TRY(value_counts(group, filter, key, &counts, error));
        rejected += counts;
        *found = rejected == filter->count;
        if (*found)
            break;
        if (upward)
            spine_cursor_step_val(cursor);
        else
            spine_cursor_step_val_reverse(cursor);
    }
out:
    return st;
}

static bool
is_rejected(void *context, union spine_datum value)
{
    const struct rejection *rejection = context;
    const struct spine_value_filter *filter = rejection->filter;

    return !filter->on_value(filter->context, rejection->key, value);
}

/*
 * Is the value rejected, and there? With a frontier it may be there only because some of
 * its times were replaced and others not yet: for the reader those add up to nothing.
 */
static enum spine_status
value_counts(struct group *group, const struct spine_value_filter *filter,
             union spine_datum key, bool *out, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    *out = !filter->on_value(filter->context, key, spine_cursor_val(group->cursor));
    if (*out && group->advance_times) {
        st = times_read(group, error);
        *out = group->times.count > 0;
    }
    return st;
}

bool
group_bound_keeps(const struct group *group, union spine_datum value)
{
    switch (group->kind) {
    case BOUND_ALL:
        return true;
    case BOUND_NONE:
        return false;
    case BOUND_FLOOR:
        return datum_compare(&group->layout->value, value, &group->bound) >= 0;
    case BOUND_CEILING:
        return datum_compare(&group->layout->value, value, &group->bound) <= 0;
    }
    return true;
}

enum spine_status
group_has_more(struct group *group, const struct rows *rows, struct value_run run,
               union spine_datum value, bool *out, struct spine_error *error)
{
    struct spine_cursor *cursor = group->cursor;
    enum spine_status st;

    assert(group->judged && group->found);
    *out = true;
    spine_cursor_seek_val(cursor, value);
    if (spine_cursor_val_valid(cursor)) {
        struct kept_cell here = {0};
        const union spine_datum found = spine_cursor_val(cursor);

        TRY(cell_of_datum(&group->layout->value, value, &here.cell, error));
        if (datum_compare(&group->layout->value, found, &here) == 0) {
            TRY(times_read(group, error));
            *out = !times_equal(group, rows, run);
        }
    }
    st = spine_cursor_error(cursor, error);
out:
    return st;
}

/* The times and weights of the value that the cursor is on, advanced as the rows were. */
static enum spine_status
times_read(struct group *group, struct spine_error *error)
{
    const struct layout *layout = group->layout;
    struct rows *times = &group->times;
    const uint64_t *time;
    const int64_t *weight;
    const size_t count = spine_cursor_times(group->cursor, &time, &weight);
    size_t weight_capacity = times->capacity;
    size_t time_capacity = times->capacity;

    if (!array_reserve(&times->time, &time_capacity, sizeof(uint64_t), count))
        return fail_nomem(error, "times of a group", count * sizeof(uint64_t));
    if (!array_reserve(&times->weight, &weight_capacity,
                       layout->weight_count * sizeof(int64_t), count)) {
        mem_free(times->time, time_capacity * sizeof(uint64_t));
        mem_free(times->weight, times->capacity * layout->weight_count * sizeof(int64_t));
        *times = (struct rows){0};
        return fail_nomem(error, "weights of a group", count * sizeof(int64_t));
    }
    assert(time_capacity == weight_capacity);
    times->capacity = time_capacity;
    times->count = count;
    for (size_t i = 0; i < count; i++)
        times->time[i] = group->advance_times ? spine_time_join(layout->schema.time,
                                                                time[i], group->frontier)
                                              : time[i];
    if (count > 0)
        memcpy(times->weight, weight, count * layout->weight_count * sizeof(int64_t));
    if (group->advance_times)
        times_consolidate(layout, times);
    return SPINE_OK;
}

/* Sorts by time, by insertion: few, and nearly sorted; adds equal ones up, drops zeros.
 */
static void
times_consolidate(const struct layout *layout, struct rows *times)
{
    const unsigned width = layout->weight_count;
    size_t kept = 0;

    for (size_t i = 0; i < times->count; i++) {
        const uint64_t time = times->time[i];
        int64_t weight[SPINE_WEIGHTS_MAX];
        size_t at = kept;

        memcpy(weight, times->weight + i * width, width * sizeof *weight);
        while (at > 0 && times->time[at - 1] > time)
            at--;
        if (at > 0 && times->time[at - 1] == time) {
            /* Unsigned: what overflows was refused by the merge before. */
            for (unsigned w = 0; w < width; w++)
                times->weight[(at - 1) * width + w] =
                    (int64_t)((uint64_t)times->weight[(at - 1) * width + w] +
                              (uint64_t)weight[w]);
            continue;
        }
        memmove(times->time + at + 1, times->time + at, (kept - at) * sizeof(uint64_t));
        memmove(times->weight + (at + 1) * width, times->weight + at * width,
                (kept - at) * width * sizeof(int64_t));
        times->time[at] = time;
        memcpy(times->weight + at * width, weight, width * sizeof *weight);
        kept++;
    }
    times->count = 0;
    for (size_t i = 0; i < kept; i++) {
        bool zero = true;

        for (unsigned w = 0; w < width; w++)
            zero = zero && times->weight[i * width + w] == 0;
        if (zero)
            continue;
        times->time[times->count] = times->time[i];
        memmove(times->weight + times->count * width, times->weight + i * width,
                width * sizeof(int64_t));
        times->count++;
    }
}

/* Do the rows of the value have exactly these times and weights? */
static bool
times_equal(const struct group *group, const struct rows *rows, struct value_run run)
{
    const unsigned width = group->layout->weight_count;
    const size_t count = run.end - run.begin;

    if (count != group->times.count)
        return false;
    if (group->layout->timed &&
        memcmp(rows->time + run.begin, group->times.time, count * sizeof(uint64_t)) != 0)
        return false;
    return memcmp(rows->weight + run.begin * width, group->times.weight,
                  count * width * sizeof(int64_t)) == 0;
}
