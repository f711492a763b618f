/* SPDX-License-Identifier: MIT */

/*
 * The search of a probe: a chunk of its keys is hashed once, and asked of each batch
 * together, first of its filter and then of its blocks. The hits of each key are chained
 * from batch to batch.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "probe/probe_state.h"

static enum spine_status begin_chunk(struct spine_probe *probe);
static size_t chunk_keys_max(const struct spine_probe *probe);
static bool reserve_chunk(struct spine_probe *probe, size_t count);
static void free_chunk(struct spine_probe *probe);
static enum spine_status search_batch(struct spine_probe *probe, size_t at);
static enum spine_status search_ranges(struct spine_probe *probe, size_t at);
static size_t ask_filter(struct spine_probe *probe, const struct lookup *lookup,
                         size_t begin, size_t end);
static uint64_t file_errors(const struct lookup_counts *now,
                            const struct lookup_counts *before, uint64_t absent);
static void hash_keys(struct spine_probe *probe);
static void hide_keys(struct spine_probe *probe);
static size_t drop_hidden(struct spine_probe *probe, size_t count);
static void chain_hits(struct spine_probe *probe, uint32_t batch);

enum spine_status
probe_search(struct spine_probe *probe)
{
    TRY_RETURN(begin_chunk(probe));
    assert(probe->key < probe->chunk_end && probe->chunk_end <= probe->key_count);
    for (size_t i = 0; i < probe->batch_count; i++) {
        probe->hit_begins[i] = probe->hit_count;
        TRY_RETURN(probe->ranges ? search_ranges(probe, i) : search_batch(probe, i));
        chain_hits(probe, (uint32_t)i);
    }
    probe->hit_begins[probe->batch_count] = probe->hit_count;
    lookup_ledger_add(probe->ledger, &probe->counts);
    return SPINE_OK;
}

static enum spine_status
begin_chunk(struct spine_probe *probe)
{
    const struct layout *layout = &probe->key_layout;
    const size_t begin = probe->chunk_end;
    const size_t left = probe->key_count - begin;
    const size_t most = chunk_keys_max(probe);
    const size_t count = left < most ? left : most;

    assert(left > 0);
    if (!reserve_chunk(probe, count) ||
        !array_reserve(&probe->hit_begins, &probe->hit_begin_capacity,
                       sizeof *probe->hit_begins, probe->batch_count + 1))
        return SPINE_NOMEM;

    probe->chunk_begin = begin;
    probe->chunk_end = begin + count;
    probe->hashed = false;
    probe->hit_count = 0;
    probe->staged.count = 0;
    probe->shared_keys = 0;
    memset(probe->heads, 0xff, count * sizeof *probe->heads);
    static_assert(HIT_NONE == UINT32_MAX, "heads are set bytewise");
    /* Rows of the chunk before that are yet to be given may borrow from it. */
    if (probe->rows.count == 0)
        arena_reset(&probe->cells_kept);
    probe->keys = (struct probe_keys){.column = &layout->key,
                                      .count = count,
                                      .plain = probe->whole,
                                      .arena = &probe->cells_kept,
                                      .error = &probe->failure,
                                      .counts = &probe->counts};
    if (layout->key.shape == SHAPE_FIXED || layout->key.shape == SHAPE_BYTES) {
        probe->keys.cells = probe->cells + begin;
        for (size_t i = 0; i < count; i++)
            probe->words[i] = probe->keys.cells[i].word;
        probe->keys.words = probe->words;
    } else {
        probe->keys.words = probe->key_rows.hi + begin;
    }
    if (probe->options.filter != NULL)
        hide_keys(probe);
    if (probe->ranges) {
        const size_t ended = probe->range_end_count - begin;

        probe->keys.ends = probe->range_ends + begin;
        probe->keys.end_count = ended < count ? ended : count;
    }
    return SPINE_OK;
}

/* Fewer keys if their rows, which may have to be copied when they are found, are likely
 * to have more bytes than a call may give. */
static size_t
chunk_keys_max(const struct spine_probe *probe)
{
    uint64_t key_bytes = 1, keys;

    if (probe->options.bytes_max == 0)
        return CHUNK_KEYS;
    for (size_t i = 0; i < probe->batch_count; i++) {
        struct spine_batch_info info;

        spine_batch_get_info(probe->batches[i], &info);
        if (info.keys > 0)
            key_bytes += (info.bytes + info.storage_bytes) / info.keys;
    }
    keys = probe->options.bytes_max / key_bytes;
    return keys > CHUNK_KEYS ? CHUNK_KEYS : keys > 0 ? (size_t)keys : 1;
}

/* Asks the caller's filter about each key of the chunk. */
static void
hide_keys(struct spine_probe *probe)
{
    const struct spine_key_filter *filter = probe->options.filter;

    for (size_t i = 0; i < probe->keys.count; i++) {
        uint8_t scratch[16];
        union spine_datum key;

        if (probe->keys.cells != NULL)
            key = spine_data(probe->keys.cells[i].span.data,
                             probe->keys.cells[i].span.size);
        else
            key = rows_key_datum(&probe->key_layout, &probe->key_rows,
                                 probe->chunk_begin + i, scratch);
        probe->hidden[i] = !filter->on_key(filter->context, key);
    }
}

/* What the arrays held is lost. */
static bool
reserve_chunk(struct spine_probe *probe, size_t count)
{
    if (count <= probe->chunk_capacity)
        return true;
    free_chunk(probe);
    probe->chunk_capacity = count;
    probe->hashes = mem_alloc_array(count, sizeof *probe->hashes);
    probe->words = mem_alloc_array(count, sizeof *probe->words);
    probe->candidates = mem_alloc_array(count, sizeof *probe->candidates);
    probe->heads = mem_alloc_array(count, sizeof *probe->heads);
    probe->hidden = mem_alloc_array(count, sizeof *probe->hidden);
    if (probe->hashes != NULL && probe->words != NULL && probe->candidates != NULL &&
        probe->heads != NULL && probe->hidden != NULL)
        return true;
    free_chunk(probe);
    return false;
}

static void
free_chunk(struct spine_probe *probe)
{
    const size_t capacity = probe->chunk_capacity;

    mem_free(probe->hashes, capacity * sizeof *probe->hashes);
    mem_free(probe->words, capacity * sizeof *probe->words);
    mem_free(probe->candidates, capacity * sizeof *probe->candidates);
    mem_free(probe->heads, capacity * sizeof *probe->heads);
    mem_free(probe->hidden, capacity * sizeof *probe->hidden);
    probe->hidden = NULL;
    probe->hashes = probe->words = NULL;
    probe->candidates = probe->heads = NULL;
    probe->chunk_capacity = 0;
}

void
probe_search_release(struct spine_probe *probe)
{
    free_chunk(probe);
    mem_free(probe->hits, probe->hit_capacity * sizeof *probe->hits);
    mem_free(probe->hit_begins, probe->hit_begin_capacity * sizeof *probe->hit_begins);
}

/* Where the next hits go, and their rows. */
static struct found_hits
found_at_end(struct spine_probe *probe)
{
    struct found_hits found = {.hits = probe->hits + probe->hit_count};

    if (probe->options.want == SPINE_PROBE_ROWS) {
        found.staged = &probe->staged;
        found.staged_max = STAGED_ROWS_MAX;
    }
    return found;
}

static enum spine_status
search_batch(struct spine_probe *probe, size_t at)
{
    struct spine_batch *batch = probe->batches[at];
    const struct lookup *lookup = batch_lookup(batch);
    struct lookup_counts *counts = &probe->counts;
    struct lookup_counts before;
    size_t begin, end, candidates, absent;
    struct found_hits found;

    assert(at < probe->batch_count);
    batch_probe_range(batch, &probe->keys, &begin, &end);
    candidates = end - begin;
    counts->searches += probe->keys.count;
    counts->range_rejections += probe->keys.count - candidates;
    if (lookup != NULL)
        candidates = ask_filter(probe, lookup, begin, end);
    else
        for (size_t i = 0; i < candidates; i++)
            probe->candidates[i] = (uint32_t)(begin + i);
    if (probe->options.filter != NULL)
        candidates = drop_hidden(probe, candidates);
    if (candidates == 0)
        return SPINE_OK;
    if (!batch->elsewhere)
        batch_note_asked(batch, candidates);
    if (!array_reserve(&probe->hits, &probe->hit_capacity, sizeof *probe->hits,
                       probe->hit_count + candidates))
        return SPINE_NOMEM;

    before = *counts;
    found = found_at_end(probe);
    TRY_RETURN(batch_probe(batch, &probe->keys, probe->candidates, candidates, &found));
    probe->hit_count += found.count;
    absent = candidates - found.count;
    if (lookup != NULL)
        counts->filter_errors += absent;
    else if (batch->asks_files)
        counts->filter_errors += file_errors(counts, &before, absent);
    else
        batch_search_failed(batch, lookup_ledger_options(probe->ledger), absent);
    return SPINE_OK;
}

/* Ranges are not asked for in filters, which know single keys. */
static enum spine_status
search_ranges(struct spine_probe *probe, size_t at)
{
    struct spine_batch *const batch = probe->batches[at];
    struct found_hits found;
    size_t begin, end;

    assert(at < probe->batch_count);
    batch_probe_range(batch, &probe->keys, &begin, &end);
    for (size_t i = begin; i < end; i++)
        probe->candidates[i - begin] = (uint32_t)i;
    if (begin >= end)
        return SPINE_OK;
    if (!batch->elsewhere)
        batch_note_asked(batch, end - begin);
    if (!array_reserve(&probe->hits, &probe->hit_capacity, sizeof *probe->hits,
                       probe->hit_count + (end - begin)))
        return SPINE_NOMEM;
    found = found_at_end(probe);
    TRY_RETURN(batch_probe(batch, &probe->keys, probe->candidates, end - begin, &found));
    probe->hit_count += found.count;
    return SPINE_OK;
}

/* Of `absent` keys that were looked for in a batch in files, how many did their filters
 * not rule out: not more than are absent, when some were not asked. */
static uint64_t
file_errors(const struct lookup_counts *now, const struct lookup_counts *before,
            uint64_t absent)
{
    const uint64_t passes = now->filter_passes - before->filter_passes;
    const uint64_t left = absent - (now->filter_rejections - before->filter_rejections);

    return passes < left ? passes : left;
}

/* Of the keys [begin, end), those that may be there become candidates. */
static size_t
ask_filter(struct spine_probe *probe, const struct lookup *lookup, size_t begin,
           size_t end)
{
    size_t kept;

    assert(begin <= end);
    assert(end <= probe->keys.count);
    if (!probe->hashed)
        hash_keys(probe);
    kept = lookup_select(lookup, probe->keys.words, probe->hashes, begin, end,
                         probe->candidates);
    lookup_count(lookup, &probe->counts, end - begin - kept, kept);
    return kept;
}

/* Leaves those of `count` candidates that the caller's filter does not hide. */
static size_t
drop_hidden(struct spine_probe *probe, size_t count)
{
    size_t kept = 0;

    assert(count <= probe->keys.count);
    for (size_t i = 0; i < count; i++) {
        const uint32_t key = probe->candidates[i];

        probe->candidates[kept] = key;
        kept += !probe->hidden[key];
    }
    return kept;
}

/* Once for the filters of all batches. */
static void
hash_keys(struct spine_probe *probe)
{
    const struct probe_keys *keys = &probe->keys;

    if (keys->cells == NULL)
        lookup_mix_all(keys->words, keys->count, probe->hashes);
    else
        lookup_hash_all(keys->column, keys->cells, keys->count, probe->hashes);
    probe->hashed = true;
}

/* Puts the new hits, which are those of `batch`, in front of their keys' others. */
static void
chain_hits(struct spine_probe *probe, uint32_t batch)
{
    assert(batch < probe->batch_count);
    for (size_t i = probe->hit_begins[batch]; i < probe->hit_count; i++) {
        struct hit *hit = &probe->hits[i];

        hit->batch = batch;
        hit->next = probe->heads[hit->key];
        probe->heads[hit->key] = (uint32_t)i;
        probe->shared_keys += hit->next != HIT_NONE;
    }
}
