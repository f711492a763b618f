/* SPDX-License-Identifier: MIT */
#ifndef SPINE_CURSOR_HPP
#define SPINE_CURSOR_HPP

/*
 * Typed cursors: iterating over rows, and what spine/view.h has. Part of spine.hpp;
 * include that.
 */

#include "spine/columns.hpp"
#include "spine/cursor_moves.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* How far a cursor is: rows before its value, and rows in all (spine/view.h). */
struct cursor_position {
    uint64_t offset;
    uint64_t total;
};

/* A walk over rows (spine/cursor.h, spine/view.h), which range-for can take. */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class cursor : public cursor_moves<K, V, Time, Weights>
{
    using base = cursor_moves<K, V, Time, Weights>;

  public:
    using base::base;
    using base::check;
    using base::get;
    using row_type = row<K, V, Weights>;
    using typename base::key_argument;
    using typename base::key_view;
    using typename base::value_argument;

    /* --- views: the cursor is as new afterwards ------------------------------------ */

    /* From now on, from the first key on, rows as they are at `through`, without times:
     * as spine_cursor_set_through(). */
    template <spine_time T = Time, if_timed<T> = 0>
    void set_through(uint64_t through) noexcept
    {
        spine_cursor_set_through(get(), through);
    }

    /* From now on, from the first key on, only keys of which `keep`, called with a
     * key_view, says true: as spine_cursor_set_filter(). An exception that leaves `keep`
     * ends the process. */
    template <class Keep> void set_filter(Keep keep)
    {
        set_filter(std::nothrow, std::move(keep)).value();
    }

    template <class Keep> result<void> set_filter(std::nothrow_t, Keep keep)
    {
        if (!*this)
            return this->empty("cursor");
        const spine_key_filter filter = make_key_filter<K>(std::move(keep));

        if (filter.context == nullptr)
            return no_memory();
        spine_cursor_set_filter(get(), &filter);
        return check(std::nothrow);
    }

    /* All keys again. */
    void set_filter(std::nullptr_t) noexcept
    {
        spine_cursor_set_filter(get(), nullptr);
    }

    /* From now on only keys from `lower` on and before `upper`, of one of them alone, or
     * all again: as spine_cursor_set_bounds(). */
    void set_bounds(key_argument lower, key_argument upper)
    {
        set_bounds(std::nothrow, lower, upper).value();
    }

    result<void> set_bounds(std::nothrow_t, key_argument lower, key_argument upper)
    {
        return bound(&lower, &upper);
    }

    void set_lower_bound(key_argument lower)
    {
        set_lower_bound(std::nothrow, lower).value();
    }

    result<void> set_lower_bound(std::nothrow_t, key_argument lower)
    {
        return bound(&lower, nullptr);
    }

    void set_upper_bound(key_argument upper)
    {
        set_upper_bound(std::nothrow, upper).value();
    }

    result<void> set_upper_bound(std::nothrow_t, key_argument upper)
    {
        return bound(nullptr, &upper);
    }

    void clear_bounds() noexcept
    {
        spine_cursor_set_bounds(get(), nullptr, nullptr);
    }

    /* Keys that are tuples: only those that begin with `elements`, which are converted to
     * the first ones of the key's type. */
    template <class... Ts> void set_prefix(const std::tuple<Ts...> &elements)
    {
        set_prefix(std::nothrow, elements).value();
    }

    template <class... Ts>
    result<void> set_prefix(std::nothrow_t, const std::tuple<Ts...> &elements)
    {
        using prefix = key_prefix<K, Ts...>;
        typename codec<K>::encoder upper_encoder{};
        union spine_datum lower, upper;
        bool has_upper = false;
        spine_error error;

        if (prefix::check(elements, &error) != SPINE_OK)
            return error;
        const typename prefix::type first(elements);
        if (this->key_encoder_.template encode_prefix<K>(first, &lower, &error) !=
                SPINE_OK ||
            upper_encoder.template encode_prefix_end<K>(first, &upper, &has_upper,
                                                        &error) != SPINE_OK)
            return error;
        spine_cursor_set_bounds(get(), &lower, has_upper ? &upper : nullptr);
        return check(std::nothrow);
    }

    /* --- no moves ------------------------------------------------------------------ */

    /* seek_key_exact() of a key that is not there shows it with this value from now on:
     * as spine_cursor_set_default(). */
    template <class Value = V, if_value<Value> = 0> void set_default(value_argument value)
    {
        set_default(std::nothrow, value).value();
    }

    template <class Value = V, if_value<Value> = 0>
    result<void> set_default(std::nothrow_t, value_argument value)
    {
        union spine_datum cell;
        spine_error error;

        if (codec<V>::encode(value, this->value_encoder_, &cell, &error) != SPINE_OK)
            return error;
        spine_cursor_set_default(get(), cell);
        return check(std::nothrow);
    }

    template <class Value = V, if_no_value<Value> = 0> void set_default()
    {
        set_default(std::nothrow).value();
    }

    template <class Value = V, if_no_value<Value> = 0>
    result<void> set_default(std::nothrow_t)
    {
        spine_cursor_set_default(get(), spine_datum{});
        return check(std::nothrow);
    }

    cursor_position position()
    {
        return position(std::nothrow).value();
    }

    result<cursor_position> position(std::nothrow_t) noexcept
    {
        cursor_position at = {0, 0};

        if (!*this)
            return this->empty("cursor");
        if (spine_cursor_position(get(), &at.offset, &at.total) != SPINE_OK)
            return check(std::nothrow).error();
        return at;
    }

    /* Rows that were read and not shown so far. */
    uint64_t rows_skipped() const noexcept
    {
        return spine_cursor_rows_skipped(get());
    }

    /* --- other cursors ------------------------------------------------------------- */

    /* Another one at the same place; then independent. */
    cursor clone()
    {
        return clone(std::nothrow).value();
    }

    result<cursor> clone(std::nothrow_t)
    {
        spine_cursor *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("cursor");
        if (spine_cursor_clone(get(), &raw, &error) != SPINE_OK)
            return error;
        return cursor(raw);
    }

    /* The values of the present key as keys, each with its weight added up over the times
     * less than or equal to `through`; a move: as spine_cursor_group(). */
    cursor<V, void, SPINE_UNTIMED, Weights> group(uint64_t through = UINT64_MAX)
    {
        return group(std::nothrow, through).value();
    }

    result<cursor<V, void, SPINE_UNTIMED, Weights>>
    group(nothrow_given, uint64_t through = UINT64_MAX)
    {
        spine_cursor *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("cursor");
        if (spine_cursor_group(get(), through, &raw, &error) != SPINE_OK)
            return error;
        return cursor<V, void, SPINE_UNTIMED, Weights>(raw);
    }

    /* --- bulk reads ---------------------------------------------------------------- */

    /*
     * Reads the next rows into `rows` and moves past them: as many as it has room for, 0
     * at the end. Its memory grows when the next row alone does not fit.
     */
    std::size_t read(row_columns<K, V, Time, Weights> &rows)
    {
        return read(std::nothrow, rows).value();
    }

    result<std::size_t>
    read(std::nothrow_t, row_columns<K, V, Time, Weights> &rows) noexcept
    {
        spine_error error;

        if (!*this)
            return this->empty("cursor");
        if (rows.read(get(), &error) != SPINE_OK)
            return error;
        return rows.size();
    }

    /*
     * Rows (key, value, weight), or (key, weight) of a set, from where the cursor stands
     * to the end; the row is the cursor's, and changes when the iterator moves. When the
     * cursor fails, moving throws or, when Throws is false, is at the end. To read or to
     * move at the end throws SPINE_MISUSE, whatever Throws is.
     */
    template <bool Throws> class iterator
    {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = row_type;
        using difference_type = std::ptrdiff_t;
        using pointer = const row_type *;
        using reference = const row_type &;

        /* The end. */
        iterator() noexcept = default;

        explicit iterator(class cursor *owner) : cursor_(owner)
        {
            load();
        }

        reference operator*() const
        {
            return owner().row_;
        }

        pointer operator->() const
        {
            return &owner().row_;
        }

        iterator &operator++()
        {
            owner().step_row();
            load();
            return *this;
        }

        void operator++(int)
        {
            ++*this;
        }

        friend bool operator==(const iterator &a, const iterator &b) noexcept
        {
            return a.cursor_ == b.cursor_;
        }

        friend bool operator!=(const iterator &a, const iterator &b) noexcept
        {
            return !(a == b);
        }

      private:
        class cursor &owner() const
        {
            if (cursor_ == nullptr)
                raise(at_end());
            return *cursor_;
        }

        void load()
        {
            if (cursor_->load_row())
                return;
            class cursor *const ended = std::exchange(cursor_, nullptr);
            if constexpr (Throws)
                ended->check();
        }

        class cursor *cursor_ = nullptr;
    };

    /* The rows of a cursor; borrowed from it. */
    template <bool Throws> class range
    {
      public:
        explicit range(class cursor &owner) noexcept : cursor_(&owner)
        {
        }

        iterator<Throws> begin() const
        {
            return iterator<Throws>(cursor_);
        }

        iterator<Throws> end() const noexcept
        {
            return {};
        }

      private:
        class cursor *cursor_;
    };

    iterator<true> begin()
    {
        return iterator<true>(this);
    }

    iterator<true> end() noexcept
    {
        return {};
    }

    /* The same without exceptions: ask check(std::nothrow) afterwards. */
    range<false> rows(std::nothrow_t) &noexcept
    {
        return range<false>(*this);
    }

  private:
    static spine_error at_end() noexcept
    {
        spine_error error;

        (void)fail(&error, SPINE_MISUSE, "an iterator of a cursor is at the end");
        return error;
    }

    static spine_error no_memory() noexcept
    {
        spine_error error;

        (void)fail(&error, SPINE_NOMEM, "no memory for a filter");
        return error;
    }

    using bound_argument = std::remove_reference_t<key_argument>;

    result<void> bound(const bound_argument *lower, const bound_argument *upper)
    {
        typename codec<K>::encoder upper_encoder{};
        union spine_datum from = {}, to = {};
        spine_error error;

        if (lower != nullptr &&
            codec<K>::encode(*lower, this->key_encoder_, &from, &error) != SPINE_OK)
            return error;
        if (upper != nullptr &&
            codec<K>::encode(*upper, upper_encoder, &to, &error) != SPINE_OK)
            return error;
        spine_cursor_set_bounds(get(), lower != nullptr ? &from : nullptr,
                                upper != nullptr ? &to : nullptr);
        return check(std::nothrow);
    }

    void step_row() noexcept
    {
        spine_cursor_step_val(get());
        if (!spine_cursor_val_valid(get()) && spine_cursor_key_valid(get()))
            spine_cursor_step_key(get());
    }

    /* False at the end and when something failed. */
    bool load_row()
    {
        if (this->failure_.status != SPINE_OK || !this->val_valid())
            return false;
        if (codec<K>::decode(spine_cursor_key(get()), this->key_decoder_, &row_.key,
                             &this->failure_) != SPINE_OK)
            return false;
        if constexpr (!std::is_void_v<V>) {
            if (codec<V>::decode(spine_cursor_val(get()), this->value_decoder_,
                                 &row_.value, &this->failure_) != SPINE_OK)
                return false;
        }
        row_.weight = this->weight_here();
        return true;
    }

    row_type row_{};
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
