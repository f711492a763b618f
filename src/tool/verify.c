/* SPDX-License-Identifier: MIT */
#include "tool/tool.h"

#include "base/error.h"

static enum spine_status
verify_file(const struct tool_target *target, size_t index, struct spine_error *error);
static void show_progress(void *context, uint64_t bytes);
static enum spine_status report_json(const char *name, enum spine_status found,
                                     const struct spine_error *why,
                                     struct spine_error *error);

enum spine_status
tool_verify(const struct tool_target *target, const struct tool_options *options,
            struct spine_error *error)
{
    enum spine_status first = SPINE_OK, st = SPINE_OK;
    size_t damaged = 0;

    /* Whoever takes "nothing is damaged" for "all is there" would lose everything. */
    if (target->count == 0)
        return spine_fail(error, SPINE_NOT_FOUND,
                          "there is nothing to verify: no name ends in %s",
                          STORE_FILE_ENDING);
    for (size_t i = 0; i < target->count; i++) {
        const char *const name = target->names[i];
        struct spine_error why;
        const enum spine_status found = verify_file(target, i, &why);

        progress_end();
        if (first == SPINE_OK)
            first = found;
        damaged += found != SPINE_OK;
        if (options->json)
            TRY(report_json(name, found, &why, error));
        else if (found == SPINE_OK)
            (void)printf("%s: ok\n", name);
        else
            (void)printf("%s: %s: %s\n", name, spine_status_name(found), why.message);
    }
out:
    if (st == SPINE_OK && damaged > 0)
        st = spine_fail(error, first, "%zu of %zu files could not be verified", damaged,
                        target->count);
    return st;
}

/* First every byte by its checksum, then every row. */
static enum spine_status
verify_file(const struct tool_target *target, size_t index, struct spine_error *error)
{
    struct batch_file file = {0};
    enum spine_status st;

    TRY(store_file_open(target->store, target->names[index], &file.file, error));
    TRY(store_file_verify(file.file, show_progress, file.file, error));
    TRY(batch_of_file(file.file, &file.batch, error));
    progress_show(file.file->name, "rows", 0, 1);
    TRY(spine_batch_check(file.batch, error));
out:
    batch_file_close(&file);
    return st;
}

static void
show_progress(void *context, uint64_t bytes)
{
    const struct store_file *file = context;

    progress_show(file->name, "bytes", bytes, file->footer.file_bytes);
}

/* One object a line, as soon as it is known. */
static enum spine_status
report_json(const char *name, enum spine_status found, const struct spine_error *why,
            struct spine_error *error)
{
    cJSON *json = cJSON_CreateObject();
    bool whole = json_add(json, "file", cJSON_CreateString(name)) &&
                 json_add(json, "ok", cJSON_CreateBool(found == SPINE_OK));

    if (whole && found != SPINE_OK)
        whole = json_add(json, "status", cJSON_CreateString(spine_status_name(found))) &&
                json_add(json, "message", cJSON_CreateString(why->message));
    if (!whole) {
        cJSON_Delete(json);
        return fail_nomem(error, "the output", 0);
    }
    return json_print(json, false, error);
}
