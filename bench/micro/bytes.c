/* SPDX-License-Identifier: MIT */

/*
 * micro_bytes [rows [kind]] -- batches of byte keys: made from columns, merged, searched.
 *
 * Four kinds of keys:
 *
 *     random      16 to 32 random bytes
 *     url         24 bytes that all keys have in common, then 12 digits
 *     composite   three columns of four bytes with few different values, then 8 bytes
 *     nested      0 to 56 bytes that 4096 groups share, then 8 bytes
 *
 * Values have 0 to 32 bytes. In millions per second of processor time: median, least and
 * most.
 */

#include "merge/merge.h"
#include "micro/micro.h"
#include "spine/spine.h"

#define BATCH_ROWS 10000u
#define VALUE_MAX 32u
#define FAN_IN 8u
#define RUNS 5u
#define SEEKS 100000u

typedef size_t key_fn(uint64_t number, char *out);

static const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                           .value = {SPINE_BYTES, 0}};

struct texts {
    char keys[BATCH_ROWS * TEXT_KEY_MAX];
    char values[BATCH_ROWS * VALUE_MAX];
    uint64_t key_offsets[BATCH_ROWS + 1];
    uint64_t value_offsets[BATCH_ROWS + 1];
};

static size_t
random_key(uint64_t number, char *out)
{
    const size_t size = 16 + mix(number) % 17;

    for (uint64_t i = 0; i < 4; i++) {
        const uint64_t word = mix(4 * number + i);
        memcpy(out + 8 * i, &word, 8);
    }
    return size;
}

static size_t
url_key(uint64_t number, char *out)
{
    return (size_t)sprintf(out, "https://example.org/page/%012u",
                           (unsigned)(mix(number) >> 32));
}

static size_t
composite_key(uint64_t number, char *out)
{
    const uint64_t word = mix(number);

    for (unsigned i = 0; i < 3; i++) {
        memset(out + (size_t)4 * i, 0, 3);
        out[4 * i + 3] = (char)(word >> (8 * i) & 15);
    }
    memcpy(out + 12, &word, 8);
    return 20;
}

static size_t
nested_key(uint64_t number, char *out)
{
    return text_key(mix(number), out);
}

static void
texts_fill(struct texts *texts, key_fn *key_of, uint64_t begin)
{
    char *key = texts->keys, *value = texts->values;

    texts->key_offsets[0] = texts->value_offsets[0] = 0;
    for (size_t i = 0; i < BATCH_ROWS; i++) {
        const size_t value_size = mix(begin + i) % (VALUE_MAX + 1);

        key += key_of(begin + i, key);
        memset(value, (int)i, value_size);
        value += value_size;
        texts->key_offsets[i + 1] = (uint64_t)(key - texts->keys);
        texts->value_offsets[i + 1] = (uint64_t)(value - texts->values);
    }
}

static struct spine_batch *
batch_of_texts(const struct texts *texts)
{
    const struct spine_columns columns = {.rows = BATCH_ROWS,
                                          .keys = texts->keys,
                                          .key_offsets = texts->key_offsets,
                                          .values = texts->values,
                                          .value_offsets = texts->value_offsets};
    struct spine_batch *batch;

    require(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
            "a batch of columns");
    return batch;
}

static struct spine_batch *
merged(struct spine_batch *const *batches, size_t count)
{
    uint64_t fuel_rows = UINT64_MAX;
    struct spine_batch *batch;
    struct merge *merge;

    require(merge_new(&merge, batches, count, NULL, NULL) == SPINE_OK, "a merge");
    require(merge_step(merge, &fuel_rows, NULL) == SPINE_OK, "merging");
    fuel_rows = UINT64_MAX;
    require(merge_seal(merge, &fuel_rows, &batch, NULL) == SPINE_OK,
            "a batch of a merge");
    merge_free(merge);
    return batch;
}

/* FAN_IN batches of `each` rows, each merged from small ones. */
static void
make_batches(struct texts *texts, key_fn *key_of, size_t each,
             struct spine_batch **batches)
{
    const size_t parts = each / BATCH_ROWS;
    struct spine_batch **small = malloc(parts * sizeof(struct spine_batch *));

    require(small != NULL, "memory");
    for (size_t b = 0; b < FAN_IN; b++) {
        for (size_t i = 0; i < parts; i++) {
            texts_fill(texts, key_of, b * each + i * BATCH_ROWS);
            small[i] = batch_of_texts(texts);
        }
        batches[b] = merged(small, parts);
        batches_free(small, parts);
    }
    free(small);
}

static void
measure_batch(struct texts *texts, key_fn *key_of, const char *name)
{
    struct samples samples = {0};
    char line[64];

    texts_fill(texts, key_of, 0);
    for (unsigned run = 0; run < 4 * RUNS; run++) {
        const uint64_t began_ns = now_ns();

        spine_batch_unref(batch_of_texts(texts));
        samples_add(&samples, BATCH_ROWS, began_ns);
    }
    snprintf(line, sizeof line, "%s: batch of %u", name, BATCH_ROWS);
    samples_print(&samples, line);
}

static void
measure_merge(struct spine_batch *const *batches, size_t each, const char *name)
{
    struct samples samples = {0};
    char line[64];

    for (unsigned run = 0; run < RUNS; run++) {
        const uint64_t began_ns = now_ns();

        spine_batch_unref(merged(batches, FAN_IN));
        samples_add(&samples, FAN_IN * each, began_ns);
    }
    snprintf(line, sizeof line, "%s: merge of %u x %zu", name, FAN_IN, each);
    samples_print(&samples, line);
}

/* Keys that are there, in no order. */
static void
measure_seeks(struct spine_batch *const *batches, size_t count, key_fn *key_of,
              size_t rows, const char *name)
{
    struct spine_snapshot *snapshot;
    struct samples samples = {0};
    struct spine_cursor *cursor;
    char key[TEXT_KEY_MAX], line[64];
    size_t found = 0;

    require(spine_snapshot_of_batches(&schema, batches, count, &snapshot, NULL) ==
                SPINE_OK,
            "a snapshot");
    require(spine_snapshot_cursor(snapshot, &cursor, NULL) == SPINE_OK, "a cursor");
    for (unsigned run = 0; run < RUNS; run++) {
        const uint64_t began_ns = now_ns();

        for (uint64_t i = 0; i < SEEKS; i++) {
            const size_t size = key_of(mix(run * SEEKS + i) % rows, key);

            found += spine_cursor_seek_key_exact(cursor, spine_data(key, size));
        }
        samples_add(&samples, SEEKS, began_ns);
    }
    require(found == (size_t)RUNS * SEEKS, "every key is found");
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
    snprintf(line, sizeof line, "%s: seeks in %zu x %zu", name, count, rows / count);
    samples_print(&samples, line);
}

static void
measure(struct texts *texts, key_fn *key_of, size_t rows, const char *name)
{
    const size_t each = (rows / FAN_IN + BATCH_ROWS - 1) / BATCH_ROWS * BATCH_ROWS;
    struct spine_batch *batches[FAN_IN], *all;

    measure_batch(texts, key_of, name);
    make_batches(texts, key_of, BATCH_ROWS, batches);
    measure_merge(batches, BATCH_ROWS, name);
    batches_free(batches, FAN_IN);
    make_batches(texts, key_of, each, batches);
    measure_merge(batches, each, name);
    all = merged(batches, FAN_IN);
    measure_seeks(&all, 1, key_of, FAN_IN * each, name);
    measure_seeks(batches, FAN_IN, key_of, FAN_IN * each, name);
    spine_batch_unref(all);
    batches_free(batches, FAN_IN);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        key_fn *key_of;
    } kinds[] = {{"random", random_key},
                 {"url", url_key},
                 {"composite", composite_key},
                 {"nested", nested_key}};
    const size_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 640000;
    struct texts *const texts = calloc(1, sizeof *texts);

    require(texts != NULL, "memory");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (argc < 3 || strcmp(argv[2], kinds[i].name) == 0)
            measure(texts, kinds[i].key_of, rows, kinds[i].name);
    free(texts);
    return 0;
}
