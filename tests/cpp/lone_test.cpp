/* SPDX-License-Identifier: MIT */

/* Keys and values that are one column of a tuple by itself, and decimals. */

#include "check.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using spine_cpp::decimal;
using spine_cpp::descending;
using spine_cpp::int128;
using instant =
    std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
using money = decimal<12, 2>;
using bytes = std::vector<unsigned char>;
enum class color : uint8_t { red = 1, green };

/* Rows with these keys, which ascend, come back in their order and are found, and so do
 * values. */
template <class T>
static void
check_column(enum spine_column_kind kind, const std::vector<T> &cells)
{
    spine_cpp::batcher<T, T> rows;

    for (auto at = cells.rbegin(); at != cells.rend(); ++at)
        rows.add(*at, cells.front());
    const auto batch = rows.seal();
    const spine_schema *const schema = batch.schema();
    CHECK(schema->key_tuple != nullptr && schema->value_tuple != nullptr);
    CHECK(spine_tuple_type_count(schema->key_tuple) == 1);
    CHECK(spine_tuple_type_column(schema->key_tuple, 0)->kind == kind);
    auto cursor = batch.cursor();
    for (const T &cell : cells) {
        CHECK(cursor.key() == cell && cursor.value() == cells.front());
        cursor.step_key();
    }
    CHECK(!cursor.key_valid());
    for (const T &cell : cells)
        CHECK(cursor.seek_key_exact(cell));

    /* A tuple of it alone has the same cells. */
    spine_cpp::batcher<std::tuple<T>, std::tuple<T>> tuples;
    for (const T &cell : cells)
        tuples.add(cell, cells.front());
    const auto same = tuples.seal();
    CHECK(spine_cpp::schemas_equal(*schema, *same.schema()));
    spine_cpp::cursor<T, T> walk(same.cursor().release());
    for (const T &cell : cells) {
        CHECK(walk.key() == cell);
        walk.step_key();
    }
}

static void
columns_are_keys_and_values()
{
    using std::chrono::milliseconds;

    check_column<bool>(SPINE_COLUMN_BOOL, {false, true});
    check_column<int16_t>(SPINE_COLUMN_I16, {-32768, -1, 0, 32767});
    check_column<uint8_t>(SPINE_COLUMN_U8, {0, 7, 255});
    check_column<float>(SPINE_COLUMN_F32, {-1.5f, 0.0f, 2.5f});
    check_column<color>(SPINE_COLUMN_U8, {color::red, color::green});
    check_column<instant>(SPINE_COLUMN_TIMESTAMP,
                          {instant(milliseconds(-1)), instant(milliseconds(1))});
    check_column<std::optional<int>>(SPINE_COLUMN_I32, {std::nullopt, -1, 1});
    check_column<std::optional<std::string>>(SPINE_COLUMN_STRING,
                                             {std::nullopt, "", "a"});
    check_column<descending<std::string>>(SPINE_COLUMN_STRING,
                                          {std::string("b"), std::string("a")});
    check_column<std::string_view>(SPINE_COLUMN_STRING, {"", "a", "b"});
    check_column<bytes>(SPINE_COLUMN_BINARY, {{}, {0}, {0, 1}, {255}});
    check_column<money>(SPINE_COLUMN_DECIMAL128, {money(-100), money(0), money(5)});
}

/* What is no number of the column, or no string, is told when it comes. */
static void
other_cells_are_refused()
{
    spine_cpp::batcher<int16_t, bool> numbers;
    spine_cpp::batcher<std::string_view, float> texts;
    const char *const none = nullptr;

    CHECK_THROWS(SPINE_INVALID, (numbers.add(32768, true), 0));
    CHECK(std::strstr(numbers.add(std::nothrow, -32769, 1).error().message,
                      "-32769 is not in int16_t") != nullptr);
    CHECK(std::strstr(numbers.add(std::nothrow, 1, 2).error().message,
                      "2 is not a bool") != nullptr);
    CHECK_THROWS(SPINE_INVALID, (texts.add(none, 1), 0));
    CHECK(numbers.seal().info().rows == 0 && texts.seal().info().rows == 0);
}

static int128
any_number(random_numbers &random)
{
    const int128 number = static_cast<int128>(static_cast<int64_t>(random())) *
                              (static_cast<int128>(1) << 64) +
                          random();

    return number >> random.below(128);
}

/* Decimals lie in cells as the library puts them, and cells are in their order. */
static void
decimals_are_those_of_the_library(random_numbers &random)
{
    using row = std::tuple<decimal<38, 3>, descending<decimal<38, 3>>>;
    spine_cpp::cursor<row, void> cursor;
    spine_cpp::batcher<row, void> rows;
    spine_tuple_type *type = nullptr;
    spine_tuple_writer *writer = nullptr;
    std::vector<row> all;
    spine_error error;

    CHECK(spine_cpp::tuple_type<row>::make(&type, &error) == SPINE_OK);
    CHECK(spine_tuple_writer_new(type, &writer, &error) == SPINE_OK);
    for (int i = 0; i < 1000; i++) {
        const row pair(decimal<38, 3>(any_number(random)),
                       decimal<38, 3>(any_number(random)));
        const std::string cell = spine_cpp::encode_tuple(pair);
        union spine_datum expected;

        spine_tuple_put_bytes(writer, &std::get<0>(pair).digits, 16);
        spine_tuple_put_bytes(writer, &std::get<1>(pair).value.digits, 16);
        CHECK(spine_tuple_finish(writer, &expected, &error) == SPINE_OK);
        CHECK(cell.size() == 32 && expected.bytes.size == 32);
        CHECK(std::memcmp(cell.data(), expected.bytes.data, 32) == 0);
        CHECK(spine_cpp::decode_tuple<row>(cell) == pair);
        rows.add(pair);
        all.push_back(pair);
    }
    std::sort(all.begin(), all.end());
    const auto batch = rows.seal();
    cursor = batch.cursor();
    for (const row &pair : all) {
        CHECK(cursor.key() == pair);
        cursor.step_key();
    }
    spine_tuple_writer_free(writer);
    spine_tuple_type_unref(type);
}

static void
decimals_are_text()
{
    constexpr int128 high = static_cast<int128>(1) << 126;

    CHECK(to_string(money(0)) == "0.00");
    CHECK(to_string(money(-5)) == "-0.05");
    CHECK(to_string(money(1250)) == "12.50");
    CHECK(to_string(decimal<9>(-70)) == "-70");
    CHECK(to_string(decimal<9, -3>(7)) == "7e3");
    CHECK(to_string(decimal<9, -3>(0)) == "0");
    CHECK(to_string(decimal<38>(-high - high)) ==
          "-170141183460469231731687303715884105728");
}

int
main()
{
    random_numbers random(23);

    columns_are_keys_and_values();
    other_cells_are_refused();
    decimals_are_those_of_the_library(random);
    decimals_are_text();
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
