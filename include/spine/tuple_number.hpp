/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_NUMBER_HPP
#define SPINE_TUPLE_NUMBER_HPP

/*
 * Columns of tuples that are numbers by another name: enumerations and points of time.
 * Part of spine/tuple.hpp.
 */

#include "spine/tuple_value.hpp"

#include <chrono>
#include <limits>
#include <ratio>

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

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
