/* SPDX-License-Identifier: MIT */
#include "harness/check.h"
#include "harness/fault.h"

#include <string.h>

enum move {
    MOVE_REWIND,
    MOVE_FAST_FORWARD,
    MOVE_SEEK_KEY_EXACT,
    MOVE_SEEK_KEY,
    MOVE_SEEK_KEY_REVERSE,
    MOVE_STEP_KEY,
    MOVE_STEP_KEY_REVERSE,
    MOVE_REWIND_VALS,
    MOVE_FAST_FORWARD_VALS,
    MOVE_SEEK_VAL,
    MOVE_SEEK_VAL_REVERSE,
    MOVE_STEP_VAL,
    MOVE_STEP_VAL_REVERSE,
    MOVE_READ,
    MOVES
};

static const char *const move_names[MOVES] = {
    "rewind",
    "fast_forward",
    "seek_key_exact",
    "seek_key",
    "seek_key_reverse",
    "step_key",
    "step_key_reverse",
    "rewind_vals",
    "fast_forward_vals",
    "seek_val",
    "seek_val_reverse",
    "step_val",
    "step_val_reverse",
    "read",
};

/* More times than the generator draws for one value: reading must not be refused. And
 * enough for a cursor to read past its window. */
#define READ_ROWS 2000u
#define TRAIL 24u

struct walk {
    struct spine_cursor *cursor;
    struct model_cursor model;
    struct generator *generator;
    struct buffers buffers;
    /* The last moves, for the message, as a ring. */
    struct {
        enum move move;
        union spine_datum cell;
    } trail[TRAIL];
    size_t moves;
};

static enum move draw_move(struct walk *walk, enum move last);
static bool move_is_legal(const struct walk *walk, enum move move);
static bool do_move(struct walk *walk, enum move move);
static bool do_read(struct walk *walk);
static bool do_seek(struct walk *walk, enum move move, union spine_datum cell);
static bool seek_exact(struct walk *walk, union spine_datum cell);
static bool fault_struck(const struct walk *walk);
static bool positions_agree(struct walk *walk);
static bool value_agrees(struct walk *walk);
static void stand_after(struct model_cursor *cursor, size_t row);
static void print_trail(const struct walk *walk);

bool
check_walk(struct spine_cursor *cursor, const struct model *expected,
           struct generator *generator, size_t moves)
{
    struct walk walk = {.cursor = cursor, .generator = generator};
    enum move move = MOVE_REWIND;
    bool same = true;

    model_cursor_init(&walk.model, expected);
    buffers_init(&walk.buffers, &expected->schema, READ_ROWS, 64);
    spine_cursor_rewind(cursor);
    for (size_t i = 0; i < moves && same && !fault_struck(&walk); i++) {
        move = draw_move(&walk, move);
        walk.trail[walk.moves++ % TRAIL].move = move;
        same = do_move(&walk, move) && positions_agree(&walk);
    }
    if (!same)
        print_trail(&walk);
    buffers_release(&walk.buffers);
    return same;
}

/* Often the last one again, so that walks get anywhere. */
static enum move
draw_move(struct walk *walk, enum move last)
{
    struct rng *rng = walk->generator->rng;

    if (rng_chance(rng, 60) && last > MOVE_FAST_FORWARD && move_is_legal(walk, last))
        return last;
    for (;;) {
        const enum move move = (enum move)rng_below(rng, MOVES);
        if (move <= MOVE_FAST_FORWARD && rng_chance(rng, 60))
            continue;
        if (move_is_legal(walk, move))
            return move;
    }
}

static bool
move_is_legal(const struct walk *walk, enum move move)
{
    const struct model_cursor *model = &walk->model;

    switch (move) {
    case MOVE_REWIND:
    case MOVE_FAST_FORWARD:
    case MOVE_SEEK_KEY_EXACT:
        return true;
    case MOVE_SEEK_KEY:
    case MOVE_SEEK_KEY_REVERSE:
        return model->key_place != MODEL_NOWHERE;
    case MOVE_STEP_KEY:
    case MOVE_STEP_KEY_REVERSE:
    case MOVE_REWIND_VALS:
    case MOVE_FAST_FORWARD_VALS:
    case MOVE_SEEK_VAL:
    case MOVE_SEEK_VAL_REVERSE:
        return model_cursor_key_valid(model);
    case MOVE_STEP_VAL:
    case MOVE_STEP_VAL_REVERSE:
        return model_cursor_val_valid(model);
    case MOVE_READ:
        return model_cursor_val_valid(model) || model->key_place == MODEL_AFTER;
    case MOVES:
        break;
    }
    return false;
}

static bool
do_move(struct walk *walk, enum move move)
{
    struct spine_cursor *cursor = walk->cursor;
    struct model_cursor *model = &walk->model;
    uint8_t scratch[64];
    union spine_datum cell = {0};

    switch (move) {
    case MOVE_REWIND:
        spine_cursor_rewind(cursor);
        model_cursor_rewind(model);
        break;
    case MOVE_FAST_FORWARD:
        spine_cursor_fast_forward(cursor);
        model_cursor_fast_forward(model);
        break;
    case MOVE_SEEK_KEY_EXACT:
    case MOVE_SEEK_KEY:
    case MOVE_SEEK_KEY_REVERSE:
        cell = generate_key_near(walk->generator, scratch);
        return do_seek(walk, move, cell);
    case MOVE_SEEK_VAL:
    case MOVE_SEEK_VAL_REVERSE:
        cell = generate_value_near(walk->generator, scratch);
        return do_seek(walk, move, cell);
    case MOVE_STEP_KEY:
        spine_cursor_step_key(cursor);
        model_cursor_step_key(model);
        break;
    case MOVE_STEP_KEY_REVERSE:
        spine_cursor_step_key_reverse(cursor);
        model_cursor_step_key_reverse(model);
        break;
    case MOVE_REWIND_VALS:
        spine_cursor_rewind_vals(cursor);
        model_cursor_rewind_vals(model);
        break;
    case MOVE_FAST_FORWARD_VALS:
        spine_cursor_fast_forward_vals(cursor);
        model_cursor_fast_forward_vals(model);
        break;
    case MOVE_STEP_VAL:
        spine_cursor_step_val(cursor);
        model_cursor_step_val(model);
        break;
    case MOVE_STEP_VAL_REVERSE:
        spine_cursor_step_val_reverse(cursor);
        model_cursor_step_val_reverse(model);
        break;
    case MOVE_READ:
    case MOVES:
        return do_read(walk);
    }
    return true;
}

static bool
do_seek(struct walk *walk, enum move move, union spine_datum cell)
{
    struct spine_cursor *cursor = walk->cursor;
    struct model_cursor *model = &walk->model;

    walk->trail[(walk->moves - 1) % TRAIL].cell = cell;
    switch (move) {
    case MOVE_SEEK_KEY:
        spine_cursor_seek_key(cursor, cell);
        model_cursor_seek_key(model, cell);
        break;
    case MOVE_SEEK_KEY_REVERSE:
        spine_cursor_seek_key_reverse(cursor, cell);
        model_cursor_seek_key_reverse(model, cell);
        break;
    case MOVE_SEEK_VAL:
        spine_cursor_seek_val(cursor, cell);
        model_cursor_seek_val(model, cell);
        break;
    case MOVE_SEEK_VAL_REVERSE:
        spine_cursor_seek_val_reverse(cursor, cell);
        model_cursor_seek_val_reverse(model, cell);
        break;
    default:
        return seek_exact(walk, cell);
    }
    return true;
}

static bool
seek_exact(struct walk *walk, union spine_datum cell)
{
    const bool found = spine_cursor_seek_key_exact(walk->cursor, cell);

    if (fault_struck(walk))
        HOLDS(!found);
    else
        HOLDS_EQUAL(model_cursor_seek_key_exact(&walk->model, cell), found);
    return true;
}

/* Some rows, at most as many as there is room for, that end with a value's last time. */
static bool
do_read(struct walk *walk)
{
    struct model_cursor *model = &walk->model;
    const struct model *expected = model->model;
    const bool timed = expected->schema.time != SPINE_UNTIMED;
    const size_t begin = model->key_place == MODEL_AFTER ? expected->count : model->val;
    struct spine_column_buffers view = walk->buffers.view;

    if (!timed)
        view.rows = rng_magnitude(walk->generator->rng, view.rows);
    const size_t rows = spine_cursor_read(walk->cursor, &view);
    HOLDS(rows <= view.rows);
    /* Rows before the fault may have been given. */
    HOLDS((rows == 0 && fault_struck(walk)) || (rows == 0) == (begin == expected->count));
    HOLDS(rows <= expected->count - begin);
    if (rows == 0)
        return true;

    struct model read, part;
    model_init(&read, &expected->schema);
    model_init(&part, &expected->schema);
    buffers_rows(&walk->buffers, rows, &read);
    model_add_rows(&part, expected->rows + begin, rows);
    const bool same = model_equal(&part, &read, "rows read in bulk");
    model_release(&read);
    model_release(&part);
    stand_after(model, begin + rows);
    return same;
}

/* On the row after those read; values are whole, so it is the first row of one. */
static void
stand_after(struct model_cursor *cursor, size_t row)
{
    const struct model *model = cursor->model;

    model_cursor_rewind(cursor);
    while (model_cursor_key_valid(cursor) && model_cursor_key_end(cursor) <= row)
        model_cursor_step_key(cursor);
    while (model_cursor_val_valid(cursor) && cursor->val < row && row < model->count)
        model_cursor_step_val(cursor);
}

/* The cursor has failed as it must by a fault that a test injected. */
static bool
fault_struck(const struct walk *walk)
{
    struct spine_error error;

    return fault_fired() && spine_cursor_error(walk->cursor, &error) != SPINE_OK &&
           fault_explains(error.status, &error);
}

static bool
positions_agree(struct walk *walk)
{
    struct spine_cursor *cursor = walk->cursor;
    const struct model_cursor *model = &walk->model;
    const struct model *expected = model->model;

    if (fault_struck(walk)) {
        HOLDS(!spine_cursor_key_valid(cursor) && !spine_cursor_val_valid(cursor));
        return true;
    }
    HOLDS_OK(spine_cursor_status(cursor));
    HOLDS_EQUAL(model_cursor_key_valid(model), spine_cursor_key_valid(cursor));
    HOLDS_EQUAL(model_cursor_val_valid(model), spine_cursor_val_valid(cursor));
    if (!model_cursor_key_valid(model))
        return true;
    if (model_cell_compare(expected->schema.key.kind, expected->rows[model->key].key,
                           spine_cursor_key(cursor)) != 0) {
        printf("key ");
        model_print_cell(stdout, &expected->schema.key, spine_cursor_key(cursor));
        printf(", expected ");
        model_print_cell(stdout, &expected->schema.key, expected->rows[model->key].key);
        printf("\n");
        return false;
    }
    return !model_cursor_val_valid(model) || value_agrees(walk);
}

static bool
value_agrees(struct walk *walk)
{
    struct spine_cursor *cursor = walk->cursor;
    const struct model_cursor *model = &walk->model;
    const struct model *expected = model->model;
    const size_t count = model_cursor_val_end(model) - model->val;
    const struct model_row *row = &expected->rows[model->val];
    const uint64_t *times;
    const int64_t *weights;

    HOLDS(model_cell_compare(expected->schema.value.kind, row->value,
                             spine_cursor_val(cursor)) == 0);
    if (rng_chance(walk->generator->rng, 50))
        return true;
    int64_t sum = 0;
    const size_t got = spine_cursor_times(cursor, &times, &weights);
    if (fault_struck(walk))
        return true;
    HOLDS_EQUAL(count, got);
    for (size_t i = 0; i < count; i++) {
        HOLDS_EQUAL(row[i].time, times[i]);
        HOLDS(memcmp(row[i].weights, weights + i * expected->weight_count,
                     expected->weight_count * sizeof *weights) == 0);
        sum += row[i].weights[0];
    }
    HOLDS_EQUAL(sum, spine_cursor_weight(cursor));
    return true;
}

static void
print_trail(const struct walk *walk)
{
    const struct spine_schema *schema = &walk->model.model->schema;
    const size_t begin = walk->moves > TRAIL ? walk->moves - TRAIL : 0;

    printf("the last of %zu moves over %zu rows:\n", walk->moves,
           walk->model.model->count);
    for (size_t i = begin; i < walk->moves; i++) {
        const enum move move = walk->trail[i % TRAIL].move;
        printf("  %s", move_names[move]);
        /* Bytes may lie in memory that is gone. */
        if (move >= MOVE_SEEK_KEY_EXACT && move <= MOVE_SEEK_KEY_REVERSE &&
            schema->key.kind < SPINE_FIXED) {
            printf(" ");
            model_print_cell(stdout, &schema->key, walk->trail[i % TRAIL].cell);
        }
        if ((move == MOVE_SEEK_VAL || move == MOVE_SEEK_VAL_REVERSE) &&
            schema->value.kind < SPINE_FIXED) {
            printf(" ");
            model_print_cell(stdout, &schema->value, walk->trail[i % TRAIL].cell);
        }
        printf("\n");
    }
}
