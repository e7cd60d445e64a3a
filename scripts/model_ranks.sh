#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a training step takes with many ranks, on paper: docs/scaling.md.
#
#     scripts/model_ranks.sh GROUP_MS WEIGHTS MESSAGE_US GB_PER_S [BATCH]
#
# GROUP_MS: milliseconds of 512 rows on one rank (bench_ranks.sh: the time of a step over BATCH / 512). WEIGHTS: numbers
# in the gradient. MESSAGE_US and GB_PER_S: what a message costs, and how fast long ones are (bench_comm). A rank has
# BATCH / 512 / ranks groups, rounded up, exchanges its part of the gradient with each other rank, and receives the
# parts of all. Prints milliseconds of a step, and how much faster than one rank it is. Without BATCH: that of one group
# for each rank, and the rows in a second.
set -euo pipefail
[ $# -ge 4 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed -n '4p' && exit 2; }
awk -v g="$1" -v n="$2" -v a="$3" -v b="$4" -v batch="${5:-0}" 'BEGIN {
    printf "%6s  %9s  %9s  %9s  %8s  %11s\n", "ranks", "batch", "step, ms", "messages", "faster", "rows/s"
    for (r = 1; r <= 1024; r *= 2) {
        if (r > 1 && r < 16)
            continue
        rows = batch > 0 ? batch : 512 * r
        groups = int((rows + 511) / 512)
        mine = int((groups + r - 1) / r)
        messages = r > 1 ? 2 * (r - 1) * a / 1000 + 2 * 4 * n * (1 - 1 / r) / (b * 1e6) : 0
        step = mine * g + messages
        printf "%6d  %9d  %9.2f  %8.1f%%  %8.1f  %11.0f\n", r, rows, step, 100 * messages / step, groups * g / step,
            1000 * rows / step
    }
}'
