#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# bats file_tags=slow
# shellcheck disable=SC2154 # what `run` and the helper set
# The recipes of docs/cookbook/, with short trainings where these take long

load cli_helper

recipe() {
    run "$root/scripts/cookbook.sh" -q "$root"/docs/cookbook/"$1"*.md
    expect_status 0
}

@test "01: a detector simulator to replace" { recipe 01; }
@test "02: anomaly search" { recipe 02; }
@test "03: simulation-based inference with ten observations" { recipe 03; }
@test "04: a posterior from nested-sampling chains with weights" { recipe 04; }
@test "05: reweighting one sample to another" { recipe 05; }
@test "06: monitoring" { recipe 06; }
@test "07: evidence by importance sampling" { recipe 07; }
@test "08: missing values" { recipe 08; }
@test "09: images" { recipe 09; }
@test "10: a synthetic data set that can be shared" { recipe 10; }

@test "each recipe is run here and listed, and its numbers are looked at" {
    local page name
    for page in "$root"/docs/cookbook/[0-9]*.md; do
        name=$(basename "$page")
        grep -q "^@test \"${name%%-*}: " "$BATS_TEST_FILENAME"
        grep -q "($name)" "$root/docs/cookbook/README.md"
    done
    # numbers that a page does not reach, and commands that fail, are noticed
    printf '```sh\necho "bias 0.5"\n```\n<!-- holds: bias < 0.4, quick < 0.4 -->\n' >"$BATS_TEST_TMPDIR/wrong.md"
    run "$root/scripts/cookbook.sh" -q "$BATS_TEST_TMPDIR/wrong.md"
    expect_status 1
    expect 'not bias 0.5 < 0.4'
    sed -i 's/echo "bias 0.5"/echo "bias 0.1"; false/' "$BATS_TEST_TMPDIR/wrong.md"
    run "$root/scripts/cookbook.sh" -q "$BATS_TEST_TMPDIR/wrong.md"
    expect_status 1
    expect 'ended with status 1'
    sed -i 's/; false//' "$BATS_TEST_TMPDIR/wrong.md"
    run "$root/scripts/cookbook.sh" -q "$BATS_TEST_TMPDIR/wrong.md"
    expect_status 0
}
