/* SPDX-License-Identifier: MIT */

/*
 * A manifest that is not what was written is found out, whatever bit of it is another or
 * wherever it ends, by a message that names it. One whose checksum is right all the same
 * is refused, or opened; nothing that its numbers refer to is believed to be there.
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include "checkpoint/manifest_text.h"
#include "harness/figure.h"

#include <ctype.h>
#include <stdlib.h>

struct damage {
    struct world world;
    char name[SPINE_NAME_MAX + 1];
    /* The manifest as it was written. */
    char *text;
    size_t bytes;
    /* Of it, the bit that is read wrongly; 0: none. */
    uint64_t flip_bit;
};

static void
flip_manifest(void *argument, enum spine_operation operation, const char *name,
              uint64_t offset, size_t size, struct spine_fault *fault)
{
    const struct damage *damage = argument;

    (void)offset;
    (void)size;
    if (operation == SPINE_OPERATION_READ_AT && strcmp(name, damage->name) == 0)
        fault->flip_bit = damage->flip_bit;
}

static void
damage_init(struct damage *damage, uint64_t seed)
{
    struct spine_backend *disk = &damage->world.disk;
    struct rng rng;
    uint64_t bytes;
    void *object;

    *damage = (struct damage){0};
    rng_init(&rng, seed);
    world_init(&damage->world, &rng, 2);
    for (unsigned i = 0; i < 2; i++) {
        world_insert(&damage->world, i, 300);
        world_insert(&damage->world, i, 20);
    }
    assert_int_equal(world_checkpoint(&damage->world, NULL, NULL), SPINE_OK);
    (void)strcpy(damage->name, world_objects(&damage->world).last_manifest);
    assert_int_equal(disk->open(disk->context, damage->name, &object, &bytes, NULL),
                     SPINE_OK);
    damage->bytes = bytes;
    damage->text = malloc(bytes + 1);
    assert_non_null(damage->text);
    assert_int_equal(disk->read_at(disk->context, object, 0, damage->text, bytes, NULL),
                     SPINE_OK);
    damage->text[bytes] = 0;
    disk->close(disk->context, object);
}

static void
damage_release(struct damage *damage)
{
    world_release(&damage->world);
    free(damage->text);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* The manifest is another text from now on. */
static void
put_text(struct damage *damage, const char *text, size_t bytes)
{
    struct spine_backend *disk = &damage->world.disk;

    assert_int_equal(disk->remove(disk->context, damage->name, NULL), SPINE_OK);
    assert_int_equal(disk->put_new(disk->context, damage->name, text, bytes, NULL),
                     SPINE_OK);
}

static void
test_every_flipped_bit_is_found(void **state)
{
    struct damage damage;

    (void)state;
    damage_init(&damage, 21);
    damage.world.on_operation = flip_manifest;
    damage.world.fault_argument = &damage;
    for (uint64_t bit = 1; bit <= damage.bytes * 8; bit++) {
        struct spine_error error = {0};

        damage.flip_bit = bit;
        if (world_restore(&damage.world, 0, &error) != SPINE_CORRUPT)
            fail_msg("bit %llu: %s", (unsigned long long)bit, error.message);
        assert_non_null(strstr(error.message, damage.name));
    }
    damage.flip_bit = 0;
    print_message("%zu bits\n", damage.bytes * 8);
    figure_add("bits flipped", damage.bytes * 8);
    assert_int_equal(world_restore(&damage.world, 0, NULL), SPINE_OK);
    assert_true(world_holds(&damage.world, damage.world.models));
    damage_release(&damage);
}

static void
test_every_end_is_found(void **state)
{
    struct damage damage;

    (void)state;
    damage_init(&damage, 22);
    for (size_t bytes = 0; bytes < damage.bytes; bytes++) {
        struct spine_error error = {0};

        put_text(&damage, damage.text, bytes);
        assert_int_equal(world_restore(&damage.world, 0, &error), SPINE_CORRUPT);
        assert_non_null(strstr(error.message, damage.name));
        /* Files that it may name stay. */
        assert_int_equal(spine_store_sweep(damage.world.store, NULL, NULL, NULL),
                         SPINE_CORRUPT);
    }
    put_text(&damage, damage.text, damage.bytes);
    assert_int_equal(world_restore(&damage.world, 0, NULL), SPINE_OK);
    assert_true(world_holds(&damage.world, damage.world.models));
    damage_release(&damage);
}

/* Reads all rows, which may be any; what passes the check can be read. */
static void
read_all(struct spine *spine)
{
    const bool is_right = spine_check(spine, NULL) == SPINE_OK;
    struct spine_cursor *cursor;
    enum spine_status st;

    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            (void)spine_cursor_weight(cursor);
    st = spine_cursor_status(cursor);
    assert_true(st == SPINE_OK || (st == SPINE_CORRUPT && !is_right));
    spine_cursor_close(cursor);
}

/* A text of which [begin, end) is something else, with a checksum that is right; was it
 * opened? */
static bool
try_other(struct damage *damage, size_t begin, size_t end, const char *other)
{
    const size_t sealed = damage->bytes - MANIFEST_SEAL_BYTES;
    const size_t bytes = sealed - (end - begin) + strlen(other);
    char *text = malloc(bytes + MANIFEST_SEAL_BYTES + 1);
    struct spine_restored *restored;
    struct spine_restored_item item;
    struct spine_error error = {0};
    enum spine_status st;

    assert_non_null(text);
    memcpy(text, damage->text, begin);
    memcpy(text + begin, other, strlen(other));
    memcpy(text + begin + strlen(other), damage->text + end, sealed - end);
    manifest_seal(text, bytes, 1, text + bytes);
    put_text(damage, text, bytes + MANIFEST_SEAL_BYTES);
    free(text);
    st = spine_restore(damage->world.store, 0, damage->world.runtime, NULL, &restored,
                       &error);
    if (st != SPINE_OK) {
        if (st != SPINE_CORRUPT && st != SPINE_INVALID)
            fail_msg("\"%s\" at %zu: %s", other, begin, error.message);
        assert_true(error.status == st && error.message[0] != 0);
        return false;
    }
    for (size_t i = 0; spine_restored_get_item(restored, i, &item); i++)
        read_all(item.spine);
    spine_restored_free(restored);
    return true;
}

static void
test_numbers_are_not_believed(void **state)
{
    static const char *const others[] = {
        "0",
        "1",
        "2",
        "7",
        "255",
        "4096",
        "65537",
        "4294967295",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999",
        "1e3",
        "-1",
        "0.5",
        "",
    };
    unsigned tried = 0, opened = 0;
    struct damage damage;

    (void)state;
    damage_init(&damage, 23);
    for (size_t begin = 0; begin < damage.bytes - MANIFEST_SEAL_BYTES;) {
        size_t end = begin;

        while (isdigit((unsigned char)damage.text[end]))
            end++;
        for (size_t i = 0; end > begin && i < sizeof others / sizeof others[0]; i++) {
            opened += try_other(&damage, begin, end, others[i]);
            tried++;
        }
        begin = end + 1;
    }
    print_message("%u texts, %u of them opened\n", tried, opened);
    assert_true(opened > 0 && opened < tried);
    put_text(&damage, damage.text, damage.bytes);
    assert_int_equal(world_restore(&damage.world, 0, NULL), SPINE_OK);
    assert_true(world_holds(&damage.world, damage.world.models));
    damage_release(&damage);
}

/* Without a line, and with one twice. */
static void
test_lines_are_missed(void **state)
{
    struct damage damage;

    (void)state;
    damage_init(&damage, 24);
    for (size_t begin = 0; begin < damage.bytes - MANIFEST_SEAL_BYTES;) {
        const char *line = damage.text + begin;
        const size_t size = strcspn(line, "\n") + 1;
        char twice[4096];

        if (begin + size >= damage.bytes - MANIFEST_SEAL_BYTES)
            break;
        (void)try_other(&damage, begin, begin + size, "");
        (void)snprintf(twice, sizeof twice, "%.*s%.*s", (int)size, line, (int)size, line);
        (void)try_other(&damage, begin, begin + size, twice);
        begin += size;
    }
    put_text(&damage, damage.text, damage.bytes);
    assert_int_equal(world_restore(&damage.world, 0, NULL), SPINE_OK);
    assert_true(world_holds(&damage.world, damage.world.models));
    damage_release(&damage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_flipped_bit_is_found),
        cmocka_unit_test(test_every_end_is_found),
        cmocka_unit_test(test_numbers_are_not_believed),
        cmocka_unit_test(test_lines_are_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
