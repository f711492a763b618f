/* SPDX-License-Identifier: MIT */
#ifndef SPINE_BACKEND_HPP
#define SPINE_BACKEND_HPP

/*
 * Backends that come with the library (spine/backend.h, spine/fault.h). Part of
 * spine.hpp; include that.
 *
 *     auto store = spine_cpp::store::open(spine_cpp::backend::memory());
 */

#include "spine/backend.h"
#include "spine/fault.h"
#include "spine/handle.hpp"
#include "spine/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace spine_cpp
{
inline namespace SPINE_CPP_MODE
{

/* May an object have this name? */
inline bool
is_object_name(const std::string &name) noexcept
{
    return spine_name_is_valid(name.c_str());
}

/* Owns a backend until a store takes it; an empty one is SPINE_INVALID there. */
class backend
{
  public:
    backend() noexcept = default;

    /* Takes `raw`, one of the library. */
    explicit backend(const spine_backend &raw) noexcept : raw_(raw)
    {
    }

    backend(backend &&other) noexcept : raw_(other.release())
    {
    }

    backend &operator=(backend &&other) noexcept
    {
        if (this != &other) {
            spine_backend_release(&raw_);
            raw_ = other.release();
        }
        return *this;
    }

    ~backend()
    {
        spine_backend_release(&raw_);
    }

    /* The files of a directory, which is locked. */
    static backend
    directory(const std::string &path, const spine_directory_options &options = {})
    {
        return directory(std::nothrow, path, options).value();
    }

    static result<backend> directory(std::nothrow_t, const std::string &path,
                                     const spine_directory_options &options = {}) noexcept
    {
        spine_backend raw = {};
        spine_error error;

        if (spine_directory_backend(path.c_str(), &options, &raw, &error) != SPINE_OK)
            return error;
        return backend(raw);
    }

    /* Objects in memory: for tests. */
    static backend memory()
    {
        return memory(std::nothrow).value();
    }

    static result<backend> memory(std::nothrow_t) noexcept
    {
        spine_backend raw = {};
        spine_error error;

        if (spine_memory_backend(&raw, &error) != SPINE_OK)
            return error;
        return backend(raw);
    }

    /*
     * What `inner` does, but for the faults that `on_operation(operation, name, offset,
     * size, fault)` fills in; it is borrowed, called by any thread, and throws nothing.
     * Takes `inner`, unless this fails.
     */
    template <class OnOperation>
    static backend faulty(backend inner, OnOperation &on_operation)
    {
        return faulty(std::nothrow, std::move(inner), on_operation).value();
    }

    template <class OnOperation>
    static result<backend>
    faulty(std::nothrow_t, backend inner, OnOperation &on_operation) noexcept
    {
        spine_backend raw = {};
        spine_error error;

        if (inner.raw_.create == nullptr) {
            (void)fail(&error, SPINE_INVALID, "a backend is empty");
            return error;
        }
        if (spine_fault_backend(&inner.raw_, ask<OnOperation>,
                                const_cast<void *>(static_cast<const void *>(
                                    std::addressof(on_operation))),
                                &raw, &error) != SPINE_OK)
            return error;
        inner.raw_ = {};
        return backend(raw);
    }

    const spine_backend &get() const noexcept
    {
        return raw_;
    }

    /* Hands it to the caller, who releases it. */
    [[nodiscard]] spine_backend release() noexcept
    {
        return std::exchange(raw_, spine_backend{});
    }

  private:
    template <class OnOperation>
    static void ask(void *raw, enum spine_operation operation, const char *name,
                    uint64_t offset, std::size_t size, spine_fault *fault) noexcept
    {
        (*static_cast<OnOperation *>(raw))(operation, name, offset, size, *fault);
    }

    spine_backend raw_ = {};
};

/* The machine stops and starts again, of a backend in memory. */
inline result<void>
crash(std::nothrow_t, const spine_backend &memory, enum spine_crash what,
      uint64_t seed = 0) noexcept
{
    spine_error error;

    if (spine_memory_backend_crash(&memory, what, seed, &error) != SPINE_OK)
        return error;
    return {};
}

inline void
crash(const spine_backend &memory, enum spine_crash what, uint64_t seed = 0)
{
    crash(std::nothrow, memory, what, seed).value();
}

/* Would an object of a backend in memory be there whole after any crash? */
inline bool
is_durable(const spine_backend &memory, const std::string &name) noexcept
{
    return spine_memory_backend_is_durable(&memory, name.c_str());
}

} /* inline namespace SPINE_CPP_MODE */
} /* namespace spine_cpp */

#endif
