#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     package_test.sh BUILD_DIRECTORY C_COMPILER VERSION
#
# Makes the Debian packages of the build, twice, which gives the same files; has lintian
# look at them; unpacks them beside each other and builds a program with what is there.

set -eu
build=$1
compiler=$2
version=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$build/package_test
SOURCE_DATE_EPOCH=1700000000
export SOURCE_DATE_EPOCH

for tool in dpkg-deb dpkg-shlibdeps lintian; do
    command -v $tool >/dev/null 2>&1 || {
        echo "skipped: there is no $tool"
        exit 77
    }
done

rm -rf "$work"
mkdir -p "$work"
umask 022
for run in first second; do
    cpack --config "$build/CPackConfig.cmake" -B "$work/$run" >"$work/log" 2>&1 || {
        cat "$work/log"
        exit 1
    }
done

packages=$(cd "$work/first" && ls ./*.deb)
[ "$(echo "$packages" | sed 's|./\(.*\)_.*_.*|\1|' | tr '\n' ' ')" = "libspine-dev libspine${version%.*} spine-tools " ] || {
    echo "packages: $packages"
    exit 1
}
for package in $packages; do
    cmp "$work/first/$package" "$work/second/$package"
    dpkg-deb -x "$work/first/$package" "$work/root"
    name=${package#./}
    name=${name%%_*}
    for file in copyright changelog.gz; do
        [ -f "$work/root/usr/share/doc/$name/$file" ] || {
            echo "$name has no $file"
            exit 1
        }
    done
done
gzip -dc "$work/root/usr/share/doc/spine-tools/changelog.gz" | head -n 1 | grep -qF "($version)" || {
    echo "packaging/changelog.in does not begin with version $version"
    exit 1
}

# What is not looked at: these packages close no bug of Debian's, their symbols have one
# version, where libraries are was chosen when the build was configured, and CPack always adds
# scripts that call ldconfig, which the trigger does, too.
lintian --fail-on error,warning --allow-root \
    --suppress-tags initial-upload-closes-no-bugs,no-symbols-control-file,pkg-config-unavailable-for-cross-compilation,maintscript-calls-ldconfig \
    "$work"/first/*.deb

# The manual of the headers, as `man` finds it.
manual=$work/root/usr/share/man/man3
gzip -dc "$manual/spine_open.3.gz" | grep -qF "man3/spine_spine.h.3"
gzip -dc "$manual/spine_spine.h.3.gz" | grep -q '^spine_open(' || {
    echo "libspine-dev has no manual of spine_open()"
    exit 1
}

pc=$(find "$work/root" -name spine.pc)
depends=$(dpkg-deb -f "$work"/first/libspine-dev_*.deb Depends)
for needed in $(sed -n 's/^Requires.private: //p' "$pc"); do
    case $depends in
    *"$needed"*-dev*) ;;
    *)
        echo "libspine-dev does not depend on what has $needed: $depends"
        exit 1
        ;;
    esac
done
PKG_CONFIG_PATH=$(dirname "$pc")
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH LD_LIBRARY_PATH
# shellcheck disable=SC2046
"$compiler" -std=c11 -o "$work/program" "$here/program.c" $(pkg-config --cflags --libs spine)
[ "$("$work/program")" = "spine $version" ]
"$work/root/usr/bin/spine" --version | grep -qF "$version"
