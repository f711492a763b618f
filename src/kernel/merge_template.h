/* SPDX-License-Identifier: MIT */

/*
 * Merges sorted runs of rows that are codes, two by two; insertion_template.h comes
 * before.
 *
 * Two runs are merged from the front and from the back at once, without branches that
 * depend on rows: neither waits for the other, and nothing is mispredicted. Of equal rows
 * that of the first run comes first, seen from either end. They are added up at last,
 * when the whole tree is merged.
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
KERNEL_FN(copy_run)(const struct run *from, size_t begin, size_t end, struct rows *to,
                    size_t at)
{
    const size_t bytes = (end - begin) * sizeof(uint64_t);

    memcpy(to->hi + at, from->hi + begin, bytes);
    memcpy(to->weight + at, from->hi + from->stride + begin, bytes);
    if (KERNEL_WORDS == 2)
        memcpy(to->lo + at, from->hi + 2 * from->stride + begin, bytes);
}

/* Row `at` of `to` becomes the row at `from`, whose columns are `stride` words apart. */
INLINE_ALWAYS void
KERNEL_FN(put_row)(const struct rows *to, size_t at, const uint64_t *from, size_t stride)
{
    to->hi[at] = from[0];
    to->weight[at] = (int64_t)from[stride];
    if (KERNEL_WORDS == 2)
        to->lo[at] = from[2 * stride];
}

/*
 * Merges the `steps` least rows of `first` and `second` to the front of `to`, rows
 * [at, end), and the `steps` greatest to its back; the rows between them are left in the
 * runs. No run has less than `steps` rows. `alike`: both have the same stride.
 */
INLINE_ALWAYS void
KERNEL_FN(merge_ends)(struct run *first, struct run *second, bool alike, size_t steps,
                      const struct rows *to, size_t at, size_t end)
{
    const struct rows out = *to;
    const size_t stride_a = first->stride, stride_b = alike ? stride_a : second->stride;
    const uint64_t *a = first->hi, *b = second->hi;
    const uint64_t *last_a = a + first->count - 1, *last_b = b + second->count - 1;

    for (size_t i = 0; i < steps; i++) {
        uint64_t mask = mask_of(CODE_AT(b, stride_b) < CODE_AT(a, stride_a));

        KERNEL_FN(put_row)
        (&out, at + i, select_row(mask, b, a),
         alike ? stride_a : select_word(mask, stride_b, stride_a));
        b -= (ptrdiff_t)mask;
        a += (ptrdiff_t)mask + 1;

        mask = mask_of(CODE_AT(last_b, stride_b) < CODE_AT(last_a, stride_a));
        KERNEL_FN(put_row)
        (&out, end - 1 - i, select_row(mask, last_a, last_b),
         alike ? stride_a : select_word(mask, stride_a, stride_b));
        last_a += (ptrdiff_t)mask;
        last_b -= (ptrdiff_t)mask + 1;
    }
    *first = (struct run){a, stride_a, (size_t)(last_a + 1 - a)};
    *second = (struct run){b, stride_b, (size_t)(last_b + 1 - b)};
}

/* Apart, so that each loop has the registers for itself. */
static __attribute__((noinline)) void
KERNEL_FN(merge_alike)(struct run *first, struct run *second, size_t steps,
                       const struct rows *to, size_t at, size_t end)
{
    KERNEL_FN(merge_ends)(first, second, true, steps, to, at, end);
}

static __attribute__((noinline)) void
KERNEL_FN(merge_unlike)(struct run *first, struct run *second, size_t steps,
                        const struct rows *to, size_t at, size_t end)
{
    KERNEL_FN(merge_ends)(first, second, false, steps, to, at, end);
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

/* Copies `many`, with the rows of `few` put in their places. */
static void
KERNEL_FN(merge_sparse)(const struct run *many, const struct run *few, struct rows *to,
                        size_t at)
{
    size_t done = 0;

    for (size_t i = 0; i < few->count; i++) {
        const size_t count =
            KERNEL_FN(gallop)(many, done, CODE_AT(few->hi + i, few->stride));

        KERNEL_FN(copy_run)(many, done, done + count, to, at);
        done += count;
        at += count;
        KERNEL_FN(copy_run)(few, i, i + 1, to, at++);
    }
    KERNEL_FN(copy_run)(many, done, many->count, to, at);
}

/* The rows of both from row `at` of `to` on. */
static void
KERNEL_FN(merge_pair)(struct run first, struct run second, struct rows *to, size_t at)
{
    size_t end = at + first.count + second.count;

    while (first.count > 0 && second.count > 0) {
        const size_t fewer = first.count < second.count ? first.count : second.count;

        if (fewer * SPARSE_FACTOR < first.count + second.count)
            break;
        if (first.stride == second.stride)
            KERNEL_FN(merge_alike)(&first, &second, fewer, to, at, end);
        else
            KERNEL_FN(merge_unlike)(&first, &second, fewer, to, at, end);
        at += fewer;
        end -= fewer;
    }
    if (first.count > second.count)
        KERNEL_FN(merge_sparse)(&first, &second, to, at);
    else
        KERNEL_FN(merge_sparse)(&second, &first, to, at);
}

/* Merges the runs of the tree: their rows are behind those of `out` then, equal ones side
 * by side. `out` has room for all and `spare` for twice as many. */
static void
KERNEL_FN(merge_runs)(struct merge_tree *tree, struct rows *out, struct rows *spare)
{
    const size_t root = 2 * tree->leaf_count - 2;

    for (size_t n = tree->leaf_count; n <= root; n++) {
        struct merge_node *node = &tree->nodes[n];
        const struct run first = tree->nodes[node->left].run;
        const struct run second = tree->nodes[node->right].run;

        if (n < root)
            KERNEL_FN(merge_pair)(first, second, spare, node->begin);
        else
            KERNEL_FN(merge_pair)(first, second, out, out->count);
        node->run = run_of(spare, node->begin, node->run.count);
    }
    out->count += tree->nodes[root].run.count;
}

/* The first row from `begin` on that equals the one after it; the last row if none. */
static size_t
KERNEL_FN(find_equal)(const struct rows *rows, size_t begin)
{
    const size_t last = rows->count - 1;

    for (size_t piece = begin, end; piece < last; piece = end) {
        size_t equal = 0;

        end = last - piece > EQUAL_PIECE ? piece + EQUAL_PIECE : last;
        for (size_t i = piece; i < end; i++)
            equal += CODE_OF(rows, i) == CODE_OF(rows, i + 1);
        if (equal == 0)
            continue;
        while (CODE_OF(rows, piece) != CODE_OF(rows, piece + 1))
            piece++;
        return piece;
    }
    return last;
}

static inline void
KERNEL_FN(put)(struct rows *rows, size_t at, KERNEL_CODE code, int64_t weight)
{
#if KERNEL_WORDS == 2
    rows->hi[at] = (uint64_t)(code >> 64);
    rows->lo[at] = (uint64_t)code;
#else
    rows->hi[at] = code;
#endif
    rows->weight[at] = weight;
}

/* Adds up equal rows among the sorted ones from `begin` on, and drops zeros. Without
 * branches that depend on rows. */
static enum spine_status
KERNEL_FN(add_up)(struct rows *rows, size_t begin)
{
    if (rows->count - begin < 2)
        return SPINE_OK;
    size_t kept = KERNEL_FN(find_equal)(rows, begin), at = kept + 1;
    KERNEL_CODE code = CODE_OF(rows, kept);
    int64_t sum = rows->weight[kept];
    bool overflow = false;

    if (at == rows->count)
        return SPINE_OK;
    for (; at < rows->count; at++) {
        const KERNEL_CODE next = CODE_OF(rows, at);
        const bool differs = next != code;

        KERNEL_FN(put)(rows, kept, code, sum);
        kept += differs & (sum != 0);
        overflow |= __builtin_add_overflow(differs ? 0 : sum, rows->weight[at], &sum);
        code = next;
    }
    KERNEL_FN(put)(rows, kept, code, sum);
    rows->count = kept + (sum != 0);
    return overflow ? SPINE_OVERFLOW : SPINE_OK;
}
