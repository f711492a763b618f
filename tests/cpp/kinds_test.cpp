/* SPDX-License-Identifier: MIT */

/* Numbers that a column does not have, and strings that are not there, are refused when
 * they come; all others come back as they were. refused_test.sh has what does not
 * compile. */

#include "check.hpp"

#include <cstring>
#include <limits>
#include <string>

/* The number that a column of T shows for `given`. */
template <class T, class Given>
static T
through_column(Given given)
{
    spine_cpp::batcher<T, T> rows;

    rows.add(given, given);
    const auto batch = rows.seal();
    auto cursor = batch.cursor();
    CHECK(cursor.seek_key_exact(given));
    CHECK(cursor.key() == cursor.value());
    return cursor.key();
}

/* Every call that takes a cell refuses `given`, and the message names it. */
template <class T, class Given>
static void
check_refused(Given given, const char *name)
{
    spine_cpp::batcher<T, T> rows;

    CHECK_THROWS(SPINE_INVALID, (rows.add(given, T{}), 0));
    CHECK_THROWS(SPINE_INVALID, (rows.add(T{}, given), 0));
    const auto told = rows.add(std::nothrow, given, T{});
    CHECK(told.status() == SPINE_INVALID);
    CHECK(std::strstr(told.error().message, name) != nullptr);

    rows.add(T{}, T{});
    const auto batch = rows.seal();
    CHECK(batch.info().rows == 1);
    auto cursor = batch.cursor();
    CHECK_THROWS(SPINE_INVALID, (cursor.seek_key(given), 0));
    CHECK_THROWS(SPINE_INVALID, (cursor.seek_key_reverse(given), 0));
    CHECK_THROWS(SPINE_INVALID, cursor.seek_key_exact(given));
    CHECK_THROWS(SPINE_INVALID, (cursor.seek_val(given), 0));
    CHECK_THROWS(SPINE_INVALID, (cursor.seek_val_reverse(given), 0));
    CHECK(cursor.check(std::nothrow) && cursor.key() == T{});
}

static void
integers_of_other_types()
{
    constexpr uint64_t large = UINT64_C(1) << 40 | 5;

    CHECK(through_column<uint32_t>(5) == 5);
    CHECK(through_column<uint32_t>(uint64_t{UINT32_MAX}) == UINT32_MAX);
    CHECK(through_column<int32_t>(int64_t{INT32_MIN}) == INT32_MIN);
    CHECK(through_column<int64_t>(uint64_t{INT64_MAX}) == INT64_MAX);
    CHECK(through_column<uint64_t>('c') == 'c');
    CHECK(through_column<uint64_t>(true) == 1);
    CHECK(through_column<int64_t>(short{-3}) == -3);
    check_refused<uint32_t>(large, "1099511627781 is not in uint32_t");
    check_refused<int32_t>(uint32_t{0x80000000}, "2147483648 is not in int32_t");
    check_refused<uint64_t>(-1, "-1 is not in uint64_t");
    check_refused<uint32_t>(short{-1}, "-1 is not");
    check_refused<int64_t>(UINT64_MAX, "18446744073709551615 is not");
    check_refused<int32_t>(INT64_MIN, "-9223372036854775808 is not");
    check_refused<uint32_t>(INT64_MIN, "-9223372036854775808 is not");
}

static void
weights_and_times()
{
    spine_cpp::batcher<uint64_t, void, SPINE_TIME_U64> rows;

    using spine_cpp::at_time;
    using spine_cpp::weight;

    rows.add(1, weight{uint32_t{7}}, at_time{short{8}});
    rows.add(2, at_time{3, 1});
    rows.add(3, at_time{9}, weight{-2});
    CHECK_THROWS(SPINE_INVALID, (rows.add(1, weight{UINT64_MAX}), 0));
    CHECK_THROWS(SPINE_INVALID, (rows.add(1, weight{1}, at_time{-1}), 0));
    CHECK(rows.add(std::nothrow, 1, weight{UINT64_MAX}).status() == SPINE_INVALID);
    const auto batch = rows.seal();
    auto cursor = batch.cursor();
    CHECK(cursor.weight() == 7 && cursor.times().times[0] == 8);
    cursor.step_key();
    CHECK(cursor.weight() == 1 && cursor.times().times[0] == spine_time_pair(3, 1));
    cursor.step_key();
    CHECK(cursor.weight() == -2 && cursor.times().times[0] == 9);

    spine_cpp::batcher<uint64_t, void> plain;
    plain.add(1, uint32_t{7});
    CHECK_THROWS(SPINE_INVALID, (plain.add(1, UINT64_MAX), 0));
    CHECK(plain.seal().cursor().weight() == 7);
}

static void
strings_that_are_null()
{
    const char *const none = nullptr;
    spine_cpp::batcher<std::string, uint64_t> rows;

    CHECK_THROWS(SPINE_INVALID, (rows.add(none, 1), 0));
    rows.add("", 1);
    const auto batch = rows.seal();
    auto cursor = batch.cursor();
    CHECK_THROWS(SPINE_INVALID, (cursor.seek_key(none), 0));
    CHECK(cursor.seek_key_exact(""));
}

/* The C calls know the kinds of datums, too. */
static void
datums()
{
    spine_cpp::batcher<uint64_t, double> rows;
    spine_row row = {};
    spine_error error;

    row.weight = 1;
    row.key = spine_data("ada", 3);
    row.value = spine_f64(0.5);
    CHECK(spine_batcher_add(rows.get(), &row, &error) == SPINE_INVALID);
    row.key = spine_i64(1);
    CHECK(spine_batcher_add(rows.get(), &row, &error) == SPINE_INVALID);
    row.key = spine_u64(1);
    CHECK(spine_batcher_add(rows.get(), &row, &error) == SPINE_OK);
    row.key = spine_datum{};
    row.key.u64 = 2;
    CHECK(spine_batcher_add(rows.get(), &row, &error) == SPINE_OK);
    CHECK(rows.seal().info().rows == 2);
}

int
main()
{
    integers_of_other_types();
    weights_and_times();
    strings_that_are_null();
    datums();
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
