#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prints docs/commands.md: what the program says of its commands. A test compares the two.
#
#     scripts/print_commands.sh >docs/commands.md
set -euo pipefail
flowctl=${FLOWCTL:-$(dirname "$0")/../build/flowctl}

cat <<'TEXT'
# Commands

What `flowctl help COMMAND` prints; `make docs` writes this page.

- A model may always be named by the spec that trained it.
- Results go to standard output, everything else to standard error. With `--json` the result is one JSON object on one
  line.
- Exit status: 0 success, 1 failure, 2 a mistake on the command line or in a spec; 130 and 143 after SIGINT and
  SIGTERM. A pipe whose reader stops early (`| head`) counts as success.
- Row i of the output of `logprob` and `invert` stands for row i of the data. With `--skip-invalid` rows with missing or
  non-finite values are skipped, and are rows of `nan` in the output, in CSV and HDF5. So are the draws of `sample
  --given` for such a row; the draws for the other rows are the same as without it. `interpolate` counts such rows, and
  refuses to begin or end at one. Row numbers in messages and under "least likely rows" count them, too.
- A file that is written with `-o` appears whole or not at all, also when the disk is full. A CSV file that exists is
  replaced. An HDF5 file keeps its other tables. Models are replaced by `train` and `tune` with `--force` or `--resume`
  only, and a spec by `--force` of `init`, `train DATA` and `tune`.
TEXT
for name in $("$flowctl" --help | sed -n 's/^  \([a-z][a-z0-9_-]*\)  .*/\1/p' | grep -v '^help$'); do
    printf '\n## %s\n\n' "$name"
    "$flowctl" help "$name" | sed 's/^\(.\)/    \1/'
done
