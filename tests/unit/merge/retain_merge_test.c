/* SPDX-License-Identifier: MIT */

/*
 * Merges that drop rows, of groups of many blocks: what the filter keeps stays as it is,
 * what it rejects is gone when all has merged; a step calls back and reads as its fuel
 * says; and what was judged is not judged again.
 */

#include "merge/merge.h"

#include "unit/merge/merge_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BATCHES_MAX 12u
/* What a step of one row's fuel may do more than that: ask about the keys and values of a
 * block, or judge a window, and what a group needs to be opened and read on. */
#define STEP_CALLS_MAX (2 * BLOCK_ROWS + 1000)
#define STEP_ROWS_MAX 4096u

/* A filter of values that counts its calls. Half of the values pass, from `pass_min` on
 * all of them: of the key when `by_key`, otherwise none. */
struct judge {
    enum spine_retain retain;
    uint64_t count;
    unsigned pass_percent;
    uint64_t calls;
    struct value_filter *filter;
    struct key_filter *key_filter;
    uint64_t key_min;
};

static bool
passes(const struct judge *judge, uint64_t key, uint64_t value)
{
    struct rng rng;

    /* LAST: from some value on, for each key. */
    rng_init(&rng, judge->retain == SPINE_RETAIN_LAST ? key : key * 1000003 + value);
    if (judge->retain == SPINE_RETAIN_LAST)
        return value >= rng_below(&rng, 40000) * 100 / (judge->pass_percent + 1);
    return rng_chance(&rng, judge->pass_percent);
}

static bool
on_value(void *context, union spine_datum key, union spine_datum value)
{
    struct judge *judge = context;

    judge->calls++;
    return passes(judge, key.u64, value.u32);
}

static bool
on_key(void *context, union spine_datum key)
{
    struct judge *judge = context;

    judge->calls++;
    return key.u64 >= judge->key_min;
}

static void
judge_init(struct judge *judge, enum spine_retain retain, uint64_t count,
           unsigned pass_percent)
{
    const struct spine_value_filter filter = {
        .context = judge, .retain = retain, .count = count, .on_value = on_value};

    *judge =
        (struct judge){.retain = retain, .count = count, .pass_percent = pass_percent};
    assert_int_equal(value_filter_new(&filter, &judge->filter, NULL), SPINE_OK);
}

static void
judge_keys_from(struct judge *judge, uint64_t key_min)
{
    const struct spine_key_filter filter = {.context = judge, .on_key = on_key};

    judge->key_min = key_min;
    key_filter_unref(judge->key_filter);
    assert_int_equal(key_filter_new(&filter, &judge->key_filter, NULL), SPINE_OK);
}

static void
judge_release(struct judge *judge)
{
    value_filter_unref(judge->filter);
    key_filter_unref(judge->key_filter);
}

/* Batches, as a spine has them. */
struct world {
    struct spine_schema schema;
    struct layout layout;
    struct rng *rng;
    struct spine_batch *batches[BATCHES_MAX];
    size_t count;
    bool advance_times;
    uint64_t frontier;
    uint64_t blocks_shared;
};

static void
world_init(struct world *world, struct rng *rng, bool timed)
{
    *world = (struct world){.schema = {.key = {SPINE_U64, 0},
                                       .value = {SPINE_U32, 0},
                                       .time = timed ? SPINE_TIME_U64 : SPINE_UNTIMED},
                            .rng = rng};
    if (layout_init(&world->layout, &world->schema, NULL) != SPINE_OK)
        abort();
}

static void
world_release(struct world *world)
{
    for (size_t i = 0; i < world->count; i++)
        spine_batch_unref(world->batches[i]);
}

static void
world_add(struct world *world, const struct model *model)
{
    if (model->count == 0)
        return;
    world->batches[world->count] = fixture_batch(&world->layout, model, 0);
    if (world->batches[world->count] == NULL)
        abort();
    world->count++;
}

/* The sum of all batches. */
static void
world_content(const struct world *world, struct model *out)
{
    model_init(out, &world->schema);
    for (size_t i = 0; i < world->count; i++)
        if (!fixture_rows(world->batches[i], out))
            abort();
    if (world->advance_times)
        model_advance(out, world->frontier);
    else
        model_consolidate(out);
}

/* Merges the first `count` batches, `fuel_rows` at a time (0: drawn). */
static bool
world_merge(struct world *world, size_t count, const struct judge *judge,
            uint64_t fuel_rows)
{
    const struct retain_options filters = {.keys = judge->key_filter,
                                           .values = judge->filter,
                                           .batches = world->batches,
                                           .batch_count = world->count,
                                           .input_count = count,
                                           .advance_times = world->advance_times,
                                           .frontier = world->frontier};
    struct merge_options options = {.advance_times = world->advance_times,
                                    .frontier = world->frontier};
    struct merge_counts counts = {0};
    struct spine_batch *merged;
    struct merge *merge;

    HOLDS_OK(retain_new(&options.retain, &world->layout, &filters, NULL));
    HOLDS_OK(merge_new(&merge, world->batches, count, &options, NULL));
    while (!merge_done(merge)) {
        const uint64_t calls = judge->calls;
        const uint64_t rows_read = counts.rows_in - counts.rows_shared;
        uint64_t fuel = fuel_rows > 0 ? fuel_rows : 1 + rng_magnitude(world->rng, 100000);
        const uint64_t given = fuel;

        HOLDS_OK(merge_step(merge, &fuel, NULL));
        HOLDS(fuel < given);
        merge_counts(merge, &counts);
        HOLDS(judge->calls - calls <= given + STEP_CALLS_MAX);
        HOLDS(counts.rows_in - counts.rows_shared - rows_read <=
              4 * given + STEP_ROWS_MAX);
    }
    HOLDS_OK(fixture_seal(merge, &merged));
    HOLDS_OK(spine_batch_check(merged, NULL));
    HOLDS_EQUAL(counts.rows_out, merged->info.rows);
    merge_free(merge);
    world->blocks_shared += counts.blocks_shared;
    for (size_t i = 0; i < count; i++)
        spine_batch_unref(world->batches[i]);
    memmove(world->batches, world->batches + count,
            (world->count - count) * sizeof *world->batches);
    world->count -= count;
    if (merged->info.rows > 0)
        world->batches[world->count++] = merged;
    else
        spine_batch_unref(merged);
    return true;
}

static bool
same_value(const struct model_row *a, const struct model_row *b)
{
    return a->key.u64 == b->key.u64 && a->value.u32 == b->value.u32;
}

/* Appends to `out` the rows of `content` that the filters keep, by definition. */
static void
kept_rows(const struct judge *judge, const struct model *content, struct model *out)
{
    const bool upward = judge->retain == SPINE_RETAIN_BOTTOM;

    for (size_t begin = 0, end; begin < content->count; begin = end) {
        uint64_t left = judge->retain == SPINE_RETAIN_SIMPLE ? 0 : judge->count;

        for (end = begin; end < content->count &&
                          content->rows[end].key.u64 == content->rows[begin].key.u64;)
            end++;
        if (judge->key_filter != NULL && content->rows[begin].key.u64 < judge->key_min)
            continue;
        /* Rows of one value are kept or rejected together. */
        for (size_t i = 0; i < end - begin; i++) {
            const size_t at = upward ? begin + i : end - 1 - i;
            const struct model_row *row = &content->rows[at];
            const bool again = i > 0 && same_value(row, row + (upward ? -1 : 1));
            static bool kept;

            if (!again) {
                kept = passes(judge, row->key.u64, row->value.u32);
                if (!kept && left > 0) {
                    kept = true;
                    left--;
                }
            }
            if (kept)
                model_add(out, row);
        }
    }
    model_consolidate(out);
}

/* The rows of `content` with a key and value that `like` has. */
static void
rows_like(const struct model *content, const struct model *like, struct model *out)
{
    size_t at = 0;

    for (size_t i = 0; i < content->count; i++) {
        const struct model_row *row = &content->rows[i];

        while (at < like->count && (like->rows[at].key.u64 < row->key.u64 ||
                                    (like->rows[at].key.u64 == row->key.u64 &&
                                     like->rows[at].value.u32 < row->value.u32)))
            at++;
        if (at < like->count && same_value(&like->rows[at], row))
            model_add(out, row);
    }
    model_consolidate(out);
}

/* Merges some batches. What was to be kept is as it was; after a merge of all nothing
 * else is there. */
static bool
merge_keeps(struct world *world, size_t count, const struct judge *judge)
{
    const bool all = count == world->count;
    struct model before, after, kept, left;
    bool held;

    world_content(world, &before);
    model_init(&kept, &world->schema);
    model_init(&left, &world->schema);
    kept_rows(judge, &before, &kept);
    HOLDS(world_merge(world, count, judge, rng_chance(world->rng, 20) ? 1 : 0));
    world_content(world, &after);
    rows_like(&after, &kept, &left);
    held = model_equal(&kept, &left, "what the filter keeps") &&
           (!all || model_equal(&kept, &after, "what is left after all has merged"));
    model_release(&before);
    model_release(&after);
    model_release(&kept);
    model_release(&left);
    return held;
}

/* Rows of some large and many small groups. */
static void
draw_rows(struct world *world, size_t rows, struct model *out)
{
    const uint64_t key_begin = rng_below(world->rng, 30);
    const uint64_t keys = 1 + rng_below(world->rng, 30);
    const bool retracts = rng_chance(world->rng, 50);

    model_init(out, &world->schema);
    for (size_t i = 0; i < rows; i++) {
        const struct model_row row = {
            .key = spine_u64(key_begin + rng_below(world->rng, keys)),
            .value = spine_u32(
                (uint32_t)rng_below(world->rng, rng_chance(world->rng, 50) ? 20000 : 40)),
            .time = rng_below(world->rng, 5),
            .weights = {retracts && rng_chance(world->rng, 50) ? -1 : 1}};

        model_add(out, &row);
    }
    model_consolidate(out);
}

/* Moves a random choice of batches to the front; returns how many. */
static size_t
choose_inputs(struct world *world)
{
    for (size_t i = world->count; i-- > 1;) {
        const size_t other = rng_index(world->rng, i + 1);
        struct spine_batch *batch = world->batches[i];

        world->batches[i] = world->batches[other];
        world->batches[other] = batch;
    }
    return 1 + rng_index(world->rng, world->count);
}

static uint64_t blocks_shared;

static bool
merges_keep_what_the_filter_keeps(struct rng *rng, size_t steps)
{
    struct world world;
    struct judge judge;

    world_init(&world, rng, rng_chance(rng, 30));
    judge_init(&judge, (enum spine_retain)rng_below(rng, 4), rng_magnitude(rng, 300) - 1,
               (unsigned)rng_below(rng, 3) * 50);
    for (size_t step = 0; step < steps; step++) {
        struct model rows;

        if (rng_chance(rng, 20)) {
            judge_release(&judge);
            judge_init(&judge, (enum spine_retain)rng_below(rng, 4),
                       rng_magnitude(rng, 300) - 1, (unsigned)rng_below(rng, 3) * 50);
        }
        if (rng_chance(rng, 20))
            judge_keys_from(&judge, rng_below(rng, 40));
        if (world.layout.timed && rng_chance(rng, 30)) {
            world.advance_times = true;
            world.frontier += rng_below(rng, 2);
        }
        draw_rows(&world, rng_magnitude(rng, 20000), &rows);
        world_add(&world, &rows);
        model_release(&rows);
        if (world.count == 0)
            continue;
        if (rng_chance(rng, 60))
            HOLDS(merge_keeps(&world, choose_inputs(&world), &judge));
        if (world.count == BATCHES_MAX || (world.count > 0 && rng_chance(rng, 10)))
            HOLDS(merge_keeps(&world, world.count, &judge));
    }
    if (world.count > 0)
        HOLDS(merge_keeps(&world, world.count, &judge));
    blocks_shared += world.blocks_shared;
    world_release(&world);
    judge_release(&judge);
    return true;
}

static void
what_the_filter_keeps_stays_as_it_is(void **state)
{
    const struct property property = {"merges_keep_what_the_filter_keeps",
                                      merges_keep_what_the_filter_keeps, 40, 20};

    (void)state;
    assert_true(property_holds(&property));
    /* The cases are such that judged blocks are taken over. */
    assert_true(blocks_shared > 0);
}

/* A batch of `values` values of key 5, from `begin` on, `step` apart, of that weight. */
static void
add_weighted_group(struct world *world, uint32_t begin, uint32_t step, size_t values,
                   int64_t weight)
{
    struct model rows;

    model_init(&rows, &world->schema);
    for (size_t i = 0; i < values; i++) {
        const struct model_row row = {.key = spine_u64(5),
                                      .value = spine_u32(begin + (uint32_t)i * step),
                                      .weights = {weight}};

        model_add(&rows, &row);
    }
    model_consolidate(&rows);
    world_add(world, &rows);
    model_release(&rows);
}

static void
add_group(struct world *world, uint32_t begin, uint32_t step, size_t values)
{
    add_weighted_group(world, begin, step, values, 1);
}

/* One row of other keys, around key 5. */
static void
add_others(struct world *world, uint32_t value)
{
    struct model rows;

    model_init(&rows, &world->schema);
    for (uint64_t key = 4; key <= 6; key += 2) {
        const struct model_row row = {
            .key = spine_u64(key), .value = spine_u32(value), .weights = {1}};

        model_add(&rows, &row);
    }
    world_add(world, &rows);
    model_release(&rows);
}

/* With little fuel a step makes few calls, whatever the size of the group. */
static void
a_step_judges_as_its_fuel_says(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 3);
    for (enum spine_retain retain = SPINE_RETAIN_SIMPLE; retain <= SPINE_RETAIN_BOTTOM;
         retain++)
        for (unsigned percent = 0; percent <= 100; percent += 50) {
            struct world world;
            struct judge judge;

            world_init(&world, &rng, false);
            judge_init(&judge, retain, 70000, percent);
            add_group(&world, 0, 2, 100000);
            add_group(&world, 1, 2, 100000);
            /* world_merge() looks at every step. */
            assert_true(world_merge(&world, 2, &judge, 1));
            /* Each value is looked at once on its own, and once to find the bound. */
            assert_in_range(judge.calls, 200000, 400000 + 100);
            world_release(&world);
            judge_release(&judge);
        }
}

/* A group that was judged is not judged again, as long as nobody adds to it. */
static void
an_unchanged_group_is_judged_once(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 4);
    for (enum spine_retain retain = SPINE_RETAIN_SIMPLE; retain <= SPINE_RETAIN_BOTTOM;
         retain++) {
        struct world world;
        struct judge judge;
        uint64_t calls;

        world_init(&world, &rng, false);
        judge_init(&judge, retain, 20000, 50);
        add_group(&world, 0, 2, 30000);
        add_group(&world, 1, 2, 30000);
        assert_true(world_merge(&world, 2, &judge, 0));
        calls = judge.calls;
        for (uint32_t i = 0; i < 20; i++) {
            add_others(&world, i);
            assert_true(world_merge(&world, world.count, &judge, 0));
        }
        /* Those of the blocks in which the other keys are. */
        assert_in_range(judge.calls - calls, 0, 20 * 3 * BLOCK_ROWS);
        assert_true(world.blocks_shared >= 20);
        world_release(&world);
        judge_release(&judge);
    }
}

/* Puts the last batch first. */
static void
rotate(struct world *world)
{
    struct spine_batch *last = world->batches[world->count - 1];

    memmove(world->batches + 1, world->batches,
            (world->count - 1) * sizeof *world->batches);
    world->batches[0] = last;
}

/*
 * The greatest value is in the group for the merge, but not for the spine, where another
 * batch takes it back: so one too many is kept. When that batch is gone, it is the
 * greatest of the group, and the block that has it must be judged again.
 */
static void
what_was_kept_for_others_is_judged_again(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 6);
    for (enum spine_retain retain = SPINE_RETAIN_LAST; retain <= SPINE_RETAIN_BOTTOM;
         retain++) {
        const uint32_t end = retain == SPINE_RETAIN_BOTTOM ? 0 : 3999;
        struct world world;
        struct judge judge;

        world_init(&world, &rng, false);
        judge_init(&judge, retain, 3000, 0);
        judge.retain = SPINE_RETAIN_TOP; /* no value passes */
        add_group(&world, 0, 1, 4000);
        add_weighted_group(&world, end, 1, 1, -1);
        assert_true(world_merge(&world, 1, &judge, 0));
        assert_int_equal(world.batches[1]->info.rows, 3001);
        assert_false(world.batches[1]->judged);

        add_group(&world, end, 1, 1);
        rotate(&world);
        assert_true(world_merge(&world, 2, &judge, 0));
        assert_int_equal(world.count, 1);

        add_others(&world, 1);
        assert_true(world_merge(&world, 2, &judge, 0));
        assert_int_equal(world.batches[0]->info.rows, 3000 + 2);
        assert_true(world.batches[0]->judged);
        world_release(&world);
        judge_release(&judge);
    }
}

/* A merge of little that meets a large group elsewhere does not read all of that. */
static void
a_small_merge_judges_little(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 5);
    for (enum spine_retain retain = SPINE_RETAIN_LAST; retain <= SPINE_RETAIN_BOTTOM;
         retain++) {
        struct world world;
        struct judge judge;

        world_init(&world, &rng, false);
        judge_init(&judge, retain, 20000, 50);
        add_group(&world, 1000000, 1, 10);
        add_group(&world, 2000000, 1, 10);
        add_group(&world, 0, 1, 100000);
        assert_true(world_merge(&world, 2, &judge, 0));
        assert_in_range(judge.calls, 0, 20 + 2 * 20 + 64 + 64);
        world_release(&world);
        judge_release(&judge);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_filter_keeps_stays_as_it_is),
        cmocka_unit_test(a_step_judges_as_its_fuel_says),
        cmocka_unit_test(an_unchanged_group_is_judged_once),
        cmocka_unit_test(what_was_kept_for_others_is_judged_again),
        cmocka_unit_test(a_small_merge_judges_little),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
