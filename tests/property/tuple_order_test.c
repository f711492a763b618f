/* SPDX-License-Identifier: MIT */
#include "harness/property.h"
#include "harness/rng.h"
#include "spine/tuple_row.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- random tuples ---------------------------------------------------------------- */

#define ELEMENTS_MAX 64
#define TEXT_MAX 1024
#define DEPTH_MAX 4
#define WIDTH_MAX 5

/* A tuple as its elements, nested ones between SPINE_TUPLE_BEGIN and _END. */
struct tuple {
    struct spine_tuple_element elements[ELEMENTS_MAX];
    size_t count;
    uint8_t text[TEXT_MAX];
    size_t text_size;
};

/* The order of each position, by depth: the same for all tuples of a case. */
struct orders {
    enum spine_tuple_order at[DEPTH_MAX][WIDTH_MAX];
};

static void
draw_orders(struct rng *rng, struct orders *out)
{
    for (size_t depth = 0; depth < DEPTH_MAX; depth++)
        for (size_t i = 0; i < WIDTH_MAX; i++)
            out->at[depth][i] = (enum spine_tuple_order)rng_below(rng, 4);
}

/* Near the ends of what a number of bytes holds, so that lengths and ties matter. */
static uint64_t
draw_word(struct rng *rng)
{
    const uint64_t edge = rng_below(rng, 64);

    if (rng_chance(rng, 20))
        return rng_next(rng) >> edge;
    return (UINT64_C(1) << edge / 8 * 8) + rng_below(rng, 5) - 2;
}

static double
draw_double(struct rng *rng)
{
    static const double numbers[] = {0.0,   1.0,    1.5,
                                     256.0, 5e-324, 1.7976931348623157e308};
    const double number = numbers[rng_index(rng, sizeof numbers / sizeof numbers[0])];

    switch (rng_below(rng, 8)) {
    case 0:
        return copysign((double)NAN, rng_chance(rng, 50) ? 1.0 : -1.0);
    case 1:
        return rng_chance(rng, 50) ? (double)INFINITY : -(double)INFINITY;
    default:
        return rng_chance(rng, 50) ? number : -number;
    }
}

static struct spine_bytes
draw_bytes(struct rng *rng, struct tuple *tuple)
{
    static const uint8_t alphabet[] = {0x00, 0x01, 0x02, 0x61, 0xfe, 0xff};
    const size_t size = rng_chance(rng, 10) ? rng_index(rng, 30) : rng_index(rng, 4);
    uint8_t *const data = tuple->text + tuple->text_size;

    if (size > TEXT_MAX - tuple->text_size)
        return (struct spine_bytes){NULL, 0};
    for (size_t i = 0; i < size; i++)
        data[i] = alphabet[rng_index(rng, sizeof alphabet)];
    tuple->text_size += size;
    return (struct spine_bytes){data, size};
}

static void
draw_value(struct rng *rng, struct tuple *tuple, struct spine_tuple_element *out)
{
    switch (out->kind) {
    case SPINE_TUPLE_BOOL:
        out->as.truth = rng_chance(rng, 50);
        break;
    case SPINE_TUPLE_I64:
        out->as.i64 = (int64_t)(rng_chance(rng, 50) ? draw_word(rng) : ~draw_word(rng));
        break;
    case SPINE_TUPLE_U64:
        out->as.u64 = draw_word(rng);
        break;
    case SPINE_TUPLE_F64:
        out->as.f64 = draw_double(rng);
        break;
    case SPINE_TUPLE_STRING:
    case SPINE_TUPLE_BYTES:
        out->as.bytes = draw_bytes(rng, tuple);
        break;
    default:
        break;
    }
}

/* Adds elements at the end of `tuple` to what is open at `depth`, and ends it. */
static void
draw_elements(struct rng *rng, const struct orders *orders, unsigned depth,
              struct tuple *tuple)
{
    const size_t width = rng_below(rng, WIDTH_MAX + 1);
    const bool may_nest = depth + 1 < DEPTH_MAX;
    const unsigned kinds = may_nest ? SPINE_TUPLE_END : SPINE_TUPLE_BEGIN;

    /* Every open tuple may still need its end. */
    for (size_t i = 0; i < width && tuple->count + 2 * DEPTH_MAX < ELEMENTS_MAX; i++) {
        struct spine_tuple_element *const element = &tuple->elements[tuple->count++];

        element->kind = (enum spine_tuple_kind)rng_below(rng, kinds);
        element->order = orders->at[depth][i];
        draw_value(rng, tuple, element);
        if (may_nest && element->kind == SPINE_TUPLE_BEGIN)
            draw_elements(rng, orders, depth + 1, tuple);
    }
    if (depth > 0)
        tuple->elements[tuple->count++].kind = SPINE_TUPLE_END;
}

static void
draw_tuple(struct rng *rng, const struct orders *orders, struct tuple *out)
{
    out->count = 0;
    out->text_size = 0;
    draw_elements(rng, orders, 0, out);
}

/* --- the order of tuples, said directly ------------------------------------------- */

static int
sign(int number)
{
    return (number > 0) - (number < 0);
}

/* -NaN, then numbers, -0 before 0, then NaN. */
static int
compare_doubles(double a, double b)
{
    const int rank_a = isnan(a) ? (signbit(a) ? -1 : 1) : 0;
    const int rank_b = isnan(b) ? (signbit(b) ? -1 : 1) : 0;

    if (rank_a != rank_b || rank_a != 0)
        return rank_a - rank_b;
    if (a < b || a > b)
        return a < b ? -1 : 1;
    return (signbit(a) ? 0 : 1) - (signbit(b) ? 0 : 1);
}

static int
compare_bytes(struct spine_bytes a, struct spine_bytes b)
{
    const size_t common = a.size < b.size ? a.size : b.size;
    const int order = common > 0 ? memcmp(a.data, b.data, common) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Ascending, of elements that are neither null nor tuples. */
static int
compare_values(const struct spine_tuple_element *a, const struct spine_tuple_element *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    switch (a->kind) {
    case SPINE_TUPLE_BOOL:
        return (int)a->as.truth - (int)b->as.truth;
    case SPINE_TUPLE_I64:
        return (a->as.i64 > b->as.i64) - (a->as.i64 < b->as.i64);
    case SPINE_TUPLE_U64:
        return (a->as.u64 > b->as.u64) - (a->as.u64 < b->as.u64);
    case SPINE_TUPLE_F64:
        return compare_doubles(a->as.f64, b->as.f64);
    case SPINE_TUPLE_STRING:
    case SPINE_TUPLE_BYTES:
        return compare_bytes(a->as.bytes, b->as.bytes);
    default:
        return 0;
    }
}

static bool
ends_at(const struct tuple *tuple, size_t at)
{
    return at == tuple->count || tuple->elements[at].kind == SPINE_TUPLE_END;
}

/* Compares what is open at `*at` in both; when they are equal, `*at` is at its end. */
static int
compare_tuples(const struct tuple *a, const struct tuple *b, size_t *at)
{
    for (; !ends_at(a, *at) && !ends_at(b, *at); (*at)++) {
        const struct spine_tuple_element *const x = &a->elements[*at];
        const struct spine_tuple_element *const y = &b->elements[*at];
        const bool x_null = x->kind == SPINE_TUPLE_NULL;
        const bool y_null = y->kind == SPINE_TUPLE_NULL;
        const bool nulls_last = x->order == SPINE_ASCENDING_NULLS_LAST ||
                                x->order == SPINE_DESCENDING_NULLS_LAST;
        const bool descends =
            x->order == SPINE_DESCENDING || x->order == SPINE_DESCENDING_NULLS_LAST;
        int order;

        if (x_null != y_null)
            return x_null == nulls_last ? 1 : -1;
        if (x->kind == SPINE_TUPLE_BEGIN && y->kind == SPINE_TUPLE_BEGIN) {
            (*at)++;
            order = compare_tuples(a, b, at);
        } else {
            order = compare_values(x, y);
        }
        if (order != 0)
            return descends ? -order : order;
    }
    return (int)ends_at(b, *at) - (int)ends_at(a, *at);
}

/* --- laws -------------------------------------------------------------------------- */

static bool
encode(struct spine_tuple_writer *writer, const struct tuple *tuple)
{
    spine_tuple_clear(writer);
    for (size_t i = 0; i < tuple->count; i++)
        spine_tuple_put(writer, &tuple->elements[i]);
    return spine_tuple_writer_status(writer, NULL) == SPINE_OK;
}

/* Makes `out` begin as `tuple` does, and go on as it likes. */
static void
draw_relative(struct rng *rng, const struct orders *orders, const struct tuple *tuple,
              struct tuple *out)
{
    const size_t kept = tuple->count > 0 ? rng_index(rng, tuple->count) : 0;

    draw_tuple(rng, orders, out);
    for (size_t i = 0; i < kept && i < out->count; i++) {
        /* Structure stays as drawn, values are taken over where they fit. */
        const struct spine_tuple_element *const from = &tuple->elements[i];
        struct spine_tuple_element *const to = &out->elements[i];
        const bool nests =
            from->kind >= SPINE_TUPLE_BEGIN || to->kind >= SPINE_TUPLE_BEGIN;

        if (nests && from->kind != to->kind)
            return;
        if (!nests) {
            to->kind = from->kind;
            to->as = from->as;
        }
    }
}

static bool
order_is_kept(struct rng *rng, size_t steps)
{
    struct spine_tuple_writer writer_a, writer_b;
    struct orders orders;
    static struct tuple a, b;

    spine_tuple_writer_init(&writer_a);
    spine_tuple_writer_init(&writer_b);
    draw_orders(rng, &orders);
    for (size_t step = 0; step < steps; step++) {
        draw_tuple(rng, &orders, &a);
        draw_relative(rng, &orders, &a, &b);
        HOLDS(encode(&writer_a, &a));
        HOLDS(encode(&writer_b, &b));

        const struct spine_bytes bytes_a = spine_tuple_bytes(&writer_a);
        const struct spine_bytes bytes_b = spine_tuple_bytes(&writer_b);
        size_t at = 0;
        HOLDS_EQUAL(sign(compare_tuples(&a, &b, &at)),
                    sign(compare_bytes(bytes_a, bytes_b)));
    }
    spine_tuple_writer_release(&writer_a);
    spine_tuple_writer_release(&writer_b);
    return true;
}

static bool
element_is(const struct spine_tuple_element *expected,
           const struct spine_tuple_element *observed)
{
    HOLDS_EQUAL(expected->kind, observed->kind);
    switch (expected->kind) {
    case SPINE_TUPLE_NULL:
        HOLDS_EQUAL(expected->order, observed->order);
        return true;
    case SPINE_TUPLE_END:
        return true;
    case SPINE_TUPLE_F64:
        HOLDS(memcmp(&expected->as.f64, &observed->as.f64, sizeof(double)) == 0);
        break;
    default:
        HOLDS(compare_values(expected, observed) == 0);
        break;
    }
    HOLDS_EQUAL(expected->order & SPINE_DESCENDING, observed->order);
    return true;
}

static bool
what_was_put_is_read(struct rng *rng, size_t steps)
{
    struct spine_tuple_writer writer;
    struct spine_tuple_reader reader;
    struct orders orders;
    static struct tuple tuple;

    spine_tuple_writer_init(&writer);
    spine_tuple_reader_init(&reader, (struct spine_bytes){NULL, 0});
    draw_orders(rng, &orders);
    for (size_t step = 0; step < steps; step++) {
        struct spine_tuple_element element;
        size_t count = 0;

        draw_tuple(rng, &orders, &tuple);
        HOLDS(encode(&writer, &tuple));
        spine_tuple_reader_restart(&reader, spine_tuple_bytes(&writer));
        for (; spine_tuple_next(&reader, &element); count++) {
            HOLDS(count < tuple.count);
            HOLDS(element_is(&tuple.elements[count], &element));
        }
        HOLDS_OK(spine_tuple_reader_status(&reader, NULL));
        HOLDS_EQUAL(tuple.count, count);
    }
    spine_tuple_reader_release(&reader);
    spine_tuple_writer_release(&writer);
    return true;
}

/* --- bytes that nobody wrote ------------------------------------------------------- */

#define HOSTILE_MAX 96

/* Likely bytes more often than others. */
static uint8_t
draw_byte(struct rng *rng)
{
    static const uint8_t likely[] = {0x00, 0x02, 0x04, 0x05, 0x0f, 0x10, 0x11, 0x12,
                                     0x20, 0x21, 0x28, 0x30, 0x40, 0x41, 0x42, 0x7e,
                                     0xff, 0xbd, 0xbe, 0xbf, 0xde, 0x81, 0x08, 0x19};

    if (rng_chance(rng, 30))
        return (uint8_t)rng_next(rng);
    return likely[rng_index(rng, sizeof likely)];
}

/* Random bytes, or those of a tuple with some of them changed, gone or doubled. */
static size_t
draw_hostile(struct rng *rng, struct spine_tuple_writer *writer, uint8_t *out)
{
    static struct tuple tuple;
    struct orders orders;
    size_t size;

    if (rng_chance(rng, 40)) {
        size = rng_index(rng, rng_chance(rng, 50) ? 8 : HOSTILE_MAX);
        for (size_t i = 0; i < size; i++)
            out[i] = draw_byte(rng);
        return size;
    }
    draw_orders(rng, &orders);
    draw_tuple(rng, &orders, &tuple);
    (void)encode(writer, &tuple);
    const struct spine_bytes bytes = spine_tuple_bytes(writer);
    size = bytes.size < HOSTILE_MAX ? bytes.size : HOSTILE_MAX;
    if (size == 0)
        return 0;
    memcpy(out, bytes.data, size);
    for (uint64_t changes = rng_below(rng, 4); changes > 0; changes--) {
        const size_t at = rng_index(rng, size);
        switch (rng_below(rng, 4)) {
        case 0:
            size = at + 1;
            break;
        case 1:
            out[at] = (uint8_t)~out[at];
            break;
        default:
            out[at] = draw_byte(rng);
            break;
        }
    }
    return size;
}

/* Reads all of `bytes`: a reader that goes on for too long, or accepts what a writer does
 * not give, breaks the law; one that reads beyond the end is seen by ASan. */
static bool
reading_ends_well(struct spine_tuple_reader *reader, struct spine_tuple_writer *writer,
                  struct spine_bytes bytes)
{
    struct spine_tuple_element element;
    struct spine_error error = {SPINE_OK, ""};
    size_t elements = 0;

    spine_tuple_clear(writer);
    spine_tuple_reader_restart(reader, bytes);
    while (spine_tuple_next(reader, &element)) {
        HOLDS(++elements <= bytes.size);
        spine_tuple_put(writer, &element);
    }
    if (spine_tuple_reader_status(reader, &error) == SPINE_OK) {
        HOLDS_OK(spine_tuple_writer_status(writer, NULL));
        HOLDS(compare_bytes(spine_tuple_bytes(writer), bytes) == 0);
    } else {
        HOLDS_EQUAL(SPINE_CORRUPT, error.status);
        HOLDS(strstr(error.message, "at byte ") != NULL);
    }
    HOLDS(!spine_tuple_next(reader, &element));
    return true;
}

static bool
any_bytes_are_read_safely(struct rng *rng, size_t steps)
{
    /* One allocation for each size, so that a read beyond it is outside of any. */
    static uint8_t *exact[HOSTILE_MAX + 1];
    struct spine_tuple_writer writer;
    struct spine_tuple_reader reader;
    uint8_t hostile[HOSTILE_MAX];

    spine_tuple_writer_init(&writer);
    spine_tuple_reader_init(&reader, (struct spine_bytes){NULL, 0});
    for (size_t size = 1; size <= HOSTILE_MAX; size++)
        exact[size] = malloc(size);
    for (size_t step = 0; step < steps; step++) {
        const size_t size = draw_hostile(rng, &writer, hostile);

        if (size > 0)
            memcpy(exact[size], hostile, size);
        HOLDS(
            reading_ends_well(&reader, &writer, (struct spine_bytes){exact[size], size}));
    }
    for (size_t size = 1; size <= HOSTILE_MAX; size++)
        free(exact[size]);
    spine_tuple_reader_release(&reader);
    spine_tuple_writer_release(&writer);
    return true;
}

/* --- tests -------------------------------------------------------------------------- */

static void
test_order_is_kept(void **state)
{
    const struct property law = {"test_order_is_kept", order_is_kept, 500, 400};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_what_was_put_is_read(void **state)
{
    const struct property law = {"test_what_was_put_is_read", what_was_put_is_read, 300,
                                 300};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_any_bytes_are_read_safely(void **state)
{
    const struct property law = {"test_any_bytes_are_read_safely",
                                 any_bytes_are_read_safely, 200, 6000};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_kept),
        cmocka_unit_test(test_what_was_put_is_read),
        cmocka_unit_test(test_any_bytes_are_read_safely),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
