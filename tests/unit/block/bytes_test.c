/* SPDX-License-Identifier: MIT */
#include "unit/batch/batch_fixture.h"

#include "block/block.h"
#include "harness/fault_alloc.h"
#include "rows/arena.h"

/*
 * Bytes of encoded blocks: whatever they are, the block has the rows of the plain one,
 * searches end where they end there, and the same rows give the same bytes.
 */

enum { LARGE_BYTES = 70000, DEEP_BYTES = 5000, CELL_BYTES_MAX = LARGE_BYTES + 8 };

/* Writes cell number `number` to `out`, and returns its size. */
typedef size_t draw_fn(uint64_t number, uint8_t *out);

static uint64_t
mixed(uint64_t number)
{
    struct random random = {number};

    return random_next(&random);
}

static size_t
put_number(uint8_t *out, uint64_t number)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(number >> (56 - 8 * i));
    return 8;
}

/* 0 to 40 bytes that a group shares, and a number. */
static size_t
draw_nested(uint64_t number, uint8_t *out)
{
    const uint64_t group = mixed(number) % 13;
    const size_t shared = group % 6 * 8;

    for (size_t at = 0; at < shared; at++)
        out[at] =
            (uint8_t)((uint8_t) "customer"[at % 8] + (at == shared - 1 ? group : 0));
    return shared + put_number(out + shared, mixed(number + 1));
}

/* 0 to 5 bytes, many of them zero: cells are beginnings of one another. */
static size_t
draw_short(uint64_t number, uint8_t *out)
{
    const uint64_t bits = mixed(number);
    const size_t size = bits % 6;

    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(bits >> (8 + i) & 1 ? 0xff : 0);
    return size;
}

static size_t
draw_counted(uint64_t number, uint8_t *out)
{
    memcpy(out, "https://example.org/page/", 25);
    return 25 + put_number(out + 25, number);
}

/* Most of some bytes, few of more than 64 KiB, which differ at their end. */
static size_t
draw_large(uint64_t number, uint8_t *out)
{
    const size_t size = number % 5 == 0 ? LARGE_BYTES : 20;

    memset(out, 'x', size);
    return size + put_number(out + size, mixed(number));
}

/* More bytes in common than any front could have. */
static size_t
draw_deep(uint64_t number, uint8_t *out)
{
    memset(out, 'd', DEEP_BYTES);
    return DEEP_BYTES + put_number(out + DEEP_BYTES, mixed(number));
}

/* In common as many bytes as a front can have, give or take one. */
static size_t
draw_at_limit(uint64_t number, uint8_t *out)
{
    const size_t size = 4088 - 1 + (size_t)(number % 3);

    memset(out, 'l', size);
    return size + put_number(out + size, mixed(number) >> 56);
}

static size_t
draw_random(uint64_t number, uint8_t *out)
{
    const size_t size = mixed(number) % 33;

    for (size_t at = 0; at < size; at++)
        out[at] = (uint8_t)mixed(number * 64 + at);
    return size;
}

static draw_fn *const draws[] = {draw_nested, draw_short,    draw_counted, draw_large,
                                 draw_deep,   draw_at_limit, draw_random};
#define DRAWS (sizeof draws / sizeof *draws)

struct kind_of_rows {
    draw_fn *keys, *values;
    size_t rows;
    /* Different keys and values; 0: as many as rows. */
    uint64_t key_count, value_count;
    bool timed;
};

struct world {
    struct layout layout;
    struct rows rows;
    uint8_t *bytes;
    uint64_t *offsets, *times;
    struct block *plain, *encoded;
};

/* Cells are drawn one behind the other from `*at` on. */
static void
draw_all(draw_fn *draw, size_t rows, uint64_t count, uint64_t salt, uint8_t *bytes,
         uint64_t *offsets)
{
    offsets[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        const uint64_t number = count > 0 ? mixed(salt + i) % count : i;

        offsets[i + 1] = offsets[i] + draw(number, bytes + offsets[i]);
    }
}

static void
world_init(struct world *world, const struct kind_of_rows *shape)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_BYTES, 0},
                                        .time = shape->timed ? SPINE_TIME_U64
                                                             : SPINE_UNTIMED};
    const size_t rows = shape->rows, half = rows * (rows > 500 ? 64 : CELL_BYTES_MAX);
    struct spine_columns columns = {.rows = rows};

    *world = (struct world){0};
    world->bytes = malloc(2 * half);
    world->offsets = malloc(2 * (rows + 1) * sizeof *world->offsets);
    world->times = malloc(rows * sizeof *world->times);
    draw_all(shape->keys, rows, shape->key_count, 7, world->bytes, world->offsets);
    draw_all(shape->values, rows, shape->value_count, 99, world->bytes + half,
             world->offsets + rows + 1);
    for (size_t i = 0; i < rows; i++)
        world->times[i] = mixed(i) % 5;
    columns.keys = world->bytes;
    columns.key_offsets = world->offsets;
    columns.values = world->bytes + half;
    columns.value_offsets = world->offsets + rows + 1;
    columns.times = shape->timed ? world->times : NULL;
    assert_int_equal(layout_init(&world->layout, &schema, NULL), SPINE_OK);
    world->rows = rows_of_columns(&world->layout, &columns);
    assert_int_equal(block_pack(&world->layout, &world->rows, 0, world->rows.count, false,
                                &world->plain),
                     SPINE_OK);
    assert_int_equal(block_pack(&world->layout, &world->rows, 0, world->rows.count, true,
                                &world->encoded),
                     SPINE_OK);
}

static void
world_release(struct world *world)
{
    block_unref(world->plain);
    block_unref(world->encoded);
    rows_release(&world->layout, &world->rows);
    free(world->bytes);
    free(world->offsets);
    free(world->times);
    expect_no_leak();
}

/* All rows, then pieces of them from anywhere. */
static void
expect_rows(const struct world *world, struct random *random)
{
    const struct image *image = block_image(world->encoded);
    const struct layout *layout = &world->layout;
    const uint32_t count = image->row_count;
    struct rows out = {0};
    struct arena cells = {0};

    assert_int_equal(count, world->rows.count);
    assert_true(rows_reserve(layout, &out, count));
    for (unsigned i = 0; i < 40; i++) {
        const uint32_t begin = i == 0 ? 0 : (uint32_t)random_below(random, count);
        const uint32_t left = count - begin;
        const uint32_t rows = i == 0 ? left : 1 + (uint32_t)random_below(random, left);

        out.count = 0;
        assert_int_equal(image_stage(layout, image, begin, begin + rows, &cells, &out),
                         SPINE_OK);
        assert_int_equal(out.count, rows);
        expect_rows_equal(layout, &out, 0, &world->rows, begin, rows);
    }
    rows_release(layout, &out);
    arena_release(&cells);
}

/* Makes a cell of the block another one, as small a step away as there is, or not. */
static struct cell
near_cell(struct span span, struct random *random, uint8_t *bytes)
{
    size_t size = span.size;
    struct cell cell = {0};

    if (size > 0)
        memcpy(bytes, span.data, size);
    switch (random_below(random, 6)) {
    case 0:
        bytes[size++] = 0;
        break;
    case 1:
        size -= size > 0;
        break;
    case 2:
        if (size > 0)
            bytes[random_below(random, size)]++;
        break;
    case 3:
        if (size > 0)
            bytes[size - 1]--;
        break;
    case 4:
        size = random_below(random, size + 1);
        break;
    default:
        break;
    }
    cell.span = (struct span){bytes, size};
    cell.word = bytes_prefix(bytes, size);
    return cell;
}

static void
expect_searches(const struct world *world, struct random *random)
{
    static uint8_t key_bytes[CELL_BYTES_MAX + 1], value_bytes[CELL_BYTES_MAX + 1];
    const struct image *const plain = block_image(world->plain);
    const struct image *const image = block_image(world->encoded);
    const struct layout *layout = &world->layout;
    const struct column plain_keys = image_keys(plain), keys = image_keys(image);

    for (unsigned i = 0; i < 600; i++) {
        const size_t at = random_below(random, world->rows.count);
        const struct cell key = near_cell(world->rows.key[at], random, key_bytes);
        const struct cell value = near_cell(world->rows.value[at], random, value_bytes);
        struct bound bound =
            bound_of(layout, &key, i % 3 > 0 ? &value : NULL, i % 2 == 0);
        const uint32_t number = (uint32_t)random_below(random, image->key_count);

        assert_int_equal(image_search(layout, image, &bound),
                         image_search(layout, plain, &bound));
        assert_int_equal(column_equals(&layout->key, &keys, number, &key),
                         column_equals(&layout->key, &plain_keys, number, &key));
        /* The key of that row, and the value that might be there. */
        const struct cell same = rows_key(layout, &world->rows, at);

        bound = bound_of(layout, &same, &value, i % 2 == 0);
        assert_int_equal(image_search(layout, image, &bound),
                         image_search(layout, plain, &bound));
        bound = bound_of(layout, &same, NULL, i % 2 == 0);
        assert_int_equal(image_search(layout, image, &bound),
                         image_search(layout, plain, &bound));
    }
}

static void
expect_sound(const struct world *world)
{
    const struct image *image = block_image(world->encoded);
    struct spine_error error = {0};
    struct block *again;

    if (image_check(&world->layout, image, image->bytes, &error) != SPINE_OK)
        fail_msg("%s", error.message);
    assert_true(image->bytes <= block_image(world->plain)->bytes);
    assert_int_equal(
        block_pack(&world->layout, &world->rows, 0, world->rows.count, true, &again),
        SPINE_OK);
    assert_int_equal(block_image(again)->bytes, image->bytes);
    assert_memory_equal(block_image(again), image, image->bytes);
    block_unref(again);
}

static void
expect_laws(const struct kind_of_rows *shape)
{
    struct random random = {shape->rows};
    struct world world;

    world_init(&world, shape);
    expect_sound(&world);
    expect_rows(&world, &random);
    expect_searches(&world, &random);
    world_release(&world);
}

/* Keys and values of all kinds, many and few of them. */
static void
encoded_bytes_are_the_plain_ones(void **state)
{
    static const size_t sizes[] = {1, 2, 7, 8, 9, 17, 60, 500};

    (void)state;
    for (size_t k = 0; k < DRAWS; k++)
        for (size_t v = 0; v < DRAWS; v++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                struct kind_of_rows shape = {.keys = draws[k],
                                             .values = draws[v],
                                             .rows = sizes[s],
                                             .key_count =
                                                 s % 2 == 0 ? 0 : sizes[s] / 2 + 1,
                                             .value_count = (k + v + s) % 3 == 0 ? 4 : 0,
                                             .timed = (k + s) % 2 == 0};

                if (sizes[s] > 60 && (k >= 3 || v >= 3) && (k + v) % 4 > 0)
                    continue;
                expect_laws(&shape);
            }
}

/* As many values as a list can have, and one more; one only; and few of which the first
 * ones are all different. */
static void
lists_end_where_they_do_not_pay(void **state)
{
    static const struct {
        uint64_t values;
        bool listed;
    } cases[] = {{1, true},   {2, true},    {63, true},
                 {256, true}, {257, false}, {1000, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct kind_of_rows shape = {.keys = draw_counted,
                                           .values = draw_counted,
                                           .rows = 4000,
                                           .value_count = cases[i].values};
        struct world world;

        world_init(&world, &shape);
        assert_int_equal(image_has(block_image(world.encoded), IMAGE_VALUES_LISTED),
                         cases[i].listed);
        assert_int_equal(block_image(world.plain)->flags, 0);
        world_release(&world);
        expect_laws(&shape);
    }
}

/* Small values: their list would save less than an eighth. */
static void
what_hardly_saves_is_left_as_it_is(void **state)
{
    const struct kind_of_rows shape = {
        .keys = draw_random, .values = draw_random, .rows = 40, .value_count = 60};
    struct world world;

    (void)state;
    world_init(&world, &shape);
    assert_false(image_has(block_image(world.encoded), IMAGE_VALUES_LISTED));
    world_release(&world);
}

/* Keys of which all begin alike, some do, and none do; more than a front may have. */
static void
fronts_are_where_they_pay(void **state)
{
    static const struct {
        draw_fn *keys;
        bool fronted;
    } cases[] = {{draw_counted, true},
                 {draw_nested, true},
                 {draw_at_limit, true},
                 {draw_deep, false},
                 {draw_random, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct kind_of_rows shape = {
            .keys = cases[i].keys, .values = draw_short, .rows = 400};
        struct world world;
        size_t saved;

        world_init(&world, &shape);
        saved = block_image(world.plain)->bytes - block_image(world.encoded)->bytes;
        assert_int_equal(image_has(block_image(world.encoded), IMAGE_KEYS_FRONTED),
                         cases[i].fronted);
        if (cases[i].keys == draw_counted)
            assert_true(saved > 400 * 25);
        world_release(&world);
    }
}

/* Without memory for copies, of one key or of many, nothing is appended. */
static void
keys_with_fronts_need_memory(void **state)
{
    const struct kind_of_rows shape = {
        .keys = draw_counted, .values = draw_short, .rows = 300};
    struct rows out = {0};
    struct arena cells = {0};
    struct world world;

    (void)state;
    fault_alloc_install();
    world_init(&world, &shape);
    assert_true(rows_reserve(&world.layout, &out, 300));
    for (uint32_t rows = 1; rows < 300; rows += 149) {
        fault_alloc_arm(FAULT_ONCE, 1);
        assert_int_equal(
            image_stage(&world.layout, block_image(world.encoded), 0, rows, &cells, &out),
            SPINE_NOMEM);
        assert_true(fault_alloc_disarm());
        assert_int_equal(out.count, 0);
    }
    arena_release(&cells);
    rows_release(&world.layout, &out);
    world_release(&world);
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoded_bytes_are_the_plain_ones),
        cmocka_unit_test(lists_end_where_they_do_not_pay),
        cmocka_unit_test(what_hardly_saves_is_left_as_it_is),
        cmocka_unit_test(fronts_are_where_they_pay),
        cmocka_unit_test(keys_with_fronts_need_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
