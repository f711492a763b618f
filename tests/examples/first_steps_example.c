/* SPDX-License-Identifier: MIT */

/*
 * First steps: who likes what, as it changes.
 *
 * A spine holds rows (person, thing). Each day brings a batch of changes: weight +1 for
 * what somebody begins to like, -1 for what they do not like any more. Nobody looks up
 * what was there. A snapshot of Monday shows Monday whatever comes later, and the sums at
 * the end are those of a table that is kept beside it.
 */

#include <inttypes.h>
#include <spine/spine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEOPLE 4u

static const char *const things[] = {"chess", "opera", "rain", "tea"};
#define THINGS (sizeof things / sizeof things[0])

struct change {
    uint32_t person;
    size_t thing;
    int64_t weight;
};

static const struct change monday[] = {{1, 0, 1}, {1, 3, 1}, {2, 3, 1}, {3, 2, 1}};
static const struct change tuesday[] = {{1, 0, -1}, {1, 1, 1}, {3, 2, -1}};
static const struct change wednesday[] = {{2, 3, -1}, {2, 0, 1}, {2, 1, 1}, {3, 3, 1}};

/* Ends the program unless a call has done what it should. */
static void
need(enum spine_status status, const struct spine_error *error)
{
    if (status == SPINE_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", spine_status_name(status), error->message);
    exit(1);
}

/* The changes of a day, as one batch, into the spine and into the table. */
static void
insert(struct spine *spine, const struct change *changes, size_t count,
       int64_t table[PEOPLE][THINGS])
{
    struct spine_batcher *batcher;
    struct spine_batch *batch;
    struct spine_error error;

    need(spine_batcher_new(spine_get_schema(spine), &batcher, &error), &error);
    for (size_t i = 0; i < count; i++) {
        const char *const thing = things[changes[i].thing];
        const struct spine_row row = {.key = spine_u32(changes[i].person),
                                      .value = spine_data(thing, strlen(thing)),
                                      .weight = changes[i].weight};

        need(spine_batcher_add(batcher, &row, &error), &error);
        table[changes[i].person][changes[i].thing] += changes[i].weight;
    }
    need(spine_batcher_seal(batcher, &batch, &error), &error);
    need(spine_insert(spine, batch, &error), &error);
    /* The spine has its own reference. */
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
}

/* Prints what a snapshot has; true when that is what the table has. */
static bool
show(const char *day, struct spine_snapshot *snapshot, int64_t table[PEOPLE][THINGS])
{
    struct spine_cursor *cursor;
    struct spine_error error;
    size_t rows = 0, expected = 0;
    bool right = true;

    (void)printf("%s:\n", day);
    need(spine_snapshot_cursor(snapshot, &cursor, &error), &error);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor)) {
        const uint32_t person = spine_cursor_key(cursor).u32;

        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
            const struct spine_bytes thing = spine_cursor_val(cursor).bytes;
            size_t at = 0;

            while (at < THINGS && (strlen(things[at]) != thing.size ||
                                   memcmp(things[at], thing.data, thing.size) != 0))
                at++;
            (void)printf("  %" PRIu32 " likes %.*s\n", person, (int)thing.size,
                         (const char *)thing.data);
            right =
                right && at < THINGS && table[person][at] == spine_cursor_weight(cursor);
            rows++;
        }
    }
    /* Did the walk end at the end, or because something failed? */
    need(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
    for (size_t person = 0; person < PEOPLE; person++)
        for (size_t thing = 0; thing < THINGS; thing++)
            expected += table[person][thing] != 0;
    return right && rows == expected;
}

int
main(void)
{
    const struct spine_schema schema = {.key = {.kind = SPINE_U32},
                                        .value = {.kind = SPINE_BYTES}};
    int64_t table[PEOPLE][THINGS] = {{0}}, table_of_monday[PEOPLE][THINGS];
    struct spine_snapshot *of_monday, *now;
    struct spine_runtime *runtime;
    struct spine_error error;
    struct spine *spine;
    bool right;

    need(spine_runtime_open(NULL, &runtime, &error), &error);
    need(spine_open(runtime, &schema, NULL, &spine, &error), &error);
    insert(spine, monday, sizeof monday / sizeof monday[0], table);
    need(spine_take_snapshot(spine, &of_monday, &error), &error);
    memcpy(table_of_monday, table, sizeof table);
    insert(spine, tuesday, sizeof tuesday / sizeof tuesday[0], table);
    insert(spine, wednesday, sizeof wednesday / sizeof wednesday[0], table);
    need(spine_take_snapshot(spine, &now, &error), &error);
    spine_close(spine);
    spine_runtime_close(runtime);

    right = show("monday", of_monday, table_of_monday);
    right = show("wednesday", now, table) && right;
    spine_snapshot_unref(of_monday);
    spine_snapshot_unref(now);
    return right ? 0 : 1;
}
