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
 *     std::tuple, structures with          the narrowest    the same
 *     SPINE_MEMBERS() (tuple.hpp)          that holds them
 *     what else tuples have: bool,         that of a tuple  the same
 *     std::optional, points of time, ...   of this alone
 *     void (of a set)                      SPINE_NONE       nothing
 *
 * Another type becomes a column by a specialisation of spine_cpp::codec.
 *
 * A cell that is given for a column of another kind does not compile: bytes for numbers,
 * double for integers, numbers for bytes. An integer that the column's type does not
 * have, and a string at NULL, are SPINE_INVALID.
 */

#include "spine/result.hpp"
#include "spine/schema.h"
#include "spine/tuple.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

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
 *     argument           what adding and seeking take, made of what a caller gives
 *     view               what reading gives; may point into the cell
 *     encoder, decoder   memory kept from cell to cell
 *     encode(), decode() SPINE_OK, or a status with `*error` filled
 *
 * A codec of tuples also has make_type(), which makes their type.
 */
template <class T, class = void> struct codec {
    static_assert(
        never<T>,
        "spine_cpp::map: no column can be of this type: take integers of 4 or 8 "
        "bytes, double, std::string, std::array of bytes, std::tuple, a "
        "structure with SPINE_MEMBERS() in its namespace, what else spine/tuple.hpp "
        "lists, or specialise spine_cpp::codec");
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

    static enum spine_status
    decode(const union spine_datum &, decoder &, view *, spine_error *) noexcept
    {
        return SPINE_OK;
    }
};

/* Is an Other what strings are made of, and no number? */
template <class Other>
inline constexpr bool is_text =
    std::is_convertible_v<const Other &, std::string_view> ||
    std::is_pointer_v<std::decay_t<Other>> || std::is_null_pointer_v<Other>;

/*
 * A T as calls take it, for a column of numbers, a weight or a time, so that nothing else
 * becomes one in silence: bytes and, for integers, double do not compile. An integer of
 * another type is taken when it is in T; otherwise the call is refused with
 * SPINE_INVALID.
 */
template <class T> class number_argument
{
    template <class Other>
    static constexpr bool is_other_integer =
        std::is_integral_v<T> &&std::is_integral_v<Other> && !std::is_same_v<Other, T>;

  public:
    constexpr number_argument(T number) noexcept : number_(number)
    {
    }

    template <class Other, std::enable_if_t<is_other_integer<Other>, int> = 0>
    constexpr number_argument(Other number) noexcept
        : number_(static_cast<T>(number)), given_(static_cast<uint64_t>(number)),
          negative_(number < Other{}),
          fits_(static_cast<Other>(number_) == number && (number_ < T{}) == negative_)
    {
    }

    template <class Other,
              std::enable_if_t<std::is_integral_v<T> && std::is_floating_point_v<Other>,
                               int> = 0>
    constexpr number_argument(Other) noexcept
    {
        static_assert(never<Other>, "spine_cpp: an integer is wanted, not a double");
    }

    template <class Other, std::enable_if_t<is_text<Other>, int> = 0>
    constexpr number_argument(const Other &) noexcept
    {
        static_assert(never<Other>, "spine_cpp: a number is wanted, not bytes");
    }

    /* Objects that convert to a T. */
    template <class Other, std::enable_if_t<std::is_class_v<Other> && !is_text<Other> &&
                                                std::is_convertible_v<const Other &, T>,
                                            int> = 0>
    constexpr number_argument(const Other &other) : number_(other)
    {
    }

    constexpr T number() const noexcept
    {
        return number_;
    }

    /* SPINE_INVALID when what was given is not in T. */
    enum spine_status check(spine_error *error) const noexcept
    {
        return fits_ ? SPINE_OK : refuse(error);
    }

  private:
    enum spine_status refuse(spine_error *error) const noexcept
    {
        const unsigned long long size = negative_ ? 0 - given_ : given_;
        char message[100];

        if (std::is_same_v<T, bool>)
            (void)std::snprintf(message, sizeof message, "%s%llu is not a bool",
                                negative_ ? "-" : "", size);
        else
            (void)std::snprintf(message, sizeof message, "%s%llu is not in %sint%u_t",
                                negative_ ? "-" : "", size,
                                std::is_signed_v<T> ? "" : "u",
                                static_cast<unsigned>(8 * sizeof(T)));
        return fail(error, SPINE_INVALID, message);
    }

    T number_ = T{};
    /* An integer of another type, and whether it is below zero and in T. */
    uint64_t given_ = 0;
    bool negative_ = false;
    bool fits_ = true;
};

/* A string as calls take it; a pointer to one that is NULL is SPINE_INVALID. */
class text_argument
{
  public:
    template <class Text,
              std::enable_if_t<std::is_convertible_v<const Text &, std::string_view> &&
                                   !std::is_pointer_v<std::decay_t<Text>>,
                               int> = 0>
    text_argument(const Text &text) noexcept : text_(text)
    {
    }

    text_argument(const char *text) noexcept
        : text_(text != nullptr ? std::string_view(text) : std::string_view()),
          fits_(text != nullptr)
    {
    }

    text_argument(std::nullptr_t) = delete;

    std::string_view text() const noexcept
    {
        return text_;
    }

    enum spine_status check(spine_error *error) const noexcept
    {
        if (fits_)
            return SPINE_OK;
        return fail(error, SPINE_INVALID, "a string that was given is NULL");
    }

  private:
    std::string_view text_;
    bool fits_ = true;
};

template <class T>
struct codec<
    T, std::enable_if_t<std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8)>> {
    using argument = number_argument<T>;
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
    encode(argument given, encoder &, union spine_datum *out, spine_error *error) noexcept
    {
        const T number = given.number();

        if constexpr (sizeof(T) == 8)
            *out = is_signed ? spine_i64(static_cast<int64_t>(number))
                             : spine_u64(static_cast<uint64_t>(number));
        else
            *out = is_signed ? spine_i32(static_cast<int32_t>(number))
                             : spine_u32(static_cast<uint32_t>(number));
        return given.check(error);
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
    using argument = number_argument<double>;
    using view = double;
    using encoder = no_scratch;
    using decoder = no_scratch;

    static constexpr spine_type type() noexcept
    {
        return {SPINE_F64, 0};
    }

    static enum spine_status
    encode(argument given, encoder &, union spine_datum *out, spine_error *error) noexcept
    {
        *out = spine_f64(given.number());
        return given.check(error);
    }

    static enum spine_status
    decode(const union spine_datum &cell, decoder &, double *out, spine_error *) noexcept
    {
        *out = cell.f64;
        return SPINE_OK;
    }
};

template <> struct codec<std::string> {
    using argument = text_argument;
    using view = std::string_view;
    using encoder = no_scratch;
    using decoder = no_scratch;

    static constexpr spine_type type() noexcept
    {
        return {SPINE_BYTES, 0};
    }

    static enum spine_status
    encode(argument given, encoder &, union spine_datum *out, spine_error *error) noexcept
    {
        *out = spine_data(given.text().data(), given.text().size());
        return given.check(error);
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

template <class Row> struct codec<Row, std::enable_if_t<tuple_like<Row>::value>> {
    using argument = const Row &;
    using view = Row;
    using encoder = tuple_encoder;
    using decoder = tuple_decoder;

    static constexpr spine_type type() noexcept
    {
        return tuple_cell<Row>::type();
    }

    static enum spine_status
    make_type(spine_tuple_type **out, spine_error *error) noexcept
    {
        return tuple_type<Row>::make(out, error);
    }

    static enum spine_status encode(argument row, encoder &encoder,
                                    union spine_datum *out, spine_error *error) noexcept
    {
        return encoder.encode(row, out, error);
    }

    static enum spine_status
    decode(const union spine_datum &cell, decoder &decoder, view *out, spine_error *error)
    {
        return decoder.decode(cell, out, error);
    }
};

template <class T> inline constexpr bool is_tuple = tuple_like<T>::value;

/* Is a T a column of tuples, and no cell by itself? */
template <class T, class = void> struct is_lone_column {
    static constexpr bool is_number =
        std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8);
    using plain = typename column_null<typename column_order<T>::type>::type;
    static constexpr bool value = !is_number && !std::is_same_v<T, double> &&
                                  !std::is_same_v<T, std::string> &&
                                  !tuple_like<T>::value && has_tuple_value<plain>::value;
};
template <> struct is_lone_column<void> {
    static constexpr bool value = false;
};
template <class T, std::size_t N> struct is_lone_column<std::array<T, N>> {
    static constexpr bool value = false;
};

/* A cell of one column, as a tuple of that alone. */
template <class T> struct codec<T, std::enable_if_t<is_lone_column<T>::value>> {
    using row = std::tuple<T>;
    using argument =
        std::conditional_t<std::is_arithmetic_v<T>, number_argument<T>,
                           std::conditional_t<std::is_same_v<T, std::string_view>,
                                              text_argument, const T &>>;
    using view = T;
    using encoder = tuple_encoder;
    using decoder = tuple_decoder;

    static constexpr spine_type type() noexcept
    {
        return tuple_cell<row>::type();
    }

    static enum spine_status
    make_type(spine_tuple_type **out, spine_error *error) noexcept
    {
        return tuple_type<row>::make(out, error);
    }

    static enum spine_status encode(argument given, encoder &encoder,
                                    union spine_datum *out, spine_error *error) noexcept
    {
        enum spine_status status = SPINE_OK;

        if constexpr (std::is_arithmetic_v<T>) {
            const T number = given.number();

            status = encoder.template encode_columns<row>(std::tie(number), out, error);
            return status == SPINE_OK ? given.check(error) : status;
        } else if constexpr (std::is_same_v<T, std::string_view>) {
            const T text = given.text();

            status = encoder.template encode_columns<row>(std::tie(text), out, error);
            return status == SPINE_OK ? given.check(error) : status;
        } else {
            return encoder.template encode_columns<row>(std::tie(given), out, error);
        }
    }

    static enum spine_status
    decode(const union spine_datum &cell, decoder &decoder, view *out, spine_error *error)
    {
        row columns{};
        const enum spine_status status = decoder.decode(cell, &columns, error);

        if (status == SPINE_OK)
            *out = std::move(std::get<0>(columns));
        return status;
    }
};

/* Is the cell of a T one of columns? */
template <class T>
inline constexpr bool has_columns = is_tuple<T> || is_lone_column<T>::value;

/* A schema, with the references to its tuple types. */
template <class K, class V, spine_time Time, unsigned Weights = 1> class schema_of
{
  public:
    schema_of() noexcept
    {
        raw_.key = codec<K>::type();
        raw_.value = codec<V>::type();
        raw_.weight_count = Weights;
        raw_.time = Time;
    }

    schema_of(const schema_of &) = delete;
    schema_of &operator=(const schema_of &) = delete;

    ~schema_of()
    {
        spine_tuple_type_unref(raw_.key_tuple);
        spine_tuple_type_unref(raw_.value_tuple);
    }

    static_assert(Weights >= 1 && Weights <= SPINE_WEIGHTS_MAX,
                  "spine_cpp::map: rows have 1 to 8 weights");

    /* Makes the tuple types; before get(). */
    enum spine_status make(spine_error *error) noexcept
    {
        const enum spine_status status = make_side<K>(&raw_.key_tuple, error);

        return status == SPINE_OK ? make_side<V>(&raw_.value_tuple, error) : status;
    }

    const spine_schema *get() const noexcept
    {
        return &raw_;
    }

  private:
    template <class T>
    static enum spine_status
    make_side(const spine_tuple_type **out, spine_error *error) noexcept
    {
        spine_tuple_type *type = nullptr;
        enum spine_status status = SPINE_OK;

        if constexpr (has_columns<T>)
            status = codec<T>::make_type(&type, error);
        *out = type;
        return status;
    }

    spine_schema raw_ = {};
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
