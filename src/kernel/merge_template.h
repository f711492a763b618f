/* SPDX-License-Identifier: MIT */

/*
 * Merges sorted runs of rows that are codes, two by two; insertion_template.h and
 * sparse_template.h come before.
 *
 * Two runs are merged from the front and from the back at once, without branches that
 * depend on rows: neither waits for the other, and nothing is mispredicted. Of two equal
 * rows the one of the first run comes first, seen from either end. Equal rows are added
 * up at last, when the whole tree is merged.
 */

/*
 * Merges the `steps` least rows of `first` and `second` to the front of `to`, rows
 * [at, end), and the `steps` greatest to its back; the rows between them are left in the
 * runs. No run has less than `steps` rows. `alike`: both have the same stride.
 */
INLINE_ALWAYS void
KERNEL_FN(merge_ends)(struct run *first, struct run *second, bool alike, size_t steps,
                      const struct lent_rows *to, size_t at, size_t end)
{
    const struct lent_rows out = *to;
    const size_t stride_a = first->stride, stride_b = alike ? stride_a : second->stride;
    const uint64_t *a = first->hi, *b = second->hi;
    /* Addresses and not pointers: after the last step one may lie before its run. */
    const size_t word = sizeof *a;
    uintptr_t last_a = (uintptr_t)(a + first->count - 1);
    uintptr_t last_b = (uintptr_t)(b + second->count - 1);

    for (size_t i = 0; i < steps; i++) {
        uint64_t mask = mask_of(CODE_AT(b, stride_b) < CODE_AT(a, stride_a));

        KERNEL_FN(put_row)
        (&out, at + i, select_row(mask, b, a),
         alike ? stride_a : select_word(mask, stride_b, stride_a));
        b -= (ptrdiff_t)mask;
        a += (ptrdiff_t)mask + 1;

        mask = mask_of(CODE_AT((const uint64_t *)last_b, stride_b) <
                       CODE_AT((const uint64_t *)last_a, stride_a));
        KERNEL_FN(put_row)
        (&out, end - 1 - i, (const uint64_t *)select_word(mask, last_a, last_b),
         alike ? stride_a : select_word(mask, stride_a, stride_b));
        last_a += word * mask;
        last_b -= word * (mask + 1);
    }
    *first = (struct run){a, stride_a, (last_a + word - (uintptr_t)a) / word};
    *second = (struct run){b, stride_b, (last_b + word - (uintptr_t)b) / word};
}

/* Apart, so that each loop has the registers for itself. */
static __attribute__((noinline)) void
KERNEL_FN(merge_alike)(struct run *first, struct run *second, size_t steps,
                       const struct lent_rows *to, size_t at, size_t end)
{
    KERNEL_FN(merge_ends)(first, second, true, steps, to, at, end);
}

static __attribute__((noinline)) void
KERNEL_FN(merge_unlike)(struct run *first, struct run *second, size_t steps,
                        const struct lent_rows *to, size_t at, size_t end)
{
    KERNEL_FN(merge_ends)(first, second, false, steps, to, at, end);
}

/* The rows of both from row `at` of `to` on. Returns whether two may be equal. */
static bool
KERNEL_FN(merge_pair)(struct run first, struct run second, struct lent_rows *to,
                      size_t at)
{
    size_t end = at + first.count + second.count;
    bool equal = false;

    while (first.count > 0 && second.count > 0) {
        const size_t fewer = first.count < second.count ? first.count : second.count;

        if (fewer * PIECES_FACTOR < first.count + second.count)
            break;
        equal = true;
        if (first.stride == second.stride)
            KERNEL_FN(merge_alike)(&first, &second, fewer, to, at, end);
        else
            KERNEL_FN(merge_unlike)(&first, &second, fewer, to, at, end);
        at += fewer;
        end -= fewer;
    }
    struct run *const many = first.count > second.count ? &first : &second;
    struct run *const few = many == &first ? &second : &first;

    if (few->count * SPARSE_FACTOR >= many->count)
        equal |= KERNEL_FN(merge_pieces)(many, few, to, &at);
    return KERNEL_FN(merge_sparse)(many, few, to, at) || equal;
}

/* Merges the runs of the tree: their rows are behind those of `out` then, equal ones side
 * by side. `out` has room for all and `scratch` for twice as many. Returns whether there
 * may be equal rows. */
static bool
KERNEL_FN(merge_runs)(struct merge_tree *tree, struct lent_rows *out,
                      struct lent_rows *scratch)
{
    const size_t root = 2 * tree->leaf_count - 2;
    bool equal = false;

    assert(tree->leaf_count > 1);
    assert(lent_rows_room(out) >= tree->nodes[root].run.count);
    for (size_t n = tree->leaf_count; n <= root; n++) {
        struct merge_node *node = &tree->nodes[n];
        const struct run first = tree->nodes[node->left].run;
        const struct run second = tree->nodes[node->right].run;

        if (n < root)
            equal |= KERNEL_FN(merge_pair)(first, second, scratch, node->begin);
        else
            equal |= KERNEL_FN(merge_pair)(first, second, out, out->count);
        node->run = run_of(scratch, node->begin, node->run.count);
    }
    out->count += tree->nodes[root].run.count;
    return equal;
}

/* The first row from `begin` on that equals the one after it; the last row if none. */
static size_t
KERNEL_FN(find_equal)(const struct lent_rows *rows, size_t begin)
{
    const size_t last = rows->count - 1;

    for (size_t piece = begin, end; piece < last; piece = end) {
        size_t equal = 0;

        end = last - piece > EQUAL_PIECE ? piece + EQUAL_PIECE : last;
        for (size_t i = piece; i < end; i++)
            equal += rows->hi[i] == rows->hi[i + 1];
        if (equal == 0)
            continue;
        equal = 0;
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
KERNEL_FN(put)(struct lent_rows *rows, size_t at, KERNEL_CODE code, int64_t weight)
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
KERNEL_FN(add_up)(struct lent_rows *rows, size_t begin)
{
    assert(begin <= rows->count);
    if (rows->count - begin < 2)
        return SPINE_OK;
    size_t kept = KERNEL_FN(find_equal)(rows, begin), at = kept + 1;
    KERNEL_CODE code = CODE_OF(rows, kept);
    int64_t sum = rows->weight[kept];
    bool widely = false;

    if (at == rows->count)
        return SPINE_OK;
    for (; at < rows->count; at++) {
        const KERNEL_CODE next = CODE_OF(rows, at);
        const bool differs = next != code;

        KERNEL_FN(put)(rows, kept, code, sum);
        kept += differs & (sum != 0);
        if (__builtin_add_overflow(differs ? 0 : sum, rows->weight[at], &sum)) {
            /* Two rows for now: others may bring their sum back. */
            sum = rows->weight[at];
            kept++;
            widely = true;
        }
        code = next;
    }
    KERNEL_FN(put)(rows, kept, code, sum);
    rows->count = kept + (sum != 0);
    return widely ? KERNEL_FN(add_widely)(rows, begin) : SPINE_OK;
}
