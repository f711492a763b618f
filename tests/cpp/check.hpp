/* SPDX-License-Identifier: MIT */
#ifndef CPP_CHECK_HPP
#define CPP_CHECK_HPP

/*
 * What the tests of spine.hpp share: a check that Release keeps, random numbers, and a
 * runtime whose merges run when it is told so.
 */

#include <spine/spine.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

/* Ends the test unless `condition` holds. */
#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);         \
            std::exit(1);                                                                \
        }                                                                                \
    } while (0)

/* Ends the test unless `expression` throws spine_cpp::error of `expected`. */
#define CHECK_THROWS(expected, expression)                                               \
    do {                                                                                 \
        bool thrown = false;                                                             \
        try {                                                                            \
            (void)(expression);                                                          \
        } catch (const spine_cpp::error &error) {                                        \
            thrown = error.status() == (expected) && error.what()[0] != '\0';            \
        }                                                                                \
        CHECK(thrown);                                                                   \
    } while (0)

/* splitmix64. */
class random_numbers
{
  public:
    explicit random_numbers(uint64_t seed) : state_(seed)
    {
        std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    }

    uint64_t operator()()
    {
        uint64_t word = state_ += UINT64_C(0x9e3779b97f4a7c15);
        word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
        return word ^ word >> 31;
    }

    uint64_t below(uint64_t bound)
    {
        return (*this)() % bound;
    }

  private:
    uint64_t state_;
};

static inline spine_cpp::runtime
open_manual(const spine_trace *trace = nullptr, const spine_log *log = nullptr)
{
    spine_runtime_options options = {};
    options.manual = true;
    options.trace = trace;
    options.log = log;
    return spine_cpp::runtime::open(options);
}

/* In a translation unit of its own, compiled without exceptions: rows it counted. */
uint64_t count_without_exceptions();

/* In the same one: what throws elsewhere ends a child process by SIGABRT. */
void misuse_aborts_without_exceptions();

#endif
