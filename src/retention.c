/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "core.h"

enum spine_status
spine_retain_keys(struct spine *spine, const struct spine_key_filter *filter,
                  struct spine_error *error)
{
    struct key_filter *fresh = NULL;
    struct key_filter *stale;
    enum spine_status st = SPINE_OK;

    if (filter != NULL)
        st = key_filter_new(filter, &fresh, error);
    if (st != SPINE_OK)
        return st;
    mutex_lock(&spine->mutex);
    stale = spine->locked.key_filter;
    spine->locked.key_filter = fresh;
    mutex_unlock(&spine->mutex);
    key_filter_unref(stale);
    return SPINE_OK;
}

enum spine_status
spine_retain_values(struct spine *spine, const struct spine_value_filter *filter,
                    struct spine_error *error)
{
    struct value_filter *fresh = NULL;
    struct value_filter *stale;
    enum spine_status st = SPINE_OK;

    if (filter != NULL)
        st = value_filter_new(filter, &fresh, error);
    if (st != SPINE_OK)
        return st;
    mutex_lock(&spine->mutex);
    stale = spine->locked.value_filter;
    spine->locked.value_filter = fresh;
    mutex_unlock(&spine->mutex);
    value_filter_unref(stale);
    return SPINE_OK;
}

void
retention_capture_locked(struct merge_task *task)
{
    task->key_filter = key_filter_ref(task->spine->locked.key_filter);
    task->value_filter = value_filter_ref(task->spine->locked.value_filter);
}

bool
retention_is_set_locked(const struct spine *spine)
{
    return spine->locked.key_filter != NULL || spine->locked.value_filter != NULL;
}

/*
 * Groups are judged on the spine as it is when the merge's first slice runs: it has all
 * of the merge's inputs, which stay in the spine until the merge ends.
 */
enum spine_status
retention_of_task(struct merge_task *task, struct retain **out, struct spine_error *error)
{
    struct retain_options options = {.keys = task->key_filter,
                                     .values = task->value_filter,
                                     .advance_times = task->has_frontier,
                                     .frontier = task->frontier};
    enum spine_status st;

    *out = NULL;
    if (task->key_filter == NULL && task->value_filter == NULL)
        return SPINE_OK;
    if (value_filter_needs_groups(task->value_filter)) {
        st = spine_cursor_open(task->spine, &options.groups, error);
        if (st != SPINE_OK)
            return st;
    }
    return retain_new(out, &task->spine->layout, &options, error);
}
