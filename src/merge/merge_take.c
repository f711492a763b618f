/* SPDX-License-Identifier: MIT */

/* What a merge need not merge: blocks, or the rest of one, that lie before the first row
 * of every other input go to the output as they are. */

#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "merge/merge_state.h"

/* Rows that are staged of each of many inputs to open it. */
#define OPEN_ROWS 8u
/* Inputs whose first blocks are read at the same time. */
#define OPEN_TOGETHER 64u
/* Rows of a block that are read, and not merged, for the fuel of one. */
#define ROWS_READ_PER_FUEL 4u

static void bring_next(struct merge *merge);
static enum spine_status find_front(struct merge *merge, struct merge_input **front,
                                    struct row_code *bound, bool *bounded);
static enum spine_status take_front(struct merge *merge, struct merge_input *front,
                                    const struct row_code *bound, uint64_t *fuel_used);
static bool may_share(const struct merge *merge, const struct merge_input *front,
                      const struct row_code *bound);
static enum spine_status judge_block(struct merge *merge, struct merge_input *front,
                                     const struct row_code *bound, uint64_t *fuel_used);
static enum spine_status keep_alike(struct merge *merge, size_t count);
static bool is_judged(const struct merge *merge, const struct merge_input *front,
                      const struct row_code *bound);
static enum spine_status share_block(struct merge *merge, struct merge_input *front);

uint64_t
merge_pass_fuel(const struct merge *merge)
{
    return merge->input_count > MERGE_FEW_INPUTS ? merge->input_count : 0;
}

enum spine_status
merge_open_inputs(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used)
{
    if (merge->input_count <= MERGE_FEW_INPUTS)
        return SPINE_OK;
    while (merge->opened < merge->input_count && *fuel_used < fuel_rows) {
        struct merge_input *input = &merge->inputs[merge->opened];

        if (input->staged->more && !merge_input_block_is_large(input)) {
            const enum spine_status st = merge_input_refill(input->staged, OPEN_ROWS);

            if (st == SPINE_BUSY)
                bring_next(merge);
            if (st != SPINE_OK)
                return st;
        }
        merge->opened++;
        ++*fuel_used;
    }
    return SPINE_OK;
}

/* Has the first blocks of the inputs that are opened next read, too. What cannot be read
 * is asked for again. */
static void
bring_next(struct merge *merge)
{
    const size_t left = merge->input_count - merge->opened;
    const size_t end = merge->opened + (left < OPEN_TOGETHER ? left : OPEN_TOGETHER);

    for (size_t i = merge->opened; i < end; i++)
        if (merge->inputs[i].reader.ahead != NULL)
            (void)read_ahead_bring(&merge->inputs[i].ahead, merge->inputs[i].batch,
                                   merge->inputs[i].reader.block, NULL);
}

enum spine_status
merge_take_over(struct merge *merge, uint64_t fuel_rows, uint64_t *fuel_used)
{
    const uint64_t rows_at_first = merge->rows_in;
    struct merge_input *front;
    struct row_code bound;
    bool bounded;
    uint64_t rows_before;

    /* Rows whose times move must be read, unless nothing comes of it. */
    if ((merge->kway.advance_times && !merge->may_keep_times) ||
        kway_holds(&merge->kway) || merge->rows_in < merge->look_rows_in)
        return SPINE_OK;
    merge->kway.untouched = false;
    *fuel_used += merge_pass_fuel(merge);
    TRY_RETURN(find_front(merge, &front, &bound, &bounded));
    do {
        rows_before = merge->rows_in;
        TRY_RETURN(take_front(merge, front, bounded ? &bound : NULL, fuel_used));
    } while (merge->rows_in > rows_before && merge->fresh.count == 0 &&
             *fuel_used < fuel_rows && front->staged->rows_left > 0 &&
             !output_awaits(&merge->output));
    if (merge->rows_in - rows_at_first < merge_pass_fuel(merge) / 8)
        merge->look_rows_in = merge->rows_in + merge->input_count;
    return SPINE_OK;
}

/* The input with the least next row, and the least next row of the others, if any. */
static enum spine_status
find_front(struct merge *merge, struct merge_input **front, struct row_code *bound,
           bool *bounded)
{
    struct row_code least = {0};

    *front = NULL;
    *bounded = false;
    for (size_t i = 0; i < merge->input_count; i++) {
        struct merge_input *input = &merge->inputs[i];
        struct row_code next;

        merge_input_update(input);
        if (input->staged->rows_left == 0)
            continue;
        TRY_RETURN(merge_input_peek(input, &next));
        if (*front == NULL) {
            *front = input;
            least = next;
        } else if (row_code_compare(&merge->layout, &next, &least) < 0) {
            *bound = least;
            *bounded = true;
            *front = input;
            least = next;
        } else if (!*bounded || row_code_compare(&merge->layout, &next, bound) < 0) {
            *bound = next;
            *bounded = true;
        }
    }
    assert(*front != NULL);
    return SPINE_OK;
}

/* Takes one piece of `front` below `bound`, if there is one: a block by reference, or
 * rows. */
static enum spine_status
take_front(struct merge *merge, struct merge_input *front, const struct row_code *bound,
           uint64_t *fuel_used)
{
    const struct retain *retain = merge->retain;

    if (merge->kway.advance_times && !merge_input_has_single_times(front))
        return SPINE_OK;
    if (may_share(merge, front, bound) && is_judged(merge, front, bound)) {
        *fuel_used += 1;
        return share_block(merge, front);
    }
    if (retain != NULL && !retain_by_group(retain) &&
        merge_input_blocks_below(front, bound, 1) == 1)
        return judge_block(merge, front, bound, fuel_used);

    struct rows *to = merge_window_rows(merge);
    const size_t before = to->count;

    TRY_RETURN(merge_input_copy_below(front, bound, to));
    if (PLANTED(ROW_DROPPED) && to->count > before + 1)
        to->count--;
    *fuel_used += to->count - before;
    merge->rows_in += to->count - before;
    merge->last_taken = NULL;
    return output_flush(&merge->output, false);
}

/* Would the next block of `front`, if it needs no merging, be one of the output? A block
 * taken over ends the block before it, which should not be a small one. */
static bool
may_share(const struct merge *merge, const struct merge_input *front,
          const struct row_code *bound)
{
    const size_t pending = merge->output.pending.count;
    const size_t blocks_min =
        pending == 0 || pending >= BLOCK_ROWS / 2 ? 1 : SHARE_BLOCKS_MIN;

    return merge_input_blocks_below(front, bound, blocks_min) == blocks_min &&
           merge_input_block_is_large(front) &&
           !reader_block_is_stranded(&front->reader, merge->stranded_blocks) &&
           !output_encodes_block(&merge->output, &front->reader);
}

/*
 * Asks the filters about the rows of the next block of `front`, which needs no merging,
 * as long as they say the same of all: a block that is kept or rejected as a whole is
 * taken over, or goes, as a whole. From the first other answer on rows are judged as
 * those of any window.
 */
static enum spine_status
judge_block(struct merge *merge, struct merge_input *front, const struct row_code *bound,
            uint64_t *fuel_used)
{
    struct rows *rows = &merge->fresh;
    struct retain_fuel fuel = {0};
    size_t alike;
    bool keeps;

    assert(merge->retain != NULL);
    assert(!retain_by_group(merge->retain));
    assert(rows->count == 0);
    TRY_RETURN(reader_peek(&front->reader, rows, BLOCK_ROWS));
    alike = retain_alike(merge->retain, rows, &keeps, &fuel);
    *fuel_used += fuel.used + rows->count / ROWS_READ_PER_FUEL;
    if (keeps && alike == rows->count && may_share(merge, front, bound)) {
        rows->count = 0;
        TRY_RETURN(share_block(merge, front));
        output_mark_judged(&merge->output);
        return SPINE_OK;
    }
    if (keeps || alike < rows->count)
        *fuel_used += rows->count;
    TRY_RETURN(keep_alike(merge, keeps ? alike : 0));
    reader_pass_block(&front->reader);
    merge_input_update(front);
    merge->last_taken = NULL;
    merge->rows_in += rows->count;
    merge->fresh_at = alike;
    if (alike == rows->count)
        rows->count = merge->fresh_at = 0;
    return output_flush(&merge->output, false);
}

/* Appends the first `count` rows that were merged to the output. */
static enum spine_status
keep_alike(struct merge *merge, size_t count)
{
    struct rows *pending = &merge->output.pending;

    assert(count <= merge->fresh.count);
    if (!rows_reserve(&merge->layout, pending, pending->count + count))
        return SPINE_NOMEM;
    rows_append(&merge->layout, pending, &merge->fresh, 0, count);
    return SPINE_OK;
}

/*
 * Is it known that the filters keep all of the next block of `front`? When they judge
 * groups, no other input may have one of its keys: neither the last one, further on, nor
 * the first one, before, unless that went on from the block before, taken over, too.
 */
static bool
is_judged(const struct merge *merge, const struct merge_input *front,
          const struct row_code *bound)
{
    const struct retain *retain = merge->retain;
    const struct reader *reader = &front->reader;
    struct judged_by filters;
    uint8_t scratch[16];

    if (retain == NULL)
        return true;
    filters = retain_judged_by(retain);
    if (!reader_block_is_judged(reader, &filters))
        return false;
    if (!retain_by_group(retain))
        return true;
    if (merge_input_block_ends_with(front, bound))
        return false;
    if (reader_block_goes_on(reader) && merge->last_taken == front)
        return true;
    return !retain_judges_key(retain,
                              batch_block_key(front->batch, reader->block, scratch));
}

static enum spine_status
share_block(struct merge *merge, struct merge_input *front)
{
    const uint32_t rows = reader_block_rows(&front->reader);

    TRY_RETURN(output_share_block(&merge->output, &front->reader));
    merge->last_taken = front;
    merge_input_update(front);
    merge->rows_in += rows;
    merge->rows_shared += rows;
    merge->blocks_shared++;
    merge->window_rows = merge_window_min(merge);
    return SPINE_OK;
}
