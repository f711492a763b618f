/* SPDX-License-Identifier: MIT */

/*
 * What holds for every backend, for each of those that come with the library.
 */

#include "unit/store/backend_fixture.h"

#include "harness/fault_alloc.h"

static void
objects_are_as_they_were_written(void **state)
{
    static const size_t sizes[] = {0,    1,       511,     4095,    4096,
                                   4097, 1048575, 1048576, 1048577, 3000000};
    uint8_t *const bytes = malloc(3000000);

    (void)state;
    fill(bytes, 3000000, 7);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct spine_backend backend;

        open_kind(kind, &backend);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            char name[32];

            snprintf(name, sizeof name, "object-%zu.a_B", i);
            put(&backend, name, bytes, sizes[i]);
        }
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            char name[32];

            snprintf(name, sizeof name, "object-%zu.a_B", i);
            expect(&backend, name, bytes, sizes[i]);
        }
        close_kind(kind, &backend);
    }
    free(bytes);
}

static void
a_name_is_given_at_the_end_and_once(void **state)
{
    static const uint8_t bytes[] = "some bytes";

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct spine_backend backend;
        struct spine_error error = {0};
        struct names names = {.stop_after = 1};
        void *writer, *object;
        uint64_t length;

        open_kind(kind, &backend);
        assert_int_equal(backend.create(backend.context, "a", &writer, &error), SPINE_OK);
        assert_int_equal(backend.write(backend.context, writer, bytes, 4, &error),
                         SPINE_OK);
        assert_int_equal(backend.open(backend.context, "a", &object, &length, &error),
                         SPINE_NOT_FOUND);
        assert_int_equal(names_of(&backend).count, 0);
        backend.abort(backend.context, writer);
        assert_int_equal(backend.open(backend.context, "a", &object, &length, &error),
                         SPINE_NOT_FOUND);

        put(&backend, "a", bytes, 10);
        assert_int_equal(backend.create(backend.context, "a", &writer, &error),
                         SPINE_EXISTS);
        assert_null(writer);
        assert_int_equal(backend.put_new(backend.context, "a", "x", 1, &error),
                         SPINE_EXISTS);
        expect(&backend, "a", bytes, 10);
        assert_int_equal(backend.put_new(backend.context, "b", bytes, 3, &error),
                         SPINE_OK);
        assert_int_equal(backend.put_new(backend.context, "empty", NULL, 0, &error),
                         SPINE_OK);
        expect(&backend, "b", bytes, 3);
        expect(&backend, "empty", bytes, 0);
        assert_int_equal(names_of(&backend).count, 3);
        assert_int_equal(names_of(&backend).bytes, 13);
        assert_int_equal(backend.list(backend.context, count_name, &names, &error),
                         SPINE_BUSY);
        assert_int_equal(names.count, 1);
        close_kind(kind, &backend);
    }
}

/* Between the two steps of a put there is no object; each may find the name taken. */
static void
a_put_in_two_steps_is_one(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const uint8_t *const text = (const uint8_t *)"text";
        struct spine_backend backend;
        struct spine_error error = {0};
        void *put_a, *put_b, *put_c, *object;
        uint64_t length;
        enum spine_status st;

        open_kind(kind, &backend);
        assert_int_equal(
            backend.put_prepare(backend.context, "a", text, 4, &put_a, &error), SPINE_OK);
        assert_int_equal(
            backend.put_prepare(backend.context, "b", text, 3, &put_b, &error), SPINE_OK);
        assert_int_equal(
            backend.put_prepare(backend.context, "empty", NULL, 0, &put_c, &error),
            SPINE_OK);
        assert_int_equal(names_of(&backend).count, 0);
        assert_int_equal(backend.open(backend.context, "a", &object, &length, &error),
                         SPINE_NOT_FOUND);
        assert_int_equal(backend.put_publish(backend.context, put_a, &error), SPINE_OK);
        backend.put_discard(backend.context, put_b);
        assert_int_equal(backend.put_publish(backend.context, put_c, &error), SPINE_OK);
        expect(&backend, "a", text, 4);
        expect(&backend, "empty", text, 0);
        assert_int_equal(names_of(&backend).count, 2);

        st = backend.put_prepare(backend.context, "a", text, 2, &put_a, &error);
        if (st == SPINE_OK)
            st = backend.put_publish(backend.context, put_a, &error);
        else
            assert_null(put_a);
        assert_int_equal(st, SPINE_EXISTS);
        assert_non_null(strstr(error.message, "a: "));
        expect(&backend, "a", text, 4);
        /* What was discarded left nothing in the way. */
        assert_int_equal(
            backend.put_prepare(backend.context, "b", text, 3, &put_b, &error), SPINE_OK);
        assert_int_equal(backend.put_new(backend.context, "c", text, 3, &error),
                         SPINE_OK);
        put(&backend, "d", text, 1);
        assert_int_equal(backend.put_publish(backend.context, put_b, &error), SPINE_OK);
        expect(&backend, "b", text, 3);
        close_kind(kind, &backend);
    }
}

/* The second writer of a name finds out at its end, if not at its beginning. */
static void
of_two_writers_of_a_name_one_wins(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct spine_backend backend;
        struct spine_error error = {0};
        void *writer, *other;
        enum spine_status st;

        open_kind(kind, &backend);
        assert_int_equal(backend.create(backend.context, "a", &writer, &error), SPINE_OK);
        assert_int_equal(backend.write(backend.context, writer, "1", 1, &error),
                         SPINE_OK);
        st = backend.create(backend.context, "a", &other, &error);
        if (st == SPINE_OK) {
            assert_int_equal(backend.finish(backend.context, writer, &error), SPINE_OK);
            assert_int_equal(backend.finish(backend.context, other, &error),
                             SPINE_EXISTS);
        } else {
            assert_int_equal(st, SPINE_EXISTS);
            assert_int_equal(backend.finish(backend.context, writer, &error), SPINE_OK);
        }
        expect(&backend, "a", (const uint8_t *)"1", 1);
        close_kind(kind, &backend);
    }
}

static void
a_removed_object_is_readable_until_it_is_closed(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct spine_backend backend;
        struct spine_error error = {0};
        uint64_t length;
        char read[4] = "";
        void *object;

        open_kind(kind, &backend);
        put(&backend, "a", (const uint8_t *)"old", 3);
        assert_int_equal(backend.open(backend.context, "a", &object, &length, &error),
                         SPINE_OK);
        assert_int_equal(backend.sync(backend.context, object, &error), SPINE_OK);
        assert_int_equal(backend.sync_names(backend.context, &error), SPINE_OK);
        assert_int_equal(backend.remove(backend.context, "a", &error), SPINE_OK);
        assert_int_equal(backend.remove(backend.context, "a", &error), SPINE_NOT_FOUND);
        assert_int_equal(names_of(&backend).count, 0);
        put(&backend, "a", (const uint8_t *)"newer", 5);
        assert_int_equal(backend.read_at(backend.context, object, 0, read, 3, &error),
                         SPINE_OK);
        assert_string_equal(read, "old");
        backend.close(backend.context, object);
        expect(&backend, "a", (const uint8_t *)"newer", 5);
        close_kind(kind, &backend);
    }
}

static void
names_are_checked(void **state)
{
    static const char *const bad[] = {"",    ".",     "..", ".a", "a/b",
                                      "a b", "a.tmp", "ä",  "/"};
    char longest[SPINE_NAME_MAX + 2];

    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[SPINE_NAME_MAX + 1] = '\0';
    assert_false(spine_name_is_valid(longest));
    longest[SPINE_NAME_MAX] = '\0';
    assert_true(spine_name_is_valid(longest));
    assert_true(spine_name_is_valid("tmp"));
    assert_true(spine_name_is_valid("a.tmp.b"));
    assert_false(spine_name_is_valid(NULL));

    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct spine_backend backend;
        struct spine_error error = {0};
        uint64_t length;
        void *handle;

        open_kind(kind, &backend);
        put(&backend, longest, (const uint8_t *)"a", 1);
        expect(&backend, longest, (const uint8_t *)"a", 1);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            assert_false(spine_name_is_valid(bad[i]));
            assert_int_equal(backend.create(backend.context, bad[i], &handle, &error),
                             SPINE_INVALID);
            assert_non_null(strstr(error.message, bad[i]));
            assert_int_equal(
                backend.open(backend.context, bad[i], &handle, &length, &error),
                SPINE_INVALID);
            assert_int_equal(backend.put_new(backend.context, bad[i], "a", 1, &error),
                             SPINE_INVALID);
            assert_int_equal(
                backend.put_prepare(backend.context, bad[i], "a", 1, &handle, &error),
                SPINE_INVALID);
            assert_null(handle);
            assert_int_equal(backend.remove(backend.context, bad[i], &error),
                             SPINE_INVALID);
        }
        close_kind(kind, &backend);
    }
}

static void
without_memory_nothing_is_lost(void **state)
{
    (void)state;
    fault_alloc_install();
    for (unsigned kind = 0; kind < KINDS; kind++) {
        unsigned points = 0;

        for (uint64_t nth = 1;; nth++) {
            struct spine_backend backend;
            struct spine_error error = {0};
            enum spine_status st;

            open_kind(kind, &backend);
            fault_alloc_arm(FAULT_ONCE, nth);
            st = run_all(&backend, &error);
            if (fault_alloc_disarm()) {
                points++;
                assert_int_equal(st, SPINE_NOMEM);
                assert_int_equal(error.status, SPINE_NOMEM);
                (void)backend.remove(backend.context, "a", &error);
                (void)backend.remove(backend.context, "b", &error);
                assert_int_equal(run_all(&backend, &error), SPINE_OK);
                close_kind(kind, &backend);
                continue;
            }
            assert_int_equal(st, SPINE_OK);
            close_kind(kind, &backend);
            break;
        }
        assert_true(points >= 3);
    }
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_as_they_were_written),
        cmocka_unit_test(a_name_is_given_at_the_end_and_once),
        cmocka_unit_test(a_put_in_two_steps_is_one),
        cmocka_unit_test(of_two_writers_of_a_name_one_wins),
        cmocka_unit_test(a_removed_object_is_readable_until_it_is_closed),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
