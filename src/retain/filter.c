/* SPDX-License-Identifier: MIT */
#include "retain/filter.h"

#include "base/alloc.h"
#include "base/error.h"

static void name_copy(char *to, const char *name);

enum spine_status
key_filter_new(const struct spine_key_filter *filter, struct key_filter **out,
               struct spine_error *error)
{
    struct key_filter *copy;

    *out = NULL;
    if (filter->on_key == NULL)
        return spine_fail(error, SPINE_INVALID, "key filter: on_key is NULL");
    copy = mem_zalloc(sizeof *copy);
    if (copy == NULL)
        return fail_nomem(error, "a key filter", sizeof *copy);
    ref_init(&copy->refs);
    name_copy(copy->name, filter->name);
    copy->filter = *filter;
    *out = copy;
    return SPINE_OK;
}

enum spine_status
value_filter_new(const struct spine_value_filter *filter, struct value_filter **out,
                 struct spine_error *error)
{
    struct value_filter *copy;

    *out = NULL;
    if (filter->on_value == NULL)
        return spine_fail(error, SPINE_INVALID, "value filter: on_value is NULL");
    if (filter->retain < SPINE_RETAIN_SIMPLE || filter->retain > SPINE_RETAIN_BOTTOM)
        return spine_fail(error, SPINE_INVALID, "value filter: retain %d is unknown",
                          (int)filter->retain);
    copy = mem_zalloc(sizeof *copy);
    if (copy == NULL)
        return fail_nomem(error, "a value filter", sizeof *copy);
    ref_init(&copy->refs);
    name_copy(copy->name, filter->name);
    copy->filter = *filter;
    *out = copy;
    return SPINE_OK;
}

/* `to` has room for SPINE_FILTER_NAME_MAX bytes and a zero, and is zeroed. */
static void
name_copy(char *to, const char *name)
{
    if (name != NULL)
        for (size_t i = 0; i < SPINE_FILTER_NAME_MAX && name[i] != '\0'; i++)
            to[i] = name[i];
}

struct key_filter *
key_filter_ref(struct key_filter *filter)
{
    if (filter != NULL)
        ref_take(&filter->refs);
    return filter;
}

struct value_filter *
value_filter_ref(struct value_filter *filter)
{
    if (filter != NULL)
        ref_take(&filter->refs);
    return filter;
}

void
key_filter_unref(struct key_filter *filter)
{
    if (filter == NULL || !ref_drop(&filter->refs))
        return;
    if (filter->filter.on_release != NULL)
        filter->filter.on_release(filter->filter.context);
    mem_free(filter, sizeof *filter);
}

void
value_filter_unref(struct value_filter *filter)
{
    if (filter == NULL || !ref_drop(&filter->refs))
        return;
    if (filter->filter.on_release != NULL)
        filter->filter.on_release(filter->filter.context);
    mem_free(filter, sizeof *filter);
}

const char *
key_filter_name(const struct key_filter *filter)
{
    return filter != NULL ? filter->name : "";
}

const char *
value_filter_name(const struct value_filter *filter)
{
    return filter != NULL ? filter->name : "";
}

bool
value_filter_needs_groups(const struct value_filter *filter)
{
    return filter != NULL && filter->filter.retain != SPINE_RETAIN_SIMPLE;
}
