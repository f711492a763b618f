/* SPDX-License-Identifier: MIT */

/*
 * Many sorted keys in one batch: the marks or fences give the block of each key, blocks
 * that are not in memory are asked for together, and each block is searched for all its
 * keys.
 */

#include "batch/marks.h"

#include "base/assert.h"
#include "base/error.h"
#include "batch/file_lookup.h"
#include "batch/probe_find.h"

/* How many keys ahead the processor is asked for what a filter will look at. */
#define ASKED_AHEAD 8u

/* Candidates, ascending indexes of keys, that are looked for in a batch. */
struct probe_search {
    const struct spine_batch *batch;
    const struct probe_keys *keys;
    uint32_t *candidates;
    size_t count;
    struct found_hits *out;
    /* The filter of a file that was asked last. */
    struct asked_lookup asked;
};

/* Candidates whose blocks are held together: `kept` of them, from `begin` on. */
struct probe_group {
    struct held_blocks held;
    size_t begin, kept;
};

static enum spine_status probe_elsewhere(struct probe_search *search);
static enum spine_status begin_group(struct probe_search *search, size_t *at,
                                     bool is_ahead, struct probe_group *group);
static enum spine_status
end_group(const struct probe_search *search, struct probe_group *group);
static enum spine_status find_blocks(struct probe_search *search, size_t *at,
                                     size_t *kept, struct held_blocks *held);
static inline bool is_in_same_block(const struct reader *reader, const struct cell *key);
static inline void search_prefetch(const struct probe_search *search, size_t at);
static enum spine_status search_ask_file(struct probe_search *search,
                                         const struct reader *reader, size_t at,
                                         bool *is_candidate);
static size_t
keys_of_block(const struct probe_search *search, const struct reader *reader, size_t at);
static bool
is_of_block(const struct probe_search *search, const struct reader *reader, size_t at);
static void search_tell_file(const struct probe_search *search,
                             const struct held_blocks *held, size_t kept, size_t found);
static enum spine_status find_keys(const struct probe_search *search,
                                   const struct held_blocks *held, size_t begin,
                                   size_t end);
static struct cell candidate_cell(const struct probe_search *search, size_t at);

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

/* The first range of which the end is greater than `cell`, or that has no end. */
static size_t
end_bound(const struct probe_keys *keys, const struct cell *cell)
{
    size_t begin = 0, count = keys->end_count;

    while (count > 0) {
        const struct cell *const end = &keys->ends[begin + count / 2];
        const bool above = end->word != cell->word || keys->cells == NULL
                               ? end->word > cell->word
                               : span_compare(end->span, cell->span) > 0;

        begin = above ? begin : begin + count / 2 + 1;
        count = above ? count / 2 : count - count / 2 - 1;
    }
    return begin;
}

void
batch_probe_range(const struct spine_batch *batch, const struct probe_keys *keys,
                  size_t *begin, size_t *end)
{
    struct cell min, max;

    assert(keys->count > 0);
    *begin = *end = 0;
    if (batch->info.rows == 0 ||
        cell_of_datum(keys->column, batch->info.key_min, &min, NULL) != SPINE_OK ||
        cell_of_datum(keys->column, batch->info.key_max, &max, NULL) != SPINE_OK)
        return;
    *begin = keys->ends != NULL ? end_bound(keys, &min) : key_bound(keys, 0, &min, false);
    *end = key_bound(keys, *begin, &max, true);
}

enum spine_status
batch_probe(const struct spine_batch *batch, const struct probe_keys *keys,
            uint32_t *candidates, size_t count, struct found_hits *out)
{
    struct probe_search search = {.batch = batch,
                                  .keys = keys,
                                  .candidates = candidates,
                                  .count = count,
                                  .out = out};

    out->count = 0;
    if (batch->info.rows == 0 || count == 0)
        return SPINE_OK;
    switch (keys->column->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
    case SHAPE_WORD8:
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        return batch->elsewhere ? probe_elsewhere(&search)
                                : find_keys(&search, NULL, 0, count);
    }
    /* Without keys all rows belong to the one there is. */
    out->hits[0] = (struct hit){
        .key = candidates[0], .end = (uint16_t)batch->fences[0].rows, .staged = HIT_NONE};
    out->count = 1;
    return batch->elsewhere ? SPINE_OK : batch_stage_hits(batch, keys, NULL, 0, out);
}

/* Some keys at a time, whose blocks are pinned together. While one group is looked for,
 * the blocks of the next one are read. Those keys that files rule out leave the
 * candidates. */
static enum spine_status
probe_elsewhere(struct probe_search *search)
{
    struct probe_group groups[2] = {0};
    size_t at = 0;
    enum spine_status st = SPINE_OK;

    assert(search->batch->elsewhere);
    for (size_t turn = 0; at < search->count || groups[turn % 2].held.count > 0; turn++) {
        struct probe_group *const now = &groups[turn % 2];
        struct probe_group *const next = &groups[(turn + 1) % 2];

        /* There may have been no room for it before. */
        if (now->held.count == 0)
            TRY(begin_group(search, &at, false, now));
        if (at < search->count)
            TRY(begin_group(search, &at, true, next));
        TRY(end_group(search, now));
    }
out:
    held_unpin(&groups[0].held);
    held_unpin(&groups[1].held);
    asked_lookup_release(&search->asked);
    return st;
}

/* The candidates from `*at` on, as many as can be looked for together. */
static enum spine_status
begin_group(struct probe_search *search, size_t *at, bool is_ahead,
            struct probe_group *group)
{
    assert(group->held.count == 0);
    group->begin = *at;
    group->held.is_ahead = is_ahead;
    TRY_RETURN(find_blocks(search, at, &group->kept, &group->held));
    return held_begin(search->batch, &group->held, search->keys->error);
}

static enum spine_status
end_group(const struct probe_search *search, struct probe_group *group)
{
    const size_t found = search->out->count;

    TRY_RETURN(held_end(search->batch, &group->held, search->keys->error));
    TRY_RETURN(find_keys(search, &group->held, group->begin, group->begin + group->kept));
    if (search->batch->in_files && search->keys->ends == NULL)
        search_tell_file(search, &group->held, group->kept, search->out->count - found);
    held_unpin(&group->held);
    return SPINE_OK;
}

/* Which blocks the candidates from `*at` on are in, as many as can be held, is said by
 * marks and fences. Moves `*at` behind them; the first `*kept` of them are those that may
 * be there, then. */
static enum spine_status
find_blocks(struct probe_search *search, size_t *at, size_t *kept,
            struct held_blocks *held)
{
    uint32_t *const first = search->candidates + *at;
    struct reader reader;

    reader_init(&reader, search->batch);
    assert(held->count == 0);
    for (*kept = 0; *at < search->count; ++*at) {
        const struct cell key = candidate_cell(search, *at);
        bool is_new, is_candidate = true;

        search_prefetch(search, *at + ASKED_AHEAD);
        if (!is_in_same_block(&reader, &key) && !reader_to_block_of(&reader, &key)) {
            /* This key and those that follow are greater than all. */
            *at = search->count;
            break;
        }
        is_new = held->count == 0 || held->index[held->count - 1] != reader.block;
        if (is_new && !held_has_room(held, &search->batch->fences[reader.block]))
            break;
        if (is_new && search->batch->in_files && search->keys->ends == NULL)
            TRY_RETURN(search_ask_file(search, &reader, *at, &is_candidate));
        if (!is_candidate)
            continue;
        if (is_new)
            held_add(held, &search->batch->fences[reader.block], (uint32_t)reader.block);
        first[(*kept)++] = search->candidates[*at];
    }
    return SPINE_OK;
}

/* Is a key that is not less than the one before in the block of that, or in the first one
 * if there was none? Only keys that are words can say so. */
static inline bool
is_in_same_block(const struct reader *reader, const struct cell *key)
{
    const struct spine_batch *batch = reader->batch;

    assert(reader->block < batch->block_count);
    return batch->marks != NULL &&
           key->word <= batch->marks[(reader->block + 1) * BLOCK_MARKS];
}

/* Candidate `at` is likely to be asked for in the filter that was asked last. Keys that
 * are bytes are hashed for as long as that would be waited for. */
static inline void
search_prefetch(const struct probe_search *search, size_t at)
{
    if (at < search->count && search->keys->cells == NULL) {
        const struct cell key = candidate_cell(search, at);

        asked_lookup_prefetch(&search->asked, search->keys->column, &key);
    }
}

/* May the reader's block have the key of candidate `at`, as the file says that the block
 * is in? Once a block is held its filter has nothing to spare. */
static enum spine_status
search_ask_file(struct probe_search *search, const struct reader *reader, size_t at,
                bool *is_candidate)
{
    const struct fence *const fence = &search->batch->fences[reader->block];
    const struct cell key = candidate_cell(search, at);
    enum file_answer answer;

    if (fence->block != NULL)
        return SPINE_OK;
    if (!asked_lookup_has(&search->asked, fence))
        search->asked.together = keys_of_block(search, reader, at);
    TRY_RETURN(file_ask(&search->asked, fence, search->keys->column, &key, &answer,
                        search->keys->error));
    *is_candidate = answer != FILE_RULES_OUT;
    if (!*is_candidate)
        file_tell_found(fence, 0, 1);
    asked_lookup_count(&search->asked, answer, search->keys->counts);
    return SPINE_OK;
}

/* How many candidates from `at` on are looked for in the reader's block: that one at
 * least. Only keys that are words can say so of others. */
static size_t
keys_of_block(const struct probe_search *search, const struct reader *reader, size_t at)
{
    size_t count = 1, step = 1;

    while (is_of_block(search, reader, at + count + step - 1)) {
        count += step;
        step *= 2;
    }
    while ((step /= 2) > 0)
        count += is_of_block(search, reader, at + count + step - 1) ? step : 0;
    return count;
}

static bool
is_of_block(const struct probe_search *search, const struct reader *reader, size_t at)
{
    const struct cell key =
        at < search->count ? candidate_cell(search, at) : (struct cell){0};

    return at < search->count && is_in_same_block(reader, &key);
}

/* Of `kept` keys that were looked for, `found` were found. When the blocks are in several
 * files, one of these files is told, another one next time. */
static void
search_tell_file(const struct probe_search *search, const struct held_blocks *held,
                 size_t kept, size_t found)
{
    const struct fence *fence;

    if (held->count == 0)
        return;
    fence = &search->batch->fences[held->index[0]];
    if (fence->block == NULL)
        file_tell_found(fence, (uint32_t)found, (uint32_t)(kept - found));
}

/* Adds the hits of candidates [begin, end), whose blocks are in memory or held, and rows
 * of these. */
static enum spine_status
find_keys(const struct probe_search *search, const struct held_blocks *held, size_t begin,
          size_t end)
{
    struct found_hits *const out = search->out;
    const size_t before = out->count;
    struct probe_find find = {.batch = search->batch,
                              .held = held,
                              .keys = search->keys,
                              .candidates = search->candidates + begin,
                              .count = end - begin};

    assert(begin <= end);
    assert(end <= search->count);
    if (search->keys->ends != NULL)
        out->count += batch_find_ranges(&find, out->hits + before);
    else
        out->count += search->keys->cells == NULL
                          ? batch_find_words(&find, out->hits + before)
                          : batch_find_cells(&find, out->hits + before);
    return batch_stage_hits(search->batch, search->keys, held, before, out);
}

/* The key of candidate `at`. */
static struct cell
candidate_cell(const struct probe_search *search, size_t at)
{
    const uint32_t key = search->candidates[at];

    if (search->keys->cells != NULL)
        return search->keys->cells[key];
    return (struct cell){.word = search->keys->words[key]};
}
