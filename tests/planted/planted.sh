#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     planted.sh SOURCE_DIRECTORY BUILD_DIRECTORY [BUG...]
#
# Plants the bugs of bugs.txt, one at a time: compiles the files that have it with
# SPINE_PLANTED, links the test that is to catch it, and runs that, which passes without a bug.
# Says how many were caught; fails unless all were, and when there were none. The tests are
# built already, by ninja, whose commands are used.

set -u
source=$1
build=$2
shift 2
table=$source/tests/planted/bugs.txt
work=$build/planted
seconds=720

if [ ! -f "$build/build.ninja" ] || ! command -v ninja >/dev/null; then
    echo "skipped: not built by ninja"
    exit 77
fi
mkdir -p "$work"
cd "$build" || exit 1
ulimit -c 0

# The test $3 with bug $1 of the files $2, as $work/$1.
plant() {
    ninja -t commands "tests/$3" >"$work/commands" || return 1
    objects=
    for part in $(echo "$2" | tr , ' '); do
        object=$work/$1.$(basename "$part").o
        compile=$(grep -F -- "-c $source/src/$part" "$work/commands" | head -n 1 |
            sed "s|-MD -MT [^ ]* -MF [^ ]* -o [^ ]*|-DSPINE_PLANTED=PLANTED_$1 -o $object|")
        case $compile in *SPINE_PLANTED*) ;; *) return 1 ;; esac
        sh -c "$compile" || return 1
        objects="$objects $object"
    done
    link=$(tail -n 1 "$work/commands" | sed "s| -o tests/$3 |$objects -o $work/$1 |")
    case $link in *"-o $work/$1 "*) ;; *) return 1 ;; esac
    sh -c "$link"
}

# Does test $1 pass as it is? Each is run once.
passes_without() {
    if [ ! -f "$work/$1.passes" ]; then
        timeout "$seconds" "tests/$1" >"$work/$1.log" 2>&1
        echo $? >"$work/$1.passes"
    fi
    [ "$(cat "$work/$1.passes")" -eq 0 ]
}

rm -f "$work"/*.passes
planted=0
caught=0
failed=0
for bug in $(sed -n 's/^\([A-Z_][A-Z_]*\) .*/\1/p' "$table"); do
    case " ${*:-$bug} " in *" $bug "*) ;; *) continue ;; esac
    where=$(sed -n "s/^$bug  *//p" "$table")
    files=${where%% *}
    test=${where##* }
    planted=$((planted + 1))
    if ! plant "$bug" "$files" "$test" >"$work/$bug.log" 2>&1; then
        echo "$bug: cannot be planted, see $work/$bug.log"
        failed=1
        continue
    fi
    if ! passes_without "$test"; then
        echo "$bug: $test fails without it, see $work/$test.log"
        failed=1
        continue
    fi
    timeout "$seconds" "$work/$bug" >"$work/$bug.log" 2>&1
    outcome=$?
    case $outcome in
    0 | 77)
        echo "$bug: $test does not catch it ($outcome)"
        failed=1
        ;;
    124 | 126 | 127)
        echo "$bug: $test did not end, or could not be run ($outcome)"
        failed=1
        ;;
    *)
        caught=$((caught + 1))
        echo "$bug: caught by $test ($outcome)"
        ;;
    esac
    rm -f "$work/$bug" "$work/$bug".*.o
done
echo "$caught of $planted planted bugs caught"
echo "figure: planted bugs that are caught: $caught of $planted"
[ $planted -gt 0 ] || failed=1
exit $failed
