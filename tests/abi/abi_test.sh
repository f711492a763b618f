#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     abi_test.sh [--record] SHARED_LIBRARY SOURCE_DIRECTORY C_COMPILER WORK_DIRECTORY
#
# Programs that were linked with the version that libspine.abi is of run with this library, as
# long as the soname is the same: nothing that they call or know has gone or changed. More may
# be there. While CHANGELOG.md says that the version is not released, changes are told and
# pass. With --record, libspine.abi is this library from now on, which is for a release.

set -eu
record=no
[ "$1" != --record ] || {
    record=yes
    shift
}
library=$1
source=$2
compiler=$3
work=$4
here=$(cd "$(dirname "$0")" && pwd)
for tool in abidw abidiff; do
    command -v $tool >/dev/null 2>&1 || {
        echo "skipped: there is no $tool (Debian: abigail-tools)"
        exit 77
    }
done
rm -rf "$work"
mkdir -p "$work"

# What the public headers show of library $1, without where it was built.
dump() {
    abidw --suppr "$here/private.suppr" --exported-interfaces-only --no-show-locs \
        --no-comp-dir-path --no-corpus-path --no-elf-needed --no-parameter-names "$1" |
        sed "s| path='[^']*/| path='|"
}

# Is the library of dump $2 what programs of dump $1 need? Otherwise what is not, on standard
# output.
serves() {
    abidiff --no-added-syms --no-show-locs "$1" "$2" >"$work/difference" && return 0
    cat "$work/difference"
    return 1
}

soname_of() {
    sed -n "s/^<abi-corpus.* soname='\([^']*\)'.*/\1/p" "$1"
}

# --- it notices ---------------------------------------------------------------------------

# make_library NAME DECLARATIONS DEFINITIONS
make_library() {
    mkdir -p "$work/$1/include/spine"
    echo "$2" >"$work/$1/include/spine/small.h"
    { echo '#include "spine/small.h"'; echo "$3"; } >"$work/$1/small.c"
    "$compiler" -g -shared -fPIC -Wl,-soname,libsmall.so.1 -I "$work/$1/include" \
        -o "$work/$1/libsmall.so" "$work/$1/small.c"
    dump "$work/$1/libsmall.so" >"$work/$1.abi"
}

structure='struct pair { int first; int second; };'
one='int one(const struct pair *pair);'
one_defined='int one(const struct pair *pair) { return pair->first; }'
make_library small "$structure $one int two(void);" "$one_defined int two(void) { return 2; }"
make_library more "$structure $one int two(void); int three(void);" \
    "$one_defined int two(void) { return 2; } int three(void) { return 3; }"
make_library less "$structure $one" "$one_defined"
make_library other "struct pair { long first; int second; }; int one(const struct pair *pair); int two(void);" \
    'int one(const struct pair *pair) { return (int)pair->first; } int two(void) { return 2; }'
serves "$work/small.abi" "$work/more.abi" || {
    echo "a function more is taken for a change"
    exit 1
}
for changed in less other; do
    ! serves "$work/small.abi" "$work/$changed.abi" >/dev/null || {
        echo "abidiff does not notice the change of '$changed'"
        exit 1
    }
done

# --- the library --------------------------------------------------------------------------

if [ $record = yes ]; then
    dump "$library" >"$here/libspine.abi"
    echo "recorded $(soname_of "$here/libspine.abi")"
    exit 0
fi
dump "$library" >"$work/libspine.abi"
before=$(soname_of "$here/libspine.abi")
now=$(soname_of "$work/libspine.abi")
[ -n "$before" ] && [ -n "$now" ] || {
    echo "no soname: '$before' recorded, '$now' built"
    exit 1
}
if [ "$before" != "$now" ]; then
    echo "$now needs nothing of $before"
    exit 0
fi
serves "$here/libspine.abi" "$work/libspine.abi" && exit 0
version=${now#libspine.so.}
if grep -q "^## $version\.0, not yet released" "$source/CHANGELOG.md"; then
    echo "$now is not released: it may change"
    exit 0
fi
echo "programs of $before cannot run with this: raise the minor version in spine/version.h"
exit 1
