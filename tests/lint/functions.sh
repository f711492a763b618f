#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     functions.sh HEADER...
#
# All declarations that SPINE_API begins in these headers, a line each: the name, a tab, and
# the parameters as they stand there, without comments.

set -eu
cat "$@" | awk '
    { text = text " " $0 }
    END {
        while ((at = index(text, "/*")) > 0) {
            rest = substr(text, at + 2)
            text = substr(text, 1, at - 1) substr(rest, index(rest, "*/") + 2)
        }
        gsub(/# *define SPINE_API/, "", text)
        count = split(text, part, /SPINE_API/)
        for (i = 2; i <= count; i++) {
            name = part[i]
            sub(/\(.*/, "", name)
            sub(/.*[^a-z_0-9]/, "", name)
            parameters = substr(part[i], index(part[i], "(") + 1)
            parameters = substr(parameters, 1, index(parameters, ";") - 1)
            sub(/\)[^)]*$/, "", parameters)
            print name "\t" parameters
        }
    }'
