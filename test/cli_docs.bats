#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# The commands of README.md and docs/: each one is understood by the program, and is run where its data can be made

load cli_helper

setup() {
    cd "$root" || return
    pages=(README.md SECURITY.md CONTRIBUTING.md data/README.md docs/*.md docs/decisions/*.md)
    # the recipes of the cookbook are run by a test of their own
    cookbook=(docs/cookbook/*.md)
    [ -e "${cookbook[0]}" ] || cookbook=()
}

# commands PAGE...: PAGE:LINE:COMMAND for each line of code in which flowctl has a command
commands() {
    awk 'FNR == 1 { fenced = help = 0 }
        /^    Usage: / { help = 1 } # of docs/commands.md, where sentences are indented too
        /^    Examples:/ { help = 0 }
        /^```/ { fenced = $0 == "```sh"; next }
        !help && (fenced || /^    /) && /(^ *|[|;&(] *|\$ |[A-Z]+=[^ ]* )flowctl [a-z]+( |$)/ {
            line = $0
            sub(/^ *(\$ )?/, "", line)
            while (line ~ /\\$/ && (getline more) > 0) { sub(/\\$/, "", line); sub(/^ +/, "", more); line = line more }
            print FILENAME ":" FNR ":" line
        }' "$@"
}

# mentions PAGE...: the same for `flowctl ...` within sentences, which may go over the end of a line
mentions() {
    local page
    for page; do
        tr '\n' ' ' <"$page" | grep -o '`flowctl [a-z][a-z]*[^`]*`' | tr -d '`' | sed "s|^|$page:-:|"
    done
}

# Asks the program for help with the words of each command on standard input, so that it reads its options and does
# nothing else. Nothing but flowctl can be run.
check_words() {
    local line place
    flowctl() {
        local message
        [ "$1" != help ] || return 0
        message=$("$FLOWCTL" "$@" --help 2>&1 >/dev/null) || printf '%s: flowctl %s\n    %s\n' "$place" "$*" "$message"
    }
    cd "$BATS_TEST_TMPDIR" || return
    (
        PATH=/nonexistent
        while IFS= read -r line; do
            place=${line%%:*}:$(line=${line#*:} && echo "${line%%:*}")
            line=${line#*:}
            eval "${line#*:}" 2>/dev/null >"$BATS_TEST_TMPDIR/out"
            while IFS= read -r line; do
                [[ $line != *": flowctl "* && $line != "    "* ]] || printf '%s\n' "$line"
            done <"$BATS_TEST_TMPDIR/out"
        done
    )
}

@test "the program has the commands and options that the pages name" {
    commands "${pages[@]}" "${cookbook[@]}" >"$BATS_TEST_TMPDIR/commands"
    mentions "${pages[@]}" "${cookbook[@]}" >"$BATS_TEST_TMPDIR/mentions"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -gt 60 ]
    [ "$(wc -l <"$BATS_TEST_TMPDIR/mentions")" -gt 30 ]
    run check_words < <(cat "$BATS_TEST_TMPDIR/commands" "$BATS_TEST_TMPDIR/mentions")
    [ -z "$output" ] || { printf '%s\n' "$output" && return 1; }
    # what is not understood is noticed
    run check_words <<<$'a.md:1:zcat x.gz | flowctl logprob m.h5 - --jason\nb.md:2:flowctl sample m.h5 -n 5 >out.csv'
    expect 'a.md:1: flowctl logprob m.h5 - --jason' 'did you mean --json'
    expect_not b.md
}

@test "goals of make and scripts that the pages name exist" {
    local place words goal word
    while IFS= read -r words; do
        place=${words%%	*}
        read -ra words <<<"${words#*	}"
        for word in "${words[@]:1}"; do
            [ "$word" != '#' ] && [ "$word" != '&&' ] || break
            case $word in
                -* | *=* | */*) continue ;;
            esac
            goal=$word
            sed -n 's/^##  //p; s/^\([a-z-]*\):.*/\1/p' Makefile | grep -qw -e "$goal" ||
                grep -q "^$goal:" scripts/experiment.mk || { echo "$place: make has no goal $goal" && return 1; }
        done
    done < <(awk '/^    (\$ )?make( |$)/ { sub(/^ *(\$ )?/, ""); print FILENAME ":" FNR "\t" $0 }' "${pages[@]}")
    while IFS= read -r word; do
        [ -x "${word#*	}" ] || { echo "${word/	/: } does not exist" && return 1; }
    done < <(awk '/^    (\$ )?(scripts|docs)\/[a-z_\/]*\.sh/ { sub(/^ *(\$ )?/, ""); print FILENAME ":" FNR "\t" $1 }' \
        "${pages[@]}")
}

# Files of the names that the pages use, in the current folder. Everything is small.
make_world() {
    local page=$root/README.md
    cp -r "$root/data" "$root/configs" .
    cp data/two_moons*.csv .
    # the spec of the first session is the one on its page
    awk '/\$ cat moons.json/ { on = 1; next } on && /^$/ { exit } on { sub(/^    /, ""); print }' "$page" >moons.json
    awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
        BEGIN {
            srand(1); print "x,y,energy,eta,angle,phi,wind,w,id"
            for (i = 1; i <= 600; i++)
                printf "%.6f,%.6f,%.4f,%.4f,%.5f,%.5f,%.3f,%.4f,%d\n", normal(), normal(), 2 + 98 * rand(),
                    6 * rand() - 3, 3 * rand(), 6.28318 * rand(), 360 * rand(), 0.5 + rand(), i
        }' >events.csv
    gzip -k events.csv
    cut -d, -f1,2,6,7 events.csv >odd.csv
    cut -d, -f3 events.csv >energies.csv
    cut -d, -f1,2,9 events.csv >runs.csv
    # quick NAME DATA FLOW [KEY=VALUE]: a model that trains in a moment
    quick() {
        printf '{ "data": { "train": "%s", "validation": 0.2 }, "flow": [ "standardize", %s ] }\n' "$2" "$3" >"$1.json"
        "$FLOWCTL" train "$1.json" -q --force --set train.epochs=1 -o "$1.h5" ${4:+--set "$4"}
    }
    local maf='{ "type": "maf", "repeat": 1, "hidden": [8] }'
    # HDF5 tables with the columns of CSV files are samples of models of these
    quick table runs.csv "$maf"
    "$FLOWCTL" sample table.h5 -n 600 -o runs.h5:/train -q
    quick table events.csv "$maf" 'data.columns=["x","y"]'
    "$FLOWCTL" sample table.h5 -n 600 -o calo.h5:/showers -q
    "$FLOWCTL" sample table.h5 -n 600 -o showers.h5:/x -q
    quick table events.csv "$maf" 'data.columns=["energy"]'
    "$FLOWCTL" sample table.h5 -n 600 -o calo.h5:/incident_energies -q
    rm table.h5 table.json
    printf '{ "data": { "train": "events.csv", "columns": ["x", "y"], "validation": 0.2 },
              "flow": ["standardize", "maf"] }' >spec.json
    "$FLOWCTL" train spec.json -q --set train.epochs=1 -o model.h5 --set 'data.columns=["x","y","energy"]' \
        --set data.train=showers.h5:/x,energies.csv
    cp configs/moons-flow-matching.json configs/continuous.json
    "$FLOWCTL" train configs/continuous.json -q --set train.epochs=1 -o continuous.h5
    "$FLOWCTL" train configs/detector.json -q --set train.epochs=1 -o detector.h5
    "$FLOWCTL" train configs/bars-discs.json -q --set train.epochs=1 -o digits.h5
    cp data/bars_discs.h5 mnist.h5
    cp two_moons_test.csv test.csv
    mkdir models
    local seed
    for seed in 1 2 3; do
        "$FLOWCTL" train configs/moons.json -q --set train.epochs=1 --set 'flow[1].repeat=1' --seed $seed -o a-$seed.h5
    done
    cp a-1.h5 models/one.h5
    cp a-2.h5 models/two.h5
    cp a-1.h5 old.h5
    cp a-2.h5 new.h5
    cp a-2.h5 nsf_ar.h5
    cp a-3.h5 seed2.h5
    mv a-1.h5 maf.h5
    mv a-2.h5 nsf.h5
    mv a-3.h5 tuned.h5
    { cat two_moons_test.csv && printf '0.5,0.25\n'; } >seen.csv
}

# Commands of a page that are not run, with the reasons, as patterns.
exceptions='docs/results.md:.*protein-maf       its data are not in the repository
docs/results.md:.*mnist-glow                    nor are these, and its training takes an hour'

# run_page PAGE: its commands, one after the other, in the world; trainings are short, and numbers of rows small
run_page() {
    local line place failed=0 n=0
    export -f quick_flowctl
    while IFS= read -r line; do
        ! grep -qE "$(sed 's/   .*//' <<<"$exceptions")" <<<"$line" || continue
        place=$(cut -d: -f1,2 <<<"$line")
        line=$(cut -d: -f3- <<<"$line" | sed -e 's/-n 1e6/-n 2000/; s/--first 1e6/--first 2000/; s/label=7/label=1/')
        n=$((n + 1))
        bash -o pipefail -c "flowctl() { quick_flowctl \"\$@\"; }; $line" >out 2>&1 </dev/null ||
            { printf '%s: %s\n' "$place" "$line" && tail -n 3 out && failed=1; }
    done < <(cd "$root" && commands "$1")
    echo "$n commands of $1"
    return $failed
}

# shellcheck disable=SC2317 # bash -c calls it
quick_flowctl() {
    local more=() status=0
    case $1 in
        train) more=(--set train.epochs=1) ;;
        tune) more=(--trials 2 --epochs 1) ;;
        score) more=(--draws 200) ;;
        # figures need gnuplot, pictures of text do not
        plot) command -v gnuplot >/dev/null || more=(--text) ;;
        diagnose)
            [[ $* != *" --plot "* ]] || command -v gnuplot >/dev/null || return 0
            # status 3 is a verdict on models that are hardly trained
            "$FLOWCTL" "$@" --rows 200 || [ $? -eq 3 ]
            return
            ;;
    esac
    case " $* " in
        *' --resume '* | *' -r '* | *' --force '*) ;;
        ' init '* | ' train '* | ' tune '*) more+=(--force) ;;
    esac
    "$FLOWCTL" "$@" "${more[@]}" || status=$?
    # models that are trained for a moment are rejected, rightly
    [ "$1 $status" = "diagnose 3" ] || return "$status"
}

# bats test_tags=slow
@test "the commands of the pages run" {
    local page n=0 failed=0
    cd "$BATS_TEST_TMPDIR" || return
    make_world
    for page in "${pages[@]}"; do
        run run_page "$page"
        [ "$output" = "0 commands of $page" ] || printf '%s\n' "$output"
        [ "$status" -eq 0 ] || failed=1
        n=$((n + ${lines[-1]%% *}))
    done
    echo "$n commands"
    [ $failed -eq 0 ]
    [ "$n" -gt 60 ]
}

@test "what the first session shows of its data is what info prints" {
    cd "$BATS_TEST_TMPDIR" || return
    cp "$root/data/two_moons.csv" .
    awk '/\$ flowctl info two_moons.csv/ { on = 1; next } on && /\$ cat/ { exit } on { sub(/^    /, ""); print }' \
        "$root/README.md" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' >expected
    flowctl info two_moons.csv >printed
    diff expected printed
}
