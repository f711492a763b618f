/* SPDX-License-Identifier: MIT */
#ifndef SPINE_RANGE_HPP
#define SPINE_RANGE_HPP

/*
 * Typed probes of ranges (spine/range.h): the rows of many ranges of keys at once, and of
 * all keys that begin with one of many prefixes. Part of spine.hpp; include that.
 *
 *     spine_cpp::range_probe<std::tuple<uint32_t, uint64_t>, double> probe;
 *     std::vector<std::tuple<uint32_t>> customers = ...;       in order, each once
 *
 *     probe.match_prefixes(snapshot, customers, [&](std::size_t i, const auto &rows) {
 *         for (const auto &row : rows)
 *             use(customers[i], row.key, row.value, row.weight);
 *     });
 *
 * Rows come in the order of their keys. What a row points to is valid until the call
 * returns; a std::string_view in a tuple until the next row is read.
 */

#include "spine/columns.hpp"
#include "spine/cursor_moves.hpp"
#include "spine/handle.hpp"
#include "spine/keyed_rows.hpp"
#include "spine/range.h"
#include "spine/snapshot.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <tuple>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* A row of a range. Through a time, times are 0. */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
struct range_row : keyed_row<V, Time, Weights> {
    typename codec<K>::view key{};
};

/* The rows of one range, borrowed from a probe. */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class range_rows
{
  public:
    using row_type = range_row<K, V, Time, Weights>;
    using values_type = keyed_rows<V, Time, Weights>;
    using key_decoder = typename codec<K>::decoder;
    using value_decoder = typename codec<V>::decoder;

    range_rows(const spine_columns &columns, std::size_t begin, std::size_t end,
               std::pair<key_decoder &, value_decoder &> memory) noexcept
        : columns_(&columns), begin_(begin), values_(columns, begin, end, memory.second),
          decoder_(&memory.first)
    {
    }

    std::size_t size() const noexcept
    {
        return values_.size();
    }

    bool empty() const noexcept
    {
        return values_.empty();
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

    /* The same; SPINE_CORRUPT for a cell that is none of a tuple. */
    enum spine_status read(std::size_t index, row_type *out, spine_error *error) const
    {
        const enum spine_status status = codec<K>::decode(
            cell_at<K>(columns_->keys, columns_->key_offsets, begin_ + index), *decoder_,
            &out->key, error);

        return status == SPINE_OK ? values_.read(index, out, error) : status;
    }

    using iterator = row_iterator<range_rows>;

    iterator begin() const noexcept
    {
        return iterator(this, 0);
    }

    iterator end() const noexcept
    {
        return iterator(this, size());
    }

  private:
    const spine_columns *columns_;
    std::size_t begin_;
    values_type values_;
    key_decoder *decoder_;
};

/* Probes of snapshots of one type by ranges. The constructor throws when there is no
 * memory. */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class range_probe : public handle<spine_probe, spine_probe_free>
{
    using base = handle<spine_probe, spine_probe_free>;

  public:
    using snapshot_type = spine_cpp::snapshot<K, V, Time, Weights>;
    using rows_type = range_rows<K, V, Time, Weights>;

    range_probe() : range_probe(open(std::nothrow).value())
    {
    }

    static result<range_probe> open(std::nothrow_t) noexcept
    {
        spine_probe *raw = nullptr;
        spine_error error;

        if (spine_probe_new(&raw, &error) != SPINE_OK)
            return error;
        return range_probe(raw);
    }

    /* The most rows that are in memory at a time; 0: all. */
    void set_rows_max(std::size_t rows) noexcept
    {
        options_.rows_max = rows;
    }

    /* The same of the bytes of their cells. */
    void set_bytes_max(uint64_t bytes) noexcept
    {
        options_.bytes_max = bytes;
    }

    /* Rows as they are at `through`, without times. */
    template <spine_time T = Time, if_timed<T> = 0>
    void set_through(uint64_t through) noexcept
    {
        options_.has_through = true;
        options_.through = through;
    }

    /* As they are at all times. */
    void clear_through() noexcept
    {
        options_.has_through = false;
    }

    /*
     * Calls `on_rows(number, rows)` for each of `prefixes`, std::tuples of the first
     * columns of keys, ascending and each once: with its number among them, from 0 on,
     * and the rows of all keys that begin with it, of which there may be none. With
     * set_rows_max() a prefix may come again, with its next rows, if it has more.
     * `on_rows` does not use this probe.
     */
    template <class Prefixes, class OnRows>
    void match_prefixes(const snapshot_type &snapshot, const Prefixes &prefixes,
                        OnRows on_rows)
    {
        match_prefixes(std::nothrow, snapshot, prefixes, std::move(on_rows)).value();
    }

    template <class Prefixes, class OnRows>
    result<void> match_prefixes(std::nothrow_t, const snapshot_type &snapshot,
                                const Prefixes &prefixes, OnRows on_rows)
    {
        spine_error error;

        if (!*this)
            return this->empty("range_probe");
        clear();
        for (const auto &prefix : prefixes)
            if (add_prefix(prefix, &error) != SPINE_OK)
                return error;
        return give(snapshot, on_rows);
    }

    /* The same of ranges: pairs of keys, from the first one on and before the second one,
     * none of which begins before the one in front of it ends. */
    template <class Ranges, class OnRows>
    void match(const snapshot_type &snapshot, const Ranges &ranges, OnRows on_rows)
    {
        match(std::nothrow, snapshot, ranges, std::move(on_rows)).value();
    }

    template <class Ranges, class OnRows>
    result<void> match(std::nothrow_t, const snapshot_type &snapshot,
                       const Ranges &ranges, OnRows on_rows)
    {
        spine_error error;

        if (!*this)
            return this->empty("range_probe");
        clear();
        for (const auto &[lower, upper] : ranges) {
            union spine_datum from, to;

            if (codec<K>::encode(lower, lower_encoder_, &from, &error) != SPINE_OK ||
                codec<K>::encode(upper, upper_encoder_, &to, &error) != SPINE_OK ||
                add(from, &to, &error) != SPINE_OK)
                return error;
        }
        return give(snapshot, on_rows);
    }

  private:
    explicit range_probe(spine_probe *raw) noexcept : base(raw)
    {
    }

    void clear() noexcept
    {
        lower_.cut(0);
        upper_.cut(0);
        ranges_ = {};
    }

    template <class... Ts>
    enum spine_status add_prefix(const std::tuple<Ts...> &elements, spine_error *error)
    {
        using prefix = key_prefix<K, Ts...>;
        static_assert(sizeof...(Ts) > 0, "spine_cpp: a prefix has an element");
        union spine_datum lower, upper;
        bool has_upper = false;
        enum spine_status status = prefix::check(elements, error);

        if (status != SPINE_OK)
            return status;
        const typename prefix::type first(elements);
        status = lower_encoder_.template encode_prefix<K>(first, &lower, error);
        if (status == SPINE_OK)
            status = upper_encoder_.template encode_prefix_end<K>(first, &upper,
                                                                  &has_upper, error);
        return status == SPINE_OK ? add(lower, has_upper ? &upper : nullptr, error)
                                  : status;
    }

    /* Without an upper key the range is the last one. */
    enum spine_status add(const union spine_datum &lower, const union spine_datum *upper,
                          spine_error *error) noexcept
    {
        if (ranges_.last_is_open)
            return fail(error, SPINE_INVALID,
                        "a prefix is not greater than the one before");
        if (!lower_.append(lower) || (upper != nullptr && !upper_.append(*upper)))
            return fail(error, SPINE_NOMEM, "no memory for ranges");
        ranges_.ranges++;
        ranges_.last_is_open = upper == nullptr;
        return SPINE_OK;
    }

    template <class OnRows>
    result<void> give(const snapshot_type &snapshot, OnRows &on_rows)
    {
        spine_probe_rows found = {};
        spine_error error;

        ranges_.lower = lower_.cells();
        ranges_.lower_offsets = lower_.offsets();
        ranges_.upper = upper_.cells();
        ranges_.upper_offsets = upper_.offsets();
        enum spine_status status = spine_snapshot_probe_ranges(
            snapshot.get(), get(), &ranges_, &options_, &found, &error);
        while (status == SPINE_OK) {
            std::size_t row = 0;

            for (std::size_t k = 0; k < found.keys; k++) {
                const auto end = static_cast<std::size_t>(found.ends[k]);
                const rows_type rows(found.columns, row, end,
                                     {key_decoder_, value_decoder_});

                on_rows(found.first_key + k, rows);
                row = end;
            }
            if (!found.more)
                return {};
            status = spine_probe_next(get(), &found, &error);
        }
        return error;
    }

    spine_probe_options options_ = {};
    spine_key_ranges ranges_ = {};
    cell_column<K> lower_, upper_;
    typename codec<K>::encoder lower_encoder_{}, upper_encoder_{};
    typename codec<K>::decoder key_decoder_{};
    typename codec<V>::decoder value_decoder_{};
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
