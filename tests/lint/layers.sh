#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     layers.sh SOURCE_DIRECTORY
#
# Who may include whom. A folder under src/ includes its own files, the public headers,
# and the doors, FOLDER/FOLDER.h, of folders further down in `layers`; base/ and rows/
# have several doors. The files directly in src/ are above all folders. libuv is known to base/ and
# runtime/ only, and the C library's allocator to base/alloc.c only.

set -eu
cd "$1"
layers=$(cat tests/lint/order.txt)

find src -name '*.[ch]' | sort | xargs awk -v layers="$layers" '
    BEGIN {
        count = split(layers, names, " ")
        for (i = 1; i <= count; i++)
            depth[names[i]] = i
    }

    function complain(why) {
        printf "%s:%d: includes \"%s\": %s\n", FILENAME, FNR, header, why
        bad = 1
    }

    FNR == 1 {
        parts = split(FILENAME, path, "/")
        folder = parts == 3 ? path[2] : ""
        if (parts > 3) {
            header = "?"
            complain("folders in folders of src/ are not known to this check")
        }
        if (folder != "" && !(folder in depth)) {
            header = "?"
            complain("folder " folder " is missing in the list of layers")
        }
    }

    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, quoted, "\"")
        header = quoted[2]
        parts = split(header, path, "/")
        if (parts == 1) {
            if (folder != "")
                complain("files directly in src/ are above this folder")
        } else if (path[1] == "spine" || path[1] == folder) {
            next
        } else if (parts > 2 || !(path[1] in depth)) {
            complain("no such folder")
        } else if (folder != "" && depth[path[1]] <= depth[folder]) {
            complain(path[1] "/ is above " folder "/")
        } else if (path[1] != "base" && path[1] != "rows" && path[2] != path[1] ".h") {
            complain("only the door " path[1] "/" path[1] ".h may be used here")
        }
    }

    /^[ \t]*#[ \t]*include[ \t]*<uv\.h>/ && folder != "base" && folder != "runtime" {
        header = "uv.h"
        complain("libuv is used through base/thread.h and runtime/ only")
    }

    /(^|[^_a-z])(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup)\(/ &&
        FILENAME !~ /^src\/base\/(alloc\.[ch]|stock\.c)$/ && !/^ *(\/?\*|\/\/)/ {
        printf "%s:%d: memory comes from base/alloc.h only\n", FILENAME, FNR
        bad = 1
    }

    END { exit bad }
'
