#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     names_test.sh PROGRAM VERSION INCLUDE_DIRECTORY
#
# What spine.hpp defines has the version in its names: in a process with plugins of
# several versions no inline function takes the place of another version's. And it has a
# face for every function of the C headers: each is named by some .hpp.

set -eu
program=$1
expected=v$(echo "$2" | sed 's/^\([0-9]*\)\.\([0-9]*\).*/\1_\2_/')
names=$(nm -C "$program" | grep -o 'spine_cpp::[a-z_0-9]*' | sort | uniq -c)

include=$3
bad=0

echo "$names"
echo "$names" | grep -q "spine_cpp::$expected"
if echo "$names" | grep -v "spine_cpp::$expected"; then
    echo "the names above are not of $expected..."
    bad=1
fi

here=$(cd "$(dirname "$0")" && pwd)
functions=$("$here/../lint/functions.sh" "$include"/spine/*.h | cut -f 1 | sort -u)
count=0
for function in $functions; do
    count=$((count + 1))
    grep -qw "$function" "$include"/spine/*.hpp || {
        echo "no .hpp names $function"
        bad=1
    }
done
[ $count -gt 150 ] || {
    echo "only $count functions of the C headers were understood"
    bad=1
}
exit $bad
