/* SPDX-License-Identifier: MIT */
#include "check.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using spine_cpp::decode_tuple;
using spine_cpp::encode_tuple;

static std::string
hex(const std::string &bytes)
{
    static const char digits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += {digits[byte / 16], digits[byte % 16]};
    }
    return text;
}

/* The columns come back from the bytes that spine/tuple.h says. */
template <class... Ts>
static void
check_bytes(const char *expected, const std::tuple<Ts...> &columns)
{
    const std::string bytes = encode_tuple(columns);
    CHECK(hex(bytes) == expected);
    CHECK(decode_tuple<std::tuple<Ts...>>(bytes) == columns);
}

enum class state : int16_t { closed = -1, open = 1 };
enum plain : uint8_t { five = 5 };

static void
enumerations_are_columns()
{
    check_bytes("8001", std::tuple(state::open));
    check_bytes("8000", std::tuple(spine_cpp::descending<state>(state::closed)));
    check_bytes("017fff", std::tuple(std::optional<state>(state::closed)));
    check_bytes("05", std::tuple(five));
    CHECK(spine_cpp::tuple_value<state>::column().kind == SPINE_COLUMN_I16);
}

/* As many members as SPINE_MEMBERS() takes. */
struct wide {
    uint8_t a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x;
};
SPINE_MEMBERS(wide, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w,
              x)

static void
structures_have_up_to_24_members()
{
    const wide row = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                      13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

    CHECK(hex(encode_tuple(row)) == "0102030405060708090a0b0c0d0e0f101112131415161718");
}

static void
types_are_columns()
{
    using bytes = std::vector<unsigned char>;
    using text = std::string;

    check_bytes("01", std::tuple(true));
    check_bytes("0000000580000000", std::tuple(5u, 0));
    check_bytes("7e", std::tuple(int8_t{-2}));
    check_bytes("fffffffffffffffa", std::tuple(spine_cpp::descending<uint64_t>(5)));
    check_bytes("bff0000000000000", std::tuple(1.0));
    check_bytes("407fffff", std::tuple(-1.0f));
    check_bytes("7061", std::tuple(std::array<char, 2>{'p', 'a'}));
    check_bytes("6100", std::tuple(text("a\0", 2)));
    check_bytes("6100ff000001", std::tuple(text("a\0", 2), true));
    check_bytes("9effff", std::tuple(spine_cpp::descending<text>("a")));
    check_bytes("0100ff000001", std::tuple(bytes{1, 0}, true));
    check_bytes("ff", std::tuple(std::vector<std::byte>{std::byte{255}}));
    check_bytes("0000000000", std::tuple(std::optional<int>()));
    check_bytes("0180000001", std::tuple(std::optional<int>(1)));
    check_bytes("0200000000", std::tuple(spine_cpp::nulls_last<std::optional<int>>()));
    check_bytes("00", std::tuple(std::optional<text>()));
    check_bytes("00", std::tuple(spine_cpp::descending<std::optional<text>>()));
    check_bytes("000000050000", std::make_tuple(std::tuple(5u, std::optional<int8_t>())));
    using nested = std::tuple<uint8_t, bool>;
    check_bytes("fafe", std::make_tuple(spine_cpp::descending<nested>(nested(5, true))));
    using mixed = std::tuple<uint8_t, text, std::optional<text>>;
    check_bytes("01f89e9dfffffe9e9dffff",
                std::make_tuple(
                    spine_cpp::descending<std::optional<mixed>>(mixed(7, "ab", "ab"))));
    check_bytes("00ffffffff",
                std::make_tuple(spine_cpp::descending<std::optional<mixed>>()));
    CHECK(hex(encode_tuple(std::tuple(std::string_view("hi"), int8_t('a')))) ==
          "68690000e1");
}

/* A row that no cell holds is refused where it is added, and the others stay. */
static void
long_rows_are_refused()
{
    using row = std::tuple<std::string_view, int>;
    const std::size_t bytes = SPINE_BYTES_MAX + std::size_t{1};
    /* Memory that nobody writes to. */
    const std::unique_ptr<void, decltype(&std::free)> zeros(std::calloc(bytes, 1),
                                                            std::free);
    const std::string_view text(static_cast<const char *>(zeros.get()), bytes);
    /* Zeros take two bytes each. */
    const row half(text.substr(0, bytes / 2), 1);
    spine_cpp::batcher<row, void> tuples;
    spine_cpp::batcher<std::string, std::tuple<int>> texts;

    CHECK(zeros != nullptr);
    tuples.add({"a", 1});
    CHECK_THROWS(SPINE_INVALID, tuples.add(half));
    CHECK(tuples.add(std::nothrow, half).status() == SPINE_INVALID);
    tuples.add({"b", 1});
    CHECK(tuples.seal().info().rows == 2);
    texts.add("a", {1});
    CHECK_THROWS(SPINE_INVALID, texts.add(text, {1}));
    CHECK(texts.seal().info().rows == 1);
    CHECK_THROWS(SPINE_INVALID, encode_tuple(half));
}

template <class Tuple>
static void
check_refused(const std::string &bytes)
{
    CHECK(decode_tuple<Tuple>(std::nothrow, bytes).status() == SPINE_CORRUPT);
    CHECK_THROWS(SPINE_CORRUPT, decode_tuple<Tuple>(bytes));
}

static void
other_bytes_are_refused()
{
    using pair = std::tuple<uint64_t, std::string, bool>;

    check_refused<pair>("");
    check_refused<pair>("1234567");
    check_refused<pair>("12345678a");
    check_refused<pair>(std::string("12345678a\0", 10));
    check_refused<pair>(std::string("12345678a\0b\1", 12));
    check_refused<pair>(std::string("12345678a\0\0", 11));
    check_refused<pair>(std::string("12345678a\0\0\1\1", 13));
    check_refused<std::tuple<std::optional<int8_t>>>(std::string("\3\0", 2));
    check_refused<std::tuple<std::optional<int8_t>>>(std::string("\2\0", 2));
    check_refused<std::tuple<std::optional<int8_t>>>(std::string("\0", 1));
    check_refused<std::tuple<bool>>("\2");
    check_refused<std::tuple<spine_cpp::descending<bool>>>(std::string("\0", 1));
    /* Behind what says that a tuple is null its bytes of fixed width may be any. */
    using null = std::tuple<std::optional<std::tuple<bool, std::string>>>;
    check_refused<null>(std::string("\1\7\0\0", 4));
    CHECK(decode_tuple<null>(std::string("\0\7\0\0", 4)) == null());
}

/* --- points of time ----------------------------------------------------------------- */

template <class Rep, class Period>
using point_of = std::chrono::time_point<std::chrono::system_clock,
                                         std::chrono::duration<Rep, Period>>;

/* What is `count` units behind 1970. */
template <class Point>
static Point
point_at(int count)
{
    return Point(typename Point::duration(count));
}

template <class Point>
static void
check_point(enum spine_column_kind kind, enum spine_time_unit unit)
{
    const spine_column column = spine_cpp::tuple_value<Point>::column();
    const bool is_date = kind == SPINE_COLUMN_DATE32;

    CHECK(column.kind == kind && column.unit == unit);
    check_bytes(is_date ? "80000002" : "8000000000000002",
                std::tuple(point_at<Point>(2)));
    check_bytes(is_date ? "80000001" : "8000000000000001",
                std::tuple(spine_cpp::descending<Point>(point_at<Point>(-2))));
    check_refused<std::tuple<Point>>("123");
}

static void
points_of_time_are_columns()
{
    using day = point_of<int, std::ratio<86400>>;
    using far_day = point_of<int64_t, std::ratio<86400>>;

    check_point<day>(SPINE_COLUMN_DATE32, SPINE_SECONDS);
    check_point<far_day>(SPINE_COLUMN_DATE32, SPINE_SECONDS);
    check_point<point_of<int64_t, std::ratio<1>>>(SPINE_COLUMN_TIMESTAMP, SPINE_SECONDS);
    check_point<point_of<int, std::milli>>(SPINE_COLUMN_TIMESTAMP, SPINE_MILLISECONDS);
    check_point<point_of<int64_t, std::micro>>(SPINE_COLUMN_TIMESTAMP,
                                               SPINE_MICROSECONDS);
    check_point<point_of<int64_t, std::nano>>(SPINE_COLUMN_TIMESTAMP, SPINE_NANOSECONDS);
    CHECK(hex(encode_tuple(std::tuple(far_day::max()))) == "ffffffff");
    CHECK(hex(encode_tuple(std::tuple(far_day::min()))) == "00000000");
    check_bytes("0180000002", std::tuple(std::optional<day>(point_at<day>(2))));
}

/* --- the bytes that the library itself makes ---------------------------------------- */

struct point {
    int32_t x = 0;
    std::optional<int16_t> y;
};
SPINE_MEMBERS(point, x, y)

struct visit {
    uint32_t customer = 0;
    std::string_view page;
    spine_cpp::descending<std::optional<std::string>> note;
    std::optional<point> at;
    float seconds = 0;
};
SPINE_MEMBERS(visit, customer, page, note, at, seconds)

/* As SPINE_MEMBERS() lists them, with the kinds of their types. */
static void
structures_are_tuples()
{
    spine_tuple_type *type;
    spine_error error;
    CHECK(spine_cpp::tuple_type<visit>::make(&type, &error) == SPINE_OK);
    static const char *const names[] = {"customer", "page", "note", "at", "seconds"};
    static const enum spine_column_kind kinds[] = {SPINE_COLUMN_U32, SPINE_COLUMN_STRING,
                                                   SPINE_COLUMN_STRING,
                                                   SPINE_COLUMN_TUPLE, SPINE_COLUMN_F32};
    CHECK(spine_tuple_type_count(type) == 5);
    for (std::size_t i = 0; i < 5; i++) {
        const spine_column *const column = spine_tuple_type_column(type, i);
        CHECK(std::string(column->name) == names[i]);
        CHECK(column->kind == kinds[i]);
        CHECK(column->nullable == (i == 2 || i == 3));
        CHECK(column->order == (i == 2 ? SPINE_DESCENDING : SPINE_ASCENDING));
    }
    CHECK(std::string(spine_tuple_type_column(spine_tuple_type_column(type, 3)->tuple, 1)
                          ->name) == "y");
    const auto cell = spine_tuple_type_cell(type);
    CHECK(cell.kind == SPINE_BYTES && cell.size == 0);
    spine_tuple_type_unref(type);
}

/* What C++ writes, spine_tuple_decode() reads, and spine_tuple_encode() writes again. */
static void
the_library_has_the_same_bytes()
{
    using rows = spine_cpp::set<visit>;
    rows::batcher batcher;
    std::vector<visit> visits;
    random_numbers random(7);
    const std::string text("a\0b\xff", 4);

    for (uint32_t i = 0; i < 3000; i++) {
        visit row;
        row.customer = i;
        row.page = std::string_view(text).substr(random.below(5));
        if (random.below(2) > 0)
            row.note.value = text.substr(random.below(5));
        if (random.below(2) > 0)
            row.at = point{static_cast<int32_t>(random.below(100)) - 50, std::nullopt};
        if (row.at && random.below(2) > 0)
            row.at->y = static_cast<int16_t>(random.below(9));
        row.seconds = static_cast<float>(random.below(100)) - 50;
        visits.push_back(row);
        batcher.add(row);
    }
    auto batch = batcher.seal();

    spine_tuple_page *page;
    spine_tuple_rows read;
    spine_columns cells;
    spine_error error;
    auto cursor = batch.cursor();
    CHECK(spine_tuple_page_new(&page, &error) == SPINE_OK);
    CHECK(spine_cursor_read_tuples(cursor.get(), page, 5000, &read) == 3000);
    CHECK(spine_tuple_encode(page, spine_batch_schema(batch.get()), &read, &cells,
                             &error) == SPINE_OK);
    for (std::size_t i = 0; i < 3000; i++) {
        const std::string bytes(static_cast<const char *>(cells.keys) +
                                    cells.key_offsets[i],
                                cells.key_offsets[i + 1] - cells.key_offsets[i]);
        CHECK(bytes == encode_tuple(visits[i]));
    }
    spine_tuple_page_free(page);

    /* And what is read is what was written, without copies where there need be none. */
    std::size_t i = 0;
    for (const auto &[row, weight] : batch.cursor()) {
        CHECK(row.customer == visits[i].customer && row.page == visits[i].page);
        CHECK(row.note == visits[i].note && row.seconds == visits[i].seconds);
        CHECK(row.at.has_value() == visits[i].at.has_value() && weight == 1);
        CHECK(!row.at || (row.at->x == visits[i].at->x && row.at->y == visits[i].at->y));
        i++;
    }
    CHECK(i == 3000);
}

/* --- the order of std::tuple -------------------------------------------------------- */

using inner = std::tuple<bool, std::string>;
using key = std::tuple<std::optional<int64_t>, spine_cpp::descending<std::string>, inner,
                       uint16_t, double>;

static std::string
random_text(random_numbers &random)
{
    static const char alphabet[] = {'\0', '\1', 'a', '\xff'};
    std::string text(random.below(4), ' ');
    for (char &c : text)
        c = alphabet[random.below(4)];
    return text;
}

static key
random_key(random_numbers &random)
{
    static const double numbers[] = {-1.5, 0.0, 2.0,
                                     std::numeric_limits<double>::infinity()};
    key drawn;
    if (random.below(4) > 0)
        std::get<0>(drawn) = static_cast<int64_t>(random.below(3) << random.below(17)) -
                             static_cast<int64_t>(random.below(3) << random.below(17));
    std::get<1>(drawn) = random_text(random);
    std::get<2>(drawn) = inner(random.below(2) > 0, random_text(random));
    std::get<3>(drawn) = static_cast<uint16_t>(random() >> random.below(16));
    std::get<4>(drawn) = numbers[random.below(4)];
    return drawn;
}

/* What the standard library says of tuples whose second element descends. */
static bool
precedes(const key &a, const key &b)
{
    if (std::get<0>(a) != std::get<0>(b))
        return std::get<0>(a) < std::get<0>(b);
    if (std::get<1>(a) != std::get<1>(b))
        return std::get<1>(b).value < std::get<1>(a).value;
    const auto rest = [](const key &of) {
        return std::tie(std::get<2>(of), std::get<3>(of), std::get<4>(of));
    };
    return rest(a) < rest(b);
}

static void
bytes_order_as_tuples()
{
    random_numbers random(20240229);
    std::vector<key> keys;
    for (int i = 0; i < 20000; i++)
        keys.push_back(random_key(random));
    std::sort(keys.begin(), keys.end(), precedes);

    std::string before;
    for (std::size_t i = 0; i < keys.size(); i++) {
        const std::string bytes = encode_tuple(keys[i]);
        CHECK(decode_tuple<key>(bytes) == keys[i]);
        if (i > 0 && precedes(keys[i - 1], keys[i]))
            CHECK(before < bytes);
        else if (i > 0)
            CHECK(before == bytes);
        before = bytes;
    }
}

/* Of each order of columns the values are less than each other as their bytes are. */
template <spine_tuple_order Order>
static void
check_order()
{
    using column = spine_cpp::ordered<std::optional<int>, Order>;
    const std::optional<int> values[] = {std::nullopt, -1, 5};

    for (const auto &a : values)
        for (const auto &b : values)
            CHECK((column(a) < column(b)) == (encode_tuple(std::tuple(column(a))) <
                                              encode_tuple(std::tuple(column(b)))));
}

static void
values_order_as_their_bytes()
{
    using text = spine_cpp::descending<std::string>;

    check_order<SPINE_ASCENDING>();
    check_order<SPINE_DESCENDING>();
    check_order<SPINE_ASCENDING_NULLS_LAST>();
    check_order<SPINE_DESCENDING_NULLS_LAST>();
    CHECK(text("b") < text("a") && !(text("a") < text("b")) && !(text("a") < text("a")));
}

struct street {
    std::string city;
    spine_cpp::descending<int> number;
};
SPINE_MEMBERS(street, city, number)
SPINE_COMPARED(street)

static void
structures_are_compared_by_members()
{
    const street first{"a", 7}, second{"a", 5}, third{"b", 9};

    CHECK(first < second && second < third && first < third);
    CHECK(!(second < first) && !(third < second) && !(first < first));
    CHECK(first == street(first) && !(first == second) && !(first == third));
    CHECK(first != second && !(first != street(first)));
}

/* --- tuples as keys of a map -------------------------------------------------------- */

static void
maps_have_tuples_as_keys()
{
    using visits =
        spine_cpp::map<std::tuple<std::string, spine_cpp::descending<uint64_t>>,
                       std::tuple<std::optional<std::string>>>;
    spine_runtime_options options = {};
    options.manual = true;
    auto runtime = spine_cpp::runtime::open(options);
    auto map = visits::open(runtime);
    visits::batcher rows;

    rows.add({"b", 1}, {std::nullopt});
    rows.add({"a", 1}, {"first"});
    rows.add({"a", 300}, {"last"});
    rows.add({"a", 20}, {"middle"}, 5);
    rows.add({"aa", 7}, {std::nullopt});
    map.insert(rows.seal());
    rows.add({"a", 20}, {"middle"}, -5);
    map.insert(rows.seal());

    std::string seen;
    for (const auto &[key, value, weight] : map.cursor()) {
        const auto &[name, time] = key;
        seen += name + std::to_string(time.value) + std::get<0>(value).value_or("-") +
                std::to_string(weight) + " ";
    }
    CHECK(seen == "a300last1 a1first1 aa7-1 b1-1 ");

    auto cursor = map.cursor();
    cursor.seek_prefix(std::tuple("aa"));
    CHECK(std::get<0>(cursor.key()) == "aa");
    CHECK_THROWS(SPINE_INVALID, cursor.seek_prefix(std::tuple<char *>(nullptr)));
    cursor.seek_prefix(std::tuple(std::string("b")));
    CHECK(std::get<1>(cursor.key()).value == 1);
    CHECK(std::get<0>(cursor.value()) == std::nullopt);
    cursor.rewind();
    cursor.seek_prefix(std::tuple("a", 20));
    CHECK(std::get<1>(cursor.key()).value == 1);
    CHECK(cursor.seek_key_exact({"a", 300}));
    CHECK(std::get<0>(cursor.value()) == "last");
    CHECK(!cursor.seek_key_exact({"a", 20}));
    cursor.check();
}

/* Bytes that are no such tuple end a walk with a failure, not with the end. */
static void
keys_of_another_type_are_refused()
{
    using texts = spine_cpp::set<std::string>;
    using tuples = spine_cpp::set<std::tuple<std::string, bool>>;
    texts::batcher rows;
    rows.add(encode_tuple(std::tuple(std::string("a"), true)));
    rows.add("x");
    auto batch = rows.seal();
    tuples::batch same(batch.release());

    auto cursor = same.cursor();
    int count = 0;
    for (const auto &row : cursor.rows(std::nothrow))
        count += std::get<0>(row.key) == "a" && row.weight == 1;
    CHECK(count == 1);
    CHECK(cursor.check(std::nothrow).status() == SPINE_CORRUPT);
    CHECK_THROWS(SPINE_CORRUPT, (cursor.check(), 0));

    auto other = same.cursor();
    auto at = other.begin();
    CHECK_THROWS(SPINE_CORRUPT, ++at);
    CHECK_THROWS(SPINE_CORRUPT, other.key());
    CHECK(other.key(std::nothrow).status() == SPINE_CORRUPT);
}

/* Rows that a batcher has collected are in what it gives, and gone when it is cleared. */
static void
batchers_collect_columns()
{
    using pairs = spine_cpp::map<std::tuple<uint32_t, uint32_t>, std::tuple<int64_t>>;
    pairs::batcher rows;

    for (uint32_t i = 0; i < 20000; i++)
        rows.add({i % 100, i}, i);
    pairs::batcher moved(std::move(rows));
    CHECK(moved.seal().info().rows == 20000);
    moved.add({1, 1}, 1);
    moved.clear();
    CHECK(moved.seal().info().rows == 0);
    moved.add({1, 1}, 1);
    spine_batcher *const raw = moved.release();
    spine_batch *batch;
    CHECK(spine_batcher_seal(raw, &batch, nullptr) == SPINE_OK);
    spine_batch_info info;
    spine_batch_get_info(batch, &info);
    CHECK(info.rows == 1 && info.key_min.u64 == ((uint64_t{1} << 32) | 1));
    spine_batch_unref(batch);
    spine_batcher_free(raw);
}

/* The room for a text is guessed, or counted where it is long. */
static void
texts_have_room()
{
    using texts = spine_cpp::map<std::tuple<std::string, uint8_t>, std::string>;
    texts::batcher rows;
    std::size_t found = 0;

    for (const std::size_t size : std::vector<std::size_t>{0, 1, 4095, 4096, 4097, 9000})
        for (const char letter : {'\0', 'a'})
            rows.add({std::string(size, letter), uint8_t{7}}, std::string(size, letter));
    for (const auto &row : rows.seal().cursor()) {
        CHECK(std::get<0>(row.key) == row.value && std::get<1>(row.key) == 7);
        found++;
    }
    CHECK(found == 11);
}

static void
prefixes_of_words_and_fixed_cells()
{
    using words = spine_cpp::set<std::tuple<uint8_t, spine_cpp::descending<uint16_t>>>;
    words::batcher rows;
    rows.add({uint8_t{1}, uint16_t{3}});
    rows.add({uint8_t{2}, uint16_t{65535}});
    auto batch = rows.seal();
    auto cursor = batch.cursor();
    cursor.seek_prefix(std::tuple(2));
    CHECK(std::get<1>(cursor.key()).value == 65535);

    /* What a column does not hold becomes no other number in silence. */
    CHECK_THROWS(SPINE_INVALID, cursor.seek_prefix(std::tuple(256)));
    CHECK_THROWS(SPINE_INVALID, cursor.seek_prefix(std::tuple(1, 65536)));
    CHECK(cursor.set_prefix(std::nothrow, std::tuple(-1)).status() == SPINE_INVALID);
    CHECK(std::get<1>(cursor.key()).value == 65535);

    using fixed = spine_cpp::set<std::tuple<uint64_t, uint64_t>>;
    fixed::batcher more;
    more.add({1u, 5u});
    more.add({2u, 0u});
    auto second = more.seal();
    auto walk = second.cursor();
    walk.seek_prefix(std::tuple(2));
    CHECK(walk.key() == std::tuple(uint64_t{2}, uint64_t{0}));
}

int
main()
{
    types_are_columns();
    other_bytes_are_refused();
    long_rows_are_refused();
    enumerations_are_columns();
    structures_have_up_to_24_members();
    points_of_time_are_columns();
    structures_are_tuples();
    the_library_has_the_same_bytes();
    bytes_order_as_tuples();
    values_order_as_their_bytes();
    structures_are_compared_by_members();
    maps_have_tuples_as_keys();
    keys_of_another_type_are_refused();
    batchers_collect_columns();
    texts_have_room();
    prefixes_of_words_and_fixed_cells();
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
