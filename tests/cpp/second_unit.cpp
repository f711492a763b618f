/* SPDX-License-Identifier: MIT */
#include "check.hpp"

#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

/* Linked to every test: what the headers define must be there once, and this unit's
 * aborting functions must not take the place of the others' throwing ones. */
uint64_t
count_without_exceptions()
{
    using map = spine_cpp::map<uint64_t, uint64_t>;
    spine_runtime_options options = {};
    options.manual = true;
    auto runtime = spine_cpp::runtime::open(std::nothrow, options);
    CHECK(runtime);
    auto opened = map::open(std::nothrow, *runtime);
    CHECK(opened);
    auto rows = map::batcher::open(std::nothrow);
    CHECK(rows);

    for (uint64_t i = 0; i < 10; i++)
        CHECK(rows->add(std::nothrow, i % 5, i % 2));
    auto batch = rows->seal(std::nothrow);
    CHECK(batch && opened->insert(std::nothrow, *batch));

    auto cursor = opened->cursor(std::nothrow);
    CHECK(cursor);
    uint64_t count = 0;
    for (const auto &row : cursor->rows(std::nothrow))
        count += row.weight > 0 ? 1u : 0u;
    CHECK(cursor->check(std::nothrow));

    auto probe = map::probe_type::open(std::nothrow);
    const auto snapshot = opened->snapshot(std::nothrow);
    CHECK(probe && snapshot);
    CHECK(probe->set_filter(std::nothrow, [](uint64_t key) { return key != 4; }));
    uint64_t pairs = 0;
    CHECK(probe->join(std::nothrow, *snapshot, *batch,
                      [&pairs](uint64_t, const auto &, const auto &) { pairs++; }));
    CHECK(pairs == 16);
    CHECK(cursor->set_lower_bound(std::nothrow, 3) &&
          cursor->key(std::nothrow).value() == 3);
    CHECK(cursor->seek_key_with(std::nothrow, [](uint64_t key) { return key > 3; }));
    CHECK(cursor->key(std::nothrow).value() == 4);
    CHECK(opened->retain_top(std::nothrow, 1) && opened->retain_all_values(std::nothrow));
    return count;
}

/* Ends the test unless `call`, in a child process, ends that by SIGABRT. */
template <class Call>
static void
check_aborts(Call call)
{
    int status = 0;
    const pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)std::signal(SIGABRT, SIG_DFL);
        call();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

void
misuse_aborts_without_exceptions()
{
    using map = spine_cpp::map<uint64_t, std::string>;
    spine_runtime_options options = {};
    options.manual = true;
    const auto runtime = spine_cpp::runtime::open(std::nothrow, options);
    CHECK(runtime);
    const auto opened = map::open(std::nothrow, *runtime);
    CHECK(opened);
    auto cursor = opened->cursor(std::nothrow);
    CHECK(cursor);

    check_aborts([&cursor] { (void)cursor->key(); });
    check_aborts([&cursor] { (void)cursor->value(); });
    check_aborts([&cursor] { (void)cursor->weight(); });
    check_aborts([&cursor] { (void)cursor->times(); });
    check_aborts([&cursor] { (void)*cursor->begin(); });
    check_aborts([&cursor] { (void)++cursor->begin(); });
    check_aborts([&cursor] { (void)cursor->rows(std::nothrow).begin()->weight; });
    check_aborts([] { (void)map::batch().info(); });
    check_aborts([] { map().pause(); });
    check_aborts([] { (void)*map::open(std::nothrow, spine_cpp::runtime()); });

    CHECK(cursor->key(std::nothrow).status() == SPINE_MISUSE);
    CHECK(cursor->weight(std::nothrow).status() == SPINE_MISUSE);
    CHECK(map().cursor(std::nothrow).status() == SPINE_MISUSE);
}
