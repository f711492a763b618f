#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     manual.sh VERSION DIRECTORY HEADER...
#
# Makes the pages of the manual, section 3, of the headers for C in DIRECTORY, which has
# nothing else in it: spine_NAME.h.3 for spine/NAME.h, and for each function that it declares
# a page that refers to this. When there is gzip, the same is in DIRECTORY.gz, compressed as
# packages have it.

set -eu
version=$1
directory=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$directory" "$directory.gz"
mkdir -p "$directory" "$directory.gz"
for header in "$@"; do
    name=spine_${header##*/}
    awk -v form=manual -v version="$version" -f "$here/headers.awk" "$header" \
        >"$directory/$name.3"
    for function in $(sed -n '/^\.SH NAME$/{n;s/ \\-.*//;s/,//g;p;}' "$directory/$name.3"); do
        [ "$function" = "$name" ] || echo ".so man3/$name.3" >"$directory/$function.3"
    done
done
command -v gzip >/dev/null 2>&1 || exit 0
cp "$directory"/*.3 "$directory.gz"
gzip -9n "$directory.gz"/*.3
