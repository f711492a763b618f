/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_OPEN_VALUE_H
#define KERNEL_OPEN_VALUE_H

/*
 * A value of ROW_WIDE that is given in pieces: what was read of it and not given yet.
 *
 * Its rows come in the order of their times (descending, if the merge is), and so do the
 * times that take their place, with one exception: of pairs, those whose outer half is
 * not after the frontier's all get that outer half, and are in any order then. They are
 * kept in sorted *runs* until the last of them has come, and are merged from there.
 *
 *     frontier (5, 3)      (1, 9) (4, 2) (5, 1) | (6, 1) (6, 7)
 *     become               (5, 9) (5, 3) (5, 3) | (6, 3) (6, 7)
 *                          to be sorted         | in order
 */

#include "base/wide_sum.h"
#include "kernel/order.h"

/* Times in order, each once, and the sums of their weights. */
struct time_run {
    uint64_t *times;
    wide_sum *sums;
    size_t count;
    size_t capacity;
    /* The next one to be given. */
    size_t at;
};

struct open_value {
    bool is_open;
    /* The value's row, without time; spans are borrowed as the input's are. */
    uint64_t hi;
    uint64_t lo;
    struct span key;
    struct span value;
    /* The time whose weights are being added up, if there is one, and their sums. */
    bool has_time;
    uint64_t time;
    wide_sum sums[SPINE_WEIGHTS_MAX];
    /* Of the run that is being collected, times (complemented in a descending merge) and
     * weights, and room to sort them. */
    uint64_t *times;
    size_t time_capacity;
    int64_t *weights;
    size_t weight_capacity;
    size_t count;
    struct order order;
    struct time_run *runs;
    size_t run_count;
    size_t run_capacity;
    unsigned weight_count;
    /* Times of all runs that were not given yet. */
    uint64_t run_rows;
    /* The runs are complete, and are a heap by their next times. */
    bool gives_runs;
};

/* Frees everything. Twice is harmless. */
void open_value_release(struct open_value *open);

/* Closes it without giving what is left. */
void open_value_forget(struct open_value *open);

/* Begins with the value of row `at`. */
void open_value_begin(struct open_value *open, const struct kway *kway,
                      const struct rows *rows, size_t at);
/* Is row `at` one of the value? */
bool open_value_has(const struct open_value *open, const struct layout *layout,
                    const struct rows *rows, size_t at);
/*
 * Takes a row of the value, after appending to `out` what is complete by then. `*taken`
 * is false when runs have to be given first. SPINE_OVERFLOW, SPINE_NOMEM.
 */
enum spine_status open_value_take(struct open_value *open, const struct kway *kway,
                                  const struct rows *rows, size_t at, struct rows *out,
                                  bool *taken);
/* Gives what becomes of about `want` times of the runs, and adds how many they are to
 * `*rows_again`. */
enum spine_status open_value_give(struct open_value *open, const struct kway *kway,
                                  struct rows *out, size_t want, uint64_t *rows_again);
/* There are no more rows of the value: appends what is left and closes it, or makes runs
 * ready to be given, and it stays open. */
enum spine_status
open_value_end(struct open_value *open, const struct kway *kway, struct rows *out);

#endif
