#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     checkpoint_example_test.sh PROGRAM WORK_DIRECTORY
#
# Wherever the example ends in the middle, run again it prints what one prints that did not.

set -eu
program=$1
work=$2
clicks=60000

rm -rf "$work"
mkdir -p "$work"
"$program" "$work/whole" $clicks >"$work/expected.txt"
cat "$work/expected.txt"
grep -q "pages: [0-9]* rows, $clicks clicks" "$work/expected.txt"

# Before the first checkpoint, right before one, between two, and at last.
for crash in 1 4000 4500 31000 60000; do
    status=0
    "$program" "$work/struck" $clicks $crash >"$work/printed.txt" || status=$?
    [ $status -eq 3 ] || {
        echo "it should have ended at offset $crash, and ended by $status" >&2
        exit 1
    }
done
"$program" "$work/struck" $clicks >"$work/printed.txt" 2>"$work/said.txt"
diff "$work/expected.txt" "$work/printed.txt"
# Not from the beginning.
grep -q "on from offset 5[0-9]*$" "$work/said.txt"
# What is finished stays so.
"$program" "$work/struck" $clicks | diff "$work/expected.txt" -
