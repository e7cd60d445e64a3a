#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
# shellcheck disable=SC2016 # the words of a bash that is started
# man pages, and completion for bash, zsh and fish

load cli_helper

setup_file() {
    share=$root/build/share
    export share
    # make has made them already if it runs this
    [ -n "${MAKELEVEL:-}" ] || make -s -C "$root" build/share/made
    make_model
}

setup() {
    enter_folder
}

# completed WORD...: what bash completes the last word to, a line each; "=" is a word of its own, as for readline
completed() {
    bash --norc -c '
        source "$1"
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _flowctl 2>/dev/null
        printf "%s\n" "${COMPREPLY[@]}"' bash "$share/bash-completion/completions/flowctl" flowctl "$@"
}

@test "each command has a man page with all of its options, and none has a warning" {
    for name in $(flowctl help | sed -n 's/^  \([a-z][a-z0-9_-]*\)  .*/\1/p' | grep -v '^help$'); do
        page=$share/man/man1/flowctl-$name.1
        for option in $(flowctl help "$name" | grep -oE '^  (-.,|   ) --[a-z-]+' | grep -oE -- '--[a-z-]+'); do
            grep -qF -- "${option//-/\\-}" "$page" || { echo "$name: $option" && return 1; }
        done
        grep -q "flowctl..$name (1)" "$share/man/man1/flowctl.1"
    done
    for page in "$share"/man/man[15]/*; do
        if command -v mandoc >/dev/null; then
            mandoc -T lint -W warning "$page"
        fi
        if command -v man >/dev/null && man --version 2>/dev/null | grep -q '^man '; then
            LC_ALL=C.UTF-8 man -l --warnings "$page" 2>"$BATS_TEST_TMPDIR/warnings" >/dev/null
            [ ! -s "$BATS_TEST_TMPDIR/warnings" ] || { cat "$BATS_TEST_TMPDIR/warnings" && return 1; }
        fi
    done
}

@test "flowctl-spec(5) has every key of the schema" {
    sed -n 's/^| `\([a-z_]*\)` |.*/\1/p' "$root/docs/spec.md" | sort -u >keys
    [ "$(wc -l <keys)" -gt 50 ]
    while read -r key; do
        grep -qF "\\fB$key\\fR" "$share/man/man5/flowctl-spec.5" || { echo "$key" && return 1; }
    done <keys
    grep -q 'Allowed: ' "$share/man/man5/flowctl-spec.5"
}

@test "bash completes commands and options" {
    [ "$(completed lo)" = logprob ]
    completed '' | grep -qx score
    completed help tr | grep -qx train
    [ "$(completed logprob --wo)" = --worst ]
    completed sample model.h5 - | grep -qx -- --temperature
    [ "$(completed sample model.h5 --wo)" = '' ]
}

@test "bash completes words, with and without an equals sign" {
    [ "$(completed invert --to la)" = latent ]
    [ "$(completed invert --to = d)" = data ]
    [ "$(completed invert --to = '' | sort | tr '\n' ' ')" = 'data latent ' ]
    [ "$(completed sample --solver rk)" = rk4 ]
    [ "$(completed train --header y)" = yes ]
}

@test "bash completes the keys of --set and their words" {
    [ "$(completed train spec.json --set train.epo)" = train.epochs= ]
    [ "$(completed train spec.json --set = train.epo)" = train.epochs= ]
    completed train --set train.optimizer. | grep -qx train.optimizer.rate=
    [ "$(completed train --set train.optimizer = adamw)" = adamw ]
    [ "$(completed train --set = train.optimizer = adamw)" = adamw ]
    [ "$(completed train --set data.flip = t)" = true ]
    [ "$(completed check --set see)" = seed= ]
}

@test "bash completes models where models are expected, and files elsewhere" {
    cp test.csv 'two words.csv'
    mkdir more
    # data in HDF5 are no model
    flowctl logprob model.h5 test.csv -q -o modest.h5 >/dev/null
    [ "$(completed logprob mod)" = model.h5 ]
    completed logprob '' >found
    grep -qx model.h5 found
    grep -qx spec.json found
    grep -qx more found
    run grep -x test.csv found
    expect_status 1
    [ "$(completed logprob model.h5 mod | sort | tr '\n' ' ')" = 'model.h5 modest.h5 ' ]
    [ "$(completed logprob --worst 3 model.h5 tes)" = test.csv ]
    [ "$(completed logprob --worst = 3 model.h5 tes)" = test.csv ]
    [ "$(completed logprob -q model.h5 'two w')" = 'two words.csv' ]
    [ "$(completed compare model.h5 model.h5 tes)" = test.csv ]
    [ "$(completed compare model.h5 --to mod)" = model.h5 ]
    [ "$(completed logprob model.h5 test.csv tes)" = '' ]
}

@test "the completion of zsh and fish is well-formed, and has every command" {
    for name in train score compare; do
        grep -q "^        $name)" "$share/zsh/site-functions/_flowctl"
        grep -q "__fish_seen_subcommand_from $name' -l threads" "$share/fish/vendor_completions.d/flowctl.fish"
    done
    if command -v zsh >/dev/null; then
        zsh -n "$share/zsh/site-functions/_flowctl"
    fi
    if command -v fish >/dev/null; then
        fish -n "$share/fish/vendor_completions.d/flowctl.fish"
        local table=$share/fish/vendor_completions.d/flowctl.fish
        found=$(fish -c "source $table; complete -C 'flowctl train --set train.epo'")
        [[ $found == train.epochs=* ]]
        found=$(fish -c "source $table; complete -C 'flowctl invert --to la'")
        [[ $found == latent* ]]
    fi
}
