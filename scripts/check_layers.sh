#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Checks what the folders under lib/ and cmd/ include:
#
#     base < num < {nn, data} < flow < {train, model} < the public lib/flow.h < cmd
#
# A file includes its own folder and folders strictly below it; neighbours in braces do not know each other. Headers of
# the library are written with their folder ("num/gemm.h"). lib/ never prints and never ends the process.
set -uo pipefail
cd "${1:-$(dirname "$0")/..}" || exit

# shellcheck disable=SC2016  # $0 is of awk
find lib cmd -name "*.[ch]" 2>/dev/null | LC_ALL=C sort | xargs awk '
    # The rank of a folder; equal ranks are neighbours.
    BEGIN {
        rank["base"] = 1; rank["num"] = 2; rank["nn"] = 3; rank["data"] = 3; rank["flow"] = 4
        rank["train"] = 5; rank["model"] = 5; rank["api"] = 6; rank["cmd"] = 7
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
            return "base"
        return n == 2 ? "api" : parts[2]    # lib/flow.h and lib/flow.c are the public face
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
            there = path == "flow.h" ? "api" : path == "density.h" ? "base" : here
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
