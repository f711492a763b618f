/* SPDX-License-Identifier: MIT */
#ifndef SPINE_CURSOR_MOVES_HPP
#define SPINE_CURSOR_MOVES_HPP

/*
 * What typed cursors have of spine/cursor.h: reads, moves and seeks. Part of spine.hpp;
 * include that.
 */

#include "spine/codec.hpp"
#include "spine/cursor.h"
#include "spine/filter.hpp"
#include "spine/handle.hpp"
#include "spine/result.hpp"
#include "spine/view.h"
#include "spine/weight.hpp"

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* The first columns of K, as many as there are Ts, which convert to them. */
template <class K, class... Ts> struct key_prefix {
    static_assert(is_tuple<K>, "spine_cpp: only keys that are tuples have prefixes");
    using columns = typename tuple_like<K>::columns;
    static_assert(sizeof...(Ts) <= std::tuple_size_v<columns>,
                  "spine_cpp: a prefix has no more elements than the key has columns");
    using type = tuple_prefix<columns, std::index_sequence_for<Ts...>>;
    static_assert(std::is_constructible_v<type, const std::tuple<Ts...> &>,
                  "spine_cpp: an element of a prefix is no value of the key's column");

    /* SPINE_INVALID for a number that its column does not hold, and for a string that is
     * NULL. */
    static enum spine_status
    check(const std::tuple<Ts...> &elements, spine_error *error) noexcept
    {
        return check_each(elements, error, std::index_sequence_for<Ts...>());
    }

  private:
    template <std::size_t... I>
    static enum spine_status
    check_each(const std::tuple<Ts...> &elements, spine_error *error,
               std::index_sequence<I...>) noexcept
    {
        enum spine_status status = SPINE_OK;

        (void)((status = check_one<std::tuple_element_t<I, columns>>(
                    std::get<I>(elements), error),
                status == SPINE_OK) &&
               ...);
        return status;
    }

    template <class Column, class Element>
    static enum spine_status
    check_one(const Element &element, spine_error *error) noexcept
    {
        using plain = typename column_null<typename column_order<Column>::type>::type;

        (void)element, (void)error;
        if constexpr (std::is_arithmetic_v<plain> && std::is_arithmetic_v<Element>)
            return number_argument<plain>(element).check(error);
        else if constexpr (std::is_same_v<std::decay_t<Element>, const char *> ||
                           std::is_same_v<std::decay_t<Element>, char *>)
            return text_argument(element).check(error);
        else
            return SPINE_OK;
    }
};

/* What a cursor reads and how it moves. */
template <class K, class V, spine_time Time, unsigned Weights>
class cursor_moves : public handle<spine_cursor, spine_cursor_close>
{
  public:
    using handle::handle;
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

    /* Takes `raw` in place of its own, and forgets why that one failed. */
    void reset(spine_cursor *raw = nullptr) noexcept
    {
        failure_ = {SPINE_OK, ""};
        handle::reset(raw);
    }

    /* Throws unless the cursor is as it should be: whether a walk ended at the end. */
    void check() const
    {
        check(std::nothrow).value();
    }

    result<void> check(std::nothrow_t) const noexcept
    {
        spine_error error;

        if (!*this)
            return this->empty("cursor");
        if (failure_.status != SPINE_OK)
            return failure_;
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

    /* With times, added up over all of them. */
    weight_of<Weights> weight()
    {
        return weight(std::nothrow).value();
    }

    result<weight_of<Weights>> weight(std::nothrow_t) noexcept
    {
        const weight_of<Weights> found = weight_here();

        if (found == weight_of<Weights>{} && !val_valid())
            return check(std::nothrow).error();
        return found;
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

    /* Those of the times that are less than or equal to `upper`; valid until the next
     * move or call of this. */
    times_view times_through(uint64_t upper)
    {
        return times_through(std::nothrow, upper).value();
    }

    result<times_view> times_through(std::nothrow_t, uint64_t upper) noexcept
    {
        times_view view = {nullptr, nullptr, 0};

        if (!val_valid())
            return no_position();
        view.count = spine_cursor_times_through(get(), upper, &view.times, &view.weights);
        return view;
    }

    /* SPINE_OK, or why the cursor is invalid for good; check() has the message. */
    enum spine_status status() const noexcept
    {
        return *this ? spine_cursor_status(get()) : SPINE_MISUSE;
    }

    /* What rows look like, as long as the cursor; NULL for no cursor. */
    const spine_schema *schema() const noexcept
    {
        return *this ? spine_cursor_schema(get()) : nullptr;
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
        using prefix = key_prefix<K, Ts...>;
        union spine_datum cell;
        spine_error error;

        if (prefix::check(elements, &error) != SPINE_OK ||
            key_encoder_.template encode_prefix<K>(typename prefix::type(elements), &cell,
                                                   &error) != SPINE_OK)
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
     * Forward to the first key that `accept`, called with a key_view, says true of, as it
     * must of all later ones; backward to the last one, and of all earlier ones. An
     * exception that leaves `accept` ends the process.
     */
    template <class Accept> void seek_key_with(Accept accept)
    {
        seek_key_with(std::nothrow, std::move(accept)).value();
    }

    template <class Accept> result<void> seek_key_with(std::nothrow_t, Accept accept)
    {
        return seek_with<K>(spine_cursor_seek_key_with, accept);
    }

    template <class Accept> void seek_key_with_reverse(Accept accept)
    {
        seek_key_with_reverse(std::nothrow, std::move(accept)).value();
    }

    template <class Accept>
    result<void> seek_key_with_reverse(std::nothrow_t, Accept accept)
    {
        return seek_with<K>(spine_cursor_seek_key_with_reverse, accept);
    }

    /* The same for the values of the key. */
    template <class Accept> void seek_val_with(Accept accept)
    {
        seek_val_with(std::nothrow, std::move(accept)).value();
    }

    template <class Accept> result<void> seek_val_with(std::nothrow_t, Accept accept)
    {
        return seek_with<V>(spine_cursor_seek_val_with, accept);
    }

    template <class Accept> void seek_val_with_reverse(Accept accept)
    {
        seek_val_with_reverse(std::nothrow, std::move(accept)).value();
    }

    template <class Accept>
    result<void> seek_val_with_reverse(std::nothrow_t, Accept accept)
    {
        return seek_with<V>(spine_cursor_seek_val_with_reverse, accept);
    }

  protected:
    weight_of<Weights> weight_here() noexcept
    {
        if constexpr (Weights == 1)
            return spine_cursor_weight(get());
        else
            return *this ? weight_at<Weights>(spine_cursor_weights(get()))
                         : weight_of<Weights>{};
    }

    /* Why there is nothing to read; as a read there, it makes the cursor fail. */
    spine_error no_position() noexcept
    {
        (void)spine_cursor_val(get());
        return check(std::nothrow).error();
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

    template <class T, class Accept>
    result<void>
    seek_with(void (*move)(spine_cursor *, spine_predicate_fn *, void *), Accept &accept)
    {
        seek_judge<T, Accept> judge{accept, {}};

        move(get(), seek_judge<T, Accept>::on_cell, &judge);
        return key_valid() ? result<void>() : check(std::nothrow);
    }

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
