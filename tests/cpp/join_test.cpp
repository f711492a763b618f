/* SPDX-License-Identifier: MIT */
#include "check.hpp"

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

using spine_cpp::at_time;
using spine_cpp::product;
using spine_cpp::weight;
using lefts = spine_cpp::map<uint32_t, uint64_t>;
using rights = spine_cpp::set<uint32_t>;
using join_type = spine_cpp::join<lefts, rights>;
using sums = std::map<std::pair<uint32_t, uint64_t>, int64_t>;

/* Sums that are zero are none. */
static void
add(sums &all, uint32_t key, uint64_t value, int64_t by)
{
    const auto at = all.emplace(std::pair(key, value), 0).first;

    at->second += by;
    if (at->second == 0)
        all.erase(at);
}

/* Both sides change at random, one after the other or at once, in parts or whole: the
 * pairs of all steps add up to the join of what is there. */
static void
steps_add_up(random_numbers &random, std::size_t rows_max)
{
    const auto runtime = open_manual();
    lefts left{runtime};
    rights right{runtime};
    join_type join;
    lefts::batcher left_rows;
    rights::batcher right_rows;
    sums left_now, right_now, joined;

    join.set_rows_max(rows_max);
    for (int step = 0; step < 60; step++) {
        const uint64_t which = random.below(3);

        for (uint64_t i = 0; which != 0 && i < random.below(30); i++) {
            const auto key = static_cast<uint32_t>(random.below(8));
            const uint64_t value = random.below(4);
            const int64_t by = random.below(2) == 0 ? -1 : 2;

            left_rows.add(key, value, by);
            add(left_now, key, value, by);
        }
        for (uint64_t i = 0; which != 1 && i < random.below(30); i++) {
            const auto key = static_cast<uint32_t>(random.below(8));
            const int64_t by = random.below(2) == 0 ? -1 : 3;

            right_rows.add(key, by);
            add(right_now, key, 0, by);
        }
        const auto tell = [&joined](uint32_t key, const auto &mine, const auto &other) {
            add(joined, key, mine.value, product(mine.weight, other.weight));
        };
        join.step(left, left_rows.seal(), right, right_rows.seal(), tell);
        sums expected;
        for (const auto &[mine, by] : left_now) {
            const auto other = right_now.find({mine.first, 0});

            if (other != right_now.end())
                add(expected, mine.first, mine.second, by * other->second);
        }
        CHECK(joined == expected);
    }
}

/* A pair is there from the time at which both rows are. */
static void
times_join()
{
    using timed = spine_cpp::map<uint32_t, std::string, SPINE_TIME_PAIR>;
    const auto runtime = open_manual();
    timed left{runtime}, right{runtime};
    spine_cpp::join<timed, timed> join;
    timed::batcher rows;
    std::string seen;

    const auto tell = [&seen](uint32_t, const auto &mine, const auto &other) {
        const uint64_t time =
            spine_cpp::time_join<SPINE_TIME_PAIR>(mine.time, other.time);

        seen += std::string(mine.value) + std::string(other.value) +
                std::to_string(spine_cpp::outer_of(time)) +
                std::to_string(spine_cpp::inner_of(time)) +
                (product(mine.weight, other.weight) > 0 ? "+" : "-");
    };
    rows.add(1, "a", at_time{1, 4});
    const auto first = rows.seal();
    rows.add(1, "x", at_time{2, 3});
    rows.add(1, "x", at_time{5, 0}, weight{-1});
    join.step(left, first, right, rows.seal(), tell);
    CHECK(seen == "ax24+ax54-");
}

/* A spine with itself: its changes are inserted once. */
static void
one_spine_is_joined_with_itself()
{
    const auto runtime = open_manual();
    lefts spine{runtime};
    spine_cpp::join<lefts, lefts> join;
    lefts::batcher rows;
    std::map<std::pair<uint64_t, uint64_t>, int64_t> pairs;

    for (const uint64_t value : {1u, 2u}) {
        rows.add(7, value);
        const auto changes = rows.seal();
        const auto now = spine.snapshot();

        join.pairs(
            now, changes, now, changes,
            [&pairs](uint32_t, const auto &mine, const auto &other) {
                pairs[{mine.value, other.value}] += product(mine.weight, other.weight);
            });
        spine.insert(changes);
    }
    const auto ignore = [](uint32_t, const auto &, const auto &) {};
    rows.add(7, 3);
    const auto changes = rows.seal();
    CHECK_THROWS(SPINE_INVALID, (join.step(spine, changes, spine, changes, ignore), 0));
    CHECK(spine.stats().rows == 2 && pairs.size() == 4);
    for (const auto &pair : pairs)
        CHECK(pair.second == 1);
}

/* What fails before the first insert leaves both sides as they were. */
static void
failures_change_nothing()
{
    const auto runtime = open_manual();
    lefts left{runtime};
    rights right{runtime};
    join_type join;
    lefts::batcher left_rows;
    rights::batcher right_rows;
    const auto ignore = [](uint32_t, const auto &, const auto &) {};

    left_rows.add(1, 5);
    right_rows.add(1);
    const auto left_changes = left_rows.seal();
    const auto right_changes = right_rows.seal();
    bool caught = false;
    try {
        join.step(left, left_changes, right, right_changes,
                  [](uint32_t, const auto &, const auto &) {
                      throw std::runtime_error("no pair, please");
                  });
    } catch (const std::runtime_error &) {
        caught = true;
    }
    CHECK(caught && left.stats().rows == 0 && right.stats().rows == 0);
    CHECK_THROWS(SPINE_INVALID, (join.step(left, {}, right, right_changes, ignore), 0));
    CHECK_THROWS(SPINE_INVALID, (join.step(left, left_changes, right, {}, ignore), 0));
    CHECK(left.stats().rows == 0 && right.stats().rows == 0);
    lefts none;
    CHECK_THROWS(SPINE_MISUSE,
                 (join.step(none, left_changes, right, right_changes, ignore), 0));
    /* The join is used by what it calls. */
    CHECK_THROWS(SPINE_MISUSE,
                 (join.step(left, left_changes, right, right_changes,
                            [&](uint32_t, const auto &, const auto &) {
                                (void)join.pairs(std::nothrow, left.snapshot(),
                                                 left_changes, right.snapshot(),
                                                 right_changes, ignore);
                            }),
                  0));
    auto moved = std::move(join);
    CHECK(join.step(std::nothrow, left, left_changes, right, right_changes, ignore)
              .status() == SPINE_MISUSE);
    CHECK(join_type::open(std::nothrow).has_value());
    int pairs = 0;
    moved.step(left, left_changes, right, right_changes,
               [&pairs](uint32_t, const auto &, const auto &) { pairs++; });
    CHECK(pairs == 1 && left.stats().rows == 1 && right.stats().rows == 1);
}

/* The least value of each key, kept by reductions, is what a table has. */
static void
reductions_follow(random_numbers &random)
{
    const auto runtime = open_manual();
    lefts rows{runtime}, least{runtime};
    spine_cpp::reduce<lefts> reduce;
    lefts::batcher changes, result;
    std::map<uint32_t, std::multiset<uint64_t>> table;

    for (int step = 0; step < 60; step++) {
        for (int i = 0; i < 10; i++) {
            const auto key = static_cast<uint32_t>(random.below(5));
            const uint64_t value = random.below(20);
            auto &there = table[key];
            const auto at = there.find(value);
            const bool goes = at != there.end();

            if (goes)
                there.erase(at);
            else
                there.insert(value);
            changes.add(key, value, goes ? -1 : 1);
        }
        reduce.step(rows, changes.seal(),
                    [&result](uint32_t key, const auto &found, int64_t by) {
                        CHECK(found.size() > 0);
                        result.add(key, found[0].value, by);
                    });
        least.insert(result.seal());
        std::map<uint32_t, uint64_t> expected, seen;
        for (const auto &[key, values] : table)
            if (!values.empty())
                expected.emplace(key, *values.begin());
        for (const auto &[key, value, by] : least.cursor()) {
            CHECK(by == 1);
            seen.emplace(key, value);
        }
        CHECK(seen == expected);
    }
    CHECK_THROWS(SPINE_INVALID,
                 (reduce.step(rows, {}, [](uint32_t, const auto &, int64_t) {}), 0));
    CHECK(spine_cpp::reduce<lefts>::open(std::nothrow).has_value());
}

/* A step that fails when it has inserted is ended by groups(), one that fails before is
 * done again: nothing comes twice. */
static void
failed_reductions_are_ended(int64_t failing)
{
    const auto runtime = open_manual();
    lefts rows{runtime};
    spine_cpp::reduce<lefts> reduce;
    lefts::batcher changes;
    sums gone, come;
    bool fails = false, caught = false;
    const auto tell = [&](uint32_t key, const auto &found, int64_t by) {
        if (fails && by == failing && key == 2)
            throw std::runtime_error("no group, please");
        add(by < 0 ? gone : come, key, found[0].value, by);
    };

    for (const uint32_t key : {1u, 2u, 3u})
        changes.add(key, 10);
    reduce.step(rows, changes.seal(), tell);
    CHECK(gone.empty() && come.size() == 3);
    come.clear();
    for (const uint32_t key : {1u, 2u, 3u})
        changes.add(key, key);
    const auto better = changes.seal();
    fails = true;
    try {
        reduce.step(rows, better, tell);
    } catch (const std::runtime_error &) {
        caught = true;
    }
    fails = false;
    CHECK(caught && rows.stats().rows == (failing < 0 ? 3 : 6));
    if (failing < 0) {
        CHECK(gone.size() == 1 && come.empty());
        gone.clear();
        reduce.step(rows, better, tell);
    } else {
        CHECK(gone.size() == 3 && come.size() == 1);
        come.clear();
        reduce.groups(rows.snapshot(), better, 1, tell);
    }
    CHECK((gone == sums{{{1, 10}, -1}, {{2, 10}, -1}, {{3, 10}, -1}}));
    CHECK((come == sums{{{1, 1}, 1}, {{2, 2}, 1}, {{3, 3}, 1}}));
}

int
main()
{
    random_numbers random(17);

    for (const std::size_t rows_max : {0u, 1u, 3u, 100u})
        steps_add_up(random, rows_max);
    times_join();
    one_spine_is_joined_with_itself();
    failures_change_nothing();
    reductions_follow(random);
    for (const int64_t failing : {-1, 1})
        failed_reductions_are_ended(failing);
    return 0;
}
