#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     headers.sh SOURCE_DIRECTORY C_COMPILER
#
# Every header compiles alone: public ones as C11 and as C++17 (*.hpp as the latter, with
# and without exceptions) with the warnings that their users may have turned on, private
# ones as C11. clang++, when it is here, sees the two that include all others.
# No function bears the name of a type, and no header turns warnings off for who includes it.
# Templates (*_template.h) are no headers: they need the macros of who includes them.

set -eu
cd "$1"
compiler=$2
warnings="-Wall -Wextra -Wpedantic -Werror -fsyntax-only"
cpp_warnings="-Wshadow -Wconversion -Wold-style-cast"
bad=0

# compile_alone HEADER COMPILER FLAGS...
compile_alone() {
    header=$1
    shift
    # shellcheck disable=SC2086
    echo "#include \"$header\"" | "$@" $warnings -Iinclude - || {
        echo "$header: does not compile alone by: $*"
        bad=1
    }
}

public=$(cd include && find spine -name '*.h' | sort)
public_cpp=$(cd include && find spine -name '*.hpp' | sort)
private=$(cd src && find . -name '*.h' ! -name '*_template.h' | sed 's|^\./||' | sort)

for header in $public; do
    compile_alone "$header" "$compiler" -x c -std=c11
done
if command -v c++ >/dev/null 2>&1; then
    for header in $public $public_cpp; do
        # shellcheck disable=SC2086
        compile_alone "$header" c++ -x c++ -std=c++17 $cpp_warnings
    done
    for header in $public_cpp; do
        # shellcheck disable=SC2086
        compile_alone "$header" c++ -x c++ -std=c++17 $cpp_warnings -fno-exceptions
    done
else
    echo "skipped: C++17: there is no C++ compiler"
fi
if command -v clang++ >/dev/null 2>&1; then
    for header in spine/spine.h spine/spine.hpp; do
        # shellcheck disable=SC2086
        compile_alone "$header" clang++ -x c++ -std=c++17 $cpp_warnings
    done
else
    echo "skipped: C++17 by clang++, which is not here"
fi
for header in $private; do
    compile_alone "$header" "$compiler" -x c -std=c11 -D_POSIX_C_SOURCE=200809L -Isrc
done

# A public header includes other public headers and those of the language, no others.
grep -nE '^ *# *include' $(printf 'include/%s ' $public) |
    grep -vE 'include "spine/|include <std[a-z]*\.h>' && bad=1
# One of C++ may include the whole standard library.
grep -nE '^ *# *include' $(printf 'include/%s ' $public_cpp) |
    grep -vE 'include "spine/|include <[a-z_]+>' && bad=1

# No function bears the name of a type: in C++ the plain type name would then not compile.
# shellcheck disable=SC2086
types=$(sed -nE 's/^(struct|enum|union) (spine[a-z0-9_]*).*/\2/p' $(printf 'include/%s ' $public) | sort -u)
for type in $types; do
    # shellcheck disable=SC2086
    if grep -nE "(^|[^a-z0-9_])$type\(" $(printf 'include/%s ' $public); then
        echo "$type: a type and a function"
        bad=1
    fi
done
# Nobody who includes a header has its warnings turned off. In spine/result.hpp alone a wrong
# one of gcc is, up to the end of the header.
# shellcheck disable=SC2086
grep -nE 'pragma (GCC|clang) diagnostic' $(printf 'include/%s ' $public $public_cpp) |
    grep -vE '^include/spine/result\.hpp:[0-9]+:#pragma GCC diagnostic (push|pop|ignored "-Wmaybe-uninitialized")$' &&
    bad=1
[ "$(grep -c 'diagnostic push' include/spine/result.hpp)" = "$(grep -c 'diagnostic pop' include/spine/result.hpp)" ] || {
    echo "include/spine/result.hpp: warnings stay turned off"
    bad=1
}

exit $bad
