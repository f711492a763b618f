/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_ROW_HPP
#define SPINE_TUPLE_ROW_HPP

/*
 * One tuple at a time, of types that are known only when the program runs
 * (spine/tuple_row.h). Part of spine.hpp; include that.
 *
 *     spine_cpp::tuple_writer writer(types);
 *     writer.put(customer).put("ada");
 *     row.key = writer.finish();
 *
 *     spine_cpp::tuple_reader reader(types);
 *     const auto columns = reader.read(cell);
 *     use(columns[0].as.u64, spine_cpp::text_of(columns[1]));
 */

#include "spine/handle.hpp"
#include "spine/result.hpp"
#include "spine/tuple_page.hpp"
#include "spine/tuple_row.h"

#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Writes one tuple after the other. What fails is told by finish(). The constructor
 * throws when there is no memory. */
class tuple_writer : public handle<spine_tuple_writer, spine_tuple_writer_free>
{
    using base = handle<spine_tuple_writer, spine_tuple_writer_free>;

  public:
    explicit tuple_writer(const column_types &types)
        : tuple_writer(open(std::nothrow, types).value())
    {
    }

    static result<tuple_writer> open(std::nothrow_t, const column_types &types) noexcept
    {
        spine_tuple_writer *raw = nullptr;
        spine_error error;

        if (spine_tuple_writer_new(types.get(), &raw, &error) != SPINE_OK)
            return error;
        return tuple_writer(raw);
    }

    /* Back to the first column. */
    tuple_writer &clear() noexcept
    {
        spine_tuple_clear(get());
        return *this;
    }

    /* The value of the next column: a bool, an integer, a float or a double. */
    template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
    tuple_writer &put(T number) noexcept
    {
        static_assert(!std::is_same_v<T, char> && !std::is_same_v<T, wchar_t>,
                      "spine_cpp::tuple_writer: the sign of a char depends on the "
                      "machine: take std::int8_t or std::uint8_t");
        static_assert(!std::is_same_v<T, long double>,
                      "spine_cpp::tuple_writer: no column is that wide: take double");
        if constexpr (std::is_same_v<T, bool>)
            spine_tuple_put_bool(get(), number);
        else if constexpr (std::is_same_v<T, float>)
            spine_tuple_put_f32(get(), number);
        else if constexpr (std::is_floating_point_v<T>)
            spine_tuple_put_f64(get(), static_cast<double>(number));
        else if constexpr (std::is_signed_v<T>)
            spine_tuple_put_i64(get(), number);
        else
            spine_tuple_put_u64(get(), number);
        return *this;
    }

    /* A string. */
    tuple_writer &put(std::string_view text) noexcept
    {
        spine_tuple_put_bytes(get(), text.data(), text.size());
        return *this;
    }

    /* Anything else of bytes. */
    tuple_writer &put_bytes(spine_bytes bytes) noexcept
    {
        spine_tuple_put_bytes(get(), bytes.data, bytes.size);
        return *this;
    }

    tuple_writer &put_null() noexcept
    {
        spine_tuple_put_null(get());
        return *this;
    }

    /* The columns of a tuple begin, and end. */
    tuple_writer &begin() noexcept
    {
        spine_tuple_begin(get());
        return *this;
    }

    /* The columns of a tuple end. */
    tuple_writer &end() noexcept
    {
        spine_tuple_end(get());
        return *this;
    }

    /* The cell of the tuple, valid until the next call of this. */
    union spine_datum finish()
    {
        return finish(std::nothrow).value();
    }

    result<union spine_datum> finish(std::nothrow_t) noexcept
    {
        union spine_datum cell = {};
        spine_error error;

        if (get() == nullptr)
            return empty("tuple_writer");
        if (spine_tuple_finish(get(), &cell, &error) != SPINE_OK)
            return error;
        return cell;
    }

  private:
    using base::base;
};

/* Reads one tuple after the other. The constructor throws when there is no memory. */
class tuple_reader : public handle<spine_tuple_reader, spine_tuple_reader_free>
{
    using base = handle<spine_tuple_reader, spine_tuple_reader_free>;

  public:
    using columns_type = span<const spine_tuple_value>;

    explicit tuple_reader(const column_types &types)
        : tuple_reader(open(std::nothrow, types).value())
    {
    }

    static result<tuple_reader> open(std::nothrow_t, const column_types &types) noexcept
    {
        spine_tuple_reader *raw = nullptr;
        spine_error error;

        if (spine_tuple_reader_new(types.get(), &raw, &error) != SPINE_OK)
            return error;
        tuple_reader reader(raw);
        reader.size_ = types.size();
        return reader;
    }

    /* The columns of the tuple that `cell` is, valid until the next call of this. */
    columns_type read(union spine_datum cell)
    {
        return read(std::nothrow, cell).value();
    }

    result<columns_type> read(std::nothrow_t, union spine_datum cell) noexcept
    {
        const spine_tuple_value *columns = nullptr;
        spine_error error;

        if (get() == nullptr)
            return empty("tuple_reader");
        if (spine_tuple_read(get(), cell, &columns, &error) != SPINE_OK)
            return error;
        return columns_type(columns, size_);
    }

  private:
    using base::base;

    std::size_t size_ = 0;
};

/* The bytes of a value that has some; none of a null. */
inline std::string_view
text_of(const spine_tuple_value &value) noexcept
{
    if (value.is_null || value.kind < SPINE_COLUMN_DECIMAL128 ||
        value.kind > SPINE_COLUMN_BINARY)
        return {};
    return {static_cast<const char *>(value.as.bytes.data), value.as.bytes.size};
}

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
