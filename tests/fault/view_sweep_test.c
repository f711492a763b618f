/* SPDX-License-Identifier: MIT */

/* The sweep of call_sweep_test.c for cursors: moves, views and bulk reads. */

#include "fault/sweep_fixture.h"

static bool
accept_none(void *context, union spine_datum cell)
{
    (void)cell;
    return context != NULL;
}

static void
note(struct fixture *at, struct spine_cursor *cursor)
{
    transcript_note_position(&at->seen, &at->schema, cursor);
}

/* Every kind of move, here and there. */
static enum spine_status
call_moves(struct fixture *at)
{
    struct spine_cursor *cursor;
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, &at->error);
    uint8_t scratch[64];

    if (st != SPINE_OK)
        return st;
    for (unsigned i = 0; i < 6; i++) {
        spine_cursor_rewind(cursor);
        spine_cursor_seek_key(cursor, generate_key_near(&at->generator, scratch));
        note(at, cursor);
        if (spine_cursor_key_valid(cursor)) {
            spine_cursor_seek_val(cursor, generate_value_near(&at->generator, scratch));
            note(at, cursor);
            spine_cursor_fast_forward_vals(cursor);
            note(at, cursor);
            spine_cursor_seek_val_reverse(cursor,
                                          generate_value_near(&at->generator, scratch));
            note(at, cursor);
        }
        spine_cursor_fast_forward(cursor);
        spine_cursor_seek_key_reverse(cursor, generate_key_near(&at->generator, scratch));
        note(at, cursor);
    }
    for (spine_cursor_fast_forward(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key_reverse(cursor))
        for (spine_cursor_fast_forward_vals(cursor); spine_cursor_val_valid(cursor);
             spine_cursor_step_val_reverse(cursor))
            note(at, cursor);
    return close_cursor(at, cursor);
}

static enum spine_status
call_positions(struct fixture *at)
{
    struct spine_cursor *cursor;
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, &at->error);

    if (st != SPINE_OK)
        return st;
    for (; spine_cursor_val_valid(cursor); spine_cursor_step_key(cursor)) {
        uint64_t offset, total;

        if (spine_cursor_position(cursor, &offset, &total) == SPINE_OK) {
            transcript_note(&at->seen, offset);
            transcript_note(&at->seen, total);
        } else if (offset != 0 || total != 0) {
            transcript_note(&at->seen, UINT64_MAX);
        }
    }
    return close_cursor(at, cursor);
}

static enum spine_status
call_predicates_and_bounds(struct fixture *at)
{
    const union spine_datum bound = generate_key(&at->generator);
    struct spine_cursor *cursor;
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, &at->error);

    if (st != SPINE_OK)
        return st;
    spine_cursor_seek_key_with(cursor, accept_none, NULL);
    note(at, cursor);
    spine_cursor_rewind(cursor);
    if (spine_cursor_key_valid(cursor))
        spine_cursor_seek_val_with(cursor, accept_none, NULL);
    note(at, cursor);
    spine_cursor_fast_forward(cursor);
    spine_cursor_seek_key_with_reverse(cursor, accept_none, NULL);
    note(at, cursor);
    spine_cursor_set_bounds(cursor, &bound, NULL);
    return walk_and_close(at, &at->schema, cursor);
}

static enum spine_status
call_clone_and_default(struct fixture *at)
{
    struct spine_cursor *cursor;
    struct spine_cursor *clone;
    uint8_t scratch[64];
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, &at->error);

    if (st != SPINE_OK)
        return st;
    spine_cursor_set_default(cursor, generate_value(&at->generator));
    (void)spine_cursor_seek_key_exact(cursor, generate_key_near(&at->generator, scratch));
    note(at, cursor);
    st = spine_cursor_clone(cursor, &clone, &at->error);
    if (st == SPINE_OK)
        st = walk_and_close(at, &at->schema, clone);
    spine_cursor_close(cursor);
    return st;
}

/* The group of the cursor's key, whose values are the group's keys. */
static enum spine_status
note_group(struct fixture *at, struct spine_cursor *cursor, uint64_t through)
{
    const struct spine_schema schema = {.key = at->schema.value,
                                        .weight_count = at->schema.weight_count};
    struct spine_cursor *group;
    enum spine_status st;

    if (!spine_cursor_key_valid(cursor))
        return spine_cursor_error(cursor, &at->error);
    st = spine_cursor_group(cursor, through, &group, &at->error);
    return st == SPINE_OK ? walk_and_close(at, &schema, group) : st;
}

static enum spine_status
call_sources_and_groups(struct fixture *at)
{
    const struct spine_cursor_source sources[] = {{at->snapshot, false},
                                                  {at->snapshot, true}};
    struct spine_cursor *cursor;
    enum spine_status st = spine_cursor_open_sources(sources, 2, &cursor, &at->error);

    if (st == SPINE_OK)
        st = walk_and_close(at, &at->schema, cursor);
    if (st == SPINE_OK)
        st = spine_cursor_open_sources(sources, 1, &cursor, &at->error);
    if (st != SPINE_OK)
        return st;
    st = note_group(at, cursor, UINT64_MAX);
    if (st == SPINE_OK)
        return close_cursor(at, cursor);
    spine_cursor_close(cursor);
    return st;
}

static bool
keeps_all(void *context, union spine_datum key)
{
    (void)context;
    (void)key;
    return true;
}

/* Views through a time and what comes of them; untimed: of everything. */
static enum spine_status
call_through(struct fixture *at)
{
    const struct spine_schema untimed = {.key = at->schema.key,
                                         .value = at->schema.value,
                                         .weight_count = at->schema.weight_count};
    const struct spine_key_filter filter = {.on_key = keeps_all};
    const union spine_datum value = generate_value(&at->generator);
    struct spine_cursor *cursor;
    struct spine_cursor *clone;
    uint8_t scratch[64];
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, &at->error);

    if (st != SPINE_OK)
        return st;
    spine_cursor_fast_forward(cursor);
    spine_cursor_set_filter(cursor, &filter);
    spine_cursor_set_through(cursor, generate_time(&at->generator));
    spine_cursor_set_default(cursor, value);
    (void)spine_cursor_seek_key_exact(cursor, generate_key_near(&at->generator, scratch));
    transcript_note_position(&at->seen, &untimed, cursor);
    spine_cursor_fast_forward(cursor);
    st = spine_cursor_clone(cursor, &clone, &at->error);
    if (st == SPINE_OK) {
        st = note_group(at, clone, 0);
        spine_cursor_close(clone);
    }
    if (st == SPINE_OK)
        return walk_and_close(at, &untimed, cursor);
    spine_cursor_close(cursor);
    return st;
}

/* Into rooms that hold what several batches have, and into one that does not. */
static enum spine_status
call_reads(struct fixture *at)
{
    static const size_t rooms[] = {200, 20};
    struct spine_cursor *cursor;
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, &at->error);

    if (st != SPINE_OK)
        return st;
    for (unsigned i = 0; i < 2; i++) {
        struct buffers buffers;
        size_t count;

        buffers_init(&buffers, &at->schema, rooms[i], 64);
        spine_cursor_rewind(cursor);
        while ((count = spine_cursor_read(cursor, &buffers.view)) > 0)
            for (size_t row = 0; row < count; row++) {
                transcript_note_cell(&at->seen, at->schema.key.kind,
                                     column_cell(&at->schema.key, buffers.view.keys,
                                                 buffers.view.key_offsets, row));
                transcript_note_cell(&at->seen, at->schema.value.kind,
                                     column_cell(&at->schema.value, buffers.view.values,
                                                 buffers.view.value_offsets, row));
            }
        buffers_release(&buffers);
    }
    return close_cursor(at, cursor);
}

const struct sweep_call sweep_calls[] = {
    {"moves", call_moves},
    {"positions", call_positions},
    {"predicates and bounds", call_predicates_and_bounds},
    {"clone and default", call_clone_and_default},
    {"sources and groups", call_sources_and_groups},
    {"through a time", call_through},
    {"bulk reads", call_reads},
};
const size_t sweep_call_count = sizeof sweep_calls / sizeof sweep_calls[0];

int
main(int argc, char **argv)
{
    return sweep_main(argc, argv);
}
