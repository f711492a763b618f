#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     mirror.sh SOURCE_DIRECTORY
#
# Unit tests mirror src/: each source file of the library has a test of its own name, or a line in
# tests/unit/shared.txt, which names the tests that try it; these are there. The program
# (tool/) has tests of its own in tests/tool/.

set -eu
cd "$1"
list=tests/unit/shared.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find src -name '*.c' ! -path 'src/tool/*' | sed 's|^src/||' | sort >"$work/files"
while read -r file; do
    folder=$(dirname "$file")
    [ "$folder" != . ] || folder=core
    [ -e "tests/unit/$folder/$(basename "$file" .c)_test.c" ] || echo "$file"
done <"$work/files" >"$work/alone"
grep -v '^#' "$list" | awk 'NF > 0 { print $1 }' | sort >"$work/listed"
{
    sort "$work/listed" | uniq -d | sed "s|\$| is there twice|"
    comm -13 "$work/listed" "$work/alone" | sed "s|\$| has no test of its name, and no line here|"
    comm -23 "$work/listed" "$work/alone" | sed "s|\$| is no file, or has a test of its name|"
    grep -v '^#' "$list" | awk 'NF == 1 { print $1 " has a line without a test" }'
    grep -v '^#' "$list" | awk '{ for (i = 2; i <= NF; i++) print $i }' | sort -u |
        while read -r name; do
            [ -e "tests/$name.c" ] || echo "$name is no test"
        done
} >"$work/found"
sed "s|^|$list: |" "$work/found"
[ -s "$work/files" ] && [ ! -s "$work/found" ]
