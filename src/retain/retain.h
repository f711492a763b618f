/* SPDX-License-Identifier: MIT */
#ifndef RETAIN_RETAIN_H
#define RETAIN_RETAIN_H

/*
 * retain/ -- drops from a merge's output what the reader does not need.
 *
 * A *retain* is what one merge makes of the filters that were set when it began:
 * it is given the merged, consolidated rows window by window and hands on those that are
 * needed, for as long as it has fuel: every call of a callback costs some, and so does
 * every row that it reads.
 *
 * Keys, and values by themselves, are judged by the callback alone. Last, top and bottom
 * are judged on the whole group of a key in all batches of the spine; and a rejected row
 * goes only if no batch has it that this merge does not read:
 *
 *     top 1:   this merge  (k, 20, +1)      elsewhere  (k, 10, +1)  (k, 20, -1)
 *     the group is (k, 10, +1): 20 is not in it and is not judged. To drop it here would
 *     make (k, 20, -1) appear, and push 10 out of the top.
 *
 * What was judged is not judged again by the same filters: blocks of the output are
 * marked (batch/fence.h, `judged`) when the filters would reject nothing of them as long
 * as no rows of the same keys come in. A row is *doubtful*, and its block not marked,
 * when it was rejected and is there for another reason than its own group: others have
 * rows of it, or of its key, or to find the bound was too much for so few rows.
 *
 * One thread at a time.
 */

#include "batch/batch.h"
#include "filter/filter.h"

struct retain;

struct retain_options {
    /* Either may be NULL. */
    struct key_filter *keys;
    struct value_filter *values;
    /* For value_filter_needs_groups() only: all batches in which rows of a group may be,
     * the `input_count` that are merged first. References are kept. */
    struct spine_batch *const *batches;
    size_t batch_count;
    size_t input_count;
    /* Times of the rows were replaced by their join with this. */
    bool advance_times;
    uint64_t frontier;
};

/* What a step may spend, and has spent, in rows read and callbacks called. */
struct retain_fuel {
    uint64_t rows;
    uint64_t used;
};

static inline bool
retain_fuel_is_out(const struct retain_fuel *fuel)
{
    return fuel->used >= fuel->rows;
}

/* Keeps references to the filters. `layout` is borrowed for its life. */
enum spine_status retain_new(struct retain **out, const struct layout *layout,
                             const struct retain_options *options,
                             struct spine_error *error);
/* NULL is allowed. */
void retain_free(struct retain *retain);

/* Groups are looked for by `fetch`, which the owner keeps: steps end with SPINE_BUSY when
 * something is on its way. */
void retain_set_fetch(struct retain *retain, struct fetch *fetch);

/* How it marks what it has judged. */
struct judged_by retain_judged_by(const struct retain *retain);
/* Does it judge groups? */
bool retain_by_group(const struct retain *retain);

/*
 * Judges `rows` from row `*at` on and moves `*at` on behind what was judged: appends to
 * what `output` has pending the rows that are kept, until there are no more or the fuel
 * is used up, by some hundred rows more at most. The same rows are given again until
 * `*at` is their end; then other ones, from 0 on. SPINE_BUSY: so far it got, and goes on
 * with the same rows when what it lacks is there. SPINE_OVERFLOW, SPINE_NOMEM, and what
 * reading says.
 */
enum spine_status retain_step(struct retain *retain, const struct rows *rows, size_t *at,
                              struct output *output, struct retain_fuel *fuel,
                              struct spine_error *error);

/*
 * How many of `rows`, which are judged by themselves, not by group, the filters judge
 * alike, from the first one on: `*keeps` is the filters' answer. These rows count as
 * judged: retain_step() goes on behind them, if there are more.
 */
size_t retain_alike(struct retain *retain, const struct rows *rows, bool *keeps,
                    struct retain_fuel *fuel);

/* Is it still open whether rows of `key` are kept, because it is the key of the last row
 * that was judged? */
bool retain_judges_key(const struct retain *retain, union spine_datum key);

/* Were rows judged, and is their last key another than the first key of `rows`, which
 * follow? */
bool retain_is_between_keys(const struct retain *retain, const struct rows *rows);

/* Rows dropped so far. */
uint64_t retain_rows_dropped(const struct retain *retain);

#endif
