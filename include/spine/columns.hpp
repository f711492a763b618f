/* SPDX-License-Identifier: MIT */
#ifndef SPINE_COLUMNS_HPP
#define SPINE_COLUMNS_HPP

/*
 * Columns of cells, as struct spine_columns has them: written, and read in bulk. Part of
 * spine.hpp; include that.
 *
 *     spine_cpp::row_columns<uint64_t, std::string> rows;
 *     while (cursor.read(rows) > 0)
 *         for (std::size_t i = 0; i < rows.size(); i++)
 *             use(rows.keys()[i], rows.values()[i], rows.weights()[i]);
 *
 * Cells that are numbers lie side by side: rows.keys().numbers().
 */

#include "spine/codec.hpp"
#include "spine/cursor.h"
#include "spine/handle.hpp"
#include "spine/weight.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* --- columns that are written ------------------------------------------------------- */

/* Memory that grows at its end. */
class growing_bytes
{
  public:
    /* False without memory, with nothing changed. */
    bool append(const void *from, std::size_t bytes) noexcept
    {
        if (bytes > capacity_ - size_ && !grow(bytes))
            return false;
        if (bytes > 0)
            std::memcpy(memory_.get() + size_, from, bytes);
        size_ += bytes;
        return true;
    }

    /* Where the next `bytes` bytes go, of which take() says how many there are; NULL
     * without memory. */
    unsigned char *room(std::size_t bytes) noexcept
    {
        if (bytes > capacity_ - size_ && !grow(bytes))
            return nullptr;
        return memory_.get() + size_;
    }

    void take(std::size_t bytes) noexcept
    {
        size_ += bytes;
    }

    void cut(std::size_t size) noexcept
    {
        size_ = size;
    }

    std::size_t size() const noexcept
    {
        return size_;
    }

    const unsigned char *data() const noexcept
    {
        return memory_.get();
    }

    /* What was appended, as Ts: memory of new is aligned for any type. */
    template <class T> const T *as() const noexcept
    {
        return static_cast<const T *>(static_cast<const void *>(memory_.get()));
    }

  private:
    bool grow(std::size_t bytes) noexcept
    {
        const std::size_t more = 2 * capacity_ + bytes + 64;
        std::unique_ptr<unsigned char[]> memory(new (std::nothrow) unsigned char[more]);

        if (memory == nullptr)
            return false;
        if (size_ > 0)
            std::memcpy(memory.get(), memory_.get(), size_);
        memory_ = std::move(memory);
        capacity_ = more;
        return true;
    }

    std::unique_ptr<unsigned char[]> memory_;
    zero_when_moved<std::size_t> size_;
    zero_when_moved<std::size_t> capacity_;
};

/* The cells of one column, as struct spine_columns has them. */
template <class T> class cell_column
{
  public:
    static constexpr enum spine_kind kind = codec<T>::type().kind;
    static constexpr std::size_t width = kind == SPINE_FIXED ? codec<T>::type().size
                                         : kind == SPINE_U32 || kind == SPINE_I32 ? 4
                                                                                  : 8;

    bool append(const union spine_datum &cell) noexcept
    {
        if constexpr (kind == SPINE_NONE)
            return true;
        else if constexpr (kind == SPINE_FIXED)
            return cells_.append(cell.bytes.data, width);
        else if constexpr (kind != SPINE_BYTES)
            return cells_.append(&cell, width);
        else
            return append_bytes(cell.bytes);
    }

    /* The cell of a tuple, encoded where it stays. */
    template <class Row>
    enum spine_status append_tuple(const Row &row, spine_error *error) noexcept
    {
        using columns = columns_of<Row>;
        const auto &refs = tuple_like<Row>::refs(row);
        const std::size_t room = tuple_encoder::room_of<columns, columns::count>(refs);

        if (tuple_encoder::is_long(room))
            return tuple_encoder::fail_long(error);
        unsigned char *const to = cells_.room(room < 8 ? 8 : room);
        if (to == nullptr)
            return fail(error, SPINE_NOMEM, "no memory for a row of a batcher");
        const auto size = static_cast<std::size_t>(
            columns::template put<columns::count>(to, refs, 0) - to);
        if (size > SPINE_BYTES_MAX)
            return tuple_encoder::fail_long(error);
        if constexpr (tuple_cell<Row>::is_word) {
            const uint64_t word = tuple_cell<Row>::word_of(to);

            std::memcpy(to, &word, sizeof word);
            cells_.take(sizeof word);
        } else {
            if (kind == SPINE_BYTES && !append_end(cells_.size() + size))
                return fail(error, SPINE_NOMEM, "no memory for a row of a batcher");
            cells_.take(size);
        }
        return SPINE_OK;
    }

    void cut(std::size_t rows) noexcept
    {
        if constexpr (kind == SPINE_BYTES) {
            cells_.cut(rows == 0 ? 0 : static_cast<std::size_t>(offsets()[rows]));
            offsets_.cut((rows == 0 ? 0 : rows + 1) * sizeof(uint64_t));
        } else {
            cells_.cut(rows * width);
        }
    }

    std::size_t bytes() const noexcept
    {
        return cells_.size();
    }

    const void *cells() const noexcept
    {
        return kind == SPINE_NONE ? nullptr : cells_.data();
    }

    const uint64_t *offsets() const noexcept
    {
        return offsets_.template as<uint64_t>();
    }

  private:
    bool append_bytes(const spine_bytes &bytes) noexcept
    {
        const std::size_t before = offsets_.size();

        if (append_end(cells_.size() + bytes.size) &&
            cells_.append(bytes.data, bytes.size))
            return true;
        offsets_.cut(before);
        return false;
    }

    bool append_end(uint64_t end) noexcept
    {
        const std::size_t before = offsets_.size();
        const uint64_t begin = 0;

        if ((before > 0 || offsets_.append(&begin, sizeof begin)) &&
            offsets_.append(&end, sizeof end))
            return true;
        offsets_.cut(before);
        return false;
    }

    growing_bytes cells_;
    growing_bytes offsets_;
};

/* --- columns that are read ---------------------------------------------------------- */

/* Cell `at` of a column of Ts; borrows from it. */
template <class T>
union spine_datum
cell_at(const void *cells, const uint64_t *offsets, std::size_t at) noexcept
{
    constexpr spine_type type = codec<T>::type();
    const auto *const bytes = static_cast<const unsigned char *>(cells);
    union spine_datum cell = {};

    if constexpr (type.kind == SPINE_FIXED)
        cell = spine_data(bytes + at * type.size, type.size);
    else if constexpr (type.kind == SPINE_BYTES)
        cell = spine_data(bytes + offsets[at],
                          static_cast<std::size_t>(offsets[at + 1] - offsets[at]));
    else if constexpr (type.kind != SPINE_NONE)
        std::memcpy(&cell, bytes + at * cell_column<T>::width, cell_column<T>::width);
    return cell;
}

/* The cells of a column, and the memory that decodes them, which belong to somebody else,
 * as views of T. A std::string_view in a tuple is valid until the next cell is read. */
template <class T> class cells_of
{
  public:
    using view = typename codec<T>::view;
    using decoder = typename codec<T>::decoder;

    cells_of() noexcept = default;

    cells_of(const void *cells, const uint64_t *offsets, std::size_t size,
             decoder &memory) noexcept
        : cells_(cells), offsets_(offsets), size_(size), decoder_(&memory)
    {
    }

    std::size_t size() const noexcept
    {
        return size_;
    }

    /* `index` is less than size(). SPINE_CORRUPT for a cell that is none of a tuple. */
    view operator[](std::size_t index) const
    {
        return at(std::nothrow, index).value();
    }

    result<view> at(std::nothrow_t, std::size_t index) const
    {
        view found{};
        spine_error error;

        if (codec<T>::decode(cell_at<T>(cells_, offsets_, index), *decoder_, &found,
                             &error) != SPINE_OK)
            return error;
        return result<view>(std::move(found));
    }

    /* Columns of numbers: the numbers, side by side. */
    template <class N = T, std::enable_if_t<std::is_arithmetic_v<N>, int> = 0>
    span<const N> numbers() const noexcept
    {
        return {static_cast<const N *>(cells_), size_};
    }

  private:
    const void *cells_ = nullptr;
    const uint64_t *offsets_ = nullptr;
    std::size_t size_ = 0;
    decoder *decoder_ = nullptr;
};

/* Memory that bulk reads fill, kept from one to the next. */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class row_columns
{
  public:
    /* Room for `rows` rows and the given bytes for each of their cells. */
    explicit row_columns(std::size_t rows = 4096, std::size_t cell_bytes = 16) noexcept
        : room_(rows > 0 ? rows : 1), bytes_(room_ * (cell_bytes > 0 ? cell_bytes : 1))
    {
    }

    std::size_t size() const noexcept
    {
        return size_;
    }

    /* Their keys. */
    cells_of<K> keys() noexcept
    {
        return {buffers_.keys, buffers_.key_offsets, size_, key_decoder_};
    }

    /* Their values. */
    cells_of<V> values() noexcept
    {
        return {buffers_.values, buffers_.value_offsets, size_, value_decoder_};
    }

    /* Empty when untimed. */
    span<const uint64_t> times() const noexcept
    {
        return {buffers_.times, Time != SPINE_UNTIMED ? size() : 0};
    }

    /* Those of a row side by side. */
    span<const int64_t> weights() const noexcept
    {
        return {buffers_.weights, size_ * Weights};
    }

    /* Of row `index`, which is less than size(). */
    weight_of<Weights> weight(std::size_t index) const noexcept
    {
        return weight_at<Weights>(buffers_.weights + index * Weights);
    }

    /* The next rows of `cursor`; what cursor::read() calls. */
    enum spine_status read(spine_cursor *cursor, spine_error *error) noexcept
    {
        for (size_ = 0;; room_ *= 2, bytes_ *= 2) {
            if (!make_room())
                return fail(error, SPINE_NOMEM, "no memory for rows that are read");
            size_ = spine_cursor_read(cursor, &buffers_);
            if (size_ > 0)
                return SPINE_OK;
            if (!spine_cursor_key_valid(cursor))
                return spine_cursor_error(cursor, error);
        }
    }

  private:
    template <class T> static constexpr enum spine_kind kind_of = codec<T>::type().kind;

    template <class T> std::size_t cell_room() const noexcept
    {
        return kind_of<T> == SPINE_BYTES ? bytes_ : room_ * cell_column<T>::width;
    }

    template <class N> static N *numbers(tuple_memory &memory, std::size_t count) noexcept
    {
        return static_cast<N *>(static_cast<void *>(memory.room(count * sizeof(N))));
    }

    bool make_room() noexcept
    {
        buffers_ = {};
        buffers_.rows = room_;
        buffers_.key_bytes = buffers_.value_bytes = bytes_;
        buffers_.weights = numbers<int64_t>(weights_, room_ * Weights);
        bool all = buffers_.weights != nullptr;
        if constexpr (kind_of<K> != SPINE_NONE)
            all &= (buffers_.keys = keys_.room(cell_room<K>())) != nullptr;
        if constexpr (kind_of<K> == SPINE_BYTES)
            all &= (buffers_.key_offsets = numbers<uint64_t>(key_offsets_, room_ + 1)) !=
                   nullptr;
        if constexpr (kind_of<V> != SPINE_NONE)
            all &= (buffers_.values = values_.room(cell_room<V>())) != nullptr;
        if constexpr (kind_of<V> == SPINE_BYTES)
            all &= (buffers_.value_offsets =
                        numbers<uint64_t>(value_offsets_, room_ + 1)) != nullptr;
        if constexpr (Time != SPINE_UNTIMED)
            all &= (buffers_.times = numbers<uint64_t>(times_, room_)) != nullptr;
        return all;
    }

    std::size_t room_;
    std::size_t bytes_;
    zero_when_moved<std::size_t> size_;
    spine_column_buffers buffers_ = {};
    tuple_memory keys_, key_offsets_, values_, value_offsets_, times_, weights_;
    typename codec<K>::decoder key_decoder_{};
    typename codec<V>::decoder value_decoder_{};
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
