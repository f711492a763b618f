/* SPDX-License-Identifier: MIT */
#ifndef SPINE_KEYED_ROWS_HPP
#define SPINE_KEYED_ROWS_HPP

/*
 * The rows of one key, as probes give them, and the weights of pairs. Part of spine.hpp;
 * include that.
 */

#include "spine/columns.hpp"
#include "spine/result.hpp"
#include "spine/weight.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <type_traits>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* --- rows of a key ------------------------------------------------------------------ */

/* Goes through rows that are read by their number. */
template <class Rows> class row_iterator
{
  public:
    using iterator_category = std::input_iterator_tag;
    using row_type = typename Rows::row_type;
    using value_type = row_type;
    using difference_type = std::ptrdiff_t;
    using pointer = const row_type *;
    using reference = const row_type &;

    row_iterator() noexcept = default;

    row_iterator(const Rows *rows, std::size_t at) noexcept : rows_(rows), at_(at)
    {
    }

    /* The iterator's own, until it moves. */
    reference operator*() const
    {
        row_ = (*rows_)[at_];
        return row_;
    }

    pointer operator->() const
    {
        return &**this;
    }

    row_iterator &operator++() noexcept
    {
        at_++;
        return *this;
    }

    void operator++(int) noexcept
    {
        at_++;
    }

    friend bool operator==(const row_iterator &a, const row_iterator &b) noexcept
    {
        return a.at_ == b.at_;
    }

    friend bool operator!=(const row_iterator &a, const row_iterator &b) noexcept
    {
        return !(a == b);
    }

  private:
    const Rows *rows_ = nullptr;
    std::size_t at_ = 0;
    mutable row_type row_{};
};

/* A row without its key. Through a time, times are 0. */
template <class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
struct keyed_row {
    typename codec<V>::view value{};
    weight_of<Weights> weight{};
    uint64_t time = 0;
};

template <class V, unsigned Weights> struct keyed_row<V, SPINE_UNTIMED, Weights> {
    typename codec<V>::view value{};
    weight_of<Weights> weight{};
};

template <spine_time Time, unsigned Weights> struct keyed_row<void, Time, Weights> {
    weight_of<Weights> weight{};
    uint64_t time = 0;
};

template <unsigned Weights> struct keyed_row<void, SPINE_UNTIMED, Weights> {
    weight_of<Weights> weight{};
};

/* The rows of one key, borrowed from a probe. */
template <class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1> class keyed_rows
{
  public:
    using row_type = keyed_row<V, Time, Weights>;
    using decoder = typename codec<V>::decoder;

    keyed_rows() noexcept = default;

    keyed_rows(const spine_columns &columns, std::size_t begin, std::size_t end,
               decoder &memory) noexcept
        : columns_(&columns), begin_(begin), end_(end), decoder_(&memory)
    {
    }

    std::size_t size() const noexcept
    {
        return end_ - begin_;
    }

    bool empty() const noexcept
    {
        return size() == 0;
    }

    /* `index` is less than size(). */
    row_type operator[](std::size_t index) const
    {
        row_type row{};
        spine_error error;

        if (read(index, &row, &error) != SPINE_OK)
            raise(error);
        return row;
    }

    using iterator = row_iterator<keyed_rows>;

    iterator begin() const noexcept
    {
        return iterator(this, 0);
    }

    iterator end() const noexcept
    {
        return iterator(this, size());
    }

    /* The same; SPINE_CORRUPT for a cell that is none of a tuple. */
    enum spine_status read(std::size_t index, row_type *out, spine_error *error) const
    {
        const std::size_t at = begin_ + index;

        if constexpr (!std::is_void_v<V>) {
            const enum spine_status status = codec<V>::decode(
                cell_at<V>(columns_->values, columns_->value_offsets, at), *decoder_,
                &out->value, error);

            if (status != SPINE_OK)
                return status;
        }
        out->weight = weight_at<Weights>(columns_->weights + at * Weights);
        if constexpr (Time != SPINE_UNTIMED)
            out->time = columns_->times != nullptr ? columns_->times[at] : 0;
        return SPINE_OK;
    }

  private:
    const spine_columns *columns_ = nullptr;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    decoder *decoder_ = nullptr;
};

/* --- sums --------------------------------------------------------------------------- */

/* The weight of a pair of rows; SPINE_OVERFLOW when it is not in int64_t. */
inline result<int64_t>
product(std::nothrow_t, int64_t a, int64_t b) noexcept
{
    int64_t weight = 0;
    spine_error error;

    if (!__builtin_mul_overflow(a, b, &weight))
        return weight;
    (void)fail(&error, SPINE_OVERFLOW, "the product of two weights is not in int64_t");
    return error;
}

inline int64_t
product(int64_t a, int64_t b)
{
    return product(std::nothrow, a, b).value();
}

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
