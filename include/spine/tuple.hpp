/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_HPP
#define SPINE_TUPLE_HPP

/*
 * std::tuple as ordered bytes, those of spine/tuple_row.h. Part of spine.hpp; include
 * that.
 *
 *     C++                                  element
 *     bool                                 bool
 *     signed integers, unsigned ones       i64, u64
 *     double                               f64
 *     std::string                          string
 *     std::vector of unsigned char         bytes
 *     or std::byte
 *     std::optional                        null, or what it holds
 *     std::tuple                           a nested tuple
 *     ordered<T, order>                    T in that order
 *
 * Elements are ascending with nulls first unless ordered<> says otherwise, for which
 * there are descending<T>, nulls_last<T> and descending_nulls_last<T>. Another type
 * becomes an element by a specialisation of spine_cpp::tuple_element.
 */

#include "spine/result.hpp"
#include "spine/tuple_row.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

template <class T> inline constexpr bool never = false;

/* Fills `error` and returns `status`. */
inline enum spine_status
fail(spine_error *error, enum spine_status status, const char *message) noexcept
{
    if (error != nullptr) {
        error->status = status;
        (void)std::snprintf(error->message, sizeof error->message, "%s", message);
    }
    return status;
}

/* --- elements of tuples ------------------------------------------------------------ */

/* A T whose order is not the usual one. Of a std::optional, not in one. */
template <class T, spine_tuple_order Order> struct ordered {
    T value{};

    ordered() = default;
    ordered(T of) noexcept(std::is_nothrow_move_constructible_v<T>) : value(std::move(of))
    {
    }

    friend bool operator==(const ordered &a, const ordered &b)
    {
        return a.value == b.value;
    }

    friend bool operator!=(const ordered &a, const ordered &b)
    {
        return !(a == b);
    }
};

template <class T> using descending = ordered<T, SPINE_DESCENDING>;
template <class T> using nulls_last = ordered<T, SPINE_ASCENDING_NULLS_LAST>;
template <class T> using descending_nulls_last = ordered<T, SPINE_DESCENDING_NULLS_LAST>;

/*
 * How a T is put and read:
 *
 *     static void put(spine_tuple_writer &, const T &, enum spine_tuple_order) noexcept;
 *     static bool get(spine_tuple_reader &, const spine_tuple_element &, T &out);
 *
 * get() is handed the element that was read, and says whether that is a T.
 */
template <class T, class = void> struct tuple_element {
    static_assert(never<T>, "spine_cpp::map: no element of a tuple can be of this type");
};

template <> struct tuple_element<bool> {
    static void
    put(spine_tuple_writer &writer, bool truth, enum spine_tuple_order order) noexcept
    {
        spine_tuple_put_bool(&writer, truth, order);
    }

    static bool
    get(spine_tuple_reader &, const spine_tuple_element &element, bool &out) noexcept
    {
        out = element.as.truth;
        return element.kind == SPINE_TUPLE_BOOL;
    }
};

template <class T>
struct tuple_element<T, std::enable_if_t<std::is_integral_v<T> && std::is_signed_v<T>>> {
    static void
    put(spine_tuple_writer &writer, T number, enum spine_tuple_order order) noexcept
    {
        spine_tuple_put_i64(&writer, number, order);
    }

    static bool
    get(spine_tuple_reader &, const spine_tuple_element &element, T &out) noexcept
    {
        out = static_cast<T>(element.as.i64);
        return element.kind == SPINE_TUPLE_I64 && out == element.as.i64;
    }
};

template <class T>
struct tuple_element<T, std::enable_if_t<std::is_integral_v<T> && std::is_unsigned_v<T> &&
                                         !std::is_same_v<T, bool>>> {
    static void
    put(spine_tuple_writer &writer, T number, enum spine_tuple_order order) noexcept
    {
        spine_tuple_put_u64(&writer, number, order);
    }

    static bool
    get(spine_tuple_reader &, const spine_tuple_element &element, T &out) noexcept
    {
        out = static_cast<T>(element.as.u64);
        return element.kind == SPINE_TUPLE_U64 && out == element.as.u64;
    }
};

template <> struct tuple_element<double> {
    static void
    put(spine_tuple_writer &writer, double number, enum spine_tuple_order order) noexcept
    {
        spine_tuple_put_f64(&writer, number, order);
    }

    static bool
    get(spine_tuple_reader &, const spine_tuple_element &element, double &out) noexcept
    {
        out = element.as.f64;
        return element.kind == SPINE_TUPLE_F64;
    }
};

/* Can be put, to seek by; cannot be read, as nothing would hold its characters. */
template <> struct tuple_element<std::string_view> {
    static void put(spine_tuple_writer &writer, std::string_view text,
                    enum spine_tuple_order order) noexcept
    {
        spine_tuple_put_string(&writer, text.data(), text.size(), order);
    }
};

template <> struct tuple_element<std::string> : tuple_element<std::string_view> {
    static bool
    get(spine_tuple_reader &, const spine_tuple_element &element, std::string &out)
    {
        if (element.kind != SPINE_TUPLE_STRING)
            return false;
        out.assign(static_cast<const char *>(element.as.bytes.data),
                   element.as.bytes.size);
        return true;
    }
};

template <class Byte>
struct tuple_element<std::vector<Byte>,
                     std::enable_if_t<std::is_same_v<Byte, unsigned char> ||
                                      std::is_same_v<Byte, std::byte>>> {
    static void put(spine_tuple_writer &writer, const std::vector<Byte> &bytes,
                    enum spine_tuple_order order) noexcept
    {
        spine_tuple_put_bytes(&writer, bytes.data(), bytes.size(), order);
    }

    static bool
    get(spine_tuple_reader &, const spine_tuple_element &element, std::vector<Byte> &out)
    {
        if (element.kind != SPINE_TUPLE_BYTES)
            return false;
        const Byte *const begin = static_cast<const Byte *>(element.as.bytes.data);
        out.assign(begin, begin + element.as.bytes.size);
        return true;
    }
};

template <class T> struct is_ordered : std::false_type {
};
template <class T, spine_tuple_order Order>
struct is_ordered<ordered<T, Order>> : std::true_type {
};

template <class T> struct tuple_element<std::optional<T>> {
    static_assert(!is_ordered<T>::value,
                  "spine_cpp::map: ordered<std::optional<T>>, please");

    static void put(spine_tuple_writer &writer, const std::optional<T> &maybe,
                    enum spine_tuple_order order) noexcept
    {
        if (maybe.has_value())
            tuple_element<T>::put(writer, *maybe, order);
        else
            spine_tuple_put_null(&writer, order);
    }

    static bool get(spine_tuple_reader &reader, const spine_tuple_element &element,
                    std::optional<T> &out)
    {
        if (element.kind == SPINE_TUPLE_NULL) {
            out = std::nullopt;
            return true;
        }
        if (!out.has_value())
            out.emplace();
        return tuple_element<T>::get(reader, element, *out);
    }
};

template <class T, spine_tuple_order Order> struct tuple_element<ordered<T, Order>> {
    static void put(spine_tuple_writer &writer, const ordered<T, Order> &element,
                    enum spine_tuple_order) noexcept
    {
        tuple_element<T>::put(writer, element.value, Order);
    }

    static bool get(spine_tuple_reader &reader, const spine_tuple_element &element,
                    ordered<T, Order> &out)
    {
        /* A key written in another order would not be found where it is sought. */
        const bool descends = (Order & SPINE_DESCENDING) != 0;
        return ((element.order & SPINE_DESCENDING) != 0) == descends &&
               tuple_element<T>::get(reader, element, out.value);
    }
};

template <class... Ts>
void
put_elements(spine_tuple_writer &writer, const std::tuple<Ts...> &elements) noexcept
{
    std::apply(
        [&writer](const auto &...each) {
            (void)writer;
            (tuple_element<std::decay_t<decltype(each)>>::put(writer, each,
                                                              SPINE_ASCENDING),
             ...);
        },
        elements);
}

/* The order of an element of type T. */
template <class T> inline constexpr enum spine_tuple_order order_of = SPINE_ASCENDING;
template <class T, spine_tuple_order Order>
inline constexpr enum spine_tuple_order order_of<ordered<T, Order>> = Order;

/* A key written in another order than that of T would not be found where it is sought. */
template <class T>
bool
order_fits(const struct spine_tuple_element &element) noexcept
{
    if (element.kind == SPINE_TUPLE_NULL)
        return element.order == order_of<T>;
    const bool descends = (order_of<T> & SPINE_DESCENDING) != 0;
    return ((element.order & SPINE_DESCENDING) != 0) == descends;
}

template <class T>
bool
get_next(spine_tuple_reader &reader, T &out)
{
    struct spine_tuple_element element;

    return spine_tuple_next(&reader, &element) && order_fits<T>(element) &&
           tuple_element<T>::get(reader, element, out);
}

template <class... Ts>
bool
get_elements(spine_tuple_reader &reader, std::tuple<Ts...> &out)
{
    return std::apply(
        [&reader](auto &...each) {
            (void)reader;
            return (get_next(reader, each) && ...);
        },
        out);
}

template <class... Ts> struct tuple_element<std::tuple<Ts...>> {
    static void put(spine_tuple_writer &writer, const std::tuple<Ts...> &elements,
                    enum spine_tuple_order order) noexcept
    {
        spine_tuple_begin(&writer, order);
        put_elements(writer, elements);
        spine_tuple_end(&writer);
    }

    static bool get(spine_tuple_reader &reader, const spine_tuple_element &element,
                    std::tuple<Ts...> &out)
    {
        struct spine_tuple_element end;

        return element.kind == SPINE_TUPLE_BEGIN && get_elements(reader, out) &&
               spine_tuple_next(&reader, &end) && end.kind == SPINE_TUPLE_END;
    }
};

/* --- tuples ------------------------------------------------------------------------ */

/* The writer of one tuple after the other. */
class tuple_writer
{
  public:
    tuple_writer() noexcept
    {
        spine_tuple_writer_init(&raw_);
    }

    tuple_writer(tuple_writer &&other) noexcept : raw_(other.raw_)
    {
        spine_tuple_writer_init(&other.raw_);
    }

    tuple_writer &operator=(tuple_writer &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }

    ~tuple_writer()
    {
        spine_tuple_writer_release(&raw_);
    }

    /* `*out` is `elements` as bytes, valid until the next call. */
    template <class... Ts>
    enum spine_status write(const std::tuple<Ts...> &elements, struct spine_bytes *out,
                            spine_error *error) noexcept
    {
        spine_tuple_clear(&raw_);
        put_elements(raw_, elements);
        *out = spine_tuple_bytes(&raw_);
        return spine_tuple_writer_status(&raw_, error);
    }

  private:
    spine_tuple_writer raw_;
};

/* The reader of one tuple after the other. */
class tuple_reader
{
  public:
    tuple_reader() noexcept
    {
        spine_tuple_reader_init(&raw_, spine_bytes{nullptr, 0});
    }

    tuple_reader(tuple_reader &&other) noexcept : raw_(other.raw_)
    {
        spine_tuple_reader_init(&other.raw_, spine_bytes{nullptr, 0});
    }

    tuple_reader &operator=(tuple_reader &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }

    ~tuple_reader()
    {
        spine_tuple_reader_release(&raw_);
    }

    /* SPINE_INVALID when the tuple has other elements than `*out`. */
    template <class... Ts>
    enum spine_status
    read(struct spine_bytes tuple, std::tuple<Ts...> *out, spine_error *error)
    {
        struct spine_tuple_element more;

        spine_tuple_reader_restart(&raw_, tuple);
        const bool fits = get_elements(raw_, *out) && !spine_tuple_next(&raw_, &more);
        const enum spine_status status = spine_tuple_reader_status(&raw_, error);
        if (status == SPINE_OK && !fits)
            return fail(error, SPINE_INVALID, "a tuple has other elements than its type");
        return status;
    }

  private:
    spine_tuple_reader raw_;
};

/* `elements` as the bytes that a std::tuple column holds. */
template <class... Ts>
result<std::string>
encode_tuple(std::nothrow_t, const std::tuple<Ts...> &elements)
{
    tuple_writer writer;
    struct spine_bytes bytes;
    spine_error error;

    if (writer.write(elements, &bytes, &error) != SPINE_OK)
        return error;
    return bytes.size == 0
               ? std::string()
               : std::string(static_cast<const char *>(bytes.data), bytes.size);
}

template <class... Ts>
std::string
encode_tuple(const std::tuple<Ts...> &elements)
{
    return encode_tuple(std::nothrow, elements).value();
}

/* The Tuple, a std::tuple, that `bytes` hold. */
template <class Tuple>
result<Tuple>
decode_tuple(std::nothrow_t, std::string_view bytes)
{
    tuple_reader reader;
    Tuple elements;
    spine_error error;

    if (reader.read(spine_bytes{bytes.data(), bytes.size()}, &elements, &error) !=
        SPINE_OK)
        return error;
    return elements;
}

template <class Tuple>
Tuple
decode_tuple(std::string_view bytes)
{
    return decode_tuple<Tuple>(std::nothrow, bytes).value();
}

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
