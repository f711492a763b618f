/* SPDX-License-Identifier: MIT */

/*
 * A manifest comes back from its text as it was, under its own name only, whichever parts
 * of it are there; numbers become names, and these names alone become numbers.
 */

#include "checkpoint/manifest.h"

#include "base/alloc.h"
#include "harness/fault_alloc.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
test_names_and_numbers(void **state)
{
    static const char *const others[] = {
        "",
        "checkpoint-",
        "checkpoint-1.json",
        "checkpoint-00000000000000000000.json",
        "checkpoint-0000000000000000001.json",
        "checkpoint-000000000000000000001.json",
        "checkpoint-00000000000000000001.JSON",
        "checkpoint-00000000000000000001.json.tmp",
        "checkpoint-0000000000000000000x.json",
        "checkpoint-18446744073709551616.json",
        "checkpoint-99999999999999999999.json",
        "acknowledged-1",
        "acknowledged-18446744073709551616",
        "acknowledged-00000000000000000001.json",
    };
    static const uint64_t numbers[] = {1, 2, 10, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};
    char name[SPINE_NAME_MAX + 1], before[SPINE_NAME_MAX + 1] = "";

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        receipt_name(numbers[i], name);
        assert_int_equal(receipt_sequence(name), numbers[i]);
        assert_int_equal(manifest_sequence(name), 0);
        manifest_name(numbers[i], name);
        assert_int_equal(manifest_sequence(name), numbers[i]);
        assert_int_equal(receipt_sequence(name), 0);
        /* In the order of numbers. */
        assert_true(strcmp(before, name) < 0);
        (void)strcpy(before, name);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(manifest_sequence(others[i]), 0);
        assert_int_equal(receipt_sequence(others[i]), 0);
    }
}

static void
test_names_that_are_there_twice(void **state)
{
    const char *names[] = {"b", "a", "c", "a2"};
    const char *twice[] = {"b", "a", "c", "a"};

    (void)state;
    assert_null(name_twice(NULL, 0));
    assert_null(name_twice(names, 1));
    assert_null(name_twice(names, 4));
    assert_string_equal(name_twice(twice, 4), "a");
}

static uint8_t *
bytes_of(const char *text)
{
    uint8_t *bytes = mem_alloc(strlen(text));

    assert_non_null(bytes);
    return memcpy(bytes, text, strlen(text));
}

static void
fill_spine(struct manifest *manifest, unsigned number, bool has_all)
{
    struct manifest_spine *spine = manifest_add_spine(manifest);

    (void)snprintf(spine->name, sizeof spine->name, "spine \"%u\" \\ \xc3\xa9", number);
    (void)snprintf(spine->label, sizeof spine->label, "label %u", number);
    spine->schema = bytes_of("schema");
    spine->schema_bytes = strlen("schema");
    spine->options = (struct spine_options){.level0_rows = 1000,
                                            .backpressure_batches = UINT32_MAX,
                                            .encode_rows = number,
                                            .only_due_merges = has_all,
                                            .filter_false_positive_rate = 0.1,
                                            .filter_rows_min = UINT64_MAX};
    spine->has_frontier = has_all;
    spine->frontier = has_all ? UINT64_MAX : 0;
    spine->dirty = has_all;
    spine->inserted_batches = UINT64_MAX - 1;
    spine->inserted_rows = (UINT64_C(1) << 53) + 1;
    spine->has_key_filter = has_all;
    if (has_all)
        (void)strcpy(spine->key_filter, "keys");
    spine->has_value_filter = has_all;
    spine->batch_begin = manifest->batch_count;
    spine->batch_count = number;
}

/* Two spines, one of them with all that there can be, and without batches; two files of
 * one object, and a batch of both. */
static void
fill(struct manifest *manifest)
{
    struct manifest_batch *batch;

    *manifest = (struct manifest){.sequence = UINT64_MAX, .made_ms = 7};
    manifest->user_data = bytes_of("\x01\xff of the host");
    manifest->user_bytes = strlen("\x01\xff of the host");
    (void)strcpy(manifest_add_object(manifest)->name,
                 "0123456789abcdef0123456789abcdef.pack");
    manifest->objects[0].bytes = INT64_MAX;
    for (uint64_t i = 0; i < 2; i++)
        *manifest_add_file(manifest) =
            (struct manifest_file){.object = 0, .offset = i << 40, .bytes = 1000};
    fill_spine(manifest, 0, true);
    fill_spine(manifest, 1, false);
    /* They do not move any more. */
    for (size_t i = 0; i < manifest->spine_count; i++)
        manifest->spines[i].options.name = manifest->spines[i].label;
    batch = manifest_add_batch(manifest);
    *batch = (struct manifest_batch){.rows = UINT64_MAX, .part_count = 2};
    *manifest_add_part(manifest) = (struct manifest_part){0, 0, 1};
    *manifest_add_part(manifest) = (struct manifest_part){1, UINT32_MAX - 2, 2};
}

static void
expect_equal(const struct manifest *a, const struct manifest *b)
{
    assert_int_equal(a->sequence, b->sequence);
    assert_int_equal(a->made_ms, b->made_ms);
    assert_int_equal(a->user_bytes, b->user_bytes);
    assert_memory_equal(a->user_data, b->user_data, a->user_bytes);
    assert_int_equal(a->object_count, b->object_count);
    assert_string_equal(a->objects[0].name, b->objects[0].name);
    assert_int_equal(a->objects[0].bytes, b->objects[0].bytes);
    assert_int_equal(a->file_count, b->file_count);
    assert_memory_equal(a->files, b->files, a->file_count * sizeof *a->files);
    assert_int_equal(a->batch_count, b->batch_count);
    assert_memory_equal(a->batches, b->batches, a->batch_count * sizeof *a->batches);
    assert_int_equal(a->part_count, b->part_count);
    assert_memory_equal(a->parts, b->parts, a->part_count * sizeof *a->parts);
    assert_int_equal(a->spine_count, b->spine_count);
    for (size_t i = 0; i < a->spine_count; i++) {
        const struct manifest_spine *left = &a->spines[i], *right = &b->spines[i];
        const struct spine_options *of_left = &left->options, *of_right = &right->options;

        assert_string_equal(left->name, right->name);
        assert_string_equal(of_left->name, of_right->name);
        assert_ptr_equal(of_right->name, right->label);
        assert_int_equal(of_left->level0_rows, of_right->level0_rows);
        assert_int_equal(of_left->backpressure_batches, of_right->backpressure_batches);
        assert_int_equal(of_left->help_batches, of_right->help_batches);
        assert_int_equal(of_left->retry_ms, of_right->retry_ms);
        assert_int_equal(of_left->negative_weight_multiplier,
                         of_right->negative_weight_multiplier);
        assert_int_equal(of_left->only_due_merges, of_right->only_due_merges);
        assert_int_equal(of_left->encode_rows, of_right->encode_rows);
        assert_true(of_left->filter_false_positive_rate ==
                    of_right->filter_false_positive_rate);
        assert_int_equal(of_left->filter_rows_min, of_right->filter_rows_min);
        assert_int_equal(left->schema_bytes, right->schema_bytes);
        assert_memory_equal(left->schema, right->schema, left->schema_bytes);
        assert_int_equal(left->frontier, right->frontier);
        assert_int_equal(left->has_frontier, right->has_frontier);
        assert_int_equal(left->dirty, right->dirty);
        assert_int_equal(left->inserted_batches, right->inserted_batches);
        assert_int_equal(left->inserted_rows, right->inserted_rows);
        assert_int_equal(left->has_key_filter, right->has_key_filter);
        assert_int_equal(left->has_value_filter, right->has_value_filter);
        assert_string_equal(left->key_filter, right->key_filter);
        assert_string_equal(left->value_filter, right->value_filter);
        assert_int_equal(left->batch_begin, right->batch_begin);
        assert_int_equal(left->batch_count, right->batch_count);
    }
}

static void
test_a_manifest_comes_back(void **state)
{
    struct manifest manifest, decoded;
    struct spine_error error = {0};
    char name[SPINE_NAME_MAX + 1], *text;
    size_t bytes;

    (void)state;
    fill(&manifest);
    assert_int_equal(manifest_encode(&manifest, &text, &bytes, NULL), SPINE_OK);
    manifest_name(manifest.sequence, name);
    assert_int_equal(manifest_decode(name, text, bytes, &decoded, &error), SPINE_OK);
    expect_equal(&manifest, &decoded);
    manifest_release(&decoded);
    manifest_release(&decoded);
    /* Another name, or another byte, and it is not what was written. */
    manifest_name(manifest.sequence - 1, name);
    assert_int_equal(manifest_decode(name, text, bytes, &decoded, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, name));
    manifest_name(manifest.sequence, name);
    for (size_t at = 0; at < bytes; at += 11) {
        text[at] ^= 1;
        assert_int_equal(manifest_decode(name, text, bytes, &decoded, NULL),
                         SPINE_CORRUPT);
        text[at] ^= 1;
        assert_int_equal(manifest_decode(name, text, at, &decoded, NULL), SPINE_CORRUPT);
    }
    mem_free(text, bytes);
    manifest_release(&manifest);
}

static void
test_a_want_of_memory(void **state)
{
    struct manifest manifest, decoded;
    char name[SPINE_NAME_MAX + 1], *text;
    size_t bytes, live;
    unsigned failed = 0;
    bool fired = true;

    (void)state;
    fill(&manifest);
    manifest_name(manifest.sequence, name);
    live = fault_alloc_live_blocks();
    for (uint64_t nth = 1; fired; nth++) {
        struct spine_error error = {0};
        enum spine_status st;

        fault_alloc_arm(FAULT_ONCE, nth);
        st = manifest_encode(&manifest, &text, &bytes, &error);
        if (st == SPINE_OK) {
            st = manifest_decode(name, text, bytes, &decoded, &error);
            mem_free(text, bytes);
            manifest_release(&decoded);
        }
        fired = fault_alloc_disarm();
        failed += fired;
        assert_int_equal(st, fired ? SPINE_NOMEM : SPINE_OK);
        assert_int_equal(fault_alloc_live_blocks(), live);
    }
    assert_true(failed > 10);
    manifest_release(&manifest);
    assert_int_equal(fault_alloc_live_blocks(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_numbers),
        cmocka_unit_test(test_names_that_are_there_twice),
        cmocka_unit_test(test_a_manifest_comes_back),
        cmocka_unit_test(test_a_want_of_memory),
    };
    int failed;

    fault_alloc_install();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    fault_alloc_remove();
    return failed;
}
