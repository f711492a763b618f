/* SPDX-License-Identifier: MIT */
#ifndef SPINE_PROBE_HPP
#define SPINE_PROBE_HPP

/*
 * Typed probes (spine/probe.h): the rows of many keys at once, and joins. Part of
 * spine.hpp; include that.
 *
 *     spine_cpp::probe<uint64_t, std::string> probe;
 *     for (const auto &[key, rows] : probe.look_up(snapshot, keys))
 *         for (const auto &[value, weight] : rows)
 *             use(key, value, weight);
 *
 *     probe.join(snapshot, changes, [&](uint64_t key, auto &own, auto &found) {
 *         out.add(key, {own.value, found.value},
 *                 spine_cpp::weight{spine_cpp::product(own.weight, found.weight)});
 *     });
 *
 * A row has a value (but of sets), a weight, and a time where the rows of its side have
 * times. What it points to is valid until the probe is called again, or goes on; a
 * std::string_view in a tuple until the next row of its side is read.
 *
 * With set_rows_max() a key whose rows come in several parts comes several times, each
 * time with the next of them.
 */

#include "spine/batch.hpp"
#include "spine/columns.hpp"
#include "spine/filter.hpp"
#include "spine/keyed_rows.hpp"
#include "spine/probe.h"
#include "spine/snapshot.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Probes of snapshots of one type. The constructor throws when there is no memory. */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class probe : public handle<spine_probe, spine_probe_free>
{
    using base = handle<spine_probe, spine_probe_free>;

  public:
    using snapshot_type = spine_cpp::snapshot<K, V, Time, Weights>;
    using key_view = typename codec<K>::view;
    using rows_type = keyed_rows<V, Time, Weights>;

    /* What iterating gives: a key that was asked for, and its rows, if it has any. */
    struct key_rows {
        key_view key{};
        rows_type rows{};
    };

    probe() : probe(open(std::nothrow).value())
    {
    }

    static result<probe> open(std::nothrow_t) noexcept
    {
        spine_probe *raw = nullptr;
        spine_error error;

        if (spine_probe_new(&raw, &error) != SPINE_OK)
            return error;
        return probe(raw);
    }

    /* --- options, of all calls that follow ----------------------------------------- */

    /* The most rows found that are in memory at a time; 0: all. */
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

    /* Only keys of which `keep`, called with a key_view, says true, have rows. An
     * exception that leaves `keep` ends the process. */
    template <class Keep> void set_filter(Keep keep)
    {
        set_filter(std::nothrow, std::move(keep)).value();
    }

    template <class Keep> result<void> set_filter(std::nothrow_t, Keep keep)
    {
        std::unique_ptr<key_filter> filter(new (std::nothrow) key_filter);

        if (filter == nullptr)
            return no_memory();
        filter->raw = make_key_filter<K>(std::move(keep));
        if (filter->raw.context == nullptr)
            return no_memory();
        replace_filter(std::move(filter));
        return {};
    }

    void set_filter(std::nullptr_t) noexcept
    {
        replace_filter(nullptr);
    }

    /* Takes `raw` in place of its own; what was found is forgotten. */
    void reset(spine_probe *raw = nullptr) noexcept
    {
        forget();
        base::reset(raw);
    }

    /* --- keys that are at hand ----------------------------------------------------- */

    /*
     * The keys of a container, strictly ascending, each with its rows, in that order.
     * When the probe fails, moving throws or, when Throws is false, is at the end: then
     * check(std::nothrow) says so.
     */
    template <bool Throws> class range
    {
      public:
        explicit range(probe &owner) noexcept : probe_(&owner)
        {
        }

        class iterator
        {
          public:
            using iterator_category = std::input_iterator_tag;
            using value_type = key_rows;
            using difference_type = std::ptrdiff_t;
            using pointer = const key_rows *;
            using reference = const key_rows &;

            iterator() noexcept = default;

            explicit iterator(probe *owner) : probe_(owner)
            {
                load();
            }

            reference operator*() const
            {
                return owner().now_;
            }

            pointer operator->() const
            {
                return &owner().now_;
            }

            iterator &operator++()
            {
                owner().at_++;
                load();
                return *this;
            }

            void operator++(int)
            {
                ++*this;
            }

            friend bool operator==(const iterator &a, const iterator &b) noexcept
            {
                return a.probe_ == b.probe_;
            }

            friend bool operator!=(const iterator &a, const iterator &b) noexcept
            {
                return !(a == b);
            }

          private:
            probe &owner() const
            {
                if (probe_ == nullptr)
                    raise(at_end());
                return *probe_;
            }

            void load()
            {
                if (probe_->load_key())
                    return;
                probe *const ended = std::exchange(probe_, nullptr);
                if constexpr (Throws)
                    ended->check();
            }

            probe *probe_ = nullptr;
        };

        iterator begin() const
        {
            return iterator(probe_);
        }

        iterator end() const noexcept
        {
            return {};
        }

      private:
        probe *probe_;
    };

    /* The rows of all of these keys, for a loop over them. */
    template <class Keys>
    range<true> look_up(const snapshot_type &snapshot, const Keys &keys) &
    {
        begin_look_up(SPINE_PROBE_ROWS, snapshot, keys).value();
        return range<true>(*this);
    }

    template <class Keys>
    result<range<false>>
    look_up(std::nothrow_t, const snapshot_type &snapshot, const Keys &keys) &
    {
        const auto begun = begin_look_up(SPINE_PROBE_ROWS, snapshot, keys);

        if (!begun)
            return begun.error();
        return range<false>(*this);
    }

    /* How many rows each of the keys has. */
    template <class Keys>
    std::vector<uint64_t> count(const snapshot_type &snapshot, const Keys &keys)
    {
        return count(std::nothrow, snapshot, keys).value();
    }

    template <class Keys>
    result<std::vector<uint64_t>>
    count(std::nothrow_t, const snapshot_type &snapshot, const Keys &keys)
    {
        std::vector<uint64_t> counts;
        const auto begun = begin_look_up(SPINE_PROBE_COUNTS, snapshot, keys);

        if (!begun)
            return begun.error();
        /* An iterator must not find rows without columns, also when reserve() throws. */
        const spine_probe_rows found = std::exchange(found_, {});
        counts.reserve(found.keys);
        for (std::size_t i = 0; i < found.keys; i++)
            counts.push_back(found.ends[i] - (i > 0 ? found.ends[i - 1] : 0));
        return counts;
    }

    /* Throws unless iterating ended at the end. */
    void check() const
    {
        check(std::nothrow).value();
    }

    result<void> check(std::nothrow_t) const noexcept
    {
        if (!*this)
            return this->empty("probe");
        if (failure_.status != SPINE_OK)
            return failure_;
        return {};
    }

    /* --- keys of a batch ----------------------------------------------------------- */

    /*
     * Calls `on_key(key, own, found)` for each key of the batch, in order: its rows there
     * and its rows in the snapshot, of which there may be none. With set_rows_max() a key
     * may come again, with all its own rows and the next ones found. `on_key` may set
     * options for later calls; SPINE_MISUSE when it looks something up with this probe.
     */
    template <class V2, spine_time Time2, unsigned Weights2, class OnKey>
    void match(const snapshot_type &snapshot,
               const spine_cpp::batch<K, V2, Time2, Weights2> &batch, OnKey on_key)
    {
        match(std::nothrow, snapshot, batch, std::move(on_key)).value();
    }

    template <class V2, spine_time Time2, unsigned Weights2, class OnKey>
    result<void>
    match(std::nothrow_t, const snapshot_type &snapshot,
          const spine_cpp::batch<K, V2, Time2, Weights2> &batch, OnKey on_key)
    {
        using own_rows = keyed_rows<V2, Time2, Weights2>;
        typename own_rows::decoder own_decoder{};
        spine_probe_matches matches;
        spine_error error;

        if (!*this)
            return this->empty("probe");
        const uint64_t turn = forget();
        const spine_probe_options options = lend_filter(SPINE_PROBE_ROWS);
        enum spine_status status = spine_snapshot_probe_batch(
            snapshot.get(), get(), batch.get(), &options, &matches, &error);
        while (status == SPINE_OK) {
            const cells_of<K> keys(matches.keys.keys, matches.keys.key_offsets,
                                   matches.keys.rows, key_decoder_);
            std::size_t own = 0, row = 0;

            for (std::size_t k = 0; k < keys.size(); k++) {
                const auto own_end = static_cast<std::size_t>(matches.own_ends[k]);
                const auto end = static_cast<std::size_t>(matches.found.ends[k]);
                const auto key = keys.at(std::nothrow, k);

                if (!key)
                    return key.error();
                const own_rows mine(matches.own, own, own_end, own_decoder);
                const rows_type found(matches.found.columns, row, end, value_decoder_);
                on_key(*key, mine, found);
                if (!goes_on(turn))
                    return called_again();
                own = own_end;
                row = end;
            }
            if (!matches.found.more)
                return {};
            status = spine_probe_next_matches(get(), &matches, &error);
        }
        return error;
    }

    /* Calls `on_pair(key, own, found)` for each row of the batch with each row of its key
     * in the snapshot. */
    template <class V2, spine_time Time2, unsigned Weights2, class OnPair>
    void join(const snapshot_type &snapshot,
              const spine_cpp::batch<K, V2, Time2, Weights2> &batch, OnPair on_pair)
    {
        join(std::nothrow, snapshot, batch, std::move(on_pair)).value();
    }

    template <class V2, spine_time Time2, unsigned Weights2, class OnPair>
    result<void>
    join(std::nothrow_t, const snapshot_type &snapshot,
         const spine_cpp::batch<K, V2, Time2, Weights2> &batch, OnPair on_pair)
    {
        typename keyed_rows<V2, Time2, Weights2>::row_type mine{};
        typename rows_type::row_type other{};
        spine_error error = {SPINE_OK, ""};
        const auto matched =
            match(std::nothrow, snapshot, batch,
                  [&](const key_view &key, const auto &own, const rows_type &found) {
                      const uint64_t turn = turn_;
                      for (std::size_t i = 0; i < own.size() && !found.empty(); i++) {
                          if (error.status != SPINE_OK ||
                              own.read(i, &mine, &error) != SPINE_OK)
                              return;
                          for (std::size_t j = 0; j < found.size(); j++) {
                              if (found.read(j, &other, &error) != SPINE_OK)
                                  return;
                              on_pair(key, std::as_const(mine), std::as_const(other));
                              if (!goes_on(turn))
                                  return;
                          }
                      }
                  });

        if (matched && error.status != SPINE_OK)
            return error;
        return matched;
    }

  private:
    struct key_filter {
        key_filter() noexcept = default;
        key_filter(const key_filter &) = delete;
        key_filter &operator=(const key_filter &) = delete;

        ~key_filter()
        {
            if (raw.on_release != nullptr)
                raw.on_release(raw.context);
        }

        spine_key_filter raw = {};
    };

    explicit probe(spine_probe *raw) noexcept : base(raw)
    {
    }

    static spine_error at_end() noexcept
    {
        spine_error error;

        (void)fail(&error, SPINE_MISUSE, "an iterator of a probe is at the end");
        return error;
    }

    static spine_error no_memory() noexcept
    {
        spine_error error;

        (void)fail(&error, SPINE_NOMEM, "no memory for a probe");
        return error;
    }

    static spine_error called_again() noexcept
    {
        spine_error error;

        (void)fail(&error, SPINE_MISUSE, "a probe was called by what it calls");
        return error;
    }

    /* A new turn, in which the rows of earlier ones are gone. */
    uint64_t forget() noexcept
    {
        failure_ = {SPINE_OK, ""};
        found_ = {};
        at_ = 0;
        return ++turn_;
    }

    /* Are the rows of a turn still there? */
    bool goes_on(uint64_t turn) const noexcept
    {
        return turn == turn_ && *this;
    }

    /* The C probe borrows the filter until its keys are done, so that a filter which is
     * replaced before that is kept in `lent_filter_`. */
    void replace_filter(std::unique_ptr<key_filter> filter) noexcept
    {
        if (filter_is_lent_)
            lent_filter_ = std::move(filter_);
        filter_is_lent_ = false;
        filter_ = std::move(filter);
    }

    /* The options of a new probe, which borrows the present filter and no older one. */
    spine_probe_options lend_filter(enum spine_probe_want want) noexcept
    {
        spine_probe_options options = options_;

        lent_filter_.reset();
        filter_is_lent_ = filter_ != nullptr;
        options.want = want;
        options.filter = filter_is_lent_ ? &filter_->raw : nullptr;
        return options;
    }

    template <class Keys>
    result<void> begin_look_up(enum spine_probe_want want, const snapshot_type &snapshot,
                               const Keys &keys)
    {
        typename codec<K>::encoder encoder{};
        spine_error error;
        std::size_t count = 0;

        if (!*this)
            return this->empty("probe");
        forget();
        keys_.cut(0);
        for (const auto &key : keys) {
            union spine_datum cell;

            if (codec<K>::encode(key, encoder, &cell, &error) != SPINE_OK)
                return error;
            if (!keys_.append(cell))
                return no_memory();
            count++;
        }
        spine_columns columns = {};
        columns.rows = count;
        columns.keys = keys_.cells();
        columns.key_offsets = keys_.offsets();
        const spine_probe_options options = lend_filter(want);
        if (spine_snapshot_probe(snapshot.get(), get(), &columns, &options, &found_,
                                 &error) != SPINE_OK)
            return error;
        key_cells_ = {columns.keys, columns.key_offsets, count, key_decoder_};
        return {};
    }

    /* False at the end and when something failed. */
    bool load_key()
    {
        if (!*this)
            return false;
        while (failure_.status == SPINE_OK && at_ == found_.keys) {
            if (!found_.more)
                return false;
            at_ = 0;
            if (spine_probe_next(get(), &found_, &failure_) == SPINE_OK)
                failure_.status = SPINE_OK;
        }
        if (failure_.status != SPINE_OK)
            return false;
        auto key = key_cells_.at(std::nothrow, found_.first_key + at_);
        if (!key) {
            failure_ = key.error();
            return false;
        }
        now_.key = std::move(*key);
        now_.rows =
            rows_type(found_.columns, begin_of(at_), begin_of(at_ + 1), value_decoder_);
        return true;
    }

    std::size_t begin_of(std::size_t key) const noexcept
    {
        return key > 0 ? static_cast<std::size_t>(found_.ends[key - 1]) : 0;
    }

    spine_probe_options options_ = {};
    std::unique_ptr<key_filter> filter_;
    std::unique_ptr<key_filter> lent_filter_;
    bool filter_is_lent_ = false;
    cell_column<K> keys_;
    cells_of<K> key_cells_;
    typename codec<K>::decoder key_decoder_{};
    typename codec<V>::decoder value_decoder_{};
    spine_probe_rows found_ = {};
    std::size_t at_ = 0;
    uint64_t turn_ = 0;
    key_rows now_{};
    spine_error failure_ = {SPINE_OK, ""};
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
