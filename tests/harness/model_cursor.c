/* SPDX-License-Identifier: MIT */
#include "harness/model.h"

#include <assert.h>

static bool same_key(const struct model *model, size_t a, size_t b);
static bool same_value(const struct model *model, size_t a, size_t b);
static size_t key_begin(const struct model *model, size_t at);
static size_t key_end(const struct model *model, size_t at);
static size_t val_begin(const struct model *model, size_t at);
static size_t val_end(const struct model *model, size_t at);
static void stand_on_key(struct model_cursor *cursor, size_t row);
static void stand_on_no_key(struct model_cursor *cursor, enum model_place place);
static int compare_key(const struct model_cursor *cursor, union spine_datum key);
static int compare_val(const struct model_cursor *cursor, union spine_datum val);

void
model_cursor_init(struct model_cursor *cursor, const struct model *model)
{
    *cursor = (struct model_cursor){.model = model};
    model_cursor_rewind(cursor);
}

bool
model_cursor_key_valid(const struct model_cursor *cursor)
{
    return cursor->key_place == MODEL_ON;
}

bool
model_cursor_val_valid(const struct model_cursor *cursor)
{
    return cursor->key_place == MODEL_ON && cursor->val_place == MODEL_ON;
}

size_t
model_cursor_key_end(const struct model_cursor *cursor)
{
    return key_end(cursor->model, cursor->key);
}

size_t
model_cursor_val_end(const struct model_cursor *cursor)
{
    return val_end(cursor->model, cursor->val);
}

void
model_cursor_rewind(struct model_cursor *cursor)
{
    if (cursor->model->count == 0)
        stand_on_no_key(cursor, MODEL_AFTER);
    else
        stand_on_key(cursor, 0);
}

void
model_cursor_fast_forward(struct model_cursor *cursor)
{
    if (cursor->model->count == 0)
        stand_on_no_key(cursor, MODEL_BEFORE);
    else
        stand_on_key(cursor, key_begin(cursor->model, cursor->model->count - 1));
}

void
model_cursor_step_key(struct model_cursor *cursor)
{
    assert(model_cursor_key_valid(cursor));
    const size_t end = key_end(cursor->model, cursor->key);
    if (end == cursor->model->count)
        stand_on_no_key(cursor, MODEL_AFTER);
    else
        stand_on_key(cursor, end);
}

void
model_cursor_step_key_reverse(struct model_cursor *cursor)
{
    assert(model_cursor_key_valid(cursor));
    if (cursor->key == 0)
        stand_on_no_key(cursor, MODEL_BEFORE);
    else
        stand_on_key(cursor, key_begin(cursor->model, cursor->key - 1));
}

void
model_cursor_seek_key(struct model_cursor *cursor, union spine_datum key)
{
    assert(cursor->key_place != MODEL_NOWHERE);
    if (cursor->key_place == MODEL_BEFORE)
        model_cursor_rewind(cursor);
    while (model_cursor_key_valid(cursor) && compare_key(cursor, key) < 0)
        model_cursor_step_key(cursor);
}

void
model_cursor_seek_key_reverse(struct model_cursor *cursor, union spine_datum key)
{
    assert(cursor->key_place != MODEL_NOWHERE);
    if (cursor->key_place == MODEL_AFTER)
        model_cursor_fast_forward(cursor);
    while (model_cursor_key_valid(cursor) && compare_key(cursor, key) > 0)
        model_cursor_step_key_reverse(cursor);
}

bool
model_cursor_seek_key_exact(struct model_cursor *cursor, union spine_datum key)
{
    model_cursor_rewind(cursor);
    while (model_cursor_key_valid(cursor) && compare_key(cursor, key) != 0)
        model_cursor_step_key(cursor);
    if (model_cursor_key_valid(cursor))
        return true;
    stand_on_no_key(cursor, MODEL_NOWHERE);
    return false;
}

void
model_cursor_rewind_vals(struct model_cursor *cursor)
{
    assert(model_cursor_key_valid(cursor));
    cursor->val_place = MODEL_ON;
    cursor->val = cursor->key;
}

void
model_cursor_fast_forward_vals(struct model_cursor *cursor)
{
    assert(model_cursor_key_valid(cursor));
    cursor->val_place = MODEL_ON;
    cursor->val = val_begin(cursor->model, key_end(cursor->model, cursor->key) - 1);
}

void
model_cursor_step_val(struct model_cursor *cursor)
{
    assert(model_cursor_val_valid(cursor));
    const size_t end = val_end(cursor->model, cursor->val);
    if (end == key_end(cursor->model, cursor->key))
        cursor->val_place = MODEL_AFTER;
    else
        cursor->val = end;
}

void
model_cursor_step_val_reverse(struct model_cursor *cursor)
{
    assert(model_cursor_val_valid(cursor));
    if (cursor->val == cursor->key)
        cursor->val_place = MODEL_BEFORE;
    else
        cursor->val = val_begin(cursor->model, cursor->val - 1);
}

void
model_cursor_seek_val(struct model_cursor *cursor, union spine_datum val)
{
    assert(model_cursor_key_valid(cursor));
    if (cursor->val_place == MODEL_BEFORE)
        model_cursor_rewind_vals(cursor);
    while (model_cursor_val_valid(cursor) && compare_val(cursor, val) < 0)
        model_cursor_step_val(cursor);
}

void
model_cursor_seek_val_reverse(struct model_cursor *cursor, union spine_datum val)
{
    assert(model_cursor_key_valid(cursor));
    if (cursor->val_place == MODEL_AFTER)
        model_cursor_fast_forward_vals(cursor);
    while (model_cursor_val_valid(cursor) && compare_val(cursor, val) > 0)
        model_cursor_step_val_reverse(cursor);
}

static void
stand_on_key(struct model_cursor *cursor, size_t row)
{
    cursor->key_place = MODEL_ON;
    cursor->key = row;
    cursor->val_place = MODEL_ON;
    cursor->val = row;
}

static void
stand_on_no_key(struct model_cursor *cursor, enum model_place place)
{
    cursor->key_place = place;
    cursor->val_place = MODEL_NOWHERE;
}

static int
compare_key(const struct model_cursor *cursor, union spine_datum key)
{
    const struct model *model = cursor->model;

    return model_cell_compare(model->schema.key.kind, model->rows[cursor->key].key, key);
}

static int
compare_val(const struct model_cursor *cursor, union spine_datum val)
{
    const struct model *model = cursor->model;

    return model_cell_compare(model->schema.value.kind, model->rows[cursor->val].value,
                              val);
}

static bool
same_key(const struct model *model, size_t a, size_t b)
{
    return model_cell_compare(model->schema.key.kind, model->rows[a].key,
                              model->rows[b].key) == 0;
}

static bool
same_value(const struct model *model, size_t a, size_t b)
{
    return same_key(model, a, b) &&
           model_cell_compare(model->schema.value.kind, model->rows[a].value,
                              model->rows[b].value) == 0;
}

static size_t
key_begin(const struct model *model, size_t at)
{
    while (at > 0 && same_key(model, at - 1, at))
        at--;
    return at;
}

static size_t
key_end(const struct model *model, size_t at)
{
    size_t end = at + 1;

    while (end < model->count && same_key(model, at, end))
        end++;
    return end;
}

static size_t
val_begin(const struct model *model, size_t at)
{
    while (at > 0 && same_value(model, at - 1, at))
        at--;
    return at;
}

static size_t
val_end(const struct model *model, size_t at)
{
    size_t end = at + 1;

    while (end < model->count && same_value(model, at, end))
        end++;
    return end;
}
