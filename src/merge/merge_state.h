/* SPDX-License-Identifier: MIT */
#ifndef MERGE_MERGE_STATE_H
#define MERGE_MERGE_STATE_H

/*
 * merge/merge_state -- a merge under way.
 *
 *     merge.c         windows, and what they are made of: begin, step, seal
 *     merge_ahead.c   what is read ahead
 *     merge_take.c    what needs no merging
 *     merge_split.c   stopping half way
 */

#include "merge/merge.h"
#include "merge/merge_inputs.h"

/* Rows of a window: how much kway_fill() is asked for at once. */
#define WINDOW_ROWS 16384u
/* Less fuel than this still gets a window of this size. So small is the window after a
 * block was taken over, too: more blocks may follow where it ends. */
#define WINDOW_ROWS_MIN 1024u
/* The least rows of a window, however large they are. */
#define WINDOW_ROWS_LEAST 16u
/* More inputs than this are opened slice by slice and looked at only when it pays, and a
 * row of them costs more. */
#define MERGE_FEW_INPUTS 64u
/* With this many inputs, or more, less is read ahead of each. */
#define MERGE_AHEAD_INPUTS 16u

/* When the inputs are in more files than this, small ones are left. */
#define MERGE_FILES_MAX 128u

struct splitting; /* merge_split.c */

struct merge {
    struct layout layout;
    /* What comes before all that is merged, a reference, and how far the output has it;
     * NULL: it has all of it. */
    struct spine_batch *written;
    struct reader written_reader;
    struct merge_input *inputs;
    /* As many as `inputs`, which their sources point to. */
    struct kway_input *staged;
    size_t input_count;
    /* The number of inputs that are open. */
    size_t opened;
    struct kway kway;
    struct output output;
    /* Blocks that rows on their way from inputs to the output borrow from, and what could
     * not be read. */
    struct pins pins;
    struct spine_error unread;
    /* Its runtime is NULL when the merge waits for what it reads. */
    struct read_waiter waiter;
    /* What it reads for groups, or for a split. */
    struct fetch fetch;
    /* The blocks of a file that holds fewer than this are written again, not taken over.
     * 0: the inputs are in few files. */
    size_t stranded_blocks;
    /* The same as `waiter` of what it writes. */
    struct store_waiter writes;
    /* The step ended for want of a block, or of a write. */
    bool lacks;
    /* Rows of the next window, if there is fuel for it. */
    size_t window_rows;
    size_t window_rows_max;
    /* The fuel of a merged row. */
    uint64_t row_fuel;
    /* When `rows_in` gets here, the merge looks again for blocks that need no merging. */
    uint64_t look_rows_in;
    uint64_t rows_all;
    uint64_t rows_in;
    uint64_t blocks_shared;
    uint64_t rows_shared;
    struct retain *retain;
    /* NULL: it is not splitting. */
    struct splitting *splitting;
    /* A split is due: merge_seek_split(). */
    bool seeks_split;
    bool may_keep_times;
    /* The last step failed where nothing is lost: it can be tried again. */
    bool intact;
    /* A reference, or NULL. */
    struct account *account;
    struct reservation reservation;
    /* Merged rows, judged up to `fresh_at`.
     * Without `retain` rows are as good as judged. */
    struct rows fresh;
    size_t fresh_at;
    /* The last rows were the block before the position of this input, taken over; NULL:
     * they were not. */
    const struct merge_input *last_taken;
};

/* Where merged rows go. */
static inline struct rows *
merge_window_rows(struct merge *merge)
{
    return merge->retain != NULL ? &merge->fresh : &merge->output.pending;
}

/* The rows of a window that begins small. */
static inline size_t
merge_window_min(const struct merge *merge)
{
    return merge->window_rows_max < WINDOW_ROWS_MIN ? merge->window_rows_max
                                                    : WINDOW_ROWS_MIN;
}

/* Charges a batch to the account that is charged for the merge. NULL is allowed. */
static inline void
merge_charge(const struct merge *merge, struct spine_batch *batch)
{
    if (merge->account != NULL && batch != NULL)
        batch_charge(batch, merge->account);
}

/* ---- merge_split.c ---- */

/* merge_split_abort() inside another function of the merge. */
void merge_abort_split(struct merge *merge);
/* How many of the merged rows are to be judged next: not those of the last key, which may
 * go on, when groups are judged and a split is sought, unless all are of it. */
size_t merge_rows_to_judge(const struct merge *merge);

/* ---- merge_ahead.c ---- */

/* Has inputs with blocks in files read ahead, fewer blocks of each when they are many. */
void merge_read_ahead(struct merge *merge, const struct merge_options *options);

/* ---- merge_wanted.c ---- */

/* The output's on_wanted(), of the merge that is `context`. */
unsigned
merge_wanted(void *context, const struct row_code *first, const struct row_code *last);
/* What readers have asked the inputs counts for the output. */
void merge_leave_asked(const struct merge *merge, struct spine_batch *output);

/* ---- merge_take.c ---- */

/* The fuel of a look at every input. Few are not worth counting. */
uint64_t merge_pass_fuel(const struct merge *merge);
/* Stages the first rows of many inputs, each for a row's fuel. A large first block may
 * yet be taken over. */
enum spine_status
merge_open_inputs(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used);
/*
 * Moves what needs no merging: pieces of the input with the least next row that lie below
 * the next row of every other input, if there are such pieces. With many inputs and small
 * pieces that costs more than merging: then not before as many rows are merged as there
 * are inputs.
 *
 *     input 0    a a a a|a a a a|a a d d      both blocks of a, not the third
 *     input 1                       c c e e
 */
enum spine_status
merge_take_over(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used);

#endif
