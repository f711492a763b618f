/* SPDX-License-Identifier: MIT */
#include "block/block.h"

/*
 * Keys of a block that are bytes. Sorted keys have much in common, so words are taken
 * from behind the bytes that all of them begin with: there they differ.
 *
 *     keys       customer/0041   customer/0042   customer/0107
 *     words                0041            0042            0107
 */

static int shared_compare(const struct column *column, struct span key);
static void
narrow_by_anchors(const struct column *column, uint64_t word, size_t *begin, size_t *end);
static void narrow_by_words(const struct column *column, size_t skip, uint64_t word,
                            size_t *begin, size_t *end);
static struct span cell_behind(const struct column *column, size_t at, size_t skip);
static int front_compare(const struct column *column, size_t at, struct span *behind);
static size_t find_narrowed(const struct column *column, struct span behind, size_t begin,
                            size_t end, bool *equal);
static size_t find_among_fronts(const struct column *column, struct span behind,
                                size_t begin, size_t end, bool *equal);

size_t
column_find(const struct column *column, size_t count, struct span key, bool *equal)
{
    const int order = shared_compare(column, key);
    size_t begin = 0, end = count;

    *equal = false;
    if (order != 0)
        return order < 0 ? count : 0;
    const struct span behind = span_behind(key, column->shared_bytes);

    narrow_by_anchors(column, bytes_prefix(behind.data, behind.size), &begin, &end);
    return find_narrowed(column, behind, begin, end, equal);
}

size_t
column_find_between(const struct column *column, struct span key, size_t begin,
                    size_t end)
{
    const int order = shared_compare(column, key);
    bool equal = false;

    if (order != 0)
        return order < 0 ? end : 0;
    return find_narrowed(column, span_behind(key, column->shared_bytes), begin, end,
                         &equal);
}

/* The first of keys [begin, end) that is not less; `behind` is the key behind what all
 * begin with. */
static size_t
find_narrowed(const struct column *column, struct span behind, size_t begin, size_t end,
              bool *equal)
{
    uint64_t word = bytes_prefix(behind.data, behind.size);
    size_t skip = column->shared_bytes;

    if (begin == end)
        return begin;
    if (column->fronts != NULL && begin / ANCHOR_STEP != (end - 1) / ANCHOR_STEP)
        return find_among_fronts(column, behind, begin, end, equal);
    if (column->fronts != NULL) {
        /* All of them have one front. */
        const int front_order = front_compare(column, begin, &behind);

        if (front_order != 0)
            return front_order > 0 ? begin : end;
        word = bytes_prefix(behind.data, behind.size);
        skip = 0;
    }
    narrow_by_words(column, skip, word, &begin, &end);
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        const int middle_order = span_compare(cell_behind(column, middle, skip), behind);

        if (middle_order == 0) {
            *equal = true;
            return middle;
        }
        if (middle_order > 0)
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}

/*
 * The sign of (front of key `at`) - (`*behind`), both behind what all keys begin with; 0
 * when `*behind` begins with the front, and then it is what follows that.
 */
static int
front_compare(const struct column *column, size_t at, struct span *behind)
{
    const struct span front = span_behind(column_front(column, at), column->shared_bytes);
    const size_t common = behind->size < front.size ? behind->size : front.size;
    const int order = common > 0 ? memcmp(front.data, behind->data, common) : 0;

    if (order != 0 || behind->size < front.size)
        return order != 0 ? order : 1;
    *behind = span_behind(*behind, front.size);
    return 0;
}

/* The same as column_find() among keys [begin, end) of several fronts. */
static size_t
find_among_fronts(const struct column *column, struct span behind, size_t begin,
                  size_t end, bool *equal)
{
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        struct span rest = behind;
        int order = front_compare(column, middle, &rest);

        if (order == 0)
            order = span_compare(cell_behind(column, middle, 0), rest);
        if (order == 0) {
            *equal = true;
            return middle;
        }
        if (order > 0)
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}

/* The sign of (all cells) - (`key`); 0 when it begins with what they have in common. */
static int
shared_compare(const struct column *column, struct span key)
{
    const size_t shared = column->shared_bytes;
    const size_t common = key.size < shared ? key.size : shared;
    const void *const first =
        column->fronts != NULL ? column_front(column, 0).data : column->cells;
    const int order = common > 0 ? memcmp(first, key.data, common) : 0;

    return order != 0 ? order : key.size < shared;
}

/* Narrows all cells down to those that the anchors leave in doubt. */
static void
narrow_by_anchors(const struct column *column, uint64_t word, size_t *begin, size_t *end)
{
    const size_t count = (*end + ANCHOR_STEP - 1) / ANCHOR_STEP;
    const size_t less = search_words(column->anchors, 8, 0, count, word);
    size_t above = less;

    if (above < count && column->anchors[above] == word)
        above = word < UINT64_MAX
                    ? search_words(column->anchors, 8, less, count, word + 1)
                    : count;
    if (less > 0)
        *begin = (less - 1) * ANCHOR_STEP + 1;
    if (above < count)
        *end = above * ANCHOR_STEP;
}

/*
 * Narrows cells down to those that begin with `word`. Few of them are all looked at: that
 * waits for memory once, where halving waits at every step.
 */
static void
narrow_by_words(const struct column *column, size_t skip, uint64_t word, size_t *begin,
                size_t *end)
{
    const uint8_t *const cells = (const uint8_t *)column->cells + skip;
    size_t less = 0, equal = 0, cell_begin;

    if (*end - *begin > ANCHOR_STEP)
        return;
    cell_begin = *begin > 0 ? column_end(column, *begin - 1) : 0;
    for (size_t i = *begin; i < *end; i++) {
        const size_t cell_end = column_end(column, i);
        const uint64_t cell_word =
            cell_prefix(cells + cell_begin, cell_end - cell_begin - skip);

        if (cell_word > word)
            break;
        less += cell_word < word;
        equal += cell_word == word;
        cell_begin = cell_end;
    }
    *begin += less;
    *end = *begin + equal;
}

/* What follows the first `skip` bytes of cell `at`. */
static struct span
cell_behind(const struct column *column, size_t at, size_t skip)
{
    const size_t begin = at > 0 ? column_end(column, at - 1) : 0;

    return (struct span){(const uint8_t *)column->cells + begin + skip,
                         column_end(column, at) - begin - skip};
}
