/* SPDX-License-Identifier: MIT */

/* Checkpoints and cuts by spine.hpp: what is taken comes back, of its types only. */

#include "check.hpp"

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

using words = spine_cpp::map<std::string, uint64_t>;
using days = spine_cpp::set<std::tuple<uint32_t, std::string>>;
using steps = spine_cpp::map<uint64_t, int64_t, SPINE_TIME_U64>;

static void
no_fault(void *, enum spine_operation, const char *, uint64_t, std::size_t,
         struct spine_fault *)
{
}

/* A disk that outlives stores. */
struct disk {
    spine_backend backend = {};

    disk()
    {
        CHECK(spine_memory_backend(&backend, nullptr) == SPINE_OK);
    }

    ~disk()
    {
        spine_backend_release(&backend);
    }

    spine_cpp::store open() const
    {
        spine_backend lent = backend, through = {};

        lent.release = nullptr;
        CHECK(spine_fault_backend(&lent, no_fault, nullptr, &through, nullptr) ==
              SPINE_OK);
        return spine_cpp::store::open(through);
    }
};

static void
add(words &map, const std::string &key, uint64_t value)
{
    words::batcher rows;
    rows.add(key, value);
    map.insert(rows.seal());
}

static void
what_is_taken_comes_back()
{
    const disk disk;
    spine_checkpoint_options options = {};
    options.user_data = "offset 7";
    options.user_bytes = 8;
    {
        auto store = disk.open();
        auto runtime = open_manual();
        auto map = words::open(runtime);
        auto set = days::open(runtime);
        days::batcher keys;

        add(map, "apple", 7);
        keys.add({7, "monday"});
        set.insert(keys.seal());
        const auto first = store.checkpoint({{"words", map}, {"days", set}}, options);
        CHECK(first.sequence == 1 && first.files == 1 && first.rows == 2);
        CHECK(!map.is_dirty() && !set.is_dirty());
        /* Of a cut; the flag stays, as something came after it. */
        const auto cut = map.cut();
        add(map, "pear", 8);
        store.checkpoint({{"words", map, cut}, {"days", set}}, options);
        CHECK(map.is_dirty());
        store.checkpoint({{"words", cut.share()}}, options);
        CHECK(store.checkpoints().size() == 2);
        CHECK(store.stats().files > 0);
    }
    auto store = disk.open();
    auto runtime = open_manual();
    auto restored = store.restore(runtime, 2);
    CHECK(restored.sequence() == 2 && restored.size() == 2);
    CHECK(restored.user_data() == "offset 7");
    CHECK(std::string(restored.item(1).name) == "days");
    CHECK_THROWS(SPINE_INVALID, restored.item(2));

    CHECK_THROWS(SPINE_NOT_FOUND, (restored.take<std::string, uint64_t>("word")));
    CHECK_THROWS(SPINE_INVALID, (restored.take<std::string, int64_t>("words")));
    auto refused = restored.take<std::string, int64_t>(std::nothrow, "words");
    const std::string why = refused.error().message;
    CHECK(why.find("value SPINE_U64, not SPINE_I64") != std::string::npos);
    CHECK_THROWS(SPINE_INVALID,
                 (restored.take<std::string, uint64_t, SPINE_TIME_U64>("words")));
    auto map = restored.take<spine_cpp::map<std::string, uint64_t>>("words");
    CHECK_THROWS(SPINE_NOT_FOUND, (restored.take<std::string, uint64_t>("words")));
    CHECK(map.snapshot().rows() == 1 && map.cursor().key() == "apple");
    using key = std::tuple<uint32_t, std::string>;
    auto set = restored.take<key, void>("days");
    restored.reset();
    CHECK(std::get<1>(set.cursor().key()) == "monday");

    CHECK(store.checkpoints().front().sequence == 2);
    store.remove_checkpoint(2);
    CHECK(store.checkpoints().size() == 1);
    CHECK_THROWS(SPINE_NOT_FOUND, (store.remove_checkpoint(2), 0));
    CHECK(store.sweep().files == 0);
    CHECK_THROWS(SPINE_NOT_FOUND, store.restore(runtime, 2));
}

static void
cuts_are_opened()
{
    auto runtime = open_manual();
    auto map = steps::open(runtime);
    steps::batcher rows;

    rows.add(1, -1, spine_cpp::weight{2}, spine_cpp::at_time{5});
    map.insert(rows.seal());
    map.set_frontier(3);
    const auto cut = map.cut();
    CHECK(cut.info().has_frontier && cut.info().frontier == 3);
    CHECK(cut.info().inserted_rows == 1 && cut.info().dirty);
    CHECK(cut.snapshot().rows() == 1);
    auto other = steps::open(runtime, cut);
    CHECK(map.clear_dirty(cut) && !map.is_dirty());
    rows.add(2, -2, spine_cpp::at_time{6});
    map.insert(rows.seal());
    CHECK(!map.clear_dirty(cut) && map.is_dirty());
    map.reset();
    CHECK(other.snapshot().rows() == 1);
    CHECK(other.cursor().key() == 1);
}

static void
checkpoints_go_on_in_the_background()
{
    struct ending {
        std::mutex mutex;
        std::condition_variable condition;
        bool ended = false;
        enum spine_status status = SPINE_OK;
    } ending;
    const disk disk;
    auto store = disk.open();
    auto runtime = spine_cpp::runtime::open();
    auto map = words::open(runtime);
    spine_checkpoint_options options = {};

    add(map, "apple", 7);
    options.context = &ending;
    options.on_done = [](void *context, enum spine_status status,
                         const spine_checkpoint_info *, const spine_error *) {
        auto *told = static_cast<struct ending *>(context);
        const std::lock_guard<std::mutex> lock(told->mutex);
        told->ended = true;
        told->status = status;
        told->condition.notify_one();
    };
    store.start_checkpoint(runtime, {{"words", map}}, options);
    std::unique_lock<std::mutex> lock(ending.mutex);
    ending.condition.wait(lock, [&ending] { return ending.ended; });
    CHECK(ending.status == SPINE_OK);
    CHECK(store.checkpoints().size() == 1);
}

static void
failures_throw_or_are_told()
{
    auto runtime = open_manual();
    auto map = words::open(runtime);
    const disk disk;
    auto store = disk.open();
    spine_cpp::store nowhere;
    spine_cpp::restored nothing;
    words none;

    CHECK_THROWS(SPINE_INVALID, spine_cpp::store::open(""));
    CHECK_THROWS(SPINE_NOT_FOUND, store.restore(runtime));
    CHECK(store.restore(std::nothrow, runtime).status() == SPINE_NOT_FOUND);
    CHECK_THROWS(SPINE_INVALID, store.checkpoint({{"a", map}, {"a", map}}));
    CHECK_THROWS(SPINE_INVALID, store.checkpoint({{"a", none}}));
    CHECK_THROWS(SPINE_INVALID, words::open(runtime, words::cut_type()));
    CHECK_THROWS(SPINE_INVALID, store.restore(spine_cpp::runtime()));
    CHECK_THROWS(SPINE_MISUSE, none.cut());
    CHECK_THROWS(SPINE_MISUSE, words::cut_type().info());
    CHECK_THROWS(SPINE_MISUSE, words::cut_type().snapshot());
    CHECK(!words::cut_type().share());
    CHECK_THROWS(SPINE_MISUSE, nowhere.stats());
    CHECK_THROWS(SPINE_MISUSE, nowhere.checkpoint({{"a", map}}));
    CHECK_THROWS(SPINE_MISUSE, (nowhere.start_checkpoint(runtime, {{"a", map}}), 0));
    CHECK_THROWS(SPINE_MISUSE, nowhere.checkpoints());
    CHECK_THROWS(SPINE_MISUSE, (nowhere.remove_checkpoint(1), 0));
    CHECK_THROWS(SPINE_MISUSE, nowhere.sweep());
    CHECK_THROWS(SPINE_MISUSE, nowhere.restore(runtime));
    CHECK_THROWS(SPINE_MISUSE, (nothing.take<std::string, uint64_t>("a")));
    CHECK_THROWS(SPINE_MISUSE, nothing.item(0));
    CHECK(nothing.size() == 0 && nothing.sequence() == 0 && nothing.user_data().empty());
}

int
main()
{
    what_is_taken_comes_back();
    cuts_are_opened();
    checkpoints_go_on_in_the_background();
    failures_throw_or_are_told();
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
