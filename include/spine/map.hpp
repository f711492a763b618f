/* SPDX-License-Identifier: MIT */
#ifndef SPINE_MAP_HPP
#define SPINE_MAP_HPP

/*
 * Typed spines. Part of spine.hpp; include that.
 */

#include "spine/batch.hpp"
#include "spine/cursor.hpp"
#include "spine/filter.hpp"
#include "spine/probe.hpp"
#include "spine/range.hpp"
#include "spine/runtime.hpp"
#include "spine/snapshot.hpp"
#include "spine/spine.h"

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* --- spines ------------------------------------------------------------------------- */

/* A spine of rows (K, V) with `Weights` weights; V void: of keys alone, see set. */
template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
class map : public handle<::spine, spine_close>
{
    template <class Cut>
    using if_cut =
        std::enable_if_t<std::is_same_v<Cut, spine_cpp::cut<K, V, Time, Weights>>, int>;

  public:
    using handle::handle;
    using key_type = K;
    using mapped_type = V;
    using batch = spine_cpp::batch<K, V, Time, Weights>;
    using batcher = spine_cpp::batcher<K, V, Time, Weights>;
    using builder = spine_cpp::builder<K, V, Time, Weights>;
    using snapshot_type = spine_cpp::snapshot<K, V, Time, Weights>;
    using cut_type = spine_cpp::cut<K, V, Time, Weights>;
    using cursor_type = spine_cpp::cursor<K, V, Time, Weights>;
    using probe_type = spine_cpp::probe<K, V, Time, Weights>;
    using range_probe_type = spine_cpp::range_probe<K, V, Time, Weights>;
    using columns_type = spine_cpp::row_columns<K, V, Time, Weights>;

    /* As open(); the schema is that of the types. */
    explicit map(const runtime &runtime, const spine_options &options = {})
        : map(open(runtime, options))
    {
    }

    static result<map> open(std::nothrow_t, const runtime &runtime,
                            const spine_options &options = {}) noexcept
    {
        schema_of<K, V, Time, Weights> schema;
        ::spine *raw = nullptr;
        spine_error error;

        if (schema.make(&error) != SPINE_OK ||
            spine_open(runtime.get(), schema.get(), &options, &raw, &error) != SPINE_OK)
            return error;
        return map(raw);
    }

    static map open(const runtime &runtime, const spine_options &options = {})
    {
        return open(std::nothrow, runtime, options).value();
    }

    /* A new spine with the content of a cut. A template, so that {} means options. */
    template <class Cut, if_cut<Cut> = 0>
    static map open(const runtime &runtime, const Cut &cut)
    {
        return open(std::nothrow, runtime, cut).value();
    }

    template <class Cut, if_cut<Cut> = 0>
    static result<map>
    open(std::nothrow_t, const runtime &runtime, const Cut &cut) noexcept
    {
        ::spine *raw = nullptr;
        spine_error error;

        if (spine_open_cut(runtime.get(), cut.get(), &raw, &error) != SPINE_OK)
            return error;
        return map(raw);
    }

    /* Adds a batch, of which the spine keeps a reference; waits under backpressure. */
    void insert(const batch &rows)
    {
        insert(std::nothrow, rows).value();
    }

    result<void> insert(std::nothrow_t, const batch &rows) noexcept
    {
        return done(spine_insert, rows.get());
    }

    /* The same without waiting: false under backpressure, when nothing is taken. */
    bool try_insert(const batch &rows)
    {
        return try_insert(std::nothrow, rows).value();
    }

    result<bool> try_insert(std::nothrow_t, const batch &rows) noexcept
    {
        return unless(SPINE_BUSY, spine_try_insert, rows.get());
    }

    /* Waits for the end of backpressure; false when the time ran out. */
    bool insert_wait(timeout most = {})
    {
        return insert_wait(std::nothrow, most).value();
    }

    result<bool> insert_wait(nothrow_given, timeout most = {}) noexcept
    {
        return unless(SPINE_TIMEOUT, spine_insert_wait, most.ns());
    }

    /* Waits until no merge runs and none is due; false when the time ran out. */
    bool wait_idle(timeout most = {})
    {
        return wait_idle(std::nothrow, most).value();
    }

    result<bool> wait_idle(nothrow_given, timeout most = {}) noexcept
    {
        return unless(SPINE_TIMEOUT, spine_wait_idle, most.ns());
    }

    /* The sticky error, if there is one; status().value() throws it. */
    result<void> status() const noexcept
    {
        return done(spine_get_status);
    }

    /* Checks the invariants of the spine and of every batch in it; reads all rows. */
    void check() const
    {
        check(std::nothrow).value();
    }

    result<void> check(std::nothrow_t) const noexcept
    {
        return done(spine_check);
    }

    /* Forgets a sticky error and lets merges be tried again. */
    void retry()
    {
        retry(std::nothrow).value();
    }

    result<void> retry(std::nothrow_t) noexcept
    {
        return tell(spine_retry);
    }

    bool is_dirty() const
    {
        return is_dirty(std::nothrow).value();
    }

    result<bool> is_dirty(std::nothrow_t) const noexcept
    {
        if (!*this)
            return this->empty("map");
        return spine_is_dirty(get());
    }

    /* As if no batch had come in. */
    void clear_dirty()
    {
        clear_dirty(std::nothrow).value();
    }

    result<void> clear_dirty(nothrow_given) noexcept
    {
        return tell(spine_clear_dirty);
    }

    /* The same if nothing was inserted since the cut; was it so? */
    bool clear_dirty(const cut_type &cut)
    {
        return clear_dirty(std::nothrow, cut).value();
    }

    result<bool> clear_dirty(nothrow_given, const cut_type &cut) noexcept
    {
        spine_error error;

        if (!*this)
            return this->empty("map");
        if (cut)
            return spine_clear_dirty_since(get(), cut.get());
        (void)fail(&error, SPINE_INVALID, "a cut is empty");
        return error;
    }

    void set_frontier(uint64_t frontier)
    {
        set_frontier(std::nothrow, frontier).value();
    }

    result<void> set_frontier(std::nothrow_t, uint64_t frontier) noexcept
    {
        return done(spine_set_frontier, frontier);
    }

    void pause()
    {
        pause(std::nothrow).value();
    }

    result<void> pause(std::nothrow_t) noexcept
    {
        return tell(spine_pause);
    }

    void resume()
    {
        resume(std::nothrow).value();
    }

    result<void> resume(std::nothrow_t) noexcept
    {
        return tell(spine_resume);
    }

    /* Merges everything into one batch; an empty handle when there are no rows. */
    batch consolidate()
    {
        return consolidate(std::nothrow).value();
    }

    result<batch> consolidate(std::nothrow_t) noexcept
    {
        spine_batch *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("map");
        if (spine_consolidate(get(), &raw, &error) != SPINE_OK)
            return error;
        return batch(raw);
    }

    /* The same in the background; nobody is told. */
    void compact()
    {
        compact(std::nothrow).value();
    }

    result<void> compact(std::nothrow_t) noexcept
    {
        return done(spine_compact, nullptr, nullptr);
    }

    /* The same; `on_done`, called with the status, learns how it ended: once, as
     * spine_compact() says. An exception that leaves it ends the process. */
    template <class OnDone> void compact(OnDone on_done)
    {
        compact(std::nothrow, std::move(on_done)).value();
    }

    template <class OnDone> result<void> compact(std::nothrow_t, OnDone on_done)
    {
        std::unique_ptr<OnDone> context(new (std::nothrow) OnDone(std::move(on_done)));
        spine_error error;

        if (context == nullptr) {
            (void)fail(&error, SPINE_NOMEM, "no memory for a callable of a spine");
            return error;
        }
        const auto asked = done(spine_compact, call_once<OnDone>, context.get());

        if (asked)
            (void)context.release();
        return asked;
    }

    /* --- retention: spine/filter.h says what it promises ---------------------------- */

    /* Keys of which `keep`, called with a key, says no may be forgotten from now on. */
    template <class Keep> void retain_keys(Keep keep, const char *name = nullptr)
    {
        retain_keys(std::nothrow, std::move(keep), name).value();
    }

    template <class Keep>
    result<void> retain_keys(std::nothrow_t, Keep keep, const char *name = nullptr)
    {
        return take_filter(spine_retain_keys, make_key_filter<K>(std::move(keep), name));
    }

    /* All keys are needed again; all values are. */
    void retain_all_keys()
    {
        retain_all_keys(std::nothrow).value();
    }

    result<void> retain_all_keys(std::nothrow_t) noexcept
    {
        return done(spine_retain_keys, nullptr);
    }

    void retain_all_values()
    {
        retain_all_values(std::nothrow).value();
    }

    result<void> retain_all_values(std::nothrow_t) noexcept
    {
        return done(spine_retain_values, nullptr);
    }

    /* The same for the values of a key: `keep` is called with a key and a value. */
    template <class Keep> void retain_values(Keep keep, const char *name = nullptr)
    {
        retain_values(std::nothrow, std::move(keep), name).value();
    }

    template <class Keep>
    result<void> retain_values(std::nothrow_t, Keep keep, const char *name = nullptr)
    {
        return retain(SPINE_RETAIN_SIMPLE, 0, std::move(keep), name);
    }

    /* Beside those of which `keep` says yes the `count` right below them, if it is
     * monotone. */
    template <class Keep>
    void retain_last(uint64_t count, Keep keep, const char *name = nullptr)
    {
        retain_last(std::nothrow, count, std::move(keep), name).value();
    }

    template <class Keep>
    result<void>
    retain_last(std::nothrow_t, uint64_t count, Keep keep, const char *name = nullptr)
    {
        return retain(SPINE_RETAIN_LAST, count, std::move(keep), name);
    }

    /* The `count` greatest values of each key; the least ones. */
    void retain_top(uint64_t count, const char *name = nullptr)
    {
        retain_top(std::nothrow, count, name).value();
    }

    result<void> retain_top(std::nothrow_t, uint64_t count, const char *name = nullptr)
    {
        return retain(SPINE_RETAIN_TOP, count, keep_none(), name);
    }

    void retain_bottom(uint64_t count, const char *name = nullptr)
    {
        retain_bottom(std::nothrow, count, name).value();
    }

    result<void> retain_bottom(std::nothrow_t, uint64_t count, const char *name = nullptr)
    {
        return retain(SPINE_RETAIN_BOTTOM, count, keep_none(), name);
    }

    /* What its rows look like, as long as the spine; NULL for no spine. */
    const spine_schema *schema() const noexcept
    {
        return *this ? spine_get_schema(get()) : nullptr;
    }

    /* An independent spine of the same content. */
    map fork() const
    {
        return fork(std::nothrow).value();
    }

    result<map> fork(std::nothrow_t) const noexcept
    {
        ::spine *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("map");
        if (spine_fork(get(), &raw, &error) != SPINE_OK)
            return error;
        return map(raw);
    }

    struct spine_stats stats() const
    {
        return stats(std::nothrow).value();
    }

    result<spine_stats> stats(std::nothrow_t) const noexcept
    {
        struct spine_stats stats;

        if (!*this)
            return this->empty("map");
        spine_get_stats(get(), &stats);
        return stats;
    }

    /* The content at this moment, immutable. */
    snapshot_type snapshot() const
    {
        return snapshot(std::nothrow).value();
    }

    result<snapshot_type> snapshot(std::nothrow_t) const noexcept
    {
        struct spine_snapshot *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("map");
        if (spine_take_snapshot(get(), &raw, &error) != SPINE_OK)
            return error;
        return snapshot_type(raw);
    }

    /* The same with frontier, options and flags: what checkpoint.hpp makes durable. */
    cut_type cut() const
    {
        return cut(std::nothrow).value();
    }

    result<cut_type> cut(std::nothrow_t) const noexcept
    {
        struct spine_cut *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("map");
        if (spine_take_cut(get(), &raw, &error) != SPINE_OK)
            return error;
        return cut_type(raw);
    }

    /* A cursor over the content at this moment. */
    cursor_type cursor() const
    {
        return cursor(std::nothrow).value();
    }

    result<cursor_type> cursor(std::nothrow_t) const
    {
        spine_cursor *raw = nullptr;
        spine_error error;

        if (!*this)
            return this->empty("map");
        if (spine_cursor_open(get(), &raw, &error) != SPINE_OK)
            return error;
        return cursor_type(raw);
    }

  private:
    /* Of retain_top() and retain_bottom(). */
    struct keep_none {
        template <class Key, class Value>
        bool operator()(const Key &, const Value &) const noexcept
        {
            return false;
        }
    };

    template <class OnDone>
    static void call_once(void *raw, enum spine_status status) noexcept
    {
        const std::unique_ptr<OnDone> on_done(static_cast<OnDone *>(raw));

        (*on_done)(status);
    }

    template <class Keep>
    result<void>
    retain(enum spine_retain what, uint64_t count, Keep keep, const char *name)
    {
        return take_filter(spine_retain_values,
                           make_value_filter<K, V>(what, count, std::move(keep), name));
    }

    /* The spine takes the filter, unless this fails. */
    template <class Call, class Filter>
    result<void> take_filter(Call call, const Filter &filter)
    {
        spine_error error;

        if (filter.context == nullptr) {
            (void)fail(&error, SPINE_NOMEM, "no memory for a filter");
            return error;
        }
        const auto taken = done(call, &filter);
        if (!taken)
            filter.on_release(filter.context);
        return taken;
    }

    template <class Call, class... Arguments>
    result<void> done(Call call, Arguments... arguments) const noexcept
    {
        spine_error error;

        if (!*this)
            return this->empty("map");
        if (call(get(), arguments..., &error) != SPINE_OK)
            return error;
        return {};
    }

    /* The same of a call that cannot fail. */
    result<void> tell(void (*call)(::spine *)) const noexcept
    {
        if (!*this)
            return this->empty("map");
        call(get());
        return {};
    }

    /* False for the one status that is no failure. */
    template <class Call, class... Arguments>
    result<bool>
    unless(enum spine_status expected, Call call, Arguments... arguments) const noexcept
    {
        spine_error error;

        if (!*this)
            return this->empty("map");
        const enum spine_status status = call(get(), arguments..., &error);

        if (status != SPINE_OK && status != expected)
            return error;
        return status == SPINE_OK;
    }
};

/* Is T a spine? */
template <class T> inline constexpr bool is_map = false;
/* These are. */
template <class K, class V, spine_time Time, unsigned Weights>
inline constexpr bool is_map<map<K, V, Time, Weights>> = true;
template <class T> using if_map = std::enable_if_t<is_map<T>, int>;

/* A spine of keys alone. */
template <class K, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
using set = map<K, void, Time, Weights>;

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
