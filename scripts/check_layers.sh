#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Checks what the folders under lib/ and cmd/ include:
#
#     core < {num, h5} < {ode, nn, data} < flow < {train, model} < run < {api, cmd}
#
# A file includes its own folder and folders strictly below it; neighbours in braces do not know each other. Headers of
# the library are written with their folder ("num/gemm.h"). lib/ never prints and never ends the process.
set -uo pipefail
cd "${1:-$(dirname "$0")/..}" || exit

# shellcheck disable=SC2016  # $0 is of awk
find lib cmd -name "*.[ch]" 2>/dev/null | LC_ALL=C sort | xargs awk '
    # The rank of a folder; equal ranks are neighbours.
    BEGIN {
        rank["core"] = 1; rank["num"] = 2; rank["h5"] = 2; rank["ode"] = 3; rank["nn"] = 3; rank["data"] = 3
        rank["flow"] = 4; rank["train"] = 5; rank["model"] = 5; rank["run"] = 6; rank["api"] = 7; rank["cmd"] = 8
    }
    function report(message) {
        printf "%s:%d: %s\n", FILENAME, FNR, message
        bad = 1
    }
    function folder_of(path, parts, n) {
        n = split(path, parts, "/")
        if (parts[1] == "cmd")
            return "cmd"
        if (path == "lib/density.h")        # what a library for the program offers: it needs nothing
            return "core"
        return n == 2 ? "api" : parts[2]    # lib/flowctl.h and lib/flow.c are the public face
    }
    FNR == 1 {
        here = folder_of(FILENAME)
        comment = 0
        if (!(here in rank))
            report("lib/" here "/ has no place in the order of layers (see scripts/check_layers.sh)")
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, quoted, "\"")
        path = quoted[2]
        if (path ~ /\.\./) {
            report("include \"" path "\" by its folder, without \"..\"")
        } else if (index(path, "/") == 0) {
            there = path == "flowctl.h" ? "api" : path == "density.h" ? "core" : here
            if (here != "cmd" && here != "api" && there != "api" && path != "density.h")
                report("include \"" path "\" as \"" here "/" path "\"")
            if (rank[there] > rank[here])
                report(here " must not include \"" path "\"")
        } else {
            there = path
            sub(/\/.*/, "", there)
            if (!(there in rank))
                report("\"" path "\" is in no known folder")
            else if (there != here && rank[there] >= rank[here])
                report(here " must not include \"" path "\": it is not below")
        }
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
        # A writer may hold standard output as its file: it was asked to.
        else if (code ~ /f(printf|puts|putc|write|flush)[ \t]*\(.*[^a-zA-Z0-9_]stdout[^a-zA-Z0-9_]/)
            report("the library does not print")
    }
    END { exit bad }'
