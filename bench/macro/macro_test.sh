#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     macro_test.sh BENCH_MACRO BENCH_REPORT
#
# Every workload on every engine that was built, on few rows: all answers must be right,
# and the reports must be able to read what comes out.

set -eu
macro=$1
report=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/files" "$work/plots"

"$macro" --n 1e5 --samples 1 --seed 7 --files "$work/files" --results "$work/r" >"$work/log"

# Of every workload, a figure of spine.
for name in ingest ascending churn upsert join scan scan.64 merge.32 point groups.huge latency.80 \
    window window.retain bytes timed fleet growth; do
    grep -q "\"workload\":\"$name\",\"engine\":\"spine\"" "$work/r" || {
        echo "no figure of spine in $name"
        exit 1
    }
done
"$report" table "$work/r" | grep -q '^ingest: '
"$report" compare "$work/r" "$work/r" | grep -q ' within the noise'
"$report" plot "$work/r" "$work/plots"
for metric in settled_rows_per_s scan_rows_per_s join_rows_per_s runs_per_probe \
    write_amplification; do
    [ -s "$work/plots/growth-$metric.gp" ]
done
# Not all of the bar is reached with so few rows, but every line of it must be there.
"$report" bar "$work/r" >"$work/bar" || [ $? -eq 1 ]
grep -q '^ingest .*of the goal' "$work/bar"

# What is wrong must not pass.
if "$report" bar /dev/null 2>/dev/null || "$macro" --only nothing --files "$work/files" \
    >/dev/null 2>&1; then
    echo "an error went unnoticed"
    exit 1
fi
