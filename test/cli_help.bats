#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# Dispatch, help, version, the parsing of options.

load cli_helper

# The table of the program: every command has to be in it.
commands=$(sed -n 's/^const command command_\([a-z0-9_]*\) = {$/\1/p' "$BATS_TEST_DIRNAME"/../cmd/cmd_*.c | tr '\n' ' ')

@test "the overview names every command" {
    run flowctl
    expect_status 0
    for name in $commands; do expect "  $name "; done
    # the summaries are aligned, two spaces behind the longest name
    longest=$(tr ' ' '\n' <<<"$commands help" | awk '{ if (length > n) n = length } END { print n }')
    [ "$(grep -cE "^  .{$longest}  [a-z]" <<<"$output")" -eq "$(wc -w <<<"$commands help")" ]
    run flowctl --help
    expect_status 0
    expect "Usage: flowctl COMMAND"
    run flowctl help
    expect_status 0
}

@test "help COMMAND and COMMAND --help are the same page, on standard output" {
    for name in $commands; do
        run --separate-stderr flowctl help "$name"
        expect_status 0
        [ -z "$stderr" ]
        page=$output
        expect "Usage: flowctl $name" "Options:" "Examples:"
        run --separate-stderr flowctl "$name" --help
        expect_status 0
        [ "$output" = "$page" ]
        run flowctl "$name" -h
        expect_status 0
    done
}

@test "the help of each command mentions each of its options" {
    run flowctl help init
    expect --output --validation --test --columns --drop --context --weight --fast-sampling --minutes --force --json \
        --quiet --help
    run flowctl help train
    expect --data --validation --test --output --set --columns --seed --skip-invalid --resume --force --json --threads \
        --quiet --help
    run flowctl help sample
    expect --number --output --seed --first --temperature --logprob --float --json --threads --quiet --help
    run flowctl help logprob
    expect --output --worst --skip-invalid --float --json --threads --quiet --help
    run flowctl help invert
    expect --to --output --logdet --skip-invalid --float --json --threads --quiet --help
    run flowctl help interpolate
    expect --rows --number --output --linear --skip-invalid --float --json --threads --quiet --help
    run flowctl help info
    expect --history --dim --json --help
    run flowctl help check
    expect --set --dim --resolved --schema --json --help
}

@test "docs/commands.md is what the program says of itself" {
    for name in $commands; do flowctl | grep -q "^  $name " && grep -q "^## $name\$" "$root/docs/commands.md"; done
    [ "$(flowctl | grep -cE '^  [a-z][a-z0-9_-]*  ')" -eq $(($(wc -w <<<"$commands") + 1)) ] # and help
    "$root/scripts/print_commands.sh" | diff -u "$root/docs/commands.md" -
}

@test "docs/commands.md has commands with digits, hyphens and underscores in their names" {
    enter_folder
    printf '#!/bin/sh\necho "  to-h5_2  convert"\n' >program
    chmod +x program
    FLOWCTL=./program "$root/scripts/print_commands.sh" | grep -q '^## to-h5_2$'
}

@test "no line of help is wider than 100 columns" {
    for name in $commands; do
        flowctl help "$name" | awk 'length($0) > 100 { print; bad = 1 } END { exit bad }'
    done
}

@test "--version names the program and its libraries" {
    run flowctl --version
    expect_status 0
    [[ ${lines[0]} == flowctl\ * ]]
    expect precision "matrix products" "vector kernels" HDF5 GSL CBLAS cJSON zlib libpng compiler threads
    for words in "--version --json" "version --json"; do
        # shellcheck disable=SC2086 # two words
        run flowctl $words
        expect_status 0
        expect_json version precision matrix_products vector_kernels vector_kernels_compiled hdf5 gsl cblas cjson \
            zlib libpng compiler threads
    done
    run flowctl --version --jsn
    expect_status 2
}

@test "an unknown command is a usage error with a suggestion" {
    run flowctl sampel
    expect_status 2
    expect 'did you mean "sample"?'
    run flowctl help tarin
    expect_status 2
    expect 'did you mean "train"?'
}

@test "an unknown option is a usage error with a suggestion" {
    run flowctl sample model.h5 --temprature 0.5
    expect_status 2
    expect --temprature "did you mean --temperature?" "flowctl help sample"
    run flowctl train spec.json --forse
    expect_status 2
    expect "did you mean --force?"
    run flowctl train spec.json --epochs 3
    expect_status 2
    expect "unknown option --epochs; keys of the spec are set by --set"
}

@test "values: missing, superfluous, not a number, out of range, not a choice" {
    run flowctl sample model.h5 -n
    expect_status 2
    expect "--number needs a value"
    run flowctl sample model.h5 --quiet=yes
    expect_status 2
    expect "--quiet takes no value"
    run flowctl sample model.h5 -n many
    expect_status 2
    expect 'takes a whole number, not "many"'
    run flowctl sample model.h5 -n 1.5
    expect_status 2
    run flowctl sample model.h5 -n -5
    expect_status 2
    expect "out of range"
    run flowctl sample model.h5 --threads 0
    expect_status 2
    run flowctl invert model.h5 data.csv --to nowhere
    expect_status 2
    expect "latent, data"
}

@test "arguments: missing and superfluous" {
    run flowctl logprob model.h5
    expect_status 2
    expect "DATA is missing"
    run flowctl train
    expect_status 2
    expect "SPEC|DATA is missing"
    run flowctl sample a.h5 b.h5
    expect_status 2
    expect 'unexpected argument "b.h5"'
}

@test "what follows -- is an argument, whatever it looks like" {
    run flowctl info -- --json
    expect_status 1
    expect "--json:"
}

@test "messages carry no colour where there is no terminal" {
    run flowctl sampel
    [[ $output != *$'\033'* ]]
}

@test "the help names what the tables of the library hold" {
    run flowctl help sample
    for file in "$root"/lib/ode/*.c; do
        name=$(sed -n 's/^ *\.\(type\|name\|info\) = .*"\([a-z0-9]*\)".*/\2/p' "$file" | head -n 1)
        stages=$(sed -n 's/^ *\.n_stages = \([0-9]*\),.*/\1/p' "$file")
        [ -z "$stages" ] || expect "$name ($stages)"
    done
    expect "euler (1)"
    run flowctl help train
    expect_not "by maximum likelihood"
    expect "train.objective"
}
