#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     sizes.sh SOURCE_DIRECTORY
#
# Files: 600 lines; headers less: public ones 200, private ones 250, doors (FOLDER/FOLDER.h,
# spine.h), which hold the contract of a folder, 300. Functions: 70 lines from the line of the name to
# the closing brace, 6 parameters (8 where INLINE_ALWAYS makes them free), 3 nested control
# statements.
# Relies on the layout of clang-format: name and braces of a function at column 0.

set -eu
cd "$1"

find include src tests bench -name '*.[ch]' -o -name '*.hpp' | sort | xargs awk '
    function complain(line, what, is, most) {
        printf "%s:%d: %s: %d, at most %d\n", name_of_file, line, what, is, most
        bad = 1
    }

    function file_ends() {
        if (name_of_file == "")
            return
        most = 600
        parts = split(name_of_file, path, "/")
        if (path[parts] == path[parts - 1] ".h")
            most = 300
        else if (name_of_file ~ /^include\/.*\.h$/)
            most = 200
        else if (name_of_file ~ /^src\/.*\.h$/)
            most = 250
        if (lines > most)
            complain(lines, "lines of the file", lines, most)
    }

    # Commas at depth one of the last group of parentheses in `text`, plus one.
    function parameters(text,    i, c, depth, commas) {
        sub(/__attribute__.*/, "", text)
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            if (c == "(" && depth++ == 0)
                commas = 0
            else if (c == ")")
                depth--
            else if (c == "," && depth == 1)
                commas++
        }
        return commas + 1
    }

    FNR == 1 {
        file_ends()
        name_of_file = FILENAME
        begin = 0
    }

    { lines = FNR }

    /^[A-Za-z_].*\(/ && !inside {
        begin = FNR
        signature = ""
        parameters_most = before ~ /^INLINE_ALWAYS/ ? 8 : 6
    }
    begin && !inside { signature = signature $0 }
    /;$/ && !inside { begin = 0 }

    /^\{/ && begin {
        inside = 1
        match(signature, /[A-Za-z_0-9]+(\([a-z_0-9]+\))?\(/)
        function_name = substr(signature, RSTART, RLENGTH - 1)
        count = parameters(signature)
        if (count > parameters_most)
            complain(begin, "parameters of " function_name, count, parameters_most)
    }

    /^                +(if|for|while|switch|do)[ (]/ && inside && FILENAME ~ /^src\// {
        match($0, /[^ ]/)
        complain(FNR, "nested control statements in " function_name, int((RSTART - 1) / 4), 3)
    }

    /^\}/ && inside {
        length_of_function = FNR - begin + 1
        if (length_of_function > 70)
            complain(begin, "lines of " function_name, length_of_function, 70)
        inside = 0
        begin = 0
    }

    { before = $0 }

    END {
        file_ends()
        exit bad
    }
'
