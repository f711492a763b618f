#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     install_test.sh BUILD_DIRECTORY C_COMPILER GENERATOR
#
# Installs the build into a directory of its own, then builds programs that know nothing
# but that directory: with pkg-config (shared and static) and with find_package (C and
# C++, by the tool that CMake's GENERATOR is for), and runs each.

set -eu
build=$1
compiler=$2
generator=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$build/install_test
prefix=$work/prefix

rm -rf "$work"
mkdir -p "$work"

# Runs the command and shows what it says only when it fails.
logged() {
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log"
        exit 1
    }
}

logged cmake --install "$build" --prefix "$prefix"

pc=$(find "$prefix" -name spine.pc)
libraries=$(dirname "$(dirname "$pc")")
PKG_CONFIG_PATH=$(dirname "$pc")
LD_LIBRARY_PATH=$libraries
export PKG_CONFIG_PATH LD_LIBRARY_PATH
version=$(pkg-config --modversion spine)

# Runs program $2, called $1 in messages, and compares what it says.
expect() {
    said=$("$2")
    if [ "$said" != "spine $version" ]; then
        echo "$1: said '$said' instead of 'spine $version'" >&2
        exit 1
    fi
    echo "$1: ok"
}

# A program of another minor version of 0 does not find this library.
soname=$(readelf -d "$libraries/libspine.so" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')
if [ "$soname" != "libspine.so.${version%.*}" ]; then
    echo "libspine.so $version: its soname is '$soname'" >&2
    exit 1
fi

flags="-std=c11 -Wall -Wextra -Wpedantic -Werror"
# shellcheck disable=SC2046,SC2086
"$compiler" $flags -o "$work/shared" "$here/program.c" $(pkg-config --cflags --libs spine)
expect "pkg-config, shared" "$work/shared"

# As README says it of a prefix of one's own.
(
    unset LD_LIBRARY_PATH
    # shellcheck disable=SC2046,SC2086
    "$compiler" $flags -o "$work/rpath" "$here/program.c" $(pkg-config --cflags --libs spine) \
        -Wl,-rpath,"$(pkg-config --variable=libdir spine)"
    expect "pkg-config, shared, by its rpath" "$work/rpath"
)

# And the preset that README begins with: no tests, no benches, no warnings as errors.
source=$(cd "$here/../.." && pwd)
preset=$(sed -n 's/^cmake --preset \([a-z]*\) .*/\1/p' "$source/README.md")
logged cmake -S "$source" --preset "$preset" -G "$generator" -B "$work/preset" \
    -DCMAKE_C_COMPILER="$compiler"
for option in BUILD_TESTS BUILD_BENCH WERROR; do
    grep -q "^SPINE_$option:[A-Z]*=OFF$" "$work/preset/CMakeCache.txt" || {
        echo "preset $preset: SPINE_$option is not OFF" >&2
        exit 1
    }
done
echo "preset $preset: ok"

# Moved elsewhere, and without the shared library, so that the linker takes the archive.
moved=$work/moved
cp -R "$prefix" "$moved"
find "$moved" -name 'libspine.so*' -exec rm {} +
(
    unset LD_LIBRARY_PATH
    PKG_CONFIG_PATH=$moved${PKG_CONFIG_PATH#"$prefix"}
    # shellcheck disable=SC2046,SC2086
    "$compiler" $flags -o "$work/static" "$here/program.c" \
        $(pkg-config --static --cflags --libs spine)
    expect "pkg-config, static, moved" "$work/static"
)

# Where pkg-config knows nothing but spine.
(
    PKG_CONFIG_LIBDIR=$work/nothing
    export PKG_CONFIG_LIBDIR
    logged cmake -G "$generator" -S "$here/bare" -B "$work/bare" \
        -DCMAKE_C_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$prefix"
    logged cmake --build "$work/bare"
    expect "find_package, without what the archive needs" "$work/bare/program_bare"
)

languages=C
if command -v c++ >/dev/null 2>&1; then
    languages="C;CXX"
else
    echo "skipped: find_package, C++: there is no C++ compiler"
fi
logged cmake -G "$generator" -S "$here" -B "$work/cmake" -DCMAKE_C_COMPILER="$compiler" \
    -DLANGUAGES="$languages" -DCMAKE_PREFIX_PATH="$prefix"
logged cmake --build "$work/cmake"
for program in "$work"/cmake/program_*; do
    expect "find_package, $(basename "$program")" "$program"
done
