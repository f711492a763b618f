/* SPDX-License-Identifier: MIT */

/* The filters of callers, shared by reference count and numbered, so that a batch can say
 * which of them have judged it. */

#include "filter/filter.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

static void *shared_new(size_t bytes, const char *name, void *context,
                        void (*on_release)(void *context));
static void shared_unref(struct shared_filter *shared);
static bool keeps_row(const struct key_filter *filter, const struct layout *layout,
                      const struct rows *rows, size_t at, bool complemented);

/* Of all filters of the process. */
static atomic_uint_least64_t filter_numbers;

enum spine_status
key_filter_new(const struct spine_key_filter *filter, struct key_filter **out,
               struct spine_error *error)
{
    struct key_filter *copy;

    *out = NULL;
    if (filter->on_key == NULL)
        return spine_fail(error, SPINE_INVALID, "key filter: on_key is NULL");
    copy = shared_new(sizeof *copy, filter->name, filter->context, filter->on_release);
    if (copy == NULL)
        return fail_nomem(error, "a key filter", sizeof *copy);
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
    copy = shared_new(sizeof *copy, filter->name, filter->context, filter->on_release);
    if (copy == NULL)
        return fail_nomem(error, "a value filter", sizeof *copy);
    copy->filter = *filter;
    *out = copy;
    return SPINE_OK;
}

/* With one reference, zeroed behind the struct shared_filter; NULL without memory. */
static void *
shared_new(size_t bytes, const char *name, void *context,
           void (*on_release)(void *context))
{
    struct shared_filter *shared = mem_zalloc(bytes);

    assert(bytes >= sizeof(struct shared_filter));
    if (shared == NULL)
        return NULL;
    ref_init(&shared->refs);
    shared->number =
        atomic_fetch_add_explicit(&filter_numbers, 1, memory_order_relaxed) + 1;
    if (name != NULL)
        for (size_t i = 0; i < SPINE_FILTER_NAME_MAX && name[i] != '\0'; i++)
            shared->name[i] = name[i];
    shared->context = context;
    shared->on_release = on_release;
    shared->bytes = bytes;
    return shared;
}

static void
shared_unref(struct shared_filter *shared)
{
    /* It is not scratch of a merge that happens to have the last reference. */
    const int64_t apart = mem_apart_begin();

    if (!ref_drop(&shared->refs))
        return;
    if (shared->on_release != NULL)
        shared->on_release(shared->context);
    mem_free(shared, shared->bytes);
    mem_apart_end(apart);
}

struct key_filter *
key_filter_ref(struct key_filter *filter)
{
    if (filter != NULL)
        ref_take(&filter->shared.refs);
    return filter;
}

struct value_filter *
value_filter_ref(struct value_filter *filter)
{
    if (filter != NULL)
        ref_take(&filter->shared.refs);
    return filter;
}

void
key_filter_unref(struct key_filter *filter)
{
    if (filter != NULL)
        shared_unref(&filter->shared);
}

void
value_filter_unref(struct value_filter *filter)
{
    if (filter != NULL)
        shared_unref(&filter->shared);
}

const char *
key_filter_name(const struct key_filter *filter)
{
    return filter != NULL ? filter->shared.name : "";
}

const char *
value_filter_name(const struct value_filter *filter)
{
    return filter != NULL ? filter->shared.name : "";
}

bool
key_filter_keeps(const struct key_filter *filter, union spine_datum key)
{
    return filter == NULL || filter->filter.on_key(filter->filter.context, key);
}

size_t
key_filter_rows(const struct key_filter *filter, const struct layout *layout,
                struct rows *rows, size_t begin, bool complemented)
{
    const size_t count = rows->count;
    size_t kept = begin;

    assert(filter != NULL);
    assert(begin <= count);
    for (size_t at = begin, end; at < count; at = end) {
        end = rows_key_end(layout, rows, at, count);
        if (!keeps_row(filter, layout, rows, at, complemented))
            continue;
        rows_move(layout, rows, kept, at, end);
        kept += end - at;
    }
    rows->count = kept;
    return count - kept;
}

/* Is the key of row `at` kept? */
static bool
keeps_row(const struct key_filter *filter, const struct layout *layout,
          const struct rows *rows, size_t at, bool complemented)
{
    const uint64_t flip = complemented ? UINT64_MAX : 0;
    uint64_t hi = rows->hi[at] ^ flip;
    uint64_t lo = rows->lo != NULL ? rows->lo[at] ^ flip : 0;
    const struct rows row = {.hi = &hi,
                             .lo = &lo,
                             .key = rows->key != NULL ? rows->key + at : NULL,
                             .count = 1};
    uint8_t scratch[16];

    return key_filter_keeps(filter, rows_key_datum(layout, &row, 0, scratch));
}

bool
value_filter_needs_groups(const struct value_filter *filter)
{
    return filter != NULL && filter->filter.retain != SPINE_RETAIN_SIMPLE;
}

struct judged_by
filters_mark(const struct key_filter *keys, const struct value_filter *values)
{
    return (struct judged_by){.keys = keys != NULL ? keys->shared.number : 0,
                              .values = values != NULL ? values->shared.number : 0};
}
