/* SPDX-License-Identifier: MIT */
#ifndef SPINE_BATCH_HPP
#define SPINE_BATCH_HPP

/*
 * Typed batches, batchers and builders. Part of spine.hpp; include that.
 */

#include "spine/batch.h"
#include "spine/columns.hpp"
#include "spine/cursor.hpp"
#include "spine/result.hpp"
#include "spine/tuple_columns.h"
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

/* Of a handle of keys K: the part from a key on and before another one. `Derived` has
 * part_of(lower, upper, error), of cells, or NULL where there is no limit. */
template <class Derived, class K> class has_parts
{
  public:
    using bound_argument = typename codec<K>::argument;

    /* With the keys from `lower` on and before `upper`: spine_batch_between(), and
     * spine_cut_between(). */
    Derived between(bound_argument lower, bound_argument upper) const
    {
        return part(&lower, &upper).value();
    }

    result<Derived>
    between(std::nothrow_t, bound_argument lower, bound_argument upper) const
    {
        return part(&lower, &upper);
    }

    /* With the keys from `lower` on. */
    Derived from(bound_argument lower) const
    {
        return part(&lower, nullptr).value();
    }

    result<Derived> from(std::nothrow_t, bound_argument lower) const
    {
        return part(&lower, nullptr);
    }

    /* With the keys before `upper`. */
    Derived before(bound_argument upper) const
    {
        return part(nullptr, &upper).value();
    }

    result<Derived> before(std::nothrow_t, bound_argument upper) const
    {
        return part(nullptr, &upper);
    }

  private:
    using bound = std::remove_reference_t<bound_argument>;

    result<Derived> part(const bound *lower, const bound *upper) const
    {
        const Derived &whole = *static_cast<const Derived *>(this);
        typename codec<K>::encoder lower_encoder{}, upper_encoder{};
        union spine_datum from = {}, to = {};
        spine_error error;

        if (!whole)
            return whole.part_of(nullptr, nullptr);
        if ((lower != nullptr &&
             codec<K>::encode(*lower, lower_encoder, &from, &error) != SPINE_OK) ||
            (upper != nullptr &&
             codec<K>::encode(*upper, upper_encoder, &to, &error) != SPINE_OK))
            return error;
        return whole.part_of(lower != nullptr ? &from : nullptr,
                             upper != nullptr ? &to : nullptr);
    }
};

/* Rows that never change: sorted, of different (key, value, time). */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class batch : public handle<spine_batch, spine_batch_unref>,
              public has_parts<batch<K, V, Time, Weights>, K>
{
  public:
    using handle<spine_batch, spine_batch_unref>::handle;
    using cursor_type = spine_cpp::cursor<K, V, Time, Weights>;

    /* One more reference to the same rows. */
    batch share() const noexcept
    {
        return batch(get() != nullptr ? spine_batch_ref(get()) : nullptr);
    }

    struct spine_batch_info info() const
    {
        return info(std::nothrow).value();
    }

    result<spine_batch_info> info(std::nothrow_t) const noexcept
    {
        struct spine_batch_info info;

        if (!*this)
            return this->empty("batch");
        spine_batch_get_info(get(), &info);
        return info;
    }

    result<batch>
    part_of(const union spine_datum *lower, const union spine_datum *upper) const noexcept
    {
        spine_batch *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("batch");
        if (spine_batch_between(get(), lower, upper, &raw, &error) != SPINE_OK)
            return error;
        return batch(raw);
    }

    /* What its rows look like, as long as the batch; NULL for no batch. */
    const spine_schema *schema() const noexcept
    {
        return *this ? spine_batch_schema(get()) : nullptr;
    }

    /* Checks every invariant; reads all rows. */
    void check() const
    {
        check(std::nothrow).value();
    }

    result<void> check(std::nothrow_t) const noexcept
    {
        spine_error error;

        if (!*this)
            return this->empty("batch");
        if (spine_batch_check(get(), &error) != SPINE_OK)
            return error;
        return {};
    }

    /* A batch of rows in any order, as columns of the schema. */
    static result<batch>
    from_columns(std::nothrow_t, const spine_columns &columns) noexcept
    {
        schema_of<K, V, Time, Weights> schema;
        spine_batch *raw = nullptr;
        spine_error error;

        if (schema.make(&error) != SPINE_OK ||
            spine_batch_from_columns(schema.get(), &columns, &raw, &error) != SPINE_OK)
            return error;
        return batch(raw);
    }

    static batch from_columns(const spine_columns &columns)
    {
        return from_columns(std::nothrow, columns).value();
    }

    /* The same of columns of tuples (spine/tuple_columns.h). */
    static result<batch>
    from_tuples(std::nothrow_t, const spine_tuple_rows &rows) noexcept
    {
        schema_of<K, V, Time, Weights> schema;
        spine_batch *raw = nullptr;
        spine_error error;

        if (schema.make(&error) != SPINE_OK ||
            spine_batch_from_tuples(schema.get(), &rows, &raw, &error) != SPINE_OK)
            return error;
        return batch(raw);
    }

    static batch from_tuples(const spine_tuple_rows &rows)
    {
        return from_tuples(std::nothrow, rows).value();
    }

    result<cursor_type> cursor(std::nothrow_t) const
    {
        spine_cursor *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("batch");
        if (spine_batch_cursor(get(), &raw, &error) != SPINE_OK)
            return error;
        return cursor_type(raw);
    }

    cursor_type cursor() const
    {
        return cursor(std::nothrow).value();
    }
};

/* Rows on their way to a batcher, column by column. */
template <class K, class V, spine_time Time, unsigned Weights> class cell_columns
{
  public:
    using key_argument = typename codec<K>::argument;
    using value_argument = typename codec<V>::argument;

    bool is_full() const noexcept
    {
        return rows_ == rows_max || keys_.bytes() + values_.bytes() >= bytes_max;
    }

    /* Adds a row, whose weights and time `row` has. What is refused here stays out of the
     * rows that are handed over as a whole. */
    enum spine_status add(key_argument key, value_argument value, const spine_row &row,
                          spine_error *error) noexcept
    {
        enum spine_status status = append<K>(keys_, key, error);

        if (status == SPINE_OK)
            status = append<V>(values_, value, error);
        if (status == SPINE_OK &&
            (!weights_.append(row.weights, Weights * sizeof(int64_t)) ||
             (Time != SPINE_UNTIMED && !times_.append(&row.time, sizeof row.time))))
            status = fail_memory(error);
        if (status == SPINE_OK)
            rows_++;
        else
            cut(rows_);
        return status;
    }

    template <class Calls>
    enum spine_status flush(typename Calls::raw *writer, spine_error *error) noexcept
    {
        spine_columns columns = {};

        if (rows_ == 0)
            return SPINE_OK;
        columns.rows = rows_;
        columns.keys = keys_.cells();
        columns.key_offsets = keys_.offsets();
        columns.values = values_.cells();
        columns.value_offsets = values_.offsets();
        columns.weights = weights_.template as<int64_t>();
        columns.times = times_.template as<uint64_t>();
        const enum spine_status status = Calls::add_columns(writer, &columns, error);
        if (status == SPINE_OK)
            clear();
        return status;
    }

    void clear() noexcept
    {
        cut(0);
    }

  private:
    static constexpr std::size_t rows_max = 8192;
    static constexpr std::size_t bytes_max = std::size_t{1} << 20;

    /* Tuples are encoded where they stay, others before. */
    template <class T>
    static enum spine_status
    append(cell_column<T> &column, typename codec<T>::argument given,
           spine_error *error) noexcept
    {
        if constexpr (is_tuple<T>) {
            return column.append_tuple(given, error);
        } else {
            typename codec<T>::encoder encoder{};
            union spine_datum cell = {};
            const enum spine_status status =
                codec<T>::encode(given, encoder, &cell, error);

            if (status != SPINE_OK)
                return status;
            if (codec<T>::type().kind == SPINE_BYTES && cell.bytes.size > SPINE_BYTES_MAX)
                return tuple_encoder::fail_long(error);
            return column.append(cell) ? SPINE_OK : fail_memory(error);
        }
    }

    static enum spine_status fail_memory(spine_error *error) noexcept
    {
        return fail(error, SPINE_NOMEM, "no memory for a row of a batcher");
    }

    void cut(std::size_t rows) noexcept
    {
        keys_.cut(rows);
        values_.cut(rows);
        weights_.cut(rows * Weights * sizeof(int64_t));
        times_.cut(Time == SPINE_UNTIMED ? 0 : rows * sizeof(uint64_t));
        rows_ = rows;
    }

    cell_column<K> keys_;
    cell_column<V> values_;
    growing_bytes weights_;
    growing_bytes times_;
    zero_when_moved<std::size_t> rows_;
};

/* What batchers and builders have in common; Calls are the C functions. */
template <class Calls, class K, class V, spine_time Time = SPINE_UNTIMED,
          unsigned Weights = 1>
class row_writer : public handle<typename Calls::raw, Calls::free>
{
  public:
    using batch_type = batch<K, V, Time, Weights>;
    using key_argument = typename codec<K>::argument;
    using value_argument = typename codec<V>::argument;

    row_writer() : row_writer(open(std::nothrow).value())
    {
    }

    /* Adds a row; `extras` are its weight, 1 when left out, and its time: see
     * weight.hpp. */
    template <class Value = V, class... Extras, if_value<Value> = 0>
    void add(key_argument key, value_argument value, const Extras &...extras)
    {
        spine_error error;

        if (put(key, value, &error, extras...) != SPINE_OK)
            raise(error);
    }

    template <class Value = V, class... Extras, if_value<Value> = 0>
    result<void> add(std::nothrow_t, key_argument key, value_argument value,
                     const Extras &...extras) noexcept
    {
        spine_error error;

        if (put(key, value, &error, extras...) != SPINE_OK)
            return error;
        return {};
    }

    /* The same for sets. */
    template <class Value = V, class... Extras, if_no_value<Value> = 0>
    void add(key_argument key, const Extras &...extras)
    {
        spine_error error;

        if (put(key, {}, &error, extras...) != SPINE_OK)
            raise(error);
    }

    template <class Value = V, class... Extras, if_no_value<Value> = 0>
    result<void> add(std::nothrow_t, key_argument key, const Extras &...extras) noexcept
    {
        spine_error error;

        if (put(key, {}, &error, extras...) != SPINE_OK)
            return error;
        return {};
    }

    /* The batch of all rows added; nothing is left here. */
    batch_type seal()
    {
        return seal(std::nothrow).value();
    }

    result<batch_type> seal(std::nothrow_t) noexcept
    {
        spine_batch *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty(Calls::name);
        if (flush(&error) != SPINE_OK ||
            Calls::seal(this->get(), &raw, &error) != SPINE_OK)
            return error;
        return batch_type(raw);
    }

    /* Takes `raw` in place of its own, which is ended with all its rows. */
    void reset(typename Calls::raw *raw = nullptr) noexcept
    {
        forget();
        base::reset(raw);
    }

  protected:
    using base = handle<typename Calls::raw, Calls::free>;

    /* Rows of tuples are collected as columns of cells, if there is a call for these. */
    static constexpr bool collects =
        Calls::collects && (has_columns<K> || has_columns<V>);

    explicit row_writer(typename Calls::raw *raw) noexcept : base(raw)
    {
    }

    /* Hands over what was collected; on failure it stays. */
    enum spine_status flush(spine_error *error) noexcept
    {
        if constexpr (collects)
            return rows_.template flush<Calls>(this->get(), error);
        return SPINE_OK;
    }

    /* Drops what was collected. */
    void forget() noexcept
    {
        rows_.clear();
    }

    static result<row_writer> open(std::nothrow_t) noexcept
    {
        schema_of<K, V, Time, Weights> schema;
        typename Calls::raw *raw = nullptr;
        spine_error error;

        if (schema.make(&error) != SPINE_OK ||
            Calls::open(schema.get(), &raw, &error) != SPINE_OK)
            return error;
        return row_writer(raw);
    }

  private:
    template <class... Extras>
    enum spine_status put(key_argument key, value_argument value, spine_error *error,
                          const Extras &...extras) noexcept
    {
        row_extras<Time, Weights> given;
        spine_row row = {};

        if (!*this) {
            *error = this->empty(Calls::name);
            return error->status;
        }
        enum spine_status status = given.take(&row, error, extras...);

        if constexpr (collects) {
            if (status == SPINE_OK && rows_.is_full())
                status = flush(error);
            return status == SPINE_OK ? rows_.add(key, value, row, error) : status;
        } else {
            if (status == SPINE_OK)
                status = codec<K>::encode(key, key_encoder_, &row.key, error);
            if (status == SPINE_OK)
                status = codec<V>::encode(value, value_encoder_, &row.value, error);
            return status == SPINE_OK ? Calls::add(this->get(), &row, error) : status;
        }
    }

    cell_columns<K, V, Time, Weights> rows_;

    typename codec<K>::encoder key_encoder_;
    typename codec<V>::encoder value_encoder_;
};

struct batcher_calls {
    static constexpr bool collects = true;
    using raw = spine_batcher;
    static constexpr const char *name = "batcher";
    static constexpr auto open = spine_batcher_new;
    static constexpr auto add = spine_batcher_add;
    static constexpr auto add_columns = spine_batcher_add_columns;
    static constexpr auto seal = spine_batcher_seal;
    static constexpr auto free = spine_batcher_free;
};

struct builder_calls {
    static constexpr bool collects = false;
    using raw = spine_builder;
    static constexpr const char *name = "builder";
    static constexpr auto open = spine_builder_new;
    static constexpr auto add = spine_builder_add;
    static constexpr auto seal = spine_builder_seal;
    static constexpr auto free = spine_builder_free;
};

/* Rows in any order. The constructor throws when there is no memory. */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class batcher : public row_writer<batcher_calls, K, V, Time, Weights>
{
    using row_writer_type = row_writer<batcher_calls, K, V, Time, Weights>;

  public:
    batcher() = default;

    static result<batcher> open(std::nothrow_t) noexcept
    {
        auto writer = row_writer_type::open(std::nothrow);
        if (!writer)
            return writer.error();
        return batcher(writer->release());
    }

    void add_columns(const spine_columns &columns)
    {
        add_columns(std::nothrow, columns).value();
    }

    result<void> add_columns(std::nothrow_t, const spine_columns &columns) noexcept
    {
        spine_error error;

        if (!*this)
            return this->empty("batcher");
        if (spine_batcher_add_columns(this->get(), &columns, &error) != SPINE_OK)
            return error;
        return {};
    }

    /* The same of columns of tuples (spine/tuple_columns.h). */
    void add_tuples(const spine_tuple_rows &rows)
    {
        add_tuples(std::nothrow, rows).value();
    }

    result<void> add_tuples(std::nothrow_t, const spine_tuple_rows &rows) noexcept
    {
        spine_error error;

        if (!*this)
            return this->empty("batcher");
        if (spine_batcher_add_tuples(this->get(), &rows, &error) != SPINE_OK)
            return error;
        return {};
    }

    /* Hands the C handle to the caller, who ends it, with all rows; empty when there was
     * no memory for that, and the rows are still here. */
    [[nodiscard]] spine_batcher *release() noexcept
    {
        spine_error error;

        if (!*this || this->flush(&error) != SPINE_OK)
            return nullptr;
        return row_writer_type::release();
    }

    /* Forgets all rows and a sticky error. */
    void clear()
    {
        clear(std::nothrow).value();
    }

    result<void> clear(std::nothrow_t) noexcept
    {
        if (!*this)
            return this->empty("batcher");
        this->forget();
        spine_batcher_clear(this->get());
        return {};
    }

  private:
    explicit batcher(spine_batcher *raw) noexcept : row_writer_type(raw)
    {
    }
};

/* Rows in strictly ascending order of (key, value, time). */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class builder : public row_writer<builder_calls, K, V, Time, Weights>
{
    using row_writer_type = row_writer<builder_calls, K, V, Time, Weights>;

  public:
    builder() = default;

    static result<builder> open(std::nothrow_t) noexcept
    {
        auto writer = row_writer_type::open(std::nothrow);
        if (!writer)
            return writer.error();
        return builder(writer->release());
    }

  private:
    explicit builder(spine_builder *raw) noexcept : row_writer_type(raw)
    {
    }
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
