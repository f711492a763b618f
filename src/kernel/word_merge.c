/* SPDX-License-Identifier: MIT */

/* Two runs of words are merged from the front and from the back at once, without
 * branches, as merge_template.h does it for rows. */

#include "kernel/word_merge.h"

/* What is left of a run of words. */
struct word_run {
    const uint64_t *words;
    size_t count;
};

static void merge_two(struct word_run first, struct word_run second, uint64_t *to);
static void merge_ends(struct word_run *first, struct word_run *second, size_t steps,
                       uint64_t *to, uint64_t *end);
static void merge_few(struct word_run many, struct word_run few, uint64_t *to);

void
word_merge(struct merge_tree *tree, uint64_t *out, uint64_t *scratch)
{
    merge_tree_grow(tree);
    const size_t root = 2 * tree->leaf_count - 2;

    for (size_t n = tree->leaf_count; n <= root; n++) {
        struct merge_node *node = &tree->nodes[n];
        const struct run first = tree->nodes[node->left].run;
        const struct run second = tree->nodes[node->right].run;

        node->run.hi = n < root ? scratch + node->begin : out;
        merge_two((struct word_run){first.hi, first.count},
                  (struct word_run){second.hi, second.count},
                  n < root ? scratch + node->begin : out);
    }
}

static void
merge_two(struct word_run first, struct word_run second, uint64_t *to)
{
    uint64_t *end = to + first.count + second.count;

    while (first.count > 0 && second.count > 0) {
        const size_t fewer = first.count < second.count ? first.count : second.count;

        if (fewer * PIECES_FACTOR < first.count + second.count)
            break;
        merge_ends(&first, &second, fewer, to, end);
        to += fewer;
        end -= fewer;
    }
    if (first.count < second.count)
        merge_few(second, first, to);
    else
        merge_few(first, second, to);
}

/* The `steps` least words of both to `to`, the `steps` greatest before `end`. No run has
 * less than `steps` words. */
static void
merge_ends(struct word_run *first, struct word_run *second, size_t steps, uint64_t *to,
           uint64_t *end)
{
    const uint64_t *const a = first->words, *const b = second->words;
    size_t front = 0, last_a = first->count - 1, last_b = second->count - 1;

    assert(steps > 0);
    assert(first->count >= steps && second->count >= steps);
    for (size_t i = 0; i < steps; i++) {
        const uint64_t low_a = a[i - front], low_b = b[front];
        const uint64_t high_a = a[last_a], high_b = b[last_b];
        const bool from_b = low_b<low_a, from_a = high_a> high_b;

        to[i] = from_b ? low_b : low_a;
        front += from_b;
        end[-1 - (ptrdiff_t)i] = from_a ? high_a : high_b;
        last_a -= from_a;
        last_b -= !from_a;
    }
    *first = (struct word_run){a + (steps - front), last_a + 1 - (steps - front)};
    *second = (struct word_run){b + front, last_b + 1 - front};
}

/* The first of `count` words that is not less than `word`; `count` when all are. */
static size_t
find_not_less(const uint64_t *words, size_t count, uint64_t word)
{
    size_t base = 0, step = 1;

    while (base + step <= count && words[base + step - 1] < word) {
        base += step;
        step *= 2;
    }
    for (; step > 0; step /= 2)
        if (base + step <= count && words[base + step - 1] < word)
            base += step;
    return base;
}

/* What lies between two words of `few` is copied at once. */
static void
merge_few(struct word_run many, struct word_run few, uint64_t *to)
{
    for (size_t i = 0; i < few.count; i++) {
        const size_t before = find_not_less(many.words, many.count, few.words[i]);

        memcpy(to, many.words, before * sizeof *to);
        to += before;
        *to++ = few.words[i];
        many.words += before;
        many.count -= before;
    }
    if (many.count > 0)
        memcpy(to, many.words, many.count * sizeof *to);
}
