/* SPDX-License-Identifier: MIT */
#ifndef SPINE_SPINE_HPP
#define SPINE_SPINE_HPP

/*
 * Spines for C++17: typed, move-only handles over spine.h. Header only.
 *
 *     using counts = spine_cpp::map<std::string, uint64_t>;
 *
 *     auto runtime = spine_cpp::runtime::open();
 *     auto lines = counts::open(runtime);
 *     counts::batcher rows;
 *     rows.add("apple", 7);                  weight 1
 *     rows.add("pear", 8, -1);               weight -1
 *     lines.insert(rows.seal());
 *     for (const auto &[key, value, weight] : lines.cursor())
 *         use(key, value, weight);
 *
 * Names. All is in namespace spine_cpp, because C++ allows no namespace with the name of
 * struct spine.
 *
 * Types. codec.hpp says which C++ type is which column, tuple.hpp which is an element of
 * a tuple. Rows have one weight; Time is that of the schema. For rows with several
 * weights, and whatever else these handles do not offer, get() is the C handle.
 *
 * Errors. A call that can fail throws spine_cpp::error, or, called with std::nothrow
 * first, answers a result<T>: see result.hpp. std::bad_alloc comes out of both where
 * std::string, a std::vector or a container of a std::tuple is filled.
 *
 * Handles. An empty one (moved from, or never filled) may be assigned to, asked with
 * bool() or get(), shared and destroyed: any other call of it is SPINE_MISUSE, and as an
 * argument it is SPINE_INVALID. Batches, snapshots and cuts are shared: share() is one
 * more reference. Threads are those of the C calls: one at a time for batchers, builders
 * and cursors, any for the rest. Destroying a map closes the spine; a runtime may go
 * before it, see spine/runtime.h.
 */

#if __cplusplus < 201703L
#error "spine.hpp needs C++17 (-std=c++17); in older C++, spine.h has everything"
#else

#include "spine/batch.hpp"
#include "spine/codec.hpp"
#include "spine/cursor.hpp"
#include "spine/result.hpp"
#include "spine/snapshot.hpp"
#include "spine/spine.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* --- timeouts ----------------------------------------------------------------------- */

/* How long to wait: any std::chrono::duration, or nanoseconds as a number; for ever by
 * default. What is less than nothing is nothing, and what is too long is for ever. */
class timeout
{
  public:
    constexpr timeout() noexcept = default;

    constexpr timeout(uint64_t ns) noexcept : ns_(ns)
    {
    }

    template <class Rep, class Period>
    constexpr timeout(std::chrono::duration<Rep, Period> duration) noexcept
        : ns_(ns_of(std::chrono::duration<long double, std::nano>(duration).count()))
    {
    }

    constexpr uint64_t ns() const noexcept
    {
        return ns_;
    }

  private:
    static constexpr uint64_t ns_of(long double ns) noexcept
    {
        /* 2^63, some three centuries. */
        return ns >= 9223372036854775808.0L ? UINT64_MAX
               : ns > 0                     ? static_cast<uint64_t>(ns)
                                            : 0;
    }

    uint64_t ns_ = UINT64_MAX;
};

/* --- runtimes ----------------------------------------------------------------------- */

class runtime : public handle<spine_runtime, spine_runtime_close>
{
  public:
    using handle::handle;

    static result<runtime>
    open(std::nothrow_t, const spine_runtime_options &options = {}) noexcept
    {
        spine_runtime *raw = nullptr;
        spine_error error;

        if (spine_runtime_open(&options, &raw, &error) != SPINE_OK)
            return error;
        return runtime(raw);
    }

    static runtime open(const spine_runtime_options &options = {})
    {
        return open(std::nothrow, options).value();
    }

    /* Runs merges in this thread; the rows used, 0 when there is nothing to do. */
    uint64_t run(uint64_t fuel_rows)
    {
        return run(std::nothrow, fuel_rows).value();
    }

    result<uint64_t> run(std::nothrow_t, uint64_t fuel_rows) noexcept
    {
        if (!*this)
            return empty("runtime");
        return spine_runtime_run(get(), fuel_rows);
    }

    /* What the runtime holds. */
    spine_runtime_stats stats() const
    {
        return stats(std::nothrow).value();
    }

    result<spine_runtime_stats> stats(std::nothrow_t) const noexcept
    {
        spine_runtime_stats out;

        if (!*this)
            return empty("runtime");
        spine_runtime_get_stats(get(), &out);
        return out;
    }

    /* All metrics of the runtime, its store and its spines, as Prometheus reads them. */
    std::string prometheus() const
    {
        return prometheus(std::nothrow).value();
    }

    result<std::string> prometheus(std::nothrow_t) const
    {
        return text_of(spine_metrics_prometheus);
    }

    /* The same as one object of JSON. */
    std::string json() const
    {
        return json(std::nothrow).value();
    }

    result<std::string> json(std::nothrow_t) const
    {
        return text_of(spine_metrics_json);
    }

  private:
    template <class Call> result<std::string> text_of(Call call) const
    {
        std::string text;
        spine_error error;

        if (!*this)
            return empty("runtime");
        if (call(get(), append, &text, &error) != SPINE_OK)
            return error;
        return text;
    }

    /* No exception passes through the library. */
    static enum spine_status
    append(void *context, const char *text, std::size_t bytes) noexcept
    {
#if defined(__cpp_exceptions)
        try {
            static_cast<std::string *>(context)->append(text, bytes);
        } catch (...) {
            return SPINE_NOMEM;
        }
#else
        static_cast<std::string *>(context)->append(text, bytes);
#endif
        return SPINE_OK;
    }
};

/* --- spines ------------------------------------------------------------------------- */

/* A spine of rows (K, V); V void: of keys alone, see set. */
template <class K, class V, spine_time Time = SPINE_UNTIMED>
class map : public handle<::spine, spine_close>
{
  public:
    using handle::handle;
    using batch = spine_cpp::batch<K, V, Time>;
    using batcher = spine_cpp::batcher<K, V, Time>;
    using builder = spine_cpp::builder<K, V, Time>;
    using snapshot_type = spine_cpp::snapshot<K, V, Time>;
    using cut_type = spine_cpp::cut<K, V, Time>;
    using cursor_type = spine_cpp::cursor<K, V, Time>;

    static result<map> open(std::nothrow_t, const runtime &runtime,
                            const spine_options &options = {}) noexcept
    {
        schema_of<K, V, Time> schema;
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

    /* A new spine with the content of a cut. */
    static map open(const runtime &runtime, const cut_type &cut)
    {
        return open(std::nothrow, runtime, cut).value();
    }

    static result<map>
    open(std::nothrow_t, const runtime &runtime, const cut_type &cut) noexcept
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

    result<bool> insert_wait(std::nothrow_t, timeout most = {}) noexcept
    {
        return unless(SPINE_TIMEOUT, spine_insert_wait, most.ns());
    }

    /* Waits until no merge runs and none is due; false when the time ran out. */
    bool wait_idle(timeout most = {})
    {
        return wait_idle(std::nothrow, most).value();
    }

    result<bool> wait_idle(std::nothrow_t, timeout most = {}) noexcept
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

    void clear_dirty()
    {
        clear_dirty(std::nothrow).value();
    }

    result<void> clear_dirty(std::nothrow_t) noexcept
    {
        return tell(spine_clear_dirty);
    }

    /* The same if nothing was inserted since the cut; was it so? */
    bool clear_dirty(const cut_type &cut)
    {
        return clear_dirty(std::nothrow, cut).value();
    }

    result<bool> clear_dirty(std::nothrow_t, const cut_type &cut) noexcept
    {
        if (!*this)
            return this->empty("map");
        return spine_clear_dirty_since(get(), cut.get());
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

/* A spine of keys alone. */
template <class K, spine_time Time = SPINE_UNTIMED> using set = map<K, void, Time>;

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#include "spine/checkpoint.hpp"

#endif /* C++17 */
#endif
