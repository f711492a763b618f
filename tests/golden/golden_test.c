/* SPDX-License-Identifier: MIT */

/*
 * Files of each version of the format, kept in tests/golden: this build reads them, row
 * by row what the text beside each says, and writes the same rows as the same bytes.
 *
 *     golden_test                 checks all files of all versions
 *     golden_test --write DIR     writes those of today's version, and their texts, anew
 */

#include "base/alloc.h"
#include "batch/fence.h"
#include "golden/cases.h"
#include "harness/figure.h"
#include "harness/reseal.h"
#include "harness/sanitized.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATH_BYTES 512u
/* Files of which every bit is flipped, and at least so many bits: those of 64 KiB. */
#define SMALL_BYTES 24000u
#define FLIPS_MIN 524288u
#if defined(SANITIZED_ADDRESS) || defined(SANITIZED_THREAD)
#define EVERY 5u
#else
#define EVERY 1u
#endif
/* Every file is written with it. */
static const struct file_id golden_id = {UINT64_C(0x1122334455667788),
                                         UINT64_C(0x99aabbccddeeff00)};

/* That of the format, and the last feature that came to its blocks. */
static const char *const versions[] = {"v1", "v1-bytes", "v1-strips"};
#define VERSION_NOW "v1-strips"

/* ---- Files ---- */

struct bytes {
    uint8_t *data;
    size_t size;
};

/* The bit of an object that is read wrongly, from 1 on; 0: none. */
static struct {
    uint64_t flipped;
    enum spine_status (*read_at)(void *context, void *object, uint64_t offset, void *data,
                                 size_t size, struct spine_error *error);
} disk;

static enum spine_status
read_at(void *context, void *object, uint64_t offset, void *data, size_t size,
        struct spine_error *error)
{
    const enum spine_status st = disk.read_at(context, object, offset, data, size, error);
    const uint64_t bit = disk.flipped - 1;

    if (disk.flipped > 0 && bit / 8 >= offset && bit / 8 < offset + size)
        ((uint8_t *)data)[bit / 8 - offset] ^= (uint8_t)(1u << bit % 8);
    return st;
}

/* A store with one object of these bytes, or none. */
static struct spine_store *
open_store(enum spine_compression compression, const char *name,
           const struct bytes *bytes)
{
    const struct spine_store_options options = {.compression = compression,
                                                .keep_leftovers = true};
    struct spine_backend backend;
    struct spine_store *store;

    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    disk.read_at = backend.read_at;
    backend.read_at = read_at;
    if (name != NULL)
        assert_int_equal(
            backend.put_new(backend.context, name, bytes->data, bytes->size, NULL),
            SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
    return store;
}

/* The rows of `batch` in blocks that are packed now, encoded or not. */
static struct spine_batch *
repacked(struct spine_batch *batch, bool encoded)
{
    struct spine_batch *out = NULL;
    struct pins pins = {0};
    struct output output;
    struct reader reader;

    output_init(&output, &batch->layout);
    output.encode_rows = encoded ? 1 : UINT64_MAX;
    output.rows_expected = batch->info.rows;
    reader_init(&reader, batch);
    reader.pins = &pins;
    while (reader_offset(&reader) < batch->info.rows) {
        assert_int_equal(reader_stage(&reader, &output.pending, BLOCK_ROWS), SPINE_OK);
        assert_int_equal(output_flush(&output, false), SPINE_OK);
    }
    assert_int_equal(output_seal(&output, &out, NULL), SPINE_OK);
    output_release(&output);
    reader_release(&reader);
    pins_release(&pins);
    return out;
}

/* The file that a batch of memory is written to, with the golden id. */
static struct bytes
file_of(const struct spine_batch *batch, enum spine_compression compression)
{
    struct spine_store *store = open_store(compression, NULL, NULL);
    const struct store_file *file;
    struct spine_batch *stored;
    struct bytes bytes;

    assert_int_equal(batch_to_file(batch, store, &stored, NULL), SPINE_OK);
    file = stored->fences[0].keeper->file;
    bytes.size = (size_t)file->footer.file_bytes;
    bytes.data = test_malloc(bytes.size);
    assert_int_equal(store_file_read_extent(stored->fences[0].keeper->file, 0, bytes.data,
                                            bytes.size, NULL),
                     SPINE_OK);
    file_reseal(bytes.data, bytes.size, &golden_id);
    spine_batch_unref(stored);
    spine_store_close(store);
    return bytes;
}

/* The batch that a file of a store holds; references to both. */
static struct spine_batch *
open_batch(struct spine_store *store, const char *name, struct store_file **out)
{
    struct spine_error error = {0};
    struct spine_batch *batch = NULL;

    if (store_file_open(store, name, out, &error) != SPINE_OK ||
        batch_of_file(*out, &batch, &error) != SPINE_OK)
        fail_msg("%s: %s", name, error.message);
    return batch;
}

static struct bytes
read_stream(FILE *file)
{
    struct bytes bytes;
    long size;

    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    bytes.size = (size_t)size;
    bytes.data = test_malloc(bytes.size + 1);
    assert_int_equal(fread(bytes.data, 1, bytes.size, file), bytes.size);
    return bytes;
}

static struct bytes
read_path(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct bytes bytes;

    if (file == NULL)
        fail_msg("%s cannot be read", path);
    bytes = read_stream(file);
    (void)fclose(file);
    return bytes;
}

static void
write_path(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        fail_msg("%s cannot be written", path);
}

/* ---- Texts ---- */

/* In hexadecimal; a byte that comes n > 3 times is 61xn, in brackets. */
static void
print_bytes(FILE *out, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0, end; at < size; at = end) {
        for (end = at + 1; end < size && bytes[end] == bytes[at];)
            end++;
        if (end - at > 3)
            (void)fprintf(out, "[%02xx%zu]", bytes[at], end - at);
        else
            for (size_t i = at; i < end; i++)
                (void)fprintf(out, "%02x", bytes[i]);
    }
}

static void
print_datum(FILE *out, const struct spine_type *type, union spine_datum datum)
{
    uint64_t bits = 0;

    switch (type->kind) {
    case SPINE_NONE:
        (void)fputc('-', out);
        return;
    case SPINE_U64:
        (void)fprintf(out, "%llu", (unsigned long long)datum.u64);
        return;
    case SPINE_I64:
        (void)fprintf(out, "%lld", (long long)datum.i64);
        return;
    case SPINE_U32:
        (void)fprintf(out, "%u", datum.u32);
        return;
    case SPINE_I32:
        (void)fprintf(out, "%d", datum.i32);
        return;
    case SPINE_F64:
        memcpy(&bits, &datum.f64, sizeof bits);
        (void)fprintf(out, "0x%016llx", (unsigned long long)bits);
        return;
    case SPINE_FIXED:
    case SPINE_BYTES:
        break;
    }
    (void)fputc('\'', out);
    print_bytes(out, datum.bytes.data, datum.bytes.size);
}

static void
print_rows(FILE *out, const struct spine_schema *schema, struct spine_cursor *cursor)
{
    const unsigned weight_count = schema->weight_count > 0 ? schema->weight_count : 1;
    const uint64_t *times;
    const int64_t *weights;
    const size_t count = spine_cursor_times(cursor, &times, &weights);

    print_datum(out, &schema->key, spine_cursor_key(cursor));
    (void)fputc(' ', out);
    print_datum(out, &schema->value, spine_cursor_val(cursor));
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, " %llu:", (unsigned long long)times[i]);
        for (unsigned w = 0; w < weight_count; w++)
            (void)fprintf(out, "%s%lld", w > 0 ? "," : "",
                          (long long)weights[i * weight_count + w]);
    }
    (void)fputc('\n', out);
}

/* A line for each key and value: times with their weights. */
static struct bytes
text_of(struct spine_batch *batch)
{
    struct spine_cursor *cursor;
    FILE *out = tmpfile();
    struct bytes text;

    assert_non_null(out);
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            print_rows(out, spine_batch_schema(batch), cursor);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    text = read_stream(out);
    (void)fclose(out);
    return text;
}

/* ---- Tests ---- */

static void
path_of(char path[PATH_BYTES], const char *directory, const char *name,
        const char *ending)
{
    const int size = snprintf(path, PATH_BYTES, "%s/%s.%s", directory, name, ending);

    assert_in_range(size, 1, PATH_BYTES - 1);
}

static void
write_goldens(const char *directory)
{
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *golden = &goldens[i];
        const struct spine_schema schema = schema_of(golden);
        struct spine_batch *batch = batch_of_case(golden, &schema);
        struct spine_batch *packed = repacked(batch, golden->encoded);
        struct bytes file = file_of(packed, golden->compression);
        char path[PATH_BYTES];
        struct bytes text = text_of(batch);

        path_of(path, directory, golden->name, "batch");
        write_path(path, file.data, file.size);
        path_of(path, directory, golden->name, "txt");
        write_path(path, text.data, text.size);
        printf("%s: %zu rows, %zu blocks, %zu bytes\n", golden->name,
               (size_t)batch->info.rows, packed->block_count, file.size);
        test_free(text.data);
        test_free(file.data);
        spine_batch_unref(packed);
        spine_batch_unref(batch);
        schema_release(&schema);
    }
}

/* Is it what the text says, and whole? */
static void
check_rows(const char *name, struct store_file *file, struct spine_batch *batch,
           const struct bytes *expected)
{
    struct spine_error error = {0};
    struct bytes text;

    if (store_file_verify(file, NULL, NULL, &error) != SPINE_OK ||
        spine_batch_check(batch, &error) != SPINE_OK)
        fail_msg("%s: %s", name, error.message);
    text = text_of(batch);
    if (text.size != expected->size || memcmp(text.data, expected->data, text.size) != 0)
        fail_msg("%s: the rows are not those of the text", name);
    test_free(text.data);
}

static void
every_version_is_read(void **state)
{
    size_t files = 0;

    (void)state;
    for (size_t i = 0; i < GOLDENS; i++)
        for (size_t v = goldens[i].since; v < sizeof versions / sizeof *versions; v++) {
            const char *name = goldens[i].name;
            struct spine_store *store;
            char directory[PATH_BYTES], path[PATH_BYTES];
            struct spine_batch *batch;
            struct store_file *file;
            struct bytes bytes, text;

            (void)snprintf(directory, sizeof directory, SPINE_GOLDEN "/%s", versions[v]);
            path_of(path, directory, name, "txt");
            text = read_path(path);
            path_of(path, directory, name, "batch");
            bytes = read_path(path);
            store = open_store(LZ4, name, &bytes);
            batch = open_batch(store, name, &file);
            check_rows(path, file, batch, &text);
            spine_batch_unref(batch);
            store_file_unref(file);
            spine_store_close(store);
            test_free(bytes.data);
            test_free(text.data);
            files++;
        }
    printf("%zu files\n", files);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Compressed blocks may be other ones by another LZ4 or Zstd: their images are not. */
static void
check_same_images(const char *name, struct store_file *a, struct store_file *b)
{
    assert_int_equal(a->table.block_count, b->table.block_count);
    for (uint32_t i = 0; i < a->table.block_count; i++) {
        const size_t size = a->table.blocks[i].image_bytes;
        uint8_t *images = test_malloc(2 * size);

        assert_int_equal(b->table.blocks[i].image_bytes, size);
        assert_int_equal(store_file_read(a, i, images, NULL), SPINE_OK);
        assert_int_equal(store_file_read(b, i, images + size, NULL), SPINE_OK);
        if (memcmp(images, images + size, size) != 0)
            fail_msg("%s: block %u is another one", name, i);
        test_free(images);
    }
    assert_int_equal(a->table.section_count, b->table.section_count);
    for (uint32_t i = 0; i < a->table.section_count; i++) {
        const uint32_t kind = a->table.sections[i].kind;
        size_t sizes[2];
        uint8_t *data[2];

        assert_int_equal(b->table.sections[i].kind, kind);
        assert_int_equal(store_file_section(a, kind, &data[0], &sizes[0], NULL),
                         SPINE_OK);
        assert_int_equal(store_file_section(b, kind, &data[1], &sizes[1], NULL),
                         SPINE_OK);
        if (sizes[0] != sizes[1] || memcmp(data[0], data[1], sizes[0]) != 0)
            fail_msg("%s: section %u is another one", name, kind);
        mem_free(data[0], sizes[0]);
        mem_free(data[1], sizes[1]);
    }
}

static void
the_same_rows_are_written_as_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        const struct golden *golden = &goldens[i];
        struct spine_store *store, *store_written;
        struct spine_batch *batch, *packed, *again;
        struct store_file *file, *other;
        struct bytes bytes, written;
        char path[PATH_BYTES];

        path_of(path, SPINE_GOLDEN "/" VERSION_NOW, golden->name, "batch");
        bytes = read_path(path);
        store = open_store(LZ4, "golden", &bytes);
        batch = open_batch(store, "golden", &file);
        packed = repacked(batch, golden->encoded);
        written = file_of(packed, golden->compression);
        store_written = open_store(LZ4, "written", &written);
        again = open_batch(store_written, "written", &other);
        check_same_images(path, file, other);
        if (golden->compression == SPINE_COMPRESSION_NONE &&
            (written.size != bytes.size ||
             memcmp(written.data, bytes.data, bytes.size) != 0))
            fail_msg("%s is written otherwise", path);
        spine_batch_unref(again);
        spine_batch_unref(packed);
        spine_batch_unref(batch);
        store_file_unref(other);
        store_file_unref(file);
        spine_store_close(store_written);
        spine_store_close(store);
        test_free(written.data);
        test_free(bytes.data);
    }
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* What reading all of a file and what it is by `name` says. */
static enum spine_status
verify(struct spine_store *store, const char *name, struct spine_error *error)
{
    struct spine_batch *batch = NULL;
    struct store_file *file;
    enum spine_status st = store_file_open(store, name, &file, error);

    if (st != SPINE_OK)
        return st;
    st = batch_of_file(file, &batch, error);
    if (st == SPINE_OK)
        st = store_file_verify(file, NULL, NULL, error);
    spine_batch_unref(batch);
    store_file_unref(file);
    return st;
}

/* Of all kinds of rows and blocks: each by itself, and none is overlooked. */
static void
every_bit_of_small_files_is_told(void **state)
{
    uint64_t flips = 0;

    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        const char *name = goldens[i].name;
        struct spine_store *store;
        char path[PATH_BYTES];
        struct bytes bytes;

        path_of(path, SPINE_GOLDEN "/" VERSION_NOW, name, "batch");
        bytes = read_path(path);
        store = open_store(LZ4, name, &bytes);
        assert_int_equal(verify(store, name, NULL), SPINE_OK);
        for (uint64_t bit = 1; bytes.size <= SMALL_BYTES && bit <= 8 * bytes.size;
             bit += EVERY, flips++) {
            struct spine_error error = {0};
            enum spine_status st;

            disk.flipped = bit;
            st = verify(store, name, &error);
            /* A damaged version is one that the library does not know. */
            if (st != SPINE_CORRUPT && st != SPINE_INVALID)
                fail_msg("%s: bit %llu", name, (unsigned long long)bit);
            assert_non_null(strstr(error.message, name));
        }
        disk.flipped = 0;
        spine_store_close(store);
        test_free(bytes.data);
    }
    figure_add("bits flipped", flips);
    printf("%llu bits\n", (unsigned long long)flips);
    assert_true(flips >= FLIPS_MIN / EVERY);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_small_files_is_told),
        cmocka_unit_test(every_version_is_read),
        cmocka_unit_test(the_same_rows_are_written_as_the_same_bytes),
    };

    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        write_goldens(argv[2]);
        return EXIT_SUCCESS;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
