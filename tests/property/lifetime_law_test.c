/* SPDX-License-Identifier: MIT */

/*
 * The law of what a cursor gives out: bytes, times and weights stay readable, and what
 * they are, until the cursor's next move, whatever other calls are made.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BATCHES_MAX 6u
#define GIVEN_MAX 64u
#define LONG_BYTES 20000u

struct world {
    struct rng *rng;
    struct spine_schema schema;
    unsigned weight_count;
    struct generator generator;
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    /* What the cursor gave out since its last move, and how it was then. */
    struct given {
        const void *memory;
        void *copy;
        size_t bytes;
        /* Is it told to last until spine_cursor_times_through() only? */
        bool of_pairs;
    } given[GIVEN_MAX];
    size_t given_count;
};

static bool
world_init(struct world *world, struct rng *rng)
{
    const size_t batch_count = rng_magnitude(rng, BATCHES_MAX);
    struct spine_batch *batches[BATCHES_MAX];
    struct model rows;

    *world = (struct world){.rng = rng};
    generate_schema(rng, &world->schema);
    world->weight_count =
        world->schema.weight_count == 0 ? 1 : world->schema.weight_count;
    generator_init(&world->generator, rng, &world->schema, NULL);
    model_init(&rows, &world->schema);
    for (size_t i = 0; i < batch_count; i++) {
        rows.count = 0;
        generate_rows(&world->generator, rng_magnitude(rng, 200), &rows);
        batches[i] = batch_of_rows(&rows);
    }
    model_release(&rows);
    HOLDS_OK(spine_snapshot_of_batches(&world->schema, batches, batch_count,
                                       &world->snapshot, NULL));
    for (size_t i = 0; i < batch_count; i++)
        spine_batch_unref(batches[i]);
    HOLDS_OK(spine_snapshot_cursor(world->snapshot, &world->cursor, NULL));
    return true;
}

static void
forget_given(struct world *world)
{
    while (world->given_count > 0)
        free(world->given[--world->given_count].copy);
}

static void
world_release(struct world *world)
{
    forget_given(world);
    spine_cursor_close(world->cursor);
    spine_snapshot_unref(world->snapshot);
    generator_release(&world->generator);
}

static void
note(struct world *world, const void *memory, size_t bytes, bool of_pairs)
{
    struct given *given = &world->given[world->given_count];

    if (bytes == 0 || world->given_count == GIVEN_MAX)
        return;
    *given = (struct given){memory, malloc(bytes), bytes, of_pairs};
    if (given->copy == NULL)
        abort();
    memcpy(given->copy, memory, bytes);
    world->given_count++;
}

static void
note_datum(struct world *world, const struct spine_type *type, union spine_datum datum)
{
    if (type->kind == SPINE_FIXED || type->kind == SPINE_BYTES)
        note(world, datum.bytes.data, datum.bytes.size, false);
}

static bool
given_is_unchanged(const struct world *world)
{
    for (size_t i = 0; i < world->given_count; i++) {
        const struct given *given = &world->given[i];

        HOLDS(memcmp(given->memory, given->copy, given->bytes) == 0);
    }
    return true;
}

/* Times and weights, of all times or of those through some time. */
static void
take_times(struct world *world, bool through)
{
    const bool of_pairs = through && world->schema.time == SPINE_TIME_PAIR;
    const uint64_t *times;
    const int64_t *weights;
    size_t count, kept = 0;

    if (through)
        count = spine_cursor_times_through(
            world->cursor, generate_time(&world->generator), &times, &weights);
    else
        count = spine_cursor_times(world->cursor, &times, &weights);
    for (size_t i = 0; i < world->given_count; i++)
        if (of_pairs && world->given[i].of_pairs)
            free(world->given[i].copy);
        else
            world->given[kept++] = world->given[i];
    world->given_count = kept;
    note(world, times, count * sizeof *times, of_pairs);
    note(world, weights, count * world->weight_count * sizeof *weights, of_pairs);
}

/* Reads something that is there. */
static void
take_something(struct world *world)
{
    struct spine_cursor *cursor = world->cursor;

    if (!spine_cursor_key_valid(cursor))
        return;
    note_datum(world, &world->schema.key, spine_cursor_key(cursor));
    if (!spine_cursor_val_valid(cursor))
        return;
    switch (rng_below(world->rng, 4)) {
    case 0:
        note_datum(world, &world->schema.value, spine_cursor_val(cursor));
        break;
    case 1:
        note(world, spine_cursor_weights(cursor), world->weight_count * sizeof(int64_t),
             false);
        break;
    case 2:
        take_times(world, false);
        break;
    default:
        take_times(world, true);
        break;
    }
}

static void
set_default(struct world *world)
{
    static const uint8_t long_bytes[LONG_BYTES];
    const bool is_bytes = world->schema.value.kind == SPINE_BYTES;

    if (is_bytes && rng_chance(world->rng, 50))
        spine_cursor_set_default(
            world->cursor, spine_data(long_bytes, rng_index(world->rng, LONG_BYTES)));
    else
        spine_cursor_set_default(world->cursor, generate_value(&world->generator));
}

/* Is a cursor that goes its own way afterwards, from the same place. */
static bool
clone_and_walk(struct world *world)
{
    const struct spine_schema *schema = &world->schema;
    struct spine_cursor *const cursor = world->cursor;
    struct spine_cursor *clone;

    HOLDS_OK(spine_cursor_clone(cursor, &clone, NULL));
    HOLDS_EQUAL(spine_cursor_key_valid(cursor), spine_cursor_key_valid(clone));
    HOLDS_EQUAL(spine_cursor_val_valid(cursor), spine_cursor_val_valid(clone));
    if (spine_cursor_key_valid(cursor))
        HOLDS(model_cell_compare(schema->key.kind, spine_cursor_key(cursor),
                                 spine_cursor_key(clone)) == 0);
    if (spine_cursor_val_valid(cursor)) {
        HOLDS(model_cell_compare(schema->value.kind, spine_cursor_val(cursor),
                                 spine_cursor_val(clone)) == 0);
        HOLDS_EQUAL(spine_cursor_weight(cursor), spine_cursor_weight(clone));
    }
    spine_cursor_rewind(clone);
    while (spine_cursor_key_valid(clone))
        spine_cursor_step_key(clone);
    HOLDS_OK(spine_cursor_status(clone));
    spine_cursor_close(clone);
    return true;
}

/* A call that is no move. */
static bool
do_not_move(struct world *world)
{
    struct spine_cursor *cursor = world->cursor;
    struct spine_error error;
    uint64_t offset, total;

    switch (rng_below(world->rng, 7)) {
    case 0:
        set_default(world);
        break;
    case 1:
        HOLDS(clone_and_walk(world));
        break;
    case 2:
        HOLDS_OK(spine_cursor_position(cursor, &offset, &total));
        HOLDS(offset <= total);
        break;
    case 3:
        HOLDS_OK(spine_cursor_status(cursor));
        HOLDS_OK(spine_cursor_error(cursor, &error));
        (void)spine_cursor_rows_skipped(cursor);
        break;
    default:
        take_something(world);
        break;
    }
    return true;
}

static void
move(struct world *world)
{
    struct spine_cursor *cursor = world->cursor;
    uint8_t scratch[64];

    switch (rng_below(world->rng, 6)) {
    case 0:
        spine_cursor_rewind(cursor);
        break;
    case 1:
        spine_cursor_fast_forward(cursor);
        break;
    case 2:
        if (spine_cursor_key_valid(cursor))
            spine_cursor_step_key(cursor);
        break;
    case 3:
        if (spine_cursor_val_valid(cursor))
            spine_cursor_step_val(cursor);
        break;
    default:
        (void)spine_cursor_seek_key_exact(cursor,
                                          generate_key_near(&world->generator, scratch));
        break;
    }
}

/* Some call that fails the cursor for good takes nothing back either. */
static void
call_in_vain(struct world *world)
{
    const union spine_datum odd = spine_data("1234567", 7);

    if (world->schema.value.kind == SPINE_FIXED && world->schema.value.size != 7)
        spine_cursor_set_default(world->cursor, odd);
    else if (!spine_cursor_val_valid(world->cursor))
        (void)spine_cursor_weights(world->cursor);
}

static bool
lifetimes(struct rng *rng, size_t steps)
{
    struct world world;

    HOLDS(world_init(&world, rng));
    set_default(&world);
    for (size_t i = 0; i < steps; i++) {
        move(&world);
        forget_given(&world);
        for (size_t k = rng_index(rng, 12); k > 0; k--) {
            HOLDS(do_not_move(&world));
            HOLDS(given_is_unchanged(&world));
        }
    }
    call_in_vain(&world);
    HOLDS(given_is_unchanged(&world));
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_lifetimes(void **state)
{
    const struct property law = {"test_lifetimes", lifetimes, 300, 60};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lifetimes)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
