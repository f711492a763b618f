/* SPDX-License-Identifier: MIT */

/*
 * The merge of the keys that several batches have: one k-way merge of a chunk, which sees
 * only the rows of such keys.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "probe/probe_append.h"

/* Rows that the merge makes at once. */
#define MERGE_WANT 1024u

static size_t
merged_end(const struct spine_probe *probe, size_t key, const struct cell *cell);
static bool reserve_inputs(struct spine_probe *probe);
static void add_hit_input(struct spine_probe *probe, size_t hit, size_t hit_end);
static enum spine_status probe_refill(struct kway_input *input, size_t want);
static enum spine_status
stage_hit(struct kway_input *input, struct hit *hit, size_t room, size_t *left);

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
    probe->kway.on_refill = probe_refill;
    probe->kway.inputs_repeat = probe->has_through;
    for (size_t i = 0; i < probe->batch_count; i++)
        add_hit_input(probe, probe->hit_begins[i], probe->hit_begins[i + 1]);
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
add_hit_input(struct spine_probe *probe, size_t hit, size_t hit_end)
{
    struct kway_input *input = &probe->inputs[probe->kway.input_count];
    struct probe_source *source = &probe->sources[probe->kway.input_count];
    uint64_t rows = 0;

    assert(hit <= hit_end);
    assert(hit_end <= probe->hit_count);
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
probe_refill(struct kway_input *input, size_t want)
{
    struct probe_source *source = input->source;
    struct spine_probe *probe = source->probe;
    struct rows *rows = &input->rows;
    const size_t enough = rows->count - input->at + want;

    assert(source->hit <= source->hit_end);
    kway_input_drop_used(&probe->layout, input);
    while (source->hit < source->hit_end && rows->count < enough) {
        size_t left = 0;

        if (!probe_hit_alone(probe, source->hit))
            TRY_RETURN(
                stage_hit(input, &probe->hits[source->hit], enough - rows->count, &left));
        source->hit += left == 0;
    }
    while (source->hit < source->hit_end && probe_hit_alone(probe, source->hit))
        source->hit++;
    input->more = source->hit < source->hit_end;
    return SPINE_OK;
}

/* Stages rows of a hit, no more than `room`; `*left` is the number of rows that are
 * left. */
static enum spine_status
stage_hit(struct kway_input *input, struct hit *hit, size_t room, size_t *left)
{
    const struct probe_source *source = input->source;
    struct spine_probe *probe = source->probe;
    struct rows *rows = &input->rows;
    const size_t before = rows->count, there = (size_t)(hit->end - hit->begin);
    const size_t count = there < room ? there : room;

    if (!rows_reserve(&probe->layout, rows, before + count))
        return SPINE_NOMEM;
    TRY_RETURN(probe_take_rows(probe, hit, count, rows, left));
    if (probe->has_through)
        rows_keep_through(&probe->layout, rows, before, probe->options.through);
    input->rows_left -= input->rows_left < count ? input->rows_left : count;
    return SPINE_OK;
}

enum spine_status
probe_give_merged(struct spine_probe *probe, size_t key, size_t room, bool *done)
{
    const struct cell cell = probe_key(probe, key);
    struct rows *merged = &probe->merged;
    uint64_t rows_used = 0;
    enum spine_status st;

    *done = true;
    while (room > 0) {
        const size_t at = probe->merged_at;
        size_t count;

        if (at == merged->count && kway_done(&probe->kway))
            return SPINE_OK;
        if (at == merged->count) {
            merged->count = probe->merged_at = 0;
            st = kway_fill(&probe->kway, merged, MERGE_WANT, &rows_used);
            if (st == SPINE_OVERFLOW)
                (void)fail_overflow_in(&probe->failure, &probe->layout, merged, false);
            TRY_RETURN(st);
            continue;
        }
        count = merged_end(probe, key, &cell) - at;
        if (count == 0)
            return SPINE_OK;
        count = count < room ? count : room;
        if (probe->options.want == SPINE_PROBE_ROWS) {
            if (!rows_reserve(&probe->layout, &probe->rows, probe->rows.count + count))
                return SPINE_NOMEM;
            probe_append_rows(probe, &probe->rows, merged, at, at + count);
        }
        probe->merged_at += count;
        probe->row_count += count;
        room -= count;
    }
    *done = false;
    return SPINE_OK;
}

/* Where the merged rows of a key, which is `cell`, or of its range, end. */
static size_t
merged_end(const struct spine_probe *probe, size_t key, const struct cell *cell)
{
    const struct rows *const merged = &probe->merged;
    const struct cell *end;

    if (!probe->ranges)
        return rows_upper_bound(&probe->layout, merged, probe->merged_at, merged->count,
                                cell, NULL);
    end = probe_range_end(probe, key);
    if (end == NULL)
        return merged->count;
    return rows_lower_bound(&probe->layout, merged, probe->merged_at, merged->count, end,
                            NULL);
}
