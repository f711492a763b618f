#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     planted.sh SOURCE_DIRECTORY
#
# tests/planted/bugs.txt says where each planted bug is: in these files, and in no others. A bug
# that has moved would not be planted, and no test could catch it.

set -eu
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n 's/^\([A-Z_][A-Z_]*\)  *\([^ ]*\) .*/\1 \2/p' tests/planted/bugs.txt |
    while read -r bug files; do
        for file in $(echo "$files" | tr , ' '); do
            echo "$bug src/$file"
        done
    done | sort >"$work/said"
grep -ro 'PLANTED([A-Z_]*)' src --include='*.c' |
    sed 's/^\([^:]*\):PLANTED(\([A-Z_]*\))$/\2 \1/' | sort -u >"$work/there"
if ! cmp -s "$work/said" "$work/there"; then
    echo "bugs.txt (<) and the sources (>) differ in where planted bugs are:"
    diff "$work/said" "$work/there" | grep '^[<>]'
    exit 1
fi
if [ ! -s "$work/said" ]; then
    echo "there are no planted bugs"
    exit 1
fi
