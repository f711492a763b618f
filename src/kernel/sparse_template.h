/* SPDX-License-Identifier: MIT */

/*
 * Merges a sorted run of many rows that are codes with a run of few, whose rows are put
 * between the many; insertion_template.h comes before. Whether the runs have equal rows
 * is found on the way.
 */

#if KERNEL_WORDS == 1
typedef uint64_t one_code;
#define KERNEL_CODE one_code
#define CODE_OF(rows, at) ((rows)->hi[at])
#define CODE_AT(hi, stride) ((void)(stride), *(hi))
#else
__extension__ typedef unsigned __int128 two_code;
#define KERNEL_CODE two_code
#define CODE_OF(rows, at) ((two_code)(rows)->hi[at] << 64 | (rows)->lo[at])
/* The columns of a row at `hi` are `stride` words apart. */
#define CODE_AT(hi, stride) ((two_code)(hi)[0] << 64 | (hi)[2 * (stride)])
#endif

/* Copies rows [begin, end) of `from` to row `at` of `to`. */
static void
KERNEL_FN(copy_run)(const struct run *from, size_t begin, size_t end,
                    struct lent_rows *to, size_t at)
{
    const size_t bytes = (end - begin) * sizeof(uint64_t);

    memcpy(to->hi + at, from->hi + begin, bytes);
    memcpy(to->weight + at, from->hi + from->stride + begin, bytes);
    if (KERNEL_WORDS == 2)
        memcpy(to->lo + at, from->hi + 2 * from->stride + begin, bytes);
}

/* Row `at` of `to` becomes the row at `from`, whose columns are `stride` words apart. */
INLINE_ALWAYS void
KERNEL_FN(put_row)(const struct lent_rows *to, size_t at, const uint64_t *from,
                   size_t stride)
{
    to->hi[at] = from[0];
    to->weight[at] = (int64_t)from[stride];
    if (KERNEL_WORDS == 2)
        to->lo[at] = from[2 * stride];
}

/* How many rows of `run` from `at` on are not after `code`. */
static size_t
KERNEL_FN(gallop)(const struct run *run, size_t at, KERNEL_CODE code)
{
    const size_t left = run->count - at;
    size_t bound = 8;

    while (bound < left && CODE_AT(run->hi + at + bound, run->stride) <= code)
        bound *= 2;
    size_t base = at + (bound > 8 ? bound / 2 : 0);
    size_t count = (bound < left ? at + bound : run->count) - base;

    while (count > 0) {
        const size_t half = (count + 1) / 2;

        base += CODE_AT(run->hi + base + half - 1, run->stride) <= code ? half : 0;
        count -= half;
    }
    return base - at;
}

/* Copies `many`, with the rows of `few` put in their places. Returns whether two rows are
 * equal. */
static bool
KERNEL_FN(merge_sparse)(const struct run *many, const struct run *few,
                        struct lent_rows *to, size_t at)
{
    bool equal = false;
    size_t done = 0;

    for (size_t i = 0; i < few->count; i++) {
        const KERNEL_CODE code = CODE_AT(few->hi + i, few->stride);
        const size_t count = KERNEL_FN(gallop)(many, done, code);

        KERNEL_FN(copy_run)(many, done, done + count, to, at);
        done += count;
        at += count;
        equal |= done > 0 && CODE_AT(many->hi + done - 1, many->stride) == code;
        KERNEL_FN(copy_run)(few, i, i + 1, to, at++);
    }
    KERNEL_FN(copy_run)(many, done, many->count, to, at);
    return equal;
}

INLINE_ALWAYS void
KERNEL_FN(copy_piece)(const struct run *from, const struct lent_rows *to, size_t at)
{
    const size_t bytes = PIECE_ROWS * sizeof(uint64_t);

    memcpy(to->hi + at, from->hi, bytes);
    memcpy(to->weight + at, from->hi + from->stride, bytes);
    if (KERNEL_WORDS == 2)
        memcpy(to->lo + at, from->hi + 2 * from->stride, bytes);
}

/* How many of the PIECE_ROWS first rows of `run`, which are more, are before `code`.
 * Mostly the first words tell. */
INLINE_ALWAYS size_t
KERNEL_FN(piece_before)(const struct run *run, KERNEL_CODE code)
{
    const uint64_t *at = run->hi, hi = (uint64_t)(code >> (64 * (KERNEL_WORDS - 1)));
    size_t count = 0;

    static_assert(PIECE_ROWS == 8, "as many as are spelt out, for compilers' sake");
    count += at[0] < hi;
    count += at[1] < hi;
    count += at[2] < hi;
    count += at[3] < hi;
    count += at[4] < hi;
    count += at[5] < hi;
    count += at[6] < hi;
    count += at[7] < hi;
    if (KERNEL_WORDS == 1 || at[count] != hi)
        return count;
    count = 0;
    for (size_t i = 0; i < PIECE_ROWS; i++)
        count += CODE_AT(at + i, run->stride) < code;
    return count;
}

/*
 * The same where `many` has several rows for each of `few`: a piece of it is copied
 * whole, and what is behind the next row of `few` is written over. Goes on as long as
 * `many` has more than a piece, and leaves the rest in the runs, for row `*at` on.
 */
static __attribute__((noinline)) bool
KERNEL_FN(merge_pieces)(struct run *many, struct run *few, const struct lent_rows *to,
                        size_t *at)
{
    struct run from = *many, put = *few;
    const struct lent_rows out = *to;
    bool equal = false;
    size_t row = *at;

    while (put.count > 0 && from.count > PIECE_ROWS) {
        const KERNEL_CODE code = CODE_AT(put.hi, put.stride);
        const size_t count = KERNEL_FN(piece_before)(&from, code);

        KERNEL_FN(copy_piece)(&from, &out, row);
        from.hi += count;
        from.count -= count;
        row += count;
        if (count == PIECE_ROWS)
            continue;
        equal |= CODE_AT(from.hi, from.stride) == code;
        KERNEL_FN(put_row)(&out, row++, put.hi, put.stride);
        put.hi++;
        put.count--;
    }
    *many = from;
    *few = put;
    *at = row;
    return equal;
}
