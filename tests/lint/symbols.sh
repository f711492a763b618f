#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     symbols.sh SOURCE_DIRECTORY SHARED_LIBRARY STATIC_LIBRARY PLUGIN
#
# Both libraries export what the public headers mark with SPINE_API: no more, no less. The
# names in the shared library have the version of its soname, and its functions call each
# other directly. A plugin with the static library in it exports nothing of that.

set -eu
source=$1
shared=$2
static=$3
plugin=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$source"/tests/lint/functions.sh "$source"/include/spine/*.h | cut -f 1 | sort >"$work/declared"
nm -D --defined-only "$shared" | awk '$2 ~ /[A-Z]/ && $NF !~ /^SPINE_/ { print $NF }' |
    sort >"$work/versioned"
sed 's/@.*//' "$work/versioned" | sort >"$work/shared"
nm -g --defined-only "$static" | awk 'NF == 3 { print $3 }' | sort >"$work/static"

bad=0
[ -s "$work/declared" ] || {
    echo "no declaration with SPINE_API was found"
    bad=1
}
# From a file: what a pipe runs cannot set `bad`.
complain() {
    sed "s/\$/: $1/" | grep . && bad=1
    return 0
}
for kind in shared static; do
    grep -v '^spine_' "$work/$kind" >"$work/strange" || true
    complain "exported ($kind), but not called spine_..." <"$work/strange"
    comm -13 "$work/declared" "$work/$kind" >"$work/more"
    comm -23 "$work/declared" "$work/$kind" >"$work/less"
    complain "exported ($kind), but no public header declares it" <"$work/more"
    complain "declared with SPINE_API, but not exported ($kind)" <"$work/less"
done

version=SPINE_$(readelf -d "$shared" | sed -n 's/.*soname: \[libspine\.so\.\(.*\)\]/\1/p')
grep -v "@@$version\$" "$work/versioned" >"$work/strange" || true
complain "its version is not $version" <"$work/strange"
readelf -rW "$shared" | awk '$5 ~ /^spine_/ { print $5 }' >"$work/strange"
complain "called through a table that another library may fill" <"$work/strange"
: >"$work/strange"
[ -z "$plugin" ] || nm -D "$plugin" | awk '$NF ~ /^spine_/ { print $NF }' >"$work/strange"
complain "of the static library, but known outside of a plugin" <"$work/strange"
exit $bad
