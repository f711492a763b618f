/* SPDX-License-Identifier: MIT */
#include "check.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
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

/* The elements come back from the bytes that the table of spine/tuple_row.h says. */
template <class... Ts>
static void
check_bytes(const char *expected, const std::tuple<Ts...> &elements)
{
    const std::string bytes = encode_tuple(elements);
    CHECK(hex(bytes) == expected);
    CHECK(decode_tuple<std::tuple<Ts...>>(bytes) == elements);
}

static void
types_are_elements()
{
    using bytes = std::vector<unsigned char>;

    check_bytes("", std::tuple<>());
    check_bytes("05", std::tuple(true));
    check_bytes("210511", std::tuple(5u, 0));
    check_bytes("0ffe", std::tuple(int8_t{-2}));
    check_bytes("defa", std::tuple(spine_cpp::descending<uint64_t>(5)));
    check_bytes("30bff0000000000000", std::tuple(1.0));
    check_bytes("406100ff0000", std::tuple(std::string("a\0", 2)));
    check_bytes("410100ff0000", std::tuple(bytes{1, 0}));
    check_bytes("41ff0000", std::tuple(std::vector<std::byte>{std::byte{255}}));
    check_bytes("02", std::tuple(std::optional<int>()));
    check_bytes("1201", std::tuple(std::optional<int>(1)));
    check_bytes("7e", std::tuple(spine_cpp::nulls_last<std::optional<int>>()));
    check_bytes("fd", std::tuple(spine_cpp::descending_nulls_last<std::optional<int>>()));
    check_bytes("81", std::tuple(spine_cpp::descending<std::optional<int>>()));
    check_bytes("4221050200", std::make_tuple(std::tuple(5u, std::optional<int>())));
    using nested = std::tuple<uint64_t, bool>;
    check_bytes("bddefafaff",
                std::make_tuple(spine_cpp::descending<nested>(nested(5, true))));
    CHECK(hex(encode_tuple(std::tuple(std::string_view("hi")))) == "4068690000");
}

template <class Tuple>
static void
check_refused(enum spine_status expected, const std::string &bytes)
{
    CHECK(decode_tuple<Tuple>(std::nothrow, bytes).status() == expected);
    CHECK_THROWS(expected, decode_tuple<Tuple>(bytes));
}

static void
other_elements_are_refused()
{
    using pair = std::tuple<uint64_t, std::string>;

    check_refused<pair>(SPINE_INVALID, "");
    check_refused<pair>(SPINE_INVALID, encode_tuple(std::tuple(5u)));
    check_refused<pair>(SPINE_INVALID, encode_tuple(std::tuple(5, std::string())));
    check_refused<pair>(SPINE_INVALID, encode_tuple(pair()) + encode_tuple(pair()));
    check_refused<pair>(SPINE_CORRUPT, "\x01");
    check_refused<pair>(SPINE_CORRUPT, encode_tuple(std::tuple(5u)) + "\x40");
    /* A number that is too great or too small for its type. */
    check_refused<std::tuple<uint8_t>>(SPINE_INVALID, encode_tuple(std::tuple(256u)));
    check_refused<std::tuple<int8_t>>(SPINE_INVALID, encode_tuple(std::tuple(-129)));
    CHECK(decode_tuple<std::tuple<int8_t>>(encode_tuple(std::tuple(-128))) ==
          std::tuple(int8_t{-128}));
    /* Another order, another side of nulls. */
    check_refused<std::tuple<spine_cpp::descending<uint64_t>>>(
        SPINE_INVALID, encode_tuple(std::tuple(5u)));
    check_refused<std::tuple<uint64_t>>(
        SPINE_INVALID, encode_tuple(std::tuple(spine_cpp::descending<uint64_t>(5))));
    check_refused<std::tuple<std::optional<int>>>(
        SPINE_INVALID,
        encode_tuple(std::tuple(spine_cpp::nulls_last<std::optional<int>>())));
    /* Nested: too few and too many elements. */
    using nested = std::tuple<std::tuple<int, int>, int>;
    check_refused<nested>(SPINE_INVALID, encode_tuple(std::make_tuple(std::tuple(1), 1)));
    check_refused<nested>(SPINE_INVALID,
                          encode_tuple(std::make_tuple(std::tuple(1, 2, 3), 1)));
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
    using tuples = spine_cpp::set<std::tuple<uint64_t>>;
    texts::batcher rows;
    rows.add(encode_tuple(std::tuple(1u)));
    rows.add("x");
    auto batch = rows.seal();
    tuples::batch same(batch.release());

    auto cursor = same.cursor();
    int count = 0;
    for (const auto &row : cursor.rows(std::nothrow))
        count += std::get<0>(row.key) == 1 && row.weight == 1;
    CHECK(count == 1);
    CHECK(cursor.check(std::nothrow).status() == SPINE_CORRUPT);
    CHECK_THROWS(SPINE_CORRUPT, (cursor.check(), 0));

    auto other = same.cursor();
    auto at = other.begin();
    CHECK_THROWS(SPINE_CORRUPT, ++at);
    CHECK_THROWS(SPINE_CORRUPT, other.key());
    CHECK(other.key(std::nothrow).status() == SPINE_CORRUPT);
}

int
main()
{
    types_are_elements();
    other_elements_are_refused();
    bytes_order_as_tuples();
    maps_have_tuples_as_keys();
    keys_of_another_type_are_refused();
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
