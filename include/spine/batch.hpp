/* SPDX-License-Identifier: MIT */
#ifndef SPINE_BATCH_HPP
#define SPINE_BATCH_HPP

/*
 * Typed batches, batchers and builders. Part of spine.hpp; include that.
 */

#include "spine/batch.h"
#include "spine/codec.hpp"
#include "spine/cursor.hpp"
#include "spine/result.hpp"

#include <cstdint>
#include <new>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

template <class K, class V, enum spine_time Time = SPINE_UNTIMED>
class batch : public handle<spine_batch, spine_batch_unref>
{
  public:
    using handle::handle;
    using cursor_type = spine_cpp::cursor<K, V, Time>;

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

    /* A batch of rows in any order, as columns of the schema. */
    static result<batch>
    from_columns(std::nothrow_t, const spine_columns &columns) noexcept
    {
        const struct spine_schema schema = schema_of<K, V, Time>();
        spine_batch *raw = nullptr;
        spine_error error;

        if (spine_batch_from_columns(&schema, &columns, &raw, &error) != SPINE_OK)
            return error;
        return batch(raw);
    }

    static batch from_columns(const spine_columns &columns)
    {
        return from_columns(std::nothrow, columns).value();
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

/* What batchers and builders have in common; Calls are the C functions. */
template <class Calls, class K, class V, enum spine_time Time = SPINE_UNTIMED>
class row_writer : public handle<typename Calls::raw, Calls::free>
{
  public:
    using batch_type = batch<K, V, Time>;
    using key_argument = typename codec<K>::argument;
    using value_argument = typename codec<V>::argument;
    using weight_argument = number_argument<int64_t>;
    using time_argument = number_argument<uint64_t>;

    row_writer() : row_writer(open(std::nothrow).value())
    {
    }

    /* Adds a row (key, value, time, weight). */
    template <class Value = V, if_value<Value> = 0>
    void add(key_argument key, value_argument value, weight_argument weight = 1,
             time_argument time = 0)
    {
        spine_error error;

        if (put(key, value, weight, time, &error) != SPINE_OK)
            raise(error);
    }

    template <class Value = V, if_value<Value> = 0>
    result<void> add(std::nothrow_t, key_argument key, value_argument value,
                     weight_argument weight = 1, time_argument time = 0) noexcept
    {
        spine_error error;

        if (put(key, value, weight, time, &error) != SPINE_OK)
            return error;
        return {};
    }

    /* The same for sets. */
    template <class Value = V, if_no_value<Value> = 0>
    void add(key_argument key, weight_argument weight = 1, time_argument time = 0)
    {
        spine_error error;

        if (put(key, {}, weight, time, &error) != SPINE_OK)
            raise(error);
    }

    template <class Value = V, if_no_value<Value> = 0>
    result<void> add(std::nothrow_t, key_argument key, weight_argument weight = 1,
                     time_argument time = 0) noexcept
    {
        spine_error error;

        if (put(key, {}, weight, time, &error) != SPINE_OK)
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
        if (Calls::seal(this->get(), &raw, &error) != SPINE_OK)
            return error;
        return batch_type(raw);
    }

  protected:
    using base = handle<typename Calls::raw, Calls::free>;

    explicit row_writer(typename Calls::raw *raw) noexcept : base(raw)
    {
    }

    static result<row_writer> open(std::nothrow_t) noexcept
    {
        const struct spine_schema schema = schema_of<K, V, Time>();
        typename Calls::raw *raw = nullptr;
        spine_error error;

        if (Calls::open(&schema, &raw, &error) != SPINE_OK)
            return error;
        return row_writer(raw);
    }

  private:
    enum spine_status put(key_argument key, value_argument value, weight_argument weight,
                          time_argument time, spine_error *error) noexcept
    {
        spine_row row = {};

        if (!*this) {
            *error = this->empty(Calls::name);
            return error->status;
        }
        enum spine_status status = codec<K>::encode(key, key_encoder_, &row.key, error);

        if (status == SPINE_OK)
            status = codec<V>::encode(value, value_encoder_, &row.value, error);
        if (status == SPINE_OK)
            status = weight.check(error);
        if (status == SPINE_OK)
            status = time.check(error);
        row.weight = weight.number();
        row.time = time.number();
        return status == SPINE_OK ? Calls::add(this->get(), &row, error) : status;
    }

    typename codec<K>::encoder key_encoder_;
    typename codec<V>::encoder value_encoder_;
};

struct batcher_calls {
    using raw = spine_batcher;
    static constexpr const char *name = "batcher";
    static constexpr auto open = spine_batcher_new;
    static constexpr auto add = spine_batcher_add;
    static constexpr auto seal = spine_batcher_seal;
    static constexpr auto free = spine_batcher_free;
};

struct builder_calls {
    using raw = spine_builder;
    static constexpr const char *name = "builder";
    static constexpr auto open = spine_builder_new;
    static constexpr auto add = spine_builder_add;
    static constexpr auto seal = spine_builder_seal;
    static constexpr auto free = spine_builder_free;
};

/* Rows in any order. The constructor throws when there is no memory. */
template <class K, class V, enum spine_time Time = SPINE_UNTIMED>
class batcher : public row_writer<batcher_calls, K, V, Time>
{
    using row_writer_type = row_writer<batcher_calls, K, V, Time>;

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

    /* Forgets all rows and a sticky error. */
    void clear()
    {
        clear(std::nothrow).value();
    }

    result<void> clear(std::nothrow_t) noexcept
    {
        if (!*this)
            return this->empty("batcher");
        spine_batcher_clear(this->get());
        return {};
    }

  private:
    explicit batcher(spine_batcher *raw) noexcept : row_writer_type(raw)
    {
    }
};

/* Rows in strictly ascending order of (key, value, time). */
template <class K, class V, enum spine_time Time = SPINE_UNTIMED>
class builder : public row_writer<builder_calls, K, V, Time>
{
    using row_writer_type = row_writer<builder_calls, K, V, Time>;

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
