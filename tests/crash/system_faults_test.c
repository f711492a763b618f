/* SPDX-License-Identifier: MIT */

/*
 * The system says no, by EIO, ENOSPC, EDQUOT, EMFILE, EROFS or ENOMEM, to any call that a
 * directory is used by: while a checkpoint is made, one is removed, and the store is
 * swept. What fails says so, with the number; whoever opens the directory then finds the
 * last checkpoint that was acknowledged, or the one that was under way, and no file
 * beside; and makes the next. A call that is interrupted, or does a part of its work, is
 * no failure.
 *
 * The linker leads the library's calls here (--wrap).
 */

#include "harness/directory.h"
#include "harness/figure.h"
#include "unit/checkpoint/checkpoint_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPINES 2u

enum call {
    CALL_OPEN = 1,
    CALL_CREATE = 2,
    CALL_WRITE = 4,
    CALL_TRUNCATE = 8,
    CALL_READ = 16,
    CALL_SYNC = 32,
    CALL_RENAME = 64,
    CALL_UNLINK = 128,
    CALL_STAT = 256
};

/* Which calls may fail so. */
static const struct trouble {
    int number;
    const char *name;
    unsigned calls;
} troubles[] = {
    {EIO, "EIO",
     CALL_OPEN | CALL_CREATE | CALL_WRITE | CALL_TRUNCATE | CALL_READ | CALL_SYNC |
         CALL_RENAME | CALL_UNLINK | CALL_STAT},
    {ENOSPC, "ENOSPC",
     CALL_CREATE | CALL_WRITE | CALL_TRUNCATE | CALL_SYNC | CALL_RENAME},
    {EDQUOT, "EDQUOT",
     CALL_CREATE | CALL_WRITE | CALL_TRUNCATE | CALL_SYNC | CALL_RENAME},
    {EMFILE, "EMFILE", CALL_OPEN | CALL_CREATE},
    {EROFS, "EROFS", CALL_CREATE | CALL_RENAME | CALL_UNLINK},
    {ENOMEM, "ENOMEM", CALL_OPEN | CALL_CREATE | CALL_READ | CALL_STAT},
};

/* Files are written by threads, too. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const struct trouble *trouble;
    /* The number of the call from now on, 1 being the next; 0: none. */
    uint64_t at;
    bool forever;
    bool fired;
} fault;

#define PAGE_BYTES 4096u

/* Calls that read, write or sync are interrupted, or cut short, in turn. */
static struct {
    bool wanted;
    uint64_t calls, interrupted, shortened;
} odd;

static bool
is_interrupted(void)
{
    bool is_struck;

    (void)pthread_mutex_lock(&mutex);
    is_struck = odd.wanted && odd.calls++ % 3 == 0;
    odd.interrupted += is_struck;
    (void)pthread_mutex_unlock(&mutex);
    if (is_struck)
        errno = EINTR;
    return is_struck;
}

/* How much of `size` bytes is done: around the cache, whole pages. */
static size_t
shortened(int file, size_t size)
{
    const size_t unit = (fcntl(file, F_GETFL) & O_DIRECT) != 0 ? PAGE_BYTES : 1;

    (void)pthread_mutex_lock(&mutex);
    if (odd.wanted && odd.calls % 3 == 2 && size >= 2 * unit) {
        size = size / 2 / unit * unit;
        odd.shortened++;
    }
    (void)pthread_mutex_unlock(&mutex);
    return size;
}

static bool
fails(enum call call)
{
    bool is_struck = false;

    (void)pthread_mutex_lock(&mutex);
    if (fault.at > 0 && (fault.trouble->calls & call) != 0) {
        is_struck = fault.at == 1;
        if (!is_struck || !fault.forever)
            fault.at--;
        fault.fired = fault.fired || is_struck;
    }
    (void)pthread_mutex_unlock(&mutex);
    if (is_struck)
        errno = fault.trouble->number;
    return is_struck;
}

static void
arm(const struct trouble *trouble, uint64_t at, bool forever)
{
    (void)pthread_mutex_lock(&mutex);
    fault.trouble = trouble;
    fault.at = at;
    fault.forever = forever;
    fault.fired = false;
    (void)pthread_mutex_unlock(&mutex);
}

/* ---- The library's calls ---- */

int __real_openat(int directory, const char *name, int flags, ...);
int __wrap_openat(int directory, const char *name, int flags, ...);
ssize_t __real_pwrite(int file, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int file, const void *data, size_t size, off_t offset);
ssize_t __real_pread(int file, void *data, size_t size, off_t offset);
ssize_t __wrap_pread(int file, void *data, size_t size, off_t offset);
int __real_ftruncate(int file, off_t size);
int __wrap_ftruncate(int file, off_t size);
int __real_fsync(int file);
int __wrap_fsync(int file);
int __real_fstat(int file, struct stat *about);
int __wrap_fstat(int file, struct stat *about);
int __real_unlinkat(int directory, const char *name, int flags);
int __wrap_unlinkat(int directory, const char *name, int flags);
int __real_renameat2(int from_directory, const char *from, int to_directory,
                     const char *to, unsigned flags);
int __wrap_renameat2(int from_directory, const char *from, int to_directory,
                     const char *to, unsigned flags);

int
__wrap_openat(int directory, const char *name, int flags, ...)
{
    unsigned mode = 0;

    if ((flags & O_CREAT) != 0) {
        va_list arguments;

        va_start(arguments, flags);
        mode = va_arg(arguments, unsigned);
        va_end(arguments);
    }
    return fails((flags & O_CREAT) != 0 ? CALL_CREATE : CALL_OPEN)
               ? -1
               : __real_openat(directory, name, flags, mode);
}

ssize_t
__wrap_pwrite(int file, const void *data, size_t size, off_t offset)
{
    if (fails(CALL_WRITE) || is_interrupted())
        return -1;
    return __real_pwrite(file, data, shortened(file, size), offset);
}

ssize_t
__wrap_pread(int file, void *data, size_t size, off_t offset)
{
    if (fails(CALL_READ) || is_interrupted())
        return -1;
    return __real_pread(file, data, shortened(file, size), offset);
}

int
__wrap_ftruncate(int file, off_t size)
{
    return fails(CALL_TRUNCATE) ? -1 : __real_ftruncate(file, size);
}

int
__wrap_fsync(int file)
{
    return fails(CALL_SYNC) || is_interrupted() ? -1 : __real_fsync(file);
}

int
__wrap_fstat(int file, struct stat *about)
{
    return fails(CALL_STAT) ? -1 : __real_fstat(file, about);
}

int
__wrap_unlinkat(int directory, const char *name, int flags)
{
    return fails(CALL_UNLINK) ? -1 : __real_unlinkat(directory, name, flags);
}

int
__wrap_renameat2(int from_directory, const char *from, int to_directory, const char *to,
                 unsigned flags)
{
    return fails(CALL_RENAME)
               ? -1
               : __real_renameat2(from_directory, from, to_directory, to, flags);
}

/* ---- What a process does ---- */

struct life {
    char path[DIRECTORY_BYTES];
    struct rng rng;
    struct world world;
    struct model before[SPINES], after[SPINES];
    bool is_acknowledged; /* what came after */
};

static bool
may_be(enum spine_status st, const struct spine_error *error)
{
    char number[16];

    if (st == SPINE_OK)
        return true;
    HOLDS(fault.fired);
    HOLDS_EQUAL(fault.trouble->number == ENOMEM ? SPINE_NOMEM : SPINE_IO, st);
    HOLDS_EQUAL(st, error->status);
    (void)snprintf(number, sizeof number, "(%d)", fault.trouble->number);
    if (strstr(error->message, number) == NULL &&
        strstr(error->message, "could not be made durable before") == NULL)
        return property_fail(__FILE__, __LINE__, "%s", error->message);
    return true;
}

static void
life_begin(struct life *life, bool spills)
{
    *life = (struct life){.world.spills = spills};
    rng_init(&life->rng, harness_seed());
    directory_make(life->path, "/tmp/spine");
    assert_int_equal(spine_directory_backend(life->path, NULL, &life->world.disk, NULL),
                     SPINE_OK);
    world_begin(&life->world, &life->rng, SPINES);
    for (unsigned i = 0; i < SPINES; i++) {
        world_insert(&life->world, i, 60);
        model_init(&life->before[i], &life->world.models[i].schema);
        model_copy(&life->before[i], &life->world.models[i]);
    }
    assert_int_equal(world_checkpoint(&life->world, NULL, NULL), SPINE_OK);
}

static bool
live_on(struct life *life)
{
    struct spine_error error = {0};
    enum spine_status st;

    for (unsigned i = 0; i < SPINES; i++) {
        HOLDS(may_be(world_try_insert(&life->world, i, 40, &error), &error));
        model_init(&life->after[i], &life->world.models[i].schema);
        model_copy(&life->after[i], &life->world.models[i]);
    }
    st = world_checkpoint(&life->world, NULL, &error);
    life->is_acknowledged = st == SPINE_OK;
    HOLDS(may_be(st, &error));
    if (life->is_acknowledged)
        HOLDS(may_be(spine_checkpoint_remove(life->world.store, 1, &error), &error));
    return may_be(spine_store_sweep(life->world.store, NULL, NULL, &error), &error);
}

/* Manifests, one after the other. */
struct texts {
    const struct spine_backend *disk;
    char *text;
    size_t bytes;
    unsigned orphans;
};

static enum spine_status
add_manifest(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    struct texts *texts = argument;
    const struct spine_backend *disk = texts->disk;
    void *object;

    if (strncmp(name, "checkpoint-", 11) != 0)
        return SPINE_OK;
    texts->text = realloc(texts->text, texts->bytes + bytes + 1);
    assert_non_null(texts->text);
    assert_int_equal(disk->open(disk->context, name, &object, &bytes, error), SPINE_OK);
    assert_int_equal(
        disk->read_at(disk->context, object, 0, texts->text + texts->bytes, bytes, error),
        SPINE_OK);
    disk->close(disk->context, object);
    texts->bytes += bytes;
    texts->text[texts->bytes] = 0;
    return SPINE_OK;
}

static enum spine_status
look_for_orphan(void *argument, const char *name, uint64_t bytes,
                struct spine_error *error)
{
    struct texts *texts = argument;

    (void)bytes;
    (void)error;
    if (strchr(name, '.') != NULL && strncmp(name, "checkpoint-", 11) != 0 &&
        strncmp(name, "acknowledged-", 13) != 0 && strstr(texts->text, name) == NULL) {
        texts->orphans++;
        print_message("%s is left\n", name);
    }
    return SPINE_OK;
}

static bool
nothing_is_left(const struct spine_backend *disk)
{
    struct texts texts = {.disk = disk};

    HOLDS_EQUAL(SPINE_OK, disk->list(disk->context, add_manifest, &texts, NULL));
    HOLDS(texts.bytes > 0);
    HOLDS_EQUAL(SPINE_OK, disk->list(disk->context, look_for_orphan, &texts, NULL));
    free(texts.text);
    return texts.orphans == 0;
}

/* Another process opens the directory. */
static bool
next_finds_it(struct life *life)
{
    struct world *world = &life->world;
    struct spine_restored *restored;
    struct spine_error error = {0};
    bool is_after;

    world_close(world);
    spine_backend_release(&world->disk);
    HOLDS_EQUAL(SPINE_OK, spine_directory_backend(life->path, NULL, &world->disk, NULL));
    world_open(world);
    if (spine_restore(world->store, 0, world->runtime, NULL, &restored, &error) !=
        SPINE_OK)
        return property_fail(__FILE__, __LINE__, "%s", error.message);
    is_after = spine_restored_sequence(restored) > 1;
    for (unsigned i = 0; i < SPINES; i++)
        world->spines[i] = spine_restored_take(restored, world->names[i]);
    spine_restored_free(restored);
    HOLDS(is_after || !life->is_acknowledged);
    for (unsigned i = 0; i < SPINES; i++)
        model_copy(&world->models[i], is_after ? &life->after[i] : &life->before[i]);
    HOLDS(world_holds(world, world->models));
    HOLDS(nothing_is_left(&world->disk));
    for (unsigned i = 0; i < SPINES; i++)
        world_insert(world, i, 30);
    HOLDS_EQUAL(SPINE_OK, world_checkpoint(world, NULL, NULL));
    HOLDS_EQUAL(SPINE_OK, world_restore(world, 0, NULL));
    return world_holds(world, world->models);
}

static void
life_end(struct life *life)
{
    world_release(&life->world);
    directory_remove(life->path);
    for (unsigned i = 0; i < SPINES; i++) {
        model_release(&life->before[i]);
        model_release(&life->after[i]);
    }
}

static bool
fault_is_survived(const struct trouble *trouble, uint64_t at, bool forever, bool *fired)
{
    struct life life;
    bool is_right;

    life_begin(&life, at % 2 == 0);
    arm(trouble, at, forever);
    is_right = live_on(&life);
    *fired = fault.fired;
    arm(trouble, 0, false);
    is_right = is_right && next_finds_it(&life);
    life_end(&life);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    figure_add("calls of the system that failed", *fired);
    return is_right;
}

static void
test_calls_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        unsigned visited = 0;

        for (unsigned forever = 0; forever < 2; forever++) {
            bool fired = true;

            for (uint64_t at = 1; fired; at++, visited += fired)
                if (!fault_is_survived(&troubles[i], at, forever > 0, &fired))
                    fail_msg("%s, call %llu%s", troubles[i].name, (unsigned long long)at,
                             forever > 0 ? " and all after it" : "");
        }
        print_message("%s: %u calls\n", troubles[i].name, visited);
        assert_true(visited > 10);
    }
}

static void
test_calls_may_be_interrupted(void **state)
{
    struct life life;

    (void)state;
    arm(&troubles[0], 0, false);
    odd.wanted = true;
    life_begin(&life, true);
    assert_true(live_on(&life));
    assert_true(life.is_acknowledged);
    assert_true(next_finds_it(&life));
    odd.wanted = false;
    life_end(&life);
    assert_int_equal(spine_allocated_bytes(), 0);
    print_message("%llu interrupted, %llu shortened\n",
                  (unsigned long long)odd.interrupted, (unsigned long long)odd.shortened);
    assert_true(odd.interrupted > 10 && odd.shortened > 2);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_may_fail),
        cmocka_unit_test(test_calls_may_be_interrupted),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
