/* SPDX-License-Identifier: MIT */

/*
 * Laws of views through a time: whatever was merged, and however far the frontier went,
 * such a cursor shows what the model has through that time; and it cannot be told from a
 * cursor over untimed rows.
 */

#include "harness/fault_alloc.h"
#include "property/sides_fixture.h"

#include <stdlib.h>
#include <string.h>

/* Two spines of one timed schema, in the middle of their merges, and their rows. */
struct world {
    /* Its snapshots are of these spines. */
    struct sides sides;
    struct spine_runtime *runtime;
    uint64_t frontier;
    struct spine *spines[SIDES];
};

static bool
fill_spine(struct world *world, unsigned side)
{
    struct rng *rng = world->sides.rng;
    const struct spine_options options = {.level0_rows =
                                              (uint32_t)rng_magnitude(rng, 1000)};
    const size_t batches = rng_index(rng, BATCHES_MAX);
    struct spine *spine;
    struct model part;

    HOLDS_OK(spine_open(world->runtime, &world->sides.schema, &options, &spine, NULL));
    world->spines[side] = spine;
    model_init(&world->sides.rows[side], &world->sides.schema);
    model_init(&part, &world->sides.schema);
    for (size_t i = 0; i < batches; i++) {
        struct spine_batch *batch;

        part.count = 0;
        generate_rows(&world->sides.generator, rng_magnitude(rng, 300), &part);
        model_add_rows(&world->sides.rows[side], part.rows, part.count);
        batch = batch_of_rows(&part);
        HOLDS_OK(spine_insert(spine, batch, NULL));
        spine_batch_unref(batch);
        if (rng_chance(rng, 30)) {
            world->frontier = spine_time_join(world->sides.schema.time, world->frontier,
                                              generate_time(&world->sides.generator));
            HOLDS_OK(spine_set_frontier(spine, world->frontier, NULL));
        }
        (void)spine_runtime_run(world->runtime, rng_magnitude(rng, 1000));
    }
    if (rng_chance(rng, 30))
        HOLDS_OK(spine_consolidate(spine, NULL, NULL));
    model_release(&part);
    HOLDS_OK(spine_take_snapshot(spine, &world->sides.snapshots[side], NULL));
    return true;
}

static bool
world_init(struct world *world, struct rng *rng)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct generate_options options = {.cancel_percent = GENERATE_DRAWN};

    *world = (struct world){.sides.rng = rng};
    generate_schema(rng, &world->sides.schema);
    world->sides.schema.time = rng_chance(rng, 50) ? SPINE_TIME_U64 : SPINE_TIME_PAIR;
    options.keys = rng_chance(rng, 50) ? rng_magnitude(rng, 20) : 0;
    generator_init(&world->sides.generator, rng, &world->sides.schema, &options);
    HOLDS_OK(spine_runtime_open(&manual, &world->runtime, NULL));
    for (unsigned side = 0; side < SIDES; side++)
        HOLDS(fill_spine(world, side));
    return true;
}

static void
world_release(struct world *world)
{
    sides_release(&world->sides);
    for (unsigned side = 0; side < SIDES; side++)
        spine_close(world->spines[side]);
    spine_runtime_close(world->runtime);
}

/* Some time that the frontier is not beyond. */
static uint64_t
draw_through(struct world *world)
{
    return spine_time_join(world->sides.schema.time, world->frontier,
                           generate_time(&world->sides.generator));
}

/* A cursor that had other times before, and other bounds. */
static bool
walks_through(struct rng *rng, size_t steps)
{
    struct spine_cursor *cursor;
    struct model rows, expected;
    struct world world;

    HOLDS(world_init(&world, rng));
    model_init(&rows, &world.sides.schema);
    model_init(&expected, &world.sides.schema);
    HOLDS(sides_cursor(&world.sides, &cursor, &rows));
    for (unsigned round = 0; round < 4; round++) {
        const uint64_t through = draw_through(&world);
        const bool bounds_first = rng_chance(rng, 50);

        model_copy(&expected, &rows);
        if (bounds_first)
            sides_draw_bounds(&world.sides, cursor, &expected);
        spine_cursor_set_through(cursor, through);
        if (!bounds_first)
            spine_cursor_set_bounds(cursor, NULL, NULL);
        model_through(&expected, through);
        HOLDS(check_walk(cursor, &expected, &world.sides.generator, steps / 4));
        HOLDS(check_cursor(cursor, &expected, "through a time"));
        (void)spine_runtime_run(world.runtime, rng_magnitude(rng, 1000));
    }
    spine_cursor_close(cursor);
    model_release(&rows);
    model_release(&expected);
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* A cursor over untimed rows: what `rows` are through the time. */
static bool
open_twin(const struct model *rows, uint64_t through, struct spine_cursor **out)
{
    struct spine_batch *batch;
    struct model copy;

    model_init(&copy, &rows->schema);
    model_copy(&copy, rows);
    model_through(&copy, through);
    copy.schema.time = SPINE_UNTIMED;
    batch = batch_of_rows(&copy);
    model_release(&copy);
    HOLDS_OK(spine_batch_cursor(batch, out, NULL));
    spine_batch_unref(batch);
    return true;
}

static bool
same_value(const struct spine_schema *schema, struct spine_cursor *view,
           struct spine_cursor *twin)
{
    const size_t bytes =
        (schema->weight_count == 0 ? 1 : schema->weight_count) * sizeof(int64_t);
    const uint64_t *times;
    const int64_t *weights;

    HOLDS(model_cell_compare(schema->value.kind, spine_cursor_val(view),
                             spine_cursor_val(twin)) == 0);
    HOLDS_EQUAL(spine_cursor_weight(twin), spine_cursor_weight(view));
    HOLDS(memcmp(spine_cursor_weights(view), spine_cursor_weights(twin), bytes) == 0);
    HOLDS_EQUAL(1, spine_cursor_times(view, &times, &weights));
    HOLDS_EQUAL(0, times[0]);
    HOLDS(memcmp(weights, spine_cursor_weights(twin), bytes) == 0);
    HOLDS_EQUAL(1, spine_cursor_times_through(view, 0, &times, &weights));
    HOLDS_EQUAL(0, times[0]);
    HOLDS(memcmp(weights, spine_cursor_weights(twin), bytes) == 0);
    return true;
}

static bool
same_position(const struct spine_schema *schema, struct spine_cursor *view,
              struct spine_cursor *twin)
{
    uint64_t offset, total;

    HOLDS_OK(spine_cursor_status(view));
    HOLDS_OK(spine_cursor_status(twin));
    HOLDS_EQUAL(spine_cursor_key_valid(twin), spine_cursor_key_valid(view));
    HOLDS_OK(spine_cursor_position(view, &offset, &total));
    HOLDS(offset <= total);
    if (!spine_cursor_key_valid(twin))
        return true;
    HOLDS(model_cell_compare(schema->key.kind, spine_cursor_key(view),
                             spine_cursor_key(twin)) == 0);
    HOLDS_EQUAL(spine_cursor_val_valid(twin), spine_cursor_val_valid(view));
    return !spine_cursor_val_valid(twin) || same_value(schema, view, twin);
}

enum move {
    MOVE_REWIND,
    MOVE_FAST_FORWARD,
    MOVE_SEEK_KEY,
    MOVE_SEEK_KEY_REVERSE,
    MOVE_SEEK_EXACT,
    MOVE_STEP_KEY,
    MOVE_STEP_KEY_REVERSE,
    MOVE_SEEK_KEY_WITH,
    MOVE_SEEK_KEY_WITH_REVERSE,
    MOVE_REWIND_VALS,
    MOVE_FAST_FORWARD_VALS,
    MOVE_SEEK_VAL,
    MOVE_SEEK_VAL_REVERSE,
    MOVE_SEEK_VAL_WITH,
    MOVE_SEEK_VAL_WITH_REVERSE,
    MOVE_STEP_VAL,
    MOVE_STEP_VAL_REVERSE,
    MOVES
};

static void
move_by_value(struct spine_cursor *cursor, enum move move, struct predicate_bound *bound)
{
    switch (move) {
    case MOVE_REWIND_VALS:
        spine_cursor_rewind_vals(cursor);
        break;
    case MOVE_FAST_FORWARD_VALS:
        spine_cursor_fast_forward_vals(cursor);
        break;
    case MOVE_SEEK_VAL:
        spine_cursor_seek_val(cursor, bound->cell);
        break;
    case MOVE_SEEK_VAL_REVERSE:
        spine_cursor_seek_val_reverse(cursor, bound->cell);
        break;
    case MOVE_SEEK_VAL_WITH:
        spine_cursor_seek_val_with(cursor, is_beyond, bound);
        break;
    case MOVE_SEEK_VAL_WITH_REVERSE:
        spine_cursor_seek_val_with_reverse(cursor, is_beyond, bound);
        break;
    case MOVE_STEP_VAL:
        if (spine_cursor_val_valid(cursor))
            spine_cursor_step_val(cursor);
        break;
    default:
        if (spine_cursor_val_valid(cursor))
            spine_cursor_step_val_reverse(cursor);
        break;
    }
}

static void
move_by_key(struct spine_cursor *cursor, enum move move, struct predicate_bound *bound)
{
    switch (move) {
    case MOVE_REWIND:
        spine_cursor_rewind(cursor);
        break;
    case MOVE_FAST_FORWARD:
        spine_cursor_fast_forward(cursor);
        break;
    case MOVE_SEEK_KEY:
        spine_cursor_seek_key(cursor, bound->cell);
        break;
    case MOVE_SEEK_KEY_REVERSE:
        spine_cursor_seek_key_reverse(cursor, bound->cell);
        break;
    case MOVE_SEEK_EXACT:
        (void)spine_cursor_seek_key_exact(cursor, bound->cell);
        break;
    case MOVE_SEEK_KEY_WITH:
        spine_cursor_seek_key_with(cursor, is_beyond, bound);
        break;
    case MOVE_SEEK_KEY_WITH_REVERSE:
        spine_cursor_seek_key_with_reverse(cursor, is_beyond, bound);
        break;
    case MOVE_STEP_KEY:
        if (spine_cursor_key_valid(cursor))
            spine_cursor_step_key(cursor);
        break;
    default:
        if (spine_cursor_key_valid(cursor))
            spine_cursor_step_key_reverse(cursor);
        break;
    }
}

static void
move_both(struct world *world, struct spine_cursor *view, struct spine_cursor *twin)
{
    const enum move move = (enum move)rng_below(world->sides.rng, MOVES);
    struct generator *generator = &world->sides.generator;
    struct predicate_bound bound = {.backward = move == MOVE_SEEK_KEY_WITH_REVERSE ||
                                                move == MOVE_SEEK_VAL_WITH_REVERSE};
    uint8_t scratch[64];

    if (move < MOVE_REWIND_VALS) {
        bound.kind = world->sides.schema.key.kind;
        bound.cell = generate_key_near(generator, scratch);
        move_by_key(view, move, &bound);
        move_by_key(twin, move, &bound);
    } else if (spine_cursor_key_valid(twin) && spine_cursor_key_valid(view)) {
        bound.kind = world->sides.schema.value.kind;
        bound.cell = generate_value_near(generator, scratch);
        move_by_value(view, move, &bound);
        move_by_value(twin, move, &bound);
    }
}

/* Both read the same rows in bulk from here on. */
static bool
read_both(struct world *world, struct spine_cursor *view, struct spine_cursor *twin)
{
    const size_t room = rng_magnitude(world->sides.rng, 300);
    struct spine_schema untimed = world->sides.schema;
    struct buffers of_view, of_twin;
    struct model expected, read;
    size_t rows;

    untimed.time = SPINE_UNTIMED;
    model_init(&expected, &untimed);
    model_init(&read, &world->sides.schema);
    buffers_init(&of_view, &world->sides.schema, room, 256);
    buffers_init(&of_twin, &untimed, room, 256);
    rows = spine_cursor_read(twin, &of_twin.view);
    HOLDS_EQUAL(rows, spine_cursor_read(view, &of_view.view));
    for (size_t i = 0; i < rows; i++)
        HOLDS_EQUAL(0, of_view.view.times[i]);
    buffers_rows(&of_twin, rows, &expected);
    buffers_rows(&of_view, rows, &read);
    HOLDS(model_equal(&expected, &read, "read in bulk"));
    model_release(&expected);
    model_release(&read);
    buffers_release(&of_view);
    buffers_release(&of_twin);
    return true;
}

/* Both have the same group. */
static bool
group_both(struct world *world, struct spine_cursor *view, struct spine_cursor *twin)
{
    const struct spine_schema schema = {.key = world->sides.schema.value,
                                        .weight_count = world->sides.schema.weight_count};
    struct spine_cursor *of_view, *of_twin;
    struct model expected;

    model_init(&expected, &schema);
    HOLDS_OK(
        spine_cursor_group(view, generate_time(&world->sides.generator), &of_view, NULL));
    HOLDS_OK(spine_cursor_group(twin, 0, &of_twin, NULL));
    HOLDS(observe_forward(of_twin, &expected));
    HOLDS(check_cursor(of_view, &expected, "group of a view"));
    spine_cursor_close(of_view);
    spine_cursor_close(of_twin);
    model_release(&expected);
    return true;
}

static bool
twins(struct rng *rng, size_t steps)
{
    struct spine_cursor *view, *twin;
    struct model rows;
    struct world world;
    uint64_t through;

    HOLDS(world_init(&world, rng));
    model_init(&rows, &world.sides.schema);
    HOLDS(sides_cursor(&world.sides, &view, &rows));
    through = draw_through(&world);
    spine_cursor_set_through(view, through);
    HOLDS(open_twin(&rows, through, &twin));
    if (rng_chance(rng, 50)) {
        const union spine_datum value = generate_value(&world.sides.generator);

        spine_cursor_set_default(view, value);
        spine_cursor_set_default(twin, value);
    }
    for (size_t i = 0; i < steps; i++) {
        move_both(&world, view, twin);
        HOLDS(same_position(&world.sides.schema, view, twin));
        if (rng_chance(rng, 10)) {
            struct spine_cursor *clone;

            HOLDS_OK(spine_cursor_clone(view, &clone, NULL));
            HOLDS(same_position(&world.sides.schema, clone, twin));
            spine_cursor_close(view);
            view = clone;
        }
        if (rng_chance(rng, 10)) {
            HOLDS(read_both(&world, view, twin));
            HOLDS(same_position(&world.sides.schema, view, twin));
        }
        if (rng_chance(rng, 5) && spine_cursor_key_valid(twin)) {
            HOLDS(group_both(&world, view, twin));
            HOLDS(same_position(&world.sides.schema, view, twin));
        }
    }
    spine_cursor_close(view);
    spine_cursor_close(twin);
    model_release(&rows);
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_walks_through(void **state)
{
    const struct property law = {"test_walks_through", walks_through, 200, 300};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_twins(void **state)
{
    const struct property law = {"test_twins", twins, 200, 200};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walks_through),
        cmocka_unit_test(test_twins),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
