/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_ROW_HPP
#define SPINE_TUPLE_ROW_HPP

/*
 * Tuples that say themselves what they are made of (spine/tuple_row.h): keys and values
 * of SPINE_BYTES whose elements are known only when the program runs. Part of spine.hpp;
 * include that.
 *
 *     spine_cpp::tuple_writer writer;
 *     writer.put(tenant).put(name, SPINE_DESCENDING);
 *     rows.add(writer.bytes(), 1);
 *
 *     spine_cpp::tuple_reader reader(key);
 *     while (reader.next())
 *         use(reader.element());
 */

#include "spine/codec.hpp"
#include "spine/handle.hpp"
#include "spine/result.hpp"
#include "spine/tuple_row.h"

#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Writes one tuple after the other. What fails is told by bytes(). */
class tuple_writer
{
  public:
    tuple_writer() noexcept
    {
        spine_tuple_writer_init(&raw_);
    }

    tuple_writer(const tuple_writer &) = delete;
    tuple_writer &operator=(const tuple_writer &) = delete;

    ~tuple_writer()
    {
        spine_tuple_writer_release(&raw_);
    }

    /* Back to the empty tuple. */
    tuple_writer &clear() noexcept
    {
        spine_tuple_clear(&raw_);
        return *this;
    }

    /* The next element: a bool, an integer, a double or a string. */
    template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
    tuple_writer &put(T number, spine_tuple_order order = SPINE_ASCENDING) noexcept
    {
        if constexpr (std::is_same_v<T, bool>)
            spine_tuple_put_bool(&raw_, number, order);
        else if constexpr (std::is_floating_point_v<T>)
            spine_tuple_put_f64(&raw_, static_cast<double>(number), order);
        else if constexpr (std::is_signed_v<T>)
            spine_tuple_put_i64(&raw_, number, order);
        else
            spine_tuple_put_u64(&raw_, number, order);
        return *this;
    }

    tuple_writer &
    put(std::string_view text, spine_tuple_order order = SPINE_ASCENDING) noexcept
    {
        spine_tuple_put_string(&raw_, text.data(), text.size(), order);
        return *this;
    }

    tuple_writer &
    put_bytes(spine_bytes bytes, spine_tuple_order order = SPINE_ASCENDING) noexcept
    {
        spine_tuple_put_bytes(&raw_, bytes.data, bytes.size, order);
        return *this;
    }

    tuple_writer &put_null(spine_tuple_order order = SPINE_ASCENDING) noexcept
    {
        spine_tuple_put_null(&raw_, order);
        return *this;
    }

    /* Whatever a reader gave. */
    tuple_writer &put(const spine_tuple_element &element) noexcept
    {
        spine_tuple_put(&raw_, &element);
        return *this;
    }

    /* A nested tuple begins, and ends. */
    tuple_writer &begin(spine_tuple_order order = SPINE_ASCENDING) noexcept
    {
        spine_tuple_begin(&raw_, order);
        return *this;
    }

    tuple_writer &end() noexcept
    {
        spine_tuple_end(&raw_);
        return *this;
    }

    /* The tuple, valid until the writer is used again. */
    std::string_view bytes() const
    {
        return bytes(std::nothrow).value();
    }

    result<std::string_view> bytes(std::nothrow_t) const noexcept
    {
        spine_error error;

        if (spine_tuple_writer_status(&raw_, &error) != SPINE_OK)
            return error;
        const spine_bytes whole = spine_tuple_bytes(&raw_);
        return std::string_view(static_cast<const char *>(whole.data), whole.size);
    }

  private:
    spine_tuple_writer raw_{};
};

/* Reads one tuple after the other. */
class tuple_reader
{
  public:
    /* `bytes` stay as they are while they are read. */
    explicit tuple_reader(std::string_view bytes = {}) noexcept
    {
        spine_tuple_reader_init(&raw_, {bytes.data(), bytes.size()});
    }

    tuple_reader(const tuple_reader &) = delete;
    tuple_reader &operator=(const tuple_reader &) = delete;

    ~tuple_reader()
    {
        spine_tuple_reader_release(&raw_);
    }

    void restart(std::string_view bytes) noexcept
    {
        spine_tuple_reader_restart(&raw_, {bytes.data(), bytes.size()});
    }

    /* Reads the next element; false at the end. Throws where no tuple has these bytes. */
    bool next()
    {
        return next(std::nothrow).value();
    }

    result<bool> next(std::nothrow_t) noexcept
    {
        spine_error error;

        if (spine_tuple_next(&raw_, &element_))
            return true;
        if (spine_tuple_reader_status(&raw_, &error) != SPINE_OK)
            return error;
        return false;
    }

    /* The last one read; its bytes are valid until the next. */
    const spine_tuple_element &element() const noexcept
    {
        return element_;
    }

    /* The bytes of a string or of bytes. */
    std::string_view text() const noexcept
    {
        if (element_.kind != SPINE_TUPLE_STRING && element_.kind != SPINE_TUPLE_BYTES)
            return {};
        return {static_cast<const char *>(element_.as.bytes.data),
                element_.as.bytes.size};
    }

  private:
    spine_tuple_reader raw_{};
    spine_tuple_element element_{};
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
