/* SPDX-License-Identifier: MIT */

/* A directory with more open files than descriptors. */

#include "unit/store/backend_fixture.h"

#include "store/open_files.h"
#include "store/system_directory.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <uv.h>

#define FILES 40u
#define FILE_BYTES 5000u

struct fixture {
    struct spine_backend backend;
    struct open_files *open;
    void *objects[FILES];
    uint64_t bytes;
};

static void
name_of(unsigned i, char name[16])
{
    snprintf(name, 16, "file-%u", i);
}

/* FILES files in a directory, open. */
static void
fixture_init(struct fixture *fixture, size_t descriptors_max)
{
    const struct spine_directory_options options = {.descriptors_max = descriptors_max};
    uint8_t bytes[FILE_BYTES];
    char name[16];

    make_directory();
    assert_int_equal(
        spine_directory_backend(directory, &options, &fixture->backend, NULL), SPINE_OK);
    fixture->open = &((struct directory *)fixture->backend.context)->open;
    for (unsigned i = 0; i < FILES; i++) {
        name_of(i, name);
        fill(bytes, sizeof bytes, i);
        put(&fixture->backend, name, bytes, sizeof bytes);
        assert_int_equal(fixture->backend.open(fixture->backend.context, name,
                                               &fixture->objects[i], &fixture->bytes,
                                               NULL),
                         SPINE_OK);
        assert_int_equal(fixture->bytes, FILE_BYTES);
    }
}

static void
fixture_release(struct fixture *fixture)
{
    for (unsigned i = 0; i < FILES; i++)
        if (fixture->objects[i] != NULL)
            fixture->backend.close(fixture->backend.context, fixture->objects[i]);
    spine_backend_release(&fixture->backend);
    remove_directory();
    assert_int_equal(spine_allocated_bytes(), 0);
}

static enum spine_status
read_file(struct fixture *fixture, unsigned i, struct spine_error *error)
{
    uint8_t bytes[FILE_BYTES], expected[FILE_BYTES];
    const enum spine_status st = fixture->backend.read_at(
        fixture->backend.context, fixture->objects[i], 0, bytes, sizeof bytes, error);

    if (st == SPINE_OK) {
        fill(expected, sizeof expected, i);
        assert_memory_equal(bytes, expected, sizeof bytes);
    }
    return st;
}

static bool
has_descriptor(const struct fixture *fixture, unsigned i)
{
    return ((const struct open_file *)fixture->objects[i])->file.descriptor >= 0;
}

/* Descriptors of this process. */
static unsigned
descriptors(void)
{
    DIR *const all = opendir("/proc/self/fd");
    unsigned count = 0;

    if (all == NULL)
        return 0;
    while (readdir(all) != NULL)
        count++;
    closedir(all);
    return count;
}

static void
those_read_last_have_descriptors(void **state)
{
    struct fixture fixture;
    struct rng rng;
    const unsigned before = descriptors();

    (void)state;
    fixture_init(&fixture, 4);
    assert_int_equal(fixture.open->descriptors, 4);
    for (unsigned i = 0; i < FILES; i++)
        assert_int_equal(has_descriptor(&fixture, i), i >= FILES - 4);
    assert_int_equal(read_file(&fixture, FILES - 4, NULL), SPINE_OK);
    assert_int_equal(read_file(&fixture, 7, NULL), SPINE_OK);
    assert_true(has_descriptor(&fixture, 7) && has_descriptor(&fixture, FILES - 4));
    assert_false(has_descriptor(&fixture, FILES - 3));
    rng_init(&rng, 1);
    for (unsigned i = 0; i < 1000; i++) {
        const unsigned at = (unsigned)(rng_next(&rng) % FILES);

        assert_int_equal(read_file(&fixture, at, NULL), SPINE_OK);
        assert_true(has_descriptor(&fixture, at));
        assert_int_equal(fixture.open->descriptors, 4);
        if (at % 5 == 0)
            assert_int_equal(fixture.backend.sync(fixture.backend.context,
                                                  fixture.objects[(at + 9) % FILES],
                                                  NULL),
                             SPINE_OK);
    }
    /* The directory, its lock and the four. */
    if (before > 0)
        assert_int_equal(descriptors() - before, 6);
    fixture_release(&fixture);
}

/* Whatever a file's state is when its name goes. */
static void
what_was_removed_stays_readable(void **state)
{
    struct fixture fixture;
    uint8_t other[100] = {1};
    char name[16];

    (void)state;
    fixture_init(&fixture, 4);
    for (unsigned i = 0; i < FILES; i += 2) {
        name_of(i, name);
        assert_int_equal(fixture.backend.remove(fixture.backend.context, name, NULL),
                         SPINE_OK);
        assert_true(has_descriptor(&fixture, i));
        assert_int_equal(fixture.backend.remove(fixture.backend.context, name, NULL),
                         SPINE_NOT_FOUND);
    }
    /* Another object of the name is none of theirs. */
    name_of(0, name);
    put(&fixture.backend, name, other, sizeof other);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < FILES; i++)
            assert_int_equal(read_file(&fixture, i, NULL), SPINE_OK);
    assert_int_equal(fixture.open->descriptors, FILES / 2);
    fixture_release(&fixture);
}

/* The process has no descriptor left: files are closed for others, which succeed. */
static void
descriptors_are_given_up_when_the_process_has_none(void **state)
{
    const unsigned mine = descriptors();
    struct rlimit before;
    struct fixture fixture;
    uint8_t bytes[10] = {0};
    int taken[64];
    unsigned count = 0;

    (void)state;
    if (mine == 0 || getrlimit(RLIMIT_NOFILE, &before) != 0)
        skip();
    assert_int_equal(
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){mine + 20, before.rlim_max}), 0);
    fixture_init(&fixture, 1000);
    assert_true(fixture.open->descriptors < 20);
    for (unsigned i = 0; i < FILES; i++)
        assert_int_equal(read_file(&fixture, i, NULL), SPINE_OK);
    /* The host takes what is left; every other call still finds one. */
    while (count < 64 && (taken[count] = dup(0)) >= 0)
        count++;
    assert_true(count < 64);
    put(&fixture.backend, "more", bytes, sizeof bytes);
    assert_int_equal(fixture.backend.put_new(fixture.backend.context, "small", bytes,
                                             sizeof bytes, NULL),
                     SPINE_OK);
    for (unsigned i = 0; i < FILES; i++)
        assert_int_equal(read_file(&fixture, i, NULL), SPINE_OK);
    while (count > 0)
        close(taken[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    fixture_release(&fixture);
}

/* What the host takes of descriptors. */
struct taken {
    int descriptors[512];
    unsigned count;
    struct rlimit before;
};

/* Takes all that this process may have. False: that cannot be limited here. */
static bool
take_all(struct taken *taken)
{
    taken->count = 0;
    if (descriptors() == 0 || getrlimit(RLIMIT_NOFILE, &taken->before) != 0)
        return false;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){descriptors() + 8,
                                                               taken->before.rlim_max}),
                     0);
    while (taken->count < 512 && (taken->descriptors[taken->count] = dup(0)) >= 0)
        taken->count++;
    assert_true(taken->count < 512);
    return true;
}

static void
give_back(struct taken *taken)
{
    while (taken->count > 0)
        close(taken->descriptors[--taken->count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &taken->before), 0);
}

/* Nothing is idle: a status, which names the file, and nothing is lost. */
static void
without_any_descriptor_it_is_a_status(void **state)
{
    struct fixture fixture;
    struct spine_error error = {0};
    struct taken all;

    (void)state;
    fixture_init(&fixture, 1);
    while (open_files_give_up(fixture.open))
        ;
    assert_int_equal(fixture.open->descriptors, 0);
    if (!take_all(&all)) {
        fixture_release(&fixture);
        skip();
    }
    assert_int_equal(read_file(&fixture, 3, &error), SPINE_IO);
    assert_non_null(strstr(error.message, "file-3: cannot open it again"));
    assert_int_equal(
        fixture.backend.sync(fixture.backend.context, fixture.objects[4], &error),
        SPINE_IO);
    assert_int_equal(fixture.backend.remove(fixture.backend.context, "file-5", &error),
                     SPINE_IO);
    give_back(&all);
    for (unsigned i = 0; i < FILES; i++)
        assert_int_equal(read_file(&fixture, i, NULL), SPINE_OK);
    fixture_release(&fixture);
}

/* A file that vanished while it was closed. */
static void
a_file_that_others_removed_is_told(void **state)
{
    struct fixture fixture;
    struct spine_error error = {0};
    char path[128];

    (void)state;
    fixture_init(&fixture, 1);
    snprintf(path, sizeof path, "%s/file-0", directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_file(&fixture, 0, &error), SPINE_NOT_FOUND);
    assert_non_null(strstr(error.message, "file-0"));
    assert_int_equal(read_file(&fixture, 1, NULL), SPINE_OK);
    fixture_release(&fixture);
}

/* ---- Many threads ---- */

struct reader_thread {
    struct fixture *fixture;
    uint64_t seed;
    uv_thread_t thread;
};

static void
read_many(void *argument)
{
    struct reader_thread *reader = argument;
    struct rng rng;

    rng_init(&rng, reader->seed);
    for (unsigned i = 0; i < 400; i++)
        /* The last ones lose their names meanwhile. */
        assert_int_equal(
            read_file(reader->fixture, (unsigned)(rng_next(&rng) % FILES), NULL),
            SPINE_OK);
}

static void
threads_read_what_has_no_descriptor(void **state)
{
    struct fixture fixture;
    struct reader_thread readers[4];
    char name[16];

    (void)state;
    fixture_init(&fixture, 2);
    for (unsigned i = 0; i < 4; i++) {
        readers[i] = (struct reader_thread){.fixture = &fixture, .seed = i};
        assert_int_equal(uv_thread_create(&readers[i].thread, read_many, &readers[i]), 0);
    }
    for (unsigned i = FILES - 8; i < FILES; i++) {
        name_of(i, name);
        assert_int_equal(fixture.backend.remove(fixture.backend.context, name, NULL),
                         SPINE_OK);
    }
    for (unsigned i = 0; i < 4; i++)
        uv_thread_join(&readers[i].thread);
    /* Those without a name keep theirs, beyond what all may have. */
    assert_int_equal(fixture.open->descriptors, 8);
    assert_int_equal(read_file(&fixture, 0, NULL), SPINE_OK);
    assert_false(has_descriptor(&fixture, 0));
    fixture_release(&fixture);
}

/* ---- What another does at the wrong moment ---- */

static struct taken taken;

/* A descriptor comes back, and the name of the file that is opened goes. */
static bool
remove_meanwhile(struct directory *of)
{
    struct removal removal = {.name = "file-2"};

    if (taken.count == 0)
        return false;
    give_back(&taken);
    assert_int_equal(unlinkat(of->descriptor, "file-1", 0), 0);
    assert_int_equal(open_files_keep(of, &removal, NULL), SPINE_OK);
    assert_int_equal(unlinkat(of->descriptor, "file-2", 0), 0);
    open_files_kept(of, &removal, true);
    return true;
}

/* A file loses its name in the moment in which it is opened again: it is read by the
 * descriptor that it has got for that. */
static void
a_name_goes_while_its_file_is_opened(void **state)
{
    struct fixture fixture;
    struct directory *of;

    (void)state;
    fixture_init(&fixture, 1);
    of = fixture.backend.context;
    while (open_files_give_up(fixture.open))
        ;
    if (!take_all(&taken)) {
        fixture_release(&fixture);
        skip();
    }
    of->on_shortage = remove_meanwhile;
    assert_int_equal(read_file(&fixture, 2, NULL), SPINE_OK);
    assert_int_equal(taken.count, 0);
    assert_int_equal(read_file(&fixture, 2, NULL), SPINE_OK);
    /* One whose name others took away. */
    assert_int_equal(read_file(&fixture, 1, NULL), SPINE_NOT_FOUND);
    fixture_release(&fixture);
}

/* For reading only, all stay open, as another process may remove them. */
static void
for_reading_only_no_descriptor_is_given_up(void **state)
{
    const struct spine_directory_options read_only = {.read_only = true};
    struct spine_backend looker;
    struct fixture fixture;
    uint8_t bytes[FILE_BYTES], expected[FILE_BYTES];
    void *object, *other;
    uint64_t size;

    (void)state;
    fixture_init(&fixture, 1);
    while (open_files_give_up(fixture.open))
        ;
    assert_int_equal(spine_directory_backend(directory, &read_only, &looker, NULL),
                     SPINE_OK);
    assert_int_equal(looker.open(looker.context, "file-1", &object, &size, NULL),
                     SPINE_OK);
    if (take_all(&taken)) {
        assert_int_equal(looker.open(looker.context, "file-2", &other, &size, NULL),
                         SPINE_IO);
        give_back(&taken);
    }
    assert_int_equal(fixture.backend.remove(fixture.backend.context, "file-1", NULL),
                     SPINE_OK);
    assert_int_equal(looker.read_at(looker.context, object, 0, bytes, size, NULL),
                     SPINE_OK);
    fill(expected, sizeof expected, 1);
    assert_memory_equal(bytes, expected, sizeof bytes);
    looker.close(looker.context, object);
    spine_backend_release(&looker);
    fixture_release(&fixture);
}

/* A name that could not be removed keeps no descriptor. */
static void
a_removal_that_fails_keeps_nothing(void **state)
{
    struct fixture fixture;
    struct directory *files;
    int descriptor;

    (void)state;
    fixture_init(&fixture, FILES);
    files = fixture.backend.context;
    descriptor = files->descriptor;
    files->descriptor = -1;
    assert_int_equal(fixture.backend.remove(files, "file-0", NULL), SPINE_IO);
    files->descriptor = descriptor;
    while (open_files_give_up(fixture.open))
        continue;
    assert_int_equal(fixture.open->descriptors, 0);
    assert_int_equal(read_file(&fixture, 0, NULL), SPINE_OK);
    fixture_release(&fixture);
}

/* A file that is opened while its name is being removed stays readable. */
static void
what_is_opened_during_a_removal_stays(void **state)
{
    struct removal removal = {.name = "file-0"};
    struct fixture fixture;
    struct directory *files;

    (void)state;
    fixture_init(&fixture, FILES);
    files = fixture.backend.context;
    fixture.backend.close(files, fixture.objects[0]);
    assert_int_equal(open_files_keep(files, &removal, NULL), SPINE_OK);
    assert_int_equal(
        fixture.backend.open(files, "file-0", &fixture.objects[0], &fixture.bytes, NULL),
        SPINE_OK);
    assert_int_equal(unlinkat(files->descriptor, "file-0", 0), 0);
    open_files_kept(files, &removal, true);
    while (open_files_give_up(fixture.open))
        continue;
    assert_int_equal(fixture.open->descriptors, 1);
    assert_int_equal(read_file(&fixture, 0, NULL), SPINE_OK);
    fixture_release(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_read_last_have_descriptors),
        cmocka_unit_test(what_was_removed_stays_readable),
        cmocka_unit_test(descriptors_are_given_up_when_the_process_has_none),
        cmocka_unit_test(without_any_descriptor_it_is_a_status),
        cmocka_unit_test(a_file_that_others_removed_is_told),
        cmocka_unit_test(threads_read_what_has_no_descriptor),
        cmocka_unit_test(a_name_goes_while_its_file_is_opened),
        cmocka_unit_test(for_reading_only_no_descriptor_is_given_up),
        cmocka_unit_test(a_removal_that_fails_keeps_nothing),
        cmocka_unit_test(what_is_opened_during_a_removal_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
