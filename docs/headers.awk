# SPDX-License-Identifier: MIT
#
#     awk -v form=doxygen -f headers.awk include/spine/NAME.h
#     awk -v form=manual -v version=V -f headers.awk include/spine/NAME.h
#
# Reads a public header, in which comments are plain ones, and writes it as Doxygen wants it,
# or, of a header for C, as a page of the manual. In both forms
#
# - a comment that comes right before a declaration is about that one, and about those that
#   follow without a comment or an empty line between; the first comment of a header is about
#   the header; others, with an empty line behind them, are about nothing;
# - the first fields of a structure, without one, are told by that of the structure;
# - of an overloaded function in C++, such as the two forms with and without std::nothrow,
#   one that has no comment has that of the one before, and so have classes of one name;
# - a function in C++ without one that calls a function of C says that, as it is called there;
# - fields that spine/metrics.def lists have their help as comment.
#
# What has no comment after that is named by Doxygen; in the manual it is an error.

BEGIN {
    kind[0] = "file"
    usual["begin"] = "The first, for loops over all of them."
    usual["end"] = "Behind the last."
    usual["size"] = "How many there are."
    usual["empty"] = "Is there none?"
    usual["data"] = "The first of them in memory."
    usual["get"] = "What it wraps, which stays with it."
}

# --- lines ------------------------------------------------------------------------------

in_comment {
    comment[++comment_lines] = $0
    if (index($0, "*/"))
        in_comment = 0
    next
}
declaration == "" && /^[ \t]*\/\*/ {
    if (comment_lines > 0)
        drop_comment()
    comment[comment_lines = 1] = $0
    in_comment = !index($0, "*/")
    next
}
in_macro {
    add_line($0)
    if (!/\\$/) {
        in_macro = 0
        end_declaration()
    }
    next
}
/^#[ ]*include "spine\/metrics.def"/ {
    tell_metrics()
    next
}
/^#[ ]*define SPINE_[A-Z]*_(METRIC|HISTOGRAM|SIZES)[( ]/ && FILENAME ~ /\.h$/ {
    metric = $2
    sub(/\(.*/, "", metric)
    metrics[metric] = metric ~ /HISTOGRAM/ ? "struct spine_histogram" : \
        metric ~ /SIZES/ ? "struct spine_size_histogram" : "uint64_t"
    next
}
declaration == "" && /^#[ ]*ifndef/ {
    guard = $2
}
declaration == "" && /^#[ ]*define/ && $2 == guard && NF == 2 && file_comment_lines > 0 {
    comment[comment_lines = 1] = "/* What follows is there. */"
}
declaration == "" && /^#[ ]*define/ && !/^#[ ]*define SPINE_[A-Z_]*_HP*$/ {
    what = "macro"
    add_line($0)
    if (/\\$/)
        in_macro = 1
    else
        end_declaration()
    next
}
declaration == "" && /^#/ {
    drop_comment()
    if (/^#[ ]*include/ && !/<std/) {
        name = $2
        gsub(/"/, "", name)
        included[++included_count] = name
    }
    # What is in extern "C" is as it is outside.
    in_cplusplus = /^#ifdef __cplusplus/
    show($0)
    next
}
declaration == "" && (/^$/ || /^[ \t]*(public|private|protected):/ || in_cplusplus) {
    # What is protected is for the library.
    sub(/protected:/, "private:")
    if (!/^$/ || file_comment_lines > 0 || comment_lines == 0)
        drop_comment()
    else
        file_comment()
    neighbour_lines = 0
    show($0)
    next
}
declaration == "" && /^[ \t]*}/ {
    drop_comment()
    if (depth > 0)
        depth--
    neighbour_lines = 0
    show($0)
    next
}
{
    if (declaration == "")
        what = kind[depth] == "enum" ? "enumerator" : "name"
    add_line($0)
    look_at($0)
}
END {
    if (form == "manual")
        finish_page()
    exit bad
}

# --- declarations -----------------------------------------------------------------------

function add_line(line) {
    line_of[++line_count] = line
    declaration = declaration line "\n"
}

# Counts the parentheses of a line that belongs to a declaration: does it end here?
function look_at(line,    i, c, code) {
    code = without_texts(line)
    for (i = 1; i <= length(code); i++) {
        c = substr(code, i, 1)
        if (c == "(") {
            parens++
        } else if (c == ")") {
            parens--
        } else if (c == "{") {
            if (braces == 0 && parens == 0 && opens_members(seen)) {
                open_members(substr(code, i + 1))
                return
            }
            braces++
        } else if (c == "}") {
            braces--
        } else if (c == ";" && braces == 0 && parens == 0) {
            end_declaration()
            return
        }
        seen = seen c
    }
    seen = seen " "
    if (braces == 0 && parens == 0 &&
        (what == "enumerator" || (code ~ /^[ \t]*}[; \t]*$/ && seen ~ /[{].*}/)))
        end_declaration()
}

# A line without what is in quotes and in comments, which may be of several lines.
function without_texts(line,    at, end) {
    if (inner_comment) {
        at = index(line, "*/")
        inner_comment = at == 0
        line = at > 0 ? substr(line, at + 2) : ""
    }
    gsub(/"[^"]*"/, "\"\"", line)
    while ((at = index(line, "/*")) > 0) {
        end = index(substr(line, at + 2), "*/")
        inner_comment = end == 0
        line = substr(line, 1, at - 1) (end > 0 ? substr(line, at + 3 + end) : "")
    }
    gsub(/'[{}()]'/, "", line)
    return line
}

function without_angles(text) {
    while (gsub(/<[^<>]*>/, "", text))
        ;
    return text
}

function opens_members(text) {
    text = without_angles(text)
    return text !~ /\(/ && text ~ /(^|[ \t])(class|struct|union|enum|namespace)([ \t]|$)/ &&
        (form == "doxygen" || text ~ /namespace/)
}

function open_members(rest,    text) {
    text = without_angles(seen)
    sub(/ *:.*/, "", text)
    sub(/ +$/, "", text)
    sub(/.* /, "", text)
    container = "class " text
    tell()
    container = ""
    depth++
    class_name[depth] = text
    text = without_angles(seen)
    kind[depth] = text ~ /(^|[ \t])enum[ \t]/ ? "enum" : text ~ /namespace/ ? "namespace" : "type"
    if (rest ~ /}/)
        depth--
    start_again()
    if (kind[depth] == "namespace")
        neighbour_lines = 0
}

function end_declaration() {
    tell()
    start_again()
}

function start_again() {
    declaration = seen = ""
    line_count = braces = parens = 0
    comment_lines = 0
}

# The name of the function that is declared, or nothing.
function function_name(    text) {
    if (what == "macro")
        return ""
    text = without_angles(declaration)
    gsub(/\n/, " ", text)
    if (match(text, /operator *[^ a-z_(]+ *\(|operator *\(\)|operator [^(]*\(/) ||
        match(text, /~?[A-Za-z_0-9]+ *\(/)) {
        text = substr(text, RSTART, RLENGTH)
        sub(/ *\($/, "", text)
        return text
    }
    return ""
}

# Is what ends a field of a structure, or a value of an enumeration?
function is_field(name) {
    return name == "" && (kind[depth] == "type" || kind[depth] == "enum") && what != "macro" &&
        declaration !~ /(^|[ \n])(using|template|friend|class|struct|enum|union)[ \n]/
}

# --- comments ---------------------------------------------------------------------------

function drop_comment(    i) {
    for (i = 1; i <= comment_lines; i++)
        show(comment[i])
    comment_lines = 0
}

# Finds the comment of the declaration that ends, as the rules on top say.
function tell(    i, name) {
    name = container != "" ? container : function_name()
    comment_is_borrowed = comment_lines == 0
    if (comment_lines == 0 && neighbour_lines > 0 && (FILENAME ~ /\.h$/ || is_field(name))) {
        for (i = 1; i <= neighbour_lines; i++)
            comment[i] = neighbour[i]
        comment_lines = neighbour_lines
    }
    if (FILENAME ~ /hpp$/)
        comment_of_cpp(name)
    neighbour_lines = comment_lines
    for (i = 1; i <= comment_lines; i++)
        neighbour[i] = comment[i]

    if (form == "doxygen") {
        write_comment("/**")
        for (i = 1; i <= line_count; i++)
            print line_of[i]
    } else {
        write_entry()
    }
}

# In C++: the comment of the overload before, or what can be read from the declaration.
function comment_of_cpp(name,    i, key) {
    key = depth SUBSEP name
    if (comment_lines == 0 && name != "" && overload_lines[key] > 0) {
        comment_lines = overload_lines[key]
        for (i = 1; i <= comment_lines; i++)
            comment[i] = overload[key, i]
    }
    overload_lines[key] = comment_lines
    for (i = 1; i <= comment_lines; i++)
        overload[key, i] = comment[i]
    if (comment_lines > 0 || what != "name")
        return
    if (index(declaration, " " name "(std::nothrow"))
        comment[comment_lines = 1] = "/* " name "(std::nothrow_t), but throws what that tells. */"
    else if (match(declaration, /[^a-zA-Z_:]spine_[a-z0-9_]+\(/))
        comment[comment_lines = 1] = "/* As " substr(declaration, RSTART + 1, RLENGTH - 1) "). */"
    else if (name ~ /^operator/)
        comment[comment_lines = 1] = "/* As this operator is elsewhere. */"
    else if (name == class_name[depth])
        comment[comment_lines = 1] = "/* Makes one. */"
    else if (declaration ~ /^[ ]*(template[^;]*)?using /)
        comment[comment_lines = 1] = "/* A short name. */"
    else if (name in usual)
        comment[comment_lines = 1] = "/* " usual[name] " */"
}

# Of each metric that the structure has: its field, as C has it, and its help.
function tell_metrics(    line, file, text, field, help, type) {
    file = FILENAME
    sub(/[^\/]*$/, "metrics.def", file)
    text = ""
    while ((getline line < file) > 0) {
        for (metric in metrics)
            if (index(line, metric "(") == 1) {
                text = ""
                type = metrics[metric]
                break
            }
        if (line ~ /^SPINE_/ && index(line, metric "(") != 1) {
            type = ""
            text = ""
        }
        if (type == "" || line == "")
            continue
        text = text (text == "" ? "" : " ") line
        if (text !~ /"\)$/)
            continue
        field = text
        sub(/^[^(]*\(/, "", field)
        sub(/,.*/, "", field)
        help = substr(text, index(text, "\"") + 1)
        sub(/"\)$/, "", help)
        gsub(/" *"/, "", help)
        if (form == "doxygen") {
            print "/** " help " */\n" type " " field ";"
        } else {
            add_line("    /* " help " */")
            add_line("    " type " " field ";")
        }
        text = type = ""
    }
    close(file)
    for (metric in metrics)
        delete metrics[metric]
}

# --- as Doxygen wants it ------------------------------------------------------------------

function show(line) {
    if (form == "doxygen")
        print line
}

function file_comment(    i) {
    file_comment_lines = comment_lines
    for (i = 1; i <= comment_lines; i++)
        about[i] = comment[i]
    if (comment[1] ~ /SPDX/)
        file_comment_lines = 0
    else if (form == "doxygen")
        write_comment("/** \\file")
    comment_lines = 0
}

function write_comment(begin,    i, line) {
    for (i = 1; i <= comment_lines; i++) {
        line = comment[i]
        # Not in examples, which are indented.
        if (line !~ /^[ \t]*\*     /) {
            gsub(/[<>@\\#%]/, "\\\\&", line)
        }
        if (i == 1)
            sub(/\/\*/, begin, line)
        print line
    }
}

# --- as a page of the manual --------------------------------------------------------------

# Remembers a declaration with what is said of it; of one that has the comment of the one
# before, the declaration alone.
function write_entry(    i, line, text, is_function) {
    is_function = what == "name" && declaration ~ /SPINE_API|static inline/
    if (what == "macro" && FILENAME ~ /types\.h$/ && declaration ~ /SPINE_(API|CHECKED)/)
        return
    # A structure that is opaque has nothing to tell.
    if (declaration ~ /^#define [A-Z_]+_INTERFACE\n/ ||
        (declaration ~ /^(struct|union) [a-z_]+;\n$/ && comment_is_borrowed)) {
        neighbour_lines = 0
        return
    }
    if (comment_lines == 0) {
        print FILENAME ": nothing is said of: " line_of[1] >"/dev/stderr"
        bad = 1
    }
    text = ""
    for (i = 1; i <= line_count; i++) {
        if (line_of[i] == "{" && is_function)
            break
        line = line_of[i]
        if (is_function && i > 1)
            sub(/^[ \t]+/, "    ", line)
        text = text code_line(line)
    }
    gsub(/SPINE_API |SPINE_CHECKED |static inline /, "", text)
    if (is_function) {
        names = names ", " function_name()
        if (!comment_is_borrowed && entry_open)
            functions = functions entry_comment
        functions = functions (comment_is_borrowed ? "" : ".PP\n") ".EX\n" text ".EE\n"
        entry_comment = roff_of(1)
        entry_open = 1
    } else if (comment_is_borrowed && types ~ /\.EE\n$/) {
        types = substr(types, 1, length(types) - length(".EE\n")) text ".EE\n"
    } else {
        types = types ".PP\n" roff_of(0) ".PP\n.EX\n" text ".EE\n"
    }
}

function code_line(line) {
    gsub(/\\/, "\\e", line)
    gsub(/-/, "\\-", line)
    if (line ~ /^[.']/)
        line = "\\\\&" line
    return line "\n"
}

# The comment as paragraphs; indented ones if `indented`.
function roff_of(indented,    i, line, text, in_code, font, part, parts, j) {
    text = indented ? ".RS 4\n" : ""
    font = 0
    for (i = 1; i <= comment_lines; i++) {
        line = comment[i]
        sub(/^[ \t]*\/?\*+\/?/, "", line)
        sub(/[ \t]*\*\/[ \t]*$/, "", line)
        if (line ~ /^     /) {
            text = text (in_code ? "" : ".PP\n.EX\n") code_line(substr(line, 2))
            in_code = 1
            continue
        }
        sub(/^[ \t]+/, "", line)
        if (line == "" && in_code && comment[i + 1] ~ /^[ \t]*\*     /) {
            text = text "\n"
            continue
        }
        if (in_code)
            text = text ".EE\n.PP\n"
        else if (line == "" && i > 1 && i < comment_lines)
            text = text ".PP\n"
        in_code = 0
        if (line == "")
            continue
        gsub(/\\/, "\\e", line)
        if (line ~ /^- /) {
            text = text ".IP \\(bu 2\n"
            line = substr(line, 3)
        }
        gsub(/-/, "\\-", line)
        parts = split(line, part, /`/)
        line = font ? "\\fI" part[1] : part[1]
        for (j = 2; j <= parts; j++) {
            font = !font
            line = line (font ? "\\fI" : "\\fR") part[j]
        }
        if (font)
            line = line "\\fR"
        if (line ~ /^[.']/)
            line = "\\&" line
        text = text line "\n"
    }
    if (in_code)
        text = text ".EE\n"
    return text (indented ? ".RE\n" : "")
}

# Paragraphs begin once.
function without_gaps(text) {
    gsub(/(\.PP\n)+/, ".PP\n", text)
    sub(/^\.PP\n/, "", text)
    sub(/\.PP\n$/, "", text)
    return text
}

function finish_page(    i, header, page, see, sentence) {
    if (file_comment_lines == 0) {
        print FILENAME ": nothing is said of the header" >"/dev/stderr"
        bad = 1
    }
    header = FILENAME
    sub(/.*\//, "", header)
    comment_lines = file_comment_lines
    for (i = 1; i <= comment_lines; i++)
        comment[i] = about[i]
    about_text = roff_of(0)
    # The first sentence, or what is before a colon.
    sentence = about_text
    gsub(/\n/, " ", sentence)
    sub(/\.( |$).*/, "", sentence)
    sub(/ \.(PP|EX).*/, "", sentence)
    sentence = tolower(substr(sentence, 1, 1)) substr(sentence, 2)
    sub(/\\-/, "-", sentence)

    page = "spine_" header
    print ".\\\" SPDX-License-Identifier: MIT"
    printf ".TH %s 3 \"\" \"spine %s\" \"Library Functions\"\n", toupper(page), version
    printf ".SH NAME\n%s%s \\- %s\n", page, names, sentence
    printf ".SH SYNOPSIS\n.B #include <spine/%s>\n", header
    printf ".SH DESCRIPTION\n%s", without_gaps(about_text)
    if (types != "")
        printf ".SH TYPES AND CONSTANTS\n%s", without_gaps(types)
    if (functions != "")
        printf ".SH FUNCTIONS\n%s", without_gaps(functions entry_comment)
    see = ".BR spine (1)"
    for (i = 1; i <= included_count; i++) {
        sub(/\//, "_", included[i])
        see = see ",\n.BR " included[i] " (3)"
    }
    print ".SH SEE ALSO\n" see
}
