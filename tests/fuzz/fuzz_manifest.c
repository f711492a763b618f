/* SPDX-License-Identifier: MIT */

/*
 * A manifest whose checksum is right, and whose text is another than was written:
 * restoring answers a status, and what is opened can be read, merged and closed.
 *
 * The input is edits, four bytes each, of the manifest of a checkpoint of two spines, so
 * that the files that it names are there; or, when it begins with a brace, the text.
 */

#include "fuzz/fuzz.h"

#include "checkpoint/manifest_text.h"
#include "harness/check.h"
#include "spine/checkpoint.h"

#include <ctype.h>
#include <string.h>

#define TEXT_BYTES_MAX (1u << 16)
#define SPINES 2u

static const char *const numbers[] = {
    "0",          "1",
    "2",          "7",
    "255",        "4096",
    "4294967295", "4294967296",
    "1e9",        "9223372036854775807",
    "-1",         "18446744073709551615",
    "0.5",        "99999999999999999999999",
    "",           "[]",
};

/* The checkpoint that is edited, made once. */
static struct {
    char name[SPINE_NAME_MAX + 1];
    char text[TEXT_BYTES_MAX];
    size_t bytes;
    struct {
        char name[SPINE_NAME_MAX + 1];
        uint8_t *bytes;
        size_t size;
    } files[8];
    size_t file_count;
} made;

static enum spine_status
keep_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    const struct spine_backend *backend = argument;
    const bool is_manifest = manifest_sequence(name) > 0;
    uint8_t *data = malloc(bytes);
    uint64_t size;
    void *object;

    FUZZ_REQUIRE(data != NULL && bytes > 0);
    FUZZ_REQUIRE(backend->open(backend->context, name, &object, &size, error) ==
                 SPINE_OK);
    FUZZ_REQUIRE(backend->read_at(backend->context, object, 0, data, bytes, error) ==
                 SPINE_OK);
    backend->close(backend->context, object);
    if (is_manifest) {
        FUZZ_REQUIRE(bytes < sizeof made.text);
        (void)strcpy(made.name, name);
        made.bytes = bytes - MANIFEST_SEAL_BYTES;
        memcpy(made.text, data, made.bytes);
        free(data);
    } else {
        FUZZ_REQUIRE(made.file_count < sizeof made.files / sizeof made.files[0]);
        (void)strcpy(made.files[made.file_count].name, name);
        made.files[made.file_count].bytes = data;
        made.files[made.file_count++].size = bytes;
    }
    return SPINE_OK;
}

static void
insert_some(struct spine *spine, struct rng *rng, const struct spine_schema *schema)
{
    struct generator generator;
    struct spine_batch *batch;
    struct model rows;

    generator_init(&generator, rng, schema, NULL);
    model_init(&rows, schema);
    generate_rows(&generator, 100, &rows);
    batch = batch_of_rows(&rows);
    FUZZ_REQUIRE(spine_insert(spine, batch, NULL) == SPINE_OK);
    spine_batch_unref(batch);
    model_release(&rows);
    generator_release(&generator);
}

static void
make_checkpoint(void)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_checkpoint_item items[SPINES];
    struct spine_runtime *runtime;
    struct spine_backend backend;
    struct spine_store *store;
    struct rng rng;

    rng_init(&rng, 5);
    FUZZ_REQUIRE(spine_memory_backend(&backend, NULL) == SPINE_OK);
    FUZZ_REQUIRE(spine_store_open(&backend, NULL, &store, NULL) == SPINE_OK);
    FUZZ_REQUIRE(spine_runtime_open(&manual, &runtime, NULL) == SPINE_OK);
    for (unsigned i = 0; i < SPINES; i++) {
        struct spine_schema schema;

        generate_schema(&rng, &schema);
        items[i] = (struct spine_checkpoint_item){.name = i == 0 ? "a" : "b"};
        FUZZ_REQUIRE(spine_open(runtime, &schema, NULL, &items[i].spine, NULL) ==
                     SPINE_OK);
        for (unsigned batches = 0; batches < 3; batches++)
            insert_some(items[i].spine, &rng, &schema);
    }
    FUZZ_REQUIRE(spine_checkpoint(store, items, SPINES, NULL, NULL, NULL) == SPINE_OK);
    FUZZ_REQUIRE(backend.list(backend.context, keep_object, &backend, NULL) == SPINE_OK);
    for (unsigned i = 0; i < SPINES; i++)
        spine_close(items[i].spine);
    spine_runtime_close(runtime);
    spine_store_close(store);
    FUZZ_REQUIRE(spine_allocated_bytes() == 0 && made.bytes > 0 && made.file_count > 0);
}

/* text[at, at + less) becomes `more`. */
static size_t
edit(char *text, size_t bytes, size_t at, size_t less, const char *more)
{
    const size_t size = strlen(more);

    if (less > bytes - at)
        less = bytes - at;
    if (bytes - less + size > TEXT_BYTES_MAX - MANIFEST_SEAL_BYTES - 1)
        return bytes;
    memmove(text + at + size, text + at + less, bytes - at - less);
    memcpy(text + at, more, size);
    return bytes - less + size;
}

static size_t
apply(char *text, size_t bytes, const uint8_t how[4])
{
    const size_t at = bytes > 0 ? ((size_t)how[0] | (size_t)how[1] << 8) % bytes : 0;
    const char byte[2] = {(char)how[3], 0};
    size_t begin = at, end;

    switch (how[2] % 4) {
    case 0:
        return edit(text, bytes, at, 1, byte);
    case 1:
        return edit(text, bytes, at, 0, byte);
    case 2:
        return edit(text, bytes, at, how[3], "");
    default:
        /* The next number becomes another. */
        while (begin < bytes && !isdigit((unsigned char)text[begin]))
            begin++;
        for (end = begin; end < bytes && isdigit((unsigned char)text[end]);)
            end++;
        return edit(text, bytes, begin, end - begin,
                    numbers[how[3] % (sizeof numbers / sizeof numbers[0])]);
    }
}

static void
use_spine(struct spine *spine)
{
    const bool is_right = spine_check(spine, NULL) == SPINE_OK;
    struct spine_cursor *cursor;
    enum spine_status st;

    FUZZ_REQUIRE(spine_cursor_open(spine, &cursor, NULL) == SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            (void)spine_cursor_weight(cursor);
    st = spine_cursor_status(cursor);
    FUZZ_REQUIRE(st == SPINE_OK || (st == SPINE_CORRUPT && !is_right));
    spine_cursor_close(cursor);
}

static void
use_store(struct spine_store *store)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_restored *restored;
    struct spine_restored_item item;
    struct spine_runtime *runtime;
    struct spine_error error = {0};
    enum spine_status st;

    FUZZ_REQUIRE(spine_runtime_open(&manual, &runtime, NULL) == SPINE_OK);
    st = spine_restore(store, 0, runtime, NULL, &restored, &error);
    FUZZ_REQUIRE(st == SPINE_OK || st == SPINE_CORRUPT || st == SPINE_INVALID);
    FUZZ_REQUIRE(st == SPINE_OK || (error.status == st && error.message[0] != '\0'));
    for (size_t i = 0; st == SPINE_OK && spine_restored_get_item(restored, i, &item); i++)
        use_spine(item.spine);
    (void)spine_runtime_run(runtime, 100000);
    if (st == SPINE_OK)
        spine_restored_free(restored);
    spine_runtime_close(runtime);
    st = spine_store_sweep(store, NULL, NULL, NULL);
    FUZZ_REQUIRE(st == SPINE_OK || st == SPINE_CORRUPT || st == SPINE_INVALID);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_BYTES_MAX];
    struct spine_backend backend;
    struct spine_store *store;
    size_t bytes;

    if (made.bytes == 0)
        make_checkpoint();
    if (size > sizeof text - MANIFEST_SEAL_BYTES - 1)
        return 0;
    bytes = made.bytes;
    memcpy(text, made.text, made.bytes);
    if (size > 0 && data[0] == '{') {
        memcpy(text, data, size);
        bytes = size;
    } else
        for (size_t i = 0; i + 4 <= size; i += 4)
            bytes = apply(text, bytes, data + i);
    manifest_seal(text, bytes, manifest_sequence(made.name), text + bytes);
    bytes += MANIFEST_SEAL_BYTES;

    FUZZ_REQUIRE(spine_memory_backend(&backend, NULL) == SPINE_OK);
    FUZZ_REQUIRE(backend.put_new(backend.context, made.name, text, bytes, NULL) ==
                 SPINE_OK);
    for (size_t i = 0; i < made.file_count; i++)
        FUZZ_REQUIRE(backend.put_new(backend.context, made.files[i].name,
                                     made.files[i].bytes, made.files[i].size,
                                     NULL) == SPINE_OK);
    FUZZ_REQUIRE(spine_store_open(&backend, NULL, &store, NULL) == SPINE_OK);
    use_store(store);
    spine_store_close(store);
    FUZZ_REQUIRE(spine_allocated_bytes() == 0);
    return 0;
}
