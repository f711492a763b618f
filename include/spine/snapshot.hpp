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
#include "spine/sample.h"
#include "spine/spine.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <vector>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* The content of a spine at a moment. */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class snapshot : public handle<struct spine_snapshot, spine_snapshot_unref>
{
  public:
    using handle::handle;
    using batch_type = spine_cpp::batch<K, V, Time, Weights>;
    using cursor_type = spine_cpp::cursor<K, V, Time, Weights>;
    /* Keys alone. */
    using keys_type = spine_cpp::batch<K, void>;

    /* One more reference. */
    snapshot share() const noexcept
    {
        return snapshot(get() != nullptr ? spine_snapshot_ref(get()) : nullptr);
    }

    /* A snapshot of batches, of which it keeps references. */
    static snapshot of(const std::vector<batch_type> &batches)
    {
        return of(std::nothrow, batches).value();
    }

    static result<snapshot> of(std::nothrow_t, const std::vector<batch_type> &batches)
    {
        std::vector<spine_batch *> raw_batches;
        schema_of<K, V, Time, Weights> schema;
        struct spine_snapshot *raw = nullptr;
        spine_error error;

        raw_batches.reserve(batches.size());
        for (const batch_type &one : batches)
            raw_batches.push_back(one.get());
        if (schema.make(&error) != SPINE_OK ||
            spine_snapshot_of_batches(schema.get(), raw_batches.data(),
                                      raw_batches.size(), &raw, &error) != SPINE_OK)
            return error;
        return snapshot(raw);
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

    /* Exactly that many different live keys, or all, each as likely as any other. */
    keys_type sample(uint64_t count, uint64_t seed) const
    {
        return sample(std::nothrow, count, seed).value();
    }

    result<keys_type> sample(std::nothrow_t, uint64_t count, uint64_t seed) const noexcept
    {
        return keys_by(spine_snapshot_sample, count, seed);
    }

    /* `parts - 1` ascending live keys that split the live keys into ranges of nearly the
     * same size. */
    keys_type partition(uint64_t parts, uint64_t seed) const
    {
        return partition(std::nothrow, parts, seed).value();
    }

    result<keys_type>
    partition(std::nothrow_t, uint64_t parts, uint64_t seed) const noexcept
    {
        return keys_by(spine_snapshot_partition, parts, seed);
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

    /* One of the sources of a cursor. */
    struct source {
        const snapshot &from;
        /* Its weights count times -1. */
        bool negated = false;
    };

    /* A cursor over the sum of all sources: as spine_cursor_open_sources(). */
    static cursor_type cursor_of(std::initializer_list<source> sources)
    {
        return cursor_of(std::nothrow, sources).value();
    }

    static result<cursor_type>
    cursor_of(std::nothrow_t, std::initializer_list<source> sources)
    {
        std::vector<spine_cursor_source> raw_sources;
        spine_cursor *raw = nullptr;
        spine_error error;

        for (const source &one : sources)
            raw_sources.push_back({one.from.get(), one.negated});
        if (spine_cursor_open_sources(raw_sources.data(), raw_sources.size(), &raw,
                                      &error) != SPINE_OK)
            return error;
        return cursor_type(raw);
    }

    /* What both have together, and what this has more than `other`. */
    cursor_type plus(const snapshot &other) const
    {
        return plus(std::nothrow, other).value();
    }

    result<cursor_type> plus(std::nothrow_t, const snapshot &other) const
    {
        return with(other, false);
    }

    cursor_type minus(const snapshot &other) const
    {
        return minus(std::nothrow, other).value();
    }

    result<cursor_type> minus(std::nothrow_t, const snapshot &other) const
    {
        return with(other, true);
    }

  private:
    result<cursor_type> with(const snapshot &other, bool negated) const
    {
        if (!*this)
            return this->empty("snapshot");
        return cursor_of(std::nothrow, {source{*this, false}, source{other, negated}});
    }

    template <class Call>
    result<keys_type> keys_by(Call call, uint64_t number, uint64_t seed) const noexcept
    {
        spine_batch *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("snapshot");
        if (call(get(), number, seed, &raw, &error) != SPINE_OK)
            return error;
        return keys_type(raw);
    }
};

/* A snapshot and the frontier, options and flags of the same moment (spine/cut.h). */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class cut : public handle<struct spine_cut, spine_cut_unref>,
            public has_parts<cut<K, V, Time, Weights>, K>
{
  public:
    using handle<struct spine_cut, spine_cut_unref>::handle;
    using snapshot_type = spine_cpp::snapshot<K, V, Time, Weights>;

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

    result<cut>
    part_of(const union spine_datum *lower, const union spine_datum *upper) const noexcept
    {
        struct spine_cut *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("cut");
        if (spine_cut_between(get(), lower, upper, &raw, &error) != SPINE_OK)
            return error;
        return cut(raw);
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
