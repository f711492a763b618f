/* SPDX-License-Identifier: MIT */

/*
 * Windows of the inputs of a merge; insertion_template.h comes before.
 *
 * A *window* is all rows of all inputs up to a code, the *bound*. Inputs get shares of
 * the wanted rows by how many they have left; a row that ends an input's share, or its
 * staged rows while more can come, limits the bound. So everything up to the bound is
 * staged, and equal rows are in one window.
 *
 *     want 6, shares 2 2 2      a: 1 5 9     b: 4 6 7     c: 20 21 22
 *     limits 5, 6, 21           bound 5, window 1 4 5
 *
 * Inputs that begin after the bound only make it small. When these inputs have most of
 * the rows, the others share the window among themselves, up to where the first of these
 * inputs begins.
 *
 *     c begins at 20            shares 3 3, limits 9, 7, 19: window 1 4 5 6 7
 *
 * After a window that had few rows, shares are even (kway_adapt()).
 *
 * A window of one input needs no sorting.
 */

/* Two words, which stay in registers while rows are compared; not the struct bound of
 * rows/bound.h, which has cells. */
struct KERNEL_FN(bound) {
    uint64_t hi;
    uint64_t lo;
};

static inline bool
KERNEL_FN(head_within)(const struct window_input *open,
                       const struct KERNEL_FN(bound) * bound)
{
    return !CODE_BEFORE(bound->hi, bound->lo, open->head_hi, open->head_lo);
}

static inline void
KERNEL_FN(limit)(struct KERNEL_FN(bound) * bound, uint64_t hi, uint64_t lo)
{
    if (CODE_BEFORE(hi, lo, bound->hi, bound->lo))
        *bound = (struct KERNEL_FN(bound)){hi, lo};
}

/* Shares `want` rows out among the open inputs, stages them, and limits the bound. */
static enum spine_status
KERNEL_FN(window_share)(struct kway *kway, size_t want, uint64_t left,
                        struct KERNEL_FN(bound) * bound)
{
    const double part = (double)want / (double)left;
    struct kway_work *work = kway->work;
    /* What the other inputs leave of it, whatever the owners' estimates. */
    size_t room = want + 1;

    for (size_t i = 0; i < work->open_count; i++) {
        struct window_input *open = &work->open[i];
        struct kway_input *input = open->input;
        size_t share = kway_share(work, input, want, part) + 1;
        size_t staged = input->rows.count - input->at;

        if (share > room)
            share = room;

        while (staged < share && input->more) {
            TRY_RETURN(kway->on_refill(input, share - staged + share / 4));
            staged = input->rows.count - input->at;
        }
        if (share > staged)
            share = staged;
        open->share = share;
        room -= share - 1;
        if (staged > share || input->more) {
            const size_t last = input->at + share - 1;

            KERNEL_FN(limit)(bound, input->rows.hi[last], LO_OF(&input->rows, last));
        }
    }
    return SPINE_OK;
}

/* Closes the inputs that begin after `bound`, lowering `ceiling` to before their first
 * rows; returns the rows that the open ones have left. */
static uint64_t
KERNEL_FN(window_close)(struct kway_work *work, const struct KERNEL_FN(bound) * bound,
                        struct KERNEL_FN(bound) * ceiling)
{
    uint64_t left = 0;
    size_t kept = 0;

    for (size_t i = 0; i < work->open_count; i++) {
        const struct window_input open = work->open[i];

        if (KERNEL_FN(head_within)(&open, bound)) {
            work->open[kept++] = open;
            left += kway_left(open.input);
        } else {
#if KERNEL_WORDS == 2
            KERNEL_FN(limit)
            (ceiling, open.head_hi - (open.head_lo == 0), open.head_lo - 1);
#else
            KERNEL_FN(limit)(ceiling, open.head_hi - 1, 0);
#endif
        }
    }
    work->open_count = kept;
    return left;
}

/* The bound of the next window of about `want` rows; its inputs are those left open. */
static enum spine_status
KERNEL_FN(window_plan)(struct kway *kway, size_t want, struct KERNEL_FN(bound) * bound)
{
    struct KERNEL_FN(bound) ceiling = {UINT64_MAX, UINT64_MAX};
    uint64_t left;

    assert(want > 0);
    TRY_RETURN(kway_open(kway, kway_piece(kway, want), &left));
    for (unsigned round = 0; kway->work->open_count > 0; round++) {
        *bound = ceiling;
        TRY_RETURN(KERNEL_FN(window_share)(kway, want, left, bound));
        const uint64_t left_open = KERNEL_FN(window_close)(kway->work, bound, &ceiling);

        if (!kway_may_narrow(left_open, left, round))
            break;
        left = left_open;
    }
    return SPINE_OK;
}

/* How many of the first `count` rows of `input` are not after `bound`; the first is not.
 * Without branches. */
static size_t
KERNEL_FN(rows_within)(const struct kway_input *input, size_t count,
                       const struct KERNEL_FN(bound) * bound)
{
    const struct rows *rows = &input->rows;
    size_t base = input->at;

    while (count > 1) {
        const size_t half = count / 2, middle = base + half;

        base = CODE_BEFORE(bound->hi, bound->lo, rows->hi[middle], LO_OF(rows, middle))
                   ? base
                   : middle;
        count -= half;
    }
    return base + 1 - input->at;
}

/* Makes segments of the window's rows, which are the shares now; returns how many rows
 * they have. */
static size_t
KERNEL_FN(window_measure)(struct kway_work *work, const struct KERNEL_FN(bound) * bound)
{
    size_t total = 0;

    for (size_t i = 0; i < work->open_count; i++) {
        const struct kway_input *input = work->open[i].input;
        const size_t count = KERNEL_FN(rows_within)(input, work->open[i].share, bound);

        work->bucket.segments[i] = (struct segment){
            .hi = input->rows.hi + input->at,
            .lo = KERNEL_WORDS == 2 ? input->rows.lo + input->at : NULL,
            .weight = input->rows.weight + input->at,
            .count = count,
        };
        work->open[i].share = count;
        total += count;
    }
    work->bucket.segment_count = work->open_count;
    return total;
}
