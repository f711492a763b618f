/* SPDX-License-Identifier: MIT */

/*
 * What the backend of a directory asks of the system, and in which order: a manifest gets
 * its name when its bytes, and the bytes and names of all that it names, were synced; it
 * is durable when the checkpoint is acknowledged; a file goes only when no manifest that
 * may be back after a crash names it. The system's calls are looked at on their way.
 */

#include "harness/directory.h"
#include "unit/checkpoint/checkpoint_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#define CAN_LOOK true
#else
#define CAN_LOOK false
#endif

#define FILES_MAX 4096u

struct seen_file {
    char name[SPINE_NAME_MAX + 1];
    bool is_synced;
    bool has_name;
    bool has_name_durably;
    char *text; /* of a manifest */
};

static struct {
    char path[DIRECTORY_BYTES]; /* empty: nobody looks */
    struct seen_file files[FILES_MAX];
    size_t count;
    unsigned syncs, directory_syncs, violations;
} seen;

static struct seen_file *
seen_named(const char *name)
{
    for (size_t i = 0; i < seen.count; i++)
        if (seen.files[i].has_name && strcmp(seen.files[i].name, name) == 0)
            return &seen.files[i];
    assert_true(seen.count < FILES_MAX);
    seen.files[seen.count] = (struct seen_file){.has_name = true};
    (void)snprintf(seen.files[seen.count].name, sizeof seen.files[0].name, "%s", name);
    return &seen.files[seen.count++];
}

static void
violation(const char *name, const char *what)
{
    seen.violations++;
    print_error("%s %s\n", name, what);
}

static bool
is_manifest(const char *name)
{
    return strncmp(name, "checkpoint-", 11) == 0 && strstr(name, ".tmp") == NULL;
}

static char *
text_of(int directory, const char *name)
{
    const int descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC);
    char *text = calloc(1, 1 << 20);

    assert_true(descriptor >= 0 && text != NULL);
    assert_true(read(descriptor, text, (1 << 20) - 1) > 0);
    (void)close(descriptor);
    return text;
}

static void
note_sync(const char *path)
{
    const char *name = strrchr(path, '/');

    if (strcmp(path, seen.path) == 0) {
        for (size_t i = 0; i < seen.count; i++)
            seen.files[i].has_name_durably = seen.files[i].has_name;
        seen.directory_syncs++;
    } else if (name != NULL && strncmp(path, seen.path, strlen(seen.path)) == 0) {
        seen_named(name + 1)->is_synced = true;
        seen.syncs++;
    }
}

static void
note_name(int directory, const char *from, const char *to)
{
    struct seen_file *file = seen_named(from);

    (void)snprintf(file->name, sizeof file->name, "%s", to);
    if (!is_manifest(to))
        return;
    if (!file->is_synced)
        violation(to, "gets its name and was not synced");
    file->text = text_of(directory, to);
    for (size_t i = 0; i < seen.count; i++) {
        const struct seen_file *other = &seen.files[i];

        if (other != file && other->has_name && strstr(file->text, other->name) != NULL &&
            !(other->is_synced && other->has_name_durably))
            violation(other->name, "is not durable, and a manifest names it");
    }
}

static void
note_removal(const char *name)
{
    struct seen_file *file = seen_named(name);

    for (size_t i = 0; i < seen.count; i++)
        if (&seen.files[i] != file && seen.files[i].text != NULL &&
            seen.files[i].has_name_durably && strstr(seen.files[i].text, name) != NULL)
            violation(name, "is removed, and a durable manifest names it");
    file->has_name = false;
}

#ifdef __linux__
int
fsync(int descriptor)
{
    char link[64], path[512];
    const long result = syscall(SYS_fsync, descriptor);
    ssize_t size;

    if (seen.path[0] == 0 || result != 0)
        return (int)result;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    size = readlink(link, path, sizeof path - 1);
    assert_true(size > 0);
    path[size] = 0;
    note_sync(path);
    return 0;
}

int
renameat2(int from_directory, const char *from, int to_directory, const char *to,
          unsigned flags)
{
    const long result =
        syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);

    if (seen.path[0] != 0 && result == 0)
        note_name(to_directory, from, to);
    return (int)result;
}

int
unlinkat(int directory, const char *name, int flags)
{
    const long result = syscall(SYS_unlinkat, directory, name, flags);

    if (seen.path[0] != 0 && result == 0)
        note_removal(name);
    return (int)result;
}
#endif

/* The newest manifest, which was acknowledged. */
static void
check_newest(void)
{
    const struct seen_file *newest = NULL;

    for (size_t i = 0; i < seen.count; i++)
        if (seen.files[i].has_name && is_manifest(seen.files[i].name) &&
            (newest == NULL || strcmp(seen.files[i].name, newest->name) > 0))
            newest = &seen.files[i];
    assert_non_null(newest);
    if (!newest->has_name_durably || !newest->is_synced)
        violation(newest->name, "is acknowledged and not durable");
}

static void
look(const char *path)
{
    for (size_t i = 0; i < seen.count; i++)
        free(seen.files[i].text);
    memset(&seen, 0, sizeof seen);
    (void)snprintf(seen.path, sizeof seen.path, "%s", path);
}

static void
do_something(struct world *world, struct rng *rng)
{
    struct spine_checkpoint_info info;

    for (unsigned i = 0; i < world->count; i++)
        world_insert(world, i, rng_magnitude(rng, 200));
    assert_int_equal(world_checkpoint(world, &info, NULL), SPINE_OK);
    check_newest();
    switch (rng_below(rng, 4)) {
    case 0:
        assert_int_equal(spine_store_sweep(world->store, NULL, NULL, NULL), SPINE_OK);
        break;
    case 1:
        if (info.sequence > 1)
            assert_int_equal(
                spine_checkpoint_remove(world->store, info.sequence - 1, NULL), SPINE_OK);
        break;
    case 2:
        world_close(world);
        world_open(world);
        assert_int_equal(world_restore(world, 0, NULL), SPINE_OK);
        break;
    default:
        break;
    }
}

static void
test_a_directory_is_synced_in_order(void **state)
{
    char path[DIRECTORY_BYTES];
    struct world world = {.spills = true};
    struct rng rng;

    (void)state;
    if (!CAN_LOOK)
        skip();
    rng_init(&rng, harness_seed());
    directory_make(path, "/tmp/spine");
    assert_int_equal(spine_directory_backend(path, NULL, &world.disk, NULL), SPINE_OK);
    look(path);
    world_begin(&world, &rng, 2);
    for (unsigned i = 0; i < 40 && seen.violations == 0; i++)
        do_something(&world, &rng);
    assert_int_equal(seen.violations, 0);
    assert_true(seen.syncs > 40 && seen.directory_syncs > 40);
    assert_true(world_holds(&world, world.models));
    print_message("%u syncs of files, %u of the directory\n", seen.syncs,
                  seen.directory_syncs);
    world_release(&world);
    look("");
    directory_remove(path);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_directory_is_synced_in_order),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
