/* SPDX-License-Identifier: MIT */
#include "check.hpp"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using names = spine_cpp::map<uint64_t, std::string>;
using numbers = spine_cpp::map<uint64_t, uint64_t>;
using model = std::map<std::pair<uint64_t, uint64_t>, int64_t>;

static void
keys_are_looked_up()
{
    auto runtime = open_manual();
    auto map = names::open(runtime);
    names::batcher rows;
    names::probe_type probe;

    rows.add(1, "ada");
    rows.add(1, "alan", 2);
    rows.add(3, "grace");
    map.insert(rows.seal());
    std::string seen;
    for (auto &[key, found] : probe.look_up(map.snapshot(), std::vector{1, 2, 3})) {
        seen += std::to_string(key) + ":";
        for (auto &[value, weight] : found)
            seen += std::string(value) + std::to_string(weight) + " ";
    }
    probe.check();
    CHECK(seen == "1:ada1 alan2 2:3:grace1 ");
    CHECK(probe.count(map.snapshot(), std::set<uint64_t>{1, 2, 3}) ==
          (std::vector<uint64_t>{2, 0, 1}));
    CHECK_THROWS(SPINE_INVALID, probe.look_up(map.snapshot(), std::vector{2, 2}));
    CHECK_THROWS(SPINE_INVALID, probe.look_up(map.snapshot(), std::vector{-1}));
    CHECK_THROWS(SPINE_MISUSE,
                 *probe.look_up(map.snapshot(), std::vector<int>{}).begin());

    probe.set_filter([](uint64_t key) { return key != 1; });
    CHECK(probe.count(map.snapshot(), std::vector{1, 3}) ==
          (std::vector<uint64_t>{0, 1}));
    probe.set_filter(nullptr);
    probe.set_rows_max(1);
    std::size_t parts = 0;
    for (const auto &found : probe.look_up(map.snapshot(), std::vector{1, 3}))
        parts += found.rows.size();
    CHECK(parts == 3);
    const auto first = probe.look_up(map.snapshot(), std::vector{3}).begin();
    CHECK(first->rows.begin()->value == "grace");

    const auto told = probe.look_up(std::nothrow, map.snapshot(), std::vector{3});
    CHECK(told && (*told).begin()->rows[0].value == "grace");
    CHECK(!probe.look_up(std::nothrow, map.snapshot(), std::vector{3, 1}));
    auto moved = std::move(probe);
    CHECK(probe.look_up(std::nothrow, map.snapshot(), std::vector{3}).status() ==
          SPINE_MISUSE);
    CHECK(moved.count(map.snapshot(), std::vector{3})[0] == 1);
}

static void
times_are_added_up()
{
    using spine_cpp::at_time;
    using spine_cpp::weight;
    using timed = spine_cpp::map<uint64_t, uint64_t, SPINE_TIME_U64>;
    auto runtime = open_manual();
    auto map = timed::open(runtime);
    timed::batcher rows;
    timed::probe_type probe;
    std::string seen;

    rows.add(7, 1, at_time{5});
    rows.add(7, 1, at_time{8}, weight{-1});
    map.insert(rows.seal());
    for (const auto &[key, found] : probe.look_up(map.snapshot(), std::vector{7}))
        for (const auto &[value, weight, time] : found)
            seen += std::to_string(key) + std::to_string(value) + "@" +
                    std::to_string(time) + (weight > 0 ? "+" : "-");
    CHECK(seen == "71@5+71@8-");
    probe.set_through(7);
    CHECK((*probe.look_up(map.snapshot(), std::vector{7}).begin()).rows.size() == 1);
    probe.set_through(8);
    CHECK((*probe.look_up(map.snapshot(), std::vector{7}).begin()).rows.empty());
    probe.clear_through();
    CHECK(probe.count(map.snapshot(), std::vector{7})[0] == 2);
}

/* Two sides at random, joined whole and in parts, and by two loops. */
static void
joins_are_those_of_two_loops(random_numbers &random)
{
    auto runtime = open_manual();
    auto map = numbers::open(runtime);
    numbers::batcher rows;
    numbers::probe_type probe;
    model there, own, expected;

    for (int batch = 0; batch < 5; batch++) {
        for (int i = 0; i < 200; i++) {
            const uint64_t key = random.below(80), value = random.below(5);
            const int64_t weight = random.below(3) == 0 ? -1 : 1;

            rows.add(key, value, weight);
            there[{key, value}] += weight;
        }
        map.insert(rows.seal());
    }
    for (int i = 0; i < 100; i++) {
        const uint64_t key = random.below(100), value = random.below(5);

        rows.add(key, value, 2);
        own[{key, value}] += 2;
    }
    const auto changes = rows.seal();
    for (const auto &[mine, mine_weight] : own)
        for (const auto &[other, other_weight] : there)
            if (mine.first == other.first && other_weight != 0)
                expected[{mine.first, 10 * mine.second + other.second}] +=
                    mine_weight * other_weight;
    for (const std::size_t most : {0u, 1u, 7u, 100u}) {
        model seen;

        probe.set_rows_max(most);
        probe.join(map.snapshot(), changes,
                   [&](uint64_t key, const auto &mine, const auto &other) {
                       seen[{key, 10 * mine.value + other.value}] +=
                           spine_cpp::product(mine.weight, other.weight);
                   });
        CHECK(seen == expected);
    }
}

static void
both_sides_of_each_key()
{
    using sums = spine_cpp::set<uint64_t, SPINE_UNTIMED, 2>;
    auto runtime = open_manual();
    auto map = names::open(runtime);
    names::batcher rows;
    sums::batcher own;
    names::probe_type probe;
    std::string seen;

    rows.add(1, "ada");
    map.insert(rows.seal());
    own.add(1, spine_cpp::weights<2>{1, 30});
    own.add(2, spine_cpp::weights<2>{-1, 0});
    const auto changes = own.seal();
    const auto note = [&](uint64_t key, auto &mine, auto &found) {
        CHECK(mine.size() == 1);
        seen += std::to_string(key) + "=" + std::to_string(mine[0].weight[0]) + "," +
                std::to_string(mine[0].weight[1]) + ":" + std::to_string(found.size()) +
                " ";
    };
    probe.match(map.snapshot(), changes, note);
    CHECK(seen == "1=1,30:1 2=-1,0:0 ");
    CHECK(probe.match(std::nothrow, map.snapshot(), sums::batch(), note).status() ==
          SPINE_INVALID);
    CHECK_THROWS(SPINE_OVERFLOW, spine_cpp::product(INT64_MAX, 2));
}

/* Text with zeros does not lie in a cell as it is. */
static void
keys_and_values_may_be_tuples()
{
    using key = std::tuple<uint32_t, std::string>;
    using value = std::tuple<std::string_view, uint8_t>;
    using tuples = spine_cpp::map<key, value>;
    const std::string odd("a\0b", 3);
    auto runtime = open_manual();
    auto map = tuples::open(runtime);
    tuples::batcher rows;
    tuples::probe_type probe;
    std::size_t count = 0;

    rows.add({7, odd}, {odd, 1});
    rows.add({7, odd}, {"c", 2});
    const auto changes = rows.seal();
    map.insert(changes);
    probe.join(
        map.snapshot(), changes, [&](const key &at, const auto &mine, const auto &other) {
            CHECK(std::get<1>(at) == odd);
            CHECK(std::get<0>(mine.value) == (std::get<1>(mine.value) == 1 ? odd : "c"));
            CHECK(std::get<0>(other.value) ==
                  (std::get<1>(other.value) == 1 ? odd : "c"));
            count++;
        });
    CHECK(count == 4);
    for (const auto &[at, found] :
         probe.look_up(map.snapshot(), std::vector<key>{{7, ""}, {7, odd}}))
        CHECK(found.size() == (std::get<1>(at).empty() ? 0 : 2));
}

/* All rows of a probe by prefixes, or by ranges, as text. */
template <class Rows>
static std::string
text_of(std::size_t number, const Rows &rows)
{
    std::string text = std::to_string(number) + ":";

    for (const auto &row : rows)
        text += " " + std::to_string(std::get<0>(row.key)) + "/" +
                std::string(std::get<1>(row.key)) + "=" + std::to_string(row.value) +
                (row.weight > 1 ? "!" : "");
    return text + ";";
}

static void
prefixes_are_matched()
{
    using key = std::tuple<uint8_t, std::string_view>;
    using rows_of = spine_cpp::map<key, int64_t>;
    const std::string odd("a\0b", 3);
    auto runtime = open_manual();
    auto map = rows_of::open(runtime);
    rows_of::batcher rows;
    rows_of::range_probe_type probe;
    std::string seen;
    const auto note = [&](std::size_t number, const auto &found) {
        seen += text_of(number, found);
    };

    rows.add({1, "b"}, 10);
    rows.add({1, "a"}, 11);
    rows.add({255, "z"}, 12);
    map.insert(rows.seal());
    rows.add({1, "a"}, 11);
    rows.add({2, odd}, 13);
    map.insert(rows.seal());
    probe.match_prefixes(map.snapshot(), std::vector{std::tuple(1), std::tuple(255)},
                         note);
    CHECK(seen == "0: 1/a=11! 1/b=10;1: 255/z=12;");
    seen.clear();
    probe.match_prefixes(map.snapshot(), std::vector<key>{{1, "b"}, {2, "a"}, {2, odd}},
                         note);
    CHECK(seen == "0: 1/b=10;1:;2: 2/" + odd + "=13;");
    seen.clear();
    probe.match(
        map.snapshot(),
        std::vector<std::pair<key, key>>{{{0, ""}, {1, "b"}}, {{1, "b"}, {3, ""}}}, note);
    CHECK(seen == "0: 1/a=11!;1: 1/b=10 2/" + odd + "=13;");
    seen.clear();
    probe.set_rows_max(1);
    probe.match_prefixes(map.snapshot(), std::vector{std::tuple(1)}, note);
    CHECK(seen == "0: 1/a=11!;0: 1/b=10;" || seen == "0: 1/a=11!;0: 1/b=10;0:;");

    using one = std::vector<std::tuple<int>>;
    CHECK_THROWS(SPINE_INVALID,
                 probe.match_prefixes(map.snapshot(), one{{2}, {1}}, note));
    CHECK_THROWS(SPINE_INVALID,
                 probe.match_prefixes(map.snapshot(), one{{255}, {255}}, note));
    CHECK_THROWS(SPINE_INVALID, probe.match_prefixes(map.snapshot(), one{{256}}, note));
    CHECK(probe
              .match(std::nothrow, map.snapshot(),
                     std::vector<std::pair<key, key>>{{{2, ""}, {1, ""}}}, note)
              .status() == SPINE_INVALID);
    auto moved = std::move(probe);
    CHECK(probe.match_prefixes(std::nothrow, map.snapshot(), one{}, note).status() ==
          SPINE_MISUSE);
    CHECK(
        probe
            .match(std::nothrow, map.snapshot(), std::vector<std::pair<key, key>>{}, note)
            .status() == SPINE_MISUSE);
    CHECK(moved.match_prefixes(std::nothrow, map.snapshot(), one{}, note));
}

/* Keys that are numbers have ranges, too; through a time rows have none. */
static void
ranges_have_times()
{
    using spine_cpp::at_time;
    using timed = spine_cpp::map<uint64_t, void, SPINE_TIME_U64>;
    auto runtime = open_manual();
    auto map = timed::open(runtime);
    timed::batcher rows;
    timed::range_probe_type probe;
    const std::vector<std::pair<uint64_t, uint64_t>> ranges = {{5, 9}};
    std::string seen;
    const auto note = [&](std::size_t, const auto &found) {
        CHECK(!found.empty());
        for (std::size_t i = 0; i < found.size(); i++)
            seen += std::to_string(found[i].key) + "@" + std::to_string(found[i].time) +
                    "x" + std::to_string(found[i].weight) + " ";
    };

    rows.add(5, at_time{3});
    rows.add(5, at_time{4});
    rows.add(8, at_time{9});
    rows.add(9, at_time{1});
    map.insert(rows.seal());
    probe.match(map.snapshot(), ranges, note);
    CHECK(seen == "5@3x1 5@4x1 8@9x1 ");
    seen.clear();
    probe.set_through(5);
    probe.match(map.snapshot(), ranges, note);
    CHECK(seen == "5@0x2 ");
    seen.clear();
    probe.clear_through();
    probe.match(map.snapshot(), ranges, note);
    CHECK(seen == "5@3x1 5@4x1 8@9x1 ");
}

int
main()
{
    random_numbers random(20261129);

    keys_are_looked_up();
    times_are_added_up();
    for (int i = 0; i < 20; i++)
        joins_are_those_of_two_loops(random);
    both_sides_of_each_key();
    keys_and_values_may_be_tuples();
    prefixes_are_matched();
    ranges_have_times();
    CHECK(count_without_exceptions() == 10);
    return 0;
}
