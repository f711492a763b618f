/* SPDX-License-Identifier: MIT */

/*
 * Plugins that have the library in them, or are the only ones to use the shared library,
 * come and go.
 *
 *     unload_test PLUGIN_WITH_SHARED PLUGIN_WITH_STATIC
 */

#include "harness/child.h"
#include "harness/host.h"
#include "harness/sanitized.h"
#include "plugins/plugin.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECONDS 120u
#define ROUNDS 10

static const char *path_with_shared, *path_with_static;

static const struct plugin *
plugin_load(const char *path, void **handle)
{
    const struct plugin *(*get)(void);

    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (*handle == NULL)
        fprintf(stderr, "%s\n", dlerror());
    require(*handle != NULL, "dlopen");
    void *const symbol = dlsym(*handle, "plugin_get");
    require(symbol != NULL, "dlsym");
    memcpy(&get, &symbol, sizeof get);
    return get();
}

static void
come_and_go(void *context)
{
    for (int i = 0; i < ROUNDS; i++) {
        void *handle;
        const struct plugin *plugin = plugin_load(context, &handle);

        plugin->open(i % 2 == 1);
        plugin->use();
        plugin->close();
        require(dlclose(handle) == 0, "dlclose");
    }
    exit(0);
}

/* Its runtime goes on working for some time, and the process ends while it is open. */
static void
go_with_a_runtime_open(void *context)
{
    void *handle;
    const struct plugin *plugin = plugin_load(context, &handle);

    plugin->open(false);
    require(dlclose(handle) == 0, "dlclose");
    uv_sleep(50);
    exit(0);
}

static void
plugins_come_and_go(void **state)
{
    (void)state;
    child_expect("a plugin with the shared library",
                 child_run(come_and_go, (void *)path_with_shared, SECONDS), 0);
#ifdef SANITIZED_THREAD
    skip(); /* it calls handlers of exit() that have been unloaded */
#endif
    child_expect("a plugin with the static library",
                 child_run(come_and_go, (void *)path_with_static, SECONDS), 0);
}

static void
the_shared_library_outlives_its_plugin(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        child_expect("a plugin that leaves a runtime open",
                     child_run(go_with_a_runtime_open, (void *)path_with_shared, SECONDS),
                     0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugins_come_and_go),
        cmocka_unit_test(the_shared_library_outlives_its_plugin),
    };

    if (argc != 3)
        return 1;
    path_with_shared = argv[1];
    path_with_static = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
