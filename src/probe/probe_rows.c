/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "probe/probe_state.h"

/* Rows that the merge makes at once. */
#define MERGE_WANT 1024u

static bool reserve_inputs(struct spine_probe *probe);
static void add_input(struct spine_probe *probe, size_t hit, size_t hit_end);
static enum spine_status refill(struct kway_input *input, size_t want);
static enum spine_status
stage_hit(struct kway_input *input, struct hit *hit, size_t room, size_t *left);
static enum spine_status give_key(struct spine_probe *probe, bool *done);
static enum spine_status
give_hit(struct spine_probe *probe, struct hit *hit, size_t room, bool *done);
static enum spine_status
give_merged(struct spine_probe *probe, size_t key, size_t room, bool *done);
static size_t room_left(const struct spine_probe *probe);

enum spine_status
probe_merge_begin(struct spine_probe *probe)
{
    probe->merged.count = probe->merged_at = 0;
    probe->kway.input_count = 0;
    if ((probe->shared_keys == 0 && !probe->has_through) || probe->whole)
        return SPINE_OK;
    if (!reserve_inputs(probe))
        return SPINE_NOMEM;
    probe->kway.layout = &probe->layout;
    probe->kway.inputs = probe->inputs;
    probe->kway.on_refill = refill;
    probe->kway.inputs_repeat = probe->has_through;
    for (size_t i = 0; i < probe->batch_count; i++)
        add_input(probe, probe->hit_begins[i], probe->hit_begins[i + 1]);
    return SPINE_OK;
}

/* An input for every batch. */
static bool
reserve_inputs(struct spine_probe *probe)
{
    const size_t count = probe->batch_count;

    if (count <= probe->input_capacity)
        return true;
    probe_merge_release(probe);
    probe->input_capacity = count;
    probe->inputs = mem_zalloc(count * sizeof *probe->inputs);
    probe->sources = mem_zalloc(count * sizeof *probe->sources);
    if (probe->inputs != NULL && probe->sources != NULL)
        return true;
    probe_merge_release(probe);
    return false;
}

/* Makes an input of the hits of one batch, unless it has none that needs a merge. */
static void
add_input(struct spine_probe *probe, size_t hit, size_t hit_end)
{
    struct kway_input *input = &probe->inputs[probe->kway.input_count];
    struct probe_source *source = &probe->sources[probe->kway.input_count];
    uint64_t rows = 0;

    for (size_t h = hit; h < hit_end; h++)
        if (!probe_hit_alone(probe, h))
            rows += (uint64_t)(probe->hits[h].end - probe->hits[h].begin);
    if (rows == 0)
        return;
    *source = (struct probe_source){.probe = probe, .hit = hit, .hit_end = hit_end};
    input->rows.count = input->at = 0;
    input->more = true;
    input->rows_left = rows;
    input->source = source;
    probe->kway.input_count++;
}

void
probe_merge_release(struct spine_probe *probe)
{
    const size_t capacity = probe->input_capacity;

    for (size_t i = 0; i < capacity && probe->inputs != NULL; i++)
        rows_release(&probe->layout, &probe->inputs[i].rows);
    mem_free(probe->inputs, capacity * sizeof *probe->inputs);
    mem_free(probe->sources, capacity * sizeof *probe->sources);
    probe->inputs = NULL;
    probe->sources = NULL;
    probe->input_capacity = 0;
    kway_release(&probe->kway);
}

/* Stages rows of the source's keys, leaving out those that no other batch has. */
static enum spine_status
refill(struct kway_input *input, size_t want)
{
    struct probe_source *source = input->source;
    struct spine_probe *probe = source->probe;
    struct rows *rows = &input->rows;
    const size_t enough = rows->count - input->at + want;
    enum spine_status st = SPINE_OK;

    rows_drop_front(&probe->layout, rows, input->at);
    input->at = 0;
    while (source->hit < source->hit_end && rows->count < enough) {
        size_t left = 0;

        if (!probe_hit_alone(probe, source->hit))
            TRY(stage_hit(input, &probe->hits[source->hit], enough - rows->count, &left));
        source->hit += left == 0;
    }
    while (source->hit < source->hit_end && probe_hit_alone(probe, source->hit))
        source->hit++;
    input->more = source->hit < source->hit_end;
out:
    return st;
}

/* Stages rows of a hit, no more than `room`; `*left` are those that are left. */
static enum spine_status
stage_hit(struct kway_input *input, struct hit *hit, size_t room, size_t *left)
{
    const struct probe_source *source = input->source;
    struct spine_probe *probe = source->probe;
    struct rows *rows = &input->rows;
    const size_t before = rows->count, there = (size_t)(hit->end - hit->begin);
    const size_t count = there < room ? there : room;
    enum spine_status st;

    if (!rows_reserve(&probe->layout, rows, before + count))
        return SPINE_NOMEM;
    TRY(probe_take_rows(probe, hit, count, rows, left));
    if (probe->has_through)
        rows_keep_through(&probe->layout, rows, before, probe->options.through);
    input->rows_left -= input->rows_left < count ? input->rows_left : count;
out:
    return st;
}

/* Appends rows [begin, end) of `from`; there is room. */
static inline void
append_rows(const struct spine_probe *probe, struct rows *to, const struct rows *from,
            size_t begin, size_t end)
{
    if (probe->layout.row_kind != ROW_WIDE && end - begin <= HIT_ROWS_MAX)
        probe_append_words(to, from, begin, end);
    else
        rows_append(&probe->layout, to, from, begin, end);
}

enum spine_status
probe_take_rows(struct spine_probe *probe, struct hit *hit, size_t count,
                struct rows *out, size_t *left)
{
    enum spine_status st = SPINE_OK;

    if (hit->staged != HIT_NONE)
        append_rows(probe, out, &probe->staged, hit->staged, hit->staged + count);
    else
        TRY(batch_stage_hit(probe->batches[hit->batch], &probe->keys, hit, count, out));
    TRY(probe_skip_rows(probe, hit, count, left));
out:
    return st;
}

enum spine_status
probe_skip_rows(struct spine_probe *probe, struct hit *hit, size_t count, size_t *left)
{
    enum spine_status st = SPINE_OK;

    assert(count <= (size_t)(hit->end - hit->begin));
    hit->begin = (uint16_t)(hit->begin + count);
    if (hit->staged != HIT_NONE)
        hit->staged += (uint32_t)count;
    else if (hit->begin == hit->end)
        st = batch_hit_next(probe->batches[hit->batch], &probe->keys, hit);
    *left = (size_t)(hit->end - hit->begin);
    return st;
}

enum spine_status
probe_fill(struct spine_probe *probe)
{
    enum spine_status st = SPINE_OK;
    bool done = true;

    probe->rows.count = 0;
    probe->row_count = 0;
    probe->end_count = 0;
    probe->found = 0;
    while (done && probe->key < probe->key_count && room_left(probe) > 0) {
        uint64_t rows_before;

        if (probe->key == probe->chunk_end)
            TRY(probe_search(probe));
        if (!array_reserve(&probe->ends, &probe->end_capacity, sizeof *probe->ends,
                           probe->end_count + (probe->chunk_end - probe->key)))
            return SPINE_NOMEM;
        if (probe->whole) {
            TRY(probe_give_whole(probe));
            continue;
        }
        rows_before = probe->row_count;
        TRY(give_key(probe, &done));
        probe->ends[probe->end_count++] = probe->row_count;
        probe->found += probe->row_count > rows_before;
        probe->key += done;
    }
out:
    return st;
}

/* Rows that the call may still give. */
static size_t
room_left(const struct spine_probe *probe)
{
    if (probe->options.want == SPINE_PROBE_COUNTS || probe->options.rows_max == 0)
        return SIZE_MAX;
    return probe->options.rows_max - probe->rows.count;
}

/* Gives rows of the present key, as many as there are (`*done`) or there is room for. */
static enum spine_status
give_key(struct spine_probe *probe, bool *done)
{
    const size_t key = probe->key - probe->chunk_begin;
    const uint32_t head = probe->heads[key];

    *done = true;
    if (head == HIT_NONE)
        return SPINE_OK;
    if (probe_hit_alone(probe, head))
        return give_hit(probe, &probe->hits[head], room_left(probe), done);
    return give_merged(probe, key, room_left(probe), done);
}

static enum spine_status
give_hit(struct spine_probe *probe, struct hit *hit, size_t room, bool *done)
{
    const bool counts_only = probe->options.want == SPINE_PROBE_COUNTS;
    size_t there = (size_t)(hit->end - hit->begin);
    enum spine_status st = SPINE_OK;

    while (there > 0 && room > 0) {
        const size_t count = there < room ? there : room;

        if (counts_only) {
            TRY(probe_skip_rows(probe, hit, count, &there));
        } else {
            if (!rows_reserve(&probe->layout, &probe->rows, probe->rows.count + count))
                return SPINE_NOMEM;
            TRY(probe_take_rows(probe, hit, count, &probe->rows, &there));
        }
        probe->row_count += count;
        room -= count;
    }
    *done = there == 0;
out:
    return st;
}

static enum spine_status
give_merged(struct spine_probe *probe, size_t key, size_t room, bool *done)
{
    const struct cell cell = probe_key(probe, key);
    struct rows *merged = &probe->merged;
    uint64_t rows_used = 0;
    enum spine_status st;

    while (room > 0) {
        const size_t at = probe->merged_at;
        size_t count;

        if (at == merged->count && kway_done(&probe->kway))
            return SPINE_OK;
        if (at == merged->count) {
            merged->count = probe->merged_at = 0;
            TRY(kway_fill(&probe->kway, merged, MERGE_WANT, &rows_used));
            continue;
        }
        count =
            rows_upper_bound(&probe->layout, merged, at, merged->count, &cell, NULL) - at;
        if (count == 0)
            return SPINE_OK;
        count = count < room ? count : room;
        if (probe->options.want == SPINE_PROBE_ROWS) {
            if (!rows_reserve(&probe->layout, &probe->rows, probe->rows.count + count))
                return SPINE_NOMEM;
            append_rows(probe, &probe->rows, merged, at, at + count);
        }
        probe->merged_at += count;
        probe->row_count += count;
        room -= count;
    }
    *done = false;
    st = SPINE_OK;
out:
    return st;
}
