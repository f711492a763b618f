# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What tests/run and bench/run share: the packages that a build needs, and the build
# itself. POSIX sh, to be sourced:
#
#     root=$(cd "$(dirname "$0")/.." && pwd)
#     . "$root/bench/harness/setup.sh"
#     need_packages $build_packages          # or stops
#     install_packages clang || say "$why"   # or goes on
#     configure_and_build release            # in $root/build/release
#     configure_and_build release ontology   # this target only
#
# `root` must be set. SPINE_JOBS is the number of compilers at a time (default: cores).
# SPINE_INSTALL=no: nothing is installed, as --no-install says.
# SPINE_COMPILER chooses the C compiler; its builds are in build/PRESET-COMPILER.

build_packages="gcc g++ cmake ninja-build pkg-config libuv1-dev libxxhash-dev liblz4-dev libzstd-dev \
libcjson-dev libroaring-dev libcmocka-dev"

: "${root:?set it to the top of the source tree}"
: "${SPINE_COMPILER:=}"
: "${SPINE_INSTALL:=yes}"
: "${SPINE_JOBS:=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}"

say() {
    printf '== %s\n' "$*"
}

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Is what Debian has in package $1 here, wherever it comes from?
have_package() {
    case $1 in
    libuv1-dev) pkg-config --exists libuv ;;
    libxxhash-dev) pkg-config --exists libxxhash ;;
    liblz4-dev) pkg-config --exists liblz4 ;;
    libzstd-dev) pkg-config --exists libzstd ;;
    libcjson-dev) pkg-config --exists libcjson ;;
    libcmocka-dev) pkg-config --exists cmocka ;;
    libroaring-dev) echo '#include <roaring/roaring.h>' | gcc -E - ;;
    libc6-dev) echo '#include <stdio.h>' | gcc -E - ;;
    libclang-rt-dev) echo 'int main(void);' | clang -fsanitize=address -x c -shared -o /dev/null - ;;
    ninja-build) command -v ninja ;;
    clang-format-14) clang-format-14 --version || clang-format --version | grep 'version 14\.' ;;
    gcc-aarch64-linux-gnu) command -v aarch64-linux-gnu-gcc ;;
    g++-aarch64-linux-gnu) command -v aarch64-linux-gnu-g++ ;;
    abigail-tools) command -v abidw && command -v abidiff ;;
    qemu-user) command -v qemu-aarch64 ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

missing_packages() {
    for package in "$@"; do
        have_package "$package" || printf ' %s' "$package"
    done
}

# Runs the command as root, or fails.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

# Installs those of the Debian packages $@ that are not here; asks for nothing when all
# are. On failure, false: `why` says why, and `missing` what is still not here.
install_packages() {
    missing=$(missing_packages "$@")
    [ -z "$missing" ] && return 0

    why="--no-install was asked for"
    [ "$SPINE_INSTALL" = yes ] || return 1
    why="this system has no apt-get"
    command -v apt-get >/dev/null 2>&1 || return 1
    why="neither root nor sudo here"
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 || return 1

    say "installing$missing"
    why="apt-get install failed"
    # An update that fails may still leave usable package lists, so only the install counts.
    as_root apt-get update -qq || say "apt-get update failed; trying what is known"
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing libc6-dev >/dev/null || return 1
    why="still missing after the installation"
    missing=$(missing_packages "$@")
    [ -z "$missing" ]
}

# The same; without them, nothing goes on.
need_packages() {
    install_packages "$@" ||
        die "$why; missing:$missing (names of Debian packages). By hand, as root:
    apt-get install --no-install-recommends$missing"
}

# The directory that configure_and_build makes for preset $1.
build_directory() {
    printf '%s/build/%s%s' "$root" "$1" "${SPINE_COMPILER:+-$SPINE_COMPILER}"
}

# The C++ compiler that comes with the C compiler $1; sanitizers must be of one family.
cxx_compiler() {
    echo "$1" | sed 's/clang/clang++/; s/gcc/g++/'
}

# Configures preset $1 and builds the targets $2... (default: all).
configure_and_build() {
    preset=$1
    shift
    directory=$(build_directory "$preset")
    say "building $directory"
    configure "$preset" && build_in "$directory" "${*:-all}"
}

# Configures preset $1 for SPINE_COMPILER.
configure() {
    configure_in "$1" "$(build_directory "$1")" \
        ${SPINE_COMPILER:+-DCMAKE_C_COMPILER="$SPINE_COMPILER"} \
        ${SPINE_COMPILER:+-DCMAKE_CXX_COMPILER="$(cxx_compiler "$SPINE_COMPILER")"}
}

# Builds the targets $3 (one argument) of preset $1 in $2, with the options $4... of cmake. Its
# output goes to build.log there, and to the terminal only when it fails.
build_preset() {
    preset=$1
    directory=$2
    targets=$3
    shift 3
    say "building $directory"
    configure_in "$preset" "$directory" "$@" && build_in "$directory" "$targets"
}

# Configures preset $1 in $2, with the options $3... of cmake; then builds the targets $2 (one
# argument) in $1. Output as that of build_preset.
configure_in() {
    preset=$1
    directory=$2
    shift 2
    mkdir -p "$directory" || return 1
    # `--preset` is looked up in the current directory.
    (cd "$root" && cmake --preset "$preset" -B "$directory" "$@") >"$directory/build.log" 2>&1 ||
        build_failed "$directory"
}
build_in() {
    # shellcheck disable=SC2086
    cmake --build "$1" -j "$SPINE_JOBS" --target $2 >>"$1/build.log" 2>&1 || build_failed "$1"
}
build_failed() {
    tail -n 60 "$1/build.log" >&2
    printf 'error: the build in %s failed; all of it is in %s\n' "$1" "$1/build.log" >&2
    return 1
}
