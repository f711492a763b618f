/* SPDX-License-Identifier: MIT */
#include "retain/retain.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "retain/filter.h"
#include "retain/group.h"

struct retain {
    const struct layout *layout;
    struct key_filter *keys;
    struct value_filter *values;
    /* NULL unless values are judged by group. */
    struct group *group;
    uint64_t rows_dropped;
};

/* The rows of one key in a window. */
struct key_run {
    size_t begin;
    size_t end;
    union spine_datum key;
};

static enum spine_status retain_key(struct retain *retain, struct rows *rows,
                                    const struct key_run *run, size_t *kept,
                                    struct spine_error *error);
static enum spine_status value_is_kept(struct retain *retain, const struct rows *rows,
                                       const struct key_run *run, struct value_run value,
                                       bool *out, struct spine_error *error);

enum spine_status
retain_new(struct retain **out, const struct layout *layout,
           const struct retain_options *options, struct spine_error *error)
{
    struct retain *retain = mem_zalloc(sizeof *retain);
    enum spine_status st = SPINE_OK;

    *out = NULL;
    if (retain == NULL) {
        spine_cursor_close(options->groups);
        return fail_nomem(error, "the filters of a merge", sizeof *retain);
    }
    retain->layout = layout;
    retain->keys = key_filter_ref(options->keys);
    retain->values = value_filter_ref(options->values);
    assert((options->groups != NULL) == value_filter_needs_groups(options->values));
    if (options->groups != NULL)
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
    key_filter_unref(retain->keys);
    value_filter_unref(retain->values);
    mem_free(retain, sizeof *retain);
}

enum spine_status
retain_rows(struct retain *retain, struct rows *rows, size_t begin,
            struct spine_error *error)
{
    const struct layout *layout = retain->layout;
    size_t kept = begin;
    enum spine_status st = SPINE_OK;

    for (size_t at = begin, end; at < rows->count; at = end) {
        uint8_t scratch[16];
        struct key_run run = {.begin = at};

        end = rows_key_end(layout, rows, at, rows->count);
        run.end = end;
        run.key = rows_key_datum(layout, rows, at, scratch);
        if (retain->keys != NULL &&
            !retain->keys->filter.on_key(retain->keys->filter.context, run.key))
            continue;
        if (retain->values == NULL) {
            rows_move(layout, rows, kept, run.begin, run.end);
            kept += run.end - run.begin;
        } else
            TRY(retain_key(retain, rows, &run, &kept, error));
    }
    retain->rows_dropped += rows->count - kept;
    rows->count = kept;
out:
    return st;
}

/* Keeps what is needed of one key, moving it to row `*kept` and further. */
static enum spine_status
retain_key(struct retain *retain, struct rows *rows, const struct key_run *run,
           size_t *kept, struct spine_error *error)
{
    enum spine_status st;

    if (retain->group != NULL)
        TRY(group_judge(retain->group, &retain->values->filter, run->key, error));
    for (size_t at = run->begin, end; at < run->end; at = end) {
        bool keep;

        end = rows_value_end(retain->layout, rows, at, run->end);
        TRY(value_is_kept(retain, rows, run, (struct value_run){at, end}, &keep, error));
        if (!keep)
            continue;
        rows_move(retain->layout, rows, *kept, at, end);
        *kept += end - at;
    }
    st = SPINE_OK;
out:
    return st;
}

static enum spine_status
value_is_kept(struct retain *retain, const struct rows *rows, const struct key_run *run,
              struct value_run value, bool *out, struct spine_error *error)
{
    const struct spine_value_filter *filter = &retain->values->filter;
    uint8_t scratch[16];
    const union spine_datum datum =
        rows_value_datum(retain->layout, rows, value.begin, scratch);
    enum spine_status st = SPINE_OK;

    *out = filter->on_value(filter->context, run->key, datum);
    if (!*out && retain->group != NULL) {
        *out = true;
        if (!group_bound_keeps(retain->group, datum))
            st = group_has_more(retain->group, rows, value, datum, out, error);
    }
    return st;
}

uint64_t
retain_rows_dropped(const struct retain *retain)
{
    return retain->rows_dropped;
}
