/* SPDX-License-Identifier: MIT */
#ifndef ENTRY_H
#define ENTRY_H

/*
 * entry -- the home of one batch in a spine, and sets of them.
 *
 * An entry is allocated once, by the insert, and then only moved; so what moves batches
 * under a lock cannot fail. Nor does it take long, however many there are: a set is a
 * tree of entries in the order of their levels and, of one level, of their sequences,
 * with sums in every node. It is a treap: a search tree by ordinal and a heap by a hash
 * of the ordinal, so that it is balanced without keeping account of that, and a range of
 * it is cut out, or put back, as a whole.
 *
 *     cost of n entries, in steps (base/steps.h)
 *     sums of all                  none
 *     add, largest                 log n
 *     sums of a range, take it     log n for each level
 *     unite                        log n for each point where the two sets interleave
 *     for each in a range          log n for each level, and one for each entry
 */

#include "batch/batch.h"
#include "spine/metrics.h"

/* Of some entries; zero for none. */
struct entry_sums {
    size_t count;
    uint64_t rows;
    uint64_t negative_rows;
    uint64_t bytes;
    /* Batches with blocks elsewhere, and what of them is there. */
    size_t storage_count;
    uint64_t storage_rows;
    uint64_t storage_bytes;
    /* Of the batch with the most rows. */
    uint64_t rows_most;
    uint64_t sequence_least;
    uint64_t sequence_most;
};

/* One batch of a spine, in exactly one set. */
struct entry {
    struct spine_batch *batch;
    /* Number of the insert that it came with;
     * of an output, the greatest of its inputs. */
    uint64_t sequence;
    /* The level where it is loose, or was before it became an input. */
    unsigned level;
    /* Of entry.c: the parts of the tree before and behind this entry, and the sums of it
     * and both. */
    struct entry *lesser;
    struct entry *greater;
    struct entry_sums sums;
};

/* Zero: empty. */
struct entry_set {
    struct entry *top;
};

/* Levels from `level_begin` to before `level_end`, sequences from `first` to `last`. */
struct entry_range {
    unsigned level_begin;
    unsigned level_end;
    uint64_t first;
    uint64_t last;
};

extern const struct entry_range entries_all;

typedef void entry_fn(struct entry *entry, void *context);

/* The sums of all, of those in a range, and of a level. */
struct entry_sums entry_set_sums(const struct entry_set *set);
struct entry_sums
entry_set_sums_in(const struct entry_set *set, struct entry_range range);
struct entry_sums entry_set_level(const struct entry_set *set, unsigned level);
/* The highest level that has some; 0 when the set is empty. */
unsigned entry_set_top_level(const struct entry_set *set);
/* One with the most rows; NULL when the set is empty. */
struct entry *entry_set_largest(const struct entry_set *set);
/* The least sequence that is greater than `sequence`; UINT64_MAX when there is none. */
uint64_t entry_set_next(const struct entry_set *set, uint64_t sequence);
/* Calls `on_entry` for each in the range, by level and sequence. The set must not change
 * meanwhile. */
void entry_set_each(const struct entry_set *set, struct entry_range range,
                    entry_fn *on_entry, void *context);

/* Are the sums of the entry, which is in a set, those of itself and of its two parts? */
bool entry_adds_up(const struct entry *entry);

/* Puts an entry on its level. */
void entry_set_add(struct entry_set *set, struct entry *entry);
/* Takes one out, any; NULL when the set is empty. */
struct entry *entry_set_take_any(struct entry_set *set);
/* Moves those in the range to `to`: of each level the `count_max` with the least
 * sequences. */
void entry_set_take(struct entry_set *from, struct entry_range range, size_t count_max,
                    struct entry_set *to);
/* Takes out the entry of that batch; NULL when there is none of that ordinal. */
struct entry *entry_set_take_batch(struct entry_set *set, unsigned level,
                                   uint64_t sequence, const struct spine_batch *batch);
/* Moves all to `to`. */
void entry_set_unite(struct entry_set *to, struct entry_set *from);
/* Takes all out, as a chain by `greater`, in the order of entry_set_each(). A step for
 * each. */
struct entry *entry_set_take_chain(struct entry_set *set);

/* A new entry that keeps a reference to `batch`; NULL without memory. */
struct entry *entry_new(struct spine_batch *batch);
/* Frees an entry and its reference. NULL is allowed. */
void entry_free(struct entry *entry);
/* Frees all entries of the set, which is empty then. */
void entry_set_free(struct entry_set *set);

#endif
