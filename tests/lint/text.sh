#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     text.sh SOURCE_DIRECTORY
#
# Every source file names its licence in its first three lines; no tabs, no blanks at the
# end of a line, no line of C beyond 90 columns (clang-format leaves comments as they
# are), no notes to ourselves.

set -eu
cd "$1"
bad=0

sources=$(
    find include src tests bench -name build -prune -o -type f \
        \( -name '*.[ch]' -o -name '*.[ch]pp' -o -name '*.def' -o -name '*.sh' -o -name run \
        -o -name CMakeLists.txt \) -print | sort
    echo CMakeLists.txt .ci/run
)

for file in $sources; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || {
        echo "$file:1: no SPDX-License-Identifier"
        bad=1
    }
done

tab=$(printf '\t')
# shellcheck disable=SC2086
if grep -nE "$tab| +\$" /dev/null $sources; then
    echo "the lines above have tabs, or blanks at their end"
    bad=1
fi
# shellcheck disable=SC2086
if grep -nE '^.{91}' /dev/null $(echo "$sources" | grep -E '\.[ch](pp)?$'); then
    echo "the lines above are longer than 90 columns"
    bad=1
fi
# shellcheck disable=SC2086
if grep -nwE '[T]ODO|[F]IXME|[X]XX' /dev/null $sources; then
    echo "open questions belong into the issue tracker"
    bad=1
fi
exit $bad
