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

What `flowctl help COMMAND` prints; `scripts/print_commands.sh` makes this page of it.

- A model may always be given by the spec that trained it.
- Results go to standard output, everything else to standard error. `--json` makes the result one JSON object on one
  line.
- Exit status: 0 success, 1 failure, 2 a mistake on the command line or in a spec; 130 and 143 after SIGINT and
  SIGTERM. A reader that closes its end of a pipe (`| head`) is no failure.
- What is written with `-o` appears as a whole or not at all, also when the disk is full. A CSV file that exists is
  replaced, an HDF5 file keeps its other tables, and models are replaced only by `train --force` and `train --resume`.
TEXT
for name in $("$flowctl" help | sed -n "/^Commands:/,/^ *help /{s/^  \([a-z]*\)  .*/\1/p}" | grep -v "^help$"); do
    printf '\n## %s\n\n' "$name"
    "$flowctl" help "$name" | sed 's/^\(.\)/    \1/'
done
