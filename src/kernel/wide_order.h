/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_WIDE_ORDER_H
#define KERNEL_WIDE_ORDER_H

/*
 * Sorting rows of ROW_WIDE by key and value, without moving them.
 *
 * What is sorted are *handles*: an input's number, 32 bits, and a row of it, 32 bits.
 * They are sorted by a word of each row; rows with the same word are sorted among
 * themselves by a word from behind the bytes that all of them have in common, and so on,
 * first in their keys, then in their values. So bytes are hardly ever compared, however
 * long the prefixes are that keys share.
 *
 * Where words differ in their leading bits, as they mostly do, numbers are sorted
 * instead: the leading ones of the bits in which words differ, and below them which row
 * it is. Inputs that are in order are not sorted but merged, by the same numbers. Rows
 * with the same bits are sorted like those with the same word.
 */

#include "kernel/history.h"
#include "kernel/merge_tree.h"
#include "kernel/order.h"

struct wide_order {
    const struct layout *layout;
    /* The rows of each input, borrowed. */
    const struct rows **inputs;
    size_t input_count;
    size_t input_capacity;
    /* Where the handles of each input end before they are sorted. */
    size_t *ends;
    size_t end_capacity;
    /* `lo` the handles. */
    struct order order;
    size_t count;
    /* Per handle, and one more: has the row the same key and value as the one before? */
    bool *same;
    size_t same_capacity;
    /* One column of each input. */
    const void **columns;
    size_t column_capacity;
    /* Of a merge: its steps, and the numbers of rows: as inputs have them, merged, and
     * room for what comes between. */
    struct merge_tree tree;
    uint64_t *words;
    size_t word_capacity;
};

/* The input that a handle is of. */
static inline const struct rows *
handle_rows(const struct wide_order *wide, uint64_t handle)
{
    return wide->inputs[handle >> 32];
}

void wide_order_release(struct wide_order *wide);
/* Begins anew without handles, and with room for `input_count` inputs of `rows` rows
 * together. */
bool wide_order_begin(struct wide_order *wide, const struct layout *layout,
                      size_t input_count, size_t rows);
/* Adds rows [begin, end) of `rows`, which become an input. There is room. */
void wide_order_add(struct wide_order *wide, const struct rows *rows, size_t begin,
                    size_t end);
/* Sorts. All keys begin with the same `shared` bytes. False without memory. */
bool wide_order_sort(struct wide_order *wide, size_t shared);
/* The same of two inputs at least, the rows of each of which are in order. */
bool wide_order_merge(struct wide_order *wide, size_t shared);
/*
 * Appends the rows in order to `out`, which has room: those of one key and value as
 * history_finish() leaves them, if they are several or `each_row` asks for it; all of
 * them when it says SPINE_OVERFLOW, too.
 */
enum spine_status wide_order_write(struct wide_order *wide,
                                   const struct history_rule *rule, bool each_row,
                                   struct rows *out);

#endif
