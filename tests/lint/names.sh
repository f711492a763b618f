#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     names.sh SOURCE_DIRECTORY OBJECT_DIRECTORY
#
# The names in the objects of OBJECT_DIRECTORY that lie there as their sources do in
# SOURCE_DIRECTORY: one line for each, with its kind (`uses` or `has`), the name, and the file
# without its ending. For links.sh and mirror.sh.

set -eu
sources=$(cd "$1" && pwd)
cd "$2"
find * -name '*.o' | sort | while read -r object; do
    # Not what is left of a source that is gone.
    [ ! -f "$sources/${object%.o}" ] || echo "$object"
done | xargs nm -A | awk '
    {
        file = $1
        sub(/\..*/, "", file)
        # FILE:ADDRESS KIND NAME, or FILE: U NAME.
        if ($(NF - 1) == "U")
            print "uses", $NF, file
        else if ($(NF - 1) ~ /^[TDBRCVW]$/)
            print "has", $NF, file
    }'
