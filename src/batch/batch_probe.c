/* SPDX-License-Identifier: MIT */
#include "batch/block.h"

#include "base/assert.h"

/*
 * Keys are searched in groups: all of a group halve their intervals in step, so that
 * their cache misses overlap. No step has a branch to guess, and the interval of a group
 * ends where its last key is, found by doubling steps from where the group before ended;
 * so keys that lie close together cost little, and keys far apart cost their cache
 * misses.
 */
#define GROUP 16u
/* Groups between asking for the memory of one step and taking that step. */
#define GROUPS_AHEAD 2u
/* Keys on either side of a guess that are looked at first. */
#define GUESS_REACH 96u
#define LINE_BYTES 64

/* A group of ascending words, and what is known of each so far. */
struct group {
    uint32_t count;
    uint64_t word[GROUP];
    uint32_t block[GROUP];
    /* An interval of the block's keys. */
    uint32_t at[GROUP];
    uint32_t length[GROUP];
};

static size_t probe_all(const struct spine_batch *batch, const uint32_t *candidates,
                        size_t count, struct hit *hits);
static size_t probe_words(const struct spine_batch *batch, const struct probe_keys *keys,
                          const uint32_t *candidates, size_t count, struct hit *hits);
static size_t probe_cells(const struct spine_batch *batch, const struct probe_keys *keys,
                          const uint32_t *candidates, size_t count, struct hit *hits);
static size_t find_blocks(const struct spine_batch *batch, const struct probe_keys *keys,
                          const uint32_t *candidates, size_t count, struct hit *hits);
static void
find_group(const struct spine_batch *batch, struct group *group, size_t *near);
static void prefetch_groups(const struct spine_batch *batch, const struct hit *hits,
                            size_t begin, size_t end);
static void load_group(const struct spine_batch *batch, const struct probe_keys *keys,
                       const struct hit *hits, size_t count, struct group *group);
static void guess_group(const struct spine_batch *batch, struct group *group);
static size_t finish_group(const struct spine_batch *batch, struct group *group,
                           const struct hit *from, struct hit *to);

static int
key_compare(const struct probe_keys *keys, size_t at, const struct cell *cell)
{
    const uint64_t word = keys->words[at];

    if (word != cell->word || keys->cells == NULL)
        return (word > cell->word) - (word < cell->word);
    return span_compare(keys->cells[at].span, cell->span);
}

/* The first key from `begin` on that is not less than `cell`, or (`after`) is greater. */
static size_t
key_bound(const struct probe_keys *keys, size_t begin, const struct cell *cell,
          bool after)
{
    size_t count = keys->count - begin;

    while (count > 0) {
        const size_t half = count / 2;
        const int order = key_compare(keys, begin + half, cell);

        if (after ? order <= 0 : order < 0) {
            begin += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return begin;
}

void
batch_probe_range(const struct spine_batch *batch, const struct probe_keys *keys,
                  size_t *begin, size_t *end)
{
    struct cell min, max;

    *begin = *end = 0;
    if (batch->info.rows == 0 ||
        cell_of_datum(keys->column, batch->info.key_min, &min, NULL) != SPINE_OK ||
        cell_of_datum(keys->column, batch->info.key_max, &max, NULL) != SPINE_OK)
        return;
    *begin = key_bound(keys, 0, &min, false);
    *end = key_bound(keys, *begin, &max, true);
}

size_t
batch_probe(const struct spine_batch *batch, const struct probe_keys *keys,
            const uint32_t *candidates, size_t count, struct hit *hits)
{
    if (batch->info.rows == 0)
        return 0;
    switch (keys->column->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
    case SHAPE_WORD8:
        return probe_words(batch, keys, candidates, count, hits);
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        return probe_cells(batch, keys, candidates, count, hits);
    }
    return probe_all(batch, candidates, count, hits);
}

/* Without keys all rows belong to the one there is. */
static size_t
probe_all(const struct spine_batch *batch, const uint32_t *candidates, size_t count,
          struct hit *hits)
{
    if (count > 0)
        hits[0] =
            (struct hit){.key = candidates[0], .end = (uint16_t)batch->fences[0].rows};
    return count > 0;
}

/*
 * First the block of every key; then the keys in their blocks, group by group, each step
 * some groups after its memory was asked for. A hit is written where, or before where,
 * its key was read.
 */
static size_t
probe_words(const struct spine_batch *batch, const struct probe_keys *keys,
            const uint32_t *candidates, size_t count, struct hit *hits)
{
    struct group groups[2];
    size_t hit_count = 0;

    count = find_blocks(batch, keys, candidates, count, hits);
    prefetch_groups(batch, hits, 0, count < GROUP ? count : GROUP);
    load_group(batch, keys, hits, count, &groups[0]);
    guess_group(batch, &groups[0]);
    for (size_t begin = 0, turn = 0; begin < count; begin += GROUP, turn ^= 1) {
        const size_t next = begin + GROUP < count ? begin + GROUP : count;

        prefetch_groups(batch, hits, next, count);
        load_group(batch, keys, hits + next, count - next, &groups[turn ^ 1]);
        guess_group(batch, &groups[turn ^ 1]);
        hit_count += finish_group(batch, &groups[turn], hits + begin, hits + hit_count);
    }
    return hit_count;
}

/*
 * Names in hits[i] the key candidates[i] and its block: the first whose last row has no
 * lesser key. Returns how many have one.
 */
static size_t
find_blocks(const struct spine_batch *batch, const struct probe_keys *keys,
            const uint32_t *candidates, size_t count, struct hit *hits)
{
    struct group group;
    size_t near = 0;

    for (size_t begin = 0; begin < count; begin += GROUP) {
        group.count = count - begin < GROUP ? (uint32_t)(count - begin) : GROUP;
        for (uint32_t i = 0; i < group.count; i++)
            group.word[i] = keys->words[candidates[begin + i]] << batch->layout.key_shift;
        find_group(batch, &group, &near);
        for (uint32_t i = 0; i < group.count; i++)
            hits[begin + i] =
                (struct hit){.key = candidates[begin + i], .block = group.block[i]};
        if (near == batch->fence_count) {
            count = begin + group.count;
            break;
        }
    }
    while (count > 0 && hits[count - 1].block == batch->fence_count)
        count--;
    return count;
}

/* The blocks of a group of codes. `*near` is that of the last one, before and after. */
static void
find_group(const struct spine_batch *batch, struct group *group, size_t *near)
{
    const uint64_t *last = batch->last_his;
    const uint64_t greatest = group->word[group->count - 1];
    const size_t low = *near;
    size_t step = 1, length;

    /* Block `low + step - 1` is the first looked at that reaches the greatest. */
    while (low + step - 1 < batch->fence_count && last[low + step - 1] < greatest)
        step *= 2;
    length = low + step < batch->fence_count ? step : batch->fence_count - low;
    memset(group->at, 0, sizeof group->at);
    for (last += low; length > 1; length -= length / 2) {
        const uint32_t half = (uint32_t)length / 2;

        for (uint32_t i = 0; i < group->count; i++)
            group->at[i] += last[group->at[i] + half - 1] < group->word[i] ? half : 0;
    }
    for (uint32_t i = 0; i < group->count; i++)
        group->block[i] =
            (uint32_t)low + group->at[i] + (last[group->at[i]] < group->word[i]);
    *near = group->block[group->count - 1];
}

static inline void
prefetch_block(const struct block *block)
{
    static_assert(sizeof *block <= 2 * LINE_BYTES, "two lines are asked for");
    __builtin_prefetch(block);
    __builtin_prefetch((const uint8_t *)block + LINE_BYTES);
}

/* Asks for the fences and the blocks of hits that come later. */
static void
prefetch_groups(const struct spine_batch *batch, const struct hit *hits, size_t begin,
                size_t end)
{
    const size_t blocks = begin + (size_t)GROUPS_AHEAD * GROUP;
    const size_t fences = blocks + (size_t)GROUPS_AHEAD * GROUP;

    for (size_t i = fences; i < fences + GROUP && i < end; i++)
        __builtin_prefetch(&batch->fences[hits[i].block]);
    for (size_t i = blocks; i < blocks + GROUP && i < end; i++)
        prefetch_block(batch->fences[hits[i].block].block);
}

static void
load_group(const struct spine_batch *batch, const struct probe_keys *keys,
           const struct hit *hits, size_t count, struct group *group)
{
    (void)batch;
    group->count = count < GROUP ? (uint32_t)count : GROUP;
    for (uint32_t i = 0; i < group->count; i++) {
        group->word[i] = keys->words[hits[i].key];
        group->block[i] = hits[i].block;
    }
}

/* Asks for the lines at `memory` and up to `reach` bytes away on either side; they need
 * not be ours. */
static inline void
prefetch_around(const void *memory, size_t reach)
{
    const uintptr_t at = (uintptr_t)memory;

    __builtin_prefetch((const void *)at);
    __builtin_prefetch((const void *)(at - reach / 2));
    __builtin_prefetch((const void *)(at + reach / 2));
    __builtin_prefetch((const void *)(at - reach));
    __builtin_prefetch((const void *)(at + reach));
}

#define FIND_NAME(step) word4_##step
#define FIND_TYPE uint32_t
#include "batch/find_template.h"

#define FIND_NAME(step) word8_##step
#define FIND_TYPE uint64_t
#include "batch/find_template.h"

static void
guess_group(const struct spine_batch *batch, struct group *group)
{
    if (batch->layout.key.shape == SHAPE_WORD4)
        word4_guess(batch, group);
    else
        word8_guess(batch, group);
}

/* Writes a hit for each key that is there; returns how many. */
static size_t
finish_group(const struct spine_batch *batch, struct group *group, const struct hit *from,
             struct hit *to)
{
    const bool word4 = batch->layout.key.shape == SHAPE_WORD4;
    size_t count = 0;

    if (word4)
        word4_finish(batch, group);
    else
        word8_finish(batch, group);
    for (uint32_t i = 0; i < group->count; i++) {
        const struct block *block = batch->fences[group->block[i]].block;
        const uint32_t at = group->at[i], key = from[i].key;
        uint32_t begin, end;

        if (at == block->key_count ||
            (word4 ? ((const uint32_t *)block->key.cells)[at]
                   : ((const uint64_t *)block->key.cells)[at]) != group->word[i])
            continue;
        begin = block_value_begin(block, at);
        end = block_value_end(block, at);
        __builtin_prefetch((const uint8_t *)block->value.cells +
                           (size_t)begin * batch->layout.value.bytes);
        to[count++] = (struct hit){.key = key,
                                   .block = group->block[i],
                                   .begin = (uint16_t)block_row_begin(block, begin),
                                   .end = (uint16_t)block_row_end(block, end - 1)};
    }
    return count;
}

static size_t
probe_cells(const struct spine_batch *batch, const struct probe_keys *keys,
            const uint32_t *candidates, size_t count, struct hit *hits)
{
    struct reader reader;
    size_t hit_count = 0;

    reader_init(&reader, batch);
    for (size_t i = 0; i < count; i++) {
        const size_t rows = reader_seek_exact(&reader, &keys->cells[candidates[i]]);

        if (rows == 0)
            continue;
        hits[hit_count++] = (struct hit){.key = candidates[i],
                                         .block = (uint32_t)reader.block,
                                         .begin = (uint16_t)reader.row,
                                         .end = (uint16_t)(reader.row + rows)};
    }
    return hit_count;
}

/* Rows that are words of one value per key: what batch_stage() would do, without asking.
 */
static inline bool
stage_pair_of_words(const struct layout *layout, const struct block *block, uint32_t at,
                    struct rows *out)
{
    const size_t to = out->count;

    if (layout->row_kind != ROW_TWO || block->value_ends != NULL ||
        layout->key.shape != SHAPE_WORD8 || layout->value.shape != SHAPE_WORD8 ||
        block->weight_bytes > 1)
        return false;
    out->hi[to] = ((const uint64_t *)block->key.cells)[at];
    out->lo[to] = ((const uint64_t *)block->value.cells)[at];
    out->weight[to] = block->weight_bytes == 0 ? 1 : ((const int8_t *)block->weights)[at];
    out->count++;
    return true;
}

enum spine_status
batch_stage_hits(const struct spine_batch *batch, struct hit *hits, size_t count,
                 struct rows *out, size_t rows_max)
{
    const struct layout *layout = &batch->layout;

    for (size_t i = 0; i < count; i++) {
        struct hit *hit = &hits[i];
        const struct block *block = batch->fences[hit->block].block;
        const size_t next = (size_t)hit->block + 1;

        hit->staged = HIT_NONE;
        if (hit->end - hit->begin > (int)HIT_ROWS_MAX || out->count >= rows_max ||
            (hit->end == block->row_count && next < batch->fence_count &&
             batch->fences[next].continues))
            continue;
        if (!rows_reserve(layout, out, out->count + HIT_ROWS_MAX))
            return SPINE_NOMEM;
        hit->staged = (uint32_t)out->count;
        if (!stage_pair_of_words(layout, block, hit->begin, out))
            block_stage(layout, block, hit->begin, hit->end, out);
    }
    return SPINE_OK;
}

void
batch_stage(const struct spine_batch *batch, uint32_t block, uint32_t begin, uint32_t end,
            struct rows *out)
{
    block_stage(&batch->layout, batch->fences[block].block, begin, end, out);
}

uint32_t
batch_first_key_end(const struct spine_batch *batch, uint32_t block)
{
    const struct block *first = batch->fences[block].block;

    return block_row_end(first, block_value_end(first, 0) - 1);
}
