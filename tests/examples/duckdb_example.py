# SPDX-License-Identifier: MIT
"""duckdb_example.py PLUGIN: reads the content of a spine with DuckDB; see the plugin."""

import ctypes
import sys

import duckdb
import pyarrow


def main():
    plugin = ctypes.CDLL(sys.argv[1])
    plugin.duckdb_example_open.restype = ctypes.c_bool
    plugin.duckdb_example_cents.restype = ctypes.c_int64
    # A structure of five pointers, which the reader takes over.
    stream = (ctypes.c_void_p * 5)()
    if not plugin.duckdb_example_open(stream):
        return 1
    orders = pyarrow.RecordBatchReader._import_from_c(ctypes.addressof(stream)).read_all()
    found = duckdb.sql("""
        select customer, cast(sum(cents * weight) as bigint) as cents, sum(weight) as orders
        from orders group by customer order by cents desc""").fetchall()
    wrong = [row for row in found
             if row[1] != plugin.duckdb_example_cents(ctypes.c_uint32(row[0]))]
    for customer, cents, count in found[:3]:
        print(f"customer {customer}: {count} orders, {cents} cents")
    if wrong or len(found) != 100:
        print(f"{len(found)} customers, of which these are wrong: {wrong}")
        return 1
    return 0


sys.exit(main())
