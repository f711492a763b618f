/* SPDX-License-Identifier: MIT */

/*
 * Every checksum and every invariant: of batch files, wherever they lie, and whether each
 * checkpoint would be restored.
 */

#include "tool/tool.h"

#include "base/error.h"

struct verification {
    const struct tool_options *options;
    size_t looked_at;
    size_t damaged;
    enum spine_status first; /* of the damaged ones */
};

static enum spine_status verify_all(const struct tool_target *target,
                                    struct verification *verification,
                                    struct spine_error *error);
static enum spine_status
verify_file(const struct tool_target *target, size_t index, struct spine_error *error);
static enum spine_status verify_checkpoint(const struct tool_target *target, size_t index,
                                           struct spine_error *error);
static void show_progress(void *context, uint64_t bytes);
static void show_rows(void *context, uint64_t rows, uint64_t all);
static enum spine_status
report_file(struct verification *verification, const char *name, enum spine_status found,
            const struct spine_error *why, struct spine_error *error);
static enum spine_status report_json(const char *name, enum spine_status found,
                                     const struct spine_error *why,
                                     struct spine_error *error);

enum spine_status
tool_verify(const struct tool_target *target, const struct tool_options *options,
            struct spine_error *error)
{
    struct verification verification = {.options = options};

    TRY_RETURN(verify_all(target, &verification, error));
    /* A user who takes "nothing is damaged" for "all is there" would lose everything. */
    if (verification.looked_at == 0)
        return spine_fail(error, SPINE_NOT_FOUND,
                          "there is nothing to verify: no name ends in %s, and there is "
                          "no checkpoint",
                          STORE_FILE_ENDING);
    if (verification.damaged > 0)
        return spine_fail(error, verification.first,
                          "%zu of %zu files could not be verified", verification.damaged,
                          verification.looked_at);
    return SPINE_OK;
}

static enum spine_status
verify_all(const struct tool_target *target, struct verification *verification,
           struct spine_error *error)
{
    struct spine_error why = {0};
    enum spine_status st = SPINE_OK;

    for (size_t i = 0; st == SPINE_OK && i < target->count; i++) {
        const enum spine_status found = verify_file(target, i, &why);
        char name[TOOL_NAME_BYTES];

        progress_end();
        tool_file_name(&target->files[i], name);
        st = report_file(verification, name, found, &why, error);
    }
    for (size_t i = 0; st == SPINE_OK && i < target->checkpoint_count; i++) {
        const enum spine_status found = verify_checkpoint(target, i, &why);
        char name[SPINE_NAME_MAX + 1];

        manifest_name(target->checkpoints[i].sequence, name);
        st = report_file(verification, name, found, &why, error);
    }
    if (st == SPINE_OK && target->status != SPINE_OK)
        st =
            report_file(verification, "checkpoints", target->status, &target->why, error);
    return st;
}

/* First every byte by its checksum, then every row. */
static enum spine_status
verify_file(const struct tool_target *target, size_t index, struct spine_error *error)
{
    struct batch_file file = {0};
    enum spine_status st;

    TRY(tool_file_open(target, index, &file.file, error));
    TRY(store_file_verify(file.file, show_progress, file.file, error));
    TRY(batch_of_file(file.file, &file.batch, error));
    TRY(batch_check(file.batch, show_rows, file.file, error));
out:
    batch_file_close(&file);
    return st;
}

/* Its files were read before: here, all of them are there, and make the spines that it
 * tells of. */
static enum spine_status
verify_checkpoint(const struct tool_target *target, size_t index,
                  struct spine_error *error)
{
    const struct tool_checkpoint *checkpoint = &target->checkpoints[index];
    const struct spine_runtime_options options = {.manual = true};
    const struct spine_restore_options restore_options = {.keep_orphans = true};
    struct spine_restored *restored = NULL;
    struct spine_runtime *runtime;
    enum spine_status st;

    if (checkpoint->status != SPINE_OK) {
        *error = checkpoint->why;
        return checkpoint->status;
    }
    TRY_RETURN(spine_runtime_open(&options, &runtime, error));
    st = spine_restore(target->store, checkpoint->sequence, runtime, &restore_options,
                       &restored, error);
    spine_restored_free(restored);
    spine_runtime_close(runtime);
    return st;
}

static void
show_progress(void *context, uint64_t bytes)
{
    const struct store_file *file = context;

    progress_show(file->name, "bytes", bytes, file->footer.file_bytes);
}

static void
show_rows(void *context, uint64_t rows, uint64_t all)
{
    const struct store_file *file = context;

    progress_show(file->name, "rows", rows, all);
}

static enum spine_status
report_file(struct verification *verification, const char *name, enum spine_status found,
            const struct spine_error *why, struct spine_error *error)
{
    if (verification->damaged == 0)
        verification->first = found;
    verification->damaged += found != SPINE_OK;
    verification->looked_at++;
    if (verification->options->json)
        return report_json(name, found, why, error);
    if (found == SPINE_OK)
        (void)printf("%s: ok\n", name);
    else
        (void)printf("%s: %s: %s\n", name, spine_status_name(found), why->message);
    return SPINE_OK;
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
