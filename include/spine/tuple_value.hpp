/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_VALUE_HPP
#define SPINE_TUPLE_VALUE_HPP

/*
 * Which C++ types are columns of tuples, and the bytes of their values. Part of
 * spine/tuple.hpp, which tells of them.
 */

#include "spine/result.hpp"
#include "spine/tuple.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/* clang-format off */
#define SPINE_EACH_1(m) row.m
#define SPINE_EACH_2(m, ...) row.m, SPINE_EACH_1(__VA_ARGS__)
#define SPINE_EACH_3(m, ...) row.m, SPINE_EACH_2(__VA_ARGS__)
#define SPINE_EACH_4(m, ...) row.m, SPINE_EACH_3(__VA_ARGS__)
#define SPINE_EACH_5(m, ...) row.m, SPINE_EACH_4(__VA_ARGS__)
#define SPINE_EACH_6(m, ...) row.m, SPINE_EACH_5(__VA_ARGS__)
#define SPINE_EACH_7(m, ...) row.m, SPINE_EACH_6(__VA_ARGS__)
#define SPINE_EACH_8(m, ...) row.m, SPINE_EACH_7(__VA_ARGS__)
#define SPINE_EACH_9(m, ...) row.m, SPINE_EACH_8(__VA_ARGS__)
#define SPINE_EACH_10(m, ...) row.m, SPINE_EACH_9(__VA_ARGS__)
#define SPINE_EACH_11(m, ...) row.m, SPINE_EACH_10(__VA_ARGS__)
#define SPINE_EACH_12(m, ...) row.m, SPINE_EACH_11(__VA_ARGS__)
#define SPINE_EACH_13(m, ...) row.m, SPINE_EACH_12(__VA_ARGS__)
#define SPINE_EACH_14(m, ...) row.m, SPINE_EACH_13(__VA_ARGS__)
#define SPINE_EACH_15(m, ...) row.m, SPINE_EACH_14(__VA_ARGS__)
#define SPINE_EACH_16(m, ...) row.m, SPINE_EACH_15(__VA_ARGS__)
#define SPINE_EACH_17(m, ...) row.m, SPINE_EACH_16(__VA_ARGS__)
#define SPINE_EACH_18(m, ...) row.m, SPINE_EACH_17(__VA_ARGS__)
#define SPINE_EACH_19(m, ...) row.m, SPINE_EACH_18(__VA_ARGS__)
#define SPINE_EACH_20(m, ...) row.m, SPINE_EACH_19(__VA_ARGS__)
#define SPINE_EACH_21(m, ...) row.m, SPINE_EACH_20(__VA_ARGS__)
#define SPINE_EACH_22(m, ...) row.m, SPINE_EACH_21(__VA_ARGS__)
#define SPINE_EACH_23(m, ...) row.m, SPINE_EACH_22(__VA_ARGS__)
#define SPINE_EACH_24(m, ...) row.m, SPINE_EACH_23(__VA_ARGS__)
#define SPINE_EACH_MORE(...) SPINE_MEMBERS_takes_24_members
#define SPINE_EACH_OF(m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15,  \
                      m16, m17, m18, m19, m20, m21, m22, m23, m24, m25, m26, m27, m28,   \
                      m29, m30, m31, m32, m33, m34, m35, m36, each, ...) each
#define SPINE_EACH(...)                                                                  \
    SPINE_EACH_OF(__VA_ARGS__, SPINE_EACH_MORE, SPINE_EACH_MORE, SPINE_EACH_MORE,        \
                  SPINE_EACH_MORE, SPINE_EACH_MORE, SPINE_EACH_MORE, SPINE_EACH_MORE,    \
                  SPINE_EACH_MORE, SPINE_EACH_MORE, SPINE_EACH_MORE, SPINE_EACH_MORE,    \
                  SPINE_EACH_MORE, SPINE_EACH_24, SPINE_EACH_23, SPINE_EACH_22,          \
                  SPINE_EACH_21, SPINE_EACH_20, SPINE_EACH_19, SPINE_EACH_18,            \
                  SPINE_EACH_17, SPINE_EACH_16, SPINE_EACH_15, SPINE_EACH_14,            \
                  SPINE_EACH_13, SPINE_EACH_12, SPINE_EACH_11, SPINE_EACH_10,            \
                  SPINE_EACH_9, SPINE_EACH_8, SPINE_EACH_7, SPINE_EACH_6, SPINE_EACH_5,  \
                  SPINE_EACH_4, SPINE_EACH_3, SPINE_EACH_2, SPINE_EACH_1, )(__VA_ARGS__)
/* clang-format on */

/* Lists up to 24 members of a structure, in the order of its columns. */
#define SPINE_MEMBERS(type, ...)                                                         \
    inline auto spine_members(const type &spine_row) noexcept                            \
    {                                                                                    \
        const auto spine_each = [](auto &row) noexcept {                                 \
            return std::tie(SPINE_EACH(__VA_ARGS__));                                    \
        };                                                                               \
        static_assert(                                                                   \
            ::spine_cpp::are_writable<decltype(spine_each(std::declval<type &>())),      \
                                      decltype(spine_each(spine_row))>,                  \
            "SPINE_MEMBERS: reading sets members: none is const or a reference");        \
        return spine_each(spine_row);                                                    \
    }                                                                                    \
    inline const char *spine_member_names(const type *) noexcept                         \
    {                                                                                    \
        return #__VA_ARGS__;                                                             \
    }

/* Compares a structure by the members that it lists, in their order. */
#define SPINE_COMPARED(type)                                                             \
    inline bool operator==(const type &a, const type &b)                                 \
    {                                                                                    \
        return spine_members(a) == spine_members(b);                                     \
    }                                                                                    \
    inline bool operator!=(const type &a, const type &b)                                 \
    {                                                                                    \
        return !(a == b);                                                                \
    }                                                                                    \
    inline bool operator<(const type &a, const type &b)                                  \
    {                                                                                    \
        return spine_members(a) < spine_members(b);                                      \
    }

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* False, as soon as T is known. */
template <class T> inline constexpr bool never = false;

/* Is T a std::optional? */
template <class T> inline constexpr bool is_optional = false;
template <class T> inline constexpr bool is_optional<std::optional<T>> = true;

/* Are members, which are these of a row and those of one that is const, neither const
 * nor references? */
template <class Members, class OfConst> inline constexpr bool are_writable = false;
template <class... Ts>
inline constexpr bool are_writable<std::tuple<Ts &...>, std::tuple<const Ts &...>> =
    (!std::is_const_v<Ts> && ...);

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

    /* Does a row with `a` come before one with `b`? */
    friend bool operator<(const ordered &a, const ordered &b)
    {
        if constexpr (is_optional<T>) {
            if (!a.value.has_value() || !b.value.has_value())
                return (Order & SPINE_ASCENDING_NULLS_LAST) != 0
                           ? a.value.has_value() && !b.value.has_value()
                           : b.value.has_value() && !a.value.has_value();
        }
        return (Order & SPINE_DESCENDING) != 0 ? b.value < a.value : a.value < b.value;
    }
};

template <class T> using descending = ordered<T, SPINE_DESCENDING>;
template <class T> using nulls_last = ordered<T, SPINE_ASCENDING_NULLS_LAST>;
template <class T> using descending_nulls_last = ordered<T, SPINE_DESCENDING_NULLS_LAST>;

/* --- what has columns --------------------------------------------------------------- */

/* Its columns as a std::tuple of references. */
template <class T, class = void> struct tuple_like : std::false_type {
};

template <class... Ts> struct tuple_like<std::tuple<Ts...>> : std::true_type {
    using columns = std::tuple<Ts...>;

    static const columns &refs(const columns &row) noexcept
    {
        return row;
    }

    static columns &refs(columns &row) noexcept
    {
        return row;
    }

    static constexpr const char *names = nullptr;
};

template <class Refs> struct referred;
template <class... Ts> struct referred<std::tuple<const Ts &...>> {
    using type = std::tuple<Ts...>;

    static std::tuple<Ts &...> writable(const std::tuple<const Ts &...> &refs) noexcept
    {
        return std::apply(
            [](const Ts &...each) {
                return std::tuple<Ts &...>(const_cast<Ts &>(each)...);
            },
            refs);
    }
};

template <class T>
struct tuple_like<T, std::void_t<decltype(spine_members(std::declval<const T &>()))>>
    : std::true_type {
    using columns_refs = decltype(spine_members(std::declval<const T &>()));
    using columns = typename referred<columns_refs>::type;

    static auto refs(const T &row) noexcept
    {
        return spine_members(row);
    }

    static auto refs(T &row) noexcept
    {
        return referred<columns_refs>::writable(
            spine_members(static_cast<const T &>(row)));
    }
};

/* --- values of columns -------------------------------------------------------------- */

/* Where the bytes of a value that does not lie in its cell as it is are put. */
class tuple_scratch
{
  public:
    /* Makes room for all strings of a cell of `bytes` bytes. */
    void begin(std::size_t bytes)
    {
        if (bytes_.size() < bytes)
            bytes_.resize(bytes);
        used_ = 0;
    }

    char *at() noexcept
    {
        return bytes_.data() + used_;
    }

    void take(std::size_t bytes) noexcept
    {
        used_ += bytes;
    }

  private:
    std::vector<char> bytes_;
    std::size_t used_ = 0;
};

/* Bytes [at, end) of a cell that are still to be read. */
struct tuple_source {
    const unsigned char *at;
    const unsigned char *end;
    tuple_scratch &scratch;
};

/*
 * How a T that may not be null is a column:
 *
 *     is_fixed, bytes   its width, or the least of it
 *     column()          its kind, and what a kind needs
 *     size()            its bytes, flipped or not, or some more: room for put()
 *     put()             writes them at `to`; returns where they end
 *     get()             reads them; false when they are none
 *     put_absent()      writes what stands for it in a tuple that is null
 *
 * All bits are flipped by `flip`, which is 0 or 0xff. Only strings and binaries care
 * whether they are the tail of a cell.
 */
template <class T, class = void> struct tuple_value {
    /* There is none. */
    using no_column = T;
};

/* Can a T be a column of a tuple, if it is not null? */
template <class T, class = void> struct has_tuple_value : std::true_type {
};
template <class T>
struct has_tuple_value<T, std::void_t<typename tuple_value<T>::no_column>>
    : std::false_type {
};

template <class T>
struct tuple_value<T, std::enable_if_t<std::is_arithmetic_v<T> && sizeof(T) <= 8>> {
    static_assert(!std::is_same_v<T, char> && !std::is_same_v<T, wchar_t>,
                  "spine_cpp: whether a char has a sign depends on the machine: take "
                  "std::int8_t or std::uint8_t, for wchar_t std::int32_t");
    static constexpr bool is_fixed = true;
    static constexpr std::size_t bytes = sizeof(T);
    using word = std::conditional_t<
        bytes == 1, std::uint8_t,
        std::conditional_t<bytes == 2, std::uint16_t,
                           std::conditional_t<bytes == 4, std::uint32_t, std::uint64_t>>>;
    static constexpr word sign = static_cast<word>(word{1} << (8 * bytes - 1));

    static spine_column column() noexcept
    {
        constexpr int log = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
        spine_column column = {};

        if (std::is_same_v<T, bool>)
            column.kind = SPINE_COLUMN_BOOL;
        else if (std::is_floating_point_v<T>)
            column.kind = bytes == 4 ? SPINE_COLUMN_F32 : SPINE_COLUMN_F64;
        else
            column.kind = static_cast<enum spine_column_kind>(
                (std::is_signed_v<T> ? SPINE_COLUMN_I8 : SPINE_COLUMN_U8) + log);
        return column;
    }

    static std::size_t size(T, bool) noexcept
    {
        return bytes;
    }

    static unsigned char *
    put(unsigned char *to, T number, unsigned char flip, bool) noexcept
    {
        word bits;

        std::memcpy(&bits, &number, bytes);
        if constexpr (std::is_floating_point_v<T>)
            bits = static_cast<word>(bits ^ ((bits & sign) != 0 ? ~word{0} : sign));
        else if constexpr (std::is_signed_v<T>)
            bits = static_cast<word>(bits ^ sign);
        bits = swapped(static_cast<word>(flip != 0 ? ~bits : bits));
        std::memcpy(to, &bits, bytes);
        return to + bytes;
    }

    static bool get(tuple_source &from, T &out, unsigned char flip, bool) noexcept
    {
        word bits = 0;

        if (static_cast<std::size_t>(from.end - from.at) < bytes)
            return false;
        std::memcpy(&bits, from.at, bytes);
        bits = swapped(bits);
        bits = static_cast<word>(flip != 0 ? ~bits : bits);
        from.at += bytes;
        if constexpr (std::is_same_v<T, bool>) {
            out = bits != 0;
            return bits <= 1;
        }
        if constexpr (std::is_floating_point_v<T>)
            bits = static_cast<word>(bits ^ ((bits & sign) != 0 ? sign : ~word{0}));
        else if constexpr (std::is_signed_v<T>)
            bits = static_cast<word>(bits ^ sign);
        std::memcpy(&out, &bits, bytes);
        return true;
    }

  private:
    /* From the order of bytes of the machine to big-endian, and back. */
    static word swapped(word bits) noexcept
    {
        if constexpr (bytes == 8)
            return __builtin_bswap64(bits);
        else if constexpr (bytes == 4)
            return __builtin_bswap32(bits);
        else if constexpr (bytes == 2)
            return __builtin_bswap16(bits);
        else
            return bits;
    }
};

template <class Byte, std::size_t N>
struct tuple_value<std::array<Byte, N>, std::enable_if_t<sizeof(Byte) == 1 && (N > 0)>> {
    static constexpr bool is_fixed = true;
    static constexpr std::size_t bytes = N;

    static spine_column column() noexcept
    {
        spine_column column = {};

        column.kind = SPINE_COLUMN_FIXED;
        column.size = N;
        return column;
    }

    static std::size_t size(const std::array<Byte, N> &, bool) noexcept
    {
        return N;
    }

    static unsigned char *put(unsigned char *to, const std::array<Byte, N> &value,
                              unsigned char flip, bool) noexcept
    {
        for (std::size_t i = 0; i < N; i++)
            to[i] =
                static_cast<unsigned char>(static_cast<unsigned char>(value[i]) ^ flip);
        return to + N;
    }

    static bool
    get(tuple_source &from, std::array<Byte, N> &out, unsigned char flip, bool) noexcept
    {
        if (static_cast<std::size_t>(from.end - from.at) < N)
            return false;
        for (std::size_t i = 0; i < N; i++)
            out[i] = static_cast<Byte>(static_cast<unsigned char>(from.at[i] ^ flip));
        from.at += N;
        return true;
    }
};

/* Strings and binaries, whose bytes are those of a std::string_view. */
template <spine_column_kind Kind> struct tuple_text {
    static constexpr bool is_fixed = false;
    static constexpr std::size_t bytes = 0;

    static spine_column column() noexcept
    {
        spine_column column = {};

        column.kind = Kind;
        return column;
    }

    /* Zeros take two bytes each. They are counted where twice the room would be much; a
     * text that is copied is not looked at twice. */
    static std::size_t size_of(std::string_view text, bool is_tail) noexcept
    {
        std::size_t zeros = text.size();

        if (is_tail)
            return text.size();
        if (text.size() > counted_min)
            zeros = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\0'));
        return text.size() + zeros + 2;
    }

    static unsigned char *put_text(unsigned char *to, std::string_view text,
                                   unsigned char flip, bool is_tail) noexcept
    {
        unsigned char *const begin = to;

        if (is_tail || text.find('\0') == std::string_view::npos) {
            if (!text.empty())
                std::memcpy(to, text.data(), text.size());
            to += text.size();
        } else {
            for (const char letter : text) {
                *to++ = static_cast<unsigned char>(letter);
                if (letter == '\0')
                    *to++ = 0xff;
            }
        }
        if (!is_tail) {
            *to++ = 0;
            *to++ = 0;
        }
        for (unsigned char *byte = begin; flip != 0 && byte < to; byte++)
            *byte = static_cast<unsigned char>(~*byte);
        return to;
    }

    static unsigned char *put_absent(unsigned char *to, unsigned char flip) noexcept
    {
        return put_text(to, {}, flip, false);
    }

    /* The text points into the cell where it lies there as it is. */
    static bool get_text(tuple_source &from, std::string_view &out, unsigned char flip,
                         bool is_tail) noexcept
    {
        const char *const cell = reinterpret_cast<const char *>(from.at);
        const unsigned char *at = from.at;

        if (is_tail) {
            out = {cell, static_cast<std::size_t>(from.end - at)};
            from.at = from.end;
            return true;
        }
        /* An empty cell may be at NULL. */
        if (at == from.end)
            return false;
        for (bool is_plain = flip == 0;; is_plain = false) {
            const void *const zero =
                std::memchr(at, flip, static_cast<std::size_t>(from.end - at));

            if (zero == nullptr)
                return false;
            at = static_cast<const unsigned char *>(zero) + 1;
            if (at == from.end)
                return false;
            const unsigned char after = static_cast<unsigned char>(*at++ ^ flip);
            if (after != 0 && after != 0xff)
                return false;
            if (after == 0 && is_plain)
                out = {cell, static_cast<std::size_t>(at - 2 - from.at)};
            else if (after == 0)
                out = restored(from, at - 2, flip);
            if (after == 0)
                break;
        }
        from.at = at;
        return true;
    }

  private:
    static constexpr std::size_t counted_min = 4096;

    /* Bytes up to `end`, unflipped and without escapes. */
    static std::string_view
    restored(tuple_source &from, const unsigned char *end, unsigned char flip) noexcept
    {
        char *const begin = from.scratch.at();
        char *to = begin;

        for (const unsigned char *at = from.at; at < end; at++) {
            *to = static_cast<char>(static_cast<unsigned char>(*at ^ flip));
            at += *to++ == '\0';
        }
        from.scratch.take(static_cast<std::size_t>(to - begin));
        return {begin, static_cast<std::size_t>(to - begin)};
    }
};

template <class Text>
struct tuple_value<Text, std::enable_if_t<std::is_same_v<Text, std::string> ||
                                          std::is_same_v<Text, std::string_view>>>
    : tuple_text<SPINE_COLUMN_STRING> {
    static std::size_t size(std::string_view text, bool is_tail) noexcept
    {
        return size_of(text, is_tail);
    }

    static unsigned char *put(unsigned char *to, std::string_view text,
                              unsigned char flip, bool is_tail) noexcept
    {
        return put_text(to, text, flip, is_tail);
    }

    static bool get(tuple_source &from, Text &out, unsigned char flip, bool is_tail)
    {
        std::string_view text;

        if (!get_text(from, text, flip, is_tail))
            return false;
        out = text;
        return true;
    }
};

template <class Byte>
struct tuple_value<std::vector<Byte>,
                   std::enable_if_t<std::is_same_v<Byte, unsigned char> ||
                                    std::is_same_v<Byte, std::byte>>>
    : tuple_text<SPINE_COLUMN_BINARY> {
    static std::string_view text_of(const std::vector<Byte> &bytes) noexcept
    {
        return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
    }

    static std::size_t size(const std::vector<Byte> &bytes, bool is_tail) noexcept
    {
        return tuple_value::size_of(text_of(bytes), is_tail);
    }

    static unsigned char *put(unsigned char *to, const std::vector<Byte> &bytes,
                              unsigned char flip, bool is_tail) noexcept
    {
        return tuple_value::put_text(to, text_of(bytes), flip, is_tail);
    }

    static bool
    get(tuple_source &from, std::vector<Byte> &out, unsigned char flip, bool is_tail)
    {
        std::string_view text;

        if (!tuple_value::get_text(from, text, flip, is_tail))
            return false;
        const Byte *const begin = reinterpret_cast<const Byte *>(text.data());
        out.assign(begin, begin + text.size());
        return true;
    }
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
