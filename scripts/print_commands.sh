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
- Exit status: 0 success, 1 failure, 2 a mistake on the command line or in a spec, 3 a model that `diagnose` rejects;
  130, 143, 129 and 138 after SIGINT, SIGTERM, SIGHUP and SIGUSR1. A pipe whose reader stops early (`| head`) counts as
  success.
- Row i of the output of `logprob` and `invert` stands for row i of the data. With `--skip-invalid` rows with missing or
  non-finite values are skipped, and are rows of `nan` in the output, in CSV and HDF5. So are the draws of `sample
  --given` for such a row; the draws for the other rows are the same as without it. `interpolate` counts such rows, and
  refuses to begin or end at one. Row numbers in messages and under "least likely rows" count them, too.
- A file that is written with `-o` appears whole or not at all, also when the disk is full. An HDF5 file keeps its other
  tables.
- A file that exists and that flowctl did not write, or that was changed since, is replaced with `--force` only, and so
  is such a table in an HDF5 file, and the data that the model was trained on. (What flowctl wrote carries a mark, the
  extended attribute `user.flowctl.written`, or in HDF5 the attribute `written_by` of the table. Where a file system has
  no such attributes, each file needs `--force`.) A table never replaces what the command reads, a model or a spec.
  Models are replaced by `train` and `tune` with `--force` or `--resume` only, and a spec by `--force` of `init`,
  `train DATA` and `tune`.
- Several programs at once: one that writes a file which another flowctl is writing waits until that has ended, so that
  both tables are in an HDF5 file. A second training into a model, and a second search in a folder, are refused. The
  locks are files `.NAME.lock`, and end with the program, however that ends. On NFS without its lock service a warning
  says that there are none. Temporary files of programs that were killed are removed when the file is written next.
- `-o /dev/stdout`, `-o /dev/fd/3`, `-o >(command)` and named pipes are written to directly, as CSV.
TEXT
for name in $("$flowctl" --help | sed -n 's/^  \([a-z][a-z0-9_-]*\)  .*/\1/p' | grep -v '^help$'); do
    printf '\n## %s\n\n' "$name"
    "$flowctl" help "$name" | sed 's/^\(.\)/    \1/'
done
