/* SPDX-License-Identifier: MIT */

/*
 * A process that inserts and makes checkpoints in a directory is killed at any moment,
 * and the next goes on in the same directory: what it finds is the last checkpoint that
 * was acknowledged, or the one that was under way, row by row, and no file beside.
 */

#include "harness/check.h"
#include "harness/child.h"
#include "harness/directory.h"
#include "harness/figure.h"
#include "spine/checkpoint.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BATCH_ROWS 40u
/* So many batches later a batch is taken back. */
#define LIFE 60u
#define NAME "numbers"

/* In both processes; the child cannot fail a test. */
#define REQUIRE(condition)                                                               \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__,             \
                    #condition);                                                         \
            _exit(3);                                                                    \
        }                                                                                \
    } while (0)

static const struct spine_schema numbers = {.key = {.kind = SPINE_U64},
                                            .value = {.kind = SPINE_U64}};

/* What the child tells: how many batches are in a checkpoint that it begins, or has. */
struct message {
    uint64_t is_acknowledged;
    uint64_t batches;
};

struct place {
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine;
    /* Inserted so far. */
    uint64_t batches;
};

struct life {
    const char *path;
    uint64_t seed;
    int pipe[2];
};

/* The rows of batch `index`, times `factor`. */
static void
add_rows(uint64_t index, int64_t factor, struct model *out)
{
    struct rng rng;

    rng_init(&rng, index);
    for (unsigned i = 0; i < BATCH_ROWS; i++) {
        const struct model_row row = {.key.u64 = rng_below(&rng, 500),
                                      .value.u64 = rng_below(&rng, 3),
                                      .weights = {factor}};

        model_add(out, &row);
    }
}

/* What is there after `batches` batches. */
static void
expected_rows(uint64_t batches, struct model *out)
{
    model_init(out, &numbers);
    for (uint64_t i = batches > LIFE ? batches - LIFE : 0; i < batches; i++)
        add_rows(i, 1, out);
    model_consolidate(out);
}

static void
insert_next(struct place *place)
{
    struct spine_batch *batch;
    struct model rows;

    model_init(&rows, &numbers);
    add_rows(place->batches, 1, &rows);
    if (place->batches >= LIFE)
        add_rows(place->batches - LIFE, -1, &rows);
    batch = batch_of_rows(&rows);
    REQUIRE(spine_insert(place->spine, batch, NULL) == SPINE_OK);
    spine_batch_unref(batch);
    model_release(&rows);
    place->batches++;
}

/* Opens a directory as whoever comes after a crash does. */
static void
place_open(struct place *place, const char *path, bool manual)
{
    struct spine_runtime_options options = {.manual = manual, .min_storage_bytes = 4096};
    struct spine_restored *restored;
    struct spine_error error = {0};
    struct spine_backend backend;
    enum spine_status st;
    size_t bytes;

    *place = (struct place){0};
    REQUIRE(spine_directory_backend(path, NULL, &backend, NULL) == SPINE_OK);
    REQUIRE(spine_store_open(&backend, NULL, &place->store, NULL) == SPINE_OK);
    options.store = place->store;
    REQUIRE(spine_runtime_open(&options, &place->runtime, NULL) == SPINE_OK);
    st = spine_restore(place->store, 0, place->runtime, NULL, &restored, &error);
    if (st == SPINE_NOT_FOUND) {
        REQUIRE(spine_open(place->runtime, &numbers, NULL, &place->spine, NULL) ==
                SPINE_OK);
        return;
    }
    if (st != SPINE_OK)
        fprintf(stderr, "%s\n", error.message);
    REQUIRE(st == SPINE_OK);
    const void *data = spine_restored_user_data(restored, &bytes);
    REQUIRE(bytes == sizeof place->batches);
    memcpy(&place->batches, data, bytes);
    place->spine = spine_restored_take(restored, NAME);
    REQUIRE(place->spine != NULL);
    spine_restored_free(restored);
}

static void
place_close(struct place *place)
{
    spine_close(place->spine);
    spine_runtime_close(place->runtime);
    spine_store_close(place->store);
}

static void
tell(const struct life *life, bool is_acknowledged, uint64_t batches)
{
    const struct message message = {is_acknowledged, batches};

    REQUIRE(write(life->pipe[1], &message, sizeof message) == sizeof message);
}

static void
checkpoint(const struct life *life, struct place *place)
{
    const struct spine_checkpoint_item item = {.name = NAME, .spine = place->spine};
    const struct spine_checkpoint_options options = {.user_data = &place->batches,
                                                     .user_bytes = sizeof place->batches};
    struct spine_error error = {0};

    tell(life, false, place->batches);
    if (spine_checkpoint(place->store, &item, 1, &options, NULL, &error) != SPINE_OK) {
        fprintf(stderr, "%s\n", error.message);
        _exit(3);
    }
    tell(life, true, place->batches);
}

/* Until it is killed. */
static void
live(void *context)
{
    const struct life *life = context;
    struct place place;
    struct rng rng;

    rng_init(&rng, life->seed);
    place_open(&place, life->path, rng_chance(&rng, 30));
    for (;;) {
        for (uint64_t left = rng_below(&rng, 12); left > 0; left--)
            insert_next(&place);
        if (rng_chance(&rng, 10))
            REQUIRE(spine_store_sweep(place.store, NULL, NULL, NULL) == SPINE_OK);
        (void)spine_runtime_run(place.runtime, 1000);
        checkpoint(life, &place);
    }
}

/* ---- Who kills it ---- */

static struct {
    uint64_t kills, acknowledged, under_way;
} totals;

static void
read_whole(const char *directory, const char *name, char **text)
{
    char path[512];
    struct stat about;
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &about), 0);
    *text = calloc(1, (size_t)about.st_size + 1);
    assert_non_null(*text);
    assert_int_equal(fread(*text, 1, (size_t)about.st_size, file), about.st_size);
    (void)fclose(file);
}

/* Is every file that is there one of a manifest that is there? */
static bool
no_orphans(const char *path)
{
    char *manifests[8] = {0};
    bool is_right = true;
    struct dirent **entries;
    size_t count = 0;
    const int entry_count = scandir(path, &entries, NULL, alphasort);

    assert_true(entry_count >= 0);
    for (int i = 0; i < entry_count; i++)
        if (strncmp(entries[i]->d_name, "checkpoint-", 11) == 0) {
            assert_true(count < sizeof manifests / sizeof manifests[0]);
            read_whole(path, entries[i]->d_name, &manifests[count++]);
        }
    for (int i = 0; i < entry_count; i++) {
        const char *name = entries[i]->d_name;
        bool is_needed = name[0] == '.' || strncmp(name, "checkpoint-", 11) == 0 ||
                         strncmp(name, "acknowledged-", 13) == 0;

        for (size_t m = 0; !is_needed && m < count; m++)
            is_needed = strstr(manifests[m], name) != NULL;
        if (!is_needed)
            is_right = property_fail(__FILE__, __LINE__, "%s is left", name);
    }
    for (int i = 0; i < entry_count; i++)
        free(entries[i]);
    free(entries);
    for (size_t m = 0; m < count; m++)
        free(manifests[m]);
    return is_right;
}

/* What was acknowledged at last, and what was begun after it. */
static void
read_messages(int from, uint64_t *acknowledged, uint64_t *under_way)
{
    struct message message;

    while (read(from, &message, sizeof message) == sizeof message) {
        *under_way = message.batches;
        if (message.is_acknowledged) {
            *acknowledged = message.batches;
            totals.acknowledged++;
        }
    }
}

static bool
directory_is_right(const char *path, uint64_t *acknowledged, uint64_t under_way)
{
    struct model expected;
    struct place place;
    bool is_right;

    place_open(&place, path, true);
    is_right = place.batches == *acknowledged || place.batches == under_way;
    if (!is_right)
        (void)property_fail(__FILE__, __LINE__, "%llu batches; %llu were acknowledged",
                            (unsigned long long)place.batches,
                            (unsigned long long)*acknowledged);
    totals.under_way += place.batches != *acknowledged;
    *acknowledged = place.batches;
    expected_rows(place.batches, &expected);
    is_right = is_right && check_spine_quickly(place.spine, &expected, "restored") &&
               no_orphans(path);
    model_release(&expected);
    place_close(&place);
    return is_right;
}

static bool
kill_is_survived(const char *path, struct rng *rng, unsigned ms, uint64_t *acknowledged)
{
    const struct timespec wait = {.tv_nsec = (long)ms * 1000000};
    struct life life = {.path = path, .seed = rng_next(rng)};
    uint64_t under_way = *acknowledged;
    pid_t child;

    assert_int_equal(pipe(life.pipe), 0);
    child = child_start(live, &life);
    (void)close(life.pipe[1]);
    (void)nanosleep(&wait, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    HOLDS_EQUAL(SIGKILL, child_wait(child, 30).signal);
    read_messages(life.pipe[0], acknowledged, &under_way);
    (void)close(life.pipe[0]);
    totals.kills++;
    return directory_is_right(path, acknowledged, under_way);
}

/* Ten kills, one after the other in the same directory. */
static bool
kills_are_survived(struct rng *rng, size_t steps)
{
    char path[DIRECTORY_BYTES];
    uint64_t acknowledged = 0;
    bool is_right = true;

    directory_make(path, "/tmp/spine");
    for (unsigned i = 0; is_right && i < 10; i++)
        is_right = kill_is_survived(path, rng, 1 + (unsigned)rng_below(rng, steps),
                                    &acknowledged);
    directory_remove(path);
    return is_right;
}

static void
test_kills_are_survived(void **state)
{
    /* As many milliseconds at most. */
    const struct property law = {"test_kills_are_survived", kills_are_survived, 10, 250};

    (void)state;
    assert_true(property_holds(&law));
    print_message("%llu kills, %llu checkpoints, %llu under way were found\n",
                  (unsigned long long)totals.kills,
                  (unsigned long long)totals.acknowledged,
                  (unsigned long long)totals.under_way);
    figure_add("kills", totals.kills);
    assert_true(totals.acknowledged > 0);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kills_are_survived),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
