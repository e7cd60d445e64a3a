#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Trains conditional specs where they have no model yet and reports how good they are (test/bench_calibration.c).
#
#     scripts/calibration.sh [SPEC...]        without SPEC: configs/detector.json and configs/protein-rmsd.json
set -euo pipefail
cd "$(dirname "$0")/.."
"${MAKE:-make}" -s build/flowctl build/test/bench_calibration
[ $# -gt 0 ] || set -- configs/detector.json configs/protein-rmsd.json
for spec in "$@"; do
    build/flowctl train "$spec" --resume --quiet
done
build/test/bench_calibration "$@"
