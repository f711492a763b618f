/* SPDX-License-Identifier: MIT */

/*
 * Many sorted keys in one batch: the marks or fences give the block of each key, blocks
 * that are not in memory are asked for together, and each block is searched for all its
 * keys.
 */

#include "batch/marks.h"

#include "base/assert.h"
#include "base/copy_cell.h"
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
    /* The filter of a file that was asked last. */
    struct asked_lookup asked;
};

/* The block that is looked into, if it is elsewhere. */
struct held_block {
    const struct fence *fence;
    struct pin pin;
};

static enum spine_status
probe_elsewhere(struct probe_search *search, struct hit *hits, size_t *hit_count);
static enum spine_status find_blocks(struct probe_search *search, size_t *at,
                                     size_t *kept, struct held_blocks *held);
static inline bool is_in_same_block(const struct reader *reader, const struct cell *key);
static inline void search_prefetch(const struct probe_search *search, size_t at);
static enum spine_status search_ask_file(struct probe_search *search,
                                         const struct fence *fence,
                                         const struct cell *key, bool *is_candidate);
static void search_tell_file(const struct probe_search *search,
                             const struct held_blocks *held, size_t kept, size_t found);
static size_t find_keys(const struct probe_search *search, const struct held_blocks *held,
                        size_t begin, size_t end, struct hit *hits);
static struct cell candidate_cell(const struct probe_search *search, size_t at);
static enum spine_status hold_block(struct held_block *held, const struct fence *fence,
                                    struct spine_error *error,
                                    const struct image **image);
static inline bool goes_on(const struct spine_batch *batch, const struct hit *hit);
static inline enum spine_status
probe_keep_cells(const struct layout *layout, const struct pin *pin,
                 const struct probe_keys *keys, struct rows *out, size_t begin);

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

    assert(keys->count > 0);
    *begin = *end = 0;
    if (batch->info.rows == 0 ||
        cell_of_datum(keys->column, batch->info.key_min, &min, NULL) != SPINE_OK ||
        cell_of_datum(keys->column, batch->info.key_max, &max, NULL) != SPINE_OK)
        return;
    *begin = key_bound(keys, 0, &min, false);
    *end = key_bound(keys, *begin, &max, true);
}

enum spine_status
batch_probe(const struct spine_batch *batch, const struct probe_keys *keys,
            uint32_t *candidates, size_t count, struct hit *hits, size_t *hit_count)
{
    struct probe_search search = {
        .batch = batch, .keys = keys, .candidates = candidates, .count = count};

    *hit_count = 0;
    if (batch->info.rows == 0 || count == 0)
        return SPINE_OK;
    switch (keys->column->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
    case SHAPE_WORD8:
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        if (batch->elsewhere)
            return probe_elsewhere(&search, hits, hit_count);
        *hit_count = find_keys(&search, NULL, 0, count, hits);
        return SPINE_OK;
    }
    /* Without keys all rows belong to the one there is. */
    hits[0] = (struct hit){
        .key = candidates[0], .end = (uint16_t)batch->fences[0].rows, .staged = HIT_NONE};
    *hit_count = 1;
    return SPINE_OK;
}

/* Some keys at a time, whose blocks are pinned together. Those that files rule out leave
 * the candidates. */
static enum spine_status
probe_elsewhere(struct probe_search *search, struct hit *hits, size_t *hit_count)
{
    struct held_blocks held = {0};
    size_t at = 0;
    enum spine_status st = SPINE_OK;

    assert(search->batch->elsewhere);
    while (at < search->count) {
        const size_t begin = at;
        size_t kept, found;

        TRY(find_blocks(search, &at, &kept, &held));
        TRY(held_pin(search->batch, &held, search->keys->error));
        found = find_keys(search, &held, begin, begin + kept, hits + *hit_count);
        if (search->batch->in_files)
            search_tell_file(search, &held, kept, found);
        held_unpin(&held);
        *hit_count += found;
    }
out:
    held_unpin(&held);
    asked_lookup_release(&search->asked);
    return st;
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
        if (search->batch->in_files)
            TRY_RETURN(search_ask_file(search, &search->batch->fences[reader.block], &key,
                                       &is_candidate));
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

/* May the block of the fence have the key, as its file says, if it is in one? */
static enum spine_status
search_ask_file(struct probe_search *search, const struct fence *fence,
                const struct cell *key, bool *is_candidate)
{
    enum file_answer answer;

    if (fence->block != NULL)
        return SPINE_OK;
    TRY_RETURN(file_ask(&search->asked, fence, search->keys->column, key, &answer,
                        search->keys->error));
    *is_candidate = answer != FILE_RULES_OUT;
    if (!*is_candidate)
        file_tell_found(fence, 0, 1);
    asked_lookup_count(&search->asked, answer, search->keys->counts);
    return SPINE_OK;
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

/* The hits of candidates [begin, end), whose blocks are in memory or held. */
static size_t
find_keys(const struct probe_search *search, const struct held_blocks *held, size_t begin,
          size_t end, struct hit *hits)
{
    struct probe_find find = {.batch = search->batch,
                              .held = held,
                              .keys = search->keys,
                              .candidates = search->candidates + begin,
                              .count = end - begin};

    assert(begin <= end);
    assert(end <= search->count);
    return search->keys->cells == NULL ? batch_find_words(&find, hits)
                                       : batch_find_cells(&find, hits);
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

/* Are rows two words of eight bytes? */
static bool
rows_are_pairs(const struct layout *layout)
{
    return layout->row_kind == ROW_TWO && layout->key.shape == SHAPE_WORD8 &&
           layout->value.shape == SHAPE_WORD8;
}

/*
 * Rows of one key that are pairs: what image_stage() would do, without asking. Every row
 * has a value of its own. False, and nothing done, for rare weights.
 */
static inline bool
stage_pairs(const struct image *image, uint64_t key, const struct hit *hit,
            struct rows *out)
{
    const size_t to = out->count, count = (size_t)(hit->end - hit->begin);
    const uint64_t *values = image_array(image, PART_VALUE_CELLS);
    const int8_t *weights = image_array(image, PART_WEIGHTS);
    const bool framed = image_has(image, IMAGE_VALUES_FRAMED);

    if (image->weight_bytes > 1 || image_has(image, IMAGE_WEIGHTS_FRAMED))
        return false;
    for (size_t i = 0; i < count; i++) {
        out->hi[to + i] = key;
        out->lo[to + i] = framed ? frame_word(&image->value_frame, hit->begin + i)
                                 : values[hit->begin + i];
        out->weight[to + i] = image->weight_bytes == 0 ? 1 : weights[hit->begin + i];
    }
    out->count += count;
    return true;
}

/* Values of up to this many bytes are copied while they are near. */
#define COPY_BYTES_MAX 256u

/* Are rows wide ones of a value that is bytes, one weight and no time? */
static bool
rows_are_plain_bytes(const struct layout *layout)
{
    return layout->row_kind == ROW_WIDE && layout->value.spans && !layout->timed &&
           layout->weight_count == 1;
}

/*
 * The only row of a key, as rows_are_plain_bytes(): what image_stage_hit() would do,
 * without asking. False, and nothing done, for what is rare, or has no memory yet.
 */
static inline bool
stage_plain_bytes(const struct layout *layout, const struct image *image,
                  const struct cell *key, const struct hit *hit, struct arena *copies,
                  struct rows *out)
{
    const int8_t *const weights = image_array(image, PART_WEIGHTS);
    const size_t at = hit->begin, to = out->count;
    struct column values;
    struct span value;

    if (hit->end != at + 1 || image->at[PART_ENDS_OF_TIMES] != 0 ||
        image->weight_bytes > 1 || image_has(image, IMAGE_WEIGHTS_FRAMED))
        return false;
    values = image_values(image);
    value = column_span(&layout->value, &values, at);
    if (value.size - 1 >= COPY_BYTES_MAX || value.size > copies->left)
        return false;
    out->hi[to] = key->word;
    if (layout->key.spans)
        out->key[to] = key->span;
    out->lo[to] = cell_prefix(value.data, value.size);
    out->value[to] = (struct span){copies->at, value.size};
    copy_cell(copies->at, value.data, value.size, COPY_FEW_PIECES);
    arena_take(copies, value.size);
    out->weight[to] = image->weight_bytes == 0 ? 1 : weights[at];
    out->count = to + 1;
    return true;
}

static inline enum spine_status
stage_wide_hit(const struct image *image, const struct probe_keys *keys,
               const struct hit *hit, bool stays, struct rows *out,
               const struct layout *layout)
{
    const struct cell word = {.word = keys->words[hit->key]};
    const struct hit_rows rows = {.key = keys->cells != NULL ? &keys->cells[hit->key]
                                                             : &word,
                                  .begin = hit->begin,
                                  .end = hit->end,
                                  .copy_max = stays ? COPY_BYTES_MAX : SIZE_MAX};

    return image_stage_hit(layout, image, &rows, keys->arena, out);
}

enum spine_status
batch_stage_hits(const struct spine_batch *batch, const struct probe_keys *keys,
                 struct hit *hits, size_t count, struct rows *out, size_t rows_max)
{
    const struct layout *layout = &batch->layout;
    const bool pairs = rows_are_pairs(layout);
    const bool wide = layout->row_kind == ROW_WIDE;
    const bool plain_bytes = rows_are_plain_bytes(layout) && keys->cells != NULL;
    struct held_block held = {0};
    enum spine_status st = SPINE_OK;

    for (size_t i = 0; i < count; i++) {
        struct hit *hit = &hits[i];
        const struct fence *fence = &batch->fences[hit->block];
        const struct image *image;

        if (hit->end - hit->begin > (int)HIT_ROWS_MAX || out->count >= rows_max ||
            goes_on(batch, hit))
            continue;
        if (fence->block != NULL)
            image = block_image(fence->block);
        else
            TRY(hold_block(&held, fence, keys->error, &image));
        if (out->capacity - out->count < HIT_ROWS_MAX &&
            !rows_reserve(layout, out, out->count + HIT_ROWS_MAX)) {
            st = SPINE_NOMEM;
            break;
        }
        hit->staged = (uint32_t)out->count;
        if (pairs && stage_pairs(image, keys->words[hit->key], hit, out))
            continue;
        if (plain_bytes && stage_plain_bytes(layout, image, &keys->cells[hit->key], hit,
                                             keys->arena, out))
            continue;
        st = wide ? stage_wide_hit(image, keys, hit, fence->block != NULL, out, layout)
                  : image_stage(layout, image, hit->begin, hit->end, keys->arena, out);
        if (st != SPINE_OK)
            TRY(fail_nomem(keys->error, "the cells of a probe", keys->arena->bytes));
    }
out:
    pin_release(&held.pin);
    return st;
}

/* Pins the block of the fence instead of the one before. */
static __attribute__((noinline)) enum spine_status
hold_block(struct held_block *held, const struct fence *fence, struct spine_error *error,
           const struct image **image)
{
    if (held->fence != fence) {
        pin_release(&held->pin);
        held->fence = NULL;
        /* Finding the hits has counted it as wanted. */
        TRY_RETURN(fence_pin(fence, PIN_TO_MERGE, &held->pin, error));
        held->fence = fence;
    }
    *image = held->pin.image;
    return SPINE_OK;
}

enum spine_status
batch_stage_hit(const struct spine_batch *batch, const struct probe_keys *keys,
                const struct hit *hit, size_t count, struct rows *out)
{
    const struct layout *layout = &batch->layout;
    const uint32_t end = hit->begin + (uint32_t)count;
    const size_t before = out->count;
    struct pin pin;
    enum spine_status st = SPINE_OK;

    assert(end <= hit->end);
    TRY_RETURN(fence_pin(&batch->fences[hit->block], PIN_TO_MERGE, &pin, keys->error));
    if (keys->plain && layout_has_marks(layout))
        image_stage_key(layout, pin.image, keys->words[hit->key], hit->begin, end, out);
    else if (image_stage(layout, pin.image, hit->begin, end, keys->arena, out) !=
             SPINE_OK)
        TRY(fail_nomem(keys->error, "the cells of a probe", keys->arena->bytes));
    st = probe_keep_cells(layout, &pin, keys, out, before);
out:
    pin_release(&pin);
    return st;
}

enum spine_status
batch_hit_next(const struct spine_batch *batch, const struct probe_keys *keys,
               struct hit *hit)
{
    struct pin pin;
    uint32_t begin, end;

    if (!goes_on(batch, hit))
        return SPINE_OK;
    TRY_RETURN(fence_pin(&batch->fences[hit->block + 1], PIN_TO_READ, &pin, keys->error));
    hit->block++;
    hit->begin = 0;
    image_key_rows(pin.image, 0, &begin, &end);
    hit->end = (uint16_t)end;
    pin_release(&pin);
    return SPINE_OK;
}

/* Has the hit's key rows in the next block, too? */
static inline bool
goes_on(const struct spine_batch *batch, const struct hit *hit)
{
    const struct fence *fence = &batch->fences[hit->block];

    return hit->end == fence->rows && hit->block + 1 < batch->block_count &&
           fence[1].continues;
}

/* Rows from `begin` on, of a block that does not stay, get cells of their own. */
static inline enum spine_status
probe_keep_cells(const struct layout *layout, const struct pin *pin,
                 const struct probe_keys *keys, struct rows *out, size_t begin)
{
    if (pin->keeper == NULL || arena_copy_rows(keys->arena, layout, out, begin))
        return SPINE_OK;
    return fail_nomem(keys->error, "the cells of a probe", keys->arena->bytes);
}
