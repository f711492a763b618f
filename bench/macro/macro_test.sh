#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     macro_test.sh BENCH_MACRO BENCH_REPORT MICRO_POLICY
#
# Every workload on every engine that was built, on few rows: all answers must be right,
# and the reports must be able to read what comes out.

set -eu
macro=$1
report=$2
policy_simulation=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/files" "$work/plots"

"$macro" --n 1e5 --samples 1 --seed 7 --files "$work/files" --results "$work/r" >"$work/log"

# Of every workload, a figure of spine.
for name in ingest ascending churn upsert join scan scan.64 merge.32 point point.zipf groups.huge latency.80 \
    window window.retain queue bytes columns.fixed columns.strings columns.arrow timed fleet growth \
    checkpoint checkpoint.more checkpoint.many checkpoint.restore checkpoint.during checkpoint.churn; do
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
# Policies side by side, and their growth; a simulation that is not there is an error.
for policy in decades decades-due; do
    "$macro" --only growth,join.50,window --peers none --n 1e5 --samples 1 --policy $policy \
        --files "$work/files" --results "$work/$policy.jsonl" >"$work/log"
done
"$report" policies "$work/decades.jsonl" "$work/decades-due.jsonl" >"$work/tables"
grep -q '^### `join`$' "$work/tables"
grep -q '^| 100 k | `decades-due`.*[0-9] |' "$work/tables"
if grep -q 'join\.100' "$work/decades.jsonl"; then
    echo "join.50 asks for join.100, too"
    exit 1
fi
"$policy_simulation" 1e5 "$work/simulation.jsonl" >"$work/log"
"$report" curves "$work/plots" "$work/simulation.jsonl" "$work/decades.jsonl" "$work/decades-due.jsonl"
for plot in growth written batches; do
    [ -s "$work/plots/$plot.gp" ]
done
# A figure of two runs is between them.
for median in 10 20; do
    printf '{"workload":"ingest","engine":"spine","metric":"rows_per_s","unit":"rows/s",'
    printf '"n":100000,"median":%s,"min":9,"max":21,"samples":1}\n' $median
done >"$work/two"
"$report" policies "$work/two" | grep -q '| 15.0 (9.00 to 21.0) |'
# Not all of the bar is reached with so few rows, but every line of it must be there.
"$report" bar "$work/r" >"$work/bar" || [ $? -eq 1 ]
grep -q '^spine  *ingest .*of the goal' "$work/bar"

# What is wrong must not pass.
must_fail() {
    if "$@" >/dev/null 2>"$work/message" || ! grep -q '^error: ' "$work/message"; then
        echo "an error went unnoticed: $*"
        exit 1
    fi
}
must_fail "$report" bar /dev/null
must_fail "$report" curves "$work/plots" "$work/decades.jsonl" "$work/decades-due.jsonl"
for wrong in '--only nothing' '--only ,' '--only ingest.50' '--only join.51' '--peers nobody' \
    '--n 1' '--n many' '--samples 0' '--seed -1' '--policy threes' '--policy decades-dues' '--colour red' '--n'; do
    # shellcheck disable=SC2086
    must_fail "$macro" --files "$work/files" --results "$work/r" $wrong
done
