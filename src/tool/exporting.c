/* SPDX-License-Identifier: MIT */

/* spine export: a checkpoint copied to a directory of its own. */

#include "tool/tool.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum spine_status
parse_sequence(const char *which, uint64_t *sequence, struct spine_error *error);
static enum spine_status check_target(const char *to, struct spine_error *error);
static bool is_left_by_export(const char *name);
static void show_copying(void *context, const char *what, uint64_t done, uint64_t all);
static enum spine_status report_export(const struct export_info *info, const char *to,
                                       bool json, struct spine_error *error);

enum spine_status
tool_export(const struct tool_target *target, const char *which, const char *to,
            const struct tool_options *options, struct spine_error *error)
{
    struct spine_backend backend;
    const struct export_progress progress = {.on_progress = show_copying};
    struct spine_store *store = NULL;
    struct export_info info;
    uint64_t sequence;
    enum spine_status st;

    TRY_RETURN(parse_sequence(which, &sequence, error));
    TRY_RETURN(check_target(to, error));
    TRY_RETURN(spine_directory_backend(to, NULL, &backend, error));
    st = spine_store_open(&backend, NULL, &store, error);
    if (st != SPINE_OK) {
        spine_backend_release(&backend);
        return st;
    }
    st = checkpoint_export(target->store, sequence, store, &progress, &info, error);
    progress_end();
    spine_store_close(store);
    return st == SPINE_OK ? report_export(&info, to, options->json, error) : st;
}

static void
show_copying(void *context, const char *what, uint64_t done, uint64_t all)
{
    (void)context;
    progress_show("export", what, done, all);
}

static enum spine_status
parse_sequence(const char *which, uint64_t *sequence, struct spine_error *error)
{
    char *end;

    *sequence = 0;
    if (strcmp(which, "newest") == 0)
        return SPINE_OK;
    errno = 0;
    if (which[0] >= '0' && which[0] <= '9')
        *sequence = strtoull(which, &end, 10);
    if (*sequence == 0 || errno != 0 || *end != '\0')
        return spine_fail(error, SPINE_INVALID,
                          "'%.40s' is no number of a checkpoint, nor 'newest'", which);
    return SPINE_OK;
}

/* Opening a directory for a store removes what looks left over there: so it has to be
 * missing, or empty but for what an export has left that was interrupted. */
static enum spine_status
check_target(const char *to, struct spine_error *error)
{
    DIR *const directory = opendir(to);
    enum spine_status st = SPINE_OK;
    const struct dirent *entry;

    if (directory == NULL && errno == ENOENT)
        return SPINE_OK;
    if (directory == NULL)
        return spine_fail(error, SPINE_IO, "%.150s: %s", to, strerror(errno));
    while (st == SPINE_OK && (entry = readdir(directory)) != NULL)
        if (!is_left_by_export(entry->d_name))
            st = spine_fail(error, SPINE_EXISTS, "%.150s: is not empty: '%.60s' is there",
                            to, entry->d_name);
    (void)closedir(directory);
    return st;
}

static bool
is_left_by_export(const char *name)
{
    static const char ending[] = ".tmp";
    const size_t size = strlen(name), tail = sizeof ending - 1;
    char whole[SPINE_NAME_MAX + 1];

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".lock") == 0 ||
        store_name_is_of_batches(name))
        return true;
    if (size <= tail || strcmp(name + size - tail, ending) != 0 ||
        size - tail > SPINE_NAME_MAX)
        return false;
    memcpy(whole, name, size - tail);
    whole[size - tail] = '\0';
    return store_name_is_of_batches(whole) || manifest_sequence(whole) > 0;
}

static enum spine_status
report_export(const struct export_info *info, const char *to, bool json,
              struct spine_error *error)
{
    cJSON *object;

    if (!json) {
        (void)printf("checkpoint %" PRIu64 ": %" PRIu64 " file%s of %" PRIu64
                     " bytes copied to %s\n",
                     info->sequence, info->objects, info->objects == 1 ? "" : "s",
                     info->bytes, to);
        return SPINE_OK;
    }
    object = cJSON_CreateObject();
    if (!json_add(object, "sequence", json_u64(info->sequence)) ||
        !json_add(object, "files", json_u64(info->objects)) ||
        !json_add(object, "bytes", json_u64(info->bytes))) {
        cJSON_Delete(object);
        return fail_nomem(error, "the output", 0);
    }
    return json_print(object, true, error);
}
