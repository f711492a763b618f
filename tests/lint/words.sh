#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     words.sh SOURCE_DIRECTORY
#
# src/README.md is true: its map has each folder of src/ and each file directly in it, and
# nothing else; its glossary has no word twice, and none that no source file has; the files
# that either names in backquotes are there.

set -eu
cd "$1"
bad=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complain() {
    while read -r what; do
        echo "src/README.md: $what $1"
        bad=1
    done
}

# The first column of the table under the heading $1.
first_column() {
    awk -F '|' -v heading="## $1" '
        /^## / { inside = $0 == heading }
        inside && /^\|/ && !/^\|-/ { print $2 }
    ' src/README.md | sed '1d; s/^ *//; s/ *$//'
}

first_column Map | tr ',' '\n' | tr -d '` ' | sort >"$work/map"
for entry in src/*; do
    name=$(basename "$entry")
    case $name in
    *.c) echo "$name" ;;
    *) [ ! -d "$entry" ] || echo "$name/" ;;
    esac
done | sort >"$work/tree"
comm -13 "$work/map" "$work/tree" >"$work/found"
complain "is not in the map" <"$work/found"
comm -23 "$work/map" "$work/tree" | while read -r name; do
    [ -e "src/$name" ] || echo "$name"
done >"$work/found"
complain "is in the map, but not in src/" <"$work/found"

first_column Glossary >"$work/words"
sort "$work/words" | uniq -d >"$work/found"
complain "is in the glossary twice" <"$work/found"
find src include -name '*.[ch]' -exec cat {} + >"$work/sources"
sed 's/ *(.*//' "$work/words" | while read -r word; do
    # Without its last letter, as "lacks" may be "lack" and "judged" "judge".
    grep -qiF "$(echo "${word%?}" | tr ' ' '_')" "$work/sources" ||
        grep -qiF "${word%?}" "$work/sources" || echo "$word"
done >"$work/found"
complain "is in the glossary, but in no source file" <"$work/found"

grep -oE '`[a-z_/]+\.(c|h|def|md)`' src/README.md | tr -d '`' | sort -u |
    while read -r file; do
        [ -e "src/$file" ] || [ -e "include/$file" ] ||
            [ -n "$(find src include -path "*/$file" -print -quit)" ] || echo "$file"
    done >"$work/found"
complain "is named, but is no file" <"$work/found"
exit $bad
