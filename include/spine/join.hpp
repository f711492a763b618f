/* SPDX-License-Identifier: MIT */
#ifndef SPINE_JOIN_HPP
#define SPINE_JOIN_HPP

/*
 * Results that are kept up to date, as steps of a computation: joins of two spines, and
 * what is made of the rows of each key. Part of spine.hpp; include that.
 *
 *     spine_cpp::join<customer_map, order_map> join;
 *     join.step(customers, customer_changes, orders, order_changes,
 *               [&](uint32_t, const auto &customer, const auto &order) {
 *                   result.add(customer.value, weight{product(customer.weight,
 *                                                             order.weight)});
 *               });
 *
 *     spine_cpp::reduce<league_map> reduce;
 *     reduce.step(scores, changes, [&](uint32_t league, const auto &rows, int64_t by) {
 *         result.add(league, rows[0].value, by);
 *     });
 *
 * What the callables are given is as probe.hpp has it. What they throw leaves the call.
 */

#include "spine/map.hpp"
#include "spine/probe.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/*
 * The change of the join of two spines by their keys, which both have of one type: each
 * side's changes with the other side, once. Spines may be in several joins, as a join
 * keeps only memory. One thread at a time. The constructor throws when there is none.
 *
 * `on_pair(key, left, right)` is called for each pair of rows, whichever side changed.
 * The weight of a pair is the product of both, its time time_join() of both. One pair may
 * come several times, and the sum of its weights is what counts.
 */
template <class Left, class Right> class join
{
    static_assert(std::is_same_v<typename Left::key_type, typename Right::key_type>,
                  "spine_cpp: both sides of a join have keys of one type");
    using left_probe = typename Left::probe_type;
    using right_probe = typename Right::probe_type;

  public:
    join() : join(left_probe(), right_probe())
    {
    }

    static result<join> open(std::nothrow_t) noexcept
    {
        auto left = left_probe::open(std::nothrow);
        auto right = right_probe::open(std::nothrow);

        if (!left)
            return left.error();
        if (!right)
            return right.error();
        return join(std::move(*left), std::move(*right));
    }

    /* The most rows of a spine that are in memory at a time; 0: all. Default 65,536. */
    void set_rows_max(std::size_t rows) noexcept
    {
        left_.set_rows_max(rows);
        right_.set_rows_max(rows);
    }

    /*
     * Calls `on_pair` for all pairs that the changes make, then inserts these. When that
     * fails before the first insert, nothing has changed, and what `on_pair` has
     * collected is to be forgotten; when the second insert fails, all pairs were told and
     * the left changes are in: only the right ones are left to be inserted.
     *
     * The two are different spines, or it is SPINE_INVALID: a spine with itself is joined
     * by pairs().
     */
    template <class OnPair>
    void step(Left &left, const typename Left::batch &left_changes, Right &right,
              const typename Right::batch &right_changes, OnPair on_pair)
    {
        step(std::nothrow, left, left_changes, right, right_changes, std::move(on_pair))
            .value();
    }

    template <class OnPair>
    result<void>
    step(std::nothrow_t, Left &left, const typename Left::batch &left_changes,
         Right &right, const typename Right::batch &right_changes, OnPair on_pair)
    {
        const auto left_now = left.snapshot(std::nothrow);
        const auto right_now = right.snapshot(std::nothrow);

        if (!left_now)
            return left_now.error();
        if (!right_now)
            return right_now.error();
        if (left.get() == right.get())
            return one_spine();
        const auto told = pairs(std::nothrow, *left_now, left_changes, *right_now,
                                right_changes, std::move(on_pair));
        if (!told)
            return told;
        const auto taken = left.insert(std::nothrow, left_changes);
        return taken ? right.insert(std::nothrow, right_changes) : taken;
    }

    /* The same of what both sides were before, and inserts nothing. */
    template <class OnPair>
    void pairs(const typename Left::snapshot_type &left,
               const typename Left::batch &left_changes,
               const typename Right::snapshot_type &right,
               const typename Right::batch &right_changes, OnPair on_pair)
    {
        pairs(std::nothrow, left, left_changes, right, right_changes, std::move(on_pair))
            .value();
    }

    template <class OnPair>
    result<void> pairs(std::nothrow_t, const typename Left::snapshot_type &left,
                       const typename Left::batch &left_changes,
                       const typename Right::snapshot_type &right,
                       const typename Right::batch &right_changes, OnPair on_pair)
    {
        const auto by_left = [&on_pair](const auto &key, const auto &own,
                                        const auto &found) { on_pair(key, own, found); };
        const auto by_right = [&on_pair](const auto &key, const auto &own,
                                         const auto &found) { on_pair(key, found, own); };
        spine_batch *const batch = left_changes.get();
        struct spine_snapshot *alone = nullptr;
        spine_error error;

        auto told = right_.join(std::nothrow, right, left_changes, by_left);
        if (told)
            told = left_.join(std::nothrow, left, right_changes, by_right);
        if (!told)
            return told;
        /* What changed of both sides at once. */
        if (spine_snapshot_of_batches(spine_batch_schema(batch), &batch, 1, &alone,
                                      &error) != SPINE_OK)
            return error;
        return left_.join(std::nothrow, typename Left::snapshot_type(alone),
                          right_changes, by_right);
    }

  private:
    static spine_error one_spine() noexcept
    {
        spine_error error;

        (void)fail(&error, SPINE_INVALID, "both sides of a join are one spine");
        return error;
    }

    join(left_probe &&left, right_probe &&right) noexcept
        : left_(std::move(left)), right_(std::move(right))
    {
        set_rows_max(std::size_t{1} << 16);
    }

    left_probe left_;
    right_probe right_;
};

/*
 * The change of what is made of the rows of each key, such as the best of them, their
 * median, or whether there are any: what was made of them before, taken back, and what is
 * made of them now. One thread at a time. The constructor throws when there is no memory.
 */
template <class Map> class reduce
{
    using probe_type = typename Map::probe_type;

  public:
    reduce() = default;

    static result<reduce> open(std::nothrow_t) noexcept
    {
        auto probe = probe_type::open(std::nothrow);

        if (!probe)
            return probe.error();
        return reduce(std::move(*probe));
    }

    /*
     * Calls `on_group(key, rows, -1)` for each key of the changes that has rows, inserts
     * the changes, and calls `on_group(key, rows, 1)` for those that have rows then. What
     * stays the same cancels in the batch of the result.
     *
     * When this fails up to the insert, nothing has changed, and what `on_group` has
     * collected is to be forgotten. After it, that is so of what came with 1 alone, which
     * groups() of the spine as it is then gives again.
     */
    template <class OnGroup>
    void step(Map &map, const typename Map::batch &changes, OnGroup on_group)
    {
        step(std::nothrow, map, changes, std::move(on_group)).value();
    }

    template <class OnGroup>
    result<void>
    step(std::nothrow_t, Map &map, const typename Map::batch &changes, OnGroup on_group)
    {
        auto done = half(map, changes, -1, on_group);

        if (done)
            done = map.insert(std::nothrow, changes);
        return done ? half(map, changes, 1, on_group) : done;
    }

    /* One half: calls `on_group(key, rows, by)` for each key of the changes that has rows
     * in the snapshot, and inserts nothing. */
    template <class OnGroup>
    void groups(const typename Map::snapshot_type &snapshot,
                const typename Map::batch &changes, int64_t by, OnGroup on_group)
    {
        groups(std::nothrow, snapshot, changes, by, std::move(on_group)).value();
    }

    template <class OnGroup>
    result<void> groups(std::nothrow_t, const typename Map::snapshot_type &snapshot,
                        const typename Map::batch &changes, int64_t by, OnGroup on_group)
    {
        return probe_.match(std::nothrow, snapshot, changes,
                            [&](const auto &key, const auto &, const auto &rows) {
                                if (!rows.empty())
                                    on_group(key, rows, by);
                            });
    }

  private:
    explicit reduce(probe_type &&probe) noexcept : probe_(std::move(probe))
    {
    }

    template <class OnGroup>
    result<void> half(const Map &map, const typename Map::batch &changes, int64_t by,
                      OnGroup &on_group)
    {
        const auto now = map.snapshot(std::nothrow);

        if (!now)
            return now.error();
        return groups(std::nothrow, *now, changes, by,
                      [&on_group](const auto &key, const auto &rows, int64_t sign) {
                          on_group(key, rows, sign);
                      });
    }

    probe_type probe_;
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
