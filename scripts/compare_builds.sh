#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Compares the numbers of two programs, bit for bit.
#
#     scripts/compare_builds.sh [-j THREADS] OLD NEW [PRESET...]
#
# OLD and NEW are two flowctl programs. Each trains the presets (configs/*.json) for which there are data, for 3 epochs,
# and runs logprob, sample and invert in both directions with the model. All rows that come out have to be equal
# byte by byte: CSV holds the shortest digits that give the same double. So do the training history, the means and
# their errors; a difference in the last bits of a reported number alone is shown as "close". Times, and what only one
# of the programs reports, are ignored. A program reads the presets of its own tree (beside its build folder), so that
# keys may have other names there; the data are those of this tree. Some specs that cover what no preset does (periodic
# and discrete columns, reading ahead, a resumed training, ...) are compared too.
#
# Prints one line for each preset and ends with "N the same, N differ". Exit status 0: all are the same.
#
#     FLOWCTL_DATA=FOLDER   where protein.h5 and bsds300_small.h5 are, if not where the presets say; of these files the
#                           (smaller) validation set is what both programs train on
#     KEEP=FOLDER           keep all outputs there
set -uo pipefail
here=$(cd "$(dirname "$0")/.." && pwd) || exit
threads=2
epochs=3
# shellcheck source=scripts/options.bash
source "$(dirname "$0")/options.bash"
read_options 'j=threads' "$@"
shift $((OPTIND - 1))
[ $# -ge 2 ] || usage
old=$(realpath "$1") && new=$(realpath "$2") || exit 2
shift 2

if [ -n "${KEEP:-}" ]; then
    mkdir -p "$KEEP" && out=$(cd "$KEEP" && pwd) || exit
else
    out=$(mktemp -d) || exit
    trap 'rm -rf "$out"' EXIT
fi

# numbers: JSON on standard input as one line "path value" for each number; times and threads are left out
numbers() {
    grep -oE '"([^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|[][{}:,]|true|false|null' | awk '
        /^"/ && !value { key[depth] = substr($0, 2, length($0) - 2); next }
        $0 == ":" { value = 1; next }
        $0 == "{" || $0 == "[" {
            list[++depth] = $0 == "["
            key[depth] = list[depth] ? 0 : ""
            value = list[depth]
            next
        }
        $0 == "}" || $0 == "]" { depth--; value = list[depth]; next }
        $0 == "," { if (list[depth]) key[depth]++; value = list[depth]; next }
        /^-?[0-9]/ {
            path = ""
            for (i = 1; i <= depth; i++)
                path = path "." key[i]
            if (path !~ /seconds|threads|_per_|memory|bytes/)
                print substr(path, 2), $0
        }
        { value = list[depth] }'
}

# history MODEL JSON: what `info --json` says of the training
history() {
    numbers | grep -E '^(summary|history|parameters)'
}

# steps PROGRAM FOLDER SPEC DATA CONTEXT ARGUMENTS...: everything one program does with one spec
steps() {
    local program=$1 folder=$2 spec=$3 data=$4 context=$5
    shift 5
    local model=$folder/model.h5 draw=(-n 2000)
    mkdir -p "$folder" && rm -f "$folder"/*
    if [ -n "${RESUMED:-}" ]; then
        "$program" train "$spec" -q -j "$threads" -o "$model" "$@" --set train.epochs=2 || return
        set -- "$@" --resume
    fi
    "$program" train "$spec" -q -j "$threads" -o "$model" "$@" --set train.epochs=$epochs --json \
        >"$folder/train.json" || return
    "$program" info "$model" --json >"$folder/info.json" || return
    [ "$context" = no ] || draw=(--given "$data" -n 2 --limit 2000)
    "$program" sample "$model" "${draw[@]}" --logprob -q -j "$threads" -o "$folder/sample.csv" --json \
        >"$folder/sample.json" || return
    [ -n "$data" ] || data=$folder/sample.csv
    "$program" logprob "$model" "$data" -q -j "$threads" -o "$folder/logprob.csv" --json >"$folder/logprob.json" ||
        return
    "$program" invert "$model" "$data" --logdet -q -j "$threads" -o "$folder/latent.csv" --json \
        >"$folder/latent.json" || return
    "$program" invert "$model" "$folder/latent.csv" --to data -q -j "$threads" -o "$folder/data.csv" --json \
        >"$folder/data.json"
}

# differences A B: what differs between two folders, one line each; the number of values compared goes to $out/compared
differences() {
    local a=$1 b=$2 file
    for file in sample logprob latent data; do
        if ! cmp -s "$a/$file.csv" "$b/$file.csv"; then
            printf '%s.csv: ' "$file"
            if [ "$(wc -l <"$a/$file.csv")" != "$(wc -l <"$b/$file.csv")" ]; then
                echo "$(wc -l <"$a/$file.csv") and $(wc -l <"$b/$file.csv") lines"
            else
                paste -d '\n' "$a/$file.csv" "$b/$file.csv" |
                    awk 'NR % 2 { x = $0; next } x != $0 { if (!n++) { line = NR / 2; p = x; q = $0 } }
                         END { printf "%d lines of %d differ, first line %d: %.60s | %.60s\n", n, NR / 2, line, p, q }'
            fi
        fi
    done
    for file in train info sample logprob latent data; do
        if [ $file = info ]; then
            history <"$a/$file.json" >"$out/a" && history <"$b/$file.json" >"$out/b"
        else
            numbers <"$a/$file.json" >"$out/a" && numbers <"$b/$file.json" >"$out/b"
        fi
        awk -v file="$file.json" -v compared="$out/compared" '
            NR == FNR { old[$1] = $2; next }
            # the last bits of a number that is reported: "~" in front
            function close_to(a, b) { return a - b < 1e-14 * (a + b) && b - a < 1e-14 * (a + b) }
            $1 in old {
                n++
                if (old[$1] != $2 && !bad[close_to(old[$1], $2)]++)
                    printf "%s%s: %s %s | %s\n", close_to(old[$1], $2) ? "~ " : "", file, $1, old[$1], $2
            }
            END { print n + 0 >>compared; if (n == 0) printf "%s: no number is in both\n", file }' "$out/a" "$out/b"
    done
}

same=0 close=0 differ=0 skipped=0
# compare NAME OLD_SPEC NEW_SPEC DATA CONTEXT ARGUMENTS...
compare() {
    local name=$1 old_spec=$2 new_spec=$3 data=$4 context=$5 found start=$SECONDS
    shift 5
    : >"$out/compared"
    if ! steps "$old" "$out/$name/old" "$old_spec" "$data" "$context" "$@" 2>"$out/log"; then
        found="OLD fails: $(tail -n 1 "$out/log")"
    elif ! steps "$new" "$out/$name/new" "$new_spec" "$data" "$context" "$@" 2>"$out/log"; then
        found="NEW fails: $(tail -n 1 "$out/log")"
    else
        found=$(differences "$out/$name/old" "$out/$name/new")
    fi
    if [ -z "$found" ]; then
        same=$((same + 1))
        printf 'same    %-32s %6d rows and %3d numbers (%d s)\n' "$name" \
            "$(cat "$out/$name"/new/*.csv | grep -vc '^[A-Za-z"]')" \
            "$(awk '{ n += $1 } END { print n }' "$out/compared")" $((SECONDS - start))
    else
        if grep -qv '^~' <<<"$found"; then
            differ=$((differ + 1))
            printf 'DIFFER  %s\n' "$name"
        else
            close=$((close + 1))
            printf 'close   %s\n' "$name"
        fi
        printf '            %s\n' "${found//$'\n'/$'\n            '}"
    fi
    [ -n "${KEEP:-}" ] || rm -rf "${out:?}/$name"
}

# location SPEC KEY: data.KEY of a spec of this tree
location() {
    sed -n "s/.*\"$2\" *: *\"\\([^\"]*\\)\".*/\\1/p" "$1" | head -n 1
}

# own_spec PROGRAM NAME: the preset in the tree of that program, or in this one
own_spec() {
    local spec
    spec=$(dirname "$1")/../configs/$2.json
    [ -e "$spec" ] || spec=$(dirname "$1")/../../configs/$2.json # build/double/flowctl
    [ -e "$spec" ] || spec=$here/configs/$2.json
    echo "$spec"
}

# skip NAME REASON
skip() {
    skipped=$((skipped + 1))
    printf 'skipped %s: %s\n' "$1" "$2"
}

# preset NAME [CASE ARGUMENTS...]: compares it, under the name CASE with further arguments
preset() {
    local name=$1 case=${2:-$1} spec=$here/configs/$1.json context=no
    shift $(($# > 1 ? 2 : 1))
    local specs=("$(own_spec "$old" "$name")" "$(own_spec "$new" "$name")") refusal
    if ! refusal=$("$old" check "${specs[0]}" 2>&1); then
        skip "$case" "${refusal##*$'\n'}"
        return
    fi
    if grep -q reverse_kl "$spec"; then
        local density
        density=$here/build/densities/$(basename "$(location "$spec" density)")
        if [ ! -e "$density" ]; then
            skip "$case" "there is no $density (make densities)"
        else
            compare "$case" "${specs[@]}" '' no --set train.objective.density="$density" "$@"
        fi
        return
    fi
    local train file data
    train=$(location "$spec" train)
    data=$(location "$spec" test)
    file=$here/configs/${train%%:*}
    if [[ $train != ../data/* ]]; then
        [ -z "${FLOWCTL_DATA:-}" ] || file=$FLOWCTL_DATA/${file##*/}
        data=$(location "$spec" validation)
        [ "$case" != "$name" ] || train=$data
    fi
    if ! file=$(realpath -e "$file" 2>/dev/null); then
        skip "$case" "there is no ${train%%:*}"
        return
    fi
    data=$file:${data##*:}
    ! grep -q '"context"' "$spec" || context=yes
    compare "$case" "${specs[@]}" "$data" $context --data "$file:${train##*:}" --validation "$data" --test "$data" "$@"
}

# special NAME CONTEXT SPEC: compares a spec given as text; it trains on $out/table.csv
special() {
    mkdir -p "$out/specs"
    printf '%s\n' "$3" >"$out/specs/$1.json"
    compare "$1" "$out/specs/$1.json" "$out/specs/$1.json" "$out/table.csv" "$2" --data "$out/table.csv" \
        --validation 0.2
}

# 3000 rows of an angle, a count, a positive number and two that depend on them, by a generator that is the same in
# every awk.
awk 'function uniform() { state = (state * 16807) % 2147483647; return state / 2147483647 }
     function normal() { return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()) }
     BEGIN {
         state = 4711
         print "phi,count,mass,x,y"
         for (i = 0; i < 3000; i++) {
             phi = 1.5 * normal()
             while (phi < 0) phi += 6.28; while (phi >= 6.28) phi -= 6.28
             mass = exp(0.5 * normal())
             printf "%.6f,%d,%.6f,%.6f,%.6f\n", phi, 3 * uniform() * mass, mass, normal() + sin(phi), normal() * mass
         }
     }' >"$out/table.csv"

# extra NAME: a case that is no preset
extra() {
    case $1 in
        moons-resumed) RESUMED=yes preset moons moons-resumed --set train.ema=0.99 ;;
        protein-nice-read-ahead) preset protein-nice protein-nice-read-ahead --set data.memory=0.001 ;;
        support)
            special support no '{ "flow": [ { "type": "support", "columns": { "phi": { "periodic": 6.28 },
            "count": { "lower": 0, "discrete": true }, "mass": { "lower": 0 } } }, "standardize",
            { "type": "coupling", "repeat": 2, "univariate": "rational_quadratic" }, { "type": "permute" }, "actnorm",
            { "type": "maf", "repeat": 2, "order": "random", "univariate": "mixture" }, "batchnorm",
            { "type": "iaf", "repeat": 1, "residual": true, "hidden": [32, 32] } ], "train": { "optimizer": "adamw" } }'
            ;;
        pieces)
            special pieces yes '{ "data": { "train": "", "columns": [ "phi", "x", "y", "mass" ], "context": ["count"] },
            "flow": [ "whiten", { "type": "repeat", "times": 3, "flow": [ "householder", "linear", "actnorm",
            { "type": "coupling", "mask": "half", "activation": "elu" }, "batchnorm" ] }, "nice" ], "base": "mixture",
            "embedding": { "features": 4 }, "train": { "schedule": "plateau" } }'
            ;;
        continuous)
            special continuous no '{ "data": { "train": "", "columns": [ "phi", "x", "y" ] }, "flow": [ "standardize",
            { "type": "ffjord", "network": "concatsquash", "hidden": [32, 32], "trace": "hutchinson",
            "train_time": true, "kinetic_energy": 0.01, "jacobian_norm": 0.01 }, { "type": "ffjord", "solver": "rk4",
            "hidden": [16], "activation": "softplus" }, { "type": "ffjord", "solver": "bosh3",
            "gradient": "adjoint" } ], "base": "logistic" }'
            ;;
        *) skip "$1" "there is no such preset" ;;
    esac
}

if [ $# -eq 0 ]; then
    for spec in "$here"/configs/*.json; do
        [ "${spec##*/}" = schema.json ] || set -- "$@" "$(basename "$spec" .json)"
    done
    set -- "$@" moons-resumed protein-nice-read-ahead support pieces continuous
fi
for name; do
    if [ -e "$here/configs/$name.json" ]; then
        preset "$name"
    else
        extra "$name"
    fi
done
[ $close -eq 0 ] || echo "$close have the same rows, and a reported number with other last bits (1e-14)"
echo "$((same + close)) the same, $differ differ$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ $differ -eq 0 ] && [ $((same + close)) -gt 0 ]
