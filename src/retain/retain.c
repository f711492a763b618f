/* SPDX-License-Identifier: MIT */

/*
 * Drops rejected rows from what a merge has made: key by key, and value by value where
 * the key stays. Groups that need to be judged whole are left to retain/group.h; a step
 * that runs out of fuel goes on at the same row.
 */

#include "retain/retain.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "retain/group.h"

enum key_verdict { KEY_UNKNOWN, KEY_DROPPED, KEY_KEPT, KEY_BY_VALUE };

struct retain {
    const struct layout *layout;
    struct key_filter *keys;
    struct value_filter *values;
    struct judged_by judged_by;
    /* NULL unless values are judged by group. */
    struct group *group;
    /* What is known of the key that is being judged, whose rows end at `key_end` of those
     * that were given; 0: the first row may begin another key. */
    enum key_verdict verdict;
    size_t key_end;
    /* on_value was asked about the next value, and rejects it. */
    bool is_rejected;
    /* The last key of the rows given before. */
    bool has_last;
    struct kept_cell last;
    uint64_t rows_dropped;
};

/* Rows of a window, and where what is kept of them goes. */
struct judging {
    const struct rows *rows;
    size_t *at;
    struct output *output;
    struct retain_fuel *fuel;
    struct spine_error *error;
    union spine_datum key;
};

static bool filters_keep_row(const struct retain *retain, const struct rows *rows,
                             size_t *at, struct retain_fuel *fuel);
static bool last_key_is(const struct retain *retain, union spine_datum key);
static enum spine_status begin_key(struct retain *retain, struct judging *judging);
static enum spine_status judge_key(struct retain *retain, struct judging *judging);
static enum spine_status judge_values(struct retain *retain, struct judging *judging);
static enum spine_status judge_rejected(struct retain *retain, struct judging *judging,
                                        union spine_datum value, size_t end);
static enum spine_status
keep_rows(struct retain *retain, struct judging *judging, size_t end, bool is_doubtful);
static void drop(struct retain *retain, struct judging *judging, size_t end);
static enum spine_status end_rows(struct retain *retain, struct judging *judging);

enum spine_status
retain_new(struct retain **out, const struct layout *layout,
           const struct retain_options *options, struct spine_error *error)
{
    struct retain *retain = mem_zalloc(sizeof *retain);
    enum spine_status st = SPINE_OK;

    *out = NULL;
    if (retain == NULL)
        return fail_nomem(error, "the filters of a merge", sizeof *retain);
    retain->layout = layout;
    retain->keys = key_filter_ref(options->keys);
    retain->values = value_filter_ref(options->values);
    retain->judged_by = filters_mark(options->keys, options->values);
    if (value_filter_needs_groups(options->values))
        st = group_new(&retain->group, layout, options, error);
    if (st != SPINE_OK) {
        retain_free(retain);
        return st;
    }
    *out = retain;
    return SPINE_OK;
}

void
retain_free(struct retain *retain)
{
    if (retain == NULL)
        return;
    group_free(retain->group);
    kept_cell_release(&retain->last);
    key_filter_unref(retain->keys);
    value_filter_unref(retain->values);
    mem_free(retain, sizeof *retain);
}

void
retain_set_fetch(struct retain *retain, struct fetch *fetch)
{
    if (retain->group != NULL)
        group_set_fetch(retain->group, fetch);
}

struct judged_by
retain_judged_by(const struct retain *retain)
{
    return retain->judged_by;
}

bool
retain_by_group(const struct retain *retain)
{
    return retain->group != NULL;
}

size_t
retain_alike(struct retain *retain, const struct rows *rows, bool *keeps,
             struct retain_fuel *fuel)
{
    size_t at = 0;

    assert(retain->group == NULL && rows->count > 0);
    while (at < rows->count) {
        size_t end = at;
        const bool is_kept = filters_keep_row(retain, rows, &end, fuel);

        if (at > 0 && is_kept != *keeps)
            break;
        *keeps = is_kept;
        at = end;
    }
    if (!*keeps)
        retain->rows_dropped += at;
    /* The next row, if there is one, is asked about again. */
    retain->key_end = at < rows->count ? at : 0;
    return at;
}

/* Do the filters keep row `*at`? Moves `*at` behind the rows of which that is true, too:
 * those of a value, or of a key when that is enough. */
static bool
filters_keep_row(const struct retain *retain, const struct rows *rows, size_t *at,
                 struct retain_fuel *fuel)
{
    const struct layout *layout = retain->layout;
    const size_t begin = *at;
    uint8_t scratch[2][16];
    const union spine_datum key = rows_key_datum(layout, rows, begin, scratch[0]);
    bool keeps;

    assert(begin < rows->count);
    fuel->used += retain->keys != NULL;
    keeps = key_filter_keeps(retain->keys, key);
    *at = rows_key_end(layout, rows, begin, rows->count);
    if (keeps && retain->values != NULL) {
        const struct spine_value_filter *filter = &retain->values->filter;

        fuel->used++;
        *at = rows_value_end(layout, rows, begin, *at);
        keeps = filter->on_value(filter->context, key,
                                 rows_value_datum(layout, rows, begin, scratch[1]));
    }
    return keeps;
}

bool
retain_judges_key(const struct retain *retain, union spine_datum key)
{
    return retain->verdict != KEY_KEPT && last_key_is(retain, key);
}

bool
retain_is_between_keys(const struct retain *retain, const struct rows *rows)
{
    uint8_t scratch[16];

    assert(rows->count > 0);
    return retain->has_last &&
           !last_key_is(retain, rows_key_datum(retain->layout, rows, 0, scratch));
}

static bool
last_key_is(const struct retain *retain, union spine_datum key)
{
    return retain->has_last &&
           kept_cell_compare(&retain->last, &retain->layout->key, key) == 0;
}

uint64_t
retain_rows_dropped(const struct retain *retain)
{
    return retain->rows_dropped;
}

enum spine_status
retain_step(struct retain *retain, const struct rows *rows, size_t *at,
            struct output *output, struct retain_fuel *fuel, struct spine_error *error)
{
    struct judging judging = {
        .rows = rows, .at = at, .output = output, .fuel = fuel, .error = error};

    assert(*at <= rows->count);
    while (*at < rows->count && !retain_fuel_is_out(fuel)) {
        uint8_t scratch[16];

        judging.key = rows_key_datum(retain->layout, rows, *at, scratch);
        if (*at == retain->key_end)
            TRY_RETURN(begin_key(retain, &judging));
        TRY_RETURN(judge_key(retain, &judging));
    }
    if (*at == rows->count)
        TRY_RETURN(end_rows(retain, &judging));
    return SPINE_OK;
}

/* The next row begins a key, unless it goes on from the rows before. */
static enum spine_status
begin_key(struct retain *retain, struct judging *judging)
{
    const struct rows *rows = judging->rows;
    const size_t at = *judging->at;

    retain->key_end = rows_key_end(retain->layout, rows, at, rows->count);
    if (at == 0 && last_key_is(retain, judging->key))
        return SPINE_OK;
    retain->verdict = KEY_UNKNOWN;
    if (retain->group == NULL)
        return SPINE_OK;
    return group_begin(retain->group, judging->key, judging->error);
}

/* Judges rows of one key, as many as there is fuel for. */
static enum spine_status
judge_key(struct retain *retain, struct judging *judging)
{
    switch (retain->verdict) {
    case KEY_UNKNOWN:
        retain->verdict = retain->values != NULL ? KEY_BY_VALUE : KEY_KEPT;
        judging->fuel->used += retain->keys != NULL;
        if (!key_filter_keeps(retain->keys, judging->key))
            retain->verdict = KEY_DROPPED;
        return SPINE_OK;
    case KEY_DROPPED:
        drop(retain, judging, retain->key_end);
        return SPINE_OK;
    case KEY_KEPT:
        return keep_rows(retain, judging, retain->key_end, false);
    case KEY_BY_VALUE:
        break;
    }
    return judge_values(retain, judging);
}

/*
 * Judges values of the key. A group that did not change need not be judged anew; when
 * there are as many rows as batches to be searched for it, that comes first.
 */
static enum spine_status
judge_values(struct retain *retain, struct judging *judging)
{
    const struct spine_value_filter *filter = &retain->values->filter;
    const struct rows *rows = judging->rows;
    size_t *at = judging->at;

    while (*at < retain->key_end && !retain_fuel_is_out(judging->fuel)) {
        const size_t end = rows_value_end(retain->layout, rows, *at, retain->key_end);
        uint8_t scratch[16];
        const union spine_datum value =
            rows_value_datum(retain->layout, rows, *at, scratch);

        if (retain->group != NULL && !group_is_searched(retain->group) &&
            (retain->is_rejected ||
             group_is_worth_a_search(retain->group, retain->key_end - *at))) {
            TRY_RETURN(group_search(retain->group, judging->fuel, judging->error));
            if (!group_is_searched(retain->group))
                break;
            if (group_is_unchanged(retain->group, judging->fuel)) {
                retain->is_rejected = false;
                retain->verdict = KEY_KEPT;
                break;
            }
        }
        if (!retain->is_rejected) {
            judging->fuel->used++;
            retain->is_rejected = !filter->on_value(filter->context, judging->key, value);
        }
        if (!retain->is_rejected)
            TRY_RETURN(keep_rows(retain, judging, end, false));
        else if (retain->group == NULL)
            drop(retain, judging, end);
        else if (group_is_searched(retain->group))
            TRY_RETURN(judge_rejected(retain, judging, value, end));
    }
    return SPINE_OK;
}

/* Judges a value that on_value rejects, if the fuel is enough, by its group. */
static enum spine_status
judge_rejected(struct retain *retain, struct judging *judging, union spine_datum value,
               size_t end)
{
    struct group *group = retain->group;
    bool done, found;

    if (!group_is_judged(group))
        TRY_RETURN(group_judge(group, judging->key, judging->fuel, judging->error));
    if (!group_is_judged(group))
        return SPINE_OK;
    /* What others have of the group may go, and with it the reason to keep this. */
    if (group_bound_keeps(group, value))
        return keep_rows(retain, judging, end, group_has_others(group));
    TRY_RETURN(
        group_ask_others(group, value, judging->fuel, &done, &found, judging->error));
    if (!done)
        return SPINE_OK;
    if (found)
        return keep_rows(retain, judging, end, true);
    drop(retain, judging, end);
    return SPINE_OK;
}

/* Appends the next rows up to `end` to the output. */
static enum spine_status
keep_rows(struct retain *retain, struct judging *judging, size_t end, bool is_doubtful)
{
    struct output *output = judging->output;
    const size_t begin = *judging->at;

    assert(begin <= end);
    assert(end <= judging->rows->count);
    if (!rows_reserve(retain->layout, &output->pending,
                      output->pending.count + (end - begin)))
        return fail_nomem(judging->error, "rows that a filter keeps", end - begin);
    rows_append(retain->layout, &output->pending, judging->rows, begin, end);
    if (is_doubtful)
        output->doubtful_end = output->pending.count;
    retain->is_rejected = false;
    *judging->at = end;
    return SPINE_OK;
}

static void
drop(struct retain *retain, struct judging *judging, size_t end)
{
    retain->rows_dropped += end - *judging->at;
    retain->is_rejected = false;
    *judging->at = end;
}

/* All rows are judged. The next ones may begin with the last key of these. */
static enum spine_status
end_rows(struct retain *retain, struct judging *judging)
{
    const struct rows *rows = judging->rows;
    uint8_t scratch[16];

    retain->key_end = 0;
    if (rows->count == 0)
        return SPINE_OK;
    retain->has_last = true;
    return kept_cell_set(&retain->last, &retain->layout->key,
                         rows_key_datum(retain->layout, rows, rows->count - 1, scratch),
                         judging->error);
}
