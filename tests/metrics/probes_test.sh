#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     probes_test.sh LIBRARY C_COMPILER
#
# The library has the static probes of observe/observe.h, where the system has the header
# for them.

set -eu
echo '#include <sys/sdt.h>' | "$2" -E - >/dev/null 2>&1 || {
    echo "skipped: there is no sys/sdt.h (systemtap-sdt-dev)"
    exit 77
}
found=$(readelf -n "$1" | awk '/Provider: spine/ { getline; print $2 }' | sort -u | tr '\n' ' ')
[ "$found" = "insert merge__begin merge__end slice stall " ] || {
    echo "probes of $1: $found"
    exit 1
}
