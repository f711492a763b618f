#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     reference_test.sh PROGRAM METRICS_DEF WORK_DIRECTORY
#
# Has Prometheus' own parser read what PROGRAM (metrics.c) writes, and check.py compare it
# with the JSON, and look at a trace. The parser is installed in a virtual environment in WORK_DIRECTORY; skipped
# where that cannot be.

set -eu
program=$1
metrics=$2
work=$3
here=$(cd "$(dirname "$0")" && pwd)

skip() {
    echo "skipped: $*"
    exit 77
}

mkdir -p "$work"
"$program" "$work/metrics.txt" "$work/metrics.json" "$work/trace.json"
command -v python3 >/dev/null 2>&1 || skip "there is no python3"
if ! "$work/venv/bin/python" -c 'import prometheus_client' 2>/dev/null; then
    rm -rf "$work/venv"
    python3 -m venv "$work/venv" >"$work/venv.txt" 2>&1 ||
        skip "python3 makes no virtual environments: $(tail -n 1 "$work/venv.txt")"
    "$work/venv/bin/pip" install --quiet --retries 1 --timeout 10 'prometheus-client>=0.20' >"$work/pip.txt" 2>&1 ||
        skip "prometheus-client cannot be installed: $(tail -n 1 "$work/pip.txt")"
fi
"$work/venv/bin/python" "$here/check.py" "$metrics" "$work/metrics.txt" "$work/metrics.json" "$work/trace.json"
