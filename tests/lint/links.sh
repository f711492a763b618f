#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     links.sh SOURCE_DIRECTORY OBJECT_DIRECTORY
#
# Who calls whom, as the linker sees it: the objects of OBJECT_DIRECTORY, which lie there as
# their sources do in src/. A folder uses names of folders below it only (order.txt),
# whatever headers say; of the files directly in src/, the core, each uses files only that
# are below it in the map of src/README.md; and no files use each other in a circle.

set -eu
cd "$1"
objects=$2
layers=$(cat tests/lint/order.txt)
# Files of the core, from the top down.
core=$(sed -n 's/^| `\([a-z_]*\)\.c` |.*/\1/p' src/README.md)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

tests/lint/names.sh src "$objects" >"$work/names"
grep -q '^has ' "$work/names" || {
    echo "no objects in $objects"
    exit 1
}

# One line per pair: who uses, who has.
awk '
    $1 == "has" { owner[$2] = $3 }
    $1 == "uses" { count++; name[count] = $2; user[count] = $3 }
    END {
        for (i = 1; i <= count; i++)
            if (name[i] in owner && owner[name[i]] != user[i])
                print user[i], owner[name[i]], name[i]
    }' "$work/names" | sort -u >"$work/uses"

awk -v layers="$layers" '
    function depth_of(file,    parts, path) {
        parts = split(file, path, "/")
        return depth[parts == 1 ? "core" : path[1]]
    }
    function folder_of(file,    path) {
        return split(file, path, "/") == 1 ? "" : path[1]
    }
    BEGIN {
        count = split(layers, names, " ")
        for (i = 1; i <= count; i++)
            depth[names[i]] = i
    }
    folder_of($1) != folder_of($2) && depth_of($2) <= depth_of($1) {
        printf "%s uses %s() of %s, which is not below it\n", $1, $3, $2
        bad = 1
    }
    END { exit bad }' "$work/uses" || bad=1

awk -v core="$core" '
    BEGIN {
        count = split(core, names, /[ \n]+/)
        for (i = 1; i <= count; i++)
            depth[names[i]] = i
    }
    $1 ~ /\// || $2 ~ /\// { next }
    !($1 in depth) || !($2 in depth) || depth[$2] <= depth[$1] {
        printf "%s.c uses %s() of %s.c, which is not below it in the map of src/README.md\n", $1, $3, $2
        bad = 1
    }
    END { exit bad }' "$work/uses" || bad=1

awk '{ print $1, $2 }' "$work/uses" | sort -u | tsort >/dev/null 2>"$work/loops" || bad=1
[ ! -s "$work/loops" ] || {
    sed 's/^tsort: //; s/^-: input contains a loop:/files that use each other in a circle:/' "$work/loops"
    bad=1
}
exit $bad
