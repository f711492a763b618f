/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_NUMBER_HPP
#define SPINE_TUPLE_NUMBER_HPP

/*
 * Columns of tuples that are numbers by another name: enumerations, points of time and
 * decimals. Part of spine/tuple.hpp.
 */

#include "spine/tuple_value.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ratio>
#include <string>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Enumerations are integers of the type below them. */
template <class T> struct tuple_value<T, std::enable_if_t<std::is_enum_v<T>>> {
    using number = std::underlying_type_t<T>;
    using numbers = tuple_value<number>;
    static constexpr bool is_fixed = true;
    static constexpr std::size_t bytes = sizeof(number);

    static spine_column column() noexcept
    {
        return numbers::column();
    }

    static std::size_t size(T, bool) noexcept
    {
        return bytes;
    }

    static unsigned char *
    put(unsigned char *to, T value, unsigned char flip, bool is_tail) noexcept
    {
        return numbers::put(to, static_cast<number>(value), flip, is_tail);
    }

    static bool get(tuple_source &from, T &out, unsigned char flip, bool is_tail) noexcept
    {
        number value{};

        if (!numbers::get(from, value, flip, is_tail))
            return false;
        out = static_cast<T>(value);
        return true;
    }
};

/* Points of the system's clock: of whole days a date32, where days beyond an int32_t are
 * the first or the last of it, of seconds to nanoseconds a timestamp. */
template <class Rep, class Period>
struct tuple_value<std::chrono::time_point<std::chrono::system_clock,
                                           std::chrono::duration<Rep, Period>>> {
    using point = std::chrono::time_point<std::chrono::system_clock,
                                          std::chrono::duration<Rep, Period>>;
    static constexpr bool is_date = std::ratio_equal_v<Period, std::ratio<86400>>;
    static constexpr enum spine_time_unit unit =
        std::ratio_equal_v<Period, std::nano>    ? SPINE_NANOSECONDS
        : std::ratio_equal_v<Period, std::micro> ? SPINE_MICROSECONDS
        : std::ratio_equal_v<Period, std::milli> ? SPINE_MILLISECONDS
                                                 : SPINE_SECONDS;
    static_assert(std::is_integral_v<Rep> && std::is_signed_v<Rep> &&
                      (is_date || unit != SPINE_SECONDS ||
                       std::ratio_equal_v<Period, std::ratio<1>>),
                  "spine_cpp: points of time are whole days, seconds, milliseconds, "
                  "microseconds or nanoseconds");
    using number = std::conditional_t<is_date, std::int32_t, std::int64_t>;
    using numbers = tuple_value<number>;
    static constexpr bool is_fixed = true;
    static constexpr std::size_t bytes = sizeof(number);

    static spine_column column() noexcept
    {
        spine_column column = {};

        column.kind = is_date ? SPINE_COLUMN_DATE32 : SPINE_COLUMN_TIMESTAMP;
        column.unit = unit;
        return column;
    }

    static std::size_t size(point, bool) noexcept
    {
        return bytes;
    }

    static unsigned char *
    put(unsigned char *to, point time, unsigned char flip, bool is_tail) noexcept
    {
        constexpr auto least = std::numeric_limits<number>::min();
        constexpr auto most = std::numeric_limits<number>::max();
        const Rep count = time.time_since_epoch().count();
        const number held = count < least  ? least
                            : count > most ? most
                                           : static_cast<number>(count);

        return numbers::put(to, held, flip, is_tail);
    }

    static bool
    get(tuple_source &from, point &out, unsigned char flip, bool is_tail) noexcept
    {
        number count = 0;

        if (!numbers::get(from, count, flip, is_tail))
            return false;
        out = point(std::chrono::duration<Rep, Period>(static_cast<Rep>(count)));
        return true;
    }
};

/* The integers of decimals; gcc and clang have them where the library runs. */
__extension__ using int128 = __int128;

/* A number of up to `Precision` digits, `Scale` of them after the point, as SQL and Arrow
 * have it. */
template <unsigned Precision, int Scale = 0> struct decimal {
    static_assert(Precision >= 1 && Precision <= 38, "spine_cpp: a decimal has 1 to 38 "
                                                     "digits");
    /* The number without its point. That it has no more digits than `Precision` is not
     * checked, as in no column of decimals. */
    int128 digits = 0;

    decimal() = default;
    explicit constexpr decimal(int128 of) noexcept : digits(of)
    {
    }

    friend bool operator==(const decimal &a, const decimal &b) noexcept
    {
        return a.digits == b.digits;
    }

    friend bool operator!=(const decimal &a, const decimal &b) noexcept
    {
        return a.digits != b.digits;
    }

    friend bool operator<(const decimal &a, const decimal &b) noexcept
    {
        return a.digits < b.digits;
    }
};

/* Such as "-12.50"; the digits and an exponent, "7e3", where the scale is below zero. */
template <unsigned Precision, int Scale>
std::string
to_string(const decimal<Precision, Scale> &number)
{
    const bool is_negative = number.digits < 0;
    std::string text;

    for (int128 left = number.digits; left != 0; left /= 10)
        text.insert(text.begin(),
                    static_cast<char>('0' + (is_negative ? -(left % 10) : left % 10)));
    while (text.size() < (Scale > 0 ? static_cast<std::size_t>(Scale) + 1 : 1))
        text.insert(text.begin(), '0');
    if (Scale > 0)
        text.insert(text.end() - Scale, '.');
    if (Scale < 0 && number.digits != 0)
        text += "e" + std::to_string(-Scale);
    return is_negative ? "-" + text : text;
}

template <unsigned Precision, int Scale> struct tuple_value<decimal<Precision, Scale>> {
    using high = tuple_value<std::int64_t>;
    using low = tuple_value<std::uint64_t>;
    static constexpr bool is_fixed = true;
    static constexpr std::size_t bytes = 16;

    static spine_column column() noexcept
    {
        spine_column column = {};

        static_assert(Scale >= INT8_MIN && Scale <= INT8_MAX,
                      "spine_cpp: the scale of a decimal is in int8_t");
        column.kind = SPINE_COLUMN_DECIMAL128;
        column.precision = Precision;
        column.scale = Scale;
        return column;
    }

    static std::size_t size(const decimal<Precision, Scale> &, bool) noexcept
    {
        return bytes;
    }

    static unsigned char *put(unsigned char *to, const decimal<Precision, Scale> &number,
                              unsigned char flip, bool is_tail) noexcept
    {
        to = high::put(to, static_cast<std::int64_t>(number.digits >> 64), flip, is_tail);
        return low::put(to, static_cast<std::uint64_t>(number.digits), flip, is_tail);
    }

    static bool get(tuple_source &from, decimal<Precision, Scale> &out,
                    unsigned char flip, bool is_tail) noexcept
    {
        std::int64_t most = 0;
        std::uint64_t least = 0;

        if (!high::get(from, most, flip, is_tail) ||
            !low::get(from, least, flip, is_tail))
            return false;
        out.digits = static_cast<int128>(most) * (static_cast<int128>(1) << 64) + least;
        return true;
    }
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
