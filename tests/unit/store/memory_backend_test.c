/* SPDX-License-Identifier: MIT */

#include "unit/store/backend_fixture.h"

static void
a_crash_takes_what_was_not_made_durable(void **state)
{
    struct spine_backend backend;
    struct spine_error error = {0};
    uint64_t length;
    void *object, *writer, *put_second, *put_third;

    (void)state;
    open_kind(MEMORY, &backend);
    put(&backend, "both", (const uint8_t *)"12", 2);
    put(&backend, "gone", (const uint8_t *)"12", 2);
    assert_int_equal(backend.open(backend.context, "both", &object, &length, &error), 0);
    assert_int_equal(backend.sync(backend.context, object, &error), SPINE_OK);
    assert_false(spine_memory_backend_is_durable(&backend, "both"));
    assert_int_equal(backend.sync_names(backend.context, &error), SPINE_OK);
    backend.close(backend.context, object);
    assert_true(spine_memory_backend_is_durable(&backend, "both"));
    assert_false(spine_memory_backend_is_durable(&backend, "gone"));

    put(&backend, "later", (const uint8_t *)"12", 2);
    assert_int_equal(backend.put_new(backend.context, "manifest", "{}", 2, &error), 0);
    assert_true(spine_memory_backend_is_durable(&backend, "manifest"));
    assert_int_equal(
        backend.put_prepare(backend.context, "second", "{}", 2, &put_second, &error), 0);
    assert_int_equal(backend.put_publish(backend.context, put_second, &error), 0);
    assert_true(spine_memory_backend_is_durable(&backend, "second"));
    assert_int_equal(
        backend.put_prepare(backend.context, "third", "{}", 2, &put_third, &error), 0);
    assert_false(spine_memory_backend_is_durable(&backend, "third"));
    assert_int_equal(backend.remove(backend.context, "both", &error), SPINE_OK);
    put(&backend, "both", (const uint8_t *)"345", 3);
    assert_int_equal(backend.create(backend.context, "unfinished", &writer, &error), 0);

    assert_int_equal(
        spine_memory_backend_crash(&backend, SPINE_CRASH_LOSES_ALL, 0, &error), SPINE_OK);
    expect(&backend, "both", (const uint8_t *)"12", 2);
    expect(&backend, "manifest", (const uint8_t *)"{}", 2);
    expect(&backend, "second", (const uint8_t *)"{}", 2);
    assert_int_equal(backend.put_publish(backend.context, put_third, &error), SPINE_IO);
    /* Its name was durable, its bytes were not. */
    expect(&backend, "gone", (const uint8_t *)"", 0);
    assert_int_equal(names_of(&backend).count, 5);
    expect(&backend, "later", (const uint8_t *)"", 0);
    assert_int_equal(backend.finish(backend.context, writer, &error), SPINE_IO);
    close_kind(MEMORY, &backend);
}

/* Every state that a crash may leave of one object over another is left by some seed. */
static void
crashes_leave_every_state(void **state)
{
    unsigned before = 0, after = 0, torn = 0;
    uint8_t bytes[1024];

    (void)state;
    fill(bytes, sizeof bytes, 5);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct spine_backend backend;
        struct spine_error error = {0};
        uint8_t read[1024];
        uint64_t length;
        void *object;

        open_kind(MEMORY, &backend);
        assert_int_equal(backend.put_new(backend.context, "a", "old", 3, &error), 0);
        assert_int_equal(backend.remove(backend.context, "a", &error), 0);
        put(&backend, "a", bytes, sizeof bytes);
        assert_int_equal(
            spine_memory_backend_crash(&backend, SPINE_CRASH_LOSES_SOME, seed, &error),
            SPINE_OK);
        assert_int_equal(names_of(&backend).count, 1);
        assert_int_equal(backend.open(backend.context, "a", &object, &length, &error), 0);
        if (length > 0)
            assert_int_equal(
                backend.read_at(backend.context, object, 0, read, (size_t)length, &error),
                SPINE_OK);
        if (length == 3 && memcmp(read, "old", 3) == 0)
            before++;
        else if (length == sizeof bytes && memcmp(read, bytes, sizeof bytes) == 0)
            after++;
        else
            torn++;
        backend.close(backend.context, object);
        close_kind(MEMORY, &backend);
    }
    assert_true(before > 50 && after > 5 && torn > 50);
    assert_int_equal(before + after + torn, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_takes_what_was_not_made_durable),
        cmocka_unit_test(crashes_leave_every_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
