/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_PAGE_HPP
#define SPINE_TUPLE_PAGE_HPP

/*
 * Tuple types that are known only when the program runs, and rows of them column by
 * column (spine/tuple_columns.h). Part of spine.hpp; include that. batch::from_tuples()
 * and batcher::add_tuples() take the rows.
 */

#include "spine/cursor_moves.hpp"
#include "spine/handle.hpp"
#include "spine/result.hpp"
#include "spine/tuple.h"
#include "spine/tuple_columns.h"

#include <cstddef>
#include <new>
#include <vector>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Columns, compiled; immutable and shared. */
class column_types
{
  public:
    column_types() noexcept = default;

    /* Takes a reference, which may be null. */
    explicit column_types(const spine_tuple_type *raw) noexcept : raw_(raw)
    {
    }

    column_types(const column_types &other) noexcept
        : raw_(spine_tuple_type_ref(other.raw_))
    {
    }

    column_types(column_types &&other) noexcept : raw_(std::exchange(other.raw_, nullptr))
    {
    }

    column_types &operator=(column_types other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }

    ~column_types()
    {
        spine_tuple_type_unref(raw_);
    }

    static column_types open(const std::vector<spine_column> &columns)
    {
        return open(std::nothrow, columns).value();
    }

    static result<column_types>
    open(nothrow_given, const std::vector<spine_column> &columns) noexcept
    {
        spine_tuple_type *raw = nullptr;
        spine_error error;

        if (spine_tuple_type_new(columns.data(), columns.size(), &raw, &error) !=
            SPINE_OK)
            return error;
        return column_types(raw);
    }

    std::size_t size() const noexcept
    {
        return spine_tuple_type_count(raw_);
    }

    /* As long as the types; NULL unless `index` is less than size(). */
    const spine_column *operator[](std::size_t index) const noexcept
    {
        return spine_tuple_type_column(raw_, index);
    }

    /* The cell that holds a tuple, for a schema. */
    spine_type cell() const noexcept
    {
        return spine_tuple_type_cell(raw_);
    }

    /* Cell `index` of a column of tuples; points into it. */
    union spine_datum
    datum(const void *cells, const uint64_t *offsets, std::size_t index) const noexcept
    {
        return spine_tuple_datum(raw_, cells, offsets, index);
    }

    const spine_tuple_type *get() const noexcept
    {
        return raw_;
    }

    explicit operator bool() const noexcept
    {
        return raw_ != nullptr;
    }

    friend bool operator==(const column_types &a, const column_types &b) noexcept
    {
        return spine_tuple_type_equal(a.raw_, b.raw_);
    }

    friend bool operator!=(const column_types &a, const column_types &b) noexcept
    {
        return !(a == b);
    }

  private:
    const spine_tuple_type *raw_ = nullptr;
};

/* The memory of some rows. What calls give is the page's until the next of its kind. The
 * constructor throws when there is no memory. */
class tuple_page : public handle<spine_tuple_page, spine_tuple_page_free>
{
    using base = handle<spine_tuple_page, spine_tuple_page_free>;

  public:
    tuple_page() : tuple_page(open(std::nothrow).value())
    {
    }

    static result<tuple_page> open(nothrow_given) noexcept
    {
        spine_tuple_page *raw = nullptr;
        spine_error error;

        if (spine_tuple_page_new(&raw, &error) != SPINE_OK)
            return error;
        return tuple_page(raw);
    }

    /* Rows as cells. */
    spine_columns encode(const spine_schema &schema, const spine_tuple_rows &rows)
    {
        return encode(std::nothrow, schema, rows).value();
    }

    result<spine_columns> encode(std::nothrow_t, const spine_schema &schema,
                                 const spine_tuple_rows &rows) noexcept
    {
        spine_columns out = {};
        spine_error error;

        if (!*this)
            return this->empty("tuple_page");
        if (spine_tuple_encode(get(), &schema, &rows, &out, &error) != SPINE_OK)
            return error;
        return out;
    }

    /* Cells as columns. */
    spine_tuple_rows decode(const spine_schema &schema, const spine_columns &cells)
    {
        return decode(std::nothrow, schema, cells).value();
    }

    result<spine_tuple_rows> decode(std::nothrow_t, const spine_schema &schema,
                                    const spine_columns &cells) noexcept
    {
        spine_tuple_rows out = {};
        spine_error error;

        if (!*this)
            return this->empty("tuple_page");
        if (spine_tuple_decode(get(), &schema, &cells, &out, &error) != SPINE_OK)
            return error;
        return out;
    }

    /* The next rows of a cursor, at most `rows_max`; none at its end. */
    template <class K, class V, spine_time Time, unsigned Weights>
    spine_tuple_rows
    read(cursor_moves<K, V, Time, Weights> &cursor, std::size_t rows_max = 4096)
    {
        return read(std::nothrow, cursor, rows_max).value();
    }

    template <class K, class V, spine_time Time, unsigned Weights>
    result<spine_tuple_rows>
    read(std::nothrow_t, cursor_moves<K, V, Time, Weights> &cursor,
         std::size_t rows_max = 4096) noexcept
    {
        spine_tuple_rows out = {};
        spine_error error;

        if (!*this)
            return this->empty("tuple_page");
        if (!cursor) {
            (void)fail(&error, SPINE_INVALID, "a cursor is empty");
            return error;
        }
        const std::size_t rows =
            spine_cursor_read_tuples(cursor.get(), get(), rows_max, &out);

        if (rows == 0) {
            const auto sound = cursor.check(std::nothrow);

            if (!sound)
                return sound.error();
            return spine_tuple_rows{};
        }
        return out;
    }

    /* All tuples whose first `count` columns have the values in row 0 of `columns`. */
    spine_tuple_bounds prefix_bounds(const column_types &types,
                                     const spine_column_data *columns, std::size_t count)
    {
        return prefix_bounds(std::nothrow, types, columns, count).value();
    }

    result<spine_tuple_bounds> prefix_bounds(std::nothrow_t, const column_types &types,
                                             const spine_column_data *columns,
                                             std::size_t count) noexcept
    {
        spine_tuple_bounds out = {};
        spine_error error;

        if (!*this)
            return this->empty("tuple_page");
        if (spine_tuple_prefix_bounds(get(), types.get(), columns, count, &out, &error) !=
            SPINE_OK)
            return error;
        return out;
    }

    /* The ranges of all tuples that begin with each of `prefixes`. */
    spine_key_ranges
    prefix_ranges(const column_types &types, const spine_tuple_prefixes &prefixes)
    {
        return prefix_ranges(std::nothrow, types, prefixes).value();
    }

    result<spine_key_ranges> prefix_ranges(std::nothrow_t, const column_types &types,
                                           const spine_tuple_prefixes &prefixes) noexcept
    {
        spine_key_ranges out = {};
        spine_error error;

        if (!*this)
            return this->empty("tuple_page");
        if (spine_tuple_prefix_ranges(get(), types.get(), &prefixes, &out, &error) !=
            SPINE_OK)
            return error;
        return out;
    }

  private:
    explicit tuple_page(spine_tuple_page *raw) noexcept : base(raw)
    {
    }
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
