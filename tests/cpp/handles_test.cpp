/* SPDX-License-Identifier: MIT */
#include "check.hpp"

#include <string>
#include <thread>
#include <type_traits>
#include <utility>

using words = spine_cpp::map<std::string, uint64_t>;
using keys = spine_cpp::set<uint64_t>;

template <class T>
constexpr bool
moves_only()
{
    return !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
           std::is_nothrow_move_constructible_v<T> &&
           std::is_nothrow_move_assignable_v<T> && std::is_nothrow_destructible_v<T>;
}

static_assert(moves_only<spine_cpp::runtime>());
static_assert(moves_only<words>());
static_assert(moves_only<words::batch>());
static_assert(moves_only<words::batcher>());
static_assert(moves_only<words::builder>());
static_assert(moves_only<words::snapshot_type>());
static_assert(moves_only<words::cursor_type>());
static_assert(moves_only<words::cut_type>());
static_assert(moves_only<spine_cpp::store>());
static_assert(moves_only<spine_cpp::restored>());
static_assert(moves_only<spine_cpp::cursor<std::tuple<uint64_t>, std::tuple<int64_t>>>());
static_assert(std::is_same_v<words, spine_cpp::map<std::string, uint64_t>>);
static_assert(noexcept(words::open(std::nothrow, std::declval<spine_cpp::runtime &>())));

/* The structures of C by their plain names, as no function bears one of these. */
struct plain_names {
    spine_schema schema = {};
    spine_stats stats = {};
    spine_batch_info info = {};
    spine_status status = SPINE_OK;
    spine_snapshot *snapshot = nullptr;
    spine *state = nullptr;
};
static_assert(std::is_copy_constructible_v<plain_names>);

static void
handles_move()
{
    auto runtime = open_manual();
    auto first = words::open(runtime);
    ::spine *const raw = first.get();
    words second = std::move(first);
    CHECK(!first && second && second.get() == raw);
    first = std::move(second);
    CHECK(first.get() == raw && second.get() == nullptr);

    second = words::open(runtime);
    second = std::move(first);
    CHECK(second.get() == raw && !first);

    ::spine *const released = second.release();
    CHECK(released == raw && !second);
    const words taken(released);
    CHECK(taken.get() == raw);

    words::batcher rows;
    rows.add("a", 1);
    words::batcher others = std::move(rows);
    others.add("b", 2);
    CHECK(others.seal().info().rows == 2);
}

static void
batches_and_snapshots_are_shared()
{
    auto runtime = open_manual();
    auto map = words::open(runtime);
    words::batcher rows;
    rows.add("a", 1, 2);
    auto batch = rows.seal();
    const auto same = batch.share();
    CHECK(same.get() == batch.get());
    map.insert(batch);
    batch.reset();
    CHECK(same.info().rows == 1);

    const auto snapshot = map.snapshot();
    auto other = snapshot.share();
    CHECK(other.batch_count() == 1 && other.rows() == 1 && other.bytes() > 0);
    CHECK(other.batch(0).get() == same.get());
    map.reset();
    runtime.reset();
    CHECK(other.cursor().key() == "a");
    CHECK(!words::batch().share());
}

static void
failures_throw_or_are_told()
{
    spine_runtime_options twice = {};
    spine_executor executor = {};
    twice.manual = true;
    twice.executor = &executor;
    CHECK_THROWS(SPINE_INVALID, spine_cpp::runtime::open(twice));
    const auto told = spine_cpp::runtime::open(std::nothrow, twice);
    CHECK(!told && told.status() == SPINE_INVALID);
    CHECK(std::string(told.error().message).size() > 0);

    auto runtime = open_manual();
    spine_options options = {};
    options.level0_rows = 100000;
    CHECK_THROWS(SPINE_INVALID, words::open(runtime, options));
    CHECK(words::open(std::nothrow, runtime, options).status() == SPINE_INVALID);

    auto map = words::open(runtime);
    CHECK_THROWS(SPINE_INVALID, map.set_frontier(3));
    CHECK(map.set_frontier(std::nothrow, 3).status() == SPINE_INVALID);
    CHECK(map.status());
    CHECK(map.check(std::nothrow));

    keys::builder ascending;
    ascending.add(2);
    CHECK_THROWS(SPINE_INVALID, (ascending.add(1), 0));
    CHECK(ascending.add(std::nothrow, 2).status() == SPINE_INVALID);
    ascending.add(3);
    CHECK(ascending.seal().info().rows == 2);

    auto cursor = map.cursor();
    CHECK(cursor.begin() == cursor.end());
    cursor.check();
    CHECK_THROWS(SPINE_MISUSE, cursor.weight());
    CHECK_THROWS(SPINE_MISUSE, (cursor.check(), 0));
    CHECK(cursor.check(std::nothrow).status() == SPINE_MISUSE);
    CHECK_THROWS(SPINE_MISUSE, cursor.begin());
    for (const auto &row : cursor.rows(std::nothrow))
        CHECK(row.weight == 0 && false);

    spine_cpp::result<int> number = 7;
    CHECK(number && *number == 7 && number.value() == 7 && number.status() == SPINE_OK);
    const auto copy = number;
    CHECK(copy.value() == 7 && copy.has_value());
}

/* Lets `granted` allocations through. */
static std::size_t granted;

static void *
refusing_alloc(void *, std::size_t bytes)
{
    return granted == 0 ? nullptr : (granted--, std::malloc(bytes));
}

static void
refusing_free(void *, void *memory, std::size_t)
{
    std::free(memory);
}

template <class Result>
static bool
ran_out_of_memory(const Result &failed)
{
    CHECK(failed.status() == SPINE_NOMEM);
    return false;
}

/* False when memory ran out, which is the only thing that may go wrong. */
static bool
works_without_exceptions()
{
    spine_runtime_options options = {};
    options.manual = true;
    using tuples = spine_cpp::map<std::tuple<std::string>, uint64_t>;
    auto runtime = spine_cpp::runtime::open(std::nothrow, options);
    if (!runtime)
        return ran_out_of_memory(runtime);
    auto map = tuples::open(std::nothrow, *runtime);
    if (!map)
        return ran_out_of_memory(map);
    auto rows = tuples::batcher::open(std::nothrow);
    if (!rows)
        return ran_out_of_memory(rows);
    for (uint64_t i = 0; i < 100; i++) {
        const auto added = rows->add(std::nothrow, {std::string("\0b", 2)}, i);
        if (!added)
            return ran_out_of_memory(added);
    }
    auto batch = rows->seal(std::nothrow);
    if (!batch)
        return ran_out_of_memory(batch);
    const auto inserted = map->insert(std::nothrow, *batch);
    if (!inserted)
        return ran_out_of_memory(inserted);
    auto cursor = map->cursor(std::nothrow);
    if (!cursor)
        return ran_out_of_memory(cursor);
    std::size_t count = 0;
    for (const auto &row : cursor->rows(std::nothrow))
        count += std::get<0>(row.key).size() == 2 ? 1u : 0u;
    const auto ended = cursor->check(std::nothrow);
    if (!ended)
        return ran_out_of_memory(ended);
    CHECK(count == 100);
    return true;
}

static void
every_allocation_may_fail()
{
    const spine_allocator allocator = {nullptr, refusing_alloc, refusing_free};
    std::size_t first = 0;

    CHECK(spine_allocated_bytes() == 0);
    CHECK(spine_set_allocator(&allocator) == SPINE_OK);
    do {
        granted = first;
        CHECK(first++ < 10000);
    } while (!works_without_exceptions());
    CHECK(first > 10);
    CHECK(spine_allocated_bytes() == 0);
    CHECK(spine_set_allocator(nullptr) == SPINE_OK);
}

static void
spines_do_what_they_are_asked()
{
    auto runtime = spine_cpp::runtime::open();
    auto map = keys::open(runtime);
    keys::batcher rows;

    CHECK(!map.is_dirty());
    CHECK(!map.consolidate());
    std::thread other([&map] {
        keys::batcher rows;
        for (uint64_t i = 0; i < 100; i++) {
            rows.add(2 * i);
            map.insert(rows.seal());
        }
    });
    for (uint64_t i = 0; i < 100; i++) {
        rows.add(2 * i + 1);
        const auto batch = rows.seal();
        while (!map.try_insert(batch))
            CHECK(map.insert_wait());
    }
    other.join();
    CHECK(map.is_dirty());
    map.clear_dirty();
    CHECK(!map.is_dirty());
    CHECK(map.wait_idle());
    map.check();
    map.retry();
    CHECK(map.stats().inserted_rows == 200);
    const auto fork = map.fork();
    map.pause();
    map.resume();
    CHECK(map.consolidate().info().rows == 200);
    CHECK(fork.snapshot().rows() == 200);
    while (runtime.run(1000) > 0)
        CHECK(fork.snapshot().rows() == 200);
    rows.add(7);
    rows.clear();
    CHECK(rows.seal().info().rows == 0);
}

int
main()
{
    handles_move();
    batches_and_snapshots_are_shared();
    failures_throw_or_are_told();
    every_allocation_may_fail();
    spines_do_what_they_are_asked();
    CHECK(count_without_exceptions() == 10);
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
