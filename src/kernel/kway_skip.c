/* SPDX-License-Identifier: MIT */

/*
 * Passing over rows that cancel. What was popped off a queue, or has left a window, lies
 * in one batch, and its retractions lie in another one: two inputs begin with the same
 * codes and opposite weights, for thousands of rows. Such rows are compared eight at a
 * time, which is several times quicker than to merge them and to drop the sums.
 *
 *     a    1 2 3 4 5 9       all of weight 1
 *     b    1 2 3 4           all of weight -1
 *     c    4 8               a third input ends the stretch: 1, 2 and 3 are passed
 */

#include "kernel/kway_work.h"

#include "base/assert.h"
#include "rows/row_order.h"

/* Rows that are compared at once. */
#define STEP 8u

/* The inputs with the two least codes, and the first of all others, if there are more. */
struct front {
    struct kway_input *input[3];
};

/* One column of codes stands for both where a code is one word. */
static inline const uint64_t *
lo_of(const struct rows *rows)
{
    return rows->lo != NULL ? rows->lo : rows->hi;
}

static inline bool
row_is_before(const struct rows *a, size_t at_a, const struct rows *b, size_t at_b)
{
    return a->hi[at_a] != b->hi[at_b] ? a->hi[at_a] < b->hi[at_b]
                                      : lo_of(a)[at_a] < lo_of(b)[at_b];
}

/* Puts `input` in its place among the three least. */
static void
front_add(struct front *front, struct kway_input *input)
{
    for (unsigned i = 0; i < 3 && input != NULL; i++) {
        struct kway_input *other = front->input[i];

        if (other == NULL ||
            row_is_before(&input->rows, input->at, &other->rows, other->at)) {
            front->input[i] = input;
            input = other;
        }
    }
}

static enum spine_status
front_find(struct kway *kway, size_t want, struct front *front)
{
    *front = (struct front){{NULL}};
    for (size_t i = 0; i < kway->input_count; i++) {
        struct kway_input *input = &kway->inputs[i];

        TRY_RETURN(kway_stage(kway, input, want));
        if (kway_is_staged(input))
            front_add(front, input);
    }
    return SPINE_OK;
}

/* Weights are not zero, so they cancel iff their signs differ and the sum is zero; two
 * least ones have a sum of zero, too, in 64 bits. */
static inline uint64_t
differ(const struct rows *a, size_t at_a, const struct rows *b, size_t at_b)
{
    const uint64_t left = (uint64_t)a->weight[at_a], right = (uint64_t)b->weight[at_b];

    return (a->hi[at_a] ^ b->hi[at_b]) | (lo_of(a)[at_a] ^ lo_of(b)[at_b]) |
           (left + right) | (~(left ^ right) >> 63);
}

/* How many of the first `count` rows of both cancel one another, without a gap. */
static size_t
count_pairs(const struct kway_input *a, const struct kway_input *b, size_t count)
{
    size_t done = 0;

    while (done + STEP <= count) {
        uint64_t any = 0;

        for (size_t i = done; i < done + STEP; i++)
            any |= differ(&a->rows, a->at + i, &b->rows, b->at + i);
        if (any != 0)
            break;
        done += STEP;
    }
    while (done < count && differ(&a->rows, a->at + done, &b->rows, b->at + done) == 0)
        done++;
    return done;
}

/* How many of the first `count` rows of `input` are before the next one of `other`. */
static size_t
count_before(const struct kway_input *input, const struct kway_input *other, size_t count)
{
    size_t begin = 0;

    while (count > 0) {
        const size_t half = count / 2;

        if (row_is_before(&input->rows, input->at + begin + half, &other->rows,
                          other->at)) {
            begin += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return begin;
}

static inline size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void
input_take(struct kway_input *input, size_t count)
{
    input->at += count;
    input->rows_left -= count < input->rows_left ? count : input->rows_left;
}

enum spine_status
kway_skip(struct kway *kway, size_t want, uint64_t *rows_used)
{
    struct front front;
    size_t count;

    assert(kway->layout->row_kind != ROW_WIDE);
    if (kway->work != NULL)
        kway->work->heap_kept = false;
    do {
        struct kway_input *a, *b;

        TRY_RETURN(front_find(kway, want, &front));
        a = front.input[0];
        b = front.input[1];
        if (b == NULL)
            break;
        count = smaller(a->rows.count - a->at, b->rows.count - b->at);
        if (front.input[2] != NULL)
            count = count_before(a, front.input[2], count);
        count = count_pairs(a, b, count);
        input_take(a, count);
        input_take(b, count);
        *rows_used += 2 * count;
    } while (count > 0);
    return SPINE_OK;
}
