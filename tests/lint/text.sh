#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     text.sh SOURCE_DIRECTORY
#
# Every source file names its licence in its first three lines; no tabs, no blanks at the
# end of a line, no line of C beyond 90 columns, no notes to ourselves.
#
# clang-format leaves comments as they are, so this looks after them: the end of a comment
# stands alone only where its beginning does, and what is indented in one, as examples
# are, is followed by an empty line of the comment, by its end or by a list's next item.
#
# A file of src/ over 24 lines tells what it is in a comment before its declarations, with
# an empty line behind it.
#
# No two files of src/ have a static function, or define a struct, of one name: a stack
# trace, a breakpoint or a search by name leads to one place.
#
# A function that answers a question about what a lock guards, and does not take the lock,
# is called ..._locked().
#
# Sentences name what they mean: a count, and the thread or the caller.
#
# From a member to its struct leads container_of().
#
# A script with `set -e` does not end at a command that `!` negates, so no check is one.
#
# Of macros, only those of base/error.h change the flow; where nothing is done at `out:`,
# there is no such label.

set -eu
cd "$1"
bad=0

sources=$(
    find include src tests bench -name build -prune -o -type f \
        \( -name '*.[ch]' -o -name '*.[ch]pp' -o -name '*.def' -o -name '*.sh' -o -name run -o -name fresh \
        -o -name figures -o -name coverage \
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

# shellcheck disable=SC2086
if grep -niE '(^|[^a-z])(so many|how many of 1|whoever) ' /dev/null \
    $(echo "$sources" | grep -E '^(src|include)/.*\.(h|c|hpp|def)$'); then
    echo "the lines above do not name what they mean"
    bad=1
fi
# shellcheck disable=SC2086
if grep -nE '/\*+ *(Who|Those|That of) |\* Who |[.:;] Who |[^a-z](those|everybody|anybody|he) who |[^a-z](by|to|of) who |whom ' \
    /dev/null $(echo "$sources" | grep -E '^src/.*\.[ch]$'); then
    echo "the lines above say 'who' or 'those', and have no noun for it"
    bad=1
fi

# shellcheck disable=SC2086
awk '
    function complain(what) {
        printf "%s:%d: %s\n", FILENAME, FNR, what
        bad = 1
    }
    FNR == 1 { text_first = 0; before = "" }
    /\/\*+ *[^ *\/]/ && !/\*\// { text_first = 1 }
    /^ *\*+\/ *$/ && text_first { complain("the end of the comment stands alone") }
    /\*\// { text_first = 0 }
    before ~ /^ *\*     +[^ ]/ && /^ *\* [^ ]/ { complain("follows an example without a gap") }
    { before = $0 }
    END { exit bad }
' $(echo "$sources" | grep -E '\.[ch](pp)?$') || bad=1

# shellcheck disable=SC2086
awk '
    /^ *# *define/ { inside = 1; name = $2 }
    # Whole functions, which return from themselves.
    name ~ /^SPINE_(MEMBERS|COMPARED)\(/ { inside = 0 }
    inside && /(^|[^_a-z])(return|goto|break|continue)([^_a-z]|$)/ {
        printf "%s:%d: %s changes the flow\n", FILENAME, FNR, name
        bad = 1
    }
    !/\\$/ { inside = 0 }
    END { exit bad }
' $(echo "$sources" | grep -E '^(src|include)/.*\.[ch](pp)?$' | grep -v '^src/base/error\.h$') || bad=1

# shellcheck disable=SC2086
awk '
    before == "out:" && $0 == "    return st;" {
        printf "%s:%d: nothing is done at out:, so TRY_RETURN() serves\n", FILENAME, FNR
        bad = 1
    }
    { before = $0 }
    END { exit bad }
' $(echo "$sources" | grep -E '^src/.*\.[ch]$') || bad=1

# shellcheck disable=SC2086
awk '
    function file_ends() {
        if (lines > 24 && !has_banner) {
            printf "%s:1: over 24 lines, and no comment says what the file is\n", file
            bad = 1
        }
    }
    FNR == 1 { file_ends(); file = FILENAME; has_banner = inside = declared = ended = 0 }
    ended && /^$/ && !declared { has_banner = 1 }
    { ended = 0 }
    FNR > 1 && /^\/\*/ { inside = 1 }
    inside && /\*\/ *$/ { inside = 0; ended = 1 }
    !inside && /^[a-z]/ { declared = 1 }
    { lines = FNR }
    END { file_ends(); exit bad }
' $(echo "$sources" | grep -E '^src/.*\.[ch]$') || bad=1

# shellcheck disable=SC2086
awk '
    function take(name) {
        if (name in owner && owner[name] != FILENAME) {
            printf "%s:%d: %s is in %s, too\n", FILENAME, FNR, name, owner[name]
            bad = 1
        }
        owner[name] = FILENAME
    }
    /^(static|INLINE_ALWAYS|WORD_SEARCH) / { is_static = 1 }
    # Its definition: the name begins the line.
    is_static && /^[a-z_0-9]+\(/ { name = $0; sub(/\(.*/, "", name); take(name "()") }
    /^\{|;$/ { is_static = 0 }
    /^struct [a-z_0-9]+ \{/ { take("struct " $2) }
    END { exit bad }
' $(echo "$sources" | grep -E '^src/.*\.[ch]$') || bad=1

# shellcheck disable=SC2086
awk '
    /^(static |inline |INLINE_ALWAYS |WORD_SEARCH )*bool$/ { answers = 1; next }
    /^[a-z]/ && !/^[a-z_0-9]+\(/ { answers = 0 }
    answers && /^[a-z_0-9]+\(/ { name = $0; sub(/\(.*/, "", name); line = FNR }
    /^\{/ { needs = 0; locks = 0 }
    /^ / && (/_locked\(/ || (/(->|\.)locked\./ && !/&[a-z_>.-]*locked\./)) { needs = 1 }
    /mutex_(un)?lock\(/ { locks = 1 }
    /^\}/ {
        if (answers && name != "" && needs && !locks && name !~ /_locked$/) {
            printf "%s:%d: %s() needs a lock, and its name does not say so\n", FILENAME, line, name
            bad = 1
        }
        answers = 0
        name = ""
    }
    END { exit bad }
' $(echo "$sources" | grep -E '^src/.*\.c$') || bad=1

# The formatter takes `enum e T` in a template for a declaration, and lays out what follows
# as if it were none of a class.
# shellcheck disable=SC2086
if grep -nE '^(public|private|protected) *:|(public|private|protected) :|<.*enum [a-z_]+ [A-Z]' /dev/null \
    $(echo "$sources" | grep -E '\.hpp$'); then
    echo "a template names the type of its parameter without enum"
    bad=1
fi

# It takes a < b && *c > d for a template, too.
# shellcheck disable=SC2086
if grep -nE '[a-z_]<[a-z_>.-]+( &&| \|\||,) \* [a-z]' /dev/null \
    $(echo "$sources" | grep -E '\.[ch]$'); then
    echo "the formatter has taken the comparisons above for types: turn them round"
    bad=1
fi

# shellcheck disable=SC2086
if grep -nE '^ *! [^|]*$' /dev/null $(grep -lE '^set -[a-z]*e' $sources); then
    echo "the lines above end nothing when they fail: say if ...; then"
    bad=1
fi

# shellcheck disable=SC2086
if grep -nE '\(char \*\)[a-z_]+ *- *offsetof' /dev/null \
    $(echo "$sources" | grep -E '^src/.*\.[ch]$' | grep -v '^src/base/container\.h$'); then
    echo "base/container.h has container_of() for that"
    bad=1
fi
exit $bad
