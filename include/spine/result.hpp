/* SPDX-License-Identifier: MIT */
#ifndef SPINE_RESULT_HPP
#define SPINE_RESULT_HPP

/*
 * How calls of spine.hpp fail. Part of spine.hpp; include that.
 *
 * Every call that can fail has two forms, side by side in every translation unit:
 *
 *     batch rows = batcher.seal();                          throws spine_cpp::error
 *     result<batch> rows = batcher.seal(std::nothrow);      tells
 *
 * A macro that chose between them would make one function two different ones in
 * programs of several translation units. Where exceptions are turned off, the first form
 * ends the program with std::abort(), and all types are others (SPINE_CPP_MODE), so that
 * the linker takes no function from a unit of the other sort. It takes none from a unit,
 * or a plugin, that was compiled with another version of these headers either.
 */

#include "spine/types.h"
#include "spine/version.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <utility>
#include <variant>

/* Such as v0_3_throwing. */
#define SPINE_CPP_PASTE(major, minor, mode) v##major##_##minor##_##mode
#define SPINE_CPP_NAME(major, minor, mode) SPINE_CPP_PASTE(major, minor, mode)
#if defined(__cpp_exceptions)
/* The namespace of what throws. */
#define SPINE_CPP_MODE SPINE_CPP_NAME(SPINE_VERSION_MAJOR, SPINE_VERSION_MINOR, throwing)
#else
/* The namespace of what ends the program instead. */
#define SPINE_CPP_MODE SPINE_CPP_NAME(SPINE_VERSION_MAJOR, SPINE_VERSION_MINOR, aborting)
#endif

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* What the throwing forms throw. Copies without allocating. */
class error : public std::exception
{
  public:
    explicit error(const spine_error &cause) noexcept : cause_(cause)
    {
    }

    /* What failed. */
    enum spine_status status() const noexcept
    {
        return cause_.status;
    }

    /* The message: one sentence that names the culprit. */
    const char *what() const noexcept override
    {
        return cause_.message;
    }

    /* Both of them. */
    const spine_error &cause() const noexcept
    {
        return cause_;
    }

  private:
    spine_error cause_;
};

/* Throws; without exceptions, ends the program. */
[[noreturn]] inline void
raise(const spine_error &cause)
{
#if defined(__cpp_exceptions)
    throw error(cause);
#else
    (void)cause;
    std::abort();
#endif
}

/* Fills `error` and returns `status`. */
inline enum spine_status
fail(spine_error *error, enum spine_status status, const char *message) noexcept
{
    if (error != nullptr) {
        error->status = status;
        (void)std::snprintf(error->message, sizeof error->message, "%s", message);
    }
    return status;
}

/* The error of a result that has a value. */
inline const spine_error &
no_error() noexcept
{
    static const spine_error none = {SPINE_OK, ""};
    return none;
}

/* std::nothrow, and not {}: that is for what else a call takes. */
class nothrow_given
{
  public:
    constexpr nothrow_given(std::nothrow_t) noexcept
    {
    }
};

/* gcc 12 takes an error for uninitialised that a failing call has filled. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/* A T, or why there is none. */
template <class T> class [[nodiscard]] result
{
  public:
    using value_type = T;

    result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
        : content_(std::in_place_index<0>, std::move(value))
    {
    }

    result(const spine_error &cause) noexcept : content_(std::in_place_index<1>, cause)
    {
    }

    /* Is there a T? */
    bool has_value() const noexcept
    {
        return content_.index() == 0;
    }

    explicit operator bool() const noexcept
    {
        return has_value();
    }

    /* SPINE_OK when there is a value. */
    enum spine_status status() const noexcept
    {
        return error().status;
    }

    /* Its status is SPINE_OK and its message empty when there is a value. */
    const spine_error &error() const noexcept
    {
        return has_value() ? no_error() : *std::get_if<1>(&content_);
    }

    /* Throws spine_cpp::error when there is none; so do * and ->. */
    T &value() &
    {
        check();
        return *std::get_if<0>(&content_);
    }

    const T &value() const &
    {
        check();
        return *std::get_if<0>(&content_);
    }

    T value() &&
    {
        check();
        return std::move(*std::get_if<0>(&content_));
    }

    T &operator*()
    {
        return value();
    }

    const T &operator*() const
    {
        return value();
    }

    T *operator->()
    {
        return &value();
    }

    const T *operator->() const
    {
        return &value();
    }

  private:
    void check() const
    {
        if (!has_value())
            raise(error());
    }

    std::variant<T, spine_error> content_;
};

/* Done, or why not. */
template <> class [[nodiscard]] result<void>
{
  public:
    using value_type = void;

    result() noexcept = default;

    result(const spine_error &cause) noexcept : content_(cause)
    {
    }

    /* Is it done? */
    bool has_value() const noexcept
    {
        return content_.index() == 0;
    }

    explicit operator bool() const noexcept
    {
        return has_value();
    }

    enum spine_status status() const noexcept
    {
        return error().status;
    }

    const spine_error &error() const noexcept
    {
        return has_value() ? no_error() : *std::get_if<1>(&content_);
    }

    void value() const
    {
        if (!has_value())
            raise(error());
    }

  private:
    std::variant<std::monostate, spine_error> content_;
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
