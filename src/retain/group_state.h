/* SPDX-License-Identifier: MIT */
#ifndef RETAIN_GROUP_STATE_H
#define RETAIN_GROUP_STATE_H

/*
 * retain/group_state -- what is known of the group that is being judged.
 *
 *     group.c          parts: search, other batches
 *     group_bound.c    the bound
 */

#include "retain/group.h"

/* Which values are needed whatever on_value says. */
enum bound_kind {
    BOUND_ALL,     /* all: there are too few others */
    BOUND_NONE,    /* none */
    BOUND_FLOOR,   /* those from the bound on */
    BOUND_CEILING, /* those up to the bound */
};

enum group_phase {
    GROUP_SEARCHING,
    GROUP_SEARCHED,
    /* LAST only: where the values that on_value keeps begin, part by part. */
    GROUP_SPLITTING,
    /* Parts become inputs of a merge, one by one. */
    GROUP_OPENING,
    GROUP_SCANNING,
    GROUP_JUDGED
};

/* A batch that may have rows of a group. */
struct group_source {
    struct spine_batch *batch; /* a reference */
    /* Near the last key that was looked for. */
    struct reader reader;
};

/* Rows [begin, end) of a batch are those of the key. */
struct group_part {
    size_t source;
    uint64_t begin;
    uint64_t end;
    /* What is scanned ends here: on_value keeps what is behind it. */
    uint64_t stop;
    /* Where staging goes on, or the last value was looked for. */
    struct reader reader;
    bool downward;
};

struct group {
    const struct layout *layout;
    const struct spine_value_filter *filter;
    struct judged_by judged_by;
    struct group_source *sources;
    size_t source_count;
    /* The first ones are the merge's inputs. */
    size_t input_count;

    enum group_phase phase;
    struct kept_cell key;
    uint64_t hash;
    bool hashed;
    /* The source to be searched next. */
    size_t searched;
    struct group_part *parts; /* room for one per source */
    size_t part_count;
    /* Parts of inputs come first: their number, and the number of their rows. */
    size_t own_parts;
    uint64_t own_rows;

    /* The part to be split or opened next, or to be asked for a value. */
    size_t part;
    bool is_asking;
    /* The part's first row that is kept is in [low, high]. */
    bool is_splitting;
    uint64_t low;
    uint64_t high;
    struct kway_input *inputs; /* of each part */
    size_t input_capacity;
    struct kway kway;
    size_t want;
    /* Rows that were scanned, and the most that may be. */
    uint64_t rows_scanned;
    uint64_t rows_most;
    /* What is scanned, ascending, and the number of rows that have not been looked at
     * yet. */
    struct rows rows;
    size_t rows_left;
    /* The value that was looked at last, when it is in `rows` no more. */
    struct kept_cell last;
    bool has_last;
    uint64_t rejected;
    bool gave_up;
    enum bound_kind kind;
    struct kept_cell bound;
    /* Blocks that scanned rows borrow from; what could not be read, or not be added
     * up. */
    struct pins pins;
    struct spine_error failure;
};

/* Says what could not be read, or that there was no memory. */
enum spine_status group_fail(const struct group *group, enum spine_status status,
                             struct spine_error *error);
/* Frees what a search needs. */
void group_parts_release(struct group *group);

/* Are the needed values the least ones? */
static inline bool
group_is_upward(const struct group *group)
{
    return group->filter->retain == SPINE_RETAIN_BOTTOM;
}

#endif
