/* SPDX-License-Identifier: MIT */
#ifndef SPINE_CURSOR_HPP
#define SPINE_CURSOR_HPP

/*
 * Handles in general, and typed cursors. Part of spine.hpp; include that.
 */

#include "spine/codec.hpp"
#include "spine/cursor.h"
#include "spine/result.hpp"
#include "spine/view.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Owns a Raw that Release ends. */
template <class Raw, void (*Release)(Raw *)> class handle
{
  public:
    handle() noexcept = default;

    /* Takes `raw`, which may be null. */
    explicit handle(Raw *raw) noexcept : raw_(raw)
    {
    }

    handle(handle &&other) noexcept : raw_(other.release())
    {
    }

    handle &operator=(handle &&other) noexcept
    {
        if (this != &other)
            reset(other.release());
        return *this;
    }

    ~handle()
    {
        reset();
    }

    Raw *get() const noexcept
    {
        return raw_;
    }

    explicit operator bool() const noexcept
    {
        return raw_ != nullptr;
    }

    /* Hands the C handle to the caller, who ends it. */
    [[nodiscard]] Raw *release() noexcept
    {
        return std::exchange(raw_, nullptr);
    }

    void reset(Raw *raw = nullptr) noexcept
    {
        Raw *const old = std::exchange(raw_, raw);
        if (old != nullptr)
            Release(old);
    }

  protected:
    /* SPINE_MISUSE: what a call of `type` says when its handle is empty. */
    static spine_error empty(const char *type) noexcept
    {
        spine_error error;

        error.status = SPINE_MISUSE;
        (void)std::snprintf(error.message, sizeof error.message,
                            "a spine_cpp::%s is empty: moved from, or never filled",
                            type);
        return error;
    }

  private:
    Raw *raw_ = nullptr;
};

/* What iterating gives. `key` and `value` are as codecs read them: what they point to is
 * valid until the cursor moves. */
template <class K, class V> struct row {
    typename codec<K>::view key{};
    typename codec<V>::view value{};
    int64_t weight = 0;
};

template <class K> struct row<K, void> {
    typename codec<K>::view key{};
    int64_t weight = 0;
};

/* Times of one (key, value) and their weights, of a view through a time the time 0; valid
 * until the cursor moves. */
struct times_view {
    const uint64_t *times;
    const int64_t *weights;
    std::size_t count;
};

template <class V> using if_value = std::enable_if_t<!std::is_void_v<V>, int>;
template <spine_time Time> using if_timed = std::enable_if_t<Time != SPINE_UNTIMED, int>;
template <class V> using if_no_value = std::enable_if_t<std::is_void_v<V>, int>;

/* The type of the first elements of a std::tuple, as many as there are Indexes. */
template <class Tuple, class Indexes> struct first_elements;
template <class Tuple, std::size_t... Indexes>
struct first_elements<Tuple, std::index_sequence<Indexes...>> {
    using type = std::tuple<std::tuple_element_t<Indexes, Tuple>...>;
};
template <class Tuple, class Indexes>
using tuple_prefix = typename first_elements<Tuple, Indexes>::type;

/* --- cursors ------------------------------------------------------------------------ */

template <class K, class V, spine_time Time = SPINE_UNTIMED>
class cursor : public handle<spine_cursor, spine_cursor_close>
{
  public:
    using handle::handle;
    using row_type = row<K, V>;
    using key_view = typename codec<K>::view;
    using key_argument = typename codec<K>::argument;
    using value_view = typename codec<V>::view;
    using value_argument = typename codec<V>::argument;

    bool key_valid() const noexcept
    {
        return spine_cursor_key_valid(get());
    }

    bool val_valid() const noexcept
    {
        return spine_cursor_val_valid(get());
    }

    /* Throws unless the cursor is as it should be: whether a walk ended at the end. */
    void check() const
    {
        check(std::nothrow).value();
    }

    result<void> check(std::nothrow_t) const noexcept
    {
        spine_error error;

        if (failure_.status != SPINE_OK)
            return failure_;
        if (!*this)
            return this->empty("cursor");
        if (spine_cursor_error(get(), &error) != SPINE_OK)
            return error;
        return {};
    }

    /*
     * Reading needs a position: without one it is SPINE_MISUSE, and the cursor fails as
     * spine/cursor.h says. A cursor that failed before says why.
     */
    key_view key()
    {
        return key(std::nothrow).value();
    }

    result<key_view> key(std::nothrow_t)
    {
        const union spine_datum cell = spine_cursor_key(get());

        if (cell.bytes.size == 0 && !key_valid())
            return check(std::nothrow).error();
        return decoded<K>(cell, key_decoder_);
    }

    template <class Value = V, if_value<Value> = 0> value_view value()
    {
        return value(std::nothrow).value();
    }

    template <class Value = V, if_value<Value> = 0>
    result<value_view> value(std::nothrow_t)
    {
        const union spine_datum cell = spine_cursor_val(get());

        if (cell.bytes.size == 0 && !val_valid())
            return check(std::nothrow).error();
        return decoded<V>(cell, value_decoder_);
    }

    int64_t weight()
    {
        return weight(std::nothrow).value();
    }

    result<int64_t> weight(std::nothrow_t) noexcept
    {
        const int64_t weight = spine_cursor_weight(get());

        if (weight == 0 && !val_valid())
            return check(std::nothrow).error();
        return weight;
    }

    times_view times()
    {
        return times(std::nothrow).value();
    }

    result<times_view> times(std::nothrow_t) noexcept
    {
        times_view view = {nullptr, nullptr, 0};

        view.count = spine_cursor_times(get(), &view.times, &view.weights);
        if (view.count == 0 && !val_valid())
            return check(std::nothrow).error();
        return view;
    }

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
        struct context {
            Keep keep;
            typename codec<K>::decoder decoder;
        };
        spine_key_filter filter = {};

        filter.context = new context{std::move(keep), {}};
        filter.on_key = [](void *raw, union spine_datum key) noexcept {
            context *const self = static_cast<context *>(raw);
            key_view view{};
            spine_error error;

            /* What cannot be decoded is shown, so that reading it says why. */
            return codec<K>::decode(key, self->decoder, &view, &error) != SPINE_OK ||
                   self->keep(view);
        };
        filter.on_release = [](void *raw) noexcept {
            delete static_cast<context *>(raw);
        };
        spine_cursor_set_filter(get(), &filter);
    }

    /* All keys again. */
    void set_filter(std::nullptr_t) noexcept
    {
        spine_cursor_set_filter(get(), nullptr);
    }

    /* A move where there is nothing to move from fails the cursor: the next read throws,
     * and so do a seek and check(). */
    void rewind() noexcept
    {
        spine_cursor_rewind(get());
    }

    void fast_forward() noexcept
    {
        spine_cursor_fast_forward(get());
    }

    void step_key() noexcept
    {
        spine_cursor_step_key(get());
    }

    void step_key_reverse() noexcept
    {
        spine_cursor_step_key_reverse(get());
    }

    void rewind_vals() noexcept
    {
        spine_cursor_rewind_vals(get());
    }

    void fast_forward_vals() noexcept
    {
        spine_cursor_fast_forward_vals(get());
    }

    void step_val() noexcept
    {
        spine_cursor_step_val(get());
    }

    void step_val_reverse() noexcept
    {
        spine_cursor_step_val_reverse(get());
    }

    void seek_key(key_argument key)
    {
        seek_key(std::nothrow, key).value();
    }

    result<void> seek_key(std::nothrow_t, key_argument key) noexcept
    {
        return seek<K>(spine_cursor_seek_key, key, key_encoder_);
    }

    void seek_key_reverse(key_argument key)
    {
        seek_key_reverse(std::nothrow, key).value();
    }

    result<void> seek_key_reverse(std::nothrow_t, key_argument key) noexcept
    {
        return seek<K>(spine_cursor_seek_key_reverse, key, key_encoder_);
    }

    /* True when the key was found. */
    bool seek_key_exact(key_argument key)
    {
        return seek_key_exact(std::nothrow, key).value();
    }

    result<bool> seek_key_exact(std::nothrow_t, key_argument key) noexcept
    {
        union spine_datum cell;
        spine_error error;

        if (codec<K>::encode(key, key_encoder_, &cell, &error) != SPINE_OK)
            return error;
        if (spine_cursor_seek_key_exact(get(), cell))
            return true;
        const auto sound = check(std::nothrow);
        if (!sound)
            return sound.error();
        return false;
    }

    /* Keys that are tuples: forward to the first one that is not less than all that begin
       with `elements`, which are converted to the first ones of the key's type. */
    template <class... Ts> void seek_prefix(const std::tuple<Ts...> &elements)
    {
        seek_prefix(std::nothrow, elements).value();
    }

    template <class... Ts>
    result<void> seek_prefix(std::nothrow_t, const std::tuple<Ts...> &elements)
    {
        using columns = typename tuple_like<K>::columns;
        using prefix = tuple_prefix<columns, std::index_sequence_for<Ts...>>;
        union spine_datum cell;
        spine_error error;

        if (key_encoder_.template encode_prefix<K>(prefix(elements), &cell, &error) !=
            SPINE_OK)
            return error;
        spine_cursor_seek_key(get(), cell);
        return key_valid() ? result<void>() : check(std::nothrow);
    }

    template <class Value = V, if_value<Value> = 0> void seek_val(value_argument value)
    {
        seek_val(std::nothrow, value).value();
    }

    template <class Value = V, if_value<Value> = 0>
    result<void> seek_val(std::nothrow_t, value_argument value) noexcept
    {
        return seek<V>(spine_cursor_seek_val, value, value_encoder_);
    }

    template <class Value = V, if_value<Value> = 0>
    void seek_val_reverse(value_argument value)
    {
        seek_val_reverse(std::nothrow, value).value();
    }

    template <class Value = V, if_value<Value> = 0>
    result<void> seek_val_reverse(std::nothrow_t, value_argument value) noexcept
    {
        return seek<V>(spine_cursor_seek_val_reverse, value, value_encoder_);
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
    range<false> rows(std::nothrow_t) noexcept
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

    template <class T>
    static result<typename codec<T>::view>
    decoded(const union spine_datum &cell, typename codec<T>::decoder &decoder)
    {
        typename codec<T>::view view{};
        spine_error error;

        if (codec<T>::decode(cell, decoder, &view, &error) != SPINE_OK)
            return error;
        return result<typename codec<T>::view>(std::move(view));
    }

    template <class T>
    result<void>
    seek(void (*move)(spine_cursor *, union spine_datum), typename codec<T>::argument to,
         typename codec<T>::encoder &encoder) noexcept
    {
        union spine_datum cell;
        spine_error error;

        if (codec<T>::encode(to, encoder, &cell, &error) != SPINE_OK)
            return error;
        move(get(), cell);
        return key_valid() ? result<void>() : check(std::nothrow);
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
        if (failure_.status != SPINE_OK || !val_valid())
            return false;
        if (codec<K>::decode(spine_cursor_key(get()), key_decoder_, &row_.key,
                             &failure_) != SPINE_OK)
            return false;
        if constexpr (!std::is_void_v<V>) {
            if (codec<V>::decode(spine_cursor_val(get()), value_decoder_, &row_.value,
                                 &failure_) != SPINE_OK)
                return false;
        }
        row_.weight = spine_cursor_weight(get());
        return true;
    }

    row_type row_;
    typename codec<K>::encoder key_encoder_;
    typename codec<V>::encoder value_encoder_;
    typename codec<K>::decoder key_decoder_;
    typename codec<V>::decoder value_decoder_;
    /* Why a row could not be decoded while iterating. */
    spine_error failure_ = {SPINE_OK, ""};
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
