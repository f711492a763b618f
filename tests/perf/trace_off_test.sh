#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     trace_off_test.sh PROGRAM WORK_DIRECTORY
#
# What src/tell.c costs when nobody listens: at most 1 % of the instructions of batches of a
# hundred rows and their merges. With somebody it is more, so the count sees it.

set -eu
program=$1
work=$2

command -v valgrind >/dev/null 2>&1 || {
    echo "skipped: there is no valgrind"
    exit 77
}
rm -rf "$work"
mkdir -p "$work"

# Hundredths of a percent of all instructions that src/tell.c and what it calls have.
share() {
    valgrind --tool=callgrind --callgrind-out-file="$work/out" "$program" "$@" >"$work/log" 2>&1 || {
        cat "$work/log"
        exit 1
    }
    callgrind_annotate --inclusive=yes --threshold=100 "$work/out" | tr -d , | awk '
        /PROGRAM TOTALS/ { all = $1 }
        / tell\.c:| .*\/tell\.c:/ && !/=>/ { told += $1 }
        END { printf "%d\n", (all > 0 ? 10000 * told / all : 10000) }'
}

off=$(share)
on=$(share on)
echo "src/tell.c: $off of 10,000 instructions without a trace, $on with one"
[ "$off" -le 100 ] || exit 1
[ "$on" -gt "$((2 * off + 10))" ] || {
    echo "the count does not see a trace"
    exit 1
}
