/* SPDX-License-Identifier: MIT */

/* What handles hold: while a probe goes on, after a move, a reset or an exception. */

#include "check.hpp"

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using numbers = spine_cpp::map<uint64_t, uint64_t>;
using tuples = spine_cpp::map<std::tuple<std::string>, uint64_t>;

/* Has a T, lvalue or rvalue, rows(std::nothrow), which borrow from it? */
template <class T, class = void> struct lends_rows : std::false_type {
};
template <class T>
struct lends_rows<T, std::void_t<decltype(std::declval<T>().rows(std::nothrow))>>
    : std::true_type {
};
static_assert(lends_rows<numbers::cursor_type &>::value);
static_assert(!lends_rows<numbers::cursor_type>::value);

/* Keys from 0 on, each with its double. */
static numbers::batch
doubles_of(uint64_t count)
{
    numbers::batcher rows;

    for (uint64_t key = 0; key < count; key++)
        rows.add(key, 2 * key);
    return rows.seal();
}

/* A filter of even keys that counts how many of it there are. */
class even_keys
{
  public:
    explicit even_keys(int *alive) noexcept : alive_(alive)
    {
        ++*alive_;
    }

    even_keys(const even_keys &other) noexcept : even_keys(other.alive_)
    {
    }

    even_keys &operator=(const even_keys &) = delete;

    ~even_keys()
    {
        --*alive_;
    }

    bool operator()(uint64_t key) const
    {
        CHECK(*alive_ > 0);
        return key % 2 == 0;
    }

  private:
    int *alive_;
};

/* A probe that goes on keeps the filter with which it began; the next has the new one. */
static void
filters_stay_while_they_are_lent()
{
    const auto runtime = open_manual();
    auto map = numbers::open(runtime);
    const auto batch = doubles_of(3000);
    std::vector<uint64_t> keys;
    numbers::probe_type probe;
    int alive = 0;

    map.insert(batch);
    for (uint64_t key = 0; key < 3000; key++)
        keys.push_back(key);
    probe.set_rows_max(100);
    probe.set_filter(even_keys(&alive));
    CHECK(alive == 1);
    std::size_t found_rows = 0;
    probe.match(map.snapshot(), batch, [&](uint64_t, const auto &, const auto &found) {
        found_rows += found.size();
        probe.set_filter(nullptr);
        CHECK(alive == 1);
    });
    CHECK(found_rows == 1500);

    probe.set_filter(even_keys(&alive));
    found_rows = 0;
    for (const auto &[key, found] : probe.look_up(map.snapshot(), keys)) {
        CHECK(found.empty() || key % 2 == 0);
        found_rows += found.size();
        probe.set_filter([](uint64_t) { return false; });
        probe.set_filter(nullptr);
        CHECK(alive == 1);
    }
    CHECK(found_rows == 1500);
    CHECK(probe.count(map.snapshot(), keys)[1] == 1 && alive == 0);
}

/* Keys whose iterator throws at the second one. */
struct throwing_keys {
    struct iterator {
        uint64_t key;

        uint64_t operator*() const
        {
            if (key > 0)
                throw std::runtime_error("no more keys");
            return key;
        }

        iterator &operator++()
        {
            key++;
            return *this;
        }

        bool operator!=(const iterator &other) const
        {
            return key != other.key;
        }
    };

    iterator begin() const
    {
        return {0};
    }

    iterator end() const
    {
        return {5};
    }
};

template <class Call>
static bool
throws_runtime_error(Call call)
{
    try {
        call();
    } catch (const std::runtime_error &) {
        return true;
    }
    return false;
}

static void
counts_leave_nothing_behind()
{
    const auto runtime = open_manual();
    auto map = numbers::open(runtime);
    numbers::probe_type probe;

    map.insert(doubles_of(3));
    const auto snapshot = map.snapshot();
    CHECK(throws_runtime_error([&] { (void)probe.count(snapshot, throwing_keys()); }));
    for (const auto &[key, found] : probe.look_up(snapshot, std::vector{1, 2}))
        CHECK(found.size() == 1 && found[0].value == 2 * key);
    CHECK(throws_runtime_error([&] { (void)probe.look_up(snapshot, throwing_keys()); }));
    CHECK(probe.count(snapshot, std::vector{1}) == std::vector<uint64_t>{1});
}

/* Whoever looks something up in the midst of a match took its rows away. */
static void
probes_are_not_called_by_what_they_call()
{
    const auto runtime = open_manual();
    auto map = numbers::open(runtime);
    const auto batch = doubles_of(10);
    numbers::probe_type probe;
    int calls = 0;

    map.insert(batch);
    const auto snapshot = map.snapshot();
    CHECK_THROWS(SPINE_MISUSE,
                 (probe.match(snapshot, batch,
                              [&](uint64_t key, const auto &, const auto &) {
                                  calls++;
                                  CHECK(probe.count(snapshot, std::vector{key})[0] == 1);
                              }),
                  0));
    CHECK(probe
              .join(std::nothrow, snapshot, batch,
                    [&](uint64_t, const auto &, const auto &) {
                        calls++;
                        probe.reset();
                    })
              .status() == SPINE_MISUSE);
    CHECK(calls == 2 && !probe);
}

static void
probes_move_away_from_iterators()
{
    const auto runtime = open_manual();
    auto map = numbers::open(runtime);
    numbers::probe_type probe;

    map.insert(doubles_of(3));
    auto at = probe.look_up(map.snapshot(), std::vector{1, 2}).begin();
    CHECK(at->key == 1);
    const auto other = std::move(probe);
    CHECK_THROWS(SPINE_MISUSE, ++at);
    CHECK_THROWS(SPINE_MISUSE, (probe.check(), 0));
}

/* A batcher that was moved from, or reset, has no rows, and memory of its own. */
static void
batchers_begin_anew()
{
    tuples::batcher first, spare;

    for (uint64_t i = 0; i < 10; i++)
        first.add({"abc"}, i);
    tuples::batcher second = std::move(first);
    first.reset(spare.release());
    first.add({"def"}, 7);
    CHECK(first.seal().info().rows == 1 && second.seal().info().rows == 10);

    tuples::batcher other;
    first.add({"ghi"}, 8);
    first.reset(other.release());
    CHECK(first.seal().info().rows == 0);
    second.add({"jkl"}, 1);
    second.reset();
    CHECK(!second);
    second = std::move(first);
    CHECK(second.seal().info().rows == 0 && !first);
}

static void
columns_move_with_their_rows()
{
    const auto runtime = open_manual();
    auto map = numbers::open(runtime);
    numbers::columns_type first;

    map.insert(doubles_of(3000));
    auto cursor = map.cursor();
    CHECK(cursor.read(first) == 3000);
    auto second = std::move(first);
    CHECK(first.size() == 0 && first.keys().size() == 0 && first.weights().empty());
    CHECK(second.size() == 3000 && second.values()[2999] == 5998);
    cursor.rewind();
    CHECK(cursor.read(first) == 3000 && first.keys()[1] == 1);
    first = std::move(second);
    CHECK(second.size() == 0 && first.size() == 3000 && first.keys()[2] == 2);
}

/* Why a row could not be decoded is nothing to the next C handle. */
static void
cursors_begin_anew()
{
    using words = spine_cpp::map<std::string, uint64_t>;
    const auto runtime = open_manual();
    auto map = words::open(runtime);
    words::batcher rows;

    rows.add("no tuple", 1);
    map.insert(rows.seal());
    spine_cpp::cursor<std::tuple<uint64_t, uint64_t>, uint64_t> cursor(
        map.cursor().release());
    for (const auto &row : cursor.rows(std::nothrow))
        CHECK(row.weight == 0 && false);
    CHECK(cursor.check(std::nothrow).status() == SPINE_CORRUPT);
    const auto moved = std::move(cursor);
    CHECK(cursor.check(std::nothrow).status() == SPINE_MISUSE);
    cursor.reset(map.cursor().release());
    cursor.check();
}

static void
parts_are_told()
{
    const auto runtime = open_manual();
    auto map = numbers::open(runtime, {});
    const auto batch = doubles_of(10);

    CHECK(numbers::open(std::nothrow, runtime, {}));
    map.insert(batch);
    CHECK(batch.from(std::nothrow, 7).value().info().rows == 3);
    CHECK(batch.before(std::nothrow, 7).value().info().rows == 7);
    CHECK(map.cut().from(std::nothrow, 7).value().snapshot().rows() == 3);
    CHECK(map.cut().before(std::nothrow, 7).value().snapshot().rows() == 7);
    CHECK(numbers::open(std::nothrow, runtime, map.cut().from(7))
              .value()
              .snapshot()
              .rows() == 3);
}

static void
timeouts_are_no_fractions()
{
    using spine_cpp::timeout;
    using half_seconds = std::chrono::duration<double>;

    static_assert(!std::is_constructible_v<timeout, double>);
    static_assert(!std::is_constructible_v<timeout, float>);
    static_assert(!std::is_constructible_v<timeout, bool>);
    static_assert(std::is_convertible_v<int, timeout>);
    static_assert(timeout(7).ns() == 7 && timeout(UINT64_MAX).ns() == UINT64_MAX);
    static_assert(timeout(-1).ns() == 0 && timeout(INT64_MIN).ns() == 0);
    CHECK(timeout(half_seconds(0.5)).ns() == 500000000);
}

/* An item keeps its cut, so that it may outlive what it was made of. */
static void
items_keep_their_cuts()
{
    auto store = spine_cpp::store::open(spine_cpp::backend::memory());
    const auto runtime = open_manual();
    auto map = numbers::open(runtime);
    const numbers none;

    static_assert(
        !std::is_constructible_v<spine_cpp::checkpoint_item, const char *, numbers>);
    map.insert(doubles_of(5));
    std::vector<spine_cpp::checkpoint_item> items = {{"first", map.cut()},
                                                     {"second", map, map.cut()}};
    map.insert(doubles_of(7));
    auto copies = items;
    items = copies;
    copies.erase(copies.begin());
    copies.clear();
    CHECK(store.checkpoint(items).rows == 5 + 5);
    CHECK(map.is_dirty());
    CHECK_THROWS(SPINE_INVALID, store.checkpoint({{"a", none}}));
    CHECK_THROWS(SPINE_INVALID, store.checkpoint({{"a", numbers::cut_type()}}));
    CHECK_THROWS(SPINE_INVALID, store.checkpoint({{"a", map, numbers::cut_type()}}));
    CHECK_THROWS(SPINE_INVALID, store.checkpoint({{"a", none, map.cut()}}));
}

int
main()
{
    filters_stay_while_they_are_lent();
    counts_leave_nothing_behind();
    probes_are_not_called_by_what_they_call();
    probes_move_away_from_iterators();
    batchers_begin_anew();
    columns_move_with_their_rows();
    cursors_begin_anew();
    parts_are_told();
    timeouts_are_no_fractions();
    items_keep_their_cuts();
    CHECK(count_without_exceptions() == 10);
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
