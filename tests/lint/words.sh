#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     words.sh SOURCE_DIRECTORY
#
# src/README.md is true: its map has each folder of src/ and each file directly in it, and
# nothing else; its glossary has no word twice, and none that no source file has; the files
# and functions that it names in backquotes are there. The glossary is complete: it has a word of the
# name of each struct that a header of src/ declares, unless all of its words are plain.

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

# Words that mean in a name what they mean everywhere.
plain=' bytes calls condition counter counts dictionary directory export fact file heap id
    info list metric mutex name node observed option order plain private queue random ref
    run running scratch set shared small sum system tell text thread tool tree type unsorted work '
tr 'A-Z,-' 'a-z  ' <"$work/words" | sed 's/ *(.*//' | tr ' ' '\n' | sort -u >"$work/nouns"
find src -name '*.h' -exec sed -nE 's/^struct ([a-z_0-9]+) \{.*/\1/p' {} + | sort -u |
    awk -v plain="$plain" '
        BEGIN {
            count = split(plain, words, /[ \n]+/)
            for (i = 1; i <= count; i++)
                known[words[i]] = 1
        }
        FNR == NR { known[$0] = 1; next }
        {
            found = 0
            count = split($0, words, "_")
            for (i = 1; i <= count; i++) {
                for (size = 4; size <= length(words[i]); size++)
                    found += substr(words[i], 1, size) in known
                singular = words[i]
                sub(/s$/, "", singular)
                found += words[i] in known || singular in known
            }
            if (!found)
                print "struct " $0
        }' "$work/nouns" - >"$work/found"
complain "is declared by a header, and no word of its name is in the glossary" <"$work/found"

grep -oE '`[a-z_/]+\.(c|h|def|md)`' src/README.md | tr -d '`' | sort -u |
    while read -r file; do
        [ -e "src/$file" ] || [ -e "include/$file" ] ||
            [ -n "$(find src include -path "*/$file" -print -quit)" ] || echo "$file"
    done >"$work/found"
complain "is named, but is no file" <"$work/found"

grep -oE '`[a-z_0-9]+\(' src/README.md | tr -d '`(' | sort -u | while read -r name; do
    grep -qE "(^|[^a-z_])(KERNEL_FN\\()?$name\\)?\\(" "$work/sources" || echo "$name()"
done >"$work/found"
complain "is named, but is no function" <"$work/found"
exit $bad
