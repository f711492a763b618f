/* SPDX-License-Identifier: MIT */

/*
 *     trace_off [on]
 *
 * Small batches into a spine, and their merges, all in one thread: what trace_off_test.sh
 * counts the instructions of, without a trace or with one that does nothing.
 */

#include "spine/spine.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCHES = 500, ROWS = 100 };

static void
need(enum spine_status status)
{
    if (status == SPINE_OK)
        return;
    fprintf(stderr, "%s\n", spine_status_name(status));
    exit(1);
}

static void
on_event(void *context, const struct spine_event *event)
{
    (void)context;
    (void)event;
}

int
main(int count, char **arguments)
{
    const struct spine_schema schema = {.key = {.kind = SPINE_U64},
                                        .value = {.kind = SPINE_U64}};
    const struct spine_trace trace = {.on_event = on_event};
    const struct spine_runtime_options options = {.manual = true,
                                                  .trace = count > 1 ? &trace : NULL};
    struct spine_runtime *runtime;
    struct spine_batcher *batcher;
    struct spine *spine;
    uint64_t state = 1;

    (void)arguments;
    need(spine_runtime_open(&options, &runtime, NULL));
    need(spine_open(runtime, &schema, NULL, &spine, NULL));
    need(spine_batcher_new(&schema, &batcher, NULL));
    for (int i = 0; i < BATCHES; i++) {
        struct spine_batch *batch;

        for (int row = 0; row < ROWS; row++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            const struct spine_row added = {
                .key = spine_u64(state >> 40), .value = spine_u64(1), .weight = 1};

            need(spine_batcher_add(batcher, &added, NULL));
        }
        need(spine_batcher_seal(batcher, &batch, NULL));
        need(spine_insert(spine, batch, NULL));
        spine_batch_unref(batch);
        (void)spine_runtime_run(runtime, 4 * ROWS);
    }
    need(spine_wait_idle(spine, UINT64_MAX, NULL));
    spine_batcher_free(batcher);
    spine_close(spine);
    spine_runtime_close(runtime);
    return 0;
}
