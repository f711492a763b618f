/* SPDX-License-Identifier: MIT */
#ifndef SPINE_SNAPSHOT_HPP
#define SPINE_SNAPSHOT_HPP

/*
 * Snapshots and cuts: the content of a spine at one moment. Part of spine.hpp; include
 * that.
 */

#include "spine/batch.hpp"
#include "spine/cursor.hpp"
#include "spine/cut.h"
#include "spine/result.hpp"
#include "spine/spine.h"

#include <cstddef>
#include <cstdint>
#include <new>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

template <class K, class V, spine_time Time = SPINE_UNTIMED>
class snapshot : public handle<struct spine_snapshot, spine_snapshot_unref>
{
  public:
    using handle::handle;
    using batch_type = spine_cpp::batch<K, V, Time>;
    using cursor_type = spine_cpp::cursor<K, V, Time>;

    /* One more reference. */
    snapshot share() const noexcept
    {
        return snapshot(get() != nullptr ? spine_snapshot_ref(get()) : nullptr);
    }

    std::size_t batch_count() const
    {
        return batch_count(std::nothrow).value();
    }

    result<std::size_t> batch_count(std::nothrow_t) const noexcept
    {
        if (!*this)
            return this->empty("snapshot");
        return spine_snapshot_batch_count(get());
    }

    /* SPINE_INVALID unless `index` is less than batch_count(). */
    batch_type batch(std::size_t index) const
    {
        return batch(std::nothrow, index).value();
    }

    result<batch_type> batch(std::nothrow_t, std::size_t index) const noexcept
    {
        spine_error error;

        if (!*this)
            return this->empty("snapshot");
        if (index < spine_snapshot_batch_count(get()))
            return batch_type(spine_batch_ref(spine_snapshot_batch(get(), index)));
        (void)fail(&error, SPINE_INVALID, "a snapshot has no batch of that index");
        return error;
    }

    /* Rows and bytes of all batches: rows that cancel across batches count. */
    uint64_t rows() const
    {
        return rows(std::nothrow).value();
    }

    result<uint64_t> rows(std::nothrow_t) const noexcept
    {
        if (!*this)
            return this->empty("snapshot");
        return spine_snapshot_rows(get());
    }

    uint64_t bytes() const
    {
        return bytes(std::nothrow).value();
    }

    result<uint64_t> bytes(std::nothrow_t) const noexcept
    {
        if (!*this)
            return this->empty("snapshot");
        return spine_snapshot_bytes(get());
    }

    result<cursor_type> cursor(std::nothrow_t) const
    {
        spine_cursor *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("snapshot");
        if (spine_snapshot_cursor(get(), &raw, &error) != SPINE_OK)
            return error;
        return cursor_type(raw);
    }

    cursor_type cursor() const
    {
        return cursor(std::nothrow).value();
    }
};

/* A snapshot and the frontier, options and flags of the same moment (spine/cut.h). */
template <class K, class V, spine_time Time = SPINE_UNTIMED>
class cut : public handle<struct spine_cut, spine_cut_unref>
{
  public:
    using handle::handle;
    using snapshot_type = spine_cpp::snapshot<K, V, Time>;

    /* One more reference. */
    cut share() const noexcept
    {
        return cut(get() != nullptr ? spine_cut_ref(get()) : nullptr);
    }

    snapshot_type snapshot() const
    {
        return snapshot(std::nothrow).value();
    }

    result<snapshot_type> snapshot(std::nothrow_t) const noexcept
    {
        if (!*this)
            return this->empty("cut");
        return snapshot_type(spine_snapshot_ref(spine_cut_snapshot(get())));
    }

    spine_cut_info info() const
    {
        return info(std::nothrow).value();
    }

    result<spine_cut_info> info(std::nothrow_t) const noexcept
    {
        spine_cut_info out;

        if (!*this)
            return this->empty("cut");
        spine_cut_get_info(get(), &out);
        return out;
    }
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
