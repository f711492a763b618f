/* SPDX-License-Identifier: MIT */

/*
 * State that outlives its process: a stream of clicks, whose offsets are in the
 * checkpoints of what was made of it.
 *
 *     checkpoint_example DIRECTORY CLICKS [CRASH_AFTER]
 *
 * The stream can be read again from any offset, as those of message brokers can. Two
 * spines are kept of it: who clicked which page, and how often each page was clicked. One
 * checkpoint has both and the offset up to which they have read, so that all three are of
 * one moment: after a crash the stream is read on from there, and each click counts once.
 */

#include "example.h"
#include <string.h>

#define CLICKS_PER_STEP 500u
#define STEPS_PER_CHECKPOINT 8u
#define PAGES 997u

struct state {
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *clicks; /* (page, user) */
    struct spine *pages;  /* page, with its number of clicks as weight */
    uint64_t offset;      /* the next click to be read */
};

/* The newest checkpoint, or the beginning when there is none. Any other failure is one:
 * an older checkpoint is never taken instead without being asked for. */
static void
state_open(struct state *state, const char *directory)
{
    static const struct spine_schema clicks = {.key = {.kind = SPINE_U64},
                                               .value = {.kind = SPINE_U64}};
    static const struct spine_schema pages = {.key = {.kind = SPINE_U64}};
    struct spine_restored *restored;
    struct spine_backend backend;
    struct spine_error error;
    enum spine_status status;
    const void *data;
    size_t bytes;

    *state = (struct state){0};
    need(spine_directory_backend(directory, NULL, &backend, &error), &error);
    need(spine_store_open(&backend, NULL, &state->store, &error), &error);
    need(spine_runtime_open(NULL, &state->runtime, &error), &error);
    status = spine_restore(state->store, 0, state->runtime, NULL, &restored, &error);
    if (status == SPINE_NOT_FOUND) {
        need(spine_open(state->runtime, &clicks, NULL, &state->clicks, &error), &error);
        need(spine_open(state->runtime, &pages, NULL, &state->pages, &error), &error);
        return;
    }
    need(status, &error);
    state->clicks = spine_restored_take(restored, "clicks");
    state->pages = spine_restored_take(restored, "pages");
    data = spine_restored_user_data(restored, &bytes);
    if (state->clicks == NULL || state->pages == NULL || bytes != sizeof state->offset) {
        (void)fprintf(stderr, "%s: is another program's\n", directory);
        exit(1);
    }
    memcpy(&state->offset, data, bytes);
    (void)fprintf(stderr, "checkpoint %" PRIu64 ": on from offset %" PRIu64 "\n",
                  spine_restored_sequence(restored), state->offset);
    spine_restored_free(restored);
}

/* The clicks from the offset on, up to the end of a step. */
static void
state_step(struct state *state, uint64_t end)
{
    struct spine_batcher *const clicks = batcher_of(state->clicks);
    struct spine_batcher *const pages = batcher_of(state->pages);
    struct spine_error error;

    for (unsigned i = 0; i < CLICKS_PER_STEP && state->offset < end; i++) {
        const uint64_t offset = state->offset++;
        const uint64_t page = offset * offset % PAGES;
        const struct spine_row click = {
            .key = spine_u64(page), .value = spine_u64(offset % 101), .weight = 1};
        const struct spine_row counted = {.key = spine_u64(page), .weight = 1};

        need(spine_batcher_add(clicks, &click, &error), &error);
        need(spine_batcher_add(pages, &counted, &error), &error);
    }
    spine_batch_unref(insert_rows(state->clicks, clicks));
    spine_batch_unref(insert_rows(state->pages, pages));
}

/* Between two steps, so that spines and offset fit together. */
static void
state_checkpoint(struct state *state)
{
    const struct spine_checkpoint_item items[] = {
        {.name = "clicks", .spine = state->clicks},
        {.name = "pages", .spine = state->pages}};
    const struct spine_checkpoint_options options = {.user_data = &state->offset,
                                                     .user_bytes = sizeof state->offset};
    struct spine_error error;

    need(spine_checkpoint(state->store, items, 2, &options, NULL, &error), &error);
}

static void
print(const char *what, struct spine *spine)
{
    struct spine_cursor *cursor;
    struct spine_error error;
    uint64_t rows = 0, weight = 0, sum = 0;

    need(spine_cursor_open(spine, &cursor, &error), &error);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor), rows++) {
            weight += (uint64_t)spine_cursor_weight(cursor);
            sum += spine_cursor_key(cursor).u64 * (uint64_t)spine_cursor_weight(cursor);
        }
    need(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
    (void)printf("%s: %" PRIu64 " rows, %" PRIu64 " clicks, sum %" PRIu64 "\n", what,
                 rows, weight, sum);
}

int
main(int count, char **arguments)
{
    struct state state;

    if (count < 3)
        return 2;
    const uint64_t end = strtoull(arguments[2], NULL, 10);
    const uint64_t crash_after =
        count > 3 ? strtoull(arguments[3], NULL, 10) : UINT64_MAX;
    state_open(&state, arguments[1]);
    for (unsigned step = 1; state.offset < end; step++) {
        state_step(&state, end);
        if (state.offset >= crash_after)
            _Exit(3);
        if (step % STEPS_PER_CHECKPOINT == 0)
            state_checkpoint(&state);
    }
    state_checkpoint(&state);
    print("clicks", state.clicks);
    print("pages", state.pages);
    spine_close(state.clicks);
    spine_close(state.pages);
    spine_runtime_close(state.runtime);
    spine_store_close(state.store);
    return 0;
}
