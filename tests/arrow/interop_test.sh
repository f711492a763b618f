#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     interop_test.sh LIBRARY WORK_DIRECTORY
#
# Has pyarrow, and DuckDB and Polars where they can be had, exchange tables with LIBRARY by
# the C interfaces of Arrow: check.py. They are installed in a virtual environment in
# WORK_DIRECTORY; skipped where that cannot be.

set -eu
library=$1
work=$2
here=$(cd "$(dirname "$0")" && pwd)
python=$work/venv/bin/python

skip() {
    echo "skipped: $*"
    exit 77
}

# install PACKAGE...
install() {
    "$work/venv/bin/pip" install --quiet --retries 1 --timeout 10 --only-binary :all: "$@" >"$work/pip.txt" 2>&1
}

mkdir -p "$work"
command -v python3 >/dev/null 2>&1 || skip "there is no python3"
if ! "$python" -c 'import pyarrow' 2>/dev/null; then
    rm -rf "$work/venv"
    python3 -m venv "$work/venv" >"$work/venv.txt" 2>&1 ||
        skip "python3 makes no virtual environments: $(tail -n 1 "$work/venv.txt")"
    install 'pyarrow>=16' || skip "pyarrow cannot be installed: $(tail -n 1 "$work/pip.txt")"
fi
for other in duckdb polars; do
    "$python" -c "import $other" 2>/dev/null || install "$other" ||
        echo "skipped: $other cannot be installed: $(tail -n 1 "$work/pip.txt")"
done
PYTHONDONTWRITEBYTECODE=1 "$python" "$here/check.py" "$library"
