/* SPDX-License-Identifier: MIT */
#ifndef MERGE_MERGE_INPUTS_H
#define MERGE_MERGE_INPUTS_H

/*
 * merge/merge_inputs -- one input of a merge: a batch, how far it is read, and what of
 * it is staged for the k-way merge.
 *
 *     batch   |--- used ---|--- staged ---|--- not read ---|
 *                          next row       reader
 */

#include "batch/batch.h"

/* What is pending becomes a small block when at least this many blocks in a row are taken
 * over behind it. */
#define SHARE_BLOCKS_MIN 4u

struct merge_input {
    const struct layout *layout;
    /* A reference. */
    struct spine_batch *batch;
    struct reader reader;
    /* Of blocks that are in files. */
    struct read_ahead ahead;
    /* What kway_fill() sees of this input; its `source` is this struct. */
    struct kway_input *staged;
    /* Where batch_find_wanted() goes on. */
    size_t wanted_from;
    /* The most rows to stage at once, so that memory does not follow what is asked. */
    size_t stage_rows_max;
};

/* Takes a reference to `batch`; `staged` is zero and lives as long as `input`. */
void merge_input_init(struct merge_input *input, struct kway_input *staged,
                      struct spine_batch *batch, size_t stage_rows_max);
/* Twice is harmless. */
void merge_input_release(struct merge_input *input);

/* The kway_refill_fn of merges. */
enum spine_status merge_input_refill(struct kway_input *staged, size_t want);

/* Notes what is left of the input: `more` and `rows_left` of `staged`. */
void merge_input_update(struct merge_input *input);

/* The next row of an input that has one. Stages a few rows when the reader stands inside
 * a block. */
enum spine_status merge_input_peek(struct merge_input *input, struct row_code *out);

/*
 * Appends rows to `to` as they are, where they lie together below `bound` (NULL: below
 * everything): what is staged, or else what is left of the block. Appends nothing when
 * the next such piece reaches `bound`.
 */
enum spine_status merge_input_copy_below(struct merge_input *input,
                                         const struct row_code *bound, struct rows *to);

/* Has each value of the rows that are staged, or else of the block at the position, one
 * time? */
bool merge_input_has_single_times(const struct merge_input *input);

/* How many whole blocks from the position on lie below `bound` (NULL: below everything),
 * counted up to `blocks_max`. 0 with rows staged, or inside a block. */
size_t merge_input_blocks_below(const struct merge_input *input,
                                const struct row_code *bound, size_t blocks_max);

/* Does the block at the position end with the key of `bound`? Not when that is NULL. */
bool merge_input_block_ends_with(const struct merge_input *input,
                                 const struct row_code *bound);

/* Is the block at the position large enough to be one of the output? */
bool merge_input_block_is_large(const struct merge_input *input);

#endif
