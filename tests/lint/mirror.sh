#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     mirror.sh SOURCE_DIRECTORY [OBJECT_DIRECTORY TEST_OBJECT_DIRECTORY]
#
# Unit tests mirror src/: each source file of the library has a test of its own name, or a line in
# tests/unit/shared.txt, which names the tests that try it; these are there. The program
# (tool/) has tests of its own in tests/tool/.
#
# With objects, those of src/ and those of tests/, a test that is named calls the file, itself or
# through the files that it calls, as the linker sees it. What was not built is passed over.

set -eu
cd "$1"
objects=${2:-}
test_objects=${3:-}
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

# File and test, one pair a line; the names that the test's object uses.
listed_pairs() {
    grep -v '^#' "$list" | awk '{ for (i = 2; i <= NF; i++) print $1, $i }'
}
if [ -n "$objects" ]; then
    tests/lint/names.sh src "$objects" >"$work/names"
    tests/lint/names.sh tests "$test_objects/test_harness.dir" >>"$work/names"
    listed_pairs | awk '{ print $2 }' | sort -u | while read -r name; do
        object=$test_objects/$(echo "$name" | tr / _).dir/$name.c.o
        [ ! -e "$object" ] || nm "$object" | awk -v test="$name" 'NF == 2 { print "uses", $2, test }'
    done >>"$work/names"
    listed_pairs | cat "$work/names" - | awk '
        # Marks all files that can be reached from the names that `user` uses.
        function reach(user, test,    i, names, count, file) {
            count = split(used[user], names, " ")
            for (i = 1; i <= count; i++) {
                file = owner[names[i]]
                if (file == "" || (test, file) in reached)
                    continue
                reached[test, file] = 1
                reach(file, test)
            }
        }
        $1 == "has" { owner[$2] = $3; next }
        $1 == "uses" { used[$3] = used[$3] " " $2; next }
        $2 in used {
            if (!($2 in asked))
                reach($2, $2)
            asked[$2] = 1
            file = $1
            sub(/\.c$/, "", file)
            if (!(($2, file) in reached))
                print $1 " is out of reach of " $2
        }' >>"$work/found"
fi
sed "s|^|$list: |" "$work/found"
[ -s "$work/files" ] && [ ! -s "$work/found" ]
