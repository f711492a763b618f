/* SPDX-License-Identifier: MIT */
#ifndef RETAIN_GROUP_H
#define RETAIN_GROUP_H

/*
 * retain/group -- last, top and bottom: a bound per key, found in the key's whole,
 * consolidated group.
 *
 *     last 2, kept from 30 on:  10  20  25  |  30  40      floor 20
 *     top 2, 30 kept:           10  20  [30]  35  40       floor 35
 *     bottom 2, 30 kept:        10  20  [30]  35  40       ceiling 20
 */

#include "retain/retain.h"

/* The rows of one value. */
struct value_run {
    size_t begin;
    size_t end;
};

struct group;

/* Takes options->groups, also on failure. */
enum spine_status group_new(struct group **out, const struct layout *layout,
                            const struct retain_options *options,
                            struct spine_error *error);
/* NULL is allowed. */
void group_free(struct group *group);

/* Goes to the group of `key` and finds its bound. */
enum spine_status group_judge(struct group *group,
                              const struct spine_value_filter *filter,
                              union spine_datum key, struct spine_error *error);

/* Is `value`, of the key that was judged, within the bound? */
bool group_bound_keeps(const struct group *group, union spine_datum value);

/*
 * Is there weight of `value` elsewhere: does the group have it with other weights than
 * `rows` do, or not at all? Values of a key must be asked about in ascending order.
 */
enum spine_status group_has_more(struct group *group, const struct rows *rows,
                                 struct value_run run, union spine_datum value, bool *out,
                                 struct spine_error *error);

#endif
