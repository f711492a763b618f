/* SPDX-License-Identifier: MIT */

/*
 * What spine.hpp has beside rows: retention, compaction, backends, traces, Arrow, tuples
 * whose types are known at run time, and the library as a whole.
 */

#include "check.hpp"

#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

using numbers = spine_cpp::map<uint64_t, uint64_t>;

/* Keys 0 to 9 with values 0 to 4 each. */
static numbers::batch
fifty_rows()
{
    numbers::batcher rows;

    for (uint64_t i = 0; i < 50; i++)
        rows.add(i / 5, i % 5);
    return rows.seal();
}

static uint64_t
rows_of(const numbers &map)
{
    uint64_t rows = 0;

    for (const auto &row : map.cursor())
        rows += row.weight == 1 ? 1u : 0u;
    return rows;
}

static void
filters_drop_rows()
{
    auto runtime = open_manual();
    auto map = numbers::open(runtime);
    uint64_t watermark = 3;

    map.insert(fifty_rows());
    map.retain_keys([watermark](uint64_t key) { return key >= watermark; }, "watermark");
    (void)map.consolidate();
    CHECK(rows_of(map) == 35);
    CHECK(std::string(map.stats().key_filter) == "watermark");
    map.retain_all_keys();
    map.retain_top(2);
    map.insert(fifty_rows().share());
    (void)map.consolidate();
    std::map<uint64_t, uint64_t> least;
    for (const auto &[key, value, weight] : map.cursor())
        if (weight > 0 && least.emplace(key, value).second)
            CHECK(value == 3);
    map.retain_bottom(1, "least");
    (void)map.consolidate();
    CHECK(rows_of(map) <= 20);
    map.retain_values(
        [](uint64_t key, uint64_t value) { return key == 0 && value == 3; });
    (void)map.consolidate();
    map.retain_last(1, [](uint64_t, uint64_t value) { return value >= 4; });
    map.retain_all_values();
    CHECK(std::string(map.stats().value_filter).empty());
    CHECK_THROWS(SPINE_MISUSE, (numbers().retain_keys([](uint64_t) { return true; }), 0));
}

static void
compactions_are_told()
{
    auto runtime = open_manual();
    auto map = numbers::open(runtime);
    std::vector<enum spine_status> told;

    map.insert(fifty_rows());
    map.insert(fifty_rows());
    map.compact([&told](enum spine_status status) { told.push_back(status); });
    map.compact();
    while (runtime.run(1000) > 0)
        continue;
    CHECK(told == std::vector<enum spine_status>{SPINE_OK});
    CHECK(map.snapshot().batch_count() == 1);
    map.compact([&told](enum spine_status status) { told.push_back(status); });
    map.reset();
    CHECK(told.size() == 2);
}

static void
backends_with_faults()
{
    bool fails = false;
    auto ask = [&fails](enum spine_operation operation, const char *, uint64_t,
                        std::size_t, spine_fault &fault) {
        if (fails && operation == SPINE_OPERATION_PUT_NEW)
            fault.status = SPINE_IO;
    };
    auto memory = spine_cpp::backend::memory();
    const spine_backend raw = memory.get();
    auto store =
        spine_cpp::store::open(spine_cpp::backend::faulty(std::move(memory), ask));
    auto runtime = open_manual();
    auto map = numbers::open(runtime);
    bool told = false;

    CHECK(!memory.get().release);
    map.insert(fifty_rows());
    fails = true;
    CHECK_THROWS(SPINE_IO, store.checkpoint({{"numbers", map}}));
    fails = false;
    store.start_checkpoint(runtime, {{"numbers", map}},
                           [&told](const spine_cpp::result<spine_checkpoint_info> &how) {
                               told = how && how.value().rows == 50;
                           });
    (void)runtime.run(1000);
    CHECK(told);
    spine_cpp::crash(raw, SPINE_CRASH_LOSES_ALL);
    CHECK(rows_of(store.restore(runtime).take<spine_cpp::map<uint64_t, uint64_t>>(
              "numbers")) == 50);
    CHECK(!spine_cpp::is_durable(raw, "nothing"));
    CHECK(spine_cpp::is_object_name("a.b") && !spine_cpp::is_object_name("a/b"));
    CHECK_THROWS(SPINE_INVALID, spine_cpp::store::open(spine_cpp::backend()));
}

static void
events_are_told()
{
    std::atomic<unsigned> inserts{0};
    auto count = [&inserts](const spine_event &event) {
        inserts += event.kind == SPINE_EVENT_INSERT ? 1u : 0u;
    };
    auto say = [](enum spine_log_level, std::string_view) {};
    const spine_trace trace = spine_cpp::trace_to(count);
    const spine_log log = spine_cpp::log_to(say);
    {
        auto runtime = open_manual(&trace, &log);
        auto map = numbers::open(runtime);
        map.insert(fifty_rows());
    }
    CHECK(inserts == 1);

    std::string text;
    auto writer =
        spine_cpp::trace_writer::open([&text](std::string_view piece) { text += piece; });
    const spine_trace to_text = writer.trace();
    {
        auto runtime = open_manual(&to_text);
        auto map = numbers::open(runtime);
        map.insert(fifty_rows());
    }
    writer.close();
    CHECK(text.front() == '[' || text.front() == '{');
    auto refused =
        spine_cpp::trace_writer::open([](std::string_view) { throw std::bad_alloc(); });
    CHECK(refused);
    CHECK_THROWS(SPINE_IO, (refused.close(), 0));
}

static void
records_go_out_and_come_in()
{
    using words = spine_cpp::map<uint64_t, std::string>;
    const auto mapping =
        spine_cpp::arrow_mapping::of<spine_cpp::map<uint64_t, std::string>>();
    auto runtime = open_manual();
    auto map = words::open(runtime);
    words::batcher rows;
    std::string seen;

    rows.add(1, "ada", 2);
    rows.add(2, "bob");
    map.insert(rows.seal());
    CHECK(mapping.records() && mapping.records().get()->n_children == 3);
    CHECK(mapping.schema()->key.kind == SPINE_U64);
    auto stream = mapping.stream(map.snapshot());
    spine_cpp::arrow_array records;
    CHECK(stream.get()->get_next(stream.get(), records.get()) == 0 && records);
    const auto batch = mapping.batch<uint64_t, std::string>(*records.get());
    for (const auto &[key, value, weight] : batch.cursor())
        seen += std::to_string(key) + std::string(value) + std::to_string(weight);
    CHECK(seen == "1ada2"
                  "2bob1");
    CHECK_THROWS(SPINE_INVALID, (mapping.batch<uint64_t, uint64_t>(*records.get())));
    auto cursor = map.cursor();
    cursor.step_key();
    auto rest = mapping.stream(std::move(cursor));
    spine_cpp::arrow_array last;
    CHECK(rest.get()->get_next(rest.get(), last.get()) == 0 && last.get()->length == 1);
    /* The records' first column, as the keys of a probe. */
    ArrowArray keys = *records.get();
    keys.n_children = 1;
    auto found = mapping.look_up(map.snapshot(), keys);
    spine_cpp::arrow_array both;
    CHECK(found.get()->get_next(found.get(), both.get()) == 0);
    CHECK(both.get()->length == 2);
}

static void
tuples_of_any_type()
{
    std::vector<spine_column> inner(2), columns(4);
    inner[0].kind = SPINE_COLUMN_I8;
    inner[1].kind = SPINE_COLUMN_F32;
    const auto pair = spine_cpp::column_types::open(inner);
    columns[0].kind = SPINE_COLUMN_U64;
    columns[1].kind = SPINE_COLUMN_STRING;
    columns[1].order = SPINE_DESCENDING;
    columns[2].kind = SPINE_COLUMN_F64;
    columns[2].nullable = true;
    columns[3].kind = SPINE_COLUMN_TUPLE;
    columns[3].tuple = pair.get();
    const auto types = spine_cpp::column_types::open(columns);
    spine_cpp::tuple_writer writer(types);
    spine_cpp::tuple_reader reader(types);

    writer.put(5u).put("hi").put_null().begin().put(-1).put(0.5f).end();
    auto read = reader.read(writer.finish());
    CHECK(read.size() == 4 && read[0].as.u64 == 5 && read[2].is_null);
    CHECK(spine_cpp::text_of(read[1]) == "hi" && spine_cpp::text_of(read[2]).empty());
    CHECK(read[3].as.columns[0].as.i64 == -1 && read[3].as.columns[1].as.f32 == 0.5f);
    writer.put(5u).put_bytes({"x", 1}).put(0.25);
    CHECK_THROWS(SPINE_MISUSE, writer.finish());
    CHECK_THROWS(SPINE_INVALID, writer.put(true).finish());
    CHECK_THROWS(SPINE_MISUSE, writer.put(5u).clear().finish());
    CHECK_THROWS(SPINE_CORRUPT, reader.read(spine_data("abc", 3)));
    /* The bytes of a std::tuple. */
    using row = std::tuple<uint64_t, spine_cpp::descending<std::string>,
                           std::optional<double>, std::tuple<int8_t, float>>;
    spine_cpp::codec<row>::encoder memory;
    spine_error error;
    union spine_datum cell;
    CHECK(spine_cpp::codec<row>::encode(row{7, std::string("ada"), 0.5, {1, 2.0f}},
                                        memory, &cell, &error) == SPINE_OK);
    writer.put(7u).put("ada").put(0.5).begin().put(1).put(2.0f).end();
    const auto same = writer.finish();
    CHECK(same.bytes.size == cell.bytes.size &&
          std::memcmp(same.bytes.data, cell.bytes.data, cell.bytes.size) == 0);
    auto moved = std::move(writer);
    CHECK_THROWS(SPINE_MISUSE, writer.finish());
    auto moved_reader = std::move(reader);
    CHECK_THROWS(SPINE_MISUSE, reader.read(cell));
    CHECK(moved_reader.read(cell)[0].as.u64 == 7);
}

static void
columns_of_any_type()
{
    using orders = spine_cpp::map<std::tuple<uint32_t, int16_t>, std::tuple<double>>;
    std::vector<spine_column> columns(2);
    columns[0].kind = SPINE_COLUMN_U32;
    columns[1].kind = SPINE_COLUMN_I16;
    const auto types = spine_cpp::column_types::open(columns);
    CHECK(types.size() == 2 && types[1]->kind == SPINE_COLUMN_I16 && !types[2]);
    CHECK(types.cell().kind == SPINE_U64 && types == spine_cpp::column_types(types));
    CHECK(types != spine_cpp::column_types());

    const uint32_t customers[] = {7, 8};
    const int16_t days[] = {-1, 2};
    const double prices[] = {0.5, 1.5};
    const spine_column_data keys[] = {{customers, nullptr, nullptr, 0, nullptr},
                                      {days, nullptr, nullptr, 0, nullptr}};
    const spine_column_data values[] = {{prices, nullptr, nullptr, 0, nullptr}};
    spine_tuple_rows rows = {};
    rows.rows = 2;
    rows.keys = keys;
    rows.values = values;
    const auto batch = orders::batch::from_tuples(rows);
    orders::batcher batcher;
    batcher.add_tuples(rows);
    CHECK(batcher.seal().info().rows == 2);
    batch.check();
    auto cursor = batch.cursor();
    CHECK(cursor.key() == (std::tuple<uint32_t, int16_t>{7, -1}));

    spine_cpp::tuple_page page;
    const auto read = page.read(cursor);
    CHECK(read.rows == 2 && static_cast<const int16_t *>(read.keys[1].values)[0] == -1);
    CHECK(page.read(cursor).rows == 0);
    const auto cells = page.encode(*batch.schema(), rows);
    CHECK(cells.rows == 2);
    CHECK(types.datum(cells.keys, cells.key_offsets, 1).u64 ==
          (uint64_t{8} << 16 | 0x8002));
    CHECK(page.decode(*batch.schema(), cells).rows == 2);
    const auto bounds = page.prefix_bounds(types, keys, 1);
    CHECK(bounds.has_upper && bounds.upper.u64 - bounds.lower.u64 == 0x10000);
    const auto ranges = page.prefix_ranges(types, {2, 1, keys});
    CHECK(ranges.ranges == 2 && !ranges.last_is_open &&
          static_cast<const uint64_t *>(ranges.lower)[0] == bounds.lower.u64);
}

static void
ranges_are_parts()
{
    using texts = spine_cpp::map<std::string, uint64_t>;
    auto runtime = open_manual();
    const auto batch = fifty_rows();
    texts::batcher rows;

    CHECK(batch.between(3, 5).info().rows == 10);
    CHECK(batch.from(9).info().rows == 5);
    CHECK(batch.before(1).info().rows == 5);
    CHECK(batch.before(100).get() == batch.get());
    auto map = numbers::open(runtime);
    map.insert(batch.share());
    const auto low = map.cut().before(4);
    CHECK(rows_of(numbers::open(runtime, low)) == 20);
    CHECK_THROWS(SPINE_MISUSE, numbers::batch().from(1));
    for (const char *text : {"a", "b", "c"})
        rows.add(text, 1);
    CHECK(rows.seal().between("b", "c").info().rows == 1);
}

static void
the_library()
{
    spine_schema schema = {};

    CHECK(spine_cpp::version() == SPINE_VERSION_STRING);
    CHECK(spine_cpp::name_of(SPINE_NOMEM) == "SPINE_NOMEM");
    schema.weight_count = 9;
    CHECK_THROWS(SPINE_INVALID, (spine_cpp::check_schema(schema), 0));
    auto runtime = open_manual();
    CHECK(spine_cpp::allocated_bytes() > 0);
    spine_allocator allocator = {};
    CHECK_THROWS(SPINE_INVALID, (spine_cpp::set_allocator(allocator), 0));
}

int
main()
{
    filters_drop_rows();
    compactions_are_told();
    backends_with_faults();
    events_are_told();
    records_go_out_and_come_in();
    tuples_of_any_type();
    columns_of_any_type();
    ranges_are_parts();
    the_library();
    CHECK(count_without_exceptions() == 10);
    return 0;
}
