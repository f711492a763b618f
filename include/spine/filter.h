/* SPDX-License-Identifier: MIT */
#ifndef SPINE_FILTER_H
#define SPINE_FILTER_H

/*
 * Filters: which keys and values a reader needs.
 *
 * Retention. A spine's filter is a promise, not a query: merges that start from now on
 * drop the rows that it rejects, sooner or later or never, each merge what it has of
 * them. So *the weight of a rejected row is anything from now on, until it is gone*: a
 * row that was deleted may be seen again, or a weight of -1 alone, because one half of it
 * was dropped and the other was not yet. Snapshots and cursors show whatever is there; a
 * reader that must not see it hides it, by bounds (spine_cursor_set_bounds()) or by the
 * same filter of keys (spine_cursor_set_filter(), struct spine_probe_options). A row that
 * the filter keeps never changes its weight in any reader. Filters should only tighten,
 * as a watermark moves up.
 *
 * Space. Rejected rows are dropped by merges that would run anyway, and by merges that
 * start because most of a batch is rejected: when a filter was set, or a batch came in
 * that is not small, the spine asks the filters about 65 keys or rows of each batch that
 * is not small. So while filters move, the rejected rows that a spine holds are about as
 * many as the needed ones at most, beside what its merges have yet to read, which may be
 * its two largest levels. A window of 25,000 rows that moves by 1,000 at a time is held
 * as 25,000 to 46,000 rows.
 *
 * The bound does not hold for groups (LAST, TOP, BOTTOM); for a filter that says of a
 * sample something else than of most rows; and for small batches, fewer than eight of a
 * level: those of less than a 64th of the largest, and those of level 0 in a spine that
 * has no others. When spine_stats shows several times the rows that are needed,
 * spine_compact() drops all that is rejected at once.
 *
 * Callbacks run in the threads that merge, and in those that read by a filter; several at
 * a time, without locks. They must be pure functions of their arguments while the filter
 * is in use, and must not call the library, except, with a reader or page of their own,
 * for spine_tuple_read() and spine_tuple_decode(), to read keys and values that are
 * tuples. One that contradicts itself can cost only rows that it rejected. Merges call
 * them for what they read, as their fuel allows, and inserts that help with merging do,
 * too; a look at samples makes 12,480 calls at most, at once. The calls that set a filter
 * make none.
 */

#include "spine/types.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct spine;

/* The longest name of a filter that is kept, in bytes. */
#define SPINE_FILTER_NAME_MAX 31

/* Which keys are needed: by a spine, by the reader with a cursor or probe. */
struct spine_key_filter {
    /* For statistics; copied, cut at SPINE_FILTER_NAME_MAX bytes; NULL is "". */
    const char *name;
    void *context;
    /* True: the key is needed. */
    bool (*on_key)(void *context, union spine_datum key);
    /* Called once, when nothing uses the filter any more; NULL for none. */
    void (*on_release)(void *context);
};

/*
 * Which values of a key are needed beside those for which on_value says so. Judged on the
 * key's whole, consolidated group at the start of the merge, so rows that cancel across
 * batches do not count. A rejected row is dropped when the merge has all of its weight,
 * and enough of its group: merges of few rows do not read large groups.
 */
enum spine_retain {
    /* None. */
    SPINE_RETAIN_SIMPLE = 0,
    /*
     * The `count` values right below the first that on_value keeps, the last `count` when
     * it keeps none. on_value must be monotone in the order of values: false ... false
     * true ... true.
     */
    SPINE_RETAIN_LAST,
    /* The `count` greatest, and the `count` least, of those that on_value rejects. */
    SPINE_RETAIN_TOP,
    SPINE_RETAIN_BOTTOM
};

/* A filter of values; all but `retain`, `count` and on_value is as of one of keys. */
struct spine_value_filter {
    const char *name;
    void *context;
    enum spine_retain retain;
    uint64_t count;
    /* True: the value is needed. */
    bool (*on_value)(void *context, union spine_datum key, union spine_datum value);
    void (*on_release)(void *context);
};

/*
 * Replaces the spine's filter of keys, of values; NULL takes it away. Merges under way
 * keep the one they began with. The struct is copied; on success the library calls
 * on_release.
 *
 * SPINE_INVALID for a missing callback or an unknown `retain`, SPINE_NOMEM: nothing
 * changed. Any thread. Never blocks.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_retain_keys(struct spine *spine, const struct spine_key_filter *filter,
                  struct spine_error *error);
SPINE_API SPINE_CHECKED enum spine_status
spine_retain_values(struct spine *spine, const struct spine_value_filter *filter,
                    struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
