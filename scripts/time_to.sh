#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/time_to.sh [-j THREADS] SPEC LIKELIHOOD
#
# Trains the spec and prints how many seconds of training and evaluation it took until the held-out log-likelihood was
# at least LIKELIHOOD, from the history of the model. The model goes to build/results/ or $RESULTS; $FLOWCTL is the
# program.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
flowctl=${FLOWCTL:-$root/build/flowctl}
out=${RESULTS:-$root/build/results}
threads=1
# shellcheck source=scripts/options.bash
source "$(dirname "$0")/options.bash"
read_options 'j=threads' "$@"
shift $((OPTIND - 1))
[ $# -eq 2 ] || { echo "usage: scripts/time_to.sh [-j THREADS] SPEC LIKELIHOOD" >&2; exit 2; }
mkdir -p "$out"
model=$out/time-to-$(basename "$1" .json).h5
"$flowctl" train "$1" -q --force -o "$model" --threads "$threads" >/dev/null
name=$(basename "$1" .json)
"$flowctl" info "$model" --json | grep -o '"history":.*' | tr '{' '\n' | awk -v target="$2" -v name="$name" '
    function number(key) {
        if (!match($0, "\"" key "\":-?[0-9][-+.eE0-9]*"))
            return ""
        return substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3)
    }
    number("seconds") != "" {
        seconds += number("seconds")
        if (number("validation") != "" && number("validation") + 0 >= target + 0) {
            printf "%s: %s nats after %d epochs and %.1f s\n", name, number("validation"), number("epoch"), seconds
            found = 1
            exit
        }
    }
    END { if (!found) { printf "%s: not reached in %.1f s\n", name, seconds; exit 1 } }'
