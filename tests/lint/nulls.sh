#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     nulls.sh SOURCE_DIRECTORY
#
# Every pointer that a public function takes is tried as NULL: by a line REFUSES(function,
# argument, ...) or TOLERATES(function, argument, ...) of a test (tests/harness/nulls.h).
# Not those that the library hands on without a look: `context` and `argument`; and not
# `error`, which every line tries.

set -eu
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lines "function argument" of all declarations that SPINE_API begins, comments removed.
tests/lint/functions.sh include/spine/*.h | awk -F '\t' '
    # The name of the parameter `text`, if that is a pointer: the last word, or the one in
    # (*name)(...); of pointers to functions that have a type, by its ending.
    function pointer_name(text) {
        if (match(text, /\(\*[a-z_0-9]+\)/))
            return substr(text, RSTART + 2, RLENGTH - 3)
        if (text !~ /\*/)
            return ""
        sub(/[ \t]+$/, "", text)
        sub(/.*[^a-z_0-9]/, "", text)
        return text
    }

    {
        name = $1
        parameters = $2
        depth = 0
        one = ""
        for (c = 1; c <= length(parameters) + 1; c++) {
            letter = substr(parameters, c, 1)
            depth += (letter == "(") - (letter == ")")
            if ((letter == "," && depth == 0) || letter == "") {
                pointer = pointer_name(one)
                if (pointer != "")
                    print name, pointer
                one = ""
            } else {
                one = one letter
            }
        }
    }' | grep -vE ' (error|context|argument)$' | sort -u >"$work/declared"

find tests -name '*_test.c' -exec cat {} + | tr '\n' ' ' |
    grep -oE '(REFUSES|TOLERATES)\( *[a-z_0-9]+, +[a-z_0-9]+,' |
    sed -E 's/^[A-Z]+\( *([a-z_0-9]+), +([a-z_0-9]+),/\1 \2/' | sort -u >"$work/tried"

[ -s "$work/declared" ] || {
    echo "no function of the public headers was understood"
    exit 1
}
bad=0
comm -23 "$work/declared" "$work/tried" >"$work/missing"
if [ -s "$work/missing" ]; then
    sed -E 's/(.*) (.*)/\1: no test passes NULL for \2/' "$work/missing"
    bad=1
fi
comm -13 "$work/declared" "$work/tried" >"$work/unknown"
if [ -s "$work/unknown" ]; then
    sed -E 's/(.*) (.*)/\1: no pointer \2, which a test passes/' "$work/unknown"
    bad=1
fi
exit $bad
