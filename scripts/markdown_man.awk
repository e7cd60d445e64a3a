# SPDX-License-Identifier: GPL-3.0-or-later
#
# Markdown as the documents of this repository use it, as the body of a man page: headings, paragraphs, lists, indented
# code, tables, `code`, **bold** and [links](...). A table becomes a list: the first cell, then what the others say. The
# title, comments, and lists that only point into the page are left out.
#
#     awk -f scripts/markdown_man.awk docs/spec.md
#     awk -v level=1 -f ...      headings "##" become subsections

# Characters that troff would take for its own, of plain text.
function escape(s) {
    gsub(/\\/, "\\e", s)
    gsub(/'/, "\\(aq", s)
    gsub(/\^/, "\\(ha", s)
    gsub(/~/, "\\(ti", s)
    return s
}

# What stands in `code`: hyphens are those of options.
function escape_code(s) {
    s = escape(s)
    gsub(/-/, "\\-", s)
    gsub(/`/, "\\(ga", s)
    return s
}

function inline(s,    out, at, end, word) {
    out = ""
    while ((at = match(s, /`|\*|\[|\\\|/)) > 0) {
        out = out escape(substr(s, 1, at - 1))
        word = substr(s, at)
        if (word ~ /^\\\|/) {
            out = out "|"
            s = substr(word, 3)
        } else if (word ~ /^`[^`]+`/) {
            match(word, /^`[^`]+`/)
            out = out "\\fB" escape_code(substr(word, 2, RLENGTH - 2)) "\\fR"
            s = substr(word, RLENGTH + 1)
        } else if (word ~ /^\*\*[^*]+\*\*/) {
            match(word, /^\*\*[^*]+\*\*/)
            end = RLENGTH # the call below sets it, too
            out = out "\\fB" inline(substr(word, 3, end - 4)) "\\fR"
            s = substr(word, end + 1)
        } else if (word ~ /^\*[A-Za-z][^*]*\*/) {
            match(word, /^\*[^*]+\*/)
            out = out "\\fI" escape(substr(word, 2, RLENGTH - 2)) "\\fR"
            s = substr(word, RLENGTH + 1)
        } else if (word ~ /^\[[^]]*\]\([^)]*\)/) {
            match(word, /^\[[^]]*\]/)
            end = RLENGTH
            out = out inline(substr(word, 2, end - 2))
            match(word, /^\[[^]]*\]\([^)]*\)/)
            s = substr(word, RLENGTH + 1)
        } else {
            out = out escape(substr(word, 1, 1))
            s = substr(word, 2)
        }
    }
    return out escape(s)
}

# A line that begins with a macro would be taken for one.
function guard(s) {
    return s ~ /^[.']/ ? "\\&" s : s
}

# Sentences begin on lines of their own.
function put(s,    at) {
    s = inline(s)
    while ((at = match(s, /[.:] [A-Z]/)) > 0) {
        print guard(substr(s, 1, at))
        s = substr(s, at + 2)
    }
    print guard(s)
}

function flush_text() {
    if (text != "" && !(item && text ~ /^\[[^]]*\]\(#/))
        put_block()
    text = ""
    item = 0
}

function put_block() {
    if (item)
        print ".IP \\(bu 2"
    else if (!fresh)
        print ".PP"
    fresh = 0
    put(text)
}

function end_code() {
    if (code)
        print ".fi\n.RE"
    code = 0
}

function heading(level_of, s) {
    print (level_of <= 2 && !level ? ".SH " : ".SS ") "\"" toupper_if(level_of <= 2 && !level, inline(s)) "\""
    fresh = 1
}

function toupper_if(yes, s) {
    return yes && s !~ /\\/ ? toupper(s) : s
}

function table_row(s,    cells, n, i, rest) {
    sub(/^\| */, "", s)
    sub(/ *\|$/, "", s)
    gsub(/\\\|/, "\001", s)
    n = split(s, cells, / *\| */)
    for (i = 1; i <= n; i++)
        gsub(/\001/, "\\|", cells[i])
    if (!in_table) {
        in_table = 1
        is_keys = cells[1] == "key" && n == 4
        return
    }
    if (cells[1] ~ /^-+:?$/)
        return
    print ".TP"
    print guard(inline(cells[1]))
    if (is_keys) {
        put(cells[4])
        print ".br"
        put("Allowed: " cells[3] (cells[2] == "required" ? "; required." : cells[2] == "none" ? "; no default." \
                                                                                : "; default: " cells[2] "."))
    } else {
        rest = ""
        for (i = 2; i <= n; i++)
            rest = rest (rest == "" || cells[i] == "" ? "" : "; ") cells[i]
        put(rest)
    }
    fresh = 0
}

BEGIN { fresh = 1 }
/^<!--/ { next }
/^# / { next }
/^##+ / {
    flush_text()
    end_code()
    in_table = 0
    match($0, /^#+/)
    heading(RLENGTH, substr($0, RLENGTH + 2))
    next
}
/^\|/ {
    flush_text()
    end_code()
    table_row($0)
    next
}
in_table { in_table = 0; fresh = 0 }
/^$/ {
    flush_text()
    blank = 1
    next
}
/^    / && text == "" {
    if (!code)
        print (fresh ? "" : ".PP\n") ".RS 4\n.nf"
    else if (blank)
        print ""
    code = 1
    fresh = 0
    blank = 0
    print guard(escape_code(substr($0, 5)))
    next
}
{
    end_code()
    blank = 0
}
/^(- |[0-9]+\. )/ {
    flush_text()
    item = 1
    sub(/^(- |[0-9]+\. )/, "")
}
{
    sub(/^ +/, "")
    text = text (text == "" ? "" : " ") $0
}
END {
    flush_text()
    end_code()
}
