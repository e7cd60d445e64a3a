#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Compares the speed of two source trees, both built with `make release build/test/bench/bench_workloads`.
#
#     scripts/bench_pairs.sh [-j THREADS] [-n PAIRS] OLD NEW [WORKLOAD...]
#
# OLD and NEW are the top folders. For each workload of test/bench/workloads/ the two benchmark programs run in turns,
# PAIRS times (default 9), and a table shows for the tasks train (a training step), logprob and sample: the medians of
# the times, and the median and the quartiles of the ratio new / old within a pair. A ratio below 1 means that NEW is
# faster. One thread (the default) is measured in processor time, more are measured on the wall. Nothing else should
# run meanwhile.
set -euo pipefail
threads=1
pairs=9
# shellcheck source=scripts/options.bash
source "$(dirname "$0")/options.bash"
read_options 'j=threads n=pairs' "$@"
shift $((OPTIND - 1))
[ $# -ge 2 ] || usage
old=$1 new=$2
shift 2
for tree in "$old" "$new"; do
    if [ ! -x "$tree/build/test/bench/bench_workloads" ]; then
        echo "$tree has no benchmarks: make -C $tree release build/test/bench/bench_workloads" >&2
        exit 1
    fi
done
if [ $# -eq 0 ]; then
    for file in "$old"/test/bench/workloads/*.json; do
        [ ! -e "$new/test/bench/workloads/$(basename "$file")" ] || set -- "$@" "$(basename "$file" .json)"
    done
fi

# times TREE WORKLOAD: "task seconds" for each task
times() {
    (cd "$1" && build/test/bench/bench_workloads --threads "$threads" --rounds 3 --json "$2") |
        grep -oE '"(train|logprob|sample)":[{]"seconds":[-+.e0-9]+' | tr -d '"{' | sed 's/:seconds:/ /'
}

printf '%-10s %-8s %10s %10s %9s %8s %8s\n' workload task 'old ms' 'new ms' new/old quartile quartile
for workload; do
    for ((pair = 1; pair <= pairs; pair++)); do
        if ((pair % 2)); then
            times "$old" "$workload" | sed "s/^/old $pair /"
            times "$new" "$workload" | sed "s/^/new $pair /"
        else
            times "$new" "$workload" | sed "s/^/new $pair /"
            times "$old" "$workload" | sed "s/^/old $pair /"
        fi
    done | awk -v workload="$workload" '
        # the quantile q of x[1 ... n], which is sorted in place
        function quantile(x, n, q,    i, j, t, at) {
            for (i = 2; i <= n; i++) {
                t = x[i]
                for (j = i - 1; j >= 1 && x[j] > t; j--)
                    x[j + 1] = x[j]
                x[j + 1] = t
            }
            at = 1 + q * (n - 1)
            i = int(at)
            return i == n ? x[n] : x[i] + (at - i) * (x[i + 1] - x[i])
        }
        { seconds[$1, $2, $3] = $4; tasks[$3]; if ($2 > pairs) pairs = $2 }
        END {
            split("train logprob sample", order, " ")
            for (k = 1; k <= 3; k++) {
                task = order[k]
                if (!(task in tasks))
                    continue
                n = 0
                for (i = 1; i <= pairs; i++) {
                    if (!(("old", i, task) in seconds) || !(("new", i, task) in seconds))
                        continue
                    a[++n] = seconds["old", i, task]
                    b[n] = seconds["new", i, task]
                    r[n] = b[n] / a[n]
                }
                if (n > 0)
                    printf "%-10s %-8s %10.4f %10.4f %9.3f %8.3f %8.3f\n", workload, task, 1e3 * quantile(a, n, 0.5),
                           1e3 * quantile(b, n, 0.5), quantile(r, n, 0.5), quantile(r, n, 0.25), quantile(r, n, 0.75)
            }
        }'
done
