/* SPDX-License-Identifier: MIT */

/*
 * Judging a group: the bound from which on (or up to which) its values stay is searched
 * in each batch by halving, if the filter is monotone, or else counted off from the
 * first or last value, in a merge of all parts.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "retain/group_state.h"

/* A merge that has some of a group's rows reads at most this many times as many rows to
 * find the bound, and SCAN_ROWS_MIN more. What it cannot drop for that, a larger merge
 * will. */
#define SCAN_TIMES 2u
#define SCAN_ROWS_MIN 64u
/* Rows of the first and of the largest piece of a scan. */
#define WANT_MIN 64u
#define WANT_MAX 1024u
/* Rows that are staged of each part at first, and at most. */
#define OPEN_ROWS 8u
#define STAGE_ROWS_MAX 1024u

static void begin_judging(struct group *group);
static enum spine_status
split_part(struct group *group, union spine_datum key, struct retain_fuel *fuel);
static enum spine_status open_part(struct group *group, struct retain_fuel *fuel);
static enum spine_status scan_refill(struct kway_input *input, size_t want);
static enum spine_status scan(struct group *group, union spine_datum key,
                              struct retain_fuel *fuel, struct spine_error *error);
static enum spine_status
scan_more(struct group *group, struct retain_fuel *fuel, struct spine_error *error);
static bool is_like_last(const struct group *group, size_t at, union spine_datum value);

void
group_free(struct group *group)
{
    if (group == NULL)
        return;
    for (size_t i = 0; i < group->input_capacity; i++)
        rows_release(group->layout, &group->inputs[i].rows);
    mem_free(group->inputs, group->input_capacity * sizeof *group->inputs);
    kway_release(&group->kway);
    rows_release(group->layout, &group->rows);
    kept_cell_release(&group->last);
    kept_cell_release(&group->bound);
    group_parts_release(group);
    mem_free(group, sizeof *group);
}

bool
group_is_judged(const struct group *group)
{
    return group->phase == GROUP_JUDGED;
}

bool
group_gave_up(const struct group *group)
{
    return group->gave_up;
}

enum spine_status
group_judge(struct group *group, union spine_datum key, struct retain_fuel *fuel,
            struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    while (!retain_fuel_is_out(fuel)) {
        switch (group->phase) {
        case GROUP_SEARCHING:
            assert(!"the search comes first");
            break;
        case GROUP_SEARCHED:
            begin_judging(group);
            break;
        case GROUP_SPLITTING:
            TRY(split_part(group, key, fuel));
            break;
        case GROUP_OPENING:
            TRY(open_part(group, fuel));
            break;
        case GROUP_SCANNING:
            TRY(scan(group, key, fuel, error));
            break;
        case GROUP_JUDGED:
            return SPINE_OK;
        }
    }
out:
    return st == SPINE_OK ? st : group_fail(group, st, error);
}

static void
begin_judging(struct group *group)
{
    const bool upward = group_is_upward(group);

    for (size_t i = 0; i < group->part_count; i++) {
        group->parts[i].stop = group->parts[i].end;
        group->parts[i].downward = !upward;
    }
    group->part = 0;
    group->is_splitting = false;
    kway_forget_held(&group->kway);
    group->kway.on_refill = scan_refill;
    group->kway.input_count = 0;
    group->kway.descending = !upward;
    group->kway.untouched = false;
    group->want = WANT_MIN;
    group->rows_scanned = 0;
    group->rows_most = group_has_others(group)
                           ? SCAN_TIMES * group->own_rows + SCAN_ROWS_MIN
                           : UINT64_MAX;
    group->rows_left = 0;
    group->has_last = false;
    group->rejected = 0;
    group->gave_up = false;
    group->kind = BOUND_NONE;
    group->phase = group->filter->count == 0                    ? GROUP_JUDGED
                   : group->filter->retain == SPINE_RETAIN_LAST ? GROUP_SPLITTING
                                                                : GROUP_OPENING;
}

/* Goes on to halve the part in which the first value that on_value keeps lies: what is
 * kept may be most of it. */
static enum spine_status
split_part(struct group *group, union spine_datum key, struct retain_fuel *fuel)
{
    const struct spine_value_filter *filter = group->filter;
    struct group_part *part = &group->parts[group->part];
    struct rows *row = &group->rows;

    if (group->part == group->part_count) {
        group->part = 0;
        group->phase = GROUP_OPENING;
        return SPINE_OK;
    }
    if (!group->is_splitting) {
        group->low = part->begin;
        group->high = part->end;
        group->is_splitting = true;
    }
    while (group->low < group->high && !retain_fuel_is_out(fuel)) {
        const uint64_t middle = group->low + (group->high - group->low) / 2;
        uint8_t scratch[16];

        row->count = 0;
        reader_to_offset(&part->reader, middle);
        TRY_RETURN(reader_stage(&part->reader, row, 1));
        fuel->used++;
        if (filter->on_value(filter->context, key,
                             rows_value_datum(group->layout, row, 0, scratch)))
            group->high = middle;
        else
            group->low = middle + 1;
    }
    if (group->low == group->high) {
        part->stop = group->low;
        group->is_splitting = false;
        group->part++;
    }
    return SPINE_OK;
}

/* Makes the next part an input of the merge. */
static enum spine_status
open_part(struct group *group, struct retain_fuel *fuel)
{
    struct group_part *part = &group->parts[group->part];
    struct kway_input *input;

    if (group->part == group->part_count) {
        group->phase = GROUP_SCANNING;
        return SPINE_OK;
    }
    if (group->part == 0) {
        const size_t capacity = group->input_capacity;

        if (!array_reserve(&group->inputs, &group->input_capacity, sizeof *group->inputs,
                           group->part_count))
            return SPINE_NOMEM;
        memset(group->inputs + capacity, 0,
               (group->input_capacity - capacity) * sizeof *group->inputs);
        group->kway.inputs = group->inputs;
    }
    fuel->used++;
    if (part->begin < part->stop) {
        reader_to_offset(&part->reader, part->downward ? part->stop : part->begin);
        input = &group->inputs[group->kway.input_count];
        input->rows.count = input->at = 0;
        input->source = part;
        part->reader.staged = input;
        TRY_RETURN(scan_refill(input, OPEN_ROWS));
        group->kway.input_count++;
    }
    group->part++;
    return SPINE_OK;
}

/* The kway_refill_fn of the scan. */
static enum spine_status
scan_refill(struct kway_input *input, size_t want)
{
    struct group_part *part = input->source;
    const struct layout *layout = &part->reader.batch->layout;
    const uint64_t offset = reader_offset(&part->reader);
    const uint64_t left = part->downward ? offset - part->begin : part->stop - offset;
    const uint64_t most = want < STAGE_ROWS_MAX ? want : STAGE_ROWS_MAX;
    const size_t count = (size_t)(left < most ? left : most);
    enum spine_status st;
    size_t before;

    assert(left > 0);
    kway_input_drop_used(layout, input);
    before = input->rows.count;
    st = part->downward ? reader_stage_reverse(&part->reader, &input->rows, count)
                        : reader_stage(&part->reader, &input->rows, count);
    input->more = left > input->rows.count - before;
    input->rows_left = before + left;
    return st;
}

/* Looks at values of the group, one after the other, until enough of them are
 * rejected. */
static enum spine_status
scan(struct group *group, union spine_datum key, struct retain_fuel *fuel,
     struct spine_error *error)
{
    const struct spine_value_filter *filter = group->filter;
    const bool upward = group_is_upward(group);

    while (group->rows_left > 0 && !retain_fuel_is_out(fuel)) {
        const size_t left = group->rows_left--;
        const size_t at = upward ? group->rows.count - left : left - 1;
        uint8_t scratch[16];
        const union spine_datum value =
            rows_value_datum(group->layout, &group->rows, at, scratch);

        fuel->used++;
        if (is_like_last(group, at, value) ||
            filter->on_value(filter->context, key, value))
            continue;
        if (++group->rejected < filter->count)
            continue;
        group->kind = upward ? BOUND_CEILING : BOUND_FLOOR;
        group->phase = GROUP_JUDGED;
        return kept_cell_set(&group->bound, &group->layout->value, value, error);
    }
    if (group->rows_left == 0)
        TRY_RETURN(scan_more(group, fuel, error));
    return SPINE_OK;
}

/* Is the value of row `at` the one that was looked at before? It is when the value has
 * several times. */
static bool
is_like_last(const struct group *group, size_t at, union spine_datum value)
{
    const struct rows *rows = &group->rows;
    const bool upward = group_is_upward(group);

    if (!group->layout->timed)
        return false;
    if (group->rows_left + 1 == rows->count)
        return group->has_last &&
               kept_cell_compare(&group->last, &group->layout->value, value) == 0;

    const size_t first = upward ? at - 1 : at;

    return rows_value_end(group->layout, rows, first, first + 2) == first + 2;
}

/* Merges the next rows of the group, unless that is too much, or there are none: all
 * values are needed then. */
static enum spine_status
scan_more(struct group *group, struct retain_fuel *fuel, struct spine_error *error)
{
    const uint64_t rows_again = group->kway.rows_again;
    const uint64_t most = group->rows_most - group->rows_scanned;
    struct rows *rows = &group->rows;
    uint64_t rows_used = 0;
    bool is_lacking;
    enum spine_status st;

    if (kway_done(&group->kway) || most == 0) {
        group->gave_up = !kway_done(&group->kway);
        group->kind = BOUND_ALL;
        group->phase = GROUP_JUDGED;
        return SPINE_OK;
    }
    if (group->layout->timed && rows->count > 0 && group->rows_scanned > 0) {
        uint8_t scratch[16];
        const size_t at = group_is_upward(group) ? rows->count - 1 : 0;

        TRY_RETURN(kept_cell_set(&group->last, &group->layout->value,
                                 rows_value_datum(group->layout, rows, at, scratch),
                                 error));
        group->has_last = true;
    }
    rows->count = 0;
    if (group->pins.count > 0 && !kway_holds(&group->kway))
        pins_return(&group->pins, 0, 0);
    st = kway_fill(&group->kway, rows, group->want < most ? group->want : (size_t)most,
                   &rows_used);
    is_lacking = st == SPINE_BUSY;
    if (is_lacking)
        st = SPINE_OK;
    if (st == SPINE_OVERFLOW)
        (void)fail_overflow_in(&group->failure, group->layout, rows,
                               !group_is_upward(group));
    TRY_RETURN(st);
    group->kway.untouched = true;
    if (!group_is_upward(group))
        rows_turn_round(group->layout, rows, 0);
    group->rows_left = rows->count;
    group->rows_scanned += rows_used < most ? rows_used : most;
    fuel->used += rows_used + group->kway.rows_again - rows_again + (rows_used == 0);
    if (group->want < WANT_MAX)
        group->want *= 2;
    return is_lacking ? SPINE_BUSY : SPINE_OK;
}

bool
group_bound_keeps(const struct group *group, union spine_datum value)
{
    assert(group_is_judged(group));
    switch (group->kind) {
    case BOUND_ALL:
        return true;
    case BOUND_NONE:
        return false;
    case BOUND_FLOOR:
        return kept_cell_compare(&group->bound, &group->layout->value, value) >= 0;
    case BOUND_CEILING:
        return kept_cell_compare(&group->bound, &group->layout->value, value) <= 0;
    }
    return true;
}
