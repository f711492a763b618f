/* SPDX-License-Identifier: MIT */

/*
 * Bytes as a schema and an array of Arrow, of any formats, counts, lengths, offsets and
 * missing buffers, with memory behind them as large as Arrow's rules want: either they
 * are refused, or they are a batch that is whole, whose rows go out as records. Nothing
 * that came in is released.
 */

#include "fuzz/fuzz.h"

#include "spine/spine.h"

#include <string.h>

enum { NODES_MAX = 64, CHILDREN_MAX = 4, ROWS_MAX = 16, DATA_BYTES = 64 };

/* A column, and what it points to. */
struct node {
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct ArrowSchema *schemas[CHILDREN_MAX];
    struct ArrowArray *arrays[CHILDREN_MAX];
    const void *buffers[4];
    char format[16];
};

struct input {
    const uint8_t *at;
    const uint8_t *end;
    struct node nodes[NODES_MAX];
    size_t nodes_count;
};

static struct input input;
/* Any values: more than ROWS_MAX of the longest fixed ones, behind two offsets. */
static uint8_t memory[24 * SPINE_FIXED_MAX];
static int32_t offsets32[64];
static int64_t offsets64[64];
static const int64_t view_sizes[1] = {DATA_BYTES};

static const char *const formats[] = {
    "b",   "c",   "C",   "s",   "S",   "i",   "I",    "l",       "L",    "f",
    "g",   "tdD", "tts", "ttm", "ttu", "ttn", "tss:", "tsm:UTC", "tsn:", "d:38,2",
    "w:3", "u",   "z",   "U",   "Z",   "vu",  "vz",   "+s",      "+s",   "+s"};
static const char *const names[] = {"a", "b", "c", "weight", "time", "", NULL};

static unsigned
draw(unsigned below)
{
    return input.at < input.end ? *input.at++ % below : 0;
}

static void
never_schema(struct ArrowSchema *schema)
{
    (void)schema;
    FUZZ_REQUIRE(!"a schema that came in is released");
}

static void
never_array(struct ArrowArray *array)
{
    (void)array;
    FUZZ_REQUIRE(!"an array that came in is released");
}

/* Mostly a format that there is. */
static void
draw_format(char *format)
{
    const unsigned number = draw(40);
    size_t size = 0;

    if (number < sizeof formats / sizeof formats[0]) {
        strcpy(format, formats[number]);
        return;
    }
    for (unsigned left = draw(15); left > 0; left--)
        format[size++] = (char)(1 + draw(126));
}

/* Buffers as the format has them; one of them may be missing. */
static void
draw_buffers(struct node *node)
{
    const char *const format = node->format;
    const void *values = memory;

    if (format[0] == 'u' || format[0] == 'z')
        values = offsets32;
    if (format[0] == 'U' || format[0] == 'Z')
        values = offsets64;
    node->buffers[0] = draw(2) != 0 ? memory : NULL;
    node->buffers[1] = values;
    node->buffers[2] = memory;
    node->buffers[3] = view_sizes;
    node->array.n_buffers = format[0] == '+'                 ? 1
                            : format[0] == 'v'               ? 4
                            : values != (const void *)memory ? 3
                                                             : 2;
    if (draw(20) == 1)
        node->array.n_buffers = (int64_t)draw(5);
    if (draw(20) == 1)
        node->buffers[draw(4)] = NULL;
}

static struct node *
draw_node(unsigned depth)
{
    struct node *const node = &input.nodes[input.nodes_count++];

    *node = (struct node){0};
    draw_format(node->format);
    node->schema = (struct ArrowSchema){.format = node->format,
                                        .name = names[draw(7)],
                                        .flags = (int64_t)draw(8),
                                        .children = node->schemas,
                                        .release = never_schema};
    node->array =
        (struct ArrowArray){.length = (int64_t)(draw(4) != 1 ? ROWS_MAX : draw(16)),
                            .null_count = (int64_t)draw(4) - 1,
                            .offset = (int64_t)draw(4),
                            .buffers = node->buffers,
                            .children = node->arrays,
                            .release = never_array};
    draw_buffers(node);
    for (unsigned left = draw(CHILDREN_MAX + 1); depth > 0 && left > 0; left--) {
        struct node *const child =
            input.nodes_count + 1 < NODES_MAX ? draw_node(depth - 1) : NULL;

        if (child == NULL)
            break;
        node->schemas[node->schema.n_children++] = &child->schema;
        node->arrays[node->array.n_children++] = &child->array;
    }
    if (draw(10) == 1 && input.nodes_count + 1 < NODES_MAX) {
        struct node *const dictionary = draw_node(0);

        node->schema.dictionary = &dictionary->schema;
        node->array.dictionary = &dictionary->array;
    }
    if (draw(20) == 1)
        node->array.n_children = (int64_t)draw((unsigned)node->array.n_children + 1);
    return node;
}

/* A batch is whole, and goes out. */
static void
use_batch(const struct spine_arrow_mapping *mapping, struct spine_batch *batch)
{
    struct ArrowArrayStream stream;
    struct spine_cursor *cursor;
    struct spine_error error;
    struct ArrowArray array;

    FUZZ_REQUIRE(spine_batch_check(batch, &error) == SPINE_OK);
    FUZZ_REQUIRE(spine_batch_cursor(batch, &cursor, NULL) == SPINE_OK);
    FUZZ_REQUIRE(spine_cursor_to_arrow(cursor, mapping, &stream, &error) == SPINE_OK);
    for (;;) {
        FUZZ_REQUIRE(stream.get_next(&stream, &array) == 0);
        if (array.release == NULL)
            break;
        array.release(&array);
    }
    stream.release(&stream);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *const weights[] = {"weight"};
    const size_t keys[] = {0, 1};
    struct spine_arrow_mapping *mapping;
    struct spine_batch *batch = NULL;
    struct spine_error error = {0};
    enum spine_status st;

    input.at = data;
    input.end = data + size;
    input.nodes_count = 0;
    for (size_t i = 0; i < 64; i++) {
        memory[i] = (uint8_t)draw(256);
        offsets32[i] = (int32_t)(draw(10) != 1 ? 2 * i : draw(256)) % DATA_BYTES;
        offsets64[i] = offsets32[i];
    }
    const struct spine_arrow_columns columns = {.key_indexes = keys,
                                                .key_count = draw(3),
                                                .weight_names = weights,
                                                .weight_count = draw(2),
                                                .time_name =
                                                    draw(4) == 1 ? "time" : NULL};
    struct node *const root = draw_node(2);

    if (draw(20) != 1) {
        strcpy(root->format, "+s");
        root->array.offset = (int64_t)draw(2);
        root->array.length = (int64_t)draw(12);
    }
    st = spine_arrow_mapping_new(&root->schema, &columns, &mapping, &error);
    FUZZ_REQUIRE(st == SPINE_OK || st == SPINE_INVALID);
    if (st == SPINE_OK) {
        st = spine_batch_from_arrow(mapping, &root->array, &batch, &error);
        FUZZ_REQUIRE(st == SPINE_OK || st == SPINE_INVALID || st == SPINE_OVERFLOW);
        if (st == SPINE_OK)
            use_batch(mapping, batch);
        spine_batch_unref(batch);
        spine_arrow_mapping_free(mapping);
    }
    FUZZ_REQUIRE(st == SPINE_OK || (error.status == st && error.message[0] != '\0'));
    FUZZ_REQUIRE(spine_allocated_bytes() == 0);
    return 0;
}
