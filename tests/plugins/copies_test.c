/* SPDX-License-Identifier: MIT */

/*
 * Several copies of the library in one process, of the same version and of others, keep
 * to themselves: each has its own allocator and its own runtime.
 *
 *     copies_test LIBRARY COPY PLUGIN_WITH_SHARED PLUGIN_WITH_OTHER PLUGIN_WITH_STATIC
 */

#include "harness/child.h"
#include "harness/host.h"
#include "plugins/plugin.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECONDS 120u

static const char *path_of_library, *path_of_copy;
static const char *path_with_shared, *path_with_other, *path_with_static;

static void *
load(const char *path, int scope)
{
    void *handle = dlopen(path, RTLD_NOW | scope);

    if (handle == NULL)
        fprintf(stderr, "%s\n", dlerror());
    require(handle != NULL, "dlopen");
    return handle;
}

/* ---- Two copies, by their functions ---- */

/* What is called of a copy, as pointers of the same types. */
struct api {
    __typeof__(&spine_set_allocator) set_allocator;
    __typeof__(&spine_allocated_bytes) allocated_bytes;
    __typeof__(&spine_runtime_open) runtime_open;
    __typeof__(&spine_runtime_close) runtime_close;
    __typeof__(&spine_open) open;
    __typeof__(&spine_close) close;
    __typeof__(&spine_insert) insert;
    __typeof__(&spine_consolidate) consolidate;
    __typeof__(&spine_batch_from_columns) batch_from_columns;
    __typeof__(&spine_batch_get_info) batch_get_info;
    __typeof__(&spine_batch_unref) batch_unref;
};

static void
find(void *handle, const char *name, void *out)
{
    void *const symbol = dlsym(handle, name);

    require(symbol != NULL, name);
    memcpy(out, &symbol, sizeof symbol);
}

static struct api
api_of(void *handle)
{
    struct api api;

    find(handle, "spine_set_allocator", &api.set_allocator);
    find(handle, "spine_allocated_bytes", &api.allocated_bytes);
    find(handle, "spine_runtime_open", &api.runtime_open);
    find(handle, "spine_runtime_close", &api.runtime_close);
    find(handle, "spine_open", &api.open);
    find(handle, "spine_close", &api.close);
    find(handle, "spine_insert", &api.insert);
    find(handle, "spine_consolidate", &api.consolidate);
    find(handle, "spine_batch_from_columns", &api.batch_from_columns);
    find(handle, "spine_batch_get_info", &api.batch_get_info);
    find(handle, "spine_batch_unref", &api.batch_unref);
    return api;
}

#define HEAD_BYTES 64
static atomic_size_t given_bytes;

static void *
give(void *context, size_t bytes)
{
    char *memory = malloc(bytes + HEAD_BYTES);

    (void)context;
    if (memory == NULL)
        return NULL;
    atomic_fetch_add(&given_bytes, bytes);
    return memory + HEAD_BYTES;
}

static void
take(void *context, void *memory, size_t bytes)
{
    (void)context;
    atomic_fetch_sub(&given_bytes, bytes);
    free((char *)memory - HEAD_BYTES);
}

static void
insert_some(const struct api *api, const struct spine_schema *schema, struct spine *spine,
            uint64_t first)
{
    static uint64_t keys[5000];
    const struct spine_columns columns = {.rows = 5000, .keys = keys};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < 5000; i++)
        keys[i] = 40 * i + first;
    require(api->batch_from_columns(schema, &columns, &batch, NULL) == SPINE_OK, "batch");
    require(api->insert(spine, batch, NULL) == SPINE_OK, "an insert");
    api->batch_unref(batch);
}

static void
use_two_copies(void *context)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_allocator allocator = {NULL, give, take};
    const struct api apis[2] = {api_of(load(path_of_library, RTLD_GLOBAL)),
                                api_of(load(path_of_copy, RTLD_GLOBAL))};
    struct spine_runtime *runtimes[2];
    struct spine *spines[2];
    const unsigned own = *(const unsigned *)context; /* has an allocator of its own */

    require(apis[0].open != apis[1].open, "two copies");
    require(apis[own].set_allocator(&allocator) == SPINE_OK, "an allocator");
    for (int i = 0; i < 2; i++) {
        require(apis[i].runtime_open(NULL, &runtimes[i], NULL) == SPINE_OK, "a runtime");
        require(apis[i].open(runtimes[i], &schema, NULL, &spines[i], NULL) == SPINE_OK,
                "a spine");
    }
    for (uint64_t turn = 0; turn < 40; turn++)
        for (int i = 0; i < 2; i++)
            insert_some(&apis[i], &schema, spines[i], turn);
    for (int i = 0; i < 2; i++) {
        struct spine_batch_info info;
        struct spine_batch *batch;

        require(apis[i].consolidate(spines[i], &batch, NULL) == SPINE_OK, "consolidate");
        apis[i].batch_get_info(batch, &info);
        require(info.rows == 200000, "another number of rows");
        apis[i].batch_unref(batch);
        require(apis[i].allocated_bytes() > 0, "memory of the copy");
    }
    for (int i = 0; i < 2; i++)
        apis[i].runtime_close(runtimes[i]);
    require(atomic_load(&given_bytes) == apis[own].allocated_bytes(), "who gave it");
    for (int i = 0; i < 2; i++)
        apis[i].close(spines[i]);
    require(apis[0].allocated_bytes() == 0 && apis[1].allocated_bytes() == 0, "a leak");
    require(atomic_load(&given_bytes) == 0, "a leak of the allocator");
    exit(0);
}

static void
two_copies_keep_to_themselves(void **state)
{
    unsigned own[] = {0, 1};

    (void)state;
    for (int i = 0; i < 2; i++)
        child_expect("two copies", child_run(use_two_copies, &own[i], SECONDS), 0);
}

/* ---- Plugins that bring a library each ---- */

struct pair {
    const char *library; /* loaded before them, for everybody; or NULL */
    const char *plugins[2];
    int scope;
};

static void
use_two_plugins(void *context)
{
    const struct pair *pair = context;
    const struct plugin *plugins[2];

    if (pair->library != NULL)
        (void)load(pair->library, RTLD_GLOBAL); /* stays */
    for (int i = 0; i < 2; i++) {
        const struct plugin *(*get)(void);

        find(load(pair->plugins[i], pair->scope), "plugin_get", &get);
        plugins[i] = get();
    }
    require(plugins[0] != plugins[1], "two plugins");
    plugins[0]->open(false);
    plugins[1]->open(true);
    plugins[0]->use();
    plugins[1]->use();
    require(plugins[0]->given_bytes() == 0, "an allocator of the other plugin");
    require(plugins[1]->given_bytes() > 0, "the allocator of the plugin");
    plugins[0]->close();
    plugins[1]->use();
    plugins[1]->close();
    exit(0);
}

static void
plugins_keep_to_themselves(void **state)
{
    static const int scopes[] = {RTLD_LOCAL, RTLD_GLOBAL};
    const struct pair pairs[] = {
        {NULL, {path_with_shared, path_with_other}, 0},
        {NULL, {path_with_other, path_with_shared}, 0},
        {NULL, {path_with_static, path_with_shared}, 0},
        {NULL, {path_with_other, path_with_static}, 0},
        {path_of_library, {path_with_static, path_with_other}, 0},
        {path_of_library, {path_with_other, path_with_static}, 0},
        {path_of_copy, {path_with_other, path_with_shared}, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        for (int scope = 0; scope < 2; scope++) {
            struct pair pair = pairs[i];
            char what[32];

            pair.scope = scopes[scope];
            snprintf(what, sizeof what, "pair %zu, scope %d", i, scope);
            child_expect(what, child_run(use_two_plugins, &pair, SECONDS), 0);
        }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_copies_keep_to_themselves),
        cmocka_unit_test(plugins_keep_to_themselves),
    };

    if (argc != 6)
        return 1;
    path_of_library = argv[1];
    path_of_copy = argv[2];
    path_with_shared = argv[3];
    path_with_other = argv[4];
    path_with_static = argv[5];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
