/* SPDX-License-Identifier: MIT */
#ifndef FILTER_FILTER_H
#define FILTER_FILTER_H

/*
 * filter/ -- the filters of callers (spine/filter.h): copies of them, shared by reference
 * count between a spine, its merges, cursors and their clones.
 *
 * A filter has a number. What a merge by some filters has judged is marked with their
 * numbers, so that later ones need not judge it again.
 *
 * Any thread.
 */

#include "base/ref.h"
#include "rows/rows.h"
#include "spine/filter.h"

/* What filters of both kinds have. */
struct shared_filter {
    struct ref refs;
    /* No other filter has it, or ever had; never 0. */
    uint64_t number;
    char name[SPINE_FILTER_NAME_MAX + 1];
    void (*on_release)(void *context);
    void *context;
    /* Of the struct that this begins. */
    size_t bytes;
};

struct key_filter {
    struct shared_filter shared;
    struct spine_key_filter filter;
};

struct value_filter {
    struct shared_filter shared;
    struct spine_value_filter filter;
};

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
/* Does the filter keep the key? All for NULL. */
bool key_filter_keeps(const struct key_filter *filter, union spine_datum key);

/*
 * Drops the rows from `begin` on whose keys the filter does not keep, and returns how
 * many those are. `complemented`: `hi` and `lo` are, as in a descending merge.
 */
size_t key_filter_rows(const struct key_filter *filter, const struct layout *layout,
                       struct rows *rows, size_t begin, bool complemented);

/*
 * Which filters of a spine have judged rows: their numbers, which are never used again; 0
 * where there was none.
 */
struct judged_by {
    uint64_t keys;
    uint64_t values;
};

/* Would `filters` say nothing new of what was judged by `by`? */
static inline bool
judged_by_covers(const struct judged_by *by, const struct judged_by *filters)
{
    return (filters->keys == 0 || filters->keys == by->keys) &&
           (filters->values == 0 || filters->values == by->values);
}

/* The numbers of these filters, either of which may be NULL. */
struct judged_by
filters_mark(const struct key_filter *keys, const struct value_filter *values);

#endif
