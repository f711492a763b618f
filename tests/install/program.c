/* SPDX-License-Identifier: MIT */
#include <spine/spine.h>
#include <stdio.h>
#include <string.h>

/* Puts one row into a spine and reads it back: the libraries behind spine are needed. */
static enum spine_status
round_trip(uint64_t number, uint64_t *out, struct spine_error *error)
{
    const struct spine_schema schema = {.key.kind = SPINE_U64};
    const struct spine_columns columns = {.rows = 1, .keys = &number};
    struct spine_runtime *runtime = NULL;
    struct spine *spine = NULL;
    struct spine_batch *batch = NULL;
    struct spine_cursor *cursor = NULL;
    enum spine_status st;

    if ((st = spine_runtime_open(NULL, &runtime, error)) == SPINE_OK &&
        (st = spine_open(runtime, &schema, NULL, &spine, error)) == SPINE_OK &&
        (st = spine_batch_from_columns(&schema, &columns, &batch, error)) == SPINE_OK &&
        (st = spine_insert(spine, batch, error)) == SPINE_OK &&
        (st = spine_cursor_open(spine, &cursor, error)) == SPINE_OK)
        *out = spine_cursor_key(cursor).u64;
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    spine_close(spine);
    spine_runtime_close(runtime);
    return st;
}

int
main(void)
{
    struct spine_error error;
    uint64_t number = 0;

    if (strcmp(spine_version(), SPINE_VERSION_STRING) != 0)
        return 1;
    if (round_trip(42, &number, &error) != SPINE_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    if (number != 42 || spine_allocated_bytes() != 0)
        return 1;
    printf("spine %s\n", spine_version());
    return 0;
}
