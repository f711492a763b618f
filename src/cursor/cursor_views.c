/* SPDX-License-Identifier: MIT */

/* Bounds, positions, clones, groups and defaults (spine/view.h). */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/wide_sum.h"
#include "cursor/cursor_state.h"
#include "spine/view.h"

/* The value that absent keys have, and the row that is shown: it has bytes of its own, so
 * that a new default does not touch what the cursor gave out. */
struct cursor_default {
    union spine_datum value;
    struct kept_bytes value_bytes;
    struct kept_bytes shown_key;
    struct kept_bytes shown_value;
};

static bool
show_default(struct spine_cursor *cursor, union spine_datum key, union spine_datum value);
static size_t keep_through(struct spine_cursor *cursor, uint64_t upper,
                           const uint64_t *times, const int64_t *weights, size_t count);
static enum spine_status
offset_of(struct spine_cursor *cursor, const struct source *source, uint64_t *out);
static size_t times_before(const uint64_t *times, size_t count, uint64_t upper);
static void clone_position(struct spine_cursor *cursor, struct spine_cursor *clone);
static enum spine_status group_add(struct spine_cursor *cursor, uint64_t through,
                                   struct spine_builder *builder,
                                   struct spine_error *error);

void
cursor_views_release(struct spine_cursor *cursor)
{
    struct cursor_default *on_absent = cursor->on_absent;

    if (on_absent != NULL) {
        kept_bytes_release(&on_absent->value_bytes);
        kept_bytes_release(&on_absent->shown_key);
        kept_bytes_release(&on_absent->shown_value);
        mem_free(on_absent, sizeof *on_absent);
    }
    kept_bytes_release(&cursor->held);
    rows_release(&cursor->layout, &cursor->times);
}

void
cursor_negate(struct spine_cursor *cursor, size_t begin, size_t end)
{
    assert(cursor->place == PLACE_NEW && end <= cursor->window.source_count);
    for (size_t i = begin; i < end; i++)
        cursor->window.sources[i].negated = true;
}

void
spine_cursor_set_bounds(struct spine_cursor *cursor, const union spine_datum *lower,
                        const union spine_datum *upper)
{
    struct cell low, high;

    if (cursor_is_dead(cursor) ||
        (lower != NULL && !cursor_cell(cursor, &cursor->layout.key, *lower, &low)) ||
        (upper != NULL && !cursor_cell(cursor, &cursor->layout.key, *upper, &high)))
        return;
    const enum spine_status st = window_set_bounds(
        &cursor->window, lower != NULL ? &low : NULL, upper != NULL ? &high : NULL);

    cursor_leave(cursor, PLACE_NEW);
    if (st != SPINE_OK)
        cursor_fail(cursor, st);
}

void
spine_cursor_set_through(struct spine_cursor *cursor, uint64_t through)
{
    if (cursor_is_dead(cursor))
        return;
    if (cursor->layout.timed) {
        window_set_through(&cursor->window, through);
        cursor_set_timed(cursor, false);
    }
    cursor_leave(cursor, PLACE_NEW);
}

void
spine_cursor_set_filter(struct spine_cursor *cursor,
                        const struct spine_key_filter *filter)
{
    struct key_filter *copy = NULL;
    enum spine_status st = SPINE_OK;
    struct spine_error error;

    if (filter != NULL)
        st = key_filter_new(filter, &copy, &error);
    if (st != SPINE_OK && filter->on_release != NULL)
        filter->on_release(filter->context);
    if (cursor_is_dead(cursor)) {
        key_filter_unref(copy);
    } else if (st != SPINE_OK) {
        cursor_leave(cursor, PLACE_FAILED);
        cursor->status = st;
        cursor->error = error;
    } else {
        window_set_filter(&cursor->window, copy);
        cursor_leave(cursor, PLACE_NEW);
    }
}

enum spine_status
spine_cursor_position(struct spine_cursor *cursor, uint64_t *offset, uint64_t *total)
{
    const size_t count = cursor != NULL ? cursor->window.source_count : 0;
    uint64_t before = 0, all = 0;
    enum spine_status st = SPINE_OK;

    if (offset != NULL)
        *offset = 0;
    if (total != NULL)
        *total = 0;
    if (cursor_is_dead(cursor))
        return spine_cursor_status(cursor);
    for (size_t i = 0; i < count; i++) {
        const struct source *source = &cursor->window.sources[i];
        uint64_t rows;

        TRY(offset_of(cursor, source, &rows));
        all += source->end - source->begin;
        before += rows;
    }
    if (offset != NULL)
        *offset = before;
    if (total != NULL)
        *total = all;
out:
    if (st != SPINE_OK)
        cursor_fail(cursor, st);
    return st;
}

/* Rows of the source, within bounds, before the present value or key. */
static enum spine_status
offset_of(struct spine_cursor *cursor, const struct source *source, uint64_t *out)
{
    const struct rows *rows = &cursor->window.rows;
    struct reader reader;
    uint64_t offset;
    enum spine_status st;

    *out = cursor->place == PLACE_AFTER ? source->end - source->begin : 0;
    if (cursor->place != PLACE_KEY)
        return SPINE_OK;

    const struct cell key = rows_key(&cursor->layout, rows, cursor->key_begin);

    reader_init(&reader, source->batch);
    reader.error = &cursor->window.unread;
    if (cursor->at < cursor->key_end) {
        const struct cell value = rows_value(&cursor->layout, rows, cursor->at);

        TRY(reader_seek(&reader, &key, &value));
    } else if (cursor->at == VALUE_BEFORE)
        TRY(reader_seek(&reader, &key, NULL));
    else
        TRY(reader_seek_after(&reader, &key, NULL));
    offset = reader_offset(&reader);
    if (offset < source->begin)
        offset = source->begin;
    *out = (offset < source->end ? offset : source->end) - source->begin;
out:
    reader_release(&reader);
    return st;
}

size_t
spine_cursor_times_through(struct spine_cursor *cursor, uint64_t upper,
                           const uint64_t **times, const int64_t **weights)
{
    const uint64_t *all_times;
    const int64_t *all_weights;
    size_t count = spine_cursor_times(cursor, &all_times, &all_weights);

    if (count > 0 && cursor->timed && cursor->layout.schema.time == SPINE_TIME_U64) {
        count = times_before(all_times, count, upper);
    } else if (count > 0 && cursor->timed) {
        count = keep_through(cursor, upper, all_times, all_weights, count);
        all_times = cursor->times.time;
        all_weights = cursor->times.weight;
    }
    if (times != NULL)
        *times = all_times;
    if (weights != NULL)
        *weights = all_weights;
    return count;
}

/* Copies those of `count` times that are less than or equal to `upper`, with their
 * weights, to what times_through() gives out. Returns how many. */
static size_t
keep_through(struct spine_cursor *cursor, uint64_t upper, const uint64_t *times,
             const int64_t *weights, size_t count)
{
    const unsigned width = cursor->layout.weight_count;
    struct rows *kept = &cursor->times;

    if (!rows_reserve(&cursor->layout, kept, count)) {
        cursor_fail(cursor, SPINE_NOMEM);
        return 0;
    }
    kept->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!spine_time_less_equal(cursor->layout.schema.time, times[i], upper))
            continue;
        kept->time[kept->count] = times[i];
        memcpy(kept->weight + kept->count * width, weights + i * width,
               width * sizeof *weights);
        kept->count++;
    }
    return kept->count;
}

/* How many of the ascending `times` are not greater than `upper`. */
static size_t
times_before(const uint64_t *times, size_t count, uint64_t upper)
{
    size_t begin = 0;

    while (count > 0) {
        const size_t half = count / 2;

        if (times[begin + half] <= upper) {
            begin += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return begin;
}

uint64_t
spine_cursor_rows_skipped(const struct spine_cursor *cursor)
{
    return cursor != NULL ? cursor->window.rows_skipped : 0;
}

enum spine_status
spine_cursor_clone(struct spine_cursor *cursor, struct spine_cursor **out,
                   struct spine_error *error)
{
    struct spine_cursor *clone = NULL;
    struct spine_batch **batches = NULL;
    size_t count = 0, bytes = 0;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_cursor_clone", "out");
    *out = NULL;
    if (cursor == NULL)
        return fail_null(error, "spine_cursor_clone", "cursor");
    TRY(spine_cursor_error(cursor, error));
    count = cursor->window.source_count;
    bytes = (count + 1) * sizeof(struct spine_batch *);
    batches = mem_alloc(bytes);
    if (batches == NULL)
        return fail_nomem(error, "the batches of a cursor", bytes);
    for (size_t i = 0; i < count; i++)
        batches[i] = cursor->window.sources[i].batch;
    TRY(cursor_new(&clone, &cursor->layout, batches, count, error));
    cursor_use_ledger(clone, cursor->window.ledger);
    for (size_t i = 0; i < count; i++) {
        clone->window.sources[i].begin = cursor->window.sources[i].begin;
        clone->window.sources[i].end = cursor->window.sources[i].end;
        clone->window.sources[i].negated = cursor->window.sources[i].negated;
    }
    window_set_filter(&clone->window, key_filter_ref(cursor->window.filter));
    if (cursor->window.has_through)
        spine_cursor_set_through(clone, cursor->window.through);
    if (cursor->on_absent != NULL)
        spine_cursor_set_default(clone, cursor->on_absent->value);
    TRY(spine_cursor_error(clone, error));
    clone_position(cursor, clone);
    TRY(spine_cursor_error(clone, error));

    *out = clone;
    clone = NULL;
out:
    spine_cursor_close(clone);
    mem_free(batches, bytes);
    return st;
}

static void
clone_position(struct spine_cursor *cursor, struct spine_cursor *clone)
{
    const size_t at = cursor->at;
    uint8_t scratch[16];

    if (cursor->place != PLACE_KEY) {
        cursor_leave(clone, cursor->place);
        return;
    }
    /* The row that is shown, which may be that of a default of before. */
    if (cursor->window.ghost)
        show_default(clone, spine_cursor_key(cursor),
                     rows_value_datum(&cursor->layout, &cursor->window.rows, 0, scratch));
    else
        (void)spine_cursor_seek_key_exact(clone, spine_cursor_key(cursor)); /* is there */
    if (clone->place != PLACE_KEY ||
        (at == cursor->key_begin && cursor_key_begin_known(cursor)))
        return;
    if (at < cursor->key_end)
        spine_cursor_seek_val(clone, spine_cursor_val(cursor));
    else if (at == VALUE_BEFORE)
        clone->at = VALUE_BEFORE;
    else {
        spine_cursor_fast_forward_vals(clone);
        if (clone->place == PLACE_KEY)
            clone->at = clone->key_end;
    }
}

enum spine_status
spine_cursor_group(struct spine_cursor *cursor, uint64_t through,
                   struct spine_cursor **out, struct spine_error *error)
{
    struct spine_schema schema = {0};
    struct spine_builder *builder = NULL;
    struct spine_batch *batch = NULL;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_cursor_group", "out");
    *out = NULL;
    if (cursor == NULL)
        return fail_null(error, "spine_cursor_group", "cursor");
    schema.key = cursor->layout.schema.value;
    schema.weight_count = cursor->layout.weight_count;
    if (!cursor_on_key(cursor))
        cursor_misuse(cursor, "spine_cursor_group", "key");
    TRY(spine_cursor_error(cursor, error));
    TRY(spine_builder_new(&schema, &builder, error));
    spine_cursor_rewind_vals(cursor);
    for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
        TRY(group_add(cursor, through, builder, error));
    TRY(spine_cursor_error(cursor, error));
    spine_cursor_rewind_vals(cursor);
    TRY(spine_cursor_error(cursor, error));
    TRY(spine_builder_seal(builder, &batch, error));
    TRY(spine_batch_cursor(batch, out, error));
out:
    spine_batch_unref(batch);
    spine_builder_free(builder);
    return st;
}

/* Adds the present value unless its weights through that time are zero. */
static enum spine_status
group_add(struct spine_cursor *cursor, uint64_t through, struct spine_builder *builder,
          struct spine_error *error)
{
    const unsigned width = cursor->layout.weight_count;
    int64_t sums[SPINE_WEIGHTS_MAX] = {0};
    struct spine_row row = {.key = spine_cursor_val(cursor), .weights = sums};
    const uint64_t *times;
    const int64_t *weights;
    const size_t count = spine_cursor_times_through(cursor, through, &times, &weights);
    bool zero = true;

    for (unsigned w = 0; w < width; w++) {
        wide_sum sum = 0;

        for (size_t i = 0; i < count; i++)
            sum += weights[i * width + w];
        if (!wide_sum_fits(sum))
            return spine_fail(error, SPINE_OVERFLOW,
                              "the weights of a value leave the range of int64_t");
        sums[w] = (int64_t)sum;
        zero = zero && sum == 0;
    }
    row.weight = sums[0];
    return zero ? spine_cursor_error(cursor, error)
                : spine_builder_add(builder, &row, error);
}

void
spine_cursor_set_default(struct spine_cursor *cursor, union spine_datum value)
{
    struct cell cell;

    if (cursor_is_dead(cursor) ||
        !cursor_cell(cursor, &cursor->layout.value, value, &cell))
        return;
    if (cursor->on_absent == NULL)
        cursor->on_absent = mem_zalloc(sizeof *cursor->on_absent);
    if (cursor->on_absent == NULL ||
        !cursor_keep_datum(&cursor->layout.value, &value,
                           &cursor->on_absent->value_bytes)) {
        cursor_fail(cursor, SPINE_NOMEM);
        return;
    }
    cursor->on_absent->value = value;
}

bool
cursor_keep_datum(const struct cell_layout *column, union spine_datum *datum,
                  struct kept_bytes *bytes)
{
    if (column->kind != SPINE_FIXED && column->kind != SPINE_BYTES)
        return true;
    if (datum->bytes.size == 0)
        return true;
    if (!array_reserve(&bytes->data, &bytes->capacity, 1, datum->bytes.size))
        return false;
    memmove(bytes->data, datum->bytes.data, datum->bytes.size);
    datum->bytes.data = bytes->data;
    return true;
}

void
kept_bytes_release(struct kept_bytes *bytes)
{
    mem_free(bytes->data, bytes->capacity);
    *bytes = (struct kept_bytes){0};
}

bool
cursor_hold_key(struct spine_cursor *cursor, struct cell *key)
{
    struct kept_bytes *held = &cursor->held;

    if (key->span.size == 0 || !window_rows_borrow(&cursor->window))
        return true;
    if (!array_reserve(&held->data, &held->capacity, 1, key->span.size)) {
        cursor_fail(cursor, SPINE_NOMEM);
        return false;
    }
    memmove(held->data, key->span.data, key->span.size);
    key->span.data = held->data;
    return true;
}

bool
cursor_show_default(struct spine_cursor *cursor, union spine_datum key)
{
    return show_default(cursor, key, cursor->on_absent->value);
}

static bool
show_default(struct spine_cursor *cursor, union spine_datum key, union spine_datum value)
{
    static const int64_t ones[SPINE_WEIGHTS_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    struct cursor_default *on_absent = cursor->on_absent;
    struct spine_row row = {.key = key, .value = value, .weight = 1, .weights = ones};
    enum spine_status st = SPINE_NOMEM;

    if (cursor_keep_datum(&cursor->layout.key, &row.key, &on_absent->shown_key) &&
        cursor_keep_datum(&cursor->layout.value, &row.value, &on_absent->shown_value))
        st = window_show_ghost(&cursor->window, &row);
    if (st != SPINE_OK) {
        cursor_fail(cursor, st);
        return false;
    }
    cursor_land(cursor, 0);
    return true;
}
