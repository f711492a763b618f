#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     perf_test.sh PROGRAM COMPILER INSTRUCTIONS [--record]
#
# Counts the instructions of every kernel that PROGRAM (perf_kernels) knows, and compares
# them with those in the file INSTRUCTIONS: more than 5 % more are a failure. Instructions
# are no seconds, but they are the same on a busy machine.
#
# A line of the file: machine and compiler, kernel, instructions. Where nothing was
# recorded for this machine and compiler, or valgrind is absent: 77, skipped. --record
# writes what was counted into the file, in place of what it had for the same ones.

set -eu
program=$1
compiler=$2
file=$3
record=${4:-}
growth_max=5

# Compilers of the same version make the same instructions; memcpy and its like choose
# theirs by what the processor can.
features=
for feature in sse4_2 avx avx2 bmi2; do
    if grep -qw "$feature" /proc/cpuinfo 2>/dev/null; then
        features=$features+$feature
    fi
done
here=$(uname -m)$features/$compiler

if ! command -v valgrind >/dev/null 2>&1; then
    echo "skipped: valgrind is not here (Debian's package valgrind)"
    exit 77
fi
if [ -z "$record" ] && ! grep -q "^$here " "$file"; then
    echo "skipped: nothing was recorded for $here"
    echo "cmake --build BUILD --target perf_record records it in $file"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The instructions of kernel $1.
count() {
    valgrind --tool=callgrind --toggle-collect=perf_counted \
        --callgrind-out-file="$work/out" "$program" "$1" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        return 1
    }
    sed -n 's/^totals: //p' "$work/out"
}

for kernel in $("$program"); do
    counted=$(count "$kernel")
    [ "${counted:-0}" -gt 0 ] || {
        echo "$kernel: nothing was counted" >&2
        exit 1
    }
    echo "$here $kernel $counted" >>"$work/counts"
done

if [ -n "$record" ]; then
    grep -v "^$here " "$file" >"$work/others" || true
    cat "$work/others" "$work/counts" >"$file"
    cat "$work/counts"
    echo "recorded in $file"
    exit 0
fi

echo "instructions on $here"
awk -v here="$here" -v most="$growth_max" '
    FNR == 1 { files++ }
    $1 != here { next }
    files == 1 { recorded[$2] = $3; next }
    !($2 in recorded) {
        printf "%-18s %12d  nothing was recorded\n", $2, $3
        bad = 1
        next
    }
    {
        growth = 100 * ($3 / recorded[$2] - 1)
        verdict = growth > most ? "  TOO MANY" : growth < -most ? "  fewer: record it" : ""
        printf "%-18s %12d  recorded %12d  %+6.2f %%%s\n", $2, $3, recorded[$2], growth, verdict
        bad = bad || growth > most
    }
    END { exit bad }
' "$file" "$work/counts" || {
    echo "A kernel takes over $growth_max % more instructions than recorded in $file."
    echo "Where that is wanted: cmake --build BUILD --target perf_record, and say why."
    exit 1
}
