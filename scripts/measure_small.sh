#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/measure_small.sh [-j THREADS] [-n SEEDS]
#
# What `train DATA` makes of few rows. Draws 100, 1,000 and 10,000 rows of a density of ten columns that is known,
# trains on them by itself and with the spec that was the best of those tried by hand, and prints a row of a Markdown
# table for each number of rows: the Kullback-Leibler divergence from the truth in nats, on 20,000 fresh rows, as the
# mean over the seeds with its standard error. Files go to build/small/ or $RESULTS; $FLOWCTL is the program.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
flowctl=${FLOWCTL:-$root/build/flowctl}
out=${RESULTS:-$root/build/small}
threads=1 seeds=10
# shellcheck source=scripts/options.bash
source "$(dirname "$0")/options.bash"
read_options 'j=threads n=seeds' "$@"
mkdir -p "$out"

# draw ROWS SEED: rows with their log-density as the last column. x1 and x9 have two modes, x3 and x6 are skewed, and
# each column depends on earlier ones, x4, x5 and the width of x7 by curves.
draw() {
    awk -v n="$1" -v seed="$2" '
        function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }
        function bell(x, mean, deviation) {
            return exp(-((x - mean) / deviation) ^ 2 / 2) / deviation / 2.5066282746310002
        }
        BEGIN {
            srand(seed)
            OFS = ","
            OFMT = CONVFMT = "%.9g"
            print "x1,x2,x3,x4,x5,x6,x7,x8,x9,x10,logp"
            for (i = 0; i < n; i++) {
                a = (rand() < 0.5 ? 1.5 : -1.5) + 0.7 * normal()
                p = log((bell(a, 1.5, 0.7) + bell(a, -1.5, 0.7)) / 2)
                b = 0.8 * a + 0.5 * normal()
                p += log(bell(b, 0.8 * a, 0.5))
                l = 0.3 * b + 0.5 * normal()
                c = exp(l)
                p += log(bell(l, 0.3 * b, 0.5)) - l
                d = a * a / 2 + 0.3 * normal()
                p += log(bell(d, a * a / 2, 0.3))
                e = sin(2 * b) + 0.3 * normal()
                p += log(bell(e, sin(2 * b), 0.3))
                t = -log(1 - rand())
                f = d / 2 + t
                p -= t
                w = 0.2 + 0.5 * (e < 0 ? -e : e)
                g = w * normal()
                p += log(bell(g, 0, w))
                h = 0.7 * g + 0.5 * f + 0.4 * normal()
                p += log(bell(h, 0.7 * g + 0.5 * f, 0.4))
                q = 1 / (1 + exp(-a))
                k = (rand() < q ? 1.2 : -1.2) + h / 2 + 0.4 * normal()
                p += log(q * bell(k, h / 2 + 1.2, 0.4) + (1 - q) * bell(k, h / 2 - 1.2, 0.4))
                m = 0.9 * k - 0.4 * sqrt(c) + 0.3 * normal()
                p += log(bell(m, 0.9 * k - 0.4 * sqrt(c), 0.3))
                print a, b, c, d, e, f, g, h, k, m, p
            }
        }'
}

# by_hand ROWS: the spec that was the best of those tried by hand
by_hand() {
    case $1 in
    100) flow='{"type":"maf","repeat":2,"hidden":[64,64],"activation":"silu",
            "univariate":{"type":"mixture","components":3}}'
        train='{"optimizer":{"type":"adamw","rate":0.01,"decay":1},"batch":16,"epochs":60,"ema":0.99}' ;;
    1000) flow='{"type":"maf","repeat":5,"hidden":[128,128],"activation":"silu","univariate":"mixture"}'
        train='{"optimizer":{"type":"adamw","rate":0.01,"decay":0.7},"batch":32,"epochs":40,"ema":0.99}' ;;
    *) flow='{"type":"maf","repeat":5,"hidden":[128,128],"activation":"silu","univariate":"mixture"}'
        train='{"optimizer":{"type":"adamw","rate":0.01,"decay":0.1},"batch":128,"epochs":40,"ema":0.99}' ;;
    esac
    echo "{\"data\":{\"train\":\"rows.csv\",\"validation\":$2},\"flow\":[\"standardize\",$flow]," \
        "\"base\":\"student_t\",\"train\":$train}"
}

# divergence MODEL: the mean of log p_true - log p_model over the fresh rows
divergence() {
    "$flowctl" logprob "$1" fresh.csv -q --force -o model.csv >/dev/null
    paste -d, truth.csv model.csv | awk -F, 'NR > 1 { sum += $1 - $2 } END { print sum / (NR - 1) }'
}

cd "$out"
draw 20000 999 >drawn.csv
cut -d, -f11 drawn.csv >truth.csv
cut -d, -f1-10 drawn.csv >fresh.csv
echo "| rows | by itself | by hand |"
echo "|---|---|---|"
for n in 100 1000 10000; do
    for seed in $(seq "$seeds"); do
        draw "$n" "$seed" | cut -d, -f1-10 >rows.csv
        "$flowctl" train rows.csv -q --force -s "$seed" -j "$threads"
        share=$(sed -n 's/.*"validation": \([0-9.]*\).*/\1/p' rows.json | head -n 1)
        by_hand "$n" "$share" >hand.json
        "$flowctl" train hand.json -q --force -s "$seed" -j "$threads"
        echo "$n $(divergence rows.h5) $(divergence hand.h5)"
    done | awk -v n="$n" '
        { a += $2; aa += $2 * $2; b += $3; bb += $3 * $3 }
        function error(sum, squares) { return NR > 1 ? sqrt((squares / NR - (sum / NR) ^ 2) / (NR - 1)) : 0 }
        END { printf "| %d | %.3f ± %.3f | %.3f ± %.3f |\n", n, a / NR, error(a, aa), b / NR, error(b, bb) }'
done
