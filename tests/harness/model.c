/* SPDX-License-Identifier: MIT */
#include "harness/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)16 << 10)

struct model_chunk {
    struct model_chunk *next;
    size_t used;
    size_t bytes;
    uint8_t data[];
};

static int rows_compare(const struct model *model, const struct model_row *a,
                        const struct model_row *b);
static int order_rows(const void *a, const void *b);
static bool weights_are_zero(const struct model *model, const struct model_row *row);
static union spine_datum
copy_cell(struct model *model, const struct spine_type *type, union spine_datum cell);
static void *copy_bytes(struct model *model, const void *data, size_t size);
static bool rows_are_same(const struct model *model, const struct model_row *a,
                          const struct model_row *b);
static void print_around(const char *title, const struct model *model, size_t at);
static int64_t f64_order(double number);

int
model_cell_compare(enum spine_kind kind, union spine_datum a, union spine_datum b)
{
    switch (kind) {
    case SPINE_NONE:
        return 0;
    case SPINE_U64:
        return (a.u64 > b.u64) - (a.u64 < b.u64);
    case SPINE_I64:
        return (a.i64 > b.i64) - (a.i64 < b.i64);
    case SPINE_U32:
        return (a.u32 > b.u32) - (a.u32 < b.u32);
    case SPINE_I32:
        return (a.i32 > b.i32) - (a.i32 < b.i32);
    case SPINE_F64:
        return (f64_order(a.f64) > f64_order(b.f64)) -
               (f64_order(a.f64) < f64_order(b.f64));
    case SPINE_FIXED:
    case SPINE_BYTES:
        break;
    }
    for (size_t i = 0; i < a.bytes.size && i < b.bytes.size; i++) {
        const uint8_t byte_a = ((const uint8_t *)a.bytes.data)[i];
        const uint8_t byte_b = ((const uint8_t *)b.bytes.data)[i];
        if (byte_a != byte_b)
            return byte_a < byte_b ? -1 : 1;
    }
    return (a.bytes.size > b.bytes.size) - (a.bytes.size < b.bytes.size);
}

void
model_init(struct model *model, const struct spine_schema *schema)
{
    *model = (struct model){.schema = *schema};
    model->weight_count = schema->weight_count == 0 ? 1 : schema->weight_count;
}

void
model_release(struct model *model)
{
    while (model->chunks != NULL) {
        struct model_chunk *chunk = model->chunks;
        model->chunks = chunk->next;
        free(chunk);
    }
    free(model->rows);
    model->rows = NULL;
    model->count = model->capacity = 0;
}

void
model_copy(struct model *to, const struct model *from)
{
    const struct spine_schema schema = from->schema;

    model_release(to);
    model_init(to, &schema);
    model_add_rows(to, from->rows, from->count);
}

void
model_add(struct model *model, const struct model_row *row)
{
    if (model->count == model->capacity) {
        model->capacity = model->capacity * 2 + 16;
        model->rows = realloc(model->rows, model->capacity * sizeof *model->rows);
        if (model->rows == NULL)
            abort();
    }
    struct model_row copy = *row;
    copy.key = copy_cell(model, &model->schema.key, row->key);
    copy.value = copy_cell(model, &model->schema.value, row->value);
    if (model->schema.time == SPINE_UNTIMED)
        copy.time = 0;
    for (unsigned i = model->weight_count; i < SPINE_WEIGHTS_MAX; i++)
        copy.weights[i] = 0;
    model->rows[model->count++] = copy;
}

void
model_add_rows(struct model *model, const struct model_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        model_add(model, &rows[i]);
}

void
model_add_times(struct model *model, const struct model_row *row, int64_t factor)
{
    struct model_row scaled = *row;

    for (unsigned i = 0; i < model->weight_count; i++)
        scaled.weights[i] *= factor;
    model_add(model, &scaled);
}

/* qsort() hands its comparison no context. */
static _Thread_local const struct model *sorted_model;

void
model_consolidate(struct model *model)
{
    size_t kept = 0;

    if (model->count == 0)
        return;
    sorted_model = model;
    qsort(model->rows, model->count, sizeof *model->rows, order_rows);
    for (size_t at = 0; at < model->count;) {
        struct model_row sum = model->rows[at++];
        while (at < model->count && rows_compare(model, &sum, &model->rows[at]) == 0) {
            for (unsigned i = 0; i < model->weight_count; i++)
                sum.weights[i] += model->rows[at].weights[i];
            at++;
        }
        if (!weights_are_zero(model, &sum))
            model->rows[kept++] = sum;
    }
    model->count = kept;
}

void
model_keep_keys(struct model *model)
{
    size_t kept = 0;

    for (size_t i = 0; i < model->count; i++)
        if (kept == 0 ||
            model_cell_compare(model->schema.key.kind, model->rows[kept - 1].key,
                               model->rows[i].key) < 0)
            model->rows[kept++] = model->rows[i];
    model->count = kept;
}

void
model_advance(struct model *model, uint64_t frontier)
{
    for (size_t i = 0; i < model->count; i++) {
        uint64_t *time = &model->rows[i].time;
        if (model->schema.time == SPINE_TIME_U64) {
            *time = *time > frontier ? *time : frontier;
        } else if (model->schema.time == SPINE_TIME_PAIR) {
            const uint64_t outer = *time >> 32, inner = *time & UINT32_MAX;
            const uint64_t least_outer = frontier >> 32, least = frontier & UINT32_MAX;
            *time = (outer > least_outer ? outer : least_outer) << 32 |
                    (inner > least ? inner : least);
        }
    }
    model_consolidate(model);
}

void
model_through(struct model *model, uint64_t through)
{
    size_t kept = 0;

    for (size_t i = 0; i < model->count; i++) {
        const uint64_t time = model->rows[i].time;
        bool keep = true;

        if (model->schema.time == SPINE_TIME_U64)
            keep = time <= through;
        else if (model->schema.time == SPINE_TIME_PAIR)
            keep = time >> 32 <= through >> 32 &&
                   (time & UINT32_MAX) <= (through & UINT32_MAX);
        if (!keep)
            continue;
        model->rows[kept] = model->rows[i];
        model->rows[kept++].time = 0;
    }
    model->count = kept;
    model_consolidate(model);
}

void
model_sum(const struct model *model, int64_t sum[SPINE_WEIGHTS_MAX])
{
    for (unsigned i = 0; i < SPINE_WEIGHTS_MAX; i++) {
        sum[i] = 0;
        for (size_t at = 0; at < model->count; at++)
            sum[i] += model->rows[at].weights[i];
    }
}

size_t
model_key_count(const struct model *model)
{
    size_t count = 0;

    for (size_t i = 0; i < model->count; i++)
        if (i == 0 || model_cell_compare(model->schema.key.kind, model->rows[i - 1].key,
                                         model->rows[i].key) != 0)
            count++;
    return count;
}

size_t
model_negative_count(const struct model *model)
{
    size_t count = 0;

    for (size_t at = 0; at < model->count; at++) {
        bool negative = false;
        for (unsigned i = 0; i < model->weight_count; i++)
            negative = negative || model->rows[at].weights[i] < 0;
        count += negative;
    }
    return count;
}

bool
model_equal(const struct model *expected, const struct model *observed, const char *what)
{
    size_t at = 0;

    while (at < expected->count && at < observed->count &&
           rows_are_same(expected, &expected->rows[at], &observed->rows[at]))
        at++;
    if (at == expected->count && at == observed->count)
        return true;

    printf("%s: row %zu differs; %zu rows expected, %zu observed\n", what, at,
           expected->count, observed->count);
    print_around("expected", expected, at);
    print_around("observed", observed, at);
    return false;
}

void
model_print_cell(FILE *file, const struct spine_type *type, union spine_datum cell)
{
    uint64_t bits;

    switch (type->kind) {
    case SPINE_NONE:
        fprintf(file, "-");
        return;
    case SPINE_U64:
        fprintf(file, "%" PRIu64, cell.u64);
        return;
    case SPINE_I64:
        fprintf(file, "%" PRId64, cell.i64);
        return;
    case SPINE_U32:
        fprintf(file, "%" PRIu32, cell.u32);
        return;
    case SPINE_I32:
        fprintf(file, "%" PRId32, cell.i32);
        return;
    case SPINE_F64:
        memcpy(&bits, &cell.f64, sizeof bits);
        fprintf(file, "%g (%016" PRIx64 ")", cell.f64, bits);
        return;
    case SPINE_FIXED:
    case SPINE_BYTES:
        break;
    }
    fprintf(file, "%zu:", cell.bytes.size);
    for (size_t i = 0; i < cell.bytes.size && i < 32; i++)
        fprintf(file, "%02x", ((const uint8_t *)cell.bytes.data)[i]);
    if (cell.bytes.size > 32)
        fprintf(file, "...");
}

void
model_print_row(FILE *file, const struct model *model, const struct model_row *row)
{
    fprintf(file, "(");
    model_print_cell(file, &model->schema.key, row->key);
    fprintf(file, ", ");
    model_print_cell(file, &model->schema.value, row->value);
    if (model->schema.time == SPINE_TIME_U64)
        fprintf(file, ", time %" PRIu64, row->time);
    if (model->schema.time == SPINE_TIME_PAIR)
        fprintf(file, ", time %" PRIu64 ".%" PRIu64, row->time >> 32,
                row->time & UINT32_MAX);
    for (unsigned i = 0; i < model->weight_count; i++)
        fprintf(file, ", %+" PRId64, row->weights[i]);
    fprintf(file, ")");
}

static void
print_around(const char *title, const struct model *model, size_t at)
{
    for (size_t i = at > 2 ? at - 2 : 0; i < at + 3 && i < model->count; i++) {
        printf("  %s %c%zu ", title, i == at ? '>' : ' ', i);
        model_print_row(stdout, model, &model->rows[i]);
        printf("\n");
    }
    if (at >= model->count)
        printf("  %s >end\n", title);
}

static int
order_rows(const void *a, const void *b)
{
    return rows_compare(sorted_model, a, b);
}

static int
rows_compare(const struct model *model, const struct model_row *a,
             const struct model_row *b)
{
    int order = model_cell_compare(model->schema.key.kind, a->key, b->key);

    if (order == 0)
        order = model_cell_compare(model->schema.value.kind, a->value, b->value);
    if (order == 0)
        order = (a->time > b->time) - (a->time < b->time);
    return order;
}

static bool
rows_are_same(const struct model *model, const struct model_row *a,
              const struct model_row *b)
{
    return rows_compare(model, a, b) == 0 &&
           memcmp(a->weights, b->weights, model->weight_count * sizeof a->weights[0]) ==
               0;
}

static bool
weights_are_zero(const struct model *model, const struct model_row *row)
{
    for (unsigned i = 0; i < model->weight_count; i++)
        if (row->weights[i] != 0)
            return false;
    return true;
}

/* A number that orders as the doubles do: -NaN < -inf < ... < -0 < +0 < ... < NaN. */
static int64_t
f64_order(double number)
{
    int64_t bits;

    memcpy(&bits, &number, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static union spine_datum
copy_cell(struct model *model, const struct spine_type *type, union spine_datum cell)
{
    switch (type->kind) {
    case SPINE_NONE:
        return (union spine_datum){0};
    case SPINE_U64:
        return spine_u64(cell.u64);
    case SPINE_I64:
        return spine_i64(cell.i64);
    case SPINE_U32:
        return spine_u32(cell.u32);
    case SPINE_I32:
        return spine_i32(cell.i32);
    case SPINE_F64:
        return spine_f64(cell.f64);
    case SPINE_FIXED:
    case SPINE_BYTES:
        break;
    }
    return spine_data(copy_bytes(model, cell.bytes.data, cell.bytes.size),
                      cell.bytes.size);
}

static void *
copy_bytes(struct model *model, const void *data, size_t size)
{
    struct model_chunk *chunk = model->chunks;

    if (chunk == NULL || chunk->bytes - chunk->used < size) {
        const size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk = malloc(sizeof *chunk + bytes);
        if (chunk == NULL)
            abort();
        chunk->next = model->chunks;
        chunk->used = 0;
        chunk->bytes = bytes;
        model->chunks = chunk;
    }
    void *copy = chunk->data + chunk->used;
    if (size > 0)
        memcpy(copy, data, size);
    chunk->used += size;
    return copy;
}
