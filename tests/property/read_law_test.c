/* SPDX-License-Identifier: MIT */

/*
 * The law of bulk reads: whatever the rooms are that rows are read into, and however many
 * rows cancel between those that are left, reads give the rows of the model, and touch
 * nothing but the room.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BATCHES_MAX 8u
/* More than any window holds, and more than any room here. */
#define CANCELLED_ROWS_MAX 12000u
#define KEPT_ROWS_MAX 4000u
#define ROOM_MAX 4500u

struct world {
    struct spine_schema schema;
    struct generator generator;
    struct model expected;
    struct spine_snapshot *snapshot;
};

/* Many as often as few. */
static size_t
draw_count(struct rng *rng, size_t most)
{
    return rng_chance(rng, 50) ? rng_magnitude(rng, most) : 1 + rng_index(rng, most);
}

/* Half of them such that rows are read straight into the caller's columns. */
static void
draw_schema(struct rng *rng, struct spine_schema *out)
{
    static const struct spine_type types[] = {
        {SPINE_U64, 0}, {SPINE_U64, 0}, {SPINE_NONE, 0}};
    const size_t key = rng_index(rng, 3);

    generate_schema(rng, out);
    if (rng_chance(rng, 50))
        *out = (struct spine_schema){.key = types[key],
                                     .value = types[key == 2 ? 0 : rng_index(rng, 3)]};
}

/*
 * From the first key to the last, stretches of rows that stay, each in one batch, and
 * stretches that another batch takes back.
 */
static bool
world_init(struct world *world, struct rng *rng)
{
    const struct generate_options options = {.keys = draw_count(rng, 6000),
                                             .values = rng_magnitude(rng, 8),
                                             .cancel_percent = GENERATE_DRAWN};
    struct generator *generator = &world->generator;
    const size_t batch_count = 1 + rng_magnitude(rng, BATCHES_MAX - 1);
    struct spine_batch *batches[BATCHES_MAX];
    struct model parts[BATCHES_MAX];

    draw_schema(rng, &world->schema);
    generator_init(generator, rng, &world->schema, &options);
    model_init(&world->expected, &world->schema);
    for (size_t i = 0; i < batch_count; i++)
        model_init(&parts[i], &world->schema);
    for (size_t begin = 0; begin < options.keys; begin = generator->key_end) {
        const size_t part = rng_index(rng, batch_count);
        const size_t back = (part + 1 + rng_index(rng, batch_count - 1)) % batch_count;

        generator->key_begin = begin;
        generator->key_end = begin + 1 + rng_index(rng, options.keys - begin);
        generator->recent_count = 0;
        if (rng_chance(rng, 50))
            generate_rows(generator, draw_count(rng, KEPT_ROWS_MAX), &parts[part]);
        else
            generate_cancelled(generator, draw_count(rng, CANCELLED_ROWS_MAX),
                               &parts[part], &parts[back]);
    }
    for (size_t i = 0; i < batch_count; i++) {
        batches[i] = batch_of_rows(&parts[i]);
        model_add_rows(&world->expected, parts[i].rows, parts[i].count);
        model_release(&parts[i]);
    }
    model_consolidate(&world->expected);
    HOLDS_OK(spine_snapshot_of_batches(&world->schema, batches, batch_count,
                                       &world->snapshot, NULL));
    for (size_t i = 0; i < batch_count; i++)
        spine_batch_unref(batches[i]);
    return true;
}

static void
world_release(struct world *world)
{
    spine_snapshot_unref(world->snapshot);
    model_release(&world->expected);
    generator_release(&world->generator);
}

/* From where the cursor stands to the end, into rooms of one size, or of a new one each
 * time; a value with more times than that is tried again with more room. */
static bool
read_on(struct spine_cursor *cursor, struct rng *rng, struct model *out)
{
    const bool same_room = rng_chance(rng, 60);
    size_t room = draw_count(rng, ROOM_MAX);

    for (;;) {
        struct buffers buffers;
        size_t rows;

        buffers_init(&buffers, &out->schema, room, 256);
        rows = spine_cursor_read(cursor, &buffers.view);
        HOLDS(rows <= room);
        buffers_rows(&buffers, rows, out);
        buffers_release(&buffers);
        if (rows == 0 && spine_cursor_status(cursor) == SPINE_INVALID) {
            HOLDS(out->schema.time != SPINE_UNTIMED);
            room = 2 * room;
            continue;
        }
        HOLDS_OK(spine_cursor_status(cursor));
        if (rows == 0)
            break;
        if (!same_room)
            room = draw_count(rng, ROOM_MAX);
    }
    HOLDS(!spine_cursor_key_valid(cursor));
    return true;
}

static bool
reads(struct rng *rng, size_t steps)
{
    struct spine_cursor *cursor;
    struct world world;

    HOLDS(world_init(&world, rng));
    HOLDS_OK(spine_snapshot_cursor(world.snapshot, &cursor, NULL));
    for (size_t i = 0; i < steps; i++) {
        struct model observed;

        model_init(&observed, &world.schema);
        spine_cursor_rewind(cursor);
        HOLDS(read_on(cursor, rng, &observed));
        HOLDS(model_equal(&world.expected, &observed, "read in bulk"));
        model_release(&observed);
    }
    HOLDS(check_walk(cursor, &world.expected, &world.generator, 10 * steps));
    spine_cursor_close(cursor);
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_reads(void **state)
{
    const struct property law = {"test_reads", reads, 120, 8};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
