#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     readme_test.sh README C_COMPILER INCLUDE_DIRECTORY SHARED_LIBRARY WORK_DIRECTORY
#
# Compiles and runs the first ```c block of README, and compares what it prints with the
# first ```text block.

set -eu
readme=$1
compiler=$2
include=$3
library=$4
work=$5

# The lines of the first block of language $1.
block() {
    awk -v fence="\`\`\`$1" '
        inside && /^```/ { exit }
        inside
        $0 == fence { inside = 1 }
    ' "$readme"
}

rm -rf "$work"
mkdir -p "$work"
block c >"$work/example.c"
block text >"$work/expected.txt"
for file in example.c expected.txt; do
    [ -s "$work/$file" ] || {
        echo "$readme has no block for $file" >&2
        exit 1
    }
done

"$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror -g -I"$include" -o "$work/example" \
    "$work/example.c" "$library" -Wl,-rpath,"$(dirname "$library")"
"$work/example" >"$work/printed.txt"
diff "$work/expected.txt" "$work/printed.txt"
