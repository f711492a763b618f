#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     ontology_test.sh ONTOLOGY
#
# The demo's result is compared with its evaluation without spines, on generated
# ontologies and on one small enough to be done by hand; and it names what is wrong with
# its input.

set -u
ontology=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# agrees ARGUMENTS...: the demo succeeds with --check.
agrees() {
    "$ontology" --check "$@" >"$work/out" 2>&1 && return
    cat "$work/out"
    echo "failed: ontology --check $*"
    bad=1
}

# says TEXT ARGUMENTS...: the demo fails, and its message has TEXT.
says() {
    text=$1
    shift
    if "$ontology" "$@" >"$work/out" 2>&1; then
        echo "did not fail: ontology $*"
        bad=1
    elif ! grep -qF -- "$text" "$work/out"; then
        cat "$work/out"
        echo "does not say '$text': ontology $*"
        bad=1
    fi
}

for seed in 1 2 3 4; do
    agrees --scale 1 --seed $seed
done
agrees --scale 4 --seed 5
agrees --scale 4 --seed 5 --threads 1
TMPDIR=$work agrees --scale 4 --seed 5 --memory-limit 3M
ls -d "$work"/ontology-* 2>/dev/null && {
    echo "a directory of files was left"
    bad=1
}

# By hand. p: (1,2) (2,3) by rule 1 (1,3); q(9,5,1) by rule 2 with u(3,5,7): (9,7); (9,8)
# by rule 3 with c(7,9,8) and p(9,9). q: (9,5,1) by rule 5 (9,6,1); by rule 6 with (1,4,2)
# and r(5,4,4294967295): (9,4294967295,2); (0,5,1) by rule 4 with p(0,9), and what follows
# for 0: p (0,7) (0,8), q (0,6,1) (0,4294967295,2).
data=$work/data
mkdir "$data"
printf '1,2\n2,3\n9,9\n0,9\n0,9\n' >"$data/p.txt"
printf '9,5,1\n\n 1 , 4 , 2\r\n' >"$data/q.txt"
printf '5,4,4294967295\n' >"$data/r.txt"
printf '7,9,8\n' >"$data/c.txt"
printf '3,5,7' >"$data/u.txt"
printf '5,6\n' >"$data/s.txt"
agrees --data "$data"
grep -q '^ontology: p 9 q 7 seconds [0-9.]* peak_mb [0-9]*$' "$work/out" || {
    cat "$work/out"
    echo "the result by hand is p 9 q 7"
    bad=1
}

# No facts at all.
empty=$work/empty
mkdir "$empty"
for name in p q r c u s; do
    : >"$empty/$name.txt"
done
agrees --data "$empty"

# breaks TEXT LINES: with `lines` as q.txt, the message is "q.txt:" and the text.
breaks() {
    printf "$2" >"$empty/q.txt"
    says "$empty/q.txt:$1" --data "$empty"
}
breaks '2:4: a comma and one more number must follow' '1,2,3\n1,2\n'
breaks '1:6: the line must end here' '1,2,3,4\n'
breaks '3:3: a number must be here' '1,2,3\n\n1,x,3\n'
breaks '1:14: the number is greater than 4294967295' '1,2,4294967296\n'
rm "$empty/q.txt"
says "$empty/q.txt: No such file" --data "$empty"

says '--data needs a value' --data
says '--seed needs a number' --seed x
says '--threads 3: it must be a number up to 2' --threads 3
says '--threads and --scale must be at least 1' --scale 0
says '--fast is no option' --fast 1
exit $bad
