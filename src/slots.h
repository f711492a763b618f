/* SPDX-License-Identifier: MIT */
#ifndef SLOTS_H
#define SLOTS_H

/*
 * slots -- the pure policy of a spine: on which level a batch goes, when a level merges
 * and how many batches, how much work one slice does. No threads, no memory, no I/O.
 */

#include "spine/spine.h"

#include <stdbool.h>
#include <stddef.h>

/* How levels grow, and how many loose batches start a merge. */
enum slot_levels {
    /* By decades of rows; merges start at 8 8 3 3 3 3 2 2 2 batches. What spines use. */
    SLOT_DECADES,
    /* By powers of four; every merge starts at 4 batches. Simulated by bench/micro. */
    SLOT_FOURS
};

/* What decides; a value, so that policies differ in numbers only. */
struct slot_policy {
    /* The most rows of a batch on each level; UINT64_MAX on the last. */
    uint64_t rows_max[SPINE_LEVELS];
    /* Loose batches at which a merge starts, and the most that one takes. */
    uint8_t merge_min[SPINE_LEVELS];
    unsigned merge_max;
    /* The largest input of a merge ahead costs at most this many times the rows of all
     * others. */
    unsigned ahead_ratio;
};

/* The most batches that a merge ahead reads. Were there more, one would be due. */
#define SLOT_AHEAD_MAX 64u

/* The most batches, of the levels that it may take some of, that the bottom rule looks
 * at. Were there more, merges of these levels would be due. */
#define SLOT_BOTTOM_MAX 128u

/* The most batches of a merge that is split. */
#define SLOT_SPLIT_MAX 256u

/* Fuel of a slice above level 0 before any level-0 merge has ended. */
#define SLOT_FUEL_START 10000u
/* The fuel of a slice of a long merge of level 0, and the most above level 0. */
#define SLOT_FUEL_LONG 65536u
#define SLOT_FUEL_MAX 131072u

/* SLOT_DECADES with SLOT_LEVEL0_ROWS, which nearly all spines have. */
#define SLOT_LEVEL0_ROWS 14999u
extern const struct slot_policy slot_policy_default;

/*
 * The policy whose levels grow by `levels`, with level 0 up to `level0_rows` rows.
 *
 *     DECADES, 14,999:  14,999  99,999  999,999  9,999,999 ...
 *     FOURS, 14,999:    14,999  59,996  239,984  959,936 ...
 */
void
slot_policy_init(struct slot_policy *out, enum slot_levels levels, uint32_t level0_rows);

/* The level of a batch of `rows` rows. DECADES: 14,999 -> 0, 15,000 -> 1, 99,999 -> 1,
 * 100,000 -> 2. */
unsigned slot_level(const struct slot_policy *policy, uint64_t rows);

/*
 * The level of a merge output of `rows` rows, for which each of `negative_rows` of them
 * counts 1 + `multiplier` times: so retractions rise until they meet what they cancel,
 * which is at most on `top_level`, the highest level that holds other batches. Never for
 * inserts: a retraction must not overtake its insertion.
 *
 *     DECADES, 14,999; 10,000 rows, 1,000 of them negative, multiplier 100:
 *         top level 3 -> 2    top level 1 -> 1    top level 0 -> 0
 */
unsigned slot_output_level(const struct slot_policy *policy, uint64_t rows,
                           uint64_t negative_rows, uint32_t multiplier,
                           unsigned top_level);

/* The loose batches of a level, their rows, and those of their rows that are in files. */
struct slot_loose {
    size_t count;
    uint64_t rows;
    uint64_t storage_rows;
};

/*
 * How many of a level's loose batches, the oldest, a merge takes now: 0 means that none
 * starts. Where most of the rows are in files, a merge starts at SLOT_STORAGE_MIN batches
 * at least: it reads and writes all of them, and the disk is what limits it, while one
 * more batch costs a reader little but a look at filters.
 */
#define SLOT_STORAGE_MIN 6u
size_t slot_merge_count(const struct slot_policy *policy, unsigned level,
                        const struct slot_loose *loose);

/* May the `loose` batches of the level, which are due, wait for the end of a short merge?
 * Only on level 0, while there are fewer than twice as many as start one. */
bool slot_merge_can_wait(const struct slot_policy *policy, unsigned level, size_t loose);

/*
 * The bottom rule: the largest batch, of `largest_rows`, merges with every other that has
 * at least slot_bottom_rows() of rows. That is due when the batches of that size have
 * `negative_rows` rows of negative weight: these rows surely cancel much of the largest
 * batch. What was inserted only is never due here.
 *
 *     64,000: from 1,000 rows on      16,000 negative -> false, 16,001 -> true
 */
uint64_t slot_bottom_rows(uint64_t largest_rows);
bool slot_bottom_due(uint64_t largest_rows, uint64_t negative_rows);

/*
 * By how much a survey (survey.h) goes. Batches of at least slot_bottom_rows() of the
 * largest are looked at. Most of a batch is rejected when of `points` looked at more than
 * half are. It is urgent, with `rows` loose rows, when a 32nd of that number has come in
 * since the last survey. It was right when a merge dropped a quarter of what it read at
 * least; otherwise none begins before rows enough have come in to pay for what was read
 * in vain.
 */
bool slot_is_rejected(size_t points, size_t rejected);
bool slot_survey_is_urgent(uint64_t rows, uint64_t inserted_rows);
bool slot_survey_was_right(uint64_t rows_in, uint64_t rows_dropped);
uint64_t slot_survey_pause(uint64_t rows_in);

/*
 * A batch, and what a merge has to do for it, in rows: all of them, or, when it takes
 * most of its blocks over, those that it reads and slot_blocks_cost().
 */
struct slot_cost {
    uint64_t rows;
    uint64_t negative_rows;
    uint64_t cost;
    /* The batch is in a checkpoint; the next one writes anew what was merged of it. */
    bool is_saved;
};

/*
 * How many of the `count` batches of these rows, ascending, the smallest first, merge
 * when nothing is due, so that readers see fewer: as many as there may be without the
 * largest costing more than slot_ahead_limit(). 0: none. What is left are batches each of
 * which costs more than `ahead_ratio` times the rows of all smaller ones. `cost` is that
 * of a merge with all smaller ones, or anything beyond the limit. What those that are
 * saved cost is at most `saved_max` in all: slot_saved_rows().
 *
 *     ratio 4, each costs its rows:
 *         10 30 500  -> 2      10 40 200 1000 5001 -> 4
 *         10 41      -> 0      1 10 10 -> 3
 *     10 30 500, the last one with a cost of 160 -> 3
 */
size_t slot_ahead_count(const struct slot_policy *policy, const struct slot_cost *batches,
                        size_t count, uint64_t saved_max);
/*
 * The most that a batch of `rows` rows may cost whose merge partners are `smaller` in
 * all: `ahead_ratio` times their rows. Where most of its blocks are taken over,
 * retractions count three times: they cancel what is there, and readers skip less.
 *
 *     ratio 4, partners of 2,000 rows, 1,000 of them negative
 *         1,000,000 -> 16,000     20,000 -> 10,000     9,000 -> 8,000
 */
uint64_t slot_ahead_limit(const struct slot_policy *policy,
                          const struct slot_cost *smaller, uint64_t rows);

/*
 * The most that a batch of `rows` rows may cost a merge that is due, of `inputs` in all,
 * and would do without: twice what is read anyway, which is then written for the last
 * time for a while, with retractions counted three times, and half of what the batch has.
 *
 *     80,000 and 1,000,000 -> 160,000      80,000 and 100,000 -> 50,000
 */
uint64_t slot_company_limit(const struct slot_cost *inputs, uint64_t rows);

/* The most that a merge of a stretch may cost in which a reader skipped `rows` rows. */
uint64_t slot_stretch_limit(uint64_t rows);

/*
 * How many rows of saved batches merges ahead may read until the next cut is saved, after
 * one of a spine of `rows` rows and `inserted_rows` more: a 1,024th of what there was,
 * and one for two that came in. So 1 % of new rows lets a checkpoint write 1.6 % of all,
 * and what merges that are due write. It is a cut that begins anew with 0 inserted ones,
 * not the end of a checkpoint.
 *
 *     10,000,000 and 100,000 -> 59,765
 */
uint64_t slot_saved_rows(uint64_t rows, uint64_t inserted_rows);
/* True when a merge ahead that has read `rows_read` of `rows` is rather given up than let
 * write them anew, a cut of them being saved: it is beyond `saved_max`, and not half
 * done. */
bool slot_ahead_gives_up(uint64_t rows_read, uint64_t rows, uint64_t saved_max);

/* What it costs to take over blocks. */
uint64_t slot_blocks_cost(size_t blocks);

/* How far a merge is: what it has read, and what its batches have, in memory and in
 * files. */
struct slot_progress {
    uint64_t rows_read;
    uint64_t rows;
    uint64_t storage_rows;
    uint64_t batches;
};

/*
 * True when a merge is to be split, so that what it has read can go: often enough that
 * little is there twice, rarely enough that cutting the batches costs little, and no more
 * than once where that is files. Never with more than SLOT_SPLIT_MAX batches, all of
 * which are replaced at once.
 *
 *     level 0 up to 14,999; 4 batches of 4,000,000:   333,332 -> false   333,333 -> true
 *                                    1,000,000:       179,987 -> false   179,988 -> true
 *                           4,000,000 in files:     1,999,999 -> false 2,000,000 -> true
 */
bool
slot_split_is_due(const struct slot_policy *policy, const struct slot_progress *progress);

/*
 * Is a merge with `rows` rows left so large that two threads are worth the work of
 * cutting its inputs? From 64 batches of level 0 on, which take some tens of
 * milliseconds.
 *
 *     level 0 up to 14,999: 959,935 -> false, 959,936 -> true
 */
bool slot_lanes_pay(const struct slot_policy *policy, uint64_t rows);

/*
 * From how many rows on a merge encodes what it writes, which begins with `batches`,
 * loose and merging, in its spine: `encode_rows`, and a quarter of that when there are
 * many, because inserts are ahead of merges. What small merges write then waits for large
 * ones to end, and takes memory meanwhile. UINT32_MAX, never, is UINT64_MAX.
 *
 *     100,000, 15 batches -> 100,000     100,000, 16 batches -> 25,000
 */
uint64_t slot_encode_rows(uint32_t encode_rows, size_t batches);

/* The fuel of a slice of a merge of level 0 of `rows` rows: enough for all, unless these
 * are more than twice what such a merge usually begins with. */
uint64_t slot_level0_fuel(const struct slot_policy *policy, uint64_t rows);

/* The moving average of the fuel of such merges, after one that used `fuel_rows`. */
uint64_t slot_fuel_average(uint64_t average, uint64_t fuel_rows);

/*
 * Merge slices that an insert runs itself when the spine has `batches`, loose and
 * merging: none below `soft`, then one and more, about 9 at `hard`.
 *
 *     soft 32, hard 128:   31 -> 0   32 -> 1   44 -> 2   128 -> 9
 */
unsigned slot_help_slices(size_t batches, size_t soft, size_t hard);

#endif
