/* SPDX-License-Identifier: MIT */

/* Reads at no position, ends of iterators, empty handles: each throws, or tells. */

#include "check.hpp"

#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using array = std::array<unsigned char, 5>;
using long_array = std::array<char, 40>;
using key_tuple = std::tuple<uint32_t, std::optional<std::string>>;
using value_tuple = std::tuple<spine_cpp::descending<int64_t>>;

/* Both forms of a call that must be refused with `expected`. */
#define CHECK_REFUSED(expected, throwing, telling)                                       \
    do {                                                                                 \
        CHECK_THROWS(expected, throwing);                                                \
        const auto told = (telling);                                                     \
        CHECK(!told && told.status() == (expected));                                     \
        CHECK(told.error().message[0] != '\0');                                          \
    } while (0)

/* Every read of `stand()`, a cursor on no value; on no key either unless `on_key`. */
template <class Stand>
static void
check_reads(Stand stand, bool on_key)
{
    CHECK_THROWS(SPINE_MISUSE, stand().value());
    CHECK_THROWS(SPINE_MISUSE, stand().weight());
    CHECK_THROWS(SPINE_MISUSE, stand().times());
    CHECK(stand().value(std::nothrow).status() == SPINE_MISUSE);
    CHECK(stand().weight(std::nothrow).status() == SPINE_MISUSE);
    CHECK(stand().times(std::nothrow).status() == SPINE_MISUSE);
    if (on_key) {
        CHECK(stand().key(std::nothrow));
        return;
    }
    CHECK_THROWS(SPINE_MISUSE, stand().key());
    CHECK(stand().key(std::nothrow).status() == SPINE_MISUSE);

    /* The first one stays: it names the call. */
    auto cursor = stand();
    const auto first = cursor.value(std::nothrow);
    const auto second = cursor.key(std::nothrow);
    CHECK(std::string(first.error().message) == second.error().message);
    CHECK(!cursor.key_valid() && !cursor.val_valid());
    CHECK_REFUSED(SPINE_MISUSE, (cursor.check(), 0), cursor.check(std::nothrow));
    CHECK_THROWS(SPINE_MISUSE, cursor.begin());
}

/* Of cursors over nothing, and over one row, whose cells are all zero. */
template <class K, class V, spine_time Time = SPINE_UNTIMED>
static void
reads_need_a_position()
{
    using map = spine_cpp::map<K, V, Time>;
    const auto runtime = open_manual();
    auto state = map::open(runtime);

    check_reads([&state] { return state.cursor(); }, false);
    typename map::batcher rows;
    if constexpr (Time == SPINE_UNTIMED)
        rows.add(K{}, V{}, 3);
    else
        rows.add(K{}, V{}, spine_cpp::weight{3}, spine_cpp::at_time{0});
    state.insert(rows.seal());

    auto cursor = state.cursor();
    CHECK(cursor.key() == K{} && cursor.value() == V{} && cursor.weight() == 3);
    CHECK(cursor.times().count == 1 && cursor.times().weights[0] == 3);
    check_reads(
        [&state] {
            auto cursor = state.cursor();
            cursor.step_key();
            return cursor;
        },
        false);
    check_reads(
        [&state] {
            auto cursor = state.cursor();
            cursor.step_key_reverse();
            return cursor;
        },
        false);
    check_reads(
        [&state] {
            auto cursor = state.cursor();
            cursor.step_val();
            return cursor;
        },
        true);
    check_reads(
        [&state] {
            auto cursor = state.cursor();
            cursor.step_val_reverse();
            return cursor;
        },
        true);
    check_reads([] { return typename map::cursor_type(); }, false);
}

/* A move from nowhere fails the cursor, and the next call that can tells. */
static void
moves_need_a_position()
{
    using map = spine_cpp::map<uint64_t, std::string>;
    const auto runtime = open_manual();
    const auto state = map::open(runtime);
    const auto fail = [&state] {
        auto cursor = state.cursor();
        cursor.check();
        cursor.step_key();
        return cursor;
    };

    CHECK_REFUSED(SPINE_MISUSE, fail().key(), fail().key(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (fail().seek_key(1), 0),
                  fail().seek_key(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, (fail().seek_key_reverse(1), 0),
                  fail().seek_key_reverse(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, fail().seek_key_exact(1),
                  fail().seek_key_exact(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, (fail().seek_val("a"), 0),
                  fail().seek_val(std::nothrow, "a"));
    CHECK_REFUSED(SPINE_MISUSE, (fail().seek_val_reverse("a"), 0),
                  fail().seek_val_reverse(std::nothrow, "a"));
    CHECK_THROWS(SPINE_MISUSE, fail().begin());

    auto cursor = state.cursor();
    CHECK(!cursor.seek_key_exact(1));
    cursor.seek_key(1);
    cursor.check();
    CHECK_THROWS(SPINE_MISUSE, (cursor.seek_val("a"), 0));
}

static void
iterators_end()
{
    using map = spine_cpp::map<uint64_t, std::string>;
    const auto runtime = open_manual();
    auto state = map::open(runtime);
    map::batcher rows;
    rows.add(1, "one");
    state.insert(rows.seal());

    auto cursor = state.cursor();
    auto row = cursor.begin();
    CHECK(row->key == 1 && (*row).value == "one");
    ++row;
    CHECK(row == cursor.end());
    CHECK_THROWS(SPINE_MISUSE, (*row).weight);
    CHECK_THROWS(SPINE_MISUSE, row->key);
    CHECK_THROWS(SPINE_MISUSE, ++row);
    CHECK_THROWS(SPINE_MISUSE, (row++, 0));
    cursor.check();

    auto quiet = cursor.rows(std::nothrow).begin();
    CHECK(quiet == cursor.rows(std::nothrow).end());
    CHECK_THROWS(SPINE_MISUSE, quiet->key);
    CHECK_THROWS(SPINE_MISUSE, ++quiet);

    /* Of a cursor that went elsewhere. */
    cursor.rewind();
    auto left = cursor.begin();
    const auto other = std::move(cursor);
    CHECK_THROWS(SPINE_MISUSE, ++left);
    CHECK_THROWS(SPINE_MISUSE, map::cursor_type().begin());
    map::cursor_type none;
    for (const auto &each : none.rows(std::nothrow))
        CHECK(each.weight == 0 && false);
}

static void
results_are_asked_in_vain()
{
    const spine_error cause = {SPINE_TIMEOUT, "too late"};
    spine_cpp::result<std::string> failed = cause;
    const spine_cpp::result<std::string> constant = cause;
    const spine_cpp::result<std::string> text = std::string("text");

    CHECK_THROWS(SPINE_TIMEOUT, *failed);
    CHECK_THROWS(SPINE_TIMEOUT, failed->size());
    CHECK_THROWS(SPINE_TIMEOUT, failed.value());
    CHECK_THROWS(SPINE_TIMEOUT, *constant);
    CHECK_THROWS(SPINE_TIMEOUT, constant->size());
    CHECK(text->size() == 4 && *text == "text");
    CHECK(text.error().status == SPINE_OK && text.error().message[0] == '\0');
    CHECK(spine_cpp::result<void>().error().status == SPINE_OK);
}

template <class Writer>
static void
empty_writers_refuse()
{
    Writer full;
    full.add(1, 2);
    Writer other = std::move(full);

    CHECK_REFUSED(SPINE_MISUSE, (full.add(1, 2), 0), full.add(std::nothrow, 1, 2));
    CHECK_REFUSED(SPINE_MISUSE, full.seal(), full.seal(std::nothrow));
    CHECK(other.seal().info().rows == 1);
}

static void
empty_handles_refuse()
{
    using map = spine_cpp::map<uint64_t, uint64_t>;
    const spine_columns none = {};
    map::batcher batcher;
    map::batcher taken = std::move(batcher);
    spine_cpp::runtime runtime;
    map::batch batch;
    map::snapshot_type snapshot;

    empty_writers_refuse<map::batcher>();
    empty_writers_refuse<map::builder>();
    CHECK_REFUSED(SPINE_MISUSE, (batcher.clear(), 0), batcher.clear(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (batcher.add_columns(none), 0),
                  batcher.add_columns(std::nothrow, none));
    CHECK_REFUSED(SPINE_MISUSE, runtime.run(1), runtime.run(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, runtime.stats(), runtime.stats(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, batch.info(), batch.info(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, batch.cursor(), batch.cursor(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, snapshot.rows(), snapshot.rows(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, snapshot.bytes(), snapshot.bytes(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, snapshot.cursor(), snapshot.cursor(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, snapshot.batch(0), snapshot.batch(std::nothrow, 0));
    CHECK_REFUSED(SPINE_MISUSE, snapshot.batch_count(),
                  snapshot.batch_count(std::nothrow));
    CHECK(!batch.share() && !snapshot.share());

    runtime = open_manual();
    auto state = map::open(runtime);
    snapshot = state.snapshot();
    CHECK_REFUSED(SPINE_INVALID, snapshot.batch(0), snapshot.batch(std::nothrow, 0));
    CHECK_REFUSED(SPINE_INVALID, (state.insert(batch), 0),
                  state.insert(std::nothrow, batch));
    runtime.reset();
    CHECK_REFUSED(SPINE_INVALID, map::open(runtime), map::open(std::nothrow, runtime));
}

/* Of views, probes, ranges, and what is beside rows. */
static void
more_empty_handles_refuse()
{
    using map = spine_cpp::map<uint64_t, uint64_t>;
    const auto runtime = open_manual();
    auto state = map::open(runtime);
    const auto snapshot = state.snapshot();
    const map::batch batch;
    const map::cut_type cut;
    const map::snapshot_type none;
    map::cursor_type cursor;
    map::columns_type columns;
    map::probe_type probe;
    const map::probe_type taken = std::move(probe);
    spine_cpp::tuple_page page;
    const spine_cpp::tuple_page other = std::move(page);
    const spine_cpp::arrow_mapping mapping;
    const ArrowArray records = {};
    const spine_schema schema = {};
    const std::vector<uint64_t> keys = {1};
    const auto nothing = [](uint64_t, const auto &, const auto &) {};
    const auto all = [](uint64_t) { return true; };

    CHECK_REFUSED(SPINE_MISUSE, batch.between(1, 2), batch.between(std::nothrow, 1, 2));
    CHECK_REFUSED(SPINE_MISUSE, batch.from(1), batch.from(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, batch.before(1), batch.before(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, cut.between(1, 2), cut.between(std::nothrow, 1, 2));
    CHECK_REFUSED(SPINE_MISUSE, cut.from(1), cut.from(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, cut.before(1), cut.before(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, cut.snapshot(), cut.snapshot(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, cut.info(), cut.info(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (batch.check(), 0), batch.check(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, none.sample(1, 1), none.sample(std::nothrow, 1, 1));
    CHECK_REFUSED(SPINE_MISUSE, none.partition(1, 1), none.partition(std::nothrow, 1, 1));
    CHECK_REFUSED(SPINE_MISUSE, none.plus(none), none.plus(std::nothrow, snapshot));
    CHECK_REFUSED(SPINE_MISUSE, none.minus(none), none.minus(std::nothrow, snapshot));
    CHECK_REFUSED(SPINE_INVALID, snapshot.plus(none), snapshot.minus(std::nothrow, none));
    CHECK_REFUSED(SPINE_MISUSE, (cursor.check(), 0), cursor.check(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, cursor.times_through(1),
                  cursor.times_through(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, cursor.seek_key_exact(1),
                  cursor.seek_key_exact(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, (cursor.seek_val(1), 0),
                  cursor.seek_val(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, (cursor.seek_key_with(all), 0),
                  cursor.seek_val_with_reverse(std::nothrow, all));
    CHECK_REFUSED(SPINE_MISUSE, (cursor.set_default(1), 0),
                  cursor.set_default(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, cursor.read(columns), cursor.read(std::nothrow, columns));
    CHECK_REFUSED(SPINE_MISUSE, cursor.group(), cursor.group(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, cursor.clone(), cursor.clone(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, cursor.position(), cursor.position(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (cursor.set_bounds(1, 2), 0),
                  cursor.set_bounds(std::nothrow, 1, 2));
    CHECK_REFUSED(SPINE_MISUSE, (cursor.set_filter(all), 0),
                  cursor.set_filter(std::nothrow, all));
    CHECK_REFUSED(SPINE_MISUSE, (probe.check(), 0), probe.check(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, probe.look_up(snapshot, keys),
                  probe.look_up(std::nothrow, snapshot, keys));
    CHECK_REFUSED(SPINE_MISUSE, (probe.match(snapshot, batch, nothing), 0),
                  probe.match(std::nothrow, snapshot, batch, nothing));
    CHECK_REFUSED(SPINE_MISUSE, probe.count(snapshot, keys),
                  probe.count(std::nothrow, snapshot, keys));
    CHECK_REFUSED(SPINE_MISUSE, (probe.join(snapshot, batch, nothing), 0),
                  probe.join(std::nothrow, snapshot, batch, nothing));
    CHECK_REFUSED(SPINE_MISUSE, page.encode(schema, {}),
                  page.encode(std::nothrow, schema, {}));
    CHECK_REFUSED(SPINE_MISUSE, page.read(cursor), page.read(std::nothrow, cursor));
    CHECK_REFUSED(SPINE_MISUSE, mapping.records(), mapping.records(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, mapping.stream(snapshot),
                  mapping.stream(std::nothrow, snapshot));
    CHECK_REFUSED(SPINE_MISUSE, mapping.look_up(snapshot, records),
                  mapping.look_up(std::nothrow, snapshot, records));
    CHECK(cursor.schema() == nullptr && cursor.rows_skipped() == 0);
    CHECK(taken && other && !mapping.schema());
}

/* An empty handle is no argument of one that is not. */
static void
empty_arguments_are_refused()
{
    using map = spine_cpp::map<uint64_t, uint64_t>;
    using timed = spine_cpp::map<std::tuple<uint64_t>, uint64_t, SPINE_TIME_U64>;
    const auto runtime = open_manual();
    auto state = map::open(runtime);
    const auto snapshot = state.snapshot();
    map::range_probe_type range_probe;
    const std::vector<std::pair<uint64_t, uint64_t>> pairs;
    const auto no_rows = [](std::size_t, const auto &) {};
    map::probe_type probe;
    spine_cpp::tuple_page page;
    timed::cursor_type cursor;
    const auto mapping = spine_cpp::arrow_mapping::of<uint64_t, uint64_t>();
    const spine_cpp::arrow_mapping no_mapping;
    const spine_cpp::column_types no_types;
    const ArrowArray records = {};
    const std::vector<uint64_t> keys = {1};
    const map::snapshot_type none;
    const map::cut_type cut;
    const map::batch batch;
    const auto nothing = [](uint64_t, const auto &, const auto &) {};

    CHECK_REFUSED(SPINE_INVALID, state.clear_dirty(cut),
                  state.clear_dirty(std::nothrow, cut));
    CHECK_REFUSED(SPINE_INVALID, state.try_insert(batch),
                  state.try_insert(std::nothrow, batch));
    CHECK_REFUSED(SPINE_INVALID, map::open(runtime, cut),
                  map::open(std::nothrow, runtime, cut));
    std::vector<map::batch> batches;
    batches.emplace_back();
    CHECK_REFUSED(SPINE_INVALID, map::snapshot_type::of(batches),
                  map::snapshot_type::of(std::nothrow, batches));
    CHECK_REFUSED(SPINE_INVALID, map::snapshot_type::cursor_of({{none}}),
                  map::snapshot_type::cursor_of(std::nothrow, {{none}}));
    CHECK_REFUSED(SPINE_INVALID, probe.look_up(none, keys),
                  probe.look_up(std::nothrow, none, keys));
    CHECK_REFUSED(SPINE_INVALID, probe.count(none, keys),
                  probe.count(std::nothrow, none, keys));
    CHECK_REFUSED(SPINE_INVALID, (probe.match(snapshot, batch, nothing), 0),
                  probe.match(std::nothrow, snapshot, batch, nothing));
    CHECK_REFUSED(SPINE_INVALID, (probe.join(none, batch, nothing), 0),
                  probe.join(std::nothrow, none, batch, nothing));
    CHECK_REFUSED(SPINE_INVALID, page.read(cursor), page.read(std::nothrow, cursor));
    CHECK_REFUSED(SPINE_INVALID, page.prefix_bounds(no_types, nullptr, 0),
                  page.prefix_bounds(std::nothrow, no_types, nullptr, 0));
    CHECK_REFUSED(SPINE_INVALID, page.prefix_ranges(no_types, {}),
                  page.prefix_ranges(std::nothrow, no_types, {}));
    CHECK_REFUSED(SPINE_INVALID, (range_probe.match(none, pairs, no_rows), 0),
                  range_probe.match(std::nothrow, none, pairs, no_rows));
    CHECK_REFUSED(SPINE_INVALID, mapping.stream(none),
                  mapping.stream(std::nothrow, none));
    CHECK_REFUSED(SPINE_INVALID, mapping.stream(map::cursor_type()),
                  mapping.stream(std::nothrow, map::cursor_type()));
    CHECK_REFUSED(SPINE_INVALID, mapping.look_up(none, records),
                  mapping.look_up(std::nothrow, none, records));
    CHECK_REFUSED(SPINE_MISUSE, (no_mapping.batch<uint64_t, uint64_t>(records)),
                  (no_mapping.batch<uint64_t, uint64_t>(std::nothrow, records)));
    CHECK_REFUSED(SPINE_MISUSE, (cursor.set_prefix(std::tuple<uint64_t>(1)), 0),
                  cursor.seek_prefix(std::nothrow, std::tuple<uint64_t>(1)));
    cursor.set_through(1);
    cursor.clear_bounds();
    cursor.set_filter(nullptr);
    cursor.rewind();
    cursor.step_val();
    CHECK(cursor.status() == SPINE_MISUSE && !cursor.key_valid() && !cursor.val_valid());
    CHECK(no_types.size() == 0 && no_types[0] == nullptr && no_types == no_types);
}

/* Stores and runtimes, with all that empty ones are asked in no other test. */
static void
empty_places_refuse()
{
    using map = spine_cpp::map<uint64_t, uint64_t>;
    const auto runtime = open_manual();
    const spine_cpp::runtime no_runtime;
    auto store = spine_cpp::store::open(spine_cpp::backend::memory());
    spine_cpp::store nowhere;
    spine_cpp::restored nothing;
    const auto on_done = [](const spine_cpp::result<spine_checkpoint_info> &) {};

    CHECK_REFUSED(SPINE_MISUSE, no_runtime.prometheus(),
                  no_runtime.prometheus(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, no_runtime.json(), no_runtime.json(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, nowhere.stats(), nowhere.stats(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, nowhere.checkpoint({}),
                  nowhere.checkpoint(std::nothrow, {}));
    CHECK_REFUSED(SPINE_MISUSE, (nowhere.start_checkpoint(runtime, {}, on_done), 0),
                  nowhere.start_checkpoint(std::nothrow, runtime, {}, on_done));
    CHECK_REFUSED(SPINE_MISUSE, nowhere.restore(runtime),
                  nowhere.restore(std::nothrow, runtime));
    CHECK_REFUSED(SPINE_MISUSE, nowhere.checkpoints(), nowhere.checkpoints(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (nowhere.remove_checkpoint(1), 0),
                  nowhere.remove_checkpoint(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, nowhere.sweep(), nowhere.sweep(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, nothing.item(0), nothing.item(std::nothrow, 0));
    CHECK_REFUSED(SPINE_MISUSE, (nothing.take<uint64_t, uint64_t>("a")),
                  (nothing.take<uint64_t, uint64_t>(std::nothrow, "a")));
    CHECK_REFUSED(SPINE_INVALID, (store.start_checkpoint(no_runtime, {}, on_done), 0),
                  store.start_checkpoint(std::nothrow, no_runtime, {}, on_done));
    CHECK_REFUSED(SPINE_INVALID, map::open(no_runtime, map::cut_type()),
                  map::open(std::nothrow, no_runtime, map::cut_type()));
    int faults = 0;
    auto on_operation = [&faults](auto &&...) { faults++; };
    CHECK_REFUSED(
        SPINE_INVALID, spine_cpp::backend::faulty(spine_cpp::backend(), on_operation),
        spine_cpp::backend::faulty(std::nothrow, spine_cpp::backend(), on_operation));
    CHECK_REFUSED(SPINE_INVALID,
                  (spine_cpp::crash(spine_backend{}, SPINE_CRASH_LOSES_ALL), 0),
                  spine_cpp::crash(std::nothrow, spine_backend{}, SPINE_CRASH_LOSES_ALL));
    spine_cpp::trace_writer writer;
    CHECK(writer.trace().on_event == nullptr && writer.close(std::nothrow));
}

static void
empty_maps_refuse()
{
    using map = spine_cpp::map<uint64_t, uint64_t>;
    map::batcher rows;
    const auto batch = rows.seal();
    const auto nothing = [](enum spine_status) {};
    map empty;

    CHECK_REFUSED(SPINE_MISUSE, (empty.insert(batch), 0),
                  empty.insert(std::nothrow, batch));
    CHECK_REFUSED(SPINE_MISUSE, empty.try_insert(batch),
                  empty.try_insert(std::nothrow, batch));
    CHECK_REFUSED(SPINE_MISUSE, empty.insert_wait(), empty.insert_wait(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, empty.wait_idle(), empty.wait_idle(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (empty.status().value(), 0), empty.status());
    CHECK_REFUSED(SPINE_MISUSE, (empty.check(), 0), empty.check(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (empty.retry(), 0), empty.retry(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, empty.is_dirty(), empty.is_dirty(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (empty.clear_dirty(), 0),
                  empty.clear_dirty(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (empty.set_frontier(1), 0),
                  empty.set_frontier(std::nothrow, 1));
    CHECK_REFUSED(SPINE_MISUSE, (empty.pause(), 0), empty.pause(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (empty.resume(), 0), empty.resume(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, empty.consolidate(), empty.consolidate(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, empty.fork(), empty.fork(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, empty.stats(), empty.stats(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, empty.snapshot(), empty.snapshot(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, empty.cursor(), empty.cursor(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, empty.cut(), empty.cut(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, empty.clear_dirty(map::cut_type()),
                  empty.clear_dirty(std::nothrow, map::cut_type()));
    CHECK_REFUSED(SPINE_MISUSE, (empty.compact(), 0), empty.compact(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (empty.compact(nothing), 0),
                  empty.compact(std::nothrow, nothing));
    CHECK_REFUSED(SPINE_MISUSE, (empty.retain_all_keys(), 0),
                  empty.retain_all_keys(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (empty.retain_all_values(), 0),
                  empty.retain_all_values(std::nothrow));
    CHECK_REFUSED(SPINE_MISUSE, (empty.retain_top(1), 0),
                  empty.retain_bottom(std::nothrow, 1));
    CHECK(empty.schema() == nullptr);
}

int
main()
{
    reads_need_a_position<uint64_t, uint64_t>();
    reads_need_a_position<int32_t, uint32_t>();
    reads_need_a_position<int64_t, double>();
    reads_need_a_position<uint64_t, std::string>();
    reads_need_a_position<std::string, std::string>();
    reads_need_a_position<array, long_array>();
    reads_need_a_position<key_tuple, value_tuple>();
    reads_need_a_position<uint64_t, uint64_t, SPINE_TIME_U64>();
    moves_need_a_position();
    iterators_end();
    results_are_asked_in_vain();
    empty_handles_refuse();
    more_empty_handles_refuse();
    empty_arguments_are_refused();
    empty_places_refuse();
    empty_maps_refuse();
    misuse_aborts_without_exceptions();
    CHECK(spine_allocated_bytes() == 0);
    return 0;
}
