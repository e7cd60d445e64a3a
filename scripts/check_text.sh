#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Checks what a compiler does not: licence lines, line lengths, white space, left-over notes, headers nobody includes.
set -uo pipefail
cd "${1:-$(dirname "$0")/..}" || exit

bad=0
shopt -s lastpipe # complain runs in this shell, not in one of its own that takes `bad` with it
# complain MESSAGE: reads the lines it is about; none, no complaint
complain() {
    local lines
    lines=$(cat)
    [ -n "$lines" ] || return 0
    printf '%s:\n' "$1"
    printf "    %s\n" "${lines//$'\n'/$'\n    '}"
    bad=1
}

c_files=$(find lib cmd pages test data configs docs -name '*.[ch]' 2>/dev/null | LC_ALL=C sort)
scripts=$(find scripts test .ci -type f \( -name "*.sh" -o -name "*.bats" -o -name "*.bash" -o -path .ci/run \) \
    2>/dev/null | LC_ALL=C sort)
sources=$(printf '%s\n' "$c_files" "$scripts" Makefile | sed '/^$/d')
documents=$(find ./*.md docs configs data -name '*.md' 2>/dev/null | sed 's/^\.\///' | LC_ALL=C sort)

# each COMMAND...: runs it with the source files as its last arguments
each() { tr '\n' '\0' <<<"$sources" | xargs -0 "$@"; }
each_c() { sed '/^$/d' <<<"$c_files" | tr '\n' '\0' | xargs -0 "$@"; }

while IFS= read -r file; do
    head -n 40 "$file" | grep -q 'SPDX-License-Identifier: GPL-3.0-or-later' || echo "$file"
done <<<"$sources" | complain 'no SPDX-License-Identifier in the first lines'

# shellcheck disable=SC2016  # $0 is of awk
each awk 'length($0) > 120 { printf "%s:%d: %d columns\n", FILENAME, FNR, length($0) }' |
    complain "lines over 120 columns"
# shellcheck disable=SC2086  # one word each
LC_ALL=C.UTF-8 grep -nHE '^.{121,}' $documents | grep -vE '^[^:]*:[0-9]*:(    |\|)' | cut -d: -f1,2 |
    complain 'lines of documents over 120 columns (tables and code may have more)'
# shellcheck disable=SC2086
for document in $documents; do
    grep -oE '\]\([^)# ]+' "$document" | sed 's/^](//' | grep -v '^https\{0,1\}:' | while IFS= read -r link; do
        [ -e "$(dirname "$document")/$link" ] || echo "$document: $link"
    done
done | complain 'links to files that do not exist'
each_c grep -nH "$(printf '\t')" | cut -d: -f1,2 | complain 'tabs in C'
each grep -nHE '[[:space:]]+$' | cut -d: -f1,2 | complain 'white space at the end of lines'
each grep -nHwE 'TO''DO|FIX''ME|XX''X|HA''CK' | complain 'notes to oneself'
while IFS= read -r file; do
    [ -z "$(tail -c 1 "$file")" ] || echo "$file"
done <<<"$(printf '%s\n' "$sources" "$documents" | sed '/^$/d')" | complain 'no newline at the end'
each_c grep -nHE '^# *define +_(GNU|POSIX_C|XOPEN|DEFAULT|BSD)_SOURCE' | cut -d: -f1,2 |
    complain 'feature-test macros: the Makefile defines _GNU_SOURCE for all files'
# shellcheck disable=SC2086
find scripts .ci -type f \( -name '*.sh' -o -name run \) ! -perm -u+x 2>/dev/null | complain 'not executable'

# What documents name exists: files of lib/ with their folder, others from the top, and the functions and types.
# shellcheck disable=SC2016,SC2086  # the backquotes are those of Markdown
for document in $documents; do
    grep -oE '`[a-zA-Z0-9_.-]+/[a-zA-Z0-9_./-]+\.(c|h|sh|json|bats)`' "$document" | tr -d '`' |
        while IFS= read -r path; do
            [ -e "$path" ] || [ -e "lib/$path" ] || [[ $path =~ _?(NAME|COMMAND)\. ]] || echo "$document: $path"
        done
    [ "$document" != docs/extending.md ] || continue # it has examples, which check_extending.sh compiles
    grep -ohwE 'flow_[a-z0-9_]+[a-z0-9]' "$document" | LC_ALL=C sort -u | while IFS= read -r word; do
        grep -rqw "$word" lib cmd || echo "$document: $word"
    done
done | complain 'documents name files, functions or types that do not exist'

# README.md names the packages that scripts/setup.sh installs for building.
diff <(sed -n "s/^names='//; /^compiler/,/^random123/p" scripts/setup.sh | awk '{ print $2 }' |
    grep -oE '[a-z0-9.]+-dev' | grep -v libc6 | sort) <(grep -oE '[a-z0-9]+-dev' README.md | sort) | grep '^[<>]' |
    complain 'packages of scripts/setup.sh (<) and of README.md (>)'

# A header must be wanted by another file than the source of the same name.
for header in $(find lib cmd -name '*.h' 2>/dev/null | LC_ALL=C sort); do
    name=${header#lib/}
    case $header in
        lib/flowctl.h | lib/density.h) continue ;;
        cmd/*) name=${header#cmd/} ;;
    esac
    each_c grep -lF "#include \"$name\"" | grep -v "^${header%.h}\.c$" | grep -q . || echo "$header"
done | complain 'headers that no other file includes'

# A header guard is the path: lib/num/gemm.h has FLOW_NUM_GEMM_H. A header without one is meant to be included often.
for header in $(find lib -mindepth 2 -name '*.h' 2>/dev/null | LC_ALL=C sort); do
    guard=$(awk '/^#ifndef/ { print $2; exit } /^#(define|include|if)/ { exit }' "$header")
    wanted=FLOW_$(tr 'a-z/.' 'A-Z__' <<<"${header#lib/}")
    [ -z "$guard" ] || [ "$guard" = "$wanted" ] || echo "$header: $guard, not $wanted"
done | complain 'header guards that do not follow the path'

exit $bad
