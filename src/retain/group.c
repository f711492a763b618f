/* SPDX-License-Identifier: MIT */

/* Finding a group whole: which other batches of the spine may have rows of its key, and
 * where these lie in them. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "retain/group_state.h"

static void forget_parts(struct group *group);
static enum spine_status search_source(struct group *group, size_t at);
static bool filter_excludes(struct group *group, const struct spine_batch *batch);
enum spine_status
group_new(struct group **out, const struct layout *layout,
          const struct retain_options *options, struct spine_error *error)
{
    const size_t count = options->batch_count;
    const size_t bytes = count * sizeof(struct group_source);
    struct group *group = mem_zalloc(sizeof *group);
    struct group_source *sources = mem_zalloc(bytes);
    struct group_part *parts = mem_zalloc(count * sizeof *parts);

    *out = NULL;
    if (group == NULL || sources == NULL || parts == NULL) {
        mem_free(group, sizeof *group);
        mem_free(sources, bytes);
        mem_free(parts, count * sizeof *parts);
        return fail_nomem(error, "a group filter of a merge", sizeof *group + bytes);
    }
    for (size_t i = 0; i < count; i++) {
        sources[i].batch = spine_batch_ref(options->batches[i]);
        reader_init(&sources[i].reader, options->batches[i]);
        sources[i].reader.error = &group->failure;
        sources[i].reader.use = PIN_TO_MERGE;
    }
    group->layout = layout;
    group->filter = &options->values->filter;
    group->judged_by = filters_mark(options->keys, options->values);
    group->sources = sources;
    group->source_count = count;
    group->input_count = options->input_count;
    group->parts = parts;
    group->kway = (struct kway){.layout = layout,
                                .advance_times = options->advance_times && layout->timed,
                                .frontier = options->frontier,
                                .in_pieces = true};
    *out = group;
    return SPINE_OK;
}

void
group_set_fetch(struct group *group, struct fetch *fetch)
{
    for (size_t i = 0; i < group->source_count; i++)
        group->sources[i].reader.fetch = fetch;
    group->kway.may_lack = true;
}

void
group_parts_release(struct group *group)
{
    kept_cell_release(&group->key);
    forget_parts(group);
    for (size_t i = 0; i < group->source_count; i++) {
        reader_release(&group->sources[i].reader);
        spine_batch_unref(group->sources[i].batch);
    }
    pins_release(&group->pins);
    mem_free(group->sources, group->source_count * sizeof *group->sources);
    mem_free(group->parts, group->source_count * sizeof *group->parts);
}

enum spine_status
group_begin(struct group *group, union spine_datum key, struct spine_error *error)
{
    group->phase = GROUP_SEARCHING;
    group->hashed = false;
    group->searched = 0;
    forget_parts(group);
    group->own_parts = 0;
    group->own_rows = 0;
    group->is_asking = false;
    return kept_cell_set(&group->key, &group->layout->key, key, error);
}

static void
forget_parts(struct group *group)
{
    while (group->part_count > 0) {
        struct reader *reader = &group->parts[--group->part_count].reader;

        reader_release(reader);
        reader->staged = NULL;
    }
    pins_return(&group->pins, 0, 0);
}

enum spine_status
group_fail(const struct group *group, enum spine_status status, struct spine_error *error)
{
    if (status == SPINE_BUSY)
        return status;
    return fail_by(error, &group->failure, status, "no memory for the rows of a group");
}

enum spine_status
group_search(struct group *group, struct retain_fuel *fuel, struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    assert(group->phase == GROUP_SEARCHING);
    for (; group->searched < group->source_count; group->searched++) {
        if (retain_fuel_is_out(fuel))
            return SPINE_OK;
        TRY(search_source(group, group->searched));
        fuel->used++;
    }
    group->phase = GROUP_SEARCHED;
out:
    return st == SPINE_OK ? st : group_fail(group, st, error);
}

static enum spine_status
search_source(struct group *group, size_t at)
{
    struct group_source *source = &group->sources[at];
    const struct spine_batch *batch = source->batch;
    const struct cell *key = &group->key.cell;
    struct group_part *part = &group->parts[group->part_count];
    size_t rows;

    if (filter_excludes(group, batch))
        return SPINE_OK;
    TRY_RETURN(reader_seek_exact(&source->reader, key, &rows));
    if (rows == 0)
        return SPINE_OK;
    *part = (struct group_part){.source = at,
                                .begin = reader_offset(&source->reader),
                                .reader = reader_copy(&source->reader)};
    part->reader.pins = &group->pins;
    part->end = part->begin + rows;
    if (reader_key_goes_on(&source->reader, rows)) {
        const enum spine_status st = reader_seek_after(&part->reader, key, NULL);

        if (st != SPINE_OK) {
            reader_release(&part->reader);
            return st;
        }
        part->end = reader_offset(&part->reader);
    }
    group->part_count++;
    if (at < group->input_count) {
        group->own_parts++;
        group->own_rows += part->end - part->begin;
    }
    return SPINE_OK;
}

/* Does the lookup filter of the batch, if it has one, say that the key is not there? */
static bool
filter_excludes(struct group *group, const struct spine_batch *batch)
{
    const struct lookup *lookup = batch_lookup(batch);
    const struct cell *key = &group->key.cell;

    if (lookup == NULL)
        return false;
    if (!group->hashed)
        group->hash = lookup_hash(&group->layout->key, key);
    group->hashed = true;
    return !lookup_maybe(lookup, key->word, group->hash);
}

bool
group_is_searched(const struct group *group)
{
    return group->phase != GROUP_SEARCHING;
}

bool
group_is_worth_a_search(const struct group *group, size_t rows)
{
    return rows >= group->source_count;
}

bool
group_is_unchanged(const struct group *group, struct retain_fuel *fuel)
{
    const struct group_part *part = &group->parts[0];

    assert(group_is_searched(group));
    return group->part_count == 1 && group->own_parts == 1 &&
           batch_rows_are_judged(group->sources[part->source].batch, part->begin,
                                 part->end, &group->judged_by, &fuel->used);
}

bool
group_has_others(const struct group *group)
{
    assert(group_is_searched(group));
    return group->part_count > group->own_parts;
}

enum spine_status
group_ask_others(struct group *group, union spine_datum value, struct retain_fuel *fuel,
                 bool *done, bool *found, struct spine_error *error)
{
    const struct cell *key = &group->key.cell;
    struct cell cell;
    enum spine_status st;

    *done = *found = false;
    TRY(cell_of_datum(&group->layout->value, value, &cell, NULL));
    if (!group->is_asking)
        group->part = group->own_parts;
    group->is_asking = true;
    for (; group->part < group->part_count && !*found; group->part++) {
        struct reader *reader = &group->parts[group->part].reader;
        uint64_t begin;

        if (retain_fuel_is_out(fuel))
            return SPINE_OK;
        TRY(reader_seek(reader, key, &cell));
        begin = reader_offset(reader);
        TRY(reader_seek_after(reader, key, &cell));
        *found = reader_offset(reader) > begin;
        fuel->used++;
    }
    *done = true;
    group->is_asking = false;
out:
    return st == SPINE_OK ? st : group_fail(group, st, error);
}
