/* SPDX-License-Identifier: MIT */
#ifndef PROBE_PROBE_STATE_H
#define PROBE_PROBE_STATE_H

/*
 * probe/probe_state -- what a probe has between its steps.
 *
 *     probe.c           the public calls
 *     probe_keys.c      the caller's keys, checked and normalised
 *     probe_columns.c   rows as the caller's columns
 *     probe_fill.c      the driver: which step is next
 *     probe_search.c    a chunk of keys in all batches: hits
 *     probe_merge.c     the rows of keys that several batches have, merged
 *     probe_whole.c     the same of keys that are given whole
 *     probe_rows.c      the rows of one hit
 *     probe_own.c       the batch whose keys are looked up, read some rows at a time
 *     probe_matches.c   its rows beside those found
 */

#include "probe/probe.h"
#include "probe/probe_own.h"

/* Keys that go through all batches together: their hits fit into a processor's cache. */
#define CHUNK_KEYS 2048u
/* Rows of a chunk that are staged right after a search, at most. */
#define STAGED_ROWS_MAX (1u << 18)
/* A call that need not give all ends with a chunk that has copied as many bytes: rows
 * borrow them until the call after it, and so the next chunk would keep them, too. */
#define KEPT_BYTES_MAX (1u << 20)

/* The rows of one hit of a key, which begin at `begin` of the rows to give. */
struct probe_run {
    size_t begin;
    uint32_t hit;
};

/* Where the merge gets the rows of one batch. */
struct probe_source {
    struct spine_probe *probe;
    /* The batch's hits that are not staged yet. */
    size_t hit;
    size_t hit_end;
};

struct spine_probe {
    /* What it holds. */
    struct account_share share;
    /* The layout that the memory below is for. */
    struct layout layout;
    bool has_layout;
    struct spine_probe_options options;
    /* Rows are added up over the times through options.through: all go through the
     * merge. */
    bool has_through;
    /* Ranges are asked for: keys are where they begin. */
    bool ranges;
    /* Every key is given whole, and its rows differ in one word alone: no k-way merge. */
    bool whole;

    /* References, until everything was given. */
    struct spine_batch **batches;
    size_t batch_count;
    size_t batch_capacity;
    struct lookup_ledger *ledger;

    /* All keys: their words, or cells that borrow from the caller. */
    struct layout key_layout;
    struct rows key_rows;
    struct cell *cells;
    size_t cell_capacity;
    size_t key_count;
    /* Where ranges end: that many have an end. */
    struct cell *range_ends;
    size_t range_end_capacity;
    size_t range_end_count;

    /* The chunk: keys [chunk_begin, chunk_end). Its own indexes begin at 0. */
    size_t chunk_begin;
    size_t chunk_end;
    struct probe_keys keys;
    /* Arrays of `chunk_capacity` entries. Hashes are there when `hashed`. */
    size_t chunk_capacity;
    bool hashed;
    uint64_t *hashes;
    uint64_t *words;
    uint32_t *candidates;
    /* Keys that options.filter rejects. */
    bool *hidden;
    /* The first of each key's hits; hits of a key are chained by `next`. */
    uint32_t *heads;
    /* What rows of a hit are given already is no longer in it. */
    struct hit *hits;
    size_t hit_count;
    size_t hit_capacity;
    /* Rows of hits that have few. */
    struct rows staged;
    /* Cells of rows whose block does not stay; what could not be read, or not be added
     * up. */
    struct arena cells_kept;
    struct spine_error failure;
    /* Of each batch, where its hits begin; one more for the end. */
    size_t *hit_begins;
    size_t hit_begin_capacity;
    /* Keys with more than one hit. */
    size_t shared_keys;

    /* The merge of hits that are not alone: an input per batch that has one. */
    struct kway kway;
    struct kway_input *inputs;
    struct probe_source *sources;
    size_t input_capacity;
    struct rows merged;
    size_t merged_at;
    /* Runs of a key that is given whole; `merged` is room to merge them. */
    struct probe_run *runs;
    size_t run_capacity;

    /* The next key to give, or to go on with. */
    size_t key;
    /* What a call gives. */
    struct rows rows;
    uint64_t row_count;
    /* The bytes of the cells of the first `bytes_rows` rows. */
    uint64_t bytes;
    size_t bytes_rows;
    uint64_t *ends;
    size_t end_count;
    size_t end_capacity;
    size_t found;
    uint8_t *value_cells;
    size_t value_capacity;
    uint64_t *value_offsets;
    size_t offset_capacity;
    /* The same of the keys of ranges. */
    uint8_t *key_cells;
    size_t key_cell_capacity;
    uint64_t *key_offsets;
    size_t key_offset_capacity;

    struct probe_own own;

    struct lookup_counts counts;
};

/* Forgets the keys and the batches, but no memory. */
void probe_let_go(struct spine_probe *probe);
/* Keeps what is needed for all keys of a probe. SPINE_INVALID, SPINE_NOMEM. */
enum spine_status probe_prepare(struct spine_probe *probe,
                                const struct probe_input *input,
                                struct spine_error *error);
/* Looks keys up, which are borrowed until the last of their rows was given: the first
 * rows. */
enum spine_status probe_ask(struct spine_probe *probe, const struct spine_columns *keys,
                            struct spine_probe_rows *out, struct spine_error *error);
/* The same of ranges. */
enum spine_status
probe_ask_ranges(struct spine_probe *probe, const struct spine_key_ranges *ranges,
                 struct spine_probe_rows *out, struct spine_error *error);
/* The next rows of these keys. */
enum spine_status probe_give(struct spine_probe *probe, struct spine_probe_rows *out,
                             struct spine_error *error);

/* Takes the keys in. SPINE_INVALID, SPINE_NOMEM. */
enum spine_status probe_take_keys(struct spine_probe *probe,
                                  const struct spine_columns *keys,
                                  struct spine_error *error);
/* The same of ranges. */
enum spine_status probe_take_ranges(struct spine_probe *probe,
                                    const struct spine_key_ranges *ranges,
                                    struct spine_error *error);
/* Where range `at` of the chunk ends; NULL: nowhere. */
const struct cell *probe_range_end(const struct spine_probe *probe, size_t at);
/* Key `at` of the chunk. */
struct cell probe_key(const struct spine_probe *probe, size_t at);

/* Searches all batches for the next chunk of keys. SPINE_NOMEM. */
enum spine_status probe_search(struct spine_probe *probe);
void probe_search_release(struct spine_probe *probe);
/* Are the rows of that hit given as they are, without a merge: is it the only one of its
 * key? */
static inline bool
probe_hit_alone(const struct spine_probe *probe, size_t hit)
{
    return !probe->has_through && probe->heads[probe->hits[hit].key] == hit &&
           probe->hits[hit].next == HIT_NONE;
}

/* Prepares the merge of the chunk's keys that several batches have. SPINE_NOMEM. */
enum spine_status probe_merge_begin(struct spine_probe *probe);
void probe_merge_release(struct spine_probe *probe);
/* Gives merged rows of key `key` of the chunk, as many as there are (`*done`) or `room`
 * allows. SPINE_NOMEM, SPINE_OVERFLOW. */
enum spine_status
probe_give_merged(struct spine_probe *probe, size_t key, size_t room, bool *done);
/* Moves the hit's first rows to the end of `out`, which has room. The hit goes on in the
 * next block if its key does; `*left` are its rows there. */
SPINE_CHECKED enum spine_status probe_take_rows(struct spine_probe *probe,
                                                struct hit *hit, size_t count,
                                                struct rows *out, size_t *left);
/* The same without the rows. */
SPINE_CHECKED enum spine_status
probe_skip_rows(struct spine_probe *probe, struct hit *hit, size_t count, size_t *left);
/* Gives all keys of the chunk that are left; there is room for their ends.
 * SPINE_NOMEM, SPINE_OVERFLOW. */
enum spine_status probe_give_whole(struct spine_probe *probe);

/* The columns of the rows to give: values, times, weights, and the keys of ranges.
 * SPINE_NOMEM. */
enum spine_status probe_columns(struct spine_probe *probe, struct spine_columns *out);
void probe_columns_release(struct spine_probe *probe);

/* Fills `rows` and `ends` with what the next call gives. SPINE_NOMEM, SPINE_OVERFLOW. */
enum spine_status probe_fill(struct spine_probe *probe);

#endif
