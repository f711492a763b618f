/* SPDX-License-Identifier: MIT */
#include "check.hpp"

#include <string>
#include <tuple>
#include <vector>

using names = spine_cpp::map<uint64_t, std::string>;
using sums = spine_cpp::map<uint64_t, uint64_t, SPINE_UNTIMED, 2>;

/* (10 i, "a") for i of 0 to 9, and (30, "b"). */
static names::batch
ten_names()
{
    names::batcher rows;

    for (uint64_t i = 0; i < 10; i++)
        rows.add(10 * i, "a");
    rows.add(30, "b", 2);
    return rows.seal();
}

static std::string
text_of(names::cursor_type &cursor)
{
    std::string text;

    for (const auto &[key, value, weight] : cursor)
        text += std::to_string(key) + std::string(value) + std::to_string(weight) + " ";
    return text;
}

static void
bounds_and_predicates()
{
    const auto batch = ten_names();
    auto cursor = batch.cursor();

    cursor.set_bounds(25, 45);
    CHECK(text_of(cursor) == "30a1 30b2 40a1 ");
    cursor.set_lower_bound(85);
    CHECK(text_of(cursor) == "90a1 ");
    cursor.set_upper_bound(10);
    CHECK(text_of(cursor) == "0a1 ");
    cursor.clear_bounds();
    CHECK_THROWS(SPINE_INVALID, (cursor.set_bounds(-1, 4), 0));

    cursor.seek_key_with([](uint64_t key) { return key > 41; });
    CHECK(cursor.key() == 50);
    cursor.seek_key_with_reverse([](uint64_t key) { return key < 31; });
    CHECK(cursor.key() == 30 && cursor.value() == "a");
    cursor.seek_val_with([](std::string_view value) { return value >= "b"; });
    CHECK(cursor.value() == "b" && cursor.weight() == 2);
    cursor.seek_val_with_reverse([](std::string_view value) { return value < "b"; });
    CHECK(cursor.value() == "a");
    cursor.seek_key_with([](uint64_t) { return false; });
    CHECK(!cursor.key_valid());
    CHECK_THROWS(SPINE_MISUSE, cursor.key());
}

static void
positions_clones_and_defaults()
{
    const auto batch = ten_names();
    auto cursor = batch.cursor();

    cursor.seek_key(30);
    cursor.step_val();
    const auto at = cursor.position();
    CHECK(at.offset == 4 && at.total == 11);
    auto clone = cursor.clone();
    CHECK(clone.key() == 30 && clone.value() == "b");
    clone.step_key();
    CHECK(clone.key() == 40 && cursor.key() == 30);
    CHECK(cursor.rows_skipped() == 0 && cursor.status() == SPINE_OK);
    CHECK(cursor.schema()->key.kind == SPINE_U64);

    cursor.set_default("none");
    CHECK(cursor.seek_key_exact(35) && cursor.value() == "none");
    CHECK(cursor.weight() == 1);
    auto group = batch.cursor();
    group.seek_key(30);
    std::string values;
    for (const auto &[value, weight] : group.group())
        values += std::string(value) + std::to_string(weight);
    CHECK(values == "a1b2");
    CHECK_THROWS(SPINE_MISUSE, (cursor.seek_key(1000), cursor.group(), 0));
    CHECK_THROWS(SPINE_MISUSE, names::cursor_type().clone());
    CHECK_THROWS(SPINE_MISUSE, names::cursor_type().position());
}

static void
sums_and_differences()
{
    auto runtime = open_manual();
    auto map = names::open(runtime);
    names::batcher rows;

    map.insert(ten_names());
    const auto before = map.snapshot();
    rows.add(40, "a", -1);
    rows.add(45, "c");
    map.insert(rows.seal());
    const auto now = map.snapshot();
    auto difference = now.minus(before);
    CHECK(text_of(difference) == "40a-1 45c1 ");
    auto sum = now.plus(before);
    sum.seek_key(30);
    CHECK(sum.weight() == 2);

    std::vector<names::batch> batches;
    batches.push_back(ten_names());
    batches.push_back(ten_names());
    const auto twice = names::snapshot_type::of(batches);
    CHECK(twice.batch_count() == 2 && twice.rows() == 22);
    auto cursor = twice.cursor();
    CHECK(cursor.weight() == 2);
    CHECK(names::snapshot_type::of({}).cursor().rows_skipped() == 0);

    const auto sample = now.sample(3, 1);
    CHECK(sample.info().rows == 3);
    const auto parts = now.partition(4, 1);
    CHECK(parts.info().rows == 3);
    for (const auto &[key, weight] : parts.cursor())
        CHECK(key % 5 == 0 && weight == 1);
}

static void
rows_with_several_weights()
{
    sums::batcher rows;
    auto runtime = open_manual();
    auto map = sums::open(runtime);

    rows.add(1, 2, spine_cpp::weights<2>{1, 250});
    rows.add(1, 2, spine_cpp::weights<2>{1, 50});
    rows.add(1, 3, spine_cpp::weights<2>{0, -7});
    rows.add(2, 1);
    map.insert(rows.seal());
    CHECK(map.schema()->weight_count == 2);
    auto cursor = map.cursor();
    CHECK(cursor.weight() == (spine_cpp::weights<2>{2, 300}));
    std::string text;
    for (const auto &[key, value, weight] : cursor)
        text += std::to_string(key) + std::to_string(value) + ":" +
                std::to_string(weight[0]) + "," + std::to_string(weight[1]) + " ";
    CHECK(text == "12:2,300 13:0,-7 21:1,1 ");
    CHECK_THROWS(SPINE_MISUSE, cursor.weight());
}

static void
bulk_reads()
{
    const auto batch = ten_names();
    auto cursor = batch.cursor();
    names::columns_type rows(4, 1);
    std::string text;

    while (cursor.read(rows) > 0) {
        CHECK(rows.size() <= 4 && rows.keys().numbers().size() == rows.size());
        for (std::size_t i = 0; i < rows.size(); i++)
            text += std::to_string(rows.keys()[i]) + std::string(rows.values()[i]) +
                    std::to_string(rows.weights()[i]) + " ";
    }
    auto again = batch.cursor();
    CHECK(text == text_of(again));

    /* One cell that has no room at first, and several weights. */
    names::batcher longer;
    longer.add(1, std::string(5000, 'x'));
    const auto one = longer.seal();
    auto reader = one.cursor();
    CHECK(reader.read(rows) == 1 && rows.values()[0].size() == 5000);
    CHECK(reader.read(rows) == 0);

    sums::batcher several;
    sums::columns_type columns;
    several.add(1, 2, spine_cpp::weights<2>{3, 4});
    const auto pair = several.seal();
    auto of_pair = pair.cursor();
    CHECK(of_pair.read(columns) == 1 && columns.weights().size() == 2);
    CHECK(columns.weight(0) == (spine_cpp::weights<2>{3, 4}) && columns.times().empty());
    CHECK_THROWS(SPINE_MISUSE, names::cursor_type().read(rows));
}

static void
times_up_to_one()
{
    using timed = spine_cpp::set<uint64_t, SPINE_TIME_PAIR>;
    timed::batcher rows;

    rows.add(1, spine_cpp::at_time{1, 5});
    rows.add(1, spine_cpp::at_time{2, 1}, spine_cpp::weight{-1});
    const auto batch = rows.seal();
    auto cursor = batch.cursor();
    CHECK(cursor.times().count == 2 && cursor.weight() == 0);
    const auto times = cursor.times_through(spine_cpp::time_pair(1, 9));
    CHECK(times.count == 1 && spine_cpp::inner_of(times.times[0]) == 5);
    CHECK(spine_cpp::time_less_equal<SPINE_TIME_PAIR>(spine_time_pair(1, 5),
                                                      spine_time_pair(1, 6)));
    CHECK(spine_cpp::time_join<SPINE_TIME_PAIR>(spine_time_pair(1, 5),
                                                spine_time_pair(2, 1)) ==
          spine_cpp::time_pair(2, 5));
    CHECK(spine_cpp::outer_of(spine_cpp::time_meet<SPINE_TIME_PAIR>(
              spine_time_pair(1, 5), spine_time_pair(2, 1))) == 1);
    cursor.step_key();
    CHECK_THROWS(SPINE_MISUSE, cursor.times_through(3));
}

/* Tuples that begin with some elements, in words, fixed cells and bytes. */
template <class Key, class... Elements>
static std::size_t
count_prefix(const std::vector<Key> &keys, const Elements &...elements)
{
    spine_cpp::batcher<Key, void> rows;
    std::size_t count = 0;

    for (const Key &key : keys)
        rows.add(key);
    const auto batch = rows.seal();
    auto cursor = batch.cursor();
    cursor.set_prefix(std::tuple<Elements...>(elements...));
    for (const auto &row : cursor)
        count += row.weight == 1 ? 1u : 0u;
    return count;
}

static void
prefixes()
{
    using word = std::tuple<uint8_t, uint16_t>;
    using fixed = std::tuple<uint64_t, uint64_t>;
    using text = std::tuple<uint8_t, std::string>;
    using texts = std::tuple<std::string, std::string>;
    const std::vector<word> words = {
        {1, 0}, {1, 0xffff}, {2, 0}, {255, 1}, {255, 0xffff}};
    const std::vector<fixed> pairs = {{1, 2}, {1, 3}, {2, 0}, {UINT64_MAX, 5}};
    const std::vector<text> ends = {{7, "a"}, {7, "ab"}, {8, ""}, {255, "z"}};

    CHECK(count_prefix(words, 1) == 2 && count_prefix(words, 255) == 2);
    CHECK(count_prefix(words, 0) == 0 && count_prefix(words, 255, 0xffff) == 1);
    CHECK(count_prefix(pairs, uint64_t{1}) == 2);
    CHECK(count_prefix(pairs, UINT64_MAX) == 1);
    CHECK(count_prefix(pairs, uint64_t{1}, uint64_t{3}) == 1);
    CHECK(count_prefix(ends, 7) == 2 && count_prefix(ends, 255) == 1);
    CHECK(count_prefix(ends, 7, std::string("a")) == 1);
    CHECK(count_prefix(std::vector<texts>{{"a", "x"}, {"a", ""}, {"ab", "y"}},
                       std::string("a")) == 2);
}

int
main()
{
    bounds_and_predicates();
    positions_clones_and_defaults();
    sums_and_differences();
    rows_with_several_weights();
    bulk_reads();
    times_up_to_one();
    prefixes();
    CHECK(count_without_exceptions() == 10);
    return 0;
}
