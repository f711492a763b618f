/* SPDX-License-Identifier: MIT */

/* Sorts handles of wide rows by words of their cells, tie after tie (wide_order.h). */

#include "kernel/wide_order.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "kernel/word_merge.h"
#include "kernel/word_sort.h"
#include "rows/row_order.h"

enum {
    TIES_BY_INSERTION = 8,
    /* Ties that are left after this many words are broken by comparing rows. */
    DEPTH_MAX = 32,
    /* The lowest bits of a number say which row it is of. */
    NUMBER_BITS = 16,
    /* Fewer rows are sorted by their words. */
    NUMBERS_MIN = 512,
    NUMBERS_MAX = 1 << NUMBER_BITS
};

/* Which column rows are being sorted by; they are equal in those before it. */
enum by { BY_KEY, BY_VALUE };

struct word_range {
    uint64_t least;
    uint64_t greatest;
};

/* Handles [begin, begin + count), equal in the first `shared` bytes of the column. */
struct ties {
    size_t begin;
    size_t count;
    enum by by;
    size_t shared;
    unsigned depth;
};

static bool sort_numbers(struct wide_order *wide, size_t shared);
static void
order_handles(struct wide_order *wide, const uint64_t *numbers, uint64_t *scratch);
static bool number_rows(struct wide_order *wide, size_t *shared);
static void load_words_of(struct wide_order *wide, size_t shared);
static struct word_range find_range(const struct wide_order *wide, bool loaded);
static void set_numbers(struct wide_order *wide, struct word_range range, bool loaded);
static bool sort_numbered(struct wide_order *wide, struct ties ties);
static bool
split_numbered(struct wide_order *wide, const uint64_t *numbers, size_t shared);
static bool sort_and_split(struct wide_order *wide, struct ties ties);
static bool sort_ties(struct wide_order *wide, struct ties ties);
static bool extend_shared(const struct wide_order *wide, struct ties *ties);
static void load_words(struct wide_order *wide, const struct ties *ties);
static void sort_by_rows(const struct wide_order *wide, uint64_t *handles, size_t count,
                         uint64_t *scratch);
static void mark_same(struct wide_order *wide, size_t begin, size_t count);

static inline int
handles_compare(const struct wide_order *wide, uint64_t a, uint64_t b)
{
    return row_compare(wide->layout, ROW_WIDE, false, handle_rows(wide, a), (uint32_t)a,
                       handle_rows(wide, b), (uint32_t)b);
}

void
wide_order_release(struct wide_order *wide)
{
    mem_free(wide->inputs, wide->input_capacity * sizeof *wide->inputs);
    mem_free(wide->ends, wide->end_capacity * sizeof *wide->ends);
    mem_free(wide->columns, wide->column_capacity * sizeof *wide->columns);
    mem_free(wide->words, wide->word_capacity * sizeof *wide->words);
    merge_tree_release(&wide->tree);
    mem_free(wide->same, wide->same_capacity * sizeof *wide->same);
    order_release(&wide->order);
    *wide = (struct wide_order){0};
}

bool
wide_order_begin(struct wide_order *wide, const struct layout *layout, size_t input_count,
                 size_t rows)
{
    assert(layout->row_kind == ROW_WIDE);
    assert(rows > 0);
    wide->layout = layout;
    wide->input_count = 0;
    wide->count = 0;
    return array_reserve(&wide->inputs, &wide->input_capacity, sizeof *wide->inputs,
                         input_count) &&
           array_reserve(&wide->ends, &wide->end_capacity, sizeof *wide->ends,
                         input_count) &&
           array_reserve(&wide->columns, &wide->column_capacity, sizeof *wide->columns,
                         input_count) &&
           array_reserve(&wide->same, &wide->same_capacity, sizeof *wide->same,
                         rows + 1) &&
           order_begin(&wide->order, rows);
}

void
wide_order_add(struct wide_order *wide, const struct rows *rows, size_t begin, size_t end)
{
    const uint64_t input = wide->input_count;
    uint64_t *handles = wide->order.pairs.lo + wide->count;

    assert(input < wide->input_capacity && end <= UINT32_MAX);
    assert(wide->count + end - begin <= wide->order.pairs.capacity);
    wide->inputs[wide->input_count++] = rows;
    for (size_t i = 0; i < end - begin; i++)
        handles[i] = input << 32 | (begin + i);
    wide->count += end - begin;
    wide->ends[input] = wide->count;
}

bool
wide_order_sort(struct wide_order *wide, size_t shared)
{
    const size_t count = wide->count;
    bool sorted = false;

    assert(count == wide->order.pairs.count);
    memset(wide->same, 0, (count + 1) * sizeof *wide->same);
    if (count >= NUMBERS_MIN && count <= NUMBERS_MAX) {
        if (!array_reserve(&wide->words, &wide->word_capacity, sizeof *wide->words,
                           2 * count))
            return false;
        sorted = sort_numbers(wide, shared);
    }
    if (sorted)
        return split_numbered(wide, wide->words, shared);
    return sort_and_split(
        wide, (struct ties){.count = wide->count, .by = BY_KEY, .shared = shared});
}

bool
wide_order_merge(struct wide_order *wide, size_t shared)
{
    const size_t count = wide->count;

    assert(count == wide->order.pairs.count);
    if (wide->input_count < 2 || count > NUMBERS_MAX)
        return wide_order_sort(wide, shared);
    if (!array_reserve(&wide->words, &wide->word_capacity, sizeof *wide->words,
                       4 * count) ||
        !merge_tree_begin(&wide->tree, wide->input_count))
        return false;
    if (!number_rows(wide, &shared))
        return wide_order_sort(wide, shared);
    uint64_t *const merged = wide->words + count;

    word_merge(&wide->tree, merged, merged + count);
    order_handles(wide, merged, wide->words);
    memset(wide->same, 0, (count + 1) * sizeof *wide->same);
    return split_numbered(wide, merged, shared);
}

/* Sorts rows by the leading bits of their words behind the `shared` bytes. False when too
 * many are the same. */
static bool
sort_numbers(struct wide_order *wide, size_t shared)
{
    const size_t count = wide->count;
    struct word_range range = {.least = UINT64_MAX, .greatest = 0};
    uint64_t *words = wide->words;

    load_words_of(wide, wide->layout->key.spans ? shared : 0);
    for (size_t i = 0; i < count; i++) {
        range.least = words[i] < range.least ? words[i] : range.least;
        range.greatest = words[i] > range.greatest ? words[i] : range.greatest;
    }
    if (range.least == range.greatest)
        return false;
    set_numbers(wide, range, true);
    if (!word_sort(words, words + count, count))
        return false;
    order_handles(wide, words, words + count);
    return true;
}

/* Puts handles in the order of their rows' numbers. There is `scratch` for them. */
static void
order_handles(struct wide_order *wide, const uint64_t *numbers, uint64_t *scratch)
{
    uint64_t *const handles = wide->order.pairs.lo;

    /* The handles of a single input follow one another. */
    if (wide->input_count == 1) {
        const uint64_t first = handles[0];

        for (size_t i = 0; i < wide->count; i++)
            handles[i] = first + (numbers[i] & (NUMBERS_MAX - 1));
        return;
    }
    memcpy(scratch, handles, wide->count * sizeof *handles);
    for (size_t i = 0; i < wide->count; i++)
        handles[i] = scratch[numbers[i] & (NUMBERS_MAX - 1)];
}

/* Makes a number of each row's word, and a leaf of those of each input. False when all
 * rows have the same word. `*shared` becomes the bytes that words are from behind. */
static bool
number_rows(struct wide_order *wide, size_t *shared)
{
    const size_t words_shared = wide->layout->key.spans ? *shared : 0;
    struct word_range range = find_range(wide, false);
    bool loaded = false;

    /* What is behind the prefix counts where the prefix has too few bits that differ. */
    if (words_shared > 0 &&
        __builtin_clzll((range.greatest - range.least) | 1) > NUMBER_BITS) {
        load_words_of(wide, words_shared);
        loaded = true;
        range = find_range(wide, true);
    } else {
        *shared = 0;
    }
    if (range.least == range.greatest)
        return false;
    set_numbers(wide, range, loaded);
    for (size_t n = 0, begin = 0; n < wide->input_count; begin = wide->ends[n++])
        wide->tree.nodes[n].run =
            (struct run){.hi = wide->words + begin, .count = wide->ends[n] - begin};
    return true;
}

/* The word of each row behind the `shared` bytes of its key. */
static void
load_words_of(struct wide_order *wide, size_t shared)
{
    const uint64_t *handles = wide->order.pairs.lo;
    uint64_t *words = wide->words;

    for (size_t n = 0, begin = 0; n < wide->input_count; begin = wide->ends[n++]) {
        const struct rows *rows = wide->inputs[n];
        const size_t count = wide->ends[n] - begin;
        const size_t first = count > 0 ? (uint32_t)handles[begin] : 0;

        if (shared == 0 && count > 0)
            memcpy(words, rows->hi + first, count * sizeof *words);
        for (size_t i = 0; shared > 0 && i < count; i++) {
            const struct span span = span_behind(rows->key[first + i], shared);

            words[i] = bytes_prefix(span.data, span.size);
        }
        words += count;
    }
}

/* The words of the rows of input `n`: those that were loaded, or the prefixes. */
static const uint64_t *
input_words(const struct wide_order *wide, size_t n, bool loaded)
{
    const size_t begin = n > 0 ? wide->ends[n - 1] : 0;

    assert(begin < wide->ends[n]);
    if (loaded)
        return wide->words + begin;
    return wide->inputs[n]->hi + (uint32_t)wide->order.pairs.lo[begin];
}

/* The range of the words of all inputs, each of which is in order. */
static struct word_range
find_range(const struct wide_order *wide, bool loaded)
{
    struct word_range range = {.least = UINT64_MAX, .greatest = 0};

    for (size_t n = 0, begin = 0; n < wide->input_count; begin = wide->ends[n++]) {
        const uint64_t *words = input_words(wide, n, loaded);
        const uint64_t first = words[0], last = words[wide->ends[n] - begin - 1];

        assert(first <= last);
        range.least = first < range.least ? first : range.least;
        range.greatest = last > range.greatest ? last : range.greatest;
    }
    return range;
}

/* The leading bits of each word that differ, above the number of the row. */
static void
set_numbers(struct wide_order *wide, struct word_range range, bool loaded)
{
    const uint64_t mask = ~(uint64_t)(NUMBERS_MAX - 1);
    const unsigned shift = (unsigned)__builtin_clzll(range.greatest - range.least);
    uint64_t *numbers = wide->words;

    for (size_t n = 0, begin = 0; n < wide->input_count; begin = wide->ends[n++]) {
        const uint64_t *words = input_words(wide, n, loaded);

        for (size_t i = begin; i < wide->ends[n]; i++)
            numbers[i] = ((words[i - begin] - range.least) << shift & mask) | i;
    }
}

/* Sorts rows with the same leading bits. Where keys are words, the other bits may
 * differ. */
static bool
sort_numbered(struct wide_order *wide, struct ties ties)
{
    if (wide->layout->key.spans || ties.count <= TIES_BY_INSERTION)
        return sort_ties(wide, ties);
    return sort_and_split(wide, ties);
}

/* Do the rows at and before `at` differ in the leading bits of their words? */
static inline bool
number_differs(const uint64_t *numbers, size_t at)
{
    return (numbers[at] ^ numbers[at - 1]) >> NUMBER_BITS != 0;
}

static bool
split_numbered(struct wide_order *wide, const uint64_t *numbers, size_t shared)
{
    for (size_t at = 1; at < wide->count; at++) {
        struct ties ties = {.begin = at - 1, .by = BY_KEY, .shared = shared};

        if (number_differs(numbers, at))
            continue;
        while (at + 1 < wide->count && !number_differs(numbers, at + 1))
            at++;
        ties.count = at + 1 - ties.begin;
        if (!sort_numbered(wide, ties))
            return false;
    }
    return true;
}

/* Sorts rows by their words, then those with the same word. */
static bool
sort_and_split(struct wide_order *wide, struct ties ties)
{
    const uint64_t *words = wide->order.pairs.hi;
    const size_t end = ties.begin + ties.count;

    assert(ties.count > 0);
    assert(end <= wide->count);
    load_words(wide, &ties);
    if (!order_sort_part(&wide->order, ties.begin, ties.count))
        return false;
    for (size_t at = ties.begin, next; at < end; at = next) {
        next = at + 1;
        while (next < end && words[next] == words[at])
            next++;
        if (next - at > 1 && !sort_ties(wide, (struct ties){at, next - at, ties.by,
                                                            ties.shared, ties.depth}))
            return false;
    }
    return true;
}

/* Sorts rows with the same word. */
static bool
sort_ties(struct wide_order *wide, struct ties ties)
{
    uint64_t *handles = wide->order.pairs.lo + ties.begin;

    if (ties.count > TIES_BY_INSERTION && ++ties.depth <= DEPTH_MAX) {
        if (extend_shared(wide, &ties))
            return sort_and_split(wide, ties);
        if (ties.by == BY_KEY) {
            ties.by = BY_VALUE;
            ties.shared = 0;
            return sort_and_split(wide, ties);
        }
        memset(wide->same + ties.begin + 1, true, ties.count - 1);
        return true;
    }
    if (ties.count > TIES_BY_INSERTION &&
        !rows_reserve(&order_layout, &wide->order.scratch, ties.count))
        return false;
    sort_by_rows(wide, handles, ties.count, wide->order.scratch.hi);
    mark_same(wide, ties.begin, ties.count);
    return true;
}

static inline struct span
column_of(const struct wide_order *wide, enum by by, uint64_t handle)
{
    const struct rows *rows = handle_rows(wide, handle);

    return by == BY_KEY ? rows->key[(uint32_t)handle] : rows->value[(uint32_t)handle];
}

/* How many bytes all of the column have in common. False when that is all there are: the
 * rows are equal in it. */
static bool
extend_shared(const struct wide_order *wide, struct ties *ties)
{
    const uint64_t *handles = wide->order.pairs.lo + ties->begin;
    const bool spans =
        ties->by == BY_KEY ? wide->layout->key.spans : wide->layout->value.spans;

    if (!spans)
        return false;
    const struct span first =
        span_behind(column_of(wide, ties->by, handles[0]), ties->shared);
    size_t shared = first.size;
    bool differ = false;

    for (size_t i = 1; i < ties->count; i++) {
        const struct span span =
            span_behind(column_of(wide, ties->by, handles[i]), ties->shared);

        shared = span_shared((struct span){first.data, shared}, span);
        differ |= span.size != first.size;
    }
    differ |= shared < first.size;
    ties->shared += shared;
    return differ;
}

/* The word of each row behind the shared bytes. */
static void
load_words(struct wide_order *wide, const struct ties *ties)
{
    const struct rows *pairs = &wide->order.pairs;
    const uint64_t *handles = pairs->lo + ties->begin;
    uint64_t *words = pairs->hi + ties->begin;

    if (ties->shared > 0)
        for (size_t i = 0; i < ties->count; i++) {
            const struct span span =
                span_behind(column_of(wide, ties->by, handles[i]), ties->shared);

            words[i] = bytes_prefix(span.data, span.size);
        }
    else if (ties->by == BY_KEY)
        for (size_t i = 0; i < ties->count; i++)
            words[i] = handle_rows(wide, handles[i])->hi[(uint32_t)handles[i]];
    else
        for (size_t i = 0; i < ties->count; i++)
            words[i] = handle_rows(wide, handles[i])->lo[(uint32_t)handles[i]];
}

/* By insertion, or merge sort with `scratch` for as many handles. */
static void
sort_by_rows(const struct wide_order *wide, uint64_t *handles, size_t count,
             uint64_t *scratch)
{
    const size_t half = count / 2;
    size_t left = 0, right = half, at = 0;

    if (count <= TIES_BY_INSERTION) {
        for (size_t i = 1; i < count; i++) {
            const uint64_t handle = handles[i];
            size_t hole = i;

            for (; hole > 0 && handles_compare(wide, handles[hole - 1], handle) > 0;
                 hole--)
                handles[hole] = handles[hole - 1];
            handles[hole] = handle;
        }
        return;
    }
    sort_by_rows(wide, handles, half, scratch);
    sort_by_rows(wide, handles + half, count - half, scratch);
    memcpy(scratch, handles, half * sizeof *handles);
    while (left < half) {
        const bool take_right =
            right < count && handles_compare(wide, scratch[left], handles[right]) > 0;

        handles[at++] = take_right ? handles[right++] : scratch[left++];
    }
}

static void
mark_same(struct wide_order *wide, size_t begin, size_t count)
{
    const uint64_t *handles = wide->order.pairs.lo + begin;

    for (size_t i = 1; i < count; i++) {
        const uint64_t a = handles[i - 1], b = handles[i];

        wide->same[begin + i] = row_equal(wide->layout, ROW_WIDE, handle_rows(wide, a),
                                          (uint32_t)a, handle_rows(wide, b), (uint32_t)b);
    }
}
