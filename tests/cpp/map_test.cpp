/* SPDX-License-Identifier: MIT */
#include "check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/* `ascending` comes back in this order, as keys and as values. */
template <class T>
static void
check_type(const std::vector<T> &ascending)
{
    using keys = spine_cpp::set<T>;
    using values = spine_cpp::map<uint32_t, T>;
    auto runtime = open_manual();
    auto set = keys::open(runtime);
    auto map = values::open(runtime);
    typename keys::batcher key_rows;
    typename values::batcher value_rows;

    for (std::size_t i = ascending.size(); i-- > 0;) {
        key_rows.add(ascending[i], static_cast<int64_t>(i) + 1);
        value_rows.add(7u, ascending[i], static_cast<int64_t>(i) - 100);
    }
    set.insert(key_rows.seal());
    map.insert(value_rows.seal());

    std::size_t at = 0;
    for (const auto &[key, weight] : set.cursor()) {
        CHECK(at < ascending.size() && key == ascending[at]);
        CHECK(weight == static_cast<int64_t>(++at));
    }
    CHECK(at == ascending.size());
    for (const auto &[key, value, weight] : map.cursor()) {
        CHECK(key == 7u && value == ascending[ascending.size() - at]);
        CHECK(weight == static_cast<int64_t>(ascending.size() - at--) - 100);
    }
    CHECK(at == 0);

    auto cursor = set.cursor();
    for (const auto &key : ascending) {
        CHECK(cursor.seek_key_exact(key));
        CHECK(cursor.key() == key);
    }
    auto values_cursor = map.cursor();
    for (const auto &value : ascending) {
        values_cursor.seek_val(value);
        CHECK(values_cursor.value() == value);
    }
}

static void
types_are_columns()
{
    using bytes = std::array<unsigned char, 3>;
    using chars = std::array<char, 2>;

    check_type<uint64_t>({0, 1, 256, UINT64_MAX});
    check_type<unsigned long long>({0, 1});
    check_type<int64_t>({INT64_MIN, -1, 0, INT64_MAX});
    check_type<uint32_t>({0, 1, UINT32_MAX});
    check_type<int32_t>({INT32_MIN, -1, 0, INT32_MAX});
    check_type<double>({-std::numeric_limits<double>::infinity(), -1.5, 0.0, 1e300});
    check_type<std::string>({"", std::string("\0", 1), "a", "aa", "b", "\xff"});
    check_type<bytes>({bytes{0, 0, 1}, bytes{1, 0, 0}, bytes{255, 0, 0}});
    check_type<chars>({chars{'a', 'b'}, chars{'b', 'a'}});
    check_type<std::tuple<int32_t, std::string>>({{-1, "b"}, {-1, "c"}, {0, "a"}});
    static_assert(std::is_same_v<spine_cpp::cursor<std::string, double>::key_view,
                                 std::string_view>);
}

static void
cursors_walk_both_ways()
{
    using pairs = spine_cpp::map<uint64_t, int64_t>;
    pairs::builder rows;
    for (uint64_t key = 0; key < 100; key += 10) {
        for (int64_t value = -1; value <= 1; value++)
            rows.add(key, value);
    }
    const auto batch = rows.seal();
    auto cursor = batch.cursor();

    cursor.seek_key(35);
    CHECK(cursor.key() == 40 && cursor.value() == -1 && cursor.weight() == 1);
    cursor.seek_val(1);
    CHECK(cursor.value() == 1);
    cursor.step_val();
    CHECK(cursor.key_valid() && !cursor.val_valid());
    cursor.fast_forward_vals();
    cursor.seek_val_reverse(0);
    CHECK(cursor.value() == 0);
    cursor.step_val_reverse();
    CHECK(cursor.value() == -1);
    cursor.rewind_vals();
    CHECK(cursor.value() == -1);
    cursor.seek_key_reverse(15);
    CHECK(cursor.key() == 10);
    cursor.step_key_reverse();
    CHECK(cursor.key() == 0);
    cursor.step_key();
    CHECK(cursor.key() == 10);
    cursor.fast_forward();
    CHECK(cursor.key() == 90);
    CHECK(cursor.seek_key(std::nothrow, 90) && cursor.seek_val(std::nothrow, 1));

    /* Iterating goes on from where the cursor stands. */
    int rows_left = 0;
    for (const auto &row : cursor)
        rows_left += row.key == 90 && row.value == 1;
    CHECK(rows_left == 1 && !cursor.key_valid());
    cursor.rewind();
    CHECK(std::count_if(cursor.begin(), cursor.end(),
                        [](const auto &row) { return row.value == 0; }) == 10);
    cursor.check();
}

static void
rows_have_times()
{
    using spine_cpp::at_time;
    using spine_cpp::weight;
    using timed = spine_cpp::map<uint64_t, uint64_t, SPINE_TIME_U64>;
    auto runtime = open_manual();
    auto map = timed::open(runtime);
    timed::batcher rows;

    rows.add(1, 2, weight{3}, at_time{40});
    rows.add(1, 2, at_time{50}, weight{-1});
    CHECK(rows.add(std::nothrow, 1, 2, at_time{50}));
    rows.add(1, 2, weight{4}, at_time{60});
    map.insert(rows.seal());
    map.set_frontier(45);
    auto cursor = map.cursor();
    CHECK(cursor.weight() == 7);
    const auto times = cursor.times();
    CHECK(times.count == 2 && times.times[1] == 60 && times.weights[0] == 3);
    uint64_t sum = 0;
    for (const uint64_t time : times)
        sum += time;
    CHECK(sum == times.times[0] + 60);
    const spine_cpp::times_view none = {nullptr, nullptr, 0};
    CHECK(none.begin() == none.end());
}

template <class Cursor, class = void> struct has_set_through : std::false_type {
};
template <class Cursor>
struct has_set_through<Cursor,
                       std::void_t<decltype(std::declval<Cursor &>().set_through(0))>>
    : std::true_type {
};

static void
rows_through_a_time()
{
    using timed = spine_cpp::set<std::string, SPINE_TIME_U64>;
    using untimed = spine_cpp::set<std::string>;
    auto runtime = open_manual();
    auto set = timed::open(runtime);
    timed::batcher rows;

    static_assert(has_set_through<timed::cursor_type>::value, "there are times");
    static_assert(!has_set_through<untimed::cursor_type>::value, "there are none");
    rows.add("apple", spine_cpp::weight{3}, spine_cpp::at_time{10});
    rows.add("apple", spine_cpp::weight{-3}, spine_cpp::at_time{20});
    rows.add("pear", spine_cpp::at_time{20});
    set.insert(rows.seal());
    auto cursor = set.cursor();
    CHECK(cursor.weight() == 0);
    cursor.set_through(10);
    CHECK(cursor.key() == "apple" && cursor.weight() == 3);
    CHECK(cursor.times().count == 1 && cursor.times().times[0] == 0);
    CHECK(!cursor.seek_key_exact("pear"));
    cursor.set_through(20);
    for (const auto &row : cursor)
        CHECK(row.key == "pear" && row.weight == 1);
    cursor.set_through(9);
    CHECK(!cursor.key_valid());
    cursor.check();
}

static void
a_filter_hides_keys()
{
    using names = spine_cpp::map<std::string, uint64_t>;
    auto runtime = open_manual();
    auto map = names::open(runtime);
    names::batcher rows;
    std::string shown;

    for (const char *name : {"apple", "banana", "cherry", "date"})
        rows.add(name, 1, 1);
    map.insert(rows.seal());
    auto cursor = map.cursor();
    const std::string longest(5, '?');
    cursor.set_filter(
        [longest](std::string_view key) { return key.size() <= longest.size(); });
    for (const auto &row : cursor)
        shown.append(row.key).append(" ");
    CHECK(shown == "apple date ");
    CHECK(!cursor.seek_key_exact("banana") && cursor.seek_key_exact("date"));
    cursor.set_filter(nullptr);
    CHECK(cursor.seek_key_exact("banana"));
    cursor.check();
}

static void
columns_are_taken()
{
    using pairs = spine_cpp::map<uint64_t, double>;
    const std::vector<uint64_t> keys = {5, 3, 5};
    const std::vector<double> values = {1.0, 2.0, 1.0};
    spine_columns columns = {};
    columns.rows = keys.size();
    columns.keys = keys.data();
    columns.values = values.data();

    CHECK(pairs::batch::from_columns(columns).info().rows == 2);
    CHECK(pairs::batch::from_columns(columns).cursor().key() == 3);
    pairs::batcher rows;
    rows.add_columns(columns);
    CHECK(rows.add_columns(std::nothrow, columns));
    rows.add(3, 2.0, -2);
    CHECK(rows.seal().info().rows == 1);
    columns.keys = nullptr;
    CHECK_THROWS(SPINE_INVALID, pairs::batch::from_columns(columns));
    CHECK(rows.add_columns(std::nothrow, columns).status() == SPINE_INVALID);
}

/* A map that is a member takes its runtime, and its options, where it is declared. */
static void
a_map_is_made_of_a_runtime()
{
    using numbers = spine_cpp::map<uint64_t, uint64_t>;
    struct host {
        spine_cpp::runtime runtime = open_manual();
        numbers map{runtime};
    } host;
    numbers::batcher rows;
    spine_options options = {};

    rows.add(1, 2);
    host.map.insert(rows.seal());
    CHECK(host.map.cursor().key() == 1);
    options.level0_rows = UINT32_MAX;
    CHECK_THROWS(SPINE_INVALID, numbers(host.runtime, options));
    CHECK_THROWS(SPINE_INVALID, numbers(spine_cpp::runtime()));
}

/* Random batches through a spine with merges, against a map of weights. */
static void
a_map_is_what_was_inserted(uint64_t seed)
{
    using words = spine_cpp::map<std::string, int32_t>;
    random_numbers random(seed);
    auto runtime = spine_cpp::runtime::open();
    spine_options options = {};
    options.level0_rows = 100;
    auto map = words::open(runtime, options);
    std::map<std::pair<std::string, int32_t>, int64_t> model;
    words::batcher rows;

    for (int step = 0; step < 300; step++) {
        for (uint64_t count = random.below(200); count > 0; count--) {
            const std::string key = "key " + std::to_string(random.below(500));
            const auto value = static_cast<int32_t>(random.below(3)) - 1;
            const auto weight = static_cast<int64_t>(random.below(5)) - 2;
            if (weight == 0)
                continue;
            rows.add(key, value, weight);
            if ((model[{key, value}] += weight) == 0)
                model.erase({key, value});
        }
        map.insert(rows.seal());
        if (step % 30 != 0)
            continue;
        auto expected = model.begin();
        for (const auto &[key, value, weight] : map.cursor()) {
            CHECK(expected != model.end());
            CHECK(expected->first.first == key && expected->first.second == value);
            CHECK(expected->second == weight);
            ++expected;
        }
        CHECK(expected == model.end());
    }
    CHECK(map.consolidate().info().rows == model.size());
}

int
main()
{
    types_are_columns();
    cursors_walk_both_ways();
    rows_have_times();
    rows_through_a_time();
    a_filter_hides_keys();
    columns_are_taken();
    a_map_is_made_of_a_runtime();
    a_map_is_what_was_inserted(1);
    a_map_is_what_was_inserted(2);
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
