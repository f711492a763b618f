#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     sysroot.sh PROCESSOR DIRECTORY
#
# Makes DIRECTORY hold what programs for PROCESSOR (aarch64) need to be linked and to run:
# the development packages of a build and the runtime of C++, with all that they depend
# on. They come from where this system's own packages come from, by an apt that knows
# nothing but DIRECTORY, so that nothing here is changed and no right is needed. Does
# nothing when the same packages were put there before.

set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/bench/harness/setup.sh"
[ $# -eq 2 ] || die "usage: sysroot.sh PROCESSOR DIRECTORY"
directory=$2
case $1 in
aarch64) architecture=arm64 ;;
*) die "packages for $1 have a name that is not known here" ;;
esac
command -v apt-get >/dev/null 2>&1 || die "this system has no apt-get"

libraries=" libstdc++6"
for package in $build_packages; do
    case $package in
    *-dev) libraries="$libraries $package" ;;
    esac
done
[ "$(cat "$directory/complete" 2>/dev/null)" != "$libraries" ] || exit 0

rm -rf "$directory"
mkdir -p "$directory/apt/state/lists/partial" "$directory/apt/cache/archives/partial"
: >"$directory/apt/status"
cat >"$directory/apt/conf" <<EOF
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
APT::Update::Post-Invoke-Success "";
APT::Update::Post-Invoke "";
Dir::State "$directory/apt/state";
Dir::State::status "$directory/apt/status";
Dir::Cache "$directory/apt/cache";
DPkg::Post-Invoke "";
EOF
APT_CONFIG=$directory/apt/conf
export APT_CONFIG

say "getting$libraries for $architecture"
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --download-only $libraries
for package in "$directory"/apt/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$directory"
done
rm -rf "$directory/apt"
echo "$libraries" >"$directory/complete"
