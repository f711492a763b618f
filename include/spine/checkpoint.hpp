/* SPDX-License-Identifier: MIT */
#ifndef SPINE_CHECKPOINT_HPP
#define SPINE_CHECKPOINT_HPP

/*
 * Stores, checkpoints and restoring (spine/checkpoint.h). Part of spine.hpp; include
 * that.
 *
 *     auto store = spine_cpp::store::open("/var/lib/state");
 *     store.checkpoint({{"orders", orders}, {"users", users}});
 *
 *     auto restored = store.restore(runtime);                after a crash
 *     auto orders = restored.take<order_map>("orders");
 */

#include "spine/backend.hpp"
#include "spine/checkpoint.h"
#include "spine/map.hpp"
#include "spine/runtime.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* --- what is in a checkpoint -------------------------------------------------------- */

/*
 * A spine under a name: its content when the call begins, or that of a cut, or that of a
 * cut of this spine, whose dirty flag falls then. An item keeps a reference to its cut,
 * which may be a temporary, and borrows its spine, which may not. An item of an empty
 * handle is SPINE_INVALID.
 */
class checkpoint_item
{
  public:
    template <class K, class V, spine_time Time, unsigned Weights>
    checkpoint_item(std::string name, const map<K, V, Time, Weights> &spine)
        : name_(std::move(name)), spine_(spine.get())
    {
    }

    template <class K, class V, spine_time Time, unsigned Weights>
    checkpoint_item(std::string name, const cut<K, V, Time, Weights> &cut)
        : name_(std::move(name)), cut_(spine_cut_ref(cut.get()))
    {
    }

    template <class K, class V, spine_time Time, unsigned Weights>
    checkpoint_item(std::string name, const map<K, V, Time, Weights> &spine,
                    const cut<K, V, Time, Weights> &cut)
        : name_(std::move(name)), spine_(cut ? spine.get() : nullptr),
          cut_(spine ? spine_cut_ref(cut.get()) : nullptr)
    {
    }

    template <class K, class V, spine_time Time, unsigned Weights>
    checkpoint_item(std::string, const map<K, V, Time, Weights> &&) = delete;

    template <class K, class V, spine_time Time, unsigned Weights>
    checkpoint_item(std::string, const map<K, V, Time, Weights> &&,
                    const cut<K, V, Time, Weights> &) = delete;

    checkpoint_item(const checkpoint_item &other)
        : name_(other.name_), spine_(other.spine_), cut_(spine_cut_ref(other.cut_))
    {
    }

    checkpoint_item(checkpoint_item &&other) noexcept
        : name_(std::move(other.name_)), spine_(std::exchange(other.spine_, nullptr)),
          cut_(std::exchange(other.cut_, nullptr))
    {
    }

    checkpoint_item &operator=(checkpoint_item other) noexcept
    {
        name_.swap(other.name_);
        std::swap(spine_, other.spine_);
        std::swap(cut_, other.cut_);
        return *this;
    }

    ~checkpoint_item()
    {
        spine_cut_unref(cut_);
    }

    /* Borrows the name and the cut. */
    spine_checkpoint_item raw() const noexcept
    {
        return {name_.c_str(), spine_, cut_};
    }

  private:
    std::string name_;
    ::spine *spine_ = nullptr;
    struct spine_cut *cut_ = nullptr;
};

/* One that there is; `error` says what is wrong with it, if something is. */
struct checkpoint_summary : spine_checkpoint_summary {
    spine_error error;
};

/* --- what a checkpoint was restored as ---------------------------------------------- */

/* The spines of a checkpoint, and the data of the host that it has. */
class restored : public handle<spine_restored, spine_restored_free>
{
  public:
    using handle::handle;

    uint64_t sequence() const noexcept
    {
        return spine_restored_sequence(get());
    }

    /* The host's own data, borrowed from this. */
    std::string_view user_data() const noexcept
    {
        std::size_t bytes = 0;
        const void *data = spine_restored_user_data(get(), &bytes);

        return {static_cast<const char *>(data), bytes};
    }

    std::size_t size() const noexcept
    {
        return spine_restored_count(get());
    }

    /* SPINE_INVALID unless `index` is less than size(). */
    spine_restored_item item(std::size_t index) const
    {
        return item(std::nothrow, index).value();
    }

    result<spine_restored_item> item(std::nothrow_t, std::size_t index) const noexcept
    {
        spine_restored_item out;

        if (!*this)
            return this->empty("restored");
        if (spine_restored_get_item(get(), index, &out))
            return out;
        return failure(SPINE_INVALID, "a checkpoint has no spine of that index", "");
    }

    /*
     * Takes the spine of a name. SPINE_NOT_FOUND when there is none, or it was taken
     * before; SPINE_INVALID when its rows are of other types, and it stays.
     */
    template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
    map<K, V, Time, Weights> take(const std::string &name)
    {
        return take<K, V, Time, Weights>(std::nothrow, name).value();
    }

    template <class K, class V, spine_time Time = SPINE_UNTIMED, unsigned Weights = 1>
    result<map<K, V, Time, Weights>>
    take(std::nothrow_t, const std::string &name) noexcept
    {
        schema_of<K, V, Time, Weights> schema;
        spine_restored_item found = {};
        spine_error error;

        if (!*this)
            return this->empty("restored");
        if (schema.make(&error) != SPINE_OK)
            return error;
        for (std::size_t i = 0; spine_restored_get_item(get(), i, &found); i++)
            if (name == found.name)
                break;
        if (found.name == nullptr || name != found.name || found.spine == nullptr)
            return failure(SPINE_NOT_FOUND,
                           "a checkpoint has no such spine to take: ", name.c_str());
        if (spine_schema_compare(spine_get_schema(found.spine), schema.get(), &error) !=
            SPINE_OK)
            return error;
        return map<K, V, Time, Weights>(spine_restored_take(get(), name.c_str()));
    }

    /* The same, by the type of the spine: take<orders>("orders"). */
    template <class Map, if_map<Map> = 0> Map take(const std::string &name)
    {
        return take<Map>(std::nothrow, name).value();
    }

    template <class Map, if_map<Map> = 0>
    result<Map> take(std::nothrow_t, const std::string &name) noexcept
    {
        return take_as(static_cast<Map *>(nullptr), name);
    }

  private:
    template <class K, class V, spine_time Time, unsigned Weights>
    result<map<K, V, Time, Weights>>
    take_as(map<K, V, Time, Weights> *, const std::string &name) noexcept
    {
        return take<K, V, Time, Weights>(std::nothrow, name);
    }

    static spine_error
    failure(enum spine_status status, const char *what, const char *name) noexcept
    {
        spine_error error;

        error.status = status;
        (void)std::snprintf(error.message, sizeof error.message, "%s%.100s", what, name);
        return error;
    }
};

/* --- stores ------------------------------------------------------------------------- */

/* Where files and checkpoints are; runtimes take one as an option, by get(). */
class store : public handle<spine_store, spine_store_close>
{
    template <class OnDone>
    using if_told =
        std::enable_if_t<std::is_invocable_v<OnDone &, result<spine_checkpoint_info>>,
                         int>;

  public:
    using handle::handle;

    /* In a directory. */
    static store open(const std::string &directory,
                      const spine_store_options &options = {},
                      const spine_directory_options &directory_options = {})
    {
        return open(std::nothrow, directory, options, directory_options).value();
    }

    static result<store>
    open(std::nothrow_t, const std::string &directory,
         const spine_store_options &options = {},
         const spine_directory_options &directory_options = {}) noexcept
    {
        auto backend =
            spine_cpp::backend::directory(std::nothrow, directory, directory_options);

        if (!backend)
            return backend.error();
        return open(std::nothrow, std::move(*backend), options);
    }

    /* In a backend that is owned; it is released when this fails. */
    static store
    open(spine_cpp::backend &&backend, const spine_store_options &options = {})
    {
        return open(std::nothrow, std::move(backend), options).value();
    }

    static result<store> open(std::nothrow_t, spine_cpp::backend &&backend,
                              const spine_store_options &options = {}) noexcept
    {
        spine_cpp::backend mine(std::move(backend));
        auto opened = open(std::nothrow, mine.get(), options);

        if (opened)
            (void)mine.release();
        return opened;
    }

    /* In any backend, which is taken unless this fails. */
    static store
    open(const spine_backend &backend, const spine_store_options &options = {})
    {
        return open(std::nothrow, backend, options).value();
    }

    static result<store> open(std::nothrow_t, const spine_backend &backend,
                              const spine_store_options &options = {}) noexcept
    {
        spine_store *raw = nullptr;
        spine_error error;

        if (spine_store_open(&backend, &options, &raw, &error) != SPINE_OK)
            return error;
        return store(raw);
    }

    spine_store_stats stats() const
    {
        return stats(std::nothrow).value();
    }

    result<spine_store_stats> stats(std::nothrow_t) const noexcept
    {
        spine_store_stats out;

        if (!*this)
            return empty("store");
        spine_store_get_stats(get(), &out);
        return out;
    }

    /* Makes the spines durable, together; blocks. */
    spine_checkpoint_info checkpoint(const std::vector<checkpoint_item> &items,
                                     const spine_checkpoint_options &options = {})
    {
        return checkpoint(std::nothrow, items, options).value();
    }

    result<spine_checkpoint_info> checkpoint(std::nothrow_t,
                                             const std::vector<checkpoint_item> &items,
                                             const spine_checkpoint_options &options = {})
    {
        const auto raw = raw_items(items);
        spine_checkpoint_info info;
        spine_error error;

        if (!*this)
            return empty("store");
        if (spine_checkpoint(get(), raw.data(), raw.size(), &options, &info, &error) !=
            SPINE_OK)
            return error;
        return info;
    }

    /* The same by a thread of `runtime`, of the content of now; `options.on_done`, which
     * throws nothing, is told how it ended. */
    void start_checkpoint(const runtime &runtime,
                          const std::vector<checkpoint_item> &items,
                          const spine_checkpoint_options &options = {})
    {
        start_checkpoint(std::nothrow, runtime, items, options).value();
    }

    result<void> start_checkpoint(std::nothrow_t, const runtime &runtime,
                                  const std::vector<checkpoint_item> &items,
                                  const spine_checkpoint_options &options = {})
    {
        const auto raw = raw_items(items);
        spine_error error;

        if (!*this)
            return empty("store");
        if (spine_checkpoint_start(get(), runtime.get(), raw.data(), raw.size(), &options,
                                   &error) != SPINE_OK)
            return error;
        return {};
    }

    /* The same; `on_done`, called with a result<spine_checkpoint_info>, learns how it
     * ended, once. An exception that leaves it ends the process. */
    template <class OnDone, if_told<OnDone> = 0>
    void
    start_checkpoint(const runtime &runtime, const std::vector<checkpoint_item> &items,
                     OnDone on_done, const spine_checkpoint_options &options = {})
    {
        start_checkpoint(std::nothrow, runtime, items, std::move(on_done), options)
            .value();
    }

    template <class OnDone, if_told<OnDone> = 0>
    result<void> start_checkpoint(std::nothrow_t, const runtime &runtime,
                                  const std::vector<checkpoint_item> &items,
                                  OnDone on_done, spine_checkpoint_options options = {})
    {
        std::unique_ptr<OnDone> context(new (std::nothrow) OnDone(std::move(on_done)));
        spine_error error;

        if (context == nullptr) {
            (void)fail(&error, SPINE_NOMEM, "no memory for a callable of a store");
            return error;
        }
        options.on_done = call_once<OnDone>;
        options.context = context.get();
        const auto started = start_checkpoint(std::nothrow, runtime, items, options);
        if (started)
            (void)context.release();
        return started;
    }

    /* Checkpoint `sequence`, the newest when 0, on `runtime`. */
    spine_cpp::restored restore(const runtime &runtime, uint64_t sequence = 0,
                                const spine_restore_options &options = {})
    {
        return restore(std::nothrow, runtime, sequence, options).value();
    }

    result<spine_cpp::restored>
    restore(std::nothrow_t, const runtime &runtime, uint64_t sequence = 0,
            const spine_restore_options &options = {}) noexcept
    {
        spine_restored *raw = nullptr;
        spine_error error;

        if (!*this)
            return empty("store");
        if (spine_restore(get(), sequence, runtime.get(), &options, &raw, &error) !=
            SPINE_OK)
            return error;
        return spine_cpp::restored(raw);
    }

    /* The checkpoints that there are, the oldest first. */
    std::vector<checkpoint_summary> checkpoints() const
    {
        return checkpoints(std::nothrow).value();
    }

    result<std::vector<checkpoint_summary>> checkpoints(std::nothrow_t) const
    {
        std::vector<checkpoint_summary> list;
        spine_error error;

        if (!*this)
            return empty("store");
        if (spine_checkpoint_list(get(), append, &list, &error) != SPINE_OK)
            return error;
        return list;
    }

    void remove_checkpoint(uint64_t sequence)
    {
        remove_checkpoint(std::nothrow, sequence).value();
    }

    result<void> remove_checkpoint(std::nothrow_t, uint64_t sequence) noexcept
    {
        spine_error error;

        if (!*this)
            return empty("store");
        if (spine_checkpoint_remove(get(), sequence, &error) != SPINE_OK)
            return error;
        return {};
    }

    /* Removes the files that nothing needs; what those were. */
    spine_sweep_info sweep(const spine_sweep_options &options = {})
    {
        return sweep(std::nothrow, options).value();
    }

    result<spine_sweep_info>
    sweep(nothrow_given, const spine_sweep_options &options = {}) noexcept
    {
        spine_sweep_info info;
        spine_error error;

        if (!*this)
            return empty("store");
        if (spine_store_sweep(get(), &options, &info, &error) != SPINE_OK)
            return error;
        return info;
    }

  private:
    static std::vector<spine_checkpoint_item>
    raw_items(const std::vector<checkpoint_item> &items)
    {
        std::vector<spine_checkpoint_item> raw;

        raw.reserve(items.size());
        for (const auto &item : items)
            raw.push_back(item.raw());
        return raw;
    }

    template <class OnDone>
    static void
    call_once(void *raw, enum spine_status status, const spine_checkpoint_info *info,
              const spine_error *error) noexcept
    {
        const std::unique_ptr<OnDone> on_done(static_cast<OnDone *>(raw));

        if (status == SPINE_OK)
            (*on_done)(result<spine_checkpoint_info>(*info));
        else
            (*on_done)(result<spine_checkpoint_info>(*error));
    }

    /* No exception passes through the library. */
    static enum spine_status append(void *context,
                                    const spine_checkpoint_summary *summary,
                                    const spine_error *error) noexcept
    {
        auto *list = static_cast<std::vector<checkpoint_summary> *>(context);

#if defined(__cpp_exceptions)
        try {
            list->push_back({*summary, *error});
        } catch (...) {
            return SPINE_NOMEM;
        }
#else
        list->push_back({*summary, *error});
#endif
        return SPINE_OK;
    }
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
