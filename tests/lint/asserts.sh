#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     asserts.sh SOURCE_DIRECTORY [-v]
#
# What a folder of src/ relies on is checked where others come in: its seams, the functions
# that other files may call, have 15 assertions per 1,000 lines at least. Functions of public
# headers count, too: their arguments are answered with statuses, their results are ours.
# The program (tool/) has no callers but main().
#
# With -v, says how many there are.

set -eu
cd "$1"

find src -name '*.c' ! -path 'src/tool/*' | sort | xargs awk -v verbose="${2:-}" '
    FNR == 1 {
        parts = split(FILENAME, path, "/")
        folder = parts == 3 ? path[2] "/" : "(core)"
        inside = 0
        before = ""
    }
    # Its definition: the name begins the line, below the type.
    /^[a-z_0-9]+\(/ || /^[A-Z_]+\([a-z_]+\)\(/ {
        is_seam = before !~ /static|INLINE_ALWAYS|WORD_SEARCH/
        begin = FNR
    }
    /^\{/ { inside = 1; count = 0 }
    inside && /(^|[^_a-z])assert\(/ { count++ }
    /^\}/ {
        if (inside && is_seam) {
            lines[folder] += FNR - begin + 1
            asserts[folder] += count
        }
        inside = is_seam = 0
    }
    { before = $0 }
    END {
        for (folder in lines) {
            per_1000 = asserts[folder] * 1000 / lines[folder]
            if (per_1000 < 15 || verbose != "")
                printf "src/%s: %d assertions in %d lines of seams, %.1f per 1,000\n",
                    folder, asserts[folder], lines[folder], per_1000
            if (per_1000 < 15)
                bad = 1
        }
        if (lines["store/"] == 0) {
            print "no function was found"
            bad = 1
        }
        exit bad
    }
'
