#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     readme_test.sh README C_COMPILER CPP_COMPILER INCLUDE_DIRECTORY SHARED_LIBRARY WORK_DIRECTORY
#
# Every ```c and ```cpp block of README is a program: compiles and runs each, and compares
# what it prints with the next ```text block. Those of C++ are skipped where CPP_COMPILER
# is empty.

set -eu
readme=$1
compiler=$2
cpp_compiler=$3
include=$4
library=$5
work=$6

rm -rf "$work"
mkdir -p "$work"
# The blocks, as 1.c, 2.cpp and so on, and 1.txt for what 1 prints.
awk -v work="$work" '
    /^```/ && file != "" { close(file); file = ""; next }
    /^```(c|cpp)$/ { file = work "/" ++count "." substr($0, 4); next }
    /^```text$/ && count > 0 { file = work "/" count ".txt"; next }
    /^```/ { file = "/dev/null"; next }
    file != "" { print >file }
' "$readme"

count=0
for program in "$work"/*.c "$work"/*.cpp; do
    name=${program%.*}
    [ -s "$program" ] && [ -s "$name.txt" ] || {
        echo "$readme has a program without what it prints, or none: $program" >&2
        exit 1
    }
    case $program in
    *.cpp) command="$cpp_compiler -std=c++17" ;;
    *) command="$compiler -std=c11" ;;
    esac
    if [ -z "${command%% *}" ]; then
        echo "skipped: there is no C++ compiler for $program"
        continue
    fi
    # shellcheck disable=SC2086
    $command -Wall -Wextra -Wpedantic -Werror -g -I"$include" -o "$name" "$program" \
        "$library" -Wl,-rpath,"$(dirname "$library")"
    "$name" >"$name.printed.txt"
    diff "$name.txt" "$name.printed.txt"
    count=$((count + 1))
done
echo "$count programs of $readme print what it says"
