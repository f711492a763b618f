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
 *
 * A group is searched for in all batches first, which finds its *parts*, one for each
 * batch that has the key; then it is judged: parts are merged from the end at which the
 * needed values are, until there are enough of them. Both go on where they stopped for
 * want of fuel.
 *
 *     group_begin --> group_search ... --> group_judge ... --> group_bound_keeps
 *                                                              group_ask_others ...
 */

#include "retain/kept_cell.h"
#include "retain/retain.h"

struct group;

enum spine_status group_new(struct group **out, const struct layout *layout,
                            const struct retain_options *options,
                            struct spine_error *error);
/* NULL is allowed. */
void group_free(struct group *group);
/* See retain_set_fetch(). Functions that read end with SPINE_BUSY then, and are called
 * again. */
void group_set_fetch(struct group *group, struct fetch *fetch);

/* Takes up a key, of which nothing is known yet. */
enum spine_status
group_begin(struct group *group, union spine_datum key, struct spine_error *error);

/* Does it pay to search first when `rows` rows of the key are to be judged? */
bool group_is_worth_a_search(const struct group *group, size_t rows);
/* Searches on for the key's parts. */
enum spine_status
group_search(struct group *group, struct retain_fuel *fuel, struct spine_error *error);
bool group_is_searched(const struct group *group);
/*
 * After the search: are all rows of the group in one input of the merge, as a merge by
 * the same filters left them? Then the filter rejects none of them now.
 */
bool group_is_unchanged(const struct group *group, struct retain_fuel *fuel);
/* After the search: has a batch that the merge does not read rows of the key? */
bool group_has_others(const struct group *group);

/* Goes on to look for the bound, after the search. `key` is the key given to
 * group_begin(). */
enum spine_status group_judge(struct group *group, union spine_datum key,
                              struct retain_fuel *fuel, struct spine_error *error);
bool group_is_judged(const struct group *group);
/* Is `value` within the bound? */
bool group_bound_keeps(const struct group *group, union spine_datum value);
/* Was the bound not found because that would have cost too much? All are kept then. */
bool group_gave_up(const struct group *group);

/*
 * Has a batch that the merge does not read rows of `value`? Ends with `*done`; otherwise
 * it is to be called again with the same value.
 */
enum spine_status group_ask_others(struct group *group, union spine_datum value,
                                   struct retain_fuel *fuel, bool *done, bool *found,
                                   struct spine_error *error);

#endif
