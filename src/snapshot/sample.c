/* SPDX-License-Identifier: MIT */

/*
 * Sampling by rejection: an occurrence of a key in some batch is drawn, each as likely as
 * the other; a key that has m occurrences is then accepted with probability 1/m, so every
 * key is equally likely, and dropped if its rows cancel. What repeats is drawn again.
 *
 * When the sample is a large part of all keys, or draws are mostly in vain, two scans
 * select from all live keys instead (Knuth, The Art of Computer Programming 2, 3.4.2,
 * algorithm S). Either way every set is equally likely, so giving up one for the other is
 * harmless.
 */

#include "spine/sample.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/random.h"
#include "snapshot/snapshot.h"

/* A draw is worth this many keys of a scan. */
#define SCAN_KEYS_PER_DRAW 16u
/* Draws for each key wanted before the scan takes over. */
#define DRAWS_PER_KEY 8u
#define DRAWS_MIN 64u
/* Sampled keys for each part of a partition: the size of a part is then off by 4 % (one
 * in sqrt(n)). */
#define PARTITION_KEYS 600u

/* The occurrences of keys: those of block i end at ends[i]. */
struct occurrences {
    const struct spine_snapshot *snapshot;
    struct occurrence_block {
        struct spine_batch *batch;
        size_t block;
        uint64_t end;
    } * blocks;
    size_t block_count;
    uint64_t count;
};

/* What both ways of sampling work with. */
struct sampler {
    struct spine_snapshot *snapshot;
    struct spine_schema key_schema;
    struct spine_cursor *cursor;
    struct occurrences occurrences;
    struct rows row; /* room for one */
    /* Where that row is from, which may borrow from what this holds. */
    struct reader reader;
    struct spine_error unread;
    struct random random;
};

static enum spine_status sampler_init(struct sampler *sampler,
                                      struct spine_snapshot *snapshot, uint64_t seed,
                                      struct spine_error *error);
static void sampler_release(struct sampler *sampler);
static enum spine_status occurrences_init(struct occurrences *occurrences,
                                          struct spine_snapshot *snapshot,
                                          struct spine_error *error);
static enum spine_status draw_keys(struct sampler *sampler, uint64_t count,
                                   struct spine_batch **out, struct spine_error *error);
static enum spine_status draw_round(struct sampler *sampler,
                                    struct spine_batcher *batcher, uint64_t draws,
                                    struct spine_error *error);
static enum spine_status
draw_occurrence(struct sampler *sampler, union spine_datum *out, uint8_t *scratch);
static enum spine_status is_accepted(struct sampler *sampler, union spine_datum key,
                                     bool *out, struct spine_error *error);
static enum spine_status has_key(const struct spine_batch *batch, const struct cell *key,
                                 bool *out, struct spine_error *error);
static enum spine_status add_keys_of(struct spine_batcher *batcher,
                                     struct spine_batch *batch,
                                     struct spine_error *error);
static enum spine_status scan_keys(struct sampler *sampler, uint64_t count,
                                   struct spine_batch **out, struct spine_error *error);
static enum spine_status select_keys(struct sampler *sampler, struct spine_cursor *cursor,
                                     uint64_t live, uint64_t count,
                                     struct spine_batch **out, struct spine_error *error);
static enum spine_status every_nth_key(struct spine_batch *keys, uint64_t parts,
                                       struct spine_batch **out,
                                       struct spine_error *error);
static enum spine_status
live_key_count(struct spine_cursor *cursor, uint64_t *out, struct spine_error *error);

enum spine_status
spine_snapshot_sample(struct spine_snapshot *snapshot, uint64_t count, uint64_t seed,
                      struct spine_batch **out, struct spine_error *error)
{
    struct sampler sampler = {0};
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_snapshot_sample", "out");
    *out = NULL;
    if (snapshot == NULL)
        return fail_null(error, "spine_snapshot_sample", "snapshot");
    TRY(sampler_init(&sampler, snapshot, seed, error));
    if (count > 0 && count < sampler.occurrences.count / SCAN_KEYS_PER_DRAW)
        TRY(draw_keys(&sampler, count, out, error));
    if (*out == NULL)
        TRY(scan_keys(&sampler, count, out, error));
out:
    sampler_release(&sampler);
    return st;
}

enum spine_status
spine_snapshot_partition(struct spine_snapshot *snapshot, uint64_t parts, uint64_t seed,
                         struct spine_batch **out, struct spine_error *error)
{
    struct spine_batch *keys = NULL;
    uint64_t count;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_snapshot_partition", "out");
    *out = NULL;
    if (snapshot == NULL)
        return fail_null(error, "spine_snapshot_partition", "snapshot");
    if (parts == 0)
        return spine_fail(error, SPINE_INVALID, "partition: parts is 0");
    if (__builtin_mul_overflow(parts, (uint64_t)PARTITION_KEYS, &count))
        count = UINT64_MAX;
    TRY(spine_snapshot_sample(snapshot, count, seed, &keys, error));
    TRY(every_nth_key(keys, parts, out, error));
out:
    spine_batch_unref(keys);
    return st;
}

static enum spine_status
sampler_init(struct sampler *sampler, struct spine_snapshot *snapshot, uint64_t seed,
             struct spine_error *error)
{
    sampler->snapshot = snapshot;
    sampler->key_schema = (struct spine_schema){
        .key = snapshot->layout.schema.key,
        .key_tuple = snapshot->layout.schema.key_tuple,
    };
    sampler->random.state = seed;
    TRY_RETURN(occurrences_init(&sampler->occurrences, snapshot, error));
    if (!rows_reserve(&snapshot->layout, &sampler->row, 1))
        return fail_nomem(error, "a sampled row", sizeof(struct rows));
    return spine_snapshot_cursor(snapshot, &sampler->cursor, error);
}

static void
sampler_release(struct sampler *sampler)
{
    spine_cursor_close(sampler->cursor);
    rows_release(&sampler->snapshot->layout, &sampler->row);
    reader_release(&sampler->reader);
    mem_free(sampler->occurrences.blocks,
             sampler->occurrences.block_count * sizeof *sampler->occurrences.blocks);
}

static enum spine_status
occurrences_init(struct occurrences *occurrences, struct spine_snapshot *snapshot,
                 struct spine_error *error)
{
    size_t count = 0;

    occurrences->snapshot = snapshot;
    for (size_t i = 0; i < snapshot->batch_count; i++)
        count += snapshot->batches[i]->block_count;
    if (count == 0)
        return SPINE_OK;
    occurrences->blocks = mem_alloc_array(count, sizeof *occurrences->blocks);
    if (occurrences->blocks == NULL)
        return fail_nomem(error, "the occurrences of keys",
                          count * sizeof *occurrences->blocks);
    for (size_t i = 0; i < snapshot->batch_count; i++)
        for (size_t b = 0; b < snapshot->batches[i]->block_count; b++) {
            /* A key that goes on in a block has its occurrence where it began. */
            occurrences->count += batch_keys_begun(snapshot->batches[i], b);
            occurrences->blocks[occurrences->block_count++] = (struct occurrence_block){
                .batch = snapshot->batches[i], .block = b, .end = occurrences->count};
        }
    return SPINE_OK;
}

/* `count` keys by rejection; `*out` stays NULL when too many draws are in vain. */
static enum spine_status
draw_keys(struct sampler *sampler, uint64_t count, struct spine_batch **out,
          struct spine_error *error)
{
    struct spine_batch *found = NULL;
    struct spine_batcher *batcher = NULL;
    struct spine_cursor *cursor = NULL;
    uint64_t draws_left = count * DRAWS_PER_KEY + DRAWS_MIN;
    enum spine_status st;

    assert(count > 0);
    TRY(spine_batcher_new(&sampler->key_schema, &batcher, error));
    for (;;) {
        const uint64_t have = found != NULL ? found->info.rows : 0;
        const uint64_t draws = count - have + DRAWS_MIN / 2;

        if (have >= count || draws > draws_left)
            break;
        draws_left -= draws;
        if (found != NULL)
            TRY(add_keys_of(batcher, found, error));
        TRY(draw_round(sampler, batcher, draws, error));
        spine_batch_unref(found);
        found = NULL;
        TRY(spine_batcher_seal(batcher, &found, error));
    }
    /* The last round may have brought more than are wanted: some of them, then. */
    if (found != NULL && found->info.rows >= count) {
        TRY(spine_batch_cursor(found, &cursor, error));
        TRY(select_keys(sampler, cursor, found->info.rows, count, out, error));
    }
out:
    spine_cursor_close(cursor);
    spine_batcher_free(batcher);
    spine_batch_unref(found);
    return st;
}

static enum spine_status
draw_round(struct sampler *sampler, struct spine_batcher *batcher, uint64_t draws,
           struct spine_error *error)
{
    for (uint64_t i = 0; i < draws; i++) {
        struct spine_row row = {.weight = 1};
        uint8_t scratch[16];
        bool accepted;
        const enum spine_status st = draw_occurrence(sampler, &row.key, scratch);
        if (st != SPINE_OK)
            return fail_by(error, &sampler->unread, st, "no memory for a sampled row");
        TRY_RETURN(is_accepted(sampler, row.key, &accepted, error));
        if (accepted)
            TRY_RETURN(spine_batcher_add(batcher, &row, error));
    }
    return SPINE_OK;
}

/* The key at an occurrence that is as likely as every other. */
static enum spine_status
draw_occurrence(struct sampler *sampler, union spine_datum *out, uint8_t *scratch)
{
    const struct occurrences *occurrences = &sampler->occurrences;
    const struct layout *layout = &sampler->snapshot->layout;
    const uint64_t occurrence = random_below(&sampler->random, occurrences->count);
    size_t begin = 0, end = occurrences->block_count;
    struct reader *reader = &sampler->reader;

    /* The first block that ends after the occurrence. */
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;

        if (occurrences->blocks[middle].end > occurrence)
            end = middle;
        else
            begin = middle + 1;
    }
    const struct occurrence_block *block = &occurrences->blocks[begin];
    const uint64_t first = begin > 0 ? occurrences->blocks[begin - 1].end : 0;

    reader_release(reader);
    reader_init(reader, block->batch);
    reader->error = &sampler->unread;
    TRY_RETURN(reader_to_key(reader, block->block, (uint32_t)(occurrence - first)));
    sampler->row.count = 0;
    TRY_RETURN(reader_stage(reader, &sampler->row, 1));
    *out = rows_key_datum(layout, &sampler->row, 0, scratch);
    return SPINE_OK;
}

/* Accepts a key with m occurrences once in m times, if it is live. */
static enum spine_status
is_accepted(struct sampler *sampler, union spine_datum key, bool *out,
            struct spine_error *error)
{
    const struct spine_snapshot *snapshot = sampler->snapshot;
    uint64_t occurrences = 0;
    struct cell cell;

    TRY_RETURN(cell_of_datum(&snapshot->layout.key, key, &cell, error));
    for (size_t i = 0; i < snapshot->batch_count; i++) {
        bool found;

        TRY_RETURN(has_key(snapshot->batches[i], &cell, &found, error));
        occurrences += found;
    }
    assert(occurrences > 0);
    *out = random_below(&sampler->random, occurrences) == 0 &&
           spine_cursor_seek_key_exact(sampler->cursor, key);
    return spine_cursor_error(sampler->cursor, error);
}

static enum spine_status
has_key(const struct spine_batch *batch, const struct cell *key, bool *out,
        struct spine_error *error)
{
    struct reader reader;
    uint64_t begin;
    enum spine_status st;

    reader_init(&reader, batch);
    reader.error = error;
    TRY(reader_seek(&reader, key, NULL));
    begin = reader_offset(&reader);
    TRY(reader_seek_after(&reader, key, NULL));
    *out = reader_offset(&reader) > begin;
out:
    reader_release(&reader);
    return st;
}

static enum spine_status
add_keys_of(struct spine_batcher *batcher, struct spine_batch *batch,
            struct spine_error *error)
{
    struct spine_cursor *cursor = NULL;
    enum spine_status st;

    TRY(spine_batch_cursor(batch, &cursor, error));
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor)) {
        const struct spine_row row = {.key = spine_cursor_key(cursor), .weight = 1};

        TRY(spine_batcher_add(batcher, &row, error));
    }
    TRY(spine_cursor_error(cursor, error));
out:
    spine_cursor_close(cursor);
    return st;
}

static enum spine_status
scan_keys(struct sampler *sampler, uint64_t count, struct spine_batch **out,
          struct spine_error *error)
{
    uint64_t live;

    TRY_RETURN(live_key_count(sampler->cursor, &live, error));
    return select_keys(sampler, sampler->cursor, live, count, out, error);
}

static enum spine_status
live_key_count(struct spine_cursor *cursor, uint64_t *out, struct spine_error *error)
{
    *out = 0;
    for (spine_cursor_rewind(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor))
        ++*out;
    return spine_cursor_error(cursor, error);
}

/* A batch of min(count, live) of the `live` keys of the cursor. */
static enum spine_status
select_keys(struct sampler *sampler, struct spine_cursor *cursor, uint64_t live,
            uint64_t count, struct spine_batch **out, struct spine_error *error)
{
    struct spine_builder *builder = NULL;
    uint64_t left = live;
    uint64_t wanted = count < live ? count : live;
    enum spine_status st;

    TRY(spine_builder_new(&sampler->key_schema, &builder, error));
    spine_cursor_rewind(cursor);
    for (; wanted > 0 && spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor)) {
        const struct spine_row row = {.key = spine_cursor_key(cursor), .weight = 1};

        if (random_below(&sampler->random, left--) >= wanted)
            continue;
        TRY(spine_builder_add(builder, &row, error));
        wanted--;
    }
    TRY(spine_cursor_error(cursor, error));
    TRY(spine_builder_seal(builder, out, error));
out:
    spine_builder_free(builder);
    return st;
}

/* The first keys of parts 2, 3, ... when `keys` are split evenly: keys 1 * n / parts, 2 *
 * n / parts, ... */
static enum spine_status
every_nth_key(struct spine_batch *keys, uint64_t parts, struct spine_batch **out,
              struct spine_error *error)
{
    const uint64_t count = keys->info.rows;
    struct spine_builder *builder = NULL;
    struct spine_cursor *cursor = NULL;
    uint64_t part = 1;
    uint64_t at = 0;
    enum spine_status st;

    assert(parts > 0);
    /* More parts than keys: every key but the first begins one. */
    if (parts > count)
        parts = count > 0 ? count : 1;
    TRY(spine_builder_new(&keys->layout.schema, &builder, error));
    TRY(spine_batch_cursor(keys, &cursor, error));
    for (; part < parts && spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor), at++) {
        const struct spine_row row = {.key = spine_cursor_key(cursor), .weight = 1};

        if (at < part * count / parts)
            continue;
        TRY(spine_builder_add(builder, &row, error));
        part++;
    }
    TRY(spine_cursor_error(cursor, error));
    TRY(spine_builder_seal(builder, out, error));
out:
    spine_cursor_close(cursor);
    spine_builder_free(builder);
    return st;
}
