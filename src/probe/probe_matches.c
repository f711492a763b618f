/* SPDX-License-Identifier: MIT */

/*
 * The keys of a batch, its rows of each, and what the probe found: some keys at a time,
 * which are all of them when there is no maximum of rows. A key whose rows found come in
 * several calls has all its rows of the batch in each of them.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "probe/probe_state.h"

static enum spine_status give_matches(struct spine_probe *probe,
                                      struct spine_probe_matches *out,
                                      struct spine_error *error);
static struct spine_columns
keys_of(const struct probe_own *own, size_t begin, size_t count);
static struct spine_columns
rows_of(const struct probe_own *own, size_t begin, size_t end);
static const void *cells_from(const struct cell_layout *column,
                              const struct probe_array *cells, size_t begin);
static const uint64_t *ends_from(struct probe_own *own, size_t key, size_t count);

enum spine_status
probe_begin_batch(struct spine_probe *probe, const struct probe_input *input,
                  struct spine_batch *batch, struct spine_probe_matches *out,
                  struct spine_error *error)
{
    const struct spine_schema *const own = &batch->layout.schema;
    const struct spine_schema own_key = {.key = own->key, .key_tuple = own->key_tuple};
    const struct spine_schema *const schema = &input->layout->schema;
    const struct spine_schema key = {.key = schema->key, .key_tuple = schema->key_tuple};
    const int64_t begun = mem_thread_bytes();
    enum spine_status st;
    size_t rows_max;

    *out = (struct spine_probe_matches){0};
    probe_let_go(probe);
    account_share_add(&probe->share, begun);
    if (!spine_schema_equal(&own_key, &key))
        return fail_schema(error, "spine_snapshot_probe_batch: the keys of the batch",
                           &own_key, &key);
    TRY(probe_prepare(probe, input, error));
    rows_max = probe->options.want == SPINE_PROBE_ROWS ? probe->options.rows_max : 0;
    TRY(probe_own_begin(&probe->own, batch, rows_max, error));
    TRY(give_matches(probe, out, error));
out:
    if (st != SPINE_OK)
        probe_let_go(probe);
    account_share_add(&probe->share, begun);
    return st;
}

enum spine_status
spine_probe_next_matches(struct spine_probe *probe, struct spine_probe_matches *out,
                         struct spine_error *error)
{
    const int64_t begun = mem_thread_bytes();
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_probe_next_matches", "out");
    *out = (struct spine_probe_matches){0};
    if (probe == NULL)
        return fail_null(error, "spine_probe_next_matches", "probe");
    if (probe->own.cursor == NULL)
        return spine_fail(error, SPINE_MISUSE,
                          "the probe has no more keys of a batch to give");
    st = give_matches(probe, out, error);
    if (st != SPINE_OK)
        probe_let_go(probe);
    account_share_add(&probe->share, begun);
    return st;
}

/* Rows found for the next keys of the batch, beside the rows that it has of them. */
static enum spine_status
give_matches(struct spine_probe *probe, struct spine_probe_matches *out,
             struct spine_error *error)
{
    struct probe_own *const own = &probe->own;
    struct spine_probe_rows found;
    const uint64_t *ends, *own_ends;
    size_t begin = 0, end;

    if (probe->key < probe->key_count) {
        TRY_RETURN(probe_give(probe, &found, error));
    } else {
        struct spine_columns keys;

        TRY_RETURN(probe_own_read(own, error));
        keys = keys_of(own, 0, own->keys_asked);
        TRY_RETURN(probe_ask(probe, &keys, &found, error));
    }
    own_ends = ends_from(own, found.first_key, found.keys);
    if (own_ends == NULL && found.keys > 0)
        return fail_nomem(error, "the ends of keys", found.keys * sizeof *own_ends);
    ends = own->ends.data;
    if (found.first_key > 0)
        begin = (size_t)ends[found.first_key - 1];
    end = found.keys > 0 ? (size_t)ends[found.first_key + found.keys - 1] : begin;
    *out = (struct spine_probe_matches){.keys = keys_of(own, found.first_key, found.keys),
                                        .own_ends = own_ends,
                                        .own = rows_of(own, begin, end),
                                        .found = found};
    out->found.first_key += own->keys_before;
    out->found.more = found.more || !own->at_end;
    if (!out->found.more)
        probe_let_go(probe);
    return SPINE_OK;
}

static struct spine_columns
keys_of(const struct probe_own *own, size_t begin, size_t count)
{
    struct spine_columns keys = {.rows = count,
                                 .keys = cells_from(&own->key, &own->keys, begin)};

    if (own->key.kind == SPINE_BYTES && count > 0)
        keys.key_offsets = (const uint64_t *)own->key_offsets.data + begin;
    return keys;
}

static struct spine_columns
rows_of(const struct probe_own *own, size_t begin, size_t end)
{
    struct spine_columns rows = {.rows = end - begin};

    if (begin == end)
        return rows;
    rows.values = cells_from(&own->value, &own->values, begin);
    if (own->value.kind == SPINE_BYTES)
        rows.value_offsets = (const uint64_t *)own->value_offsets.data + begin;
    if (own->timed)
        rows.times = (const uint64_t *)own->times.data + begin;
    rows.weights = (const int64_t *)own->weights.data + begin * own->weight_count;
    return rows;
}

/* Cells of bytes begin where they do for their offsets. */
static const void *
cells_from(const struct cell_layout *column, const struct probe_array *cells,
           size_t begin)
{
    if (column->kind == SPINE_NONE || cells->data == NULL)
        return NULL;
    return (const uint8_t *)cells->data + begin * column->native_bytes;
}

/* The ends of `count` keys, from the first row of key `key` on. NULL without memory. */
static const uint64_t *
ends_from(struct probe_own *own, size_t key, size_t count)
{
    const uint64_t *const ends = own->ends.data;
    uint64_t *given;

    if (key == 0)
        return ends;
    if (!array_reserve(&own->given_ends.data, &own->given_ends.room, 1,
                       count * sizeof *given))
        return NULL;
    given = own->given_ends.data;
    for (size_t i = 0; i < count; i++)
        given[i] = ends[key + i] - ends[key - 1];
    return given;
}
