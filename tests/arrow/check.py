# SPDX-License-Identifier: MIT
"""
    check.py LIBRARY

Tables of pyarrow go into batches of LIBRARY, and come out of snapshots and probes as
streams that pyarrow reads and validates in full: every kind of column, nulls, slices,
sums of weights, early releases, failures. Then the same with DuckDB and Polars, where
they are installed. Nothing is left allocated at the end.
"""

import ctypes
import datetime
import decimal
import gc
import random
import sys

import pyarrow as pa
import pyarrow.compute as pc

from spine_arrow import ArrowArray, ArrowArrayStream, ArrowSchema, Spine, SpineError
from spine_arrow import capsule_pointer, release

NULLS = 0.2
RECORD_ROWS_MAX = 65536


def columns(rng, rows):
    """One of every kind, as (type, values)."""

    def integer(bits, signed):
        low = -(1 << bits - 1) if signed else 0
        return lambda: rng.choice([low, low + (1 << bits) - 1, 0, rng.randrange(low, low + (1 << bits))])

    def text():
        return rng.choice(["", "ä\0b", "x" * rng.randrange(40), str(rng.random())])

    def data():
        return rng.randbytes(rng.choice([0, 1, 12, 13, 30]))

    def number():
        return rng.choice([0.0, 1.5, -1e30, float("inf"), rng.random()])

    def amount():
        return decimal.Decimal(rng.randrange(-10**30, 10**30)).scaleb(-7)

    kinds = [(pa.bool_(), lambda: rng.random() < 0.5)]
    for bits in 8, 16, 32, 64:
        kinds.append((getattr(pa, f"int{bits}")(), integer(bits, True)))
        kinds.append((getattr(pa, f"uint{bits}")(), integer(bits, False)))
    kinds += [
        (pa.float32(), lambda: float(rng.randrange(-1000, 1000)) / 8), (pa.float64(), number),
        (pa.date32(), lambda: datetime.date(1900 + rng.randrange(200), 1, 1)),
        (pa.time32("s"), lambda: rng.randrange(86400)),
        (pa.time32("ms"), lambda: rng.randrange(86400000)),
        (pa.time64("us"), lambda: rng.randrange(86400 * 10**6)),
        (pa.time64("ns"), lambda: rng.randrange(86400 * 10**9)),
        (pa.timestamp("s"), integer(40, True)), (pa.timestamp("ms", "UTC"), integer(50, True)),
        (pa.timestamp("us", "+01:30"), integer(60, True)),
        (pa.timestamp("ns", "Europe/Rome"), integer(64, True)),
        (pa.decimal128(37, 7), amount), (pa.binary(5), lambda: rng.randbytes(5)),
        (pa.string(), text), (pa.large_string(), text), (pa.string_view(), text),
        (pa.binary(), data), (pa.large_binary(), data), (pa.binary_view(), data),
        (pa.struct([("a", pa.int16()), ("b", pa.string()), ("c", pa.bool_())]),
         lambda: {"a": rng.randrange(100), "b": rng.choice([text(), None]), "c": True}),
    ]
    for kind, draw in kinds:
        yield pa.array([None if rng.random() < NULLS else draw() for _ in range(rows)], kind)
    words = pa.array(["one", None, "three", ""])
    indexes = [rng.choice([0, 1, 2, 3, None]) for _ in range(rows)]
    yield pa.DictionaryArray.from_arrays(pa.array(indexes, pa.int8()), words)
    yield pa.DictionaryArray.from_arrays(pa.array(indexes, pa.uint32()), pa.array([1, 2, 3, 4]))


def as_it_comes_out(array):
    """Views and dictionaries come out as what they stand for."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return array.cast(kind.value_type)
    if kind == pa.string_view():
        return array.cast(pa.string())
    if kind == pa.binary_view():
        return array.cast(pa.binary())
    return array


def plain(array):
    """As a list; of times their numbers, which may be beyond those of Python."""
    if pa.types.is_timestamp(array.type) or pa.types.is_time64(array.type):
        array = array.cast(pa.int64())
    return array.to_pylist()


def mapping_of(spine, schema, **roles):
    structure = ArrowSchema()
    schema._export_to_c(ctypes.addressof(structure))
    try:
        return spine.mapping(ctypes.addressof(structure), **roles)
    finally:
        # It is as it was.
        assert pa.Schema._import_from_c(ctypes.addressof(structure)).equals(schema)


def batch_of(spine, mapping, records):
    structure = ArrowArray()
    records._export_to_c(ctypes.addressof(structure))
    try:
        return spine.batch(mapping, ctypes.addressof(structure))
    finally:
        assert pa.RecordBatch._import_from_c(ctypes.addressof(structure), records.schema).equals(records)


def reader_of(stream):
    return pa.RecordBatchReader._import_from_c(stream.address())


def read(stream):
    table = reader_of(stream).read_all()
    table.validate(full=True)
    return table


def every_kind(spine, rng, rows):
    """Rows by an id, in no order; and the same the other way round, each column a key."""
    ids = list(range(rows))
    rng.shuffle(ids)
    arrays = [pa.array(ids, pa.uint32())] + list(columns(rng, rows))
    labels = ["id"] + [f"c{i}" for i in range(len(arrays) - 1)]
    whole = pa.RecordBatch.from_arrays(arrays, labels)
    begin = rng.randrange(rows // 2 + 1)
    for records in whole, whole.slice(begin, rng.randrange(rows - begin + 1)), whole.slice(3, 0):
        wanted = pa.table([as_it_comes_out(a) for a in records.columns], labels).sort_by("id")
        mapping = mapping_of(spine, records.schema, keys=["id"])
        snapshot = spine.snapshot(mapping, [batch_of(spine, mapping, records)])
        table = read(spine.stream(snapshot, mapping))
        assert table.column("weight").to_pylist() == [1] * len(records)
        assert table.schema.equals(wanted.schema.append(pa.field("weight", pa.int64(), False)))
        for label in labels:
            assert table.column(label).equals(wanted.column(label)), (label, table.column(label))
        spine.snapshot_free(snapshot)
        spine.mapping_free(mapping)
    for label in labels[1:]:
        mapping = mapping_of(spine, whole.schema, keys=[label, "id"])
        snapshot = spine.snapshot(mapping, [batch_of(spine, mapping, whole)])
        table = read(spine.stream(snapshot, mapping))
        wanted = as_it_comes_out(whole.column("id"))
        assert sorted(table.column("id").to_pylist()) == sorted(wanted.to_pylist())
        values = dict(zip(whole.column("id").to_pylist(),
                          plain(as_it_comes_out(whole.column(label)))))
        keys = plain(table.column(label))
        assert keys == [values[i] for i in table.column("id").to_pylist()], label
        assert keys[:keys.count(None)] == [None] * keys.count(None), label
        if isinstance(next((k for k in keys if k is not None), None), (int, float, datetime.date)):
            there = keys[keys.count(None):]
            assert there == sorted(there), label
        spine.snapshot_free(snapshot)
        spine.mapping_free(mapping)


def sums(spine, rng):
    """Weights of equal rows, in several batches, are what a group-by says."""
    rows = 20000
    parts = []
    schema = pa.schema([("w", pa.int64()), ("k", pa.string()), ("v", pa.int32()), ("t", pa.uint64())])
    mapping = mapping_of(spine, schema, keys=["k"], weights=["w"], time="t")
    for _ in range(4):
        parts.append(pa.RecordBatch.from_arrays([
            pa.array([rng.choice([-1, 1]) for _ in range(rows)], pa.int64()),
            pa.array([rng.choice(["a", "b", None, "cc"]) for _ in range(rows)]),
            pa.array([rng.randrange(2000) for _ in range(rows)], pa.int32()),
            pa.array([rng.randrange(3) for _ in range(rows)], pa.uint64())], schema=schema))
    snapshot = spine.snapshot(mapping, [batch_of(spine, mapping, part) for part in parts])
    table = read(spine.stream(snapshot, mapping))
    wanted = pa.Table.from_batches(parts).group_by(["k", "v", "t"]).aggregate([("w", "sum")])
    wanted = wanted.filter(pc.not_equal(wanted.column("w_sum"), 0))
    wanted = wanted.rename_columns([{"w_sum": "w"}.get(n, n) for n in wanted.column_names])
    order = [("k", "ascending"), ("v", "ascending"), ("t", "ascending")]
    table, wanted = (t.select(["w", "k", "v", "t"]).sort_by(order) for t in (table, wanted))
    assert table.schema.equals(schema.set(0, table.schema.field(0)).set(3, table.schema.field(3)))
    assert table.to_pydict() == wanted.to_pydict()

    # The same keys, in no order and some absent, by a probe.
    keys = pa.RecordBatch.from_arrays([pa.array(["cc", "none", None, "cc"])], ["k"])
    structure = ArrowArray()
    keys._export_to_c(ctypes.addressof(structure))
    found = read(spine.probe(snapshot, mapping, ctypes.addressof(structure)))
    release(structure)
    chosen = wanted.filter(pc.is_in(wanted.column("k"), pa.array(["cc", None])))
    assert found.select(["w", "k", "v", "t"]).sort_by(order).to_pydict() == chosen.to_pydict()
    spine.snapshot_free(snapshot)
    spine.mapping_free(mapping)


def many_rows(spine):
    """Pieces; one that outlives its reader; a reader that nobody reads to its end."""
    rows = 3 * RECORD_ROWS_MAX + 1
    records = pa.RecordBatch.from_arrays([pa.array(range(rows), pa.int64())], ["k"])
    mapping = mapping_of(spine, records.schema, keys=["k"])
    snapshot = spine.snapshot(mapping, [batch_of(spine, mapping, records)])
    reader = reader_of(spine.stream(snapshot, mapping))
    sizes = [len(piece) for piece in reader]
    assert sizes == 3 * [RECORD_ROWS_MAX] + [1], sizes
    reader = reader_of(spine.stream(snapshot, mapping))
    pieces = [reader.read_next_batch(), reader.read_next_batch()]
    spine.snapshot_free(snapshot)
    spine.mapping_free(mapping)
    del reader
    gc.collect()
    column = pieces[1].column(0)
    del pieces
    gc.collect()
    assert column.equals(pa.array(range(RECORD_ROWS_MAX, 2 * RECORD_ROWS_MAX), pa.int64()))


def failures(spine):
    for kind in pa.list_(pa.int8()), pa.float16(), pa.null(), pa.date64(), pa.duration("s"), pa.decimal256(50, 2):
        try:
            mapping_of(spine, pa.schema([("k", pa.int64()), ("x", kind)]), keys=["k"])
            raise AssertionError(f"{kind} was taken")
        except SpineError as error:
            assert str(error).startswith("column x: format "), error
    schema = pa.schema([pa.field("k", pa.int64(), nullable=False), ("w", pa.int64())])
    mapping = mapping_of(spine, schema, keys=["k"], weights=["w"])
    try:
        batch_of(spine, mapping, pa.RecordBatch.from_arrays([pa.array([1, None]), pa.array([1, 1])], schema=schema))
        raise AssertionError("a null was taken")
    except SpineError as error:
        assert str(error) == "key, column 0 (k): row 1 is null, which it may not be", error
    spine.mapping_free(mapping)
    fails_midway(spine, lambda stream: read(stream), (pa.ArrowException, OSError))


def fails_midway(spine, consume, errors):
    """A stream whose third record has a sum that is too large: its reader is told why."""
    rows = 3 * RECORD_ROWS_MAX
    schema = pa.schema([pa.field("k", pa.int64(), nullable=False), ("w", pa.int64())])
    mapping = mapping_of(spine, schema, keys=["k"], weights=["w"])
    batches = [batch_of(spine, mapping, pa.RecordBatch.from_arrays([pa.array(keys), pa.array([w] * len(keys))], schema=schema))
               for keys, w in ((range(rows), 2**63 - 1), ([rows - 9], 1))]
    snapshot = spine.snapshot(mapping, batches)
    try:
        consume(spine.stream(snapshot, mapping))
        raise AssertionError("a sum was too large, and nobody said so")
    except errors as error:
        assert "int64" in str(error), error
    spine.snapshot_free(snapshot)
    spine.mapping_free(mapping)


def take_stream(spine, capsule, **roles):
    """A snapshot of what somebody's stream gives, and the mapping of it."""
    stream = ctypes.cast(capsule_pointer(capsule, b"arrow_array_stream"),
                         ctypes.POINTER(ArrowArrayStream)).contents
    address = ctypes.addressof(stream)
    schema, batches = ArrowSchema(), []
    assert stream.get_schema(address, ctypes.addressof(schema)) == 0
    mapping = spine.mapping(ctypes.addressof(schema), **roles)
    release(schema)
    while True:
        array = ArrowArray()
        assert stream.get_next(address, ctypes.addressof(array)) == 0, stream.get_last_error(address)
        if not array.release:
            break
        batches.append(spine.batch(mapping, ctypes.addressof(array)))
        release(array)
    return mapping, spine.snapshot(mapping, batches)


def with_polars(spine):
    import polars
    frame = polars.DataFrame({
        "k": range(1000), "s": [f"a string of some length {i}" if i % 7 else None for i in range(1000)],
        "b": [i % 3 == 0 if i % 5 else None for i in range(1000)], "f": [i / 7 for i in range(1000)],
        "d": [datetime.date(2000, 1, 1) + datetime.timedelta(i) for i in range(1000)],
        "t": polars.Series([datetime.datetime(2000, 1, 1) + datetime.timedelta(0, i) for i in range(1000)]).dt.replace_time_zone("Europe/Rome"),
        "a": polars.Series([decimal.Decimal(i) / 8 for i in range(1000)], dtype=polars.Decimal(30, 3)),
        "x": [{"weight": i, "y": "y" * (i % 20) if i % 4 else None} for i in range(1000)],
        "weight": [i % 100 for i in range(1000)],
        "c": polars.Series([["x", "yy", None][i % 3] for i in range(1000)], dtype=polars.Categorical)})
    # Slices have offsets; a frame without rows, no buffers.
    for part in frame, frame.slice(13, 700), frame.slice(999), frame.slice(5, 0):
        mapping, snapshot = take_stream(spine, part.reverse().__arrow_c_stream__(), keys=["k"])
        back = polars.DataFrame(spine.stream(snapshot, mapping))
        # One of its columns is called as the one that is added.
        weight = f"weight_{len(frame.columns)}"
        assert back.drop(weight).equals(part.with_columns(polars.col("c").cast(polars.String)))
        assert back[weight].to_list() == [1] * len(part)
        spine.snapshot_free(snapshot)
        spine.mapping_free(mapping)
    fails_midway(spine, polars.DataFrame, polars.exceptions.PolarsError)


def with_duckdb(spine):
    import duckdb
    query = """select i::integer as k, 'row ' || i as s, i % 2 = 0 as b, (i / 8)::decimal(20, 3) as d,
               date '2000-01-01' + i::integer as day, case when i % 5 = 0 then null else i * 1.5::double end as f,
               timestamptz '2000-01-01 00:00:00+00' + interval (i) minute as t,
               {'x': i, 'y': case when i % 3 = 0 then null else 'y' || i end} as n
               from range(150000) r(i)"""
    connection = duckdb.connect()
    connection.sql("set timezone = 'UTC'")
    relation = connection.sql(query)
    mapping, snapshot = take_stream(spine, relation.__arrow_c_stream__(), keys=["k"])
    stream = spine.stream(snapshot, mapping)
    left = connection.sql(f"select * exclude (weight) from stream except all ({query})").fetchall()
    assert left == [], left[:3]
    stream = spine.stream(snapshot, mapping)
    assert connection.sql("select sum(weight) from stream").fetchall() == [(150000,)]
    # Who has enough releases the stream before its end.
    stream = spine.stream(snapshot, mapping)
    assert len(connection.sql("select k from stream limit 3").fetchall()) == 3
    spine.snapshot_free(snapshot)
    spine.mapping_free(mapping)
    del stream
    fails_midway(spine, lambda stream: connection.sql("select sum(w) from stream").fetchall(), duckdb.Error)


def main():
    spine = Spine(sys.argv[1])
    rng = random.Random(20240229)
    before = spine.allocated()
    for rows in 10, 1000:
        every_kind(spine, rng, rows)
    sums(spine, rng)
    many_rows(spine)
    failures(spine)
    done = [f"pyarrow {pa.__version__}"]
    for name, check in ("polars", with_polars), ("duckdb", with_duckdb):
        try:
            done.append(f"{name} {__import__(name).__version__}")
        except ImportError:
            continue
        check(spine)
    gc.collect()
    assert spine.allocated() == before, (spine.allocated(), before)
    print("tables went in and out: " + ", ".join(done))


main()
