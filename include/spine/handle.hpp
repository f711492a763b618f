/* SPDX-License-Identifier: MIT */
#ifndef SPINE_HANDLE_HPP
#define SPINE_HANDLE_HPP

/*
 * Handles in general. Part of spine.hpp; include that.
 */

#include "spine/result.hpp"
#include "spine/schema.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
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

    /* Takes `raw` in place of its own, which it ends. */
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

/* A number that is 0 again after a move from it, as the memory that it is about is gone
 * then. */
template <class N> class zero_when_moved
{
  public:
    zero_when_moved() noexcept = default;

    zero_when_moved(zero_when_moved &&other) noexcept
        : number_(std::exchange(other.number_, N{}))
    {
    }

    zero_when_moved &operator=(zero_when_moved &&other) noexcept
    {
        number_ = std::exchange(other.number_, N{});
        return *this;
    }

    zero_when_moved &operator=(N number) noexcept
    {
        number_ = number;
        return *this;
    }

    ~zero_when_moved() = default;

    operator N &() noexcept
    {
        return number_;
    }

    operator const N &() const noexcept
    {
        return number_;
    }

  private:
    N number_{};
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

/* Items side by side in memory of somebody else. */
template <class T> class span
{
  public:
    constexpr span() noexcept = default;

    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }

    constexpr T *data() const noexcept
    {
        return data_;
    }

    constexpr std::size_t size() const noexcept
    {
        return size_;
    }

    constexpr bool empty() const noexcept
    {
        return size_ == 0;
    }

    constexpr T *begin() const noexcept
    {
        return data_;
    }

    constexpr T *end() const noexcept
    {
        return size_ > 0 ? data_ + size_ : data_;
    }

    /* `index` is less than size(). */
    constexpr T &operator[](std::size_t index) const noexcept
    {
        return data_[index];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
