/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TRACE_HPP
#define SPINE_TRACE_HPP

/*
 * Who is told of events (spine/trace.h), by callables. Part of spine.hpp; include that.
 *
 *     auto file = spine_cpp::trace_writer::open([&](auto text) { out << text; });
 *     const spine_trace trace = file.trace();
 *     spine_runtime_options options = {};
 *     options.trace = &trace;
 *     ... runtimes and stores, which go first ...
 *     file.close();
 */

#include "spine/handle.hpp"
#include "spine/result.hpp"
#include "spine/trace.h"

#include <cstddef>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* Events and messages go to a callable, which lives as long as runtimes and stores that
 * have it; several threads call it at a time, and it throws nothing. */
template <class OnEvent>
spine_trace
trace_to(OnEvent &on_event) noexcept
{
    spine_trace trace = {};

    trace.context = std::addressof(on_event);
    trace.on_event = [](void *raw, const spine_event *event) noexcept {
        (*static_cast<OnEvent *>(raw))(*event);
    };
    return trace;
}

/* The same for the words of a log. */
template <class OnMessage>
spine_log
log_to(OnMessage &on_message, enum spine_log_level level_max = SPINE_LOG_INFO) noexcept
{
    spine_log log = {};

    log.context = std::addressof(on_message);
    log.level_max = level_max;
    log.on_message = [](void *raw, enum spine_log_level level,
                        const char *message) noexcept {
        (*static_cast<OnMessage *>(raw))(level, std::string_view(message));
    };
    return log;
}

/* Writes events in the JSON of trace viewers. */
class trace_writer
{
  public:
    trace_writer() noexcept = default;

    trace_writer(trace_writer &&other) noexcept
        : write_(std::move(other.write_)), raw_(std::exchange(other.raw_, nullptr))
    {
    }

    trace_writer &operator=(trace_writer &&other) noexcept
    {
        if (this != &other) {
            (void)close(std::nothrow);
            write_ = std::move(other.write_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /* Closes; close() tells whether all was written. */
    ~trace_writer()
    {
        (void)close(std::nothrow);
    }

    /* `write` is called with some kilobytes of text at a time, by one thread at a time.
     * An exception that leaves it is SPINE_IO, and ends the trace. */
    template <class Write> static trace_writer open(Write write)
    {
        return open(std::nothrow, std::move(write)).value();
    }

    template <class Write> static result<trace_writer> open(std::nothrow_t, Write write)
    {
        trace_writer opened;
        spine_error error;

        opened.write_ =
            owned_write(new (std::nothrow) Write(std::move(write)), end<Write>);
        if (opened.write_ == nullptr) {
            (void)fail(&error, SPINE_NOMEM, "no memory for a trace writer");
            return error;
        }
        if (spine_trace_writer_open(append<Write>, opened.write_.get(), &opened.raw_,
                                    &error) != SPINE_OK)
            return error;
        return result<trace_writer>(std::move(opened));
    }

    /* For the options of runtimes and stores, any number of them. */
    spine_trace trace() const noexcept
    {
        return spine_trace_of_writer(raw_);
    }

    spine_trace_writer *get() const noexcept
    {
        return raw_;
    }

    explicit operator bool() const noexcept
    {
        return raw_ != nullptr;
    }

    /* Writes what is left, after the runtimes that use it are closed. */
    void close()
    {
        close(std::nothrow).value();
    }

    result<void> close(std::nothrow_t) noexcept
    {
        spine_error error;

        if (spine_trace_writer_close(std::exchange(raw_, nullptr), &error) != SPINE_OK)
            return error;
        return {};
    }

  private:
    using owned_write = std::unique_ptr<void, void (*)(void *)>;

    static void end_nothing(void *) noexcept
    {
    }

    template <class Write> static void end(void *raw) noexcept
    {
        delete static_cast<Write *>(raw);
    }

    template <class Write>
    static enum spine_status
    append(void *context, const char *text, std::size_t bytes) noexcept
    {
#if defined(__cpp_exceptions)
        try {
            (*static_cast<Write *>(context))(std::string_view(text, bytes));
        } catch (...) {
            return SPINE_IO;
        }
#else
        (*static_cast<Write *>(context))(std::string_view(text, bytes));
#endif
        return SPINE_OK;
    }

    owned_write write_{nullptr, end_nothing};
    spine_trace_writer *raw_ = nullptr;
};

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
