#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     duckdb_example_test.sh PLUGIN PYTHON
#
# Runs the example by the Python of a virtual environment that arrow/interop_test has made;
# skipped where that has no DuckDB.

set -eu
plugin=$1
python=$2
here=$(cd "$(dirname "$0")" && pwd)

"$python" -c 'import duckdb, pyarrow' 2>/dev/null || {
    echo "skipped: $python has no duckdb, which arrow/interop_test installs"
    exit 77
}
PYTHONDONTWRITEBYTECODE=1 "$python" "$here/duckdb_example.py" "$plugin"
