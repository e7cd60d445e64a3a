#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Follows docs/extending.md: copies the tree with what is built, adds the worked examples of the page, builds, and holds
# them to the contract suite, the documentation test and the command line. The tree itself is not changed.
#
# The page marks what belongs where in comments:
#     <!-- file: PATH -->       the next code block is that file
#     <!-- edit: PATH: CMD -->  a sed command for a file
#     <!-- config: PATH -->     the next code block is an entry for a list of test configs
#     <!-- spec: before "HEADING" -->  the next code block is a part of docs/spec.md
set -euo pipefail
cd "$(dirname "$0")/.."

make=${MAKE:-make}
MAKEFLAGS=$(sed -E -e "s/ ?-j[0-9]*//" -e "s/ ?--jobserver-[a-z]+=[^ ]*//" <<<"${MAKEFLAGS:-}")
export MAKEFLAGS
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# With the times of the files, so that only what the examples change is compiled.
tar -cf - --exclude=./build/asan --exclude=./build/asan-double --exclude=./build/fuzz --exclude=./build/logs \
    --exclude=./.git . | tar -xf - -C "$copy"
cd "$copy"

# part KIND ARGUMENT: what follows a mark on the page
add_part() {
    local kind=$1 argument=$2 text=$3
    case $kind in
        file)
            printf '%s' "$text" >"$argument"
            ;;
        edit)
            local path=${argument%%: *} before
            before=$(cat "$path")
            sed -i "${argument#*: }" "$path"
            [ "$before" != "$(cat "$path")" ] || { echo "$argument changes nothing"; exit 1; }
            ;;
        config) # an entry of a JSON list: before its last bracket
            add_entry "$argument" "$text"
            ;;
        spec)
            local heading=${argument#before \"}
            heading=${heading%\"}
            grep -qxF -- "$heading" docs/spec.md || { echo "docs/spec.md has no heading $heading"; exit 1; }
            awk -v heading="$heading" -v part="$text" '$0 == heading { printf "%s\n", part } { print }' \
                docs/spec.md >spec.new
            mv spec.new docs/spec.md
            ;;
    esac
}

# Adds an entry at the end of a JSON list.
add_entry() {
    local path=$1 entry=$2
    sed -i '$d' "$path"        # the bracket that ends the list
    sed -i '$s/$/,/' "$path"
    printf '  %s]\n' "$entry" >>"$path"
}

kind='' argument='' text='' inside=no
while IFS= read -r line; do
    if [[ $line =~ ^\<!--\ (file|config|spec):?\ (.*)\ --\>$ ]]; then
        kind=${BASH_REMATCH[1]} argument=${BASH_REMATCH[2]}
    elif [[ $line =~ ^\<!--\ edit:\ (.*)\ --\>$ ]]; then
        add_part edit "${BASH_REMATCH[1]}" ''
    elif [ "$inside" = no ] && [ -n "$kind" ] && [[ $line == '```'* ]]; then
        inside=yes text=''
    elif [ "$inside" = yes ] && [ "$line" = '```' ]; then
        add_part "$kind" "$argument" "$text"
        kind='' inside=no
    elif [ "$inside" = yes ]; then
        text+=$line$'\n'
    fi
done <docs/extending.md

"$make" --no-print-directory docs build/double/test/contract_block
scripts/check_layers.sh
build/test/unit_docs
build/double/test/contract_block scale stretch layer
FLOWCTL=build/flowctl scripts/run_tests.sh build/flowctl:test/cli_help.bats build/flowctl:test/cli_support.bats

build/flowctl train configs/moons.json --set train.epochs=1 \
    --set 'flow=["standardize",{"type":"scale","factor":2},"nsf"]' \
    -o "$copy/model.h5" -q
count=$(build/flowctl count "$copy/model.h5" --json)
# the largest number of parameters that `info` reports is that of the whole model
expected=$(build/flowctl info "$copy/model.h5" --json | grep -o '"parameters":[0-9]*' | sort -t: -k2 -n | tail -n 1)
echo "$count"
[ "$count" = "{$expected}" ]
