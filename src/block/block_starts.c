/* SPDX-License-Identifier: MIT */

/* Which rows begin a key or a value, as a list: found without a branch for words. */

#include "block/block_starts.h"

static uint32_t count_starts(const uint64_t *words, unsigned shift, uint32_t count);

/* The usual case, that all differ, costs one pass without branches and writes nothing. */
uint32_t
find_starts_words(const uint64_t *words, unsigned shift, uint32_t count, uint16_t *starts)
{
    const uint32_t distinct = count_starts(words, shift, count);
    uint32_t found = 1;

    if (distinct == count)
        return count;
    /* Every row writes itself, and stays there if it is a start. */
    for (uint32_t i = 1; i < count; i++) {
        starts[found] = (uint16_t)i;
        found += (words[i] ^ words[i - 1]) >> shift != 0;
    }
    return distinct;
}

static uint32_t
count_starts(const uint64_t *words, unsigned shift, uint32_t count)
{
    uint32_t distinct = 1;

    for (uint32_t i = 1; i < count; i++)
        distinct += (words[i] ^ words[i - 1]) >> shift != 0;
    return distinct;
}

static bool
span_differs(const struct span *spans, size_t at)
{
    const struct span a = spans[at - 1];
    const struct span b = spans[at];

    if (a.size != b.size)
        return true;
    return a.data != b.data && a.size > 0 && memcmp(a.data, b.data, a.size) != 0;
}

uint32_t
find_starts_wide(const struct layout *layout, const struct rows *rows, size_t begin,
                 uint32_t count, bool by_value, uint16_t *starts)
{
    const bool key_spans = layout->key.spans;
    const bool value_spans = by_value && layout->value.spans;
    uint32_t found = 1;

    if (count_starts(rows->hi + begin, 0, count) == count)
        return count;
    for (uint32_t i = 1; i < count; i++) {
        const size_t at = begin + i;
        bool differs = rows->hi[at] != rows->hi[at - 1];

        differs = differs || (key_spans && span_differs(rows->key, at));
        if (by_value)
            differs = differs || rows->lo[at] != rows->lo[at - 1];
        differs = differs || (value_spans && span_differs(rows->value, at));
        starts[found] = (uint16_t)i;
        found += differs;
    }
    return found;
}
