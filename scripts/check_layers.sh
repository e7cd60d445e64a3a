#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/check_layers.sh [-a] [TOP]
#
# Checks which file of lib/ and cmd/ needs which, by #include and by the symbols of the objects in build/obj
# (`make release`): a file needs another one if it includes its header or uses a name that it defines.
#
# 1. Folders. A file needs its own folder and folders below it only; neighbours in braces do not know each other:
#
#     core < {num, h5} < {ode, nn, data, stat, draw} < flow < flow/{column, univariate, conditioner, base} < flow/block
#          < train < model < run < {api, cmd}
#
#    The types (flow/block/maf.c, ...) are above the framework (flow/block.h, flow/tile.c, ...), because they implement
#    its interfaces, and the framework reaches them only through the tables of functions in its list of types.
#    Everything above the types uses the framework and never a type. model is above train because a spec holds the
#    options of a training.
# 2. Files. X.c and X.h count as one file. No two files need each other, directly or through others.
# 3. lib/ never prints and never ends the process.
#
# Headers of the library are included with their folder ("num/gemm.h"). -a prints all arrows, for a drawing.
#
# Exceptions, none of which counts in 1 and 2:
#     flow/registry needs the types: it is their list, and adding a type should touch no other file.
set -uo pipefail
all=no
if [ "${1:-}" = -a ]; then
    all=yes
    shift
fi
cd "${1:-$(dirname "$0")/..}" || exit

files=$(find lib cmd -name "*.[ch]" 2>/dev/null | LC_ALL=C sort)
arrows=$(mktemp) || exit
trap 'rm -f "$arrows"' EXIT
bad=0

# What the text of the files says: prints complaints, and writes "from to include file:line" to $arrows.
# shellcheck disable=SC2016,SC2086  # $0 is of awk; one word each
awk -v arrows="$arrows" '
    function report(message) {
        printf "%s:%d: %s\n", FILENAME, FNR, message
        bad = 1
    }
    function name(path) {
        sub(/^lib\//, "", path)
        sub(/\.[ch]$/, "", path)
        return path
    }
    FNR == 1 { comment = 0; here = FILENAME; sub(/[^\/]*$/, "", here) }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, quoted, "\"")
        path = quoted[2]
        if (path ~ /\.\./)
            report("include \"" path "\" by its folder, without \"..\"")
        else if (index(path, "/") == 0 && here != "cmd/" && path != "flowctl.h" && path != "density.h")
            report("include \"" path "\" with its folder")
        else if (here == "cmd/" && path !~ /\// && path != "flowctl.h" && path != "density.h")
            path = "cmd/" path
        if (name(path) != name(FILENAME))
            print name(FILENAME), name(path), "include", FILENAME ":" FNR >arrows
        next
    }
    # What follows looks at code alone: strings and comments are blanked.
    FILENAME ~ /^lib\// {
        code = $0
        gsub(/\\./, "", code)
        gsub(/"[^"]*"/, "\"\"", code)
        if (comment) {
            if (!sub(/.*\*\//, "", code))
                next
            comment = 0
        }
        gsub(/\/\*([^*]|\*[^\/])*\*\//, "", code)
        sub(/\/\/.*/, "", code)
        if (sub(/\/\*.*/, "", code))
            comment = 1
        if (match(code, /(^|[^a-zA-Z0-9_.>])(v?printf|puts|putchar|perror|_?exit|quick_exit|abort|system)[ \t]*\(/))
            report("the library neither prints nor ends the process: " substr($0, RSTART))
        else if (code ~ /(^|[^a-zA-Z0-9_])stderr([^a-zA-Z0-9_]|$)/)
            report("the library does not touch stderr")
        # A writer may hold standard output as its file: the caller chose it.
        else if (code ~ /f(printf|puts|putc|write|flush)[ \t]*\(.*[^a-zA-Z0-9_]stdout[^a-zA-Z0-9_]/)
            report("the library does not print")
    }
    END { exit bad }' $files || bad=1

# What the objects say: "from to symbol name". Objects of files that are gone are left out.
objects=$(sed -n 's/\.c$/.o/p' <<<"$files" | sed 's/^/build\/obj\//' | xargs ls 2>/dev/null)
# comm_mpi.c, which is compiled for flowctl-mpi alone, has the names of comm_single.c.
objects=$(grep -v '/comm_mpi\.o$' <<<"$objects")
if [ "$(wc -w <<<"$objects")" -lt "$(grep -v '/comm_mpi\.c$' <<<"$files" | grep -c '\.c$')" ]; then
    echo "objects are missing in build/obj: run make release first"
    exit 1
fi
# shellcheck disable=SC2086
nm -A -g $objects | awk '
    { split($0, at, ":"); file = at[1]; sub(/^build\/obj\/(lib\/)?/, "", file); sub(/\.o$/, "", file) }
    $(NF - 1) ~ /[TDBRVC]/ { defined[$NF] = file }
    $(NF - 1) == "U" { used[file " " $NF] }
    END {
        for (pair in used) {
            split(pair, word, " ")
            if (word[2] in defined && defined[word[2]] != word[1])
                print word[1], defined[word[2]], "symbol", word[2]
        }
    }' | LC_ALL=C sort >>"$arrows"

if [ $all = yes ]; then
    awk '!seen[$1, $2]++ { print $1, "->", $2 }' "$arrows"
    exit
fi

# shellcheck disable=SC2016
awk '
    BEGIN {
        rank["core"] = 1; rank["num"] = 2; rank["h5"] = 2; rank["ode"] = 3; rank["nn"] = 3; rank["data"] = 3
        rank["stat"] = 3; rank["draw"] = 3
        rank["flow"] = 4; rank["flow/column"] = 5; rank["flow/block"] = 5.5; rank["flow/univariate"] = 5
        rank["flow/conditioner"] = 5; rank["flow/base"] = 5; rank["train"] = 6; rank["model"] = 7; rank["run"] = 8
        rank["api"] = 9; rank["cmd"] = 9
    }
    function folder(file) {
        if (file == "density")      # lib/density.h, the interface of a density: it needs nothing
            return "core"
        if (file == "flowctl")      # lib/flowctl.h, the interface of the library
            return "api"
        sub(/\/[^\/]*$/, "", file)
        return file
    }
    function is_type(file) { return folder(file) ~ /^flow\// }
    function excepted(from, to) { return from == "flow/registry" && is_type(to) }
    function complain(message) { print message; bad = 1 }
    {
        from = $1; to = $2
        if (excepted(from, to))
            next
        if (!(from in known)) { known[from]; list[++n] = from }
        if (!(to in known)) { known[to]; list[++n] = to }
        if ((from, to) in cause)
            next
        cause[from, to] = $3 == "include" ? "includes, " $4 : "uses " $4
        arrow[from] = arrow[from] " " to
        a = folder(from); b = folder(to)
        if (!(a in rank) && !(a in told)) { told[a]; complain(a "/ has no place in the order of layers") }
        if (!(b in rank) && !(b in told)) { told[b]; complain(b "/ has no place in the order of layers") }
        if (a != b && (rank[b] >= rank[a] || (is_type(to) && !is_type(from))))
            complain(from " must not need " to " (" cause[from, to] "): " \
                     (rank[b] < rank[a] ? "only flow/registry names a type" : "it is not below"))
    }
    # Which files can be reached from `start`?
    function reach(start,    stack, depth, at, next_ones, count, i) {
        stack[depth = 1] = start
        while (depth > 0) {
            at = stack[depth--]
            count = split(arrow[at], next_ones, " ")
            for (i = 1; i <= count; i++)
                if (!((start, next_ones[i]) in reached)) {
                    reached[start, next_ones[i]]
                    stack[++depth] = next_ones[i]
                }
        }
    }
    # A shortest way back to `start`.
    function cycle(start,    queue, head, tail, at, next_ones, count, i, before, text) {
        queue[head = tail = 1] = start
        while (head <= tail) {
            at = queue[head++]
            count = split(arrow[at], next_ones, " ")
            for (i = 1; i <= count; i++) {
                if (next_ones[i] == start) {
                    text = at " -> " start " (" cause[at, start] ")"
                    for (; at != start; at = before[at])
                        text = before[at] " -> " at " (" cause[before[at], at] "), " text
                    return text
                }
                if (!(next_ones[i] in before)) {
                    before[next_ones[i]] = at
                    queue[++tail] = next_ones[i]
                }
            }
        }
    }
    END {
        for (i = 1; i <= n; i++)
            reach(list[i])
        for (i = 1; i <= n; i++) {
            if (list[i] in done || !((list[i], list[i]) in reached))
                continue
            members = ""
            for (k = 1; k <= n; k++)
                if ((list[i], list[k]) in reached && (list[k], list[i]) in reached) {
                    members = members " " list[k]
                    done[list[k]]
                }
            complain("a cycle between files:" members "\n    for example " cycle(list[i]))
        }
        exit bad
    }' "$arrows" || bad=1
exit $bad
