#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     docs_test.sh SOURCE_DIRECTORY BUILD_DIRECTORY CMAKE
#
# The manual has a page for each function of the headers, which mandoc finds nothing wrong
# with; Doxygen has a comment for all that is public. Either says what has none.

set -eu
source=$1
build=$2
cmake=$3
work=$build/docs_test
rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "$*"
    exit 1
}

# --- the manual ---

"$source/docs/manual.sh" 1.2 "$work/man3" "$source"/include/spine/*.h
"$source"/tests/lint/functions.sh "$source"/include/spine/*.h | cut -f 1 >"$work/functions"
[ -s "$work/functions" ] || fail "no functions were found"
while read -r function; do
    [ -s "$work/man3/$function.3" ] || fail "$function has no page"
    page=$(sed -n 's/^\.so man3\///p' "$work/man3/$function.3")
    grep -q "$function(" "$work/man3/$page" || fail "$page does not tell of $function"
done <"$work/functions"
grep -q 'spine 1\.2' "$work/man3/spine_spine.h.3" || fail "the pages do not have the version"
[ -s "$work/man3.gz/spine_open.3.gz" ] || fail "the pages are not there compressed"
# Metrics are fields from a list.
grep -q 'uint64_t loose_batches;' "$work/man3/spine_metrics.h.3" || fail "metrics are missing"
grep -q 'uint64_t cache_limit_bytes;' "$work/man3/spine_store.h.3" || fail "metrics are missing"
grep -q 'struct spine_histogram sync_times;' "$work/man3/spine_store.h.3" || fail "histograms are missing"
[ "$(grep -c 'uint64_t reads;' "$work/man3/spine_store.h.3")" = 1 ] || fail "a metric is there twice"
if command -v mandoc >/dev/null 2>&1; then
    mandoc -T lint -W warning "$work"/man3/spine_*.h.3 | grep -v 'missing date' >"$work/lint" || true
    [ ! -s "$work/lint" ] || fail "$(head -n 20 "$work/lint")"
else
    echo "skipped: the looks of the manual: there is no mandoc"
fi

# A function and a field of which nothing is said.
mkdir "$work/include"
cp -r "$source/include/spine" "$work/include"
sed 's|^/\* The content of the spine at this|\nSPINE_API void spine_untold(struct spine *spine);\n\n&|' \
    "$source/include/spine/cut.h" >"$work/include/spine/cut.h"
cat >>"$work/include/spine/cut.h" <<'END'

SPINE_API void spine_untold(struct spine *spine);

END
if "$source/docs/manual.sh" 1.2 "$work/refused" "$work/include/spine/cut.h" 2>"$work/log"; then
    fail "the manual took a function without a comment"
fi
grep -q 'nothing is said of.*spine_untold' "$work/log" || fail "$(cat "$work/log")"

# --- Doxygen ---

command -v doxygen >/dev/null 2>&1 || {
    echo "skipped: there is no doxygen"
    exit 77
}
"$cmake" --build "$build" --target docs >"$work/log" 2>&1 || fail "$(cat "$work/log")"
html=$build/docs/html
while read -r function; do
    grep -q "'$function'" "$html"/search/functions_*.js "$html"/search/all_*.js ||
        fail "$function is not in $html"
done <"$work/functions"

sed "s|$source/include|$work/include|g; s|^OUTPUT_DIRECTORY.*|OUTPUT_DIRECTORY = $work|" \
    "$build/docs/Doxyfile" >"$work/Doxyfile"
if doxygen "$work/Doxyfile" 2>"$work/log"; then
    fail "Doxygen took a function without a comment"
fi
grep -q 'spine_untold.*is not documented' "$work/log" || fail "$(cat "$work/log")"
