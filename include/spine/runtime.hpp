/* SPDX-License-Identifier: MIT */
#ifndef SPINE_RUNTIME_HPP
#define SPINE_RUNTIME_HPP

/*
 * Runtimes, and how long to wait. Part of spine.hpp; include that.
 */

#include "spine/handle.hpp"
#include "spine/metrics.h"
#include "spine/result.hpp"
#include "spine/runtime.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <type_traits>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* --- timeouts ----------------------------------------------------------------------- */

/* How long to wait: any std::chrono::duration, or nanoseconds as an integer; for ever by
 * default. What is less than nothing is nothing, and what is too long is for ever. */
class timeout
{
    template <class N>
    using if_integer =
        std::enable_if_t<std::is_integral_v<N> && !std::is_same_v<N, bool>, int>;
    template <class N>
    using if_no_integer =
        std::enable_if_t<std::is_floating_point_v<N> || std::is_same_v<N, bool>, int>;

  public:
    constexpr timeout() noexcept = default;

    template <class N, if_integer<N> = 0>
    constexpr timeout(N ns) noexcept : ns_(ns > N{0} ? static_cast<uint64_t>(ns) : 0)
    {
    }

    /* A fraction of a nanosecond is meant to be seconds: std::chrono says so. */
    template <class N, if_no_integer<N> = 0> timeout(N) = delete;

    template <class Rep, class Period>
    constexpr timeout(std::chrono::duration<Rep, Period> duration) noexcept
        : ns_(ns_of(std::chrono::duration<long double, std::nano>(duration).count()))
    {
    }

    /* Nanoseconds; UINT64_MAX: for ever. */
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

/* What the merges of its spines run on. */
class runtime : public handle<spine_runtime, spine_runtime_close>
{
  public:
    using handle::handle;

    static result<runtime>
    open(nothrow_given, const spine_runtime_options &options = {}) noexcept
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

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
