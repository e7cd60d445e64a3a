# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2120,SC2119 # status, output, lines, stderr are set by `run`; arguments are optional
#
# Shared by the command-line tests: the program under test is $FLOWCTL (build/flowctl by default), data are made by awk,
# models are as small as they can be, and everything lives in the folders that bats cleans up.

bats_require_minimum_version 1.5.0

root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
FLOWCTL=${FLOWCTL:-$root/build/flowctl}
case $FLOWCTL in
    /*) ;;
    *) FLOWCTL=$PWD/$FLOWCTL ;;
esac
export FLOWCTL root
export LC_ALL=C

flowctl() {
    "$FLOWCTL" "$@"
}

# make_csv ROWS SEED >FILE: two correlated columns x and y, in units far from standard ones
make_csv() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed)
        print "x,y"
        for (i = 0; i < n; i++) {
            r = sqrt(-2 * log(1 - rand())); t = 6.283185307 * rand()
            x = r * cos(t); y = r * sin(t)
            printf "%.6f,%.6f\n", 125 + 2 * x, 0.01 * (y + 0.5 * x * x)
        }
    }'
}

# make_spec [OUTPUT] >FILE: a model that trains in a moment
make_spec() {
    cat <<JSON
{
  "data": { "train": "train.csv", "validation": "validation.csv", "test": "test.csv" },
  "flow": [ { "type": "standardize" }, { "type": "maf", "repeat": 2, "hidden": [8] } ],
  "train": { "epochs": 3, "batch": 64, "schedule": "constant" },
  "output": "${1:-model.h5}"
}
JSON
}

# Data and a spec in folder $1.
make_project() {
    mkdir -p "$1"
    make_csv 400 1 >"$1/train.csv"
    make_csv 100 2 >"$1/validation.csv"
    make_csv 100 3 >"$1/test.csv"
    make_spec >"$1/spec.json"
}

# Once per file: a project with a trained model, which tests use without changing it.
make_model() {
    make_project "$BATS_FILE_TMPDIR/project"
    (cd "$BATS_FILE_TMPDIR/project" && "$FLOWCTL" train spec.json --quiet)
}

# Each test runs in a folder of its own, with a copy of the project when there is one.
enter_folder() {
    cd "$BATS_TEST_TMPDIR" || return
    if [ -d "$BATS_FILE_TMPDIR/project" ]; then
        cp -r "$BATS_FILE_TMPDIR/project/." .
    fi
}

# The last `run` ended with status $1; otherwise show what it printed.
expect_status() {
    if [ "$status" -ne "$1" ]; then
        printf 'status %s instead of %s\n%s\n%s\n' "$status" "$1" "$output" "${stderr-}" >&2
        return 1
    fi
}

# expect TEXT...: each TEXT occurs in what the last `run` printed.
expect() {
    local text all
    all=$output$'\n'${stderr-}
    for text in "$@"; do
        case $all in
            *"$text"*) ;;
            *)
                printf 'not found: %s\nin:\n%s\n' "$text" "$all" >&2
                return 1
                ;;
        esac
    done
}

expect_not() {
    local text all
    all=$output$'\n'${stderr-}
    for text in "$@"; do
        case $all in
            *"$text"*)
                printf 'found: %s\nin:\n%s\n' "$text" "$all" >&2
                return 1
                ;;
        esac
    done
}

# expect_json KEY...: standard output is one line with one JSON object that has these keys.
expect_json() {
    local key
    if [ "${#lines[@]}" -ne 1 ] || [[ $output != \{*\} ]]; then
        printf 'not one JSON object:\n%s\n' "$output" >&2
        return 1
    fi
    for key in "$@"; do
        grep -q "\"$key\":" <<<"$output" || {
            printf 'key "%s" is missing in %s\n' "$key" "$output" >&2
            return 1
        }
    done
}

# json_number KEY <<<JSON: the first number under that key
json_number() {
    grep -oE "\"$1\":(-?[0-9.eE+-]+|null)" | head -n 1 | cut -d: -f2
}

# is_below A B: numerically
is_below() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 < b + 0) }'
}

# same FILE FILE
same() {
    cmp "$1" "$2"
}

differ() {
    if cmp -s "$1" "$2"; then
        echo "$1 and $2 are the same" >&2
        return 1
    fi
}

# train_single_pixels: three.h5, a model of images of one pixel with three channels, whole numbers below 256, of
# three.csv by three.json
train_single_pixels() {
    awk 'function n() { return int(256 * rand()) }
        BEGIN { srand(4); OFS = ","; for (i = 0; i < 300; i++) print n(), n(), n() }' >three.csv
    cat >three.json <<JSON
{ "data": "three.csv", "image": [1, 1, 3], "flow": ["standardize", { "type": "coupling", "repeat": 2, "hidden": [4] }],
  "train": { "epochs": 1 } }
JSON
    flowctl train three.json -q
}
