#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     machines.sh SOURCE_DIRECTORY C_COMPILER GENERATOR
#
# Where pointers do not have 64 bits the build stops before it begins, and says why. Of
# x86-64 compilers, which make such programs too; others: 77, skipped.

set -eu
source=$1
compiler=$2
generator=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

if ! echo '#ifndef __x86_64__
#error
#endif' | "$compiler" -E - >/dev/null 2>&1; then
    echo "skipped: $compiler makes programs of one kind only"
    exit 77
fi

for flag in -m32 -mx32; do
    # Without the libraries of such machines, nothing can be linked.
    if cmake -G "$generator" -S "$source" -B "$work/build$flag" -DCMAKE_C_COMPILER="$compiler" \
        -DCMAKE_C_FLAGS=$flag -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
        >"$work/log" 2>&1; then
        echo "$flag: was configured"
        bad=1
    elif ! tr '\n' ' ' <"$work/log" | grep -q 'spine needs a 64-bit machine'; then
        cat "$work/log"
        bad=1
    fi
done
exit $bad
