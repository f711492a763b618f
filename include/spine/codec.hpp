/* SPDX-License-Identifier: MIT */
#ifndef SPINE_CODEC_HPP
#define SPINE_CODEC_HPP

/*
 * Which C++ type is which column. Part of spine.hpp; include that.
 *
 *     C++                                  column           read as
 *     integers of 4 and 8 bytes, double    the number       the same
 *     std::string                          SPINE_BYTES      std::string_view
 *     std::array<unsigned char, N>,        SPINE_FIXED      the same
 *     also of std::byte or char
 *     std::tuple<...>                      SPINE_BYTES,     the same
 *                                          see tuple.hpp
 *     void (of a set)                      SPINE_NONE       nothing
 *
 * Another type becomes a column by a specialisation of spine_cpp::codec.
 */

#include "spine/result.hpp"
#include "spine/schema.h"
#include "spine/tuple.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Scratch memory of a codec that needs none. */
struct no_scratch {
};

/*
 * How a T is a cell:
 *
 *     type()             the column
 *     argument           what adding and seeking take
 *     view               what reading gives; may point into the cell
 *     encoder, decoder   memory kept from cell to cell
 *     encode(), decode() SPINE_OK, or a status with `*error` filled
 */
template <class T, class = void> struct codec {
    static_assert(never<T>, "spine_cpp::map: no column can be of this type");
};

template <> struct codec<void> {
    using argument = no_scratch;
    using view = no_scratch;
    using encoder = no_scratch;
    using decoder = no_scratch;

    static constexpr spine_type type() noexcept
    {
        return {SPINE_NONE, 0};
    }

    static enum spine_status
    encode(argument, encoder &, union spine_datum *out, spine_error *) noexcept
    {
        *out = spine_datum{};
        return SPINE_OK;
    }
};

template <class T>
struct codec<
    T, std::enable_if_t<std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8)>> {
    using argument = T;
    using view = T;
    using encoder = no_scratch;
    using decoder = no_scratch;
    static constexpr bool is_signed = std::is_signed_v<T>;

    static constexpr spine_type type() noexcept
    {
        if (sizeof(T) == 8)
            return {is_signed ? SPINE_I64 : SPINE_U64, 0};
        return {is_signed ? SPINE_I32 : SPINE_U32, 0};
    }

    static enum spine_status
    encode(T number, encoder &, union spine_datum *out, spine_error *) noexcept
    {
        if constexpr (sizeof(T) == 8)
            *out = is_signed ? spine_i64(static_cast<int64_t>(number))
                             : spine_u64(static_cast<uint64_t>(number));
        else
            *out = is_signed ? spine_i32(static_cast<int32_t>(number))
                             : spine_u32(static_cast<uint32_t>(number));
        return SPINE_OK;
    }

    static enum spine_status
    decode(const union spine_datum &cell, decoder &, T *out, spine_error *) noexcept
    {
        if constexpr (sizeof(T) == 8)
            *out = is_signed ? static_cast<T>(cell.i64) : static_cast<T>(cell.u64);
        else
            *out = is_signed ? static_cast<T>(cell.i32) : static_cast<T>(cell.u32);
        return SPINE_OK;
    }
};

template <> struct codec<double> {
    using argument = double;
    using view = double;
    using encoder = no_scratch;
    using decoder = no_scratch;

    static constexpr spine_type type() noexcept
    {
        return {SPINE_F64, 0};
    }

    static enum spine_status
    encode(double number, encoder &, union spine_datum *out, spine_error *) noexcept
    {
        *out = spine_f64(number);
        return SPINE_OK;
    }

    static enum spine_status
    decode(const union spine_datum &cell, decoder &, double *out, spine_error *) noexcept
    {
        *out = cell.f64;
        return SPINE_OK;
    }
};

template <> struct codec<std::string> {
    using argument = std::string_view;
    using view = std::string_view;
    using encoder = no_scratch;
    using decoder = no_scratch;

    static constexpr spine_type type() noexcept
    {
        return {SPINE_BYTES, 0};
    }

    static enum spine_status encode(std::string_view text, encoder &,
                                    union spine_datum *out, spine_error *) noexcept
    {
        *out = spine_data(text.data(), text.size());
        return SPINE_OK;
    }

    static enum spine_status decode(const union spine_datum &cell, decoder &,
                                    std::string_view *out, spine_error *) noexcept
    {
        *out = {static_cast<const char *>(cell.bytes.data), cell.bytes.size};
        return SPINE_OK;
    }
};

template <class Byte, std::size_t N>
struct codec<std::array<Byte, N>, std::enable_if_t<std::is_same_v<Byte, unsigned char> ||
                                                   std::is_same_v<Byte, std::byte> ||
                                                   std::is_same_v<Byte, char>>> {
    static_assert(N >= 1 && N <= SPINE_FIXED_MAX, "spine_cpp::map: 1 to 65535 bytes");
    using argument = const std::array<Byte, N> &;
    using view = std::array<Byte, N>;
    using encoder = no_scratch;
    using decoder = no_scratch;

    static constexpr spine_type type() noexcept
    {
        return {SPINE_FIXED, N};
    }

    static enum spine_status
    encode(argument bytes, encoder &, union spine_datum *out, spine_error *) noexcept
    {
        *out = spine_data(bytes.data(), N);
        return SPINE_OK;
    }

    static enum spine_status
    decode(const union spine_datum &cell, decoder &, view *out, spine_error *) noexcept
    {
        std::memcpy(out->data(), cell.bytes.data, N);
        return SPINE_OK;
    }
};

template <class... Ts> struct codec<std::tuple<Ts...>> {
    using argument = const std::tuple<Ts...> &;
    using view = std::tuple<Ts...>;
    using encoder = tuple_writer;
    using decoder = tuple_reader;

    static constexpr spine_type type() noexcept
    {
        return {SPINE_BYTES, 0};
    }

    static enum spine_status encode(argument elements, encoder &writer,
                                    union spine_datum *out, spine_error *error) noexcept
    {
        *out = spine_datum{};
        return writer.write(elements, &out->bytes, error);
    }

    static enum spine_status
    decode(const union spine_datum &cell, decoder &reader, view *out, spine_error *error)
    {
        return reader.read(cell.bytes, out, error);
    }
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
