/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_HPP
#define SPINE_TUPLE_HPP

/*
 * std::tuple, and structures that list their members, as tuples of columns. Their bytes
 * are those of spine/tuple.h. Part of spine.hpp; include that.
 *
 *     C++                                  column
 *     bool                                 bool
 *     integers of 1, 2, 4 and 8 bytes      i8 to i64, u8 to u64
 *     enumerations                         the integers below them
 *     float, double                        f32, f64
 *     decimal<precision, scale>            decimal128
 *     std::chrono::time_point of the       date32, of days; timestamp, of seconds,
 *     system's clock                       milli-, micro- and nanoseconds
 *     std::string, std::string_view        string
 *     std::vector of unsigned char         binary
 *     or std::byte
 *     std::array of these, or of char      fixed
 *     std::optional                        nullable
 *     std::tuple, structures               tuple
 *     ordered<T, order>                    T in that order
 *
 * Columns ascend with nulls first unless ordered<> says otherwise, for which there are
 * descending<T>, nulls_last<T> and descending_nulls_last<T>. Another type becomes a
 * column by a specialisation of spine_cpp::tuple_value.
 *
 * A structure lists its members once, in its own namespace:
 *
 *     struct order { uint32_t customer; std::string_view item; double price; };
 *     SPINE_MEMBERS(order, customer, item, price)
 *
 * and is a column, a key or a value from then on, with the names of its members.
 * SPINE_COMPARED(order) defines ==, != and < by them. A std::string_view that is read is
 * valid until the cursor moves.
 *
 * A batcher writes each row into columns of cells, and hands over some thousand rows of
 * these at a time. Columns of members would have to be encoded later, which takes longer.
 */

#include "spine/result.hpp"
#include "spine/schema.h"
#include "spine/tuple_column.hpp"

#include <memory>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* --- tuple types -------------------------------------------------------------------- */

/* The names of members, as SPINE_MEMBERS() has them, one behind the other. */
class member_names
{
  public:
    explicit member_names(const char *list) noexcept
    {
        std::size_t size = 0;

        for (; list != nullptr && *list != '\0' && size + 1 < sizeof text_; list++)
            if (*list != ' ')
                text_[size++] = *list == ',' ? '\0' : *list;
        is_whole_ = list != nullptr && *list == '\0';
    }

    /* NULL when there is none, or the list was too long. */
    const char *next() noexcept
    {
        const char *const name = at_;

        if (!is_whole_)
            return nullptr;
        at_ += std::strlen(at_) + 1;
        return name;
    }

  private:
    char text_[1024] = {};
    const char *at_ = text_;
    bool is_whole_ = false;
};

template <class Row>
const char *
names_of() noexcept
{
    if constexpr (std::is_same_v<Row, typename tuple_like<Row>::columns>)
        return nullptr;
    else
        return spine_member_names(static_cast<const Row *>(nullptr));
}

template <class Row> struct tuple_type;

/* Column `T`; a nested one has a type of its own, which the caller ends. */
template <class T>
enum spine_status
describe_column(spine_column *out, const char *name, spine_error *error) noexcept
{
    using column = tuple_column<T>;
    using plain = typename column::null::type;
    enum spine_status status = SPINE_OK;

    if constexpr (tuple_like<plain>::value) {
        spine_tuple_type *nested = nullptr;

        *out = spine_column{};
        status = tuple_type<plain>::make(&nested, error);
        out->kind = SPINE_COLUMN_TUPLE;
        out->tuple = nested;
    } else {
        *out = column::value::column();
    }
    out->name = name;
    out->nullable = column::null::nullable;
    out->order = static_cast<enum spine_tuple_order>(column::order);
    return status;
}

/* The type of the columns that a Row has. */
template <class Row> struct tuple_type {
    /* On success the caller has the reference. */
    static enum spine_status make(spine_tuple_type **out, spine_error *error) noexcept
    {
        return make_of(static_cast<typename tuple_like<Row>::columns *>(nullptr), out,
                       error);
    }

  private:
    template <class... Ts>
    static enum spine_status
    make_of(std::tuple<Ts...> *, spine_tuple_type **out, spine_error *error) noexcept
    {
        static_assert(sizeof...(Ts) > 0, "spine_cpp::map: a tuple has a column");
        std::array<spine_column, sizeof...(Ts)> columns{};
        member_names names(names_of<Row>());
        enum spine_status status = SPINE_OK;
        std::size_t i = 0;

        ((status = status == SPINE_OK
                       ? describe_column<Ts>(&columns[i++], names.next(), error)
                       : status),
         ...);
        if (status == SPINE_OK)
            status = spine_tuple_type_new(columns.data(), columns.size(), out, error);
        for (const spine_column &column : columns)
            spine_tuple_type_unref(column.tuple);
        return status;
    }
};

/* --- cells -------------------------------------------------------------------------- */

template <class Row> struct tuple_cell {
    using columns = columns_of<Row>;
    static constexpr std::size_t bytes = columns::bytes;
    static constexpr bool is_word = columns::is_fixed && bytes <= 8;
    static constexpr bool is_fixed =
        columns::is_fixed && !is_word && bytes <= SPINE_FIXED_MAX;

    static constexpr spine_type type() noexcept
    {
        return is_word    ? spine_type{SPINE_U64, 0}
               : is_fixed ? spine_type{SPINE_FIXED, static_cast<uint32_t>(bytes)}
                          : spine_type{SPINE_BYTES, 0};
    }

    static uint64_t word_of(const unsigned char *from) noexcept
    {
        uint64_t word = 0;

        for (std::size_t i = 0; i < bytes % 9; i++)
            word = word << 8 | from[i];
        return word;
    }
};

/* Memory that holds one tuple after the other. */
class tuple_memory
{
  public:
    /* Room for `bytes`, where the first `kept` stay; NULL without memory. */
    unsigned char *room(std::size_t bytes, std::size_t kept = 0) noexcept
    {
        if (bytes > capacity_ || memory_ == nullptr) {
            const std::size_t more = bytes + bytes / 2 + 64;
            std::unique_ptr<unsigned char[]> memory(
                new (std::nothrow) unsigned char[more]);

            if (memory != nullptr && kept > 0)
                std::memcpy(memory.get(), memory_.get(), kept);
            memory_ = std::move(memory);
            capacity_ = memory_ != nullptr ? more : 0;
        }
        return memory_.get();
    }

  private:
    std::unique_ptr<unsigned char[]> memory_;
    std::size_t capacity_ = 0;
};

/* The writer of one tuple after the other. */
class tuple_encoder
{
  public:
    /* `*out` is `row` as a cell, valid until the next call. SPINE_INVALID when no cell
     * holds it. */
    template <class Row>
    enum spine_status
    encode(const Row &row, union spine_datum *out, spine_error *error) noexcept
    {
        return encode_columns<Row>(tuple_like<Row>::refs(row), out, error);
    }

    /* The same of the columns of a Row, wherever they are. */
    template <class Row, class Refs>
    enum spine_status
    encode_columns(const Refs &refs, union spine_datum *out, spine_error *error) noexcept
    {
        using cell = tuple_cell<Row>;
        spine_bytes bytes = {};
        const enum spine_status status =
            write<Row, cell::columns::count>(refs, 0, &bytes, error);

        if (status != SPINE_OK)
            return status;
        *out =
            cell::is_word
                ? spine_u64(cell::word_of(static_cast<const unsigned char *>(bytes.data)))
                : spine_data(bytes.data, bytes.size);
        return SPINE_OK;
    }

    /* `*out` is the least cell of the Rows whose first columns are `prefix`. */
    template <class Row, class Prefix>
    enum spine_status encode_prefix(const Prefix &prefix, union spine_datum *out,
                                    spine_error *error) noexcept
    {
        using cell = tuple_cell<Row>;
        spine_bytes bytes = {};
        const bool is_padded = cell::is_word || cell::is_fixed;
        const enum spine_status status = write<Prefix, cell::columns::count>(
            prefix, is_padded ? cell::bytes : 0, &bytes, error);

        if (status != SPINE_OK)
            return status;
        *out =
            cell::is_word
                ? spine_u64(cell::word_of(static_cast<const unsigned char *>(bytes.data)))
                : spine_data(bytes.data, bytes.size);
        return SPINE_OK;
    }

    /* `*out` is the least cell behind those of encode_prefix(), unless none is
     * (`*has_end`). */
    template <class Row, class Prefix>
    enum spine_status encode_prefix_end(const Prefix &prefix, union spine_datum *out,
                                        bool *has_end, spine_error *error) noexcept
    {
        using cell = tuple_cell<Row>;
        constexpr bool is_whole = std::tuple_size_v<Prefix> == cell::columns::count;
        constexpr bool is_padded = cell::is_word || cell::is_fixed;
        spine_bytes bytes = {};
        const enum spine_status status =
            write<Prefix, cell::columns::count>(prefix, 0, &bytes, error);
        if (status != SPINE_OK)
            return status;
        std::size_t size = bytes.size;
        unsigned char *const to =
            memory_.room((is_padded ? cell::bytes : size) + 1, size);

        if (to == nullptr)
            return fail(error, SPINE_NOMEM, "no memory for a tuple");
        if (is_whole && !is_padded) {
            to[size++] = 0;
        } else {
            while (size > 0 && to[size - 1] == 0xff)
                size--;
            *has_end = size > 0;
            if (size == 0)
                return SPINE_OK;
            to[size - 1]++;
        }
        if (is_padded) {
            std::memset(to + size, 0, cell::bytes - size);
            size = cell::bytes;
        }
        *has_end = true;
        *out = cell::is_word ? spine_u64(cell::word_of(to)) : spine_data(to, size);
        return SPINE_OK;
    }

    /* The bytes of columns of a tuple that has `All`, zeros behind them up to `least`. */
    template <class Row, std::size_t All, class Refs>
    enum spine_status write(const Refs &refs, std::size_t least, spine_bytes *out,
                            spine_error *error) noexcept
    {
        using columns = columns_of<Row>;
        const std::size_t room = room_of<columns, All>(refs);

        if (is_long(room))
            return fail_long(error);
        unsigned char *const to = memory_.room(room > least ? room : least);
        if (to == nullptr)
            return fail(error, SPINE_NOMEM, "no memory for a tuple");
        unsigned char *const end = columns::template put<All>(to, refs, 0);
        const auto size = static_cast<std::size_t>(end - to);
        if (size > SPINE_BYTES_MAX)
            return fail_long(error);
        if (size < least)
            std::memset(end, 0, least - size);
        *out = {to, size > least ? size : least};
        return SPINE_OK;
    }

    /* Room for the bytes of columns. */
    template <class Columns, std::size_t All, class Refs>
    static std::size_t room_of(const Refs &refs) noexcept
    {
        return Columns::is_fixed ? Columns::bytes : Columns::template size<All>(refs);
    }

    /* Is that more than a cell may have, even if half of the room is spare? */
    static bool is_long(std::size_t room) noexcept
    {
        return room / 2 > SPINE_BYTES_MAX;
    }

    /* A cell has more bytes than it may. */
    static enum spine_status fail_long(spine_error *error) noexcept
    {
        static_assert(SPINE_BYTES_MAX == 268435456, "as the message says");
        return fail(error, SPINE_INVALID, "a cell has more than 268435456 bytes");
    }

  private:
    tuple_memory memory_;
};

/* The reader of one tuple after the other. */
class tuple_decoder
{
  public:
    /* SPINE_CORRUPT when the cell is none of a Row. Text that `*out` refers to is in the
     * cell, or here until the next call. */
    template <class Row>
    enum spine_status decode(const union spine_datum &cell, Row *out, spine_error *error)
    {
        using shape = tuple_cell<Row>;
        unsigned char word[8];

        if (!shape::is_word)
            return read(cell.bytes, out, error);
        for (std::size_t i = 0; i < 8; i++)
            word[i] = static_cast<unsigned char>(cell.u64 >> (56 - 8 * i));
        return read({word + (8 - shape::bytes % 9), shape::bytes % 9}, out, error);
    }

    /* The same of the bytes of a tuple. */
    template <class Row>
    enum spine_status read(spine_bytes bytes, Row *out, spine_error *error)
    {
        using columns = columns_of<Row>;
        const auto *const begin = static_cast<const unsigned char *>(bytes.data);
        tuple_source from{begin, begin + bytes.size, scratch_};
        auto &&refs = tuple_like<Row>::refs(*out);

        if (!columns::is_fixed)
            scratch_.begin(bytes.size);
        if (columns::template get<columns::count>(from, refs, 0) && from.at == from.end)
            return SPINE_OK;
        return fail(error, SPINE_CORRUPT, "a cell is no tuple of its type");
    }

  private:
    tuple_scratch scratch_;
};

/* The bytes of a tuple, big-endian also where its cell is a word. */
template <class Row>
result<std::string>
encode_tuple(std::nothrow_t, const Row &row)
{
    tuple_encoder encoder;
    spine_bytes bytes = {};
    spine_error error;

    if (encoder.write<Row, columns_of<Row>::count>(tuple_like<Row>::refs(row), 0, &bytes,
                                                   &error) != SPINE_OK)
        return error;
    return std::string(static_cast<const char *>(bytes.data), bytes.size);
}

template <class Row>
std::string
encode_tuple(const Row &row)
{
    return encode_tuple(std::nothrow, row).value();
}

/* Is a T, or something in it, a std::string_view? */
template <class T, class = void> struct has_views : std::is_same<T, std::string_view> {
};
template <class T> struct has_views<std::optional<T>> : has_views<T> {
};
template <class T, spine_tuple_order Order>
struct has_views<ordered<T, Order>> : has_views<T> {
};
template <class Columns> struct have_views;
template <class... Ts>
struct have_views<std::tuple<Ts...>> : std::disjunction<has_views<Ts>...> {
};
template <class Row>
struct has_views<Row, std::enable_if_t<tuple_like<Row>::value>>
    : have_views<typename tuple_like<Row>::columns> {
};

/* The Row that `bytes` hold; it has no std::string_view. */
template <class Row>
result<Row>
decode_tuple(std::nothrow_t, std::string_view bytes)
{
    static_assert(!has_views<Row>::value,
                  "spine_cpp::decode_tuple: a std::string_view would show memory that is "
                  "gone: take std::string");
    tuple_decoder decoder;
    Row row{};
    spine_error error;

    if (decoder.read(spine_bytes{bytes.data(), bytes.size()}, &row, &error) != SPINE_OK)
        return error;
    return row;
}

template <class Row>
Row
decode_tuple(std::string_view bytes)
{
    return decode_tuple<Row>(std::nothrow, bytes).value();
}

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
