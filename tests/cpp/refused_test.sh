#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     refused_test.sh CXX INCLUDE_DIRECTORY
#
# What spine.hpp does not compile, and what the compiler says then: cells of another kind
# than the column's. The same statements compile with cells that fit.

set -eu
compiler=$1
include=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# Fifty statements are compiled after the same headers, which are read once.
flags="-std=c++17 -Wall -Wextra -Werror"
mkdir "$work/read"
echo '#include <spine/batch.hpp>' >"$work/read/batch.hpp"
# shellcheck disable=SC2086
"$compiler" $flags -x c++-header -I "$include" "$work/read/batch.hpp" -o "$work/read/batch.hpp.gch"

# Is statement $1 valid, of batchers and cursors of numbers, strings and sets?
compiles() {
    cat >"$work/unit.cpp" <<EOF
using namespace std::string_literals;
void
statement(spine_cpp::batcher<uint64_t, int32_t> &numbers,
          spine_cpp::batcher<double, double> &doubles,
          spine_cpp::batcher<std::string, std::string> &strings,
          spine_cpp::batcher<uint64_t, void> &set, spine_cpp::cursor<uint64_t, double> &cursor,
          spine_cpp::batcher<uint64_t, int32_t, SPINE_TIME_U64> &timed,
          spine_cpp::batcher<uint64_t, void, SPINE_UNTIMED, 2> &sums)
{
    using spine_cpp::at_time;
    using spine_cpp::weight;
    (void)numbers, (void)doubles, (void)strings, (void)set, (void)cursor;
    (void)timed, (void)sums;
    $1;
}
EOF
    # shellcheck disable=SC2086
    "$compiler" $flags -fsyntax-only -I "$include" -include "$work/read/batch.hpp" \
        "$work/unit.cpp" >"$work/log" 2>&1
}

accept() {
    compiles "$1" || {
        cat "$work/log"
        echo "does not compile: $1"
        bad=1
    }
}

# refuse MESSAGE STATEMENT
refuse() {
    if compiles "$2"; then
        echo "compiles: $2"
        bad=1
    elif ! grep -q "$1" "$work/log"; then
        cat "$work/log"
        echo "is refused without '$1': $2"
        bad=1
    fi
}

bytes='a number is wanted, not bytes'
double='an integer is wanted, not a double'
refuse "$bytes" 'numbers.add("ada", 1)'
refuse "$bytes" 'numbers.add(1, "ada"s)'
refuse "$bytes" '(void)numbers.add(std::nothrow, std::string_view("ada"), 1)'
refuse "$bytes" 'numbers.add(nullptr, 1)'
refuse "$bytes" 'set.add("ada")'
refuse "$bytes" 'doubles.add("ada", 1)'
refuse "$bytes" '(void)cursor.seek_key_exact("ada")'
refuse "$bytes" 'cursor.seek_val("ada"s)'
refuse "$double" 'numbers.add(1.0, 1)'
refuse "$double" 'numbers.add(1, 1, 0.5)'
refuse "$double" 'timed.add(1, 1, at_time{0.5})'
refuse 'a row has one weight, and a time is at_time{...}' 'numbers.add(1, 1, 1, 5)'
refuse 'these rows have no times' 'numbers.add(1, 1, at_time{5})'
refuse 'so that neither is taken for the other' 'timed.add(1, 1, 5)'
refuse 'so that neither is taken for the other' 'timed.add(1, 1, 5, at_time{1})'
refuse 'a row has one time' 'timed.add(1, 1, at_time{1}, at_time{2})'
refuse 'rows of several weights take weights<N>' 'sums.add(1, 5)'
refuse 'another number of weights' 'sums.add(1, spine_cpp::weights<3>{1, 2, 3})'
refuse 'no column can be of this type: take' '(void)sizeof(spine_cpp::batcher<int *, int>)'
accept 'timed.add(1, 1, weight{5}, at_time{1}); timed.add(1, 1, at_time{1, 2}); timed.add(1, 1)'
accept 'sums.add(1, spine_cpp::weights<2>{1, 5}); sums.add(1); sums.add(1, weight{2})'
refuse "$double" 'set.add(1, 0.5)'
refuse "$double" '(void)set.add(std::nothrow, 1, 0.5)'
refuse "$bytes" 'set.add(1, "ada")'
refuse 'text_argument' 'strings.add("ada", 0)'
refuse 'text_argument' 'strings.add("ada", nullptr)'
accept 'numbers.add(1, true); numbers.add(1, 2u); numbers.add(1ull, 2, -1)'
accept '(void)numbers.add(std::nothrow, 1, 2); set.add(1); doubles.add(1, 2.5f)'
accept 'char text[] = "ada"; const char *end = text; strings.add(text, end)'
accept 'strings.add("ada", std::string_view("ada")); strings.add("ada"s, "")'
accept 'cursor.seek_key(1); cursor.seek_val(1)'

# Prefixes of keys.
pairs='spine_cpp::cursor<std::tuple<std::string, int>, int> pairs;'
refuse 'only keys that are tuples have prefixes' 'cursor.seek_prefix(std::tuple(1))'
refuse 'no more elements than the key has columns' "$pairs pairs.set_prefix(std::tuple(\"a\", 1, 2))"
refuse 'no value of the key' "$pairs pairs.set_prefix(std::tuple(1))"
refuse 'no value of the key' "$pairs pairs.seek_prefix(std::tuple(\"a\", \"b\"))"
refuse "$double" "$pairs pairs.set_prefix(std::tuple(\"a\", 1.5))"
accept "$pairs pairs.set_prefix(std::tuple(\"a\")); pairs.seek_prefix(std::tuple(\"a\", 1))"

# Which column a char would be depends on the machine.
refuse 'take std::int8_t or std::uint8_t' '(void)spine_cpp::batcher<std::tuple<char, int>, int>::open(std::nothrow)'
refuse 'take std::int8_t or std::uint8_t' '(void)spine_cpp::batcher<std::tuple<int, std::optional<wchar_t>>, int>::open(std::nothrow)'
# Nor is there a column of hours, or of fractions of a second as a double.
point='std::chrono::time_point<std::chrono::system_clock, std::chrono::duration<'
refuse 'whole days, seconds, milliseconds' "(void)sizeof(spine_cpp::tuple_value<${point}int, std::ratio<3600>>>>)"
refuse 'whole days, seconds, milliseconds' "(void)sizeof(spine_cpp::tuple_value<${point}double>>>)"
accept "(void)sizeof(spine_cpp::tuple_value<${point}int, std::ratio<86400>>>>)"
accept '(void)spine_cpp::batcher<std::tuple<signed char, unsigned char, std::array<char, 2>>, int>::open(std::nothrow)'

refuse 'a structure with SPINE_MEMBERS()' '(void)spine_cpp::batcher<std::tuple<int *>, int>::open(std::nothrow)'
refuse 'a structure with SPINE_MEMBERS()' '(void)sizeof(spine_cpp::batcher<int, std::optional<int *>>)'

# What is read must be settable, and stay.
refuse 'neither const nor a reference' '(void)spine_cpp::batcher<std::tuple<int, const int>, int>::open(std::nothrow)'
refuse 'neither const nor a reference' '(void)spine_cpp::batcher<std::tuple<int &>, int>::open(std::nothrow)'
text='std::string_view bytes'
views='std::tuple<int, std::optional<std::tuple<spine_cpp::descending<std::string_view>>>>'
refuse 'take std::string' "$text; (void)spine_cpp::decode_tuple<std::tuple<std::string_view>>(bytes)"
refuse 'take std::string' "$text; (void)spine_cpp::decode_tuple<$views>(std::nothrow, bytes)"
accept "$text; (void)spine_cpp::decode_tuple<std::tuple<std::optional<std::string>>>(bytes)"
listed() {
    cat >"$work/listed.cpp" <<EOF
#include <spine/tuple.hpp>
struct row {
    std::string text;
    $1;
};
SPINE_MEMBERS(row, text, member)
EOF
    "$compiler" -std=c++17 -Wall -Wextra -Wshadow -Werror -fsyntax-only -I "$include" \
        "$work/listed.cpp" >"$work/log" 2>&1
}
for member in 'const int member = 1' 'int &member'; do
    if listed "$member" || ! grep -q 'reading sets members' "$work/log"; then
        cat "$work/log"
        echo "'$member' is listed, or refused without a word"
        bad=1
    fi
done
listed 'int member' || {
    cat "$work/log"
    echo "a plain member is not listed"
    bad=1
}

# A list of more members than there may be says so.
members() {
    list=$(yes a | head -n "$1" | paste -sd ,)
    cat >"$work/members.cpp" <<EOF
#include <spine/tuple.hpp>
struct row {
    int a;
};
SPINE_MEMBERS(row, $list)
EOF
    "$compiler" -std=c++17 -fsyntax-only -I "$include" "$work/members.cpp" >"$work/log" 2>&1
}
members 24 || {
    cat "$work/log"
    echo "a structure has no 24 members"
    bad=1
}
for count in 25 36; do
    if members $count || ! grep -q 'SPINE_MEMBERS_takes_24_members' "$work/log"; then
        cat "$work/log"
        echo "a structure has $count members, or is refused without a word"
        bad=1
    fi
done

# The same of one row at a time.
cat >"$work/row.cpp" <<EOF
#include <spine/spine.hpp>
void
row(spine_cpp::tuple_writer &writer)
{
    writer.put(VALUE);
}
EOF
put() {
    "$compiler" -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I "$include" -D"VALUE=$1" \
        "$work/row.cpp" >"$work/log" 2>&1
}
for value in "'a'" "L'a'" 1.0L; do
    if put "$value" || ! grep -q 'spine_cpp::tuple_writer: ' "$work/log"; then
        cat "$work/log"
        echo "a column takes $value, or is refused without a word"
        bad=1
    fi
done
for value in true 1 2u -3ll 1.0f 1.0 '"ada"'; do
    put "$value" || {
        cat "$work/log"
        echo "a column does not take $value"
        bad=1
    }
done

# An argument that is {} is not std::nothrow.
cat >"$work/braces.cpp" <<EOF
#include <spine/spine.hpp>
void
braces(spine_cpp::store &store, spine_cpp::map<uint64_t, uint64_t, SPINE_TIME_U64> &map,
       spine_cpp::cursor<uint64_t, uint64_t, SPINE_TIME_U64> &cursor)
{
    spine_cpp::runtime runtime = spine_cpp::runtime::open({});
    spine_sweep_info swept = store.sweep({});
    bool room = map.insert_wait({}), idle = map.wait_idle({});
    bool dirty = map.clear_dirty({});
    spine_cpp::column_types types = spine_cpp::column_types::open({});
    auto group = cursor.group({});
    (void)swept, (void)room, (void)idle, (void)dirty, (void)types, (void)group;
    auto same = cursor.group(std::nothrow);
    if (!same || !map.wait_idle(std::nothrow, {}) || !store.sweep(std::nothrow, {}))
        runtime = spine_cpp::runtime::open(std::nothrow, {}).value();
}
EOF
"$compiler" -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I "$include" "$work/braces.cpp" || {
    echo "{} is taken for std::nothrow"
    bad=1
}

# Older C++ is told what is wanted, and nothing else.
echo '#include <spine/spine.hpp>' >"$work/old.cpp"
"$compiler" -std=c++14 -fsyntax-only -I "$include" "$work/old.cpp" >"$work/log" 2>&1 && {
    echo "C++14 compiles"
    bad=1
}
if [ "$(grep -c 'error: ' "$work/log")" != 1 ] || ! grep -q 'needs C++17' "$work/log"; then
    cat "$work/log"
    echo "C++14 is refused by more than one #error"
    bad=1
fi
exit $bad
