/* SPDX-License-Identifier: MIT */

#include "unit/store/backend_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void
a_directory_is_locked(void **state)
{
    struct spine_backend first, second;
    struct spine_error error = {0};
    char process[32];
    pid_t child;
    int status;

    (void)state;
    make_directory();
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(spine_directory_backend(directory, NULL, &first, &error), SPINE_OK);
    assert_int_equal(spine_directory_backend(directory, NULL, &second, &error),
                     SPINE_BUSY);
    snprintf(process, sizeof process, "process %ld", (long)getpid());
    assert_non_null(strstr(error.message, process));
    assert_non_null(strstr(error.message, directory));
    assert_null(second.context);

    child = fork();
    if (child == 0)
        _exit(spine_directory_backend(directory, NULL, &second, &error) == SPINE_BUSY
                  ? 0
                  : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    spine_backend_release(&first);
    assert_int_equal(spine_directory_backend(directory, NULL, &second, &error), SPINE_OK);
    spine_backend_release(&second);
    remove_directory();
}

static void
what_a_dead_process_left_is_removed_and_nothing_else(void **state)
{
    struct spine_backend backend;
    char path[128];

    (void)state;
    make_directory();
    snprintf(path, sizeof path, "%s/a.tmp", directory);
    fclose(fopen(path, "w"));
    snprintf(path, sizeof path, "%s/.hidden", directory);
    fclose(fopen(path, "w"));
    snprintf(path, sizeof path, "%s/folder.tmp", directory);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/kept", directory);
    fclose(fopen(path, "w"));

    assert_int_equal(spine_directory_backend(directory, NULL, &backend, NULL), SPINE_OK);
    assert_int_equal(names_of(&backend).count, 1);
    expect(&backend, "kept", (const uint8_t *)"", 0);
    put(&backend, "a", (const uint8_t *)"1", 1);
    spine_backend_release(&backend);
    snprintf(path, sizeof path, "%s/.hidden", directory);
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/a.tmp", directory);
    assert_int_not_equal(access(path, F_OK), 0);
    remove_directory();
}

static void
what_the_system_says_is_told(void **state)
{
    struct spine_backend backend;
    struct spine_error error = {0};
    char path[128];

    (void)state;
    make_directory();
    snprintf(path, sizeof path, "%s/file", directory);
    fclose(fopen(path, "w"));
    assert_int_equal(spine_directory_backend(path, NULL, &backend, &error), SPINE_IO);
    assert_non_null(strstr(error.message, "Not a directory"));
    assert_non_null(strstr(error.message, path));
    snprintf(path, sizeof path, "%s/no/parent", directory);
    assert_int_equal(spine_directory_backend(path, NULL, &backend, &error),
                     SPINE_NOT_FOUND);
    assert_int_equal(spine_directory_backend("", NULL, &backend, &error), SPINE_INVALID);
    assert_int_equal(spine_directory_backend(NULL, NULL, &backend, &error),
                     SPINE_INVALID);
    assert_int_equal(spine_directory_backend("a", NULL, NULL, &error), SPINE_INVALID);
    remove_directory();
}

/* A file that may not grow stands for a full disk: both end in the middle of a write. */
static void
a_full_disk_is_a_status_and_leaves_nothing(void **state)
{
    (void)state;
    for (unsigned kind = DIRECTORY; kind <= DIRECTORY_CLOSED; kind++) {
        struct spine_backend backend;
        pid_t child;
        int status;

        open_kind(kind, &backend);
        child = fork();
        if (child == 0) {
            const struct rlimit limit = {.rlim_cur = 1500000, .rlim_max = 1500000};
            static uint8_t bytes[1 << 20];
            struct spine_error error = {0};
            enum spine_status st = SPINE_OK;
            unsigned parts = 0;
            void *writer;

            signal(SIGXFSZ, SIG_IGN);
            if (setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
                backend.create(backend.context, "a", &writer, &error) != SPINE_OK)
                _exit(1);
            for (; st == SPINE_OK && parts < 4; parts++)
                st = backend.write(backend.context, writer, bytes, sizeof bytes, &error);
            backend.abort(backend.context, writer);
            if (st != SPINE_IO || parts != 2 || strstr(error.message, "a: ") == NULL)
                _exit(2);
            _exit(names_of(&backend).count == 0 ? 0 : 3);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        close_kind(kind, &backend);
    }
}

/* A file that somebody cut short. */
static void
a_file_that_ends_too_early_is_corrupt(void **state)
{
    uint8_t bytes[10000], read[10000];

    (void)state;
    fill(bytes, sizeof bytes, 3);
    for (unsigned kind = DIRECTORY; kind <= DIRECTORY_CLOSED; kind++) {
        struct spine_backend backend;
        struct spine_error error = {0};
        uint64_t length;
        char path[128];
        void *object;

        open_kind(kind, &backend);
        put(&backend, "a", bytes, sizeof bytes);
        assert_int_equal(backend.open(backend.context, "a", &object, &length, &error),
                         SPINE_OK);
        snprintf(path, sizeof path, "%s/a", directory);
        assert_int_equal(truncate(path, 5000), 0);
        assert_int_equal(
            backend.read_at(backend.context, object, 100, read, 4900, &error), SPINE_OK);
        assert_memory_equal(read, bytes + 100, 4900);
        assert_int_equal(
            backend.read_at(backend.context, object, 100, read, 4901, &error),
            SPINE_CORRUPT);
        assert_string_equal(strtok(error.message, ","), "a: ends at 5000");
        backend.close(backend.context, object);
        close_kind(kind, &backend);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_locked),
        cmocka_unit_test(what_a_dead_process_left_is_removed_and_nothing_else),
        cmocka_unit_test(what_the_system_says_is_told),
        cmocka_unit_test(a_full_disk_is_a_status_and_leaves_nothing),
        cmocka_unit_test(a_file_that_ends_too_early_is_corrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
