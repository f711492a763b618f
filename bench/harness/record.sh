# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the commands of bench/ share beside setup.sh: where results go, what they say of the
# machine, and plots. To be sourced after setup.sh; `programs` is where the programs are.

# Makes $1, or without it a directory of its own; prints the whole path. $1/files is empty,
# for engines to put files in.
make_out() {
    directory=${1:-$root/bench/results/$(date -u +%Y-%m-%d-%H%M%S)}
    mkdir -p "$directory/files" || die "--out $directory: cannot be made"
    (cd "$directory" && pwd)
}

commit() {
    git -C "$root" describe --always --dirty --exclude '*' 2>/dev/null || echo unknown
}

# The machine, and in one line what runs: $*.
record_machine() {
    printf 'date      %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    printf 'commit    %s\n' "$(commit)"
    printf 'machine   %s, %s cores, %s\n' \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
        "$(getconf _NPROCESSORS_ONLN)" "$(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
    printf 'system    %s\n' "$(uname -sr)"
    printf 'compiler  %s\n' "$("${SPINE_COMPILER:-cc}" --version 2>/dev/null | head -n 1)"
    printf 'load      %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
    printf 'what      %s\n' "$*"
}

have_gnuplot() {
    command -v gnuplot >/dev/null 2>&1
}

# Every script in directory $1 draws the SVG of its name.
draw() {
    for script in "$1"/*.gp; do
        [ -e "$script" ] || continue
        gnuplot "$script" 2>/dev/null || say "gnuplot cannot draw $script"
    done
}
