/* SPDX-License-Identifier: MIT */
#ifndef RETAIN_RETAIN_H
#define RETAIN_RETAIN_H

/*
 * retain/ -- drops from a merge's output what the reader does not need.
 *
 * A *filter* is the caller's callback, shared by reference count between the spine and
 * merges. A *retain* is what one merge makes of the filters that were set when it began:
 * it is given the merged, consolidated rows window by window and removes the rejected
 * ones.
 *
 * Keys, and values by themselves, are judged by the callback alone. Last, top and bottom
 * are judged on the whole group of a key, which `groups`, a cursor over the content of
 * the whole spine, shows; and a rejected row goes only if this merge has all the weight
 * that the group has of it:
 *
 *     top 1:   this merge  (k, 20, +1)      elsewhere  (k, 10, +1)  (k, 20, -1)
 *     the group is (k, 10, +1): 20 is not in it and is not judged. To drop it here would
 *     make (k, 20, -1) appear, and push 10 out of the top.
 *
 * One thread at a time. Filters: any thread.
 */

#include "kernel/kernel.h"
#include "spine/cursor.h"
#include "spine/filter.h"

struct key_filter;
struct value_filter;

/* Copies of the caller's filters, with one reference. The last one calls on_release. */
enum spine_status key_filter_new(const struct spine_key_filter *filter,
                                 struct key_filter **out, struct spine_error *error);
enum spine_status value_filter_new(const struct spine_value_filter *filter,
                                   struct value_filter **out, struct spine_error *error);
/* NULL is allowed in all of these. */
struct key_filter *key_filter_ref(struct key_filter *filter);
struct value_filter *value_filter_ref(struct value_filter *filter);
void key_filter_unref(struct key_filter *filter);
void value_filter_unref(struct value_filter *filter);
/* The name; "" for NULL. */
const char *key_filter_name(const struct key_filter *filter);
const char *value_filter_name(const struct value_filter *filter);
/* Does it judge groups? False for NULL. */
bool value_filter_needs_groups(const struct value_filter *filter);

struct retain;

struct retain_options {
    /* Either may be NULL. */
    struct key_filter *keys;
    struct value_filter *values;
    /* For value_filter_needs_groups() only, otherwise NULL. Taken. */
    struct spine_cursor *groups;
    /* Times of the rows were replaced by their join with this. */
    bool advance_times;
    uint64_t frontier;
};

/* Keeps references to the filters; takes `groups`, also on failure. `layout` is borrowed
 * for its life. */
enum spine_status retain_new(struct retain **out, const struct layout *layout,
                             const struct retain_options *options,
                             struct spine_error *error);
/* NULL is allowed. */
void retain_free(struct retain *retain);

/* Drops the rejected ones of rows [begin, rows->count), moving the rest together. */
enum spine_status retain_rows(struct retain *retain, struct rows *rows, size_t begin,
                              struct spine_error *error);

/* Rows dropped so far. */
uint64_t retain_rows_dropped(const struct retain *retain);

#endif
