#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     names_test.sh PROGRAM VERSION
#
# What spine.hpp defines has the version in its names: in a process with plugins of
# several versions no inline function takes the place of another version's.

set -eu
program=$1
expected=v$(echo "$2" | sed 's/^\([0-9]*\)\.\([0-9]*\).*/\1_\2_/')
names=$(nm -C "$program" | grep -o 'spine_cpp::[a-z_0-9]*' | sort | uniq -c)

echo "$names"
echo "$names" | grep -q "spine_cpp::$expected"
if echo "$names" | grep -v "spine_cpp::$expected"; then
    echo "the names above are not of $expected..."
    exit 1
fi
