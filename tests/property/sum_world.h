/* SPDX-License-Identifier: MIT */
#ifndef PROPERTY_SUM_WORLD_H
#define PROPERTY_SUM_WORLD_H

/*
 * Rows by the thousand whose partial sums leave int64_t by far, of a few groups, and what
 * they add up to.
 */

#include "harness/fault_alloc.h"
#include "harness/property.h"
#include "spine/spine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide;

#define KEYS 3u
#define VALUES 2u
#define TIMES 3u
#define GROUPS (KEYS * VALUES * TIMES)
#define WIDTH_MAX 8u
/* Rows that begin a case, and the room for those that bring sums back. */
#define ROWS_MAX 130000u

static const struct spine_schema schemas[] = {
    {.key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}},
    {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .weight_count = 2},
    {.key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}, .weight_count = 8},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64},
    {.key = {SPINE_BYTES, 0}, .value = {SPINE_U32, 0}, .time = SPINE_TIME_PAIR},
};
#define SCHEMAS (sizeof schemas / sizeof schemas[0])

struct row {
    unsigned group;
    int64_t weights[WIDTH_MAX];
};

struct world {
    struct rng *rng;
    const struct spine_schema *schema;
    unsigned width;
    unsigned groups;
    struct row *rows;
    size_t count;
    wide sums[GROUPS][WIDTH_MAX];
};

/* ---- Rows ---- */

static inline unsigned
group_of(const struct world *world, unsigned key, unsigned value, unsigned time)
{
    const unsigned values = world->schema->value.kind == SPINE_NONE ? 1 : VALUES;
    const unsigned times = world->schema->time == SPINE_UNTIMED ? 1 : TIMES;

    return (key * values + value) * times + time;
}

static inline void
group_cells(const struct world *world, unsigned group, unsigned *key, unsigned *value,
            unsigned *time)
{
    const unsigned values = world->schema->value.kind == SPINE_NONE ? 1 : VALUES;
    const unsigned times = world->schema->time == SPINE_UNTIMED ? 1 : TIMES;

    *time = group % times;
    *value = group / times % values;
    *key = group / times / values;
}

/* The join of any two is one of them. */
static inline uint64_t
time_of(const struct world *world, unsigned time)
{
    return world->schema->time == SPINE_TIME_PAIR ? spine_time_pair(time >= 1, time != 1)
                                                  : time;
}

static inline int64_t
draw_weight(struct rng *rng)
{
    static const int64_t heavy[] = {
        INT64_MAX, INT64_MIN,        -INT64_MAX,    1,
        -1,        INT64_C(1) << 62, INT64_MAX / 3, -(INT64_C(1) << 62)};

    return rng_chance(rng, 10) ? 0 : heavy[rng_index(rng, sizeof heavy / sizeof *heavy)];
}

static inline void
add_row(struct world *world, const struct row *row)
{
    bool zero = true;

    for (unsigned c = 0; c < world->width; c++) {
        world->sums[row->group][c] += row->weights[c];
        zero = zero && row->weights[c] == 0;
    }
    if (!zero && world->count < ROWS_MAX)
        world->rows[world->count++] = *row;
    else if (!zero)
        abort();
}

/* Rows in streaks of one sign, so that partial sums go far. */
static inline void
draw_rows(struct world *world, size_t count)
{
    while (world->count < count) {
        struct row row = {.group = (unsigned)rng_below(world->rng, world->groups)};

        for (unsigned c = 0; c < world->width; c++)
            row.weights[c] = draw_weight(world->rng);
        for (size_t streak = rng_magnitude(world->rng, count);
             streak > 0 && world->count < count; streak--) {
            if (rng_chance(world->rng, 30))
                row.group = (unsigned)rng_below(world->rng, world->groups);
            add_row(world, &row);
        }
    }
}

/* Until every sum is one that was drawn. */
static inline void
bring_back(struct world *world)
{
    for (unsigned group = 0; group < world->groups; group++) {
        int64_t target[WIDTH_MAX];
        bool there = false;

        for (unsigned c = 0; c < world->width; c++)
            target[c] = rng_chance(world->rng, 40) ? 0 : draw_weight(world->rng);
        while (!there) {
            struct row row = {.group = group};

            there = true;
            for (unsigned c = 0; c < world->width; c++) {
                const wide left = target[c] - world->sums[group][c];

                row.weights[c] = left > INT64_MAX   ? INT64_MAX
                                 : left < INT64_MIN ? INT64_MIN
                                                    : (int64_t)left;
                there = there && row.weights[c] == left;
            }
            add_row(world, &row);
        }
    }
}

static inline bool
fits(const struct world *world, const wide *sums)
{
    for (unsigned c = 0; c < world->width; c++)
        if (sums[c] > INT64_MAX || sums[c] < INT64_MIN)
            return false;
    return true;
}

static inline bool
overflows(const struct world *world)
{
    for (unsigned group = 0; group < world->groups; group++)
        if (!fits(world, world->sums[group]))
            return true;
    return false;
}

static inline void
shuffle(struct world *world)
{
    for (size_t i = world->count; i > 1; i--) {
        const size_t j = rng_index(world->rng, i);
        const struct row row = world->rows[j];

        world->rows[j] = world->rows[i - 1];
        world->rows[i - 1] = row;
    }
}

/* ---- Into the library ---- */

struct flat {
    struct spine_columns columns;
    uint64_t words[2][ROWS_MAX];
    uint32_t halves[2][ROWS_MAX];
    char bytes[ROWS_MAX];
    uint64_t offsets[ROWS_MAX + 1];
    uint64_t times[ROWS_MAX];
    int64_t weights[ROWS_MAX * WIDTH_MAX];
};

static struct flat *flat;

static inline const void *
column_of(enum spine_kind kind, unsigned which)
{
    if (kind == SPINE_NONE)
        return NULL;
    if (kind == SPINE_BYTES)
        return flat->bytes;
    return kind == SPINE_U32 ? (const void *)flat->halves[which]
                             : (const void *)flat->words[which];
}

/* Columns of rows [begin, end), which live until the next call. */
static inline const struct spine_columns *
columns_of(const struct world *world, size_t begin, size_t end)
{
    const struct spine_schema *schema = world->schema;

    for (size_t i = begin; i < end; i++) {
        const size_t at = i - begin;
        unsigned key, value, time;

        group_cells(world, world->rows[i].group, &key, &value, &time);
        flat->words[0][at] = flat->halves[0][at] = key;
        flat->words[1][at] = flat->halves[1][at] = value;
        flat->bytes[at] = (char)('a' + key);
        flat->offsets[at] = at;
        flat->times[at] = time_of(world, time);
        memcpy(flat->weights + at * world->width, world->rows[i].weights,
               world->width * sizeof *flat->weights);
    }
    flat->offsets[end - begin] = end - begin;
    flat->columns = (struct spine_columns){
        .rows = end - begin,
        .keys = column_of(schema->key.kind, 0),
        .key_offsets = schema->key.kind == SPINE_BYTES ? flat->offsets : NULL,
        .values = column_of(schema->value.kind, 1),
        .times = schema->time != SPINE_UNTIMED ? flat->times : NULL,
        .weights = flat->weights};
    return &flat->columns;
}

static inline union spine_datum
datum_of(enum spine_kind kind, unsigned number)
{
    static const char letters[] = "abcdefgh";

    if (kind == SPINE_BYTES)
        return spine_data(letters + number, 1);
    if (kind == SPINE_NONE)
        return (union spine_datum){0};
    return kind == SPINE_U32 ? spine_u32(number) : spine_u64(number);
}

/* ---- Out of it ---- */

/* The cursor shows exactly the sums, of which `expected` is one per group. */
static inline bool
shows(const struct world *world, struct spine_cursor *cursor,
      wide expected[GROUPS][WIDTH_MAX], bool forward)
{
    bool seen[GROUPS] = {false};

    if (forward)
        spine_cursor_rewind(cursor);
    else
        spine_cursor_fast_forward(cursor);
    while (spine_cursor_key_valid(cursor)) {
        if (!forward)
            spine_cursor_fast_forward_vals(cursor);
        while (spine_cursor_val_valid(cursor)) {
            const union spine_datum key_datum = spine_cursor_key(cursor);
            const enum spine_kind kind = world->schema->key.kind;
            const unsigned key =
                kind == SPINE_BYTES
                    ? (unsigned)(((const char *)key_datum.bytes.data)[0] - 'a')
                : kind == SPINE_U32 ? key_datum.u32
                                    : (unsigned)key_datum.u64;
            unsigned value = 0;
            const uint64_t *times;
            const int64_t *weights;

            if (world->schema->value.kind == SPINE_U32)
                value = spine_cursor_val(cursor).u32;
            else if (world->schema->value.kind == SPINE_U64)
                value = (unsigned)spine_cursor_val(cursor).u64;
            const size_t count = spine_cursor_times(cursor, &times, &weights);
            for (size_t i = 0; i < count; i++) {
                unsigned time = 0;

                while (world->schema->time != SPINE_UNTIMED &&
                       time_of(world, time) != times[i])
                    HOLDS(++time < TIMES);
                const unsigned group = group_of(world, key, value, time);
                HOLDS(!seen[group]);
                seen[group] = true;
                for (unsigned c = 0; c < world->width; c++)
                    HOLDS(weights[i * world->width + c] == expected[group][c]);
            }
            if (forward)
                spine_cursor_step_val(cursor);
            else
                spine_cursor_step_val_reverse(cursor);
        }
        if (forward)
            spine_cursor_step_key(cursor);
        else
            spine_cursor_step_key_reverse(cursor);
    }
    HOLDS_OK(spine_cursor_status(cursor));
    for (unsigned group = 0; group < world->groups; group++) {
        bool zero = true;

        for (unsigned c = 0; c < world->width; c++)
            zero = zero && expected[group][c] == 0;
        HOLDS_EQUAL(!zero, seen[group]);
    }
    return true;
}

/* Does the message end with a group whose sum, of these, is not in int64_t? */
static inline bool
names_overflow(const struct world *world, wide sums[GROUPS][WIDTH_MAX],
               const char *message)
{
    for (unsigned group = 0; group < world->groups; group++) {
        unsigned key, value, time;
        char name[100], text[40] = "";

        group_cells(world, group, &key, &value, &time);
        if (world->schema->key.kind == SPINE_BYTES)
            (void)snprintf(name, sizeof name, "key \"%c\"", (char)('a' + key));
        else
            (void)snprintf(name, sizeof name, "key %u", key);
        if (world->schema->value.kind != SPINE_NONE)
            (void)snprintf(text, sizeof text, ", value %u", value);
        strcat(name, text);
        if (world->schema->time == SPINE_TIME_U64)
            (void)snprintf(text, sizeof text, ", time %u", time);
        else if (world->schema->time == SPINE_TIME_PAIR)
            (void)snprintf(text, sizeof text, ", time (%u, %u)", time >= 1, time != 1);
        if (world->schema->time != SPINE_UNTIMED)
            strcat(name, text);

        const char *const found = strstr(message, name);
        if (found != NULL && strcmp(found, name) == 0 && !fits(world, sums[group]))
            return true;
    }
    printf("'%s' does not end with a row that overflows\n", message);
    return false;
}

static inline void
world_init(struct world *world, struct rng *rng, size_t rows)
{
    *world = (struct world){.rng = rng, .schema = &schemas[rng_index(rng, SCHEMAS)]};
    world->width = world->schema->weight_count > 1 ? world->schema->weight_count : 1;
    world->groups = group_of(world, KEYS, 0, 0);
    world->rows = malloc(ROWS_MAX * sizeof *world->rows);
    flat = malloc(sizeof *flat);
    if (world->rows == NULL || flat == NULL)
        abort();
    draw_rows(world, rows);
}

static inline void
world_release(struct world *world)
{
    free(world->rows);
    free(flat);
}

#endif
