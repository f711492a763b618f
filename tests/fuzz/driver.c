/* SPDX-License-Identifier: MIT */

/*
 * Runs a fuzz target without libFuzzer.
 *
 *     TARGET PATH...                   each file, and each file of a directory
 *     TARGET --mutate COUNT PATH...    then COUNT of them at random, each with some bytes
 *                                      changed, from the seed SPINE_SEED
 *
 * What a target was given when it ended the program is left in fuzz-crash.
 */

#include "fuzz/fuzz.h"

#include "harness/figure.h"
#include "harness/property.h"
#include "harness/rng.h"
#include "harness/sanitized.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_BYTES_MAX (1u << 16)

struct inputs {
    uint8_t **data;
    size_t *sizes;
    size_t count;
};

/* Of processor time, for one input. */
#if defined(SANITIZED_ADDRESS) || defined(SANITIZED_THREAD)
#define SECONDS_MAX 10
#else
#define SECONDS_MAX 1
#endif

static uint8_t current[INPUT_BYTES_MAX];
static size_t current_size;

static void
leave_input(int number)
{
    FILE *file = fopen("fuzz-crash", "wb");

    (void)number;
    if (file != NULL) {
        fwrite(current, 1, current_size, file);
        fclose(file);
    }
    fprintf(stderr, "the input of %zu bytes is in fuzz-crash\n", current_size);
    _exit(1);
}

static void
run(const uint8_t *data, size_t size)
{
    const clock_t begin = clock();

    memcpy(current, data, size);
    current_size = size;
    (void)LLVMFuzzerTestOneInput(current, size);
    FUZZ_REQUIRE(clock() - begin < SECONDS_MAX * CLOCKS_PER_SEC);
}

static void
add_file(struct inputs *inputs, const char *path)
{
    static uint8_t buffer[INPUT_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    size_t size;

    FUZZ_REQUIRE(file != NULL);
    size = fread(buffer, 1, sizeof buffer, file);
    fclose(file);
    inputs->data = realloc(inputs->data, (inputs->count + 1) * sizeof *inputs->data);
    inputs->sizes = realloc(inputs->sizes, (inputs->count + 1) * sizeof *inputs->sizes);
    FUZZ_REQUIRE(inputs->data != NULL && inputs->sizes != NULL);
    inputs->data[inputs->count] = malloc(size + 1);
    FUZZ_REQUIRE(inputs->data[inputs->count] != NULL);
    memcpy(inputs->data[inputs->count], buffer, size);
    inputs->sizes[inputs->count++] = size;
}

static void
add_path(struct inputs *inputs, const char *path)
{
    const struct dirent *entry;
    struct stat about;
    DIR *directory;

    FUZZ_REQUIRE(stat(path, &about) == 0);
    if (!S_ISDIR(about.st_mode)) {
        add_file(inputs, path);
        return;
    }
    directory = opendir(path);
    FUZZ_REQUIRE(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        char name[4096];

        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            add_file(inputs, name);
    }
    closedir(directory);
}

/* Changes, inserts, removes or repeats some bytes. */
static size_t
mutate(struct rng *rng, uint8_t *data, size_t size)
{
    for (size_t changes = rng_magnitude(rng, 8); changes > 0; changes--) {
        const size_t at = rng_index(rng, size + 1);
        const size_t part = rng_magnitude(rng, 16);

        switch (rng_below(rng, 4)) {
        case 0:
            if (at < size)
                data[at] = (uint8_t)rng_next(rng);
            break;
        case 1:
            if (at < size)
                data[at] ^= (uint8_t)(1u << rng_below(rng, 8));
            break;
        case 2:
            if (at + part <= size) {
                memmove(data + at, data + at + part, size - at - part);
                size -= part;
            }
            break;
        default:
            if (size + part <= INPUT_BYTES_MAX) {
                memmove(data + at + part, data + at, size - at);
                for (size_t i = 0; i < part; i++)
                    data[at + i] = (uint8_t)rng_next(rng);
                size += part;
            }
        }
    }
    return size;
}

int
main(int argc, char **argv)
{
    static uint8_t changed[INPUT_BYTES_MAX];
    struct inputs inputs = {0};
    unsigned long long mutations = 0;
    struct rng rng;
    int first = 1;

    signal(SIGABRT, leave_input);
    signal(SIGSEGV, leave_input);
    if (argc > 2 && strcmp(argv[1], "--mutate") == 0) {
        mutations = strtoull(argv[2], NULL, 10);
        first = 3;
    }
    for (int i = first; i < argc; i++)
        add_path(&inputs, argv[i]);
    FUZZ_REQUIRE(inputs.count > 0);
    for (size_t i = 0; i < inputs.count; i++)
        run(inputs.data[i], inputs.sizes[i]);

    rng_init(&rng, harness_seed());
    for (unsigned long long i = 0; i < mutations; i++) {
        const size_t which = rng_index(&rng, inputs.count);

        memcpy(changed, inputs.data[which], inputs.sizes[which]);
        run(changed, mutate(&rng, changed, inputs.sizes[which]));
    }
    figure_add("inputs of fuzz targets", inputs.count + mutations);
    printf("%zu inputs and %llu mutations, seed %llu\n", inputs.count, mutations,
           (unsigned long long)harness_seed());
    for (size_t i = 0; i < inputs.count; i++)
        free(inputs.data[i]);
    free(inputs.data);
    free(inputs.sizes);
    return 0;
}
