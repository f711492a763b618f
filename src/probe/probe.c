/* SPDX-License-Identifier: MIT */

/*
 * A probe from its keys to its last piece: the public calls, and what they check.
 * Between two calls of spine_probe_next() the probe keeps what it has found and not
 * given yet.
 */

#include "probe/probe.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "probe/probe_state.h"

static enum spine_status
check_input(const struct probe_input *input, struct spine_error *error);
static enum spine_status
use_layout(struct spine_probe *probe, const struct layout *layout);
static void forget_layout(struct spine_probe *probe);
static enum spine_status
keep_batches(struct spine_probe *probe, const struct probe_input *input);
static void forget_keys(struct spine_probe *probe);
static enum spine_status probe_fail(const struct spine_probe *probe,
                                    enum spine_status status, struct spine_error *error);

enum spine_status
spine_probe_new(struct spine_probe **out, struct spine_error *error)
{
    if (out == NULL)
        return fail_null(error, "spine_probe_new", "out");
    *out = mem_zalloc(sizeof **out);
    return *out != NULL ? SPINE_OK : fail_nomem(error, "a probe", sizeof **out);
}

void
spine_probe_free(struct spine_probe *probe)
{
    struct account_share share;

    if (probe == NULL)
        return;
    share = probe->share;
    probe_let_go(probe);
    forget_layout(probe);
    probe_own_release(&probe->own);
    probe_search_release(probe);
    mem_free(probe->batches, probe->batch_capacity * sizeof *probe->batches);
    mem_free(probe->runs, probe->run_capacity * sizeof *probe->runs);
    mem_free(probe->cells, probe->cell_capacity * sizeof *probe->cells);
    mem_free(probe->ends, probe->end_capacity * sizeof *probe->ends);
    arena_release(&probe->cells_kept);
    mem_free(probe->range_ends, probe->range_end_capacity * sizeof *probe->range_ends);
    probe_columns_release(probe);
    mem_free(probe, sizeof *probe);
    account_share_end(&share);
}

enum spine_status
probe_begin(struct spine_probe *probe, const struct probe_input *input,
            struct spine_probe_rows *out, struct spine_error *error)
{
    const int64_t begun = mem_thread_bytes();
    enum spine_status st;

    assert(input->layout != NULL && (input->batches != NULL || input->batch_count == 0));
    *out = (struct spine_probe_rows){0};
    TRY(probe_prepare(probe, input, error));
    if (input->ranges != NULL)
        TRY(probe_ask_ranges(probe, input->ranges, out, error));
    else
        TRY(probe_ask(probe, input->keys, out, error));
    if (!out->more)
        probe_let_go(probe);
out:
    if (st != SPINE_OK)
        probe_let_go(probe);
    account_share_add(&probe->share, begun);
    return st;
}

enum spine_status
spine_probe_next(struct spine_probe *probe, struct spine_probe_rows *out,
                 struct spine_error *error)
{
    const int64_t begun = mem_thread_bytes();
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_probe_next", "out");
    *out = (struct spine_probe_rows){0};
    if (probe == NULL)
        return fail_null(error, "spine_probe_next", "probe");
    if (probe->own.cursor != NULL)
        return spine_fail(error, SPINE_MISUSE,
                          "the probe is of a batch: spine_probe_next_matches()");
    if (probe->key == probe->key_count)
        return spine_fail(error, SPINE_MISUSE, "the probe has nothing more to give");
    st = probe_give(probe, out, error);
    if (st != SPINE_OK || !out->more)
        probe_let_go(probe);
    account_share_add(&probe->share, begun);
    return st;
}

enum spine_status
probe_prepare(struct spine_probe *probe, const struct probe_input *input,
              struct spine_error *error)
{
    enum spine_status st;

    probe_let_go(probe);
    probe->failure.status = SPINE_OK;
    TRY_RETURN(check_input(input, error));
    TRY_RETURN(use_layout(probe, input->layout));
    st = keep_batches(probe, input);
    return st == SPINE_OK ? SPINE_OK : probe_fail(probe, st, error);
}

enum spine_status
probe_ask(struct spine_probe *probe, const struct spine_columns *keys,
          struct spine_probe_rows *out, struct spine_error *error)
{
    forget_keys(probe);
    TRY_RETURN(probe_take_keys(probe, keys, error));
    return probe_give(probe, out, error);
}

enum spine_status
probe_ask_ranges(struct spine_probe *probe, const struct spine_key_ranges *ranges,
                 struct spine_probe_rows *out, struct spine_error *error)
{
    forget_keys(probe);
    TRY_RETURN(probe_take_ranges(probe, ranges, error));
    return probe_give(probe, out, error);
}

static enum spine_status
check_input(const struct probe_input *input, struct spine_error *error)
{
    const struct spine_probe_options *options = input->options;

    if (options != NULL && options->want != SPINE_PROBE_ROWS &&
        options->want != SPINE_PROBE_COUNTS)
        return spine_fail(error, SPINE_INVALID,
                          "want is %d, which is no spine_probe_want", (int)options->want);
    if (options != NULL && options->filter != NULL && options->filter->on_key == NULL)
        return spine_fail(error, SPINE_INVALID, "probe: on_key of the filter is NULL");
    if (input->ranges == NULL)
        return SPINE_OK;
    if (input->layout->key.kind == SPINE_NONE)
        return spine_fail(error, SPINE_INVALID, "rows without keys have no ranges");
    if (options != NULL && options->filter != NULL)
        return spine_fail(error, SPINE_INVALID, "a probe of ranges takes no filter");
    return SPINE_OK;
}

/* Memory of rows is of one layout; it is kept as long as that stays the same. */
static enum spine_status
use_layout(struct spine_probe *probe, const struct layout *layout)
{
    const struct spine_schema schema = {.key = layout->schema.key};

    if (probe->has_layout && spine_schema_equal(&probe->layout.schema, &layout->schema))
        return SPINE_OK;
    forget_layout(probe);
    probe->layout = *layout;
    schema_ref(&layout->schema);
    probe->has_layout = true;
    return layout_init(&probe->key_layout, &schema, NULL);
}

static void
forget_layout(struct spine_probe *probe)
{
    if (!probe->has_layout)
        return;
    probe_merge_release(probe);
    rows_release(&probe->key_layout, &probe->key_rows);
    rows_release(&probe->layout, &probe->rows);
    rows_release(&probe->layout, &probe->staged);
    rows_release(&probe->layout, &probe->merged);
    schema_unref(&probe->layout.schema);
    probe->has_layout = false;
}

static enum spine_status
keep_batches(struct spine_probe *probe, const struct probe_input *input)
{
    const struct layout *const layout = input->layout;

    if (!array_reserve(&probe->batches, &probe->batch_capacity, sizeof *probe->batches,
                       input->batch_count))
        return SPINE_NOMEM;
    for (size_t i = 0; i < input->batch_count; i++)
        probe->batches[i] = spine_batch_ref(input->batches[i]);
    probe->batch_count = input->batch_count;
    probe->ledger = lookup_ledger_ref(input->ledger);
    account_share_to(&probe->share, lookup_ledger_account(input->ledger));
    probe->options =
        input->options != NULL ? *input->options : (struct spine_probe_options){0};
    probe->has_through = probe->options.has_through && layout->timed;
    probe->ranges = input->ranges != NULL;
    probe->whole = !probe->ranges && probe->options.want == SPINE_PROBE_ROWS &&
                   probe->options.rows_max == 0 && probe->options.bytes_max == 0 &&
                   layout->row_kind != ROW_WIDE && layout->value.shape != SHAPE_FIXED;
    return SPINE_OK;
}

void
probe_let_go(struct spine_probe *probe)
{
    for (size_t i = 0; i < probe->batch_count; i++)
        spine_batch_unref(probe->batches[i]);
    probe->batch_count = 0;
    lookup_ledger_unref(probe->ledger);
    probe->ledger = NULL;
    probe_own_end(&probe->own);
    forget_keys(probe);
}

static void
forget_keys(struct spine_probe *probe)
{
    probe->key = probe->key_count = 0;
    probe->range_end_count = 0;
    probe->chunk_begin = probe->chunk_end = 0;
    probe->rows.count = 0;
}

enum spine_status
probe_give(struct spine_probe *probe, struct spine_probe_rows *out,
           struct spine_error *error)
{
    const size_t first_key = probe->key;
    struct spine_columns columns = {0};
    enum spine_status st = probe_fill(probe);

    columns.rows = (size_t)probe->row_count;
    if (st == SPINE_OK && probe->options.want == SPINE_PROBE_ROWS)
        st = probe_columns(probe, &columns);
    if (st != SPINE_OK)
        return probe_fail(probe, st, error);
    *out = (struct spine_probe_rows){.first_key = first_key,
                                     .keys = probe->end_count,
                                     .found = probe->found,
                                     .ends = probe->ends,
                                     .columns = columns,
                                     .more = probe->key < probe->key_count};
    return SPINE_OK;
}

static enum spine_status
probe_fail(const struct spine_probe *probe, enum spine_status status,
           struct spine_error *error)
{
    return fail_by(error, &probe->failure, status, "no memory for the rows of a probe");
}
