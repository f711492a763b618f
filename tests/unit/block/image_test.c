/* SPDX-License-Identifier: MIT */
#include "unit/batch/batch_fixture.h"

#include "block/block.h"
#include "harness/figure.h"
#include "rows/arena.h"

#include <sys/mman.h>
#include <unistd.h>

/*
 * Images of blocks: the same rows give the same bytes, which mean the same at any place;
 * and whatever bytes are there instead, they are no image, or one that can be read.
 */

/* What fresh memory is full of. */
static int fill_byte;

static void *
filled_alloc(void *context, size_t bytes)
{
    void *memory = malloc(bytes);

    (void)context;
    return memory != NULL ? memset(memory, fill_byte, bytes) : NULL;
}

static void
plain_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

/* Rows of one schema, and memory that ends, or begins, where no memory is. */
struct world {
    struct layout layout;
    struct owned_columns columns;
    struct rows rows;
    uint8_t *pages;
    size_t pages_bytes;
    struct random random;
};

static size_t
page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void
world_init(struct world *world, const struct spine_schema *schema,
           const struct draw *draw, size_t image_bytes_max)
{
    const size_t page = page_bytes();

    *world = (struct world){.random = {draw->rows}};
    assert_int_equal(layout_init(&world->layout, schema, NULL), SPINE_OK);
    world->columns = columns_draw(schema, draw, &world->random);
    world->rows = rows_of_columns(&world->layout, &world->columns.columns);
    if (world->rows.count > BLOCK_ROWS)
        world->rows.count = BLOCK_ROWS;
    world->pages_bytes = (image_bytes_max + page - 1) / page * page + 2 * page;
    world->pages =
        mmap(NULL, world->pages_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(world->pages != MAP_FAILED);
    assert_int_equal(mprotect(world->pages + page, world->pages_bytes - 2 * page,
                              PROT_READ | PROT_WRITE),
                     0);
}

static void
world_release(struct world *world)
{
    assert_int_equal(munmap(world->pages, world->pages_bytes), 0);
    rows_release(&world->layout, &world->rows);
    columns_free(&world->columns);
    expect_no_leak();
}

static struct block *
pack(const struct world *world, bool encode)
{
    struct block *block = NULL;

    assert_int_equal(
        block_pack(&world->layout, &world->rows, 0, world->rows.count, encode, &block),
        SPINE_OK);
    assert_int_equal((uintptr_t)block_image(block) % IMAGE_ALIGNMENT, 0);
    return block;
}

/* Copies `size` bytes to where memory ends, or (`low`) begins. */
static struct image *
place(const struct world *world, const void *bytes, size_t size, bool low)
{
    uint8_t *const begin = world->pages + page_bytes();
    uint8_t *const end = world->pages + world->pages_bytes - page_bytes();
    uint8_t *const to = low ? begin : end - size;

    return memcpy(to, bytes, size);
}

/* Calls everything that looks into an image. */
static void
read_all(struct world *world, const struct image *image)
{
    const struct layout *layout = &world->layout;
    const struct column keys = image_keys(image), values = image_values(image);
    struct rows out = {0};
    struct arena cells = {0};
    size_t found = 0;

    assert_true(rows_reserve(layout, &out, 2 * image->row_count));
    assert_int_equal(image_stage(layout, image, 0, image->row_count, &cells, &out),
                     SPINE_OK);
    for (uint32_t at = 0, end; at < image->row_count; at = end) {
        end = at + 1 + (uint32_t)random_below(&world->random, image->row_count - at);
        assert_int_equal(image_stage(layout, image, at, end, &cells, &out), SPINE_OK);
    }
    for (unsigned i = 0; i < 8; i++) {
        const size_t row = random_below(&world->random, world->rows.count);
        const struct cell key = rows_key(layout, &world->rows, row);
        const struct cell value = rows_value(layout, &world->rows, row);
        const struct bound bound =
            bound_of(layout, &key, i % 4 < 2 ? &value : NULL, i % 2 == 0);

        found += image_search(layout, image, &bound);
        found += column_equals(&layout->key, &keys, image->key_count - 1, &key);
        found += column_equals(&layout->value, &values, image->value_count - 1, &value);
    }
    assert_true(found <= 8 * (size_t)(BLOCK_ROWS + 2));
    rows_release(layout, &out);
    arena_release(&cells);
}

/* Are these the bytes that their rows are packed to? */
static bool
is_canonical(const struct world *world, const struct image *image)
{
    struct rows rows = {0};
    struct arena cells = {0};
    struct block *block = NULL;
    bool same;

    assert_true(rows_reserve(&world->layout, &rows, image->row_count));
    assert_int_equal(
        image_stage(&world->layout, image, 0, image->row_count, &cells, &rows), SPINE_OK);
    assert_int_equal(block_pack(&world->layout, &rows, 0, rows.count,
                                image_has(image, IMAGE_ENCODED), &block),
                     SPINE_OK);
    same = block_image(block)->bytes == image->bytes &&
           memcmp(block_image(block), image, image->bytes) == 0;
    block_unref(block);
    rows_release(&world->layout, &rows);
    arena_release(&cells);
    return same;
}

typedef void try_fn(struct world *world, bool encode);

/* Calls `on_world` with all schemas, of few rows, and of many when asked. */
static void
with_all_schemas(try_fn *on_world, size_t rows)
{
    for (size_t k = 0; k < TYPE_COUNT; k++)
        for (size_t v = 0; v < TYPE_COUNT; v++)
            for (unsigned variant = 0; variant < 4; variant++) {
                const struct spine_schema schema = {.key = all_types[k],
                                                    .value = all_types[v],
                                                    .weight_count = variant == 1 ? 3 : 1,
                                                    .time = variant < 2 ? SPINE_UNTIMED
                                                                        : SPINE_TIME_U64};
                const struct draw draw = {.rows = rows + (k + v) % 7,
                                          .keys = variant == 3 ? 1000000 : 1 + rows / 2,
                                          .values = 8,
                                          .times = 4,
                                          .magnitude = (int64_t)1 << (variant * 9)};
                struct world world;

                world_init(&world, &schema, &draw, 400 * (rows + 16));
                /* Of few rows nothing may be left. */
                if (world.rows.count > 0)
                    on_world(&world, (k + v + variant) % 2 == 0);
                world_release(&world);
            }
}

static void
try_bytes(struct world *world, bool encode)
{
    struct block *first, *second;
    struct spine_error error = {0};
    const struct image *image;
    struct rows out = {0};
    struct arena cells = {0};

    fill_byte = 0x00;
    first = pack(world, encode);
    fill_byte = 0xff;
    second = pack(world, encode);
    image = block_image(first);
    assert_int_equal(image->bytes, block_image(second)->bytes);
    assert_memory_equal(image, block_image(second), image->bytes);
    block_unref(second);

    image = place(world, image, image->bytes, false);
    block_unref(first);
    if (image_check(&world->layout, image, image->bytes, &error) != SPINE_OK)
        fail_msg("%s", error.message);
    assert_true(rows_reserve(&world->layout, &out, image->row_count));
    assert_int_equal(
        image_stage(&world->layout, image, 0, image->row_count, &cells, &out), SPINE_OK);
    assert_int_equal(out.count, world->rows.count);
    expect_rows_equal(&world->layout, &out, 0, &world->rows, 0, out.count);
    rows_release(&world->layout, &out);
    arena_release(&cells);
    read_all(world, image);
    assert_true(is_canonical(world, image));
}

static void
the_same_rows_give_the_same_bytes(void **state)
{
    (void)state;
    const struct spine_allocator allocator = {.on_alloc = filled_alloc,
                                              .on_free = plain_free};

    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    with_all_schemas(try_bytes, 1);
    with_all_schemas(try_bytes, 30);
    with_all_schemas(try_bytes, 1000);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
}

static uint64_t flips, flips_found, flips_of_places, flips_of_places_found;

/* What is not found changed a cell into another one, in order. */
static void
try_flip(struct world *world, struct image *image, size_t bit)
{
    const bool in_head = bit / 8 < offsetof(struct image, key_frame);
    uint8_t *const byte = (uint8_t *)image + bit / 8;
    const uint32_t size = image->bytes;
    enum spine_status st;

    *byte ^= (uint8_t)(1u << bit % 8);
    if (image_check_shape(&world->layout, image, size, NULL) == SPINE_OK)
        read_all(world, image);
    st = image_check(&world->layout, image, size, NULL);
    assert_true(st == SPINE_OK || st == SPINE_CORRUPT);
    flips++;
    flips_found += st != SPINE_OK;
    flips_of_places += in_head;
    flips_of_places_found += in_head && st != SPINE_OK;
    if (st == SPINE_OK && image->flags == 0)
        assert_true(is_canonical(world, image));
    *byte ^= (uint8_t)(1u << bit % 8);
}

static void
try_flips(struct world *world, bool encode)
{
    struct block *block = pack(world, encode);
    const size_t bits = 8 * (size_t)block_image(block)->bytes;

    for (unsigned low = 0; low < 2; low++) {
        struct image *image =
            place(world, block_image(block), block_image(block)->bytes, low > 0);

        for (size_t bit = low; bit<bits; bit += bit> 8 * IMAGE_HEAD_BYTES ? 3 : 2)
            try_flip(world, image, bit);
        assert_memory_equal(image, block_image(block), block_image(block)->bytes);
    }
    block_unref(block);
}

static void
flipped_bits_are_no_image_or_a_readable_one(void **state)
{
    (void)state;
    with_all_schemas(try_flips, 8);
    print_message("%llu bits flipped, %llu found; of those of counts and places %llu of "
                  "%llu\n",
                  (unsigned long long)flips, (unsigned long long)flips_found,
                  (unsigned long long)flips_of_places_found,
                  (unsigned long long)flips_of_places);
    figure_add("bits flipped", flips);
    /* The only one that makes another image: packed to be encoded, in vain. */
    assert_true(flips_of_places - flips_of_places_found <= flips_of_places / 512);
}

static void
try_lengths(struct world *world, bool encode)
{
    struct block *block = pack(world, encode);
    const size_t size = block_image(block)->bytes;

    for (size_t length = 0; length < size; length++) {
        /* Where memory ends only lengths that are a multiple of eight are aligned. */
        struct image *image =
            place(world, block_image(block), (length + 7) & ~(size_t)7, false);

        assert_int_equal(image_check(&world->layout, image, length, NULL), SPINE_CORRUPT);
        /* The head may say so, too. */
        if (length < IMAGE_HEAD_BYTES)
            continue;
        image->bytes = (uint32_t)length;
        assert_int_equal(image_check(&world->layout, image, length, NULL), SPINE_CORRUPT);
    }
    block_unref(block);
}

static void
images_that_are_cut_off_are_found(void **state)
{
    (void)state;
    with_all_schemas(try_lengths, 20);
}

/* Words of chance, which are sound now and then. */
static void
try_chance(struct world *world, bool encode)
{
    struct block *block = pack(world, encode);
    const size_t size = block_image(block)->bytes;
    struct random *random = &world->random;

    for (unsigned turn = 0; turn < 200; turn++) {
        struct image *image = place(world, block_image(block), size, turn % 2 == 0);
        uint32_t *const words = (uint32_t *)(void *)image;

        for (unsigned i = 0; i <= turn % 3; i++) {
            const size_t at = random_below(random, size / 4);
            const uint32_t other = words[random_below(random, size / 4)];

            words[at] = turn % 5 == 0 ? (uint32_t)random_next(random) : other;
        }
        if (image_check_shape(&world->layout, image, size, NULL) == SPINE_OK)
            read_all(world, image);
        if (image_check(&world->layout, image, size, NULL) == SPINE_OK &&
            image->flags == 0)
            assert_true(is_canonical(world, image));
    }
    block_unref(block);
}

static void
words_of_chance_are_no_image_or_a_readable_one(void **state)
{
    (void)state;
    with_all_schemas(try_chance, 60);
}

/* The bytes of the cells are not there: the block is refused by their number. */
static void
too_large_an_image_is_refused(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_BYTES, 0}};
    uint8_t byte = 1;
    struct span key = {&byte, IMAGE_BYTES_MAX / 2};
    struct span value = {&byte, IMAGE_BYTES_MAX / 2 - 300};
    uint64_t hi = 0, lo = 0;
    int64_t weight = 1;
    const struct rows rows = {.hi = &hi,
                              .lo = &lo,
                              .key = &key,
                              .value = &value,
                              .weight = &weight,
                              .count = 1,
                              .capacity = 1};
    struct block *block = NULL;
    struct layout layout;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    /* With what lies beside the cells it is just too much. */
    value.size += 200;
    assert_int_equal(block_pack(&layout, &rows, 0, 1, false, &block), SPINE_INVALID);
    assert_null(block);
    /* What a caller may store always has room. */
    assert_true(2 * (size_t)SPINE_BYTES_MAX + BLOCK_BYTES + (1u << 20) < IMAGE_BYTES_MAX);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_rows_give_the_same_bytes),
        cmocka_unit_test(flipped_bits_are_no_image_or_a_readable_one),
        cmocka_unit_test(images_that_are_cut_off_are_found),
        cmocka_unit_test(words_of_chance_are_no_image_or_a_readable_one),
        cmocka_unit_test(too_large_an_image_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
