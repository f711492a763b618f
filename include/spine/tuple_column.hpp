/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_COLUMN_HPP
#define SPINE_TUPLE_COLUMN_HPP

/*
 * Columns of tuples with their orders and nulls, and rows of them. Part of
 * spine/tuple.hpp.
 */

#include "spine/tuple_number.hpp"
#include "spine/tuple_value.hpp"

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* --- columns ------------------------------------------------------------------------ */

/* What a T is without its order. */
template <class T> struct column_order {
    using type = T;
    static constexpr enum spine_tuple_order order = SPINE_ASCENDING;

    static const T &value(const T &of) noexcept
    {
        return of;
    }

    static T &value(T &of) noexcept
    {
        return of;
    }
};

template <class T, spine_tuple_order Order> struct column_order<ordered<T, Order>> {
    using type = T;
    static constexpr enum spine_tuple_order order = Order;

    static const T &value(const ordered<T, Order> &of) noexcept
    {
        return of.value;
    }

    static T &value(ordered<T, Order> &of) noexcept
    {
        return of.value;
    }
};

template <class T> struct is_ordered : std::false_type {
};
template <class T, spine_tuple_order Order>
struct is_ordered<ordered<T, Order>> : std::true_type {
};

template <class T> struct column_null {
    using type = T;
    static constexpr bool nullable = false;
};

template <class T> struct column_null<std::optional<T>> {
    static_assert(!is_ordered<T>::value,
                  "spine_cpp::map: ordered<std::optional<T>>, please");
    using type = T;
    static constexpr bool nullable = true;
};

/* A column of type T: with its order, and its byte when it is nullable. */
template <class T> struct tuple_column {
    static_assert(!std::is_const_v<T> && !std::is_reference_v<T>,
                  "spine_cpp::map: a column of a tuple is neither const nor a reference");
    using unordered = column_order<T>;
    using null = column_null<typename unordered::type>;
    using value = tuple_value<typename null::type>;
    static_assert(has_tuple_value<typename null::type>::value,
                  "spine_cpp::map: no column of a tuple can be of this type: take what "
                  "spine/tuple.hpp lists, a structure with SPINE_MEMBERS() in its "
                  "namespace, or specialise spine_cpp::tuple_value");

    static constexpr unsigned order = unordered::order;
    static constexpr unsigned char own = (order & SPINE_DESCENDING) != 0 ? 0xff : 0;
    static constexpr unsigned char null_marker =
        (order & SPINE_ASCENDING_NULLS_LAST) != 0 ? 2 : 0;
    static constexpr bool is_fixed = value::is_fixed;
    static constexpr std::size_t bytes = value::bytes + (null::nullable ? 1 : 0);
    /* May it lie at the end of a cell as it is? */
    static constexpr bool may_be_tail =
        (std::is_base_of_v<tuple_text<SPINE_COLUMN_STRING>, value> ||
         std::is_base_of_v<tuple_text<SPINE_COLUMN_BINARY>, value>)&&own == 0;

    static unsigned char flip_of(unsigned char outer) noexcept
    {
        return static_cast<unsigned char>(outer ^ own);
    }

    static std::size_t size(const T &of, bool is_tail) noexcept
    {
        const auto &given = unordered::value(of);

        if constexpr (!null::nullable)
            return value::size(given, is_tail);
        else if (given.has_value())
            return 1 + value::size(*given, is_tail);
        else
            return 1 + absent_size();
    }

    static unsigned char *
    put(unsigned char *to, const T &of, unsigned char outer, bool is_tail) noexcept
    {
        const auto &given = unordered::value(of);

        if constexpr (!null::nullable) {
            return value::put(to, given, flip_of(outer), is_tail);
        } else {
            *to++ =
                static_cast<unsigned char>((given.has_value() ? 1 : null_marker) ^ outer);
            if (given.has_value())
                return value::put(to, *given, flip_of(outer), is_tail);
            return put_missing(to, outer);
        }
    }

    static bool get(tuple_source &from, T &of, unsigned char outer, bool is_tail)
    {
        auto &out = unordered::value(of);

        if constexpr (!null::nullable) {
            return value::get(from, out, flip_of(outer), is_tail);
        } else {
            if (from.at == from.end)
                return false;
            const unsigned marker = static_cast<unsigned>(*from.at++ ^ outer);
            if (marker == 1) {
                if (!out.has_value())
                    out.emplace();
                return value::get(from, *out, flip_of(outer), is_tail);
            }
            out = std::nullopt;
            return marker == null_marker && skip_missing(from, outer);
        }
    }

    /* What stands for the column in a tuple that is null. */
    static std::size_t size_in_null() noexcept
    {
        if constexpr (null::nullable)
            return 1 + absent_size();
        else if constexpr (is_fixed)
            return bytes;
        else if constexpr (tuple_like<typename null::type>::value)
            return value::size_in_null();
        else
            return 2;
    }

    static unsigned char *put_in_null(unsigned char *to, unsigned char outer) noexcept
    {
        if constexpr (null::nullable)
            *to++ = static_cast<unsigned char>(null_marker ^ outer);
        if constexpr (null::nullable || is_fixed)
            return put_missing(to, outer);
        else
            return value::put_absent(to, flip_of(outer));
    }

    static bool skip_in_null(tuple_source &from, unsigned char outer)
    {
        if constexpr (null::nullable) {
            return from.at < from.end && (*from.at++ ^ outer) == null_marker &&
                   skip_missing(from, outer);
        } else if constexpr (is_fixed) {
            return skip_missing(from, outer);
        } else {
            typename null::type ignored{};

            return value::get(from, ignored, flip_of(outer), false);
        }
    }

  private:
    /* The bytes of a null behind its marker. */
    static std::size_t absent_size() noexcept
    {
        if constexpr (is_fixed)
            return value::bytes;
        else if constexpr (tuple_like<typename null::type>::value)
            return value::size_in_null();
        else
            return 0;
    }

    static unsigned char *put_missing(unsigned char *to, unsigned char outer) noexcept
    {
        if constexpr (tuple_like<typename null::type>::value) {
            return value::put_absent(to, flip_of(outer));
        } else if constexpr (is_fixed) {
            std::memset(to, outer, value::bytes);
            return to + value::bytes;
        } else {
            return to;
        }
    }

    static bool skip_missing(tuple_source &from, unsigned char outer)
    {
        if constexpr (is_fixed) {
            if (static_cast<std::size_t>(from.end - from.at) < value::bytes)
                return false;
            from.at += value::bytes;
            return true;
        } else if constexpr (tuple_like<typename null::type>::value) {
            return value::skip_in_null(from, flip_of(outer));
        } else {
            return true;
        }
    }
};

/* All columns of a tuple: Ts, or the first ones of as many as `Count`. */
template <class Tuple> struct tuple_columns;
template <class... Ts> struct tuple_columns<std::tuple<Ts...>> {
    static constexpr bool is_fixed = (tuple_column<Ts>::is_fixed && ...);
    static constexpr std::size_t bytes = (std::size_t{0} + ... + tuple_column<Ts>::bytes);
    static constexpr std::size_t count = sizeof...(Ts);

    /* `All` is how many columns the whole tuple has; none is the tail of a nested one. */
    template <std::size_t All, class Refs>
    static std::size_t size(const Refs &refs) noexcept
    {
        return size_at<All>(refs, std::index_sequence_for<Ts...>());
    }

    template <std::size_t All, class Refs>
    static unsigned char *
    put(unsigned char *to, const Refs &refs, unsigned char flip) noexcept
    {
        return put_at<All>(to, refs, flip, std::index_sequence_for<Ts...>());
    }

    template <std::size_t All, class Refs>
    static bool get(tuple_source &from, Refs &refs, unsigned char flip)
    {
        return get_at<All>(from, refs, flip, std::index_sequence_for<Ts...>());
    }

    static std::size_t size_in_null() noexcept
    {
        return (std::size_t{0} + ... + tuple_column<Ts>::size_in_null());
    }

    static unsigned char *put_in_null(unsigned char *to, unsigned char flip) noexcept
    {
        ((to = tuple_column<Ts>::put_in_null(to, flip)), ...);
        return to;
    }

    static bool skip_in_null(tuple_source &from, unsigned char flip)
    {
        return (tuple_column<Ts>::skip_in_null(from, flip) && ...);
    }

  private:
    template <class T, std::size_t Index, std::size_t All>
    static constexpr bool is_tail = Index + 1 == All &&tuple_column<T>::may_be_tail;

    template <std::size_t All, class Refs, std::size_t... I>
    static std::size_t size_at(const Refs &refs, std::index_sequence<I...>) noexcept
    {
        (void)refs;
        return (std::size_t{0} + ... +
                tuple_column<Ts>::size(std::get<I>(refs), is_tail<Ts, I, All>));
    }

    template <std::size_t All, class Refs, std::size_t... I>
    static unsigned char *put_at(unsigned char *to, const Refs &refs, unsigned char flip,
                                 std::index_sequence<I...>) noexcept
    {
        (void)refs;
        ((to = tuple_column<Ts>::put(to, std::get<I>(refs), flip, is_tail<Ts, I, All>)),
         ...);
        return to;
    }

    template <std::size_t All, class Refs, std::size_t... I>
    static bool
    get_at(tuple_source &from, Refs &refs, unsigned char flip, std::index_sequence<I...>)
    {
        (void)refs;
        return (
            tuple_column<Ts>::get(from, std::get<I>(refs), flip, is_tail<Ts, I, All>) &&
            ...);
    }
};

/* The number of columns that a tuple is taken to have where none of its columns is a
 * tail. */
inline constexpr std::size_t no_tail = 0;

template <class Row> using columns_of = tuple_columns<typename tuple_like<Row>::columns>;

template <class Row> struct tuple_value<Row, std::enable_if_t<tuple_like<Row>::value>> {
    using columns = columns_of<Row>;
    static constexpr bool is_fixed = columns::is_fixed;
    static constexpr std::size_t bytes = columns::bytes;

    static std::size_t size(const Row &row, bool) noexcept
    {
        return columns::template size<no_tail>(tuple_like<Row>::refs(row));
    }

    static unsigned char *
    put(unsigned char *to, const Row &row, unsigned char flip, bool) noexcept
    {
        return columns::template put<no_tail>(to, tuple_like<Row>::refs(row), flip);
    }

    static bool get(tuple_source &from, Row &row, unsigned char flip, bool)
    {
        auto &&refs = tuple_like<Row>::refs(row);

        return columns::template get<no_tail>(from, refs, flip);
    }

    static std::size_t size_in_null() noexcept
    {
        return columns::size_in_null();
    }

    static unsigned char *put_absent(unsigned char *to, unsigned char flip) noexcept
    {
        return columns::put_in_null(to, flip);
    }

    static bool skip_in_null(tuple_source &from, unsigned char flip)
    {
        return columns::skip_in_null(from, flip);
    }
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
