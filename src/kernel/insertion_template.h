/* SPDX-License-Identifier: MIT */

/*
 * Orders rows that are nearly sorted codes, and adds up equal ones. The includer defines
 *
 *     KERNEL_FN(verb)   the name of a function of this instance
 *     KERNEL_WORDS      1: the code is hi; 2: it is hi, lo
 *
 * A row moves by as many places as it is out of order; bucket_template.h keeps that few.
 *
 * Equal codes are added up in four places, each where its method meets them: here as a
 * row comes to its place, in merge_template.h when all runs are merged, in
 * heap_template.h as rows leave the heap, and by add_widely() where a sum left 64 bits on
 * the way. The pass of merge_template.h could serve here, too; then sorting 10,000 rows
 * some of which are equal takes 8 to 16 % more instructions.
 */

#if KERNEL_WORDS == 1
#define CODE_BEFORE(a_hi, a_lo, b_hi, b_lo) ((a_hi) < (b_hi))
#define LO_OF(segment, at) 0
#else
#define CODE_BEFORE(a_hi, a_lo, b_hi, b_lo)                                              \
    (((a_hi) < (b_hi)) | (((a_hi) == (b_hi)) & ((a_lo) < (b_lo))))
#define LO_OF(segment, at) (segment)->lo[at]
#endif

/* Rows [begin, kept) are sorted: row `at` joins them, or is added to its equal. */
static __attribute__((noinline)) void
KERNEL_FN(insert)(struct lent_rows *rows, size_t begin, size_t *kept, size_t at,
                  unsigned *left)
{
    uint64_t *hi = rows->hi, *lo = rows->lo;
    const uint64_t row_hi = hi[at], row_lo = KERNEL_WORDS == 2 ? lo[at] : 0;
    const int64_t row_weight = rows->weight[at];
    size_t hole = *kept;

    while (hole > begin && CODE_BEFORE(row_hi, row_lo, hi[hole - 1], lo[hole - 1]))
        hole--;
    if (hole > begin && hi[hole - 1] == row_hi &&
        (KERNEL_WORDS == 1 || lo[hole - 1] == row_lo)) {
        int64_t sum;

        if (!__builtin_add_overflow(rows->weight[hole - 1], row_weight, &sum)) {
            rows->weight[hole - 1] = sum;
            *left |= sum == 0 ? LEFT_ZEROS : 0;
            return;
        }
        *left |= LEFT_EQUALS;
    }
    for (size_t i = (*kept)++; i > hole; i--) {
        hi[i] = hi[i - 1];
        if (KERNEL_WORDS == 2)
            lo[i] = lo[i - 1];
        rows->weight[i] = rows->weight[i - 1];
    }
    hi[hole] = row_hi;
    if (KERNEL_WORDS == 2)
        lo[hole] = row_lo;
    rows->weight[hole] = row_weight;
}

static inline void
KERNEL_FN(move_row)(struct lent_rows *rows, size_t to, size_t from, int64_t weight)
{
    rows->hi[to] = rows->hi[from];
    if (KERNEL_WORDS == 2)
        rows->lo[to] = rows->lo[from];
    rows->weight[to] = weight;
}

/* Adds up equal rows among the sorted ones from `begin` on, whatever their sums are on
 * the way, and drops zeros. Those whose sum is not in int64_t at last stay as they are:
 * SPINE_OVERFLOW. */
static __attribute__((noinline, cold)) enum spine_status
KERNEL_FN(add_widely)(struct lent_rows *rows, size_t begin)
{
    const uint64_t *hi = rows->hi, *lo = rows->lo;
    enum spine_status st = SPINE_OK;
    size_t kept = begin;

    (void)lo;
    for (size_t at = begin, end; at < rows->count; at = end) {
        wide_sum sum = 0;

        for (end = at; end < rows->count && hi[end] == hi[at] &&
                       (KERNEL_WORDS == 1 || lo[end] == lo[at]);
             end++)
            sum += rows->weight[end];
        if (wide_sum_fits(sum)) {
            KERNEL_FN(move_row)(rows, kept, at, (int64_t)sum);
            kept += sum != 0;
            continue;
        }
        st = SPINE_OVERFLOW;
        for (size_t i = at; i < end; i++)
            KERNEL_FN(move_row)(rows, kept++, i, rows->weight[i]);
    }
    rows->count = kept;
    return st;
}

/* Drops rows from `begin` on that weigh nothing. */
static void
KERNEL_FN(drop_zeros)(struct lent_rows *rows, size_t begin)
{
    size_t kept = begin;

    for (size_t i = begin; i < rows->count; i++) {
        rows->hi[kept] = rows->hi[i];
        if (KERNEL_WORDS == 2)
            rows->lo[kept] = rows->lo[i];
        rows->weight[kept] = rows->weight[i];
        kept += rows->weight[i] != 0;
    }
    rows->count = kept;
}

/* The insertion pass over the rows from `begin` on. */
static enum spine_status
KERNEL_FN(finish)(struct lent_rows *rows, size_t begin, bool zeros)
{
    uint64_t *hi = rows->hi, *lo = rows->lo;
    const size_t end = rows->count;
    unsigned left = zeros ? LEFT_ZEROS : 0;
    size_t at = begin + 1, kept = at;

    (void)lo;
    /* Without equal rows each is in its place. */
    for (; at < end && kept == at; at++) {
        if (CODE_BEFORE(hi[at - 1], lo[at - 1], hi[at], lo[at]))
            kept++;
        else
            KERNEL_FN(insert)(rows, begin, &kept, at, &left);
    }
    for (; at < end; at++) {
        if (!CODE_BEFORE(hi[kept - 1], lo[kept - 1], hi[at], lo[at])) {
            KERNEL_FN(insert)(rows, begin, &kept, at, &left);
            continue;
        }
        hi[kept] = hi[at];
        if (KERNEL_WORDS == 2)
            lo[kept] = lo[at];
        rows->weight[kept++] = rows->weight[at];
    }
    rows->count = kept < end ? kept : end;
    if (left & LEFT_EQUALS)
        return KERNEL_FN(add_widely)(rows, begin);
    if (left & LEFT_ZEROS)
        KERNEL_FN(drop_zeros)(rows, begin);
    return SPINE_OK;
}
