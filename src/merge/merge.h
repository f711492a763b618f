/* SPDX-License-Identifier: MIT */
#ifndef MERGE_MERGE_H
#define MERGE_MERGE_H

/*
 * merge/ -- turns k sorted batches into one, a slice at a time.
 *
 *     merge_new(&merge, batches, batch_count, options, error);
 *     while (!merge_done(merge)) {
 *         fuel_rows = ...;
 *         merge_step(merge, &fuel_rows, error);
 *     }
 *     do                                    with fuel, too
 *         merge_seal(merge, &fuel_rows, &batch, error);
 *     while (batch == NULL);
 *     merge_free(merge);                    at any point: gives up
 *
 * A merge reads rows in order, replaces times by their join with the frontier, adds the
 * weights of equal rows, and drops rows whose weight became 0. It keeps a reference to
 * each input until it is freed. The output is invisible until merge_seal() returns it.
 *
 * A block that no other input reaches into is taken over by reference, without being
 * read; when rows are dropped, only if it is known that none of it is, and when times are
 * replaced, only if they may be kept and each value has one; of a file, unless it is one
 * of few that are left of it.
 *
 * Example, frontier = 10:    input 0: (a, 3, +1)  (b, 12, +1)
 *                            input 1: (a, 7, -1)  (b, 12, +2)
 *                            output:              (b, 12, +3)
 *
 * Not thread safe; any one thread at a time. Knows nothing of threads or libuv.
 */

#include "batch/batch.h"
#include "retain/retain.h"

struct merge;

struct merge_options {
    bool advance_times;
    uint64_t frontier;
    /* Blocks of which each value has one time may be taken over with the times that the
     * rows have: these can be replaced later, too. */
    bool may_keep_times;
    /* The output is encoded when the inputs have at least this many rows; 0: the default
     * (struct output). */
    uint64_t encode_rows;
    /* The rows of the inputs, about, that are expected in blocks which are taken over. */
    uint64_t untouched_rows;
    /*
     * What a merge that was split has written, or NULL: rows before all of the inputs'.
     * Its blocks come first in the output, by reference; they are not counted as read.
     * Keeps a reference until that is done.
     */
    struct spine_batch *written;
    /* What drops rows of the output, or NULL. Taken by a merge_new() that succeeds. */
    struct retain *retain;
    /* What sends the output to a file; NULL: it stays in memory. */
    struct placement *placement;
    /* How the lookup filters of its file are made; NULL: by default. The owner keeps
     * it. */
    const struct lookup_options *lookup;
    /* Is told that blocks were read ahead, or written behind, for which the merge does
     * not wait then; NULL: it waits. Copied. */
    const struct read_waiter *waiter;
    /* The bytes of an extent that is read ahead, of all inputs together, of which three
     * may be there; 0: as many as are good for the disk. */
    uint64_t ahead_bytes;
    /* The account that is charged for its memory and for its output; NULL: none. */
    struct account *account;
    /* What was reserved for it; taken by a merge_new() that succeeds, and given back when
     * the merge is freed. */
    struct reservation reservation;
};

/* What a merge has done so far. */
struct merge_counts {
    uint64_t rows_in;
    uint64_t rows_out;
    uint64_t blocks_shared;
    uint64_t rows_shared;
    /* Dropped by `retain`. */
    uint64_t rows_dropped;
};

/* `batch_count` >= 1 batches of one layout; keeps a reference to each.
 * Reads nothing yet. */
enum spine_status merge_new(struct merge **out, struct spine_batch *const *batches,
                            size_t batch_count, const struct merge_options *options,
                            struct spine_error *error);
/*
 * Merges until the inputs are used up or `*fuel_rows` are, and takes what it used from
 * `*fuel_rows`, down to 0: by at most a window, some thousands, and twice the number of
 * inputs more. An input row counts as one row, and once more for each time that the
 * inputs are twice as many as 64; a block taken over, or of `written`, counts as one row,
 * and a look at an input as one, if they are more than 64; so does every call of a
 * filter, and every row read for one. After a failure only merge_free() is allowed,
 * unless merge_is_intact().
 *
 * It also ends when it lacks a block that is being read, or so much is being written that
 * it should wait (merge_lacks()). Until that is done, as the waiter will be told, another
 * step gets no further.
 */
enum spine_status
merge_step(struct merge *merge, uint64_t *fuel_rows, struct spine_error *error);
/* Did the last step fail for want of memory for what is merged already? It may be called
 * again. */
bool merge_is_intact(const struct merge *merge);
bool merge_done(const struct merge *merge);
/* Did the last step, seal or split end for want of a block, or of a write? */
bool merge_lacks(const struct merge *merge);
/* Is something on its way without which the next step gets no further? By the thread that
 * has the merge, or while no thread steps it. */
bool merge_awaits(const struct merge *merge);
/* Input rows not read yet, those not judged yet, and half of those that are held
 * (kernel/kway.h). */
uint64_t merge_rows_left(const struct merge *merge);
/* What it has of a memory limit. */
const struct reservation *merge_reservation(const struct merge *merge);
void merge_counts(const struct merge *merge, struct merge_counts *out);
/*
 * After merge_done(): makes the batch, as long as there is fuel, of which a block but for
 * the first 16 costs one; `*out` is NULL until it is there. When it fails it may be
 * called again, unless the merge is lost.
 */
enum spine_status merge_seal(struct merge *merge, uint64_t *fuel_rows,
                             struct spine_batch **out, struct spine_error *error);
/*
 * Can it be split now? Not inside a value, nor when rows that it has read are not judged
 * yet; and where groups are judged, which is done as a whole, only between two keys.
 */
bool merge_may_split(const struct merge *merge);
/* The next steps go on only until it may be split, or is done. */
void merge_seek_split(struct merge *merge);
/*
 * Stops a merge half way: `*written` is what it has written, maybe a batch of no rows,
 * and `rests[i]` what it has yet to read of input i, or NULL when that is nothing. A
 * merge of the rests with that `written` goes on where this one stops; of this one only
 * merge_counts() and merge_free() are allowed. When it fails the merge goes on itself,
 * unless it is lost. A rest has the lookup filter of its input.
 *
 * That takes work for each block of all these, which is paid in fuel: `*written` is NULL
 * as long as it is not done. Meanwhile the merge_is_splitting(): it has to be called
 * again before the merge goes on, unless merge_split_abort() is.
 *
 *     input 0    a c e | h        written  a b c d e
 *     input 1    b d   | f g      rests    h, f g
 */
enum spine_status merge_split(struct merge *merge, uint64_t *fuel_rows,
                              struct spine_batch **written, struct spine_batch **rests,
                              struct spine_error *error);
bool merge_is_splitting(const struct merge *merge);
/* The merge goes on, if it was splitting. */
void merge_split_abort(struct merge *merge);
/* True when the file of the output could not be written: only merge_free() is
 * allowed. */
bool merge_is_lost(const struct merge *merge);
void merge_free(struct merge *merge);

/* ---- What a merge would cost ---- */

/* The most batches whose overlap with another is looked at. */
#define MERGE_OVERLAP_MAX 128u

/* Batches that reach into the blocks of a large one. */
struct small_batches {
    struct spine_batch *const *batches;
    size_t count;
};

/*
 * How blocks in files are looked into: what `fetch` holds or finds in memory; what else
 * is worth a look it asks for, and `lacks` becomes true: another look when that is there
 * will be better. What could not be read is told by `has_failed`: another look would ask
 * for it again.
 */
struct overlap_look {
    struct fetch *fetch;
    /* A batch counts as one that has rows only where it surely has: the answer is too
     * small, if anything. Nothing is asked for. */
    bool at_least;
    bool lacks;
    bool has_failed;
};

/*
 * The rows of `large` that a merge with all of the `small_count` batches `small` would
 * read: those of blocks into which a row of these reaches, and of blocks that it would
 * not take over because they are few between two of these. All of its rows when the merge
 * would encode them, as options.encode_rows says. Ends with some number as soon as it
 * exceeds `rows_max`; costs some comparisons for each such block, and no look at others.
 *
 * A small batch counts as one that has a row wherever a block of it that `look` does not
 * look into may have one. With `look` NULL blocks are read.
 *
 *     large    |a b c|d e f|g h i|j k l|
 *     small     a                           the first block: 3
 *     small     a             h             one block between is too few: 9
 */
uint64_t merge_overlap(const struct spine_batch *large, const struct small_batches *small,
                       uint64_t encode_rows, uint64_t rows_max,
                       struct overlap_look *look);

/* Does each of the batches end before the next one begins, in some order? */
bool merge_is_concatenation(struct spine_batch *const *batches, size_t batch_count);

#endif
