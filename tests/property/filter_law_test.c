/* SPDX-License-Identifier: MIT */

/*
 * Laws of cursors and probes with a filter of keys: they show what the model has of the
 * keys that it keeps, and cannot be told from cursors over those rows alone.
 */

#include "harness/fault_alloc.h"
#include "property/sides_fixture.h"

#include <stdlib.h>
#include <string.h>

/* Keeps keys by a hash of their bytes, or those from a key on. */
struct keeper {
    struct spine_type type;
    bool by_order;
    union spine_datum from;
    uint8_t scratch[64];
    unsigned percent;
    uint64_t salt;
    unsigned released;
};

static bool
on_key(void *context, union spine_datum key)
{
    const struct keeper *keeper = context;
    const enum spine_kind kind = keeper->type.kind;
    uint64_t hash = keeper->salt;
    struct rng rng;

    if (keeper->by_order)
        return model_cell_compare(kind, key, keeper->from) >= 0;
    if (kind == SPINE_FIXED || kind == SPINE_BYTES)
        for (size_t i = 0; i < key.bytes.size; i++)
            hash = hash * 31 + ((const uint8_t *)key.bytes.data)[i];
    else if (kind == SPINE_U32 || kind == SPINE_I32)
        hash += key.u32;
    else if (kind != SPINE_NONE)
        hash += key.u64;
    rng_init(&rng, hash);
    return rng_chance(&rng, keeper->percent);
}

static void
on_release(void *context)
{
    ((struct keeper *)context)->released++;
}

static struct spine_key_filter
draw_filter(struct keeper *keeper, struct generator *generator, struct rng *rng)
{
    *keeper = (struct keeper){.type = generator->schema.key,
                              .by_order = rng_chance(rng, 40),
                              .percent = (unsigned)rng_below(rng, 5) * 25,
                              .salt = rng_next(rng)};
    keeper->from = generate_key_near(generator, keeper->scratch);
    return (struct spine_key_filter){
        .context = keeper, .on_key = on_key, .on_release = on_release};
}

static void
model_filter(struct keeper *keeper, struct model *rows)
{
    size_t kept = 0;

    for (size_t i = 0; i < rows->count; i++)
        if (on_key(keeper, rows->rows[i].key))
            rows->rows[kept++] = rows->rows[i];
    rows->count = kept;
}

/* Filters come and go, with bounds and times. */
static bool
walks(struct rng *rng, size_t steps)
{
    struct keeper keepers[4];
    struct spine_cursor *cursor;
    struct model rows, expected;
    struct sides world;
    uint64_t offset, total;

    HOLDS(sides_init(&world, rng, NULL));
    model_init(&rows, &world.schema);
    model_init(&expected, &world.schema);
    HOLDS(sides_cursor(&world, &cursor, &rows));
    for (unsigned round = 0; round < 4; round++) {
        const struct spine_key_filter filter =
            draw_filter(&keepers[round], &world.generator, rng);
        const bool filtered = rng_chance(rng, 80);

        model_copy(&expected, &rows);
        spine_cursor_set_bounds(cursor, NULL, NULL);
        if (rng_chance(rng, 30))
            sides_draw_bounds(&world, cursor, &expected);
        spine_cursor_set_filter(cursor, filtered ? &filter : NULL);
        if (filtered)
            model_filter(&keepers[round], &expected);
        if (round == 3 && world.schema.time != SPINE_UNTIMED) {
            const uint64_t through = generate_time(&world.generator);

            spine_cursor_set_through(cursor, through);
            model_through(&expected, through);
        }
        HOLDS(check_walk(cursor, &expected, &world.generator, steps / 4));
        HOLDS(check_cursor(cursor, &expected, "filtered"));
        HOLDS_OK(spine_cursor_position(cursor, &offset, &total));
        HOLDS(offset <= total && total >= expected.count);
        HOLDS_EQUAL(0, keepers[round].released);
        if (!filtered)
            keepers[round].released = 1;
    }
    spine_cursor_close(cursor);
    for (unsigned round = 0; round < 4; round++)
        HOLDS_EQUAL(1, keepers[round].released);
    model_release(&rows);
    model_release(&expected);
    sides_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* The same move of both. */
static void
move_both(struct sides *world, struct spine_cursor *view, struct spine_cursor *twin)
{
    struct spine_cursor *const cursors[] = {view, twin};
    const uint64_t move = rng_below(world->rng, 12);
    uint8_t key_scratch[64], value_scratch[64];
    const union spine_datum key = generate_key_near(&world->generator, key_scratch);
    struct predicate_bound key_bound = {world->schema.key.kind, key, move % 2 == 1};
    struct predicate_bound value_bound = {
        world->schema.value.kind, generate_value_near(&world->generator, value_scratch),
        move % 2 == 1};

    for (unsigned i = 0; i < 2; i++) {
        struct spine_cursor *cursor = cursors[i];
        const bool on_key_now = spine_cursor_key_valid(cursor);

        if (move == 0)
            spine_cursor_rewind(cursor);
        else if (move == 1)
            spine_cursor_fast_forward(cursor);
        else if (move == 2)
            spine_cursor_seek_key_with(cursor, is_beyond, &key_bound);
        else if (move == 3)
            spine_cursor_seek_key_with_reverse(cursor, is_beyond, &key_bound);
        else if (move < 6)
            (void)spine_cursor_seek_key_exact(cursor, key);
        else if (!on_key_now)
            continue;
        else if (move == 6)
            spine_cursor_seek_val_with(cursor, is_beyond, &value_bound);
        else if (move == 7)
            spine_cursor_seek_val_with_reverse(cursor, is_beyond, &value_bound);
        else if (move == 8)
            spine_cursor_step_key(cursor);
        else if (move == 9)
            spine_cursor_step_key_reverse(cursor);
        else if (move == 10)
            spine_cursor_fast_forward_vals(cursor);
        else
            spine_cursor_rewind_vals(cursor);
    }
}

/* Both stand on the same row. */
static bool
same_position(const struct spine_schema *schema, struct spine_cursor *view,
              struct spine_cursor *twin)
{
    HOLDS_OK(spine_cursor_status(view));
    HOLDS_OK(spine_cursor_status(twin));
    HOLDS_EQUAL(spine_cursor_key_valid(twin), spine_cursor_key_valid(view));
    if (!spine_cursor_key_valid(twin))
        return true;
    HOLDS(model_cell_compare(schema->key.kind, spine_cursor_key(view),
                             spine_cursor_key(twin)) == 0);
    HOLDS_EQUAL(spine_cursor_val_valid(twin), spine_cursor_val_valid(view));
    if (!spine_cursor_val_valid(twin))
        return true;
    HOLDS(model_cell_compare(schema->value.kind, spine_cursor_val(view),
                             spine_cursor_val(twin)) == 0);
    HOLDS_EQUAL(spine_cursor_weight(twin), spine_cursor_weight(view));
    return true;
}

/* Both read the same rows in bulk from here on. */
static bool
read_both(struct sides *world, struct spine_cursor *view, struct spine_cursor *twin)
{
    const size_t room = 256 + rng_magnitude(world->rng, 1000);
    struct buffers of_view, of_twin;
    struct model expected, read;
    size_t rows;

    model_init(&expected, &world->schema);
    model_init(&read, &world->schema);
    buffers_init(&of_view, &world->schema, room, 256);
    buffers_init(&of_twin, &world->schema, room, 256);
    if (world->schema.time == SPINE_UNTIMED)
        of_view.view.rows = of_twin.view.rows = 1 + rng_magnitude(world->rng, room - 1);
    rows = spine_cursor_read(twin, &of_twin.view);
    HOLDS_EQUAL(rows, spine_cursor_read(view, &of_view.view));
    buffers_rows(&of_twin, rows, &expected);
    buffers_rows(&of_view, rows, &read);
    HOLDS(model_equal(&expected, &read, "read in bulk"));
    model_release(&expected);
    model_release(&read);
    buffers_release(&of_view);
    buffers_release(&of_twin);
    return true;
}

static bool
twins(struct rng *rng, size_t steps)
{
    struct spine_cursor *view, *twin;
    struct spine_key_filter filter;
    struct spine_batch *batch;
    struct keeper keeper;
    struct model rows;
    struct sides world;

    HOLDS(sides_init(&world, rng, NULL));
    model_init(&rows, &world.schema);
    HOLDS(sides_cursor(&world, &view, &rows));
    filter = draw_filter(&keeper, &world.generator, rng);
    spine_cursor_set_filter(view, &filter);
    model_filter(&keeper, &rows);
    batch = batch_of_rows(&rows);
    HOLDS_OK(spine_batch_cursor(batch, &twin, NULL));
    spine_batch_unref(batch);
    if (rng_chance(rng, 50)) {
        const union spine_datum value = generate_value(&world.generator);

        spine_cursor_set_default(view, value);
        spine_cursor_set_default(twin, value);
    }
    for (size_t i = 0; i < steps; i++) {
        move_both(&world, view, twin);
        HOLDS(same_position(&world.schema, view, twin));
        if (rng_chance(rng, 10)) {
            struct spine_cursor *clone;

            HOLDS_OK(spine_cursor_clone(view, &clone, NULL));
            HOLDS(same_position(&world.schema, clone, twin));
            spine_cursor_close(view);
            view = clone;
            HOLDS_EQUAL(0, keeper.released);
        }
        if (rng_chance(rng, 10)) {
            HOLDS(read_both(&world, view, twin));
            HOLDS(same_position(&world.schema, view, twin));
        }
    }
    spine_cursor_close(view);
    spine_cursor_close(twin);
    HOLDS_EQUAL(1, keeper.released);
    model_release(&rows);
    sides_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_walks(void **state)
{
    const struct property law = {"test_walks", walks, 200, 300};

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
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_twins),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
