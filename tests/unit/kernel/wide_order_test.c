/* SPDX-License-Identifier: MIT */
#include "unit/kernel/kernel_model.h"

/* Byte keys that have much in common: however they are drawn, rows come out in order, and
 * equal ones are added up. */

enum { ROWS = 5000, DISTINCT = 1200, KEY_MAX = 700, INPUTS = 5 };

/* Writes key number `number`; different numbers give different keys. */
typedef size_t key_fn(uint64_t number, uint8_t *out);

struct world {
    struct layout layout;
    uint8_t bytes[DISTINCT][KEY_MAX];
    struct span keys[DISTINCT];
    /* What the weights of each key sum up to. */
    int64_t sums[DISTINCT];
};

static size_t
put_big(uint64_t number, size_t size, uint8_t *out)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    return size;
}

static size_t
last_bytes_differ(uint64_t number, uint8_t *out)
{
    memset(out, 7, 60);
    return 60 + put_big(number, 2, out + 60);
}

/* Each begins the next: a, aa, aaa, ..., then others with another byte in front. */
static size_t
prefixes_of_each_other(uint64_t number, uint8_t *out)
{
    const size_t size = number % 70;

    memset(out, 'a', size + 1);
    out[0] = (uint8_t)(number / 70);
    return size + 1;
}

/* Zeros at the end look like what words are padded with; number 0 is the empty key. */
static size_t
zeros(uint64_t number, uint8_t *out)
{
    const size_t size = number % 40;

    memset(out, 0, 40);
    if (number < 40)
        return size;
    memset(out, 'z', 20);
    memset(out + 21, 0, size);
    return 20 + put_big(number / 40, 1, out + 20) + size;
}

static size_t
nested(uint64_t number, uint8_t *out)
{
    const size_t shared = number % 8 * 8;

    memset(out, 'n', shared);
    return shared + put_big(number * UINT64_C(0x9e3779b97f4a7c15), 8, out + shared);
}

static void
world_init(struct world *world, key_fn *key_of, struct spine_type value)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}, .value = value};

    memset(world, 0, sizeof *world);
    assert_int_equal(layout_init(&world->layout, &schema, NULL), SPINE_OK);
    for (size_t i = 0; i < DISTINCT; i++)
        world->keys[i] = (struct span){world->bytes[i], key_of(i, world->bytes[i])};
}

/* The first and the last bits of a word: merged numbers have no room for both. */
static size_t
far_bits_differ(uint64_t number, uint8_t *out)
{
    return put_big(number % 2 << 63 | number / 2, 8, out);
}

/* One byte, or two, of which the second one is the first one again. */
static size_t
one_byte(uint64_t number, uint8_t *out)
{
    if (number < 256)
        return put_big(number, 1, out);
    return put_big(number % 256, 1, out) + put_big(number / 256, 1, out + 1);
}

static size_t
huge(uint64_t number, uint8_t *out)
{
    const size_t size = number % 3 * 300;

    memset(out, 'h', size);
    return size + put_big(number, 4, out + size);
}

/* Random rows; all values are the same. */
static struct rows
draw_rows(struct world *world, size_t count, uint64_t *seed)
{
    struct rows rows = {0};

    assert_true(rows_reserve(&world->layout, &rows, count));
    for (size_t i = 0; i < count; i++) {
        const size_t number = model_below(seed, DISTINCT);
        const struct span key = world->keys[number];
        const struct spine_row row = {.key = spine_data(key.data, key.size),
                                      .value = world->layout.value.shape == SHAPE_BYTES
                                                   ? spine_data("same", 4)
                                                   : spine_u64(4),
                                      .weight = model_below(seed, 3) == 0 ? -1 : 2};

        assert_int_equal(rows_append_row(&world->layout, &rows, &row, NULL), SPINE_OK);
        world->sums[number] += row.weight;
    }
    return rows;
}

static void
expect_rows(const struct world *world, const struct rows *rows)
{
    size_t expected = 0;

    for (size_t i = 0; i < DISTINCT; i++)
        expected += world->sums[i] != 0;
    assert_int_equal(rows->count, expected);
    for (size_t i = 0; i < rows->count; i++) {
        const struct span key = rows->key[i];
        size_t number = 0;

        if (i > 0)
            assert_true(span_compare(rows->key[i - 1], key) < 0);
        while (number < DISTINCT && span_compare(world->keys[number], key) != 0)
            number++;
        assert_true(number < DISTINCT);
        assert_int_equal(rows->weight[i], world->sums[number]);
    }
}

static enum spine_status
no_refill(struct kway_input *input, size_t want)
{
    (void)input;
    (void)want;
    fail();
    return SPINE_OK;
}

static void
check_keys(key_fn *key_of, struct spine_type value, uint64_t seed)
{
    struct kway_input inputs[INPUTS] = {0};
    struct rows scratch = {0}, out = {0};
    static struct world world;
    struct kway kway = {.layout = &world.layout,
                        .inputs = inputs,
                        .input_count = INPUTS,
                        .on_refill = no_refill};
    uint64_t used = 0;

    world_init(&world, key_of, value);
    inputs[0].rows = draw_rows(&world, ROWS, &seed);
    assert_int_equal(rows_consolidate(&world.layout, &inputs[0].rows, &scratch),
                     SPINE_OK);
    expect_rows(&world, &inputs[0].rows);

    for (size_t i = 1; i < INPUTS; i++) {
        inputs[i].rows = draw_rows(&world, ROWS / i, &seed);
        assert_int_equal(rows_consolidate(&world.layout, &inputs[i].rows, &scratch),
                         SPINE_OK);
    }
    for (size_t i = 0; i < INPUTS; i++)
        inputs[i].rows_left = inputs[i].rows.count;
    while (!kway_done(&kway))
        assert_int_equal(kway_fill(&kway, &out, 200, &used), SPINE_OK);
    expect_rows(&world, &out);

    for (size_t i = 0; i < INPUTS; i++)
        rows_release(&world.layout, &inputs[i].rows);
    rows_release(&world.layout, &scratch);
    rows_release(&world.layout, &out);
    kway_release(&kway);
}

static void
keys_with_much_in_common_are_sorted_and_merged(void **state)
{
    static key_fn *const kinds[] = {last_bytes_differ,
                                    prefixes_of_each_other,
                                    zeros,
                                    nested,
                                    far_bits_differ,
                                    one_byte,
                                    huge};

    (void)state;
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            check_keys(kinds[kind], (struct spine_type){SPINE_BYTES, 0}, seed);
            check_keys(kinds[kind], (struct spine_type){SPINE_U64, 0}, seed);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_with_much_in_common_are_sorted_and_merged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
