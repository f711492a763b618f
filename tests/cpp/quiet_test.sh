#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     quiet_test.sh INCLUDE_DIRECTORY
#
# clang++ has nothing to say of the headers, whatever it is asked to look for, in programs
# that use all of them. Left out: what C++98 would want, the gaps between members
# (-Wpadded), and that spine_cpp::error has its virtual functions in every unit
# (-Wweak-vtables), as it must where there is no library. Skipped without clang++.

set -eu
include=$1
here=$(cd "$(dirname "$0")" && pwd)

command -v clang++ >/dev/null 2>&1 || {
    echo "skipped: there is no clang++"
    exit 77
}
for unit in join lone probe views whole; do
    clang++ -std=c++17 -Weverything -Wno-c++98-compat -Wno-c++98-compat-pedantic \
        -Wno-padded -Wno-weak-vtables -fsyntax-only -I "$include" "$here/${unit}_test.cpp" 2>&1
done | grep -A 5 '/include/spine/[a-z_]*\.hp*:.* warning: ' && exit 1
exit 0
