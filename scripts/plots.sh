#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/plots.sh [FOLDER]
#
# Draws the pictures of docs/plot.md into FOLDER, docs/pictures by default: trains small models of the presets, each for
# a few epochs, so that there is something to see, and draws each kind of plot. Models stay in build/plots and are not
# trained again. $FLOWCTL is the program.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
flowctl=${FLOWCTL:-$root/build/flowctl}
pictures=${1:-$root/docs/pictures}
models=$root/build/plots
mkdir -p "$models" "$pictures"
pictures=$(cd "$pictures" && pwd)

# train PRESET EPOCHS [NAME]
train() {
    local model=$models/${3:-$1}.h5
    [ -e "$model" ] || "$flowctl" train "$root/configs/$1.json" -q --set "train.epochs=$2" -o "$model"
}

# draw NAME ARGUMENTS...
draw() {
    local name=$1
    shift
    (cd "$models" && "$flowctl" plot "$@" -o "$pictures/plot-$name.png" --force)
}

train moons 20
train moons-flow-matching 8
train detector 8
train bars-discs 6
moons=$root/data/two_moons.h5:/test detector=$root/data/detector.h5:/test
draw moons moons.h5 "$moons" --size 500x560
draw samples moons.h5 "$moons" --kind samples -n 1000 --size 780x310
draw map moons.h5 --kind map --size 480x380
draw curves moons.h5 moons-flow-matching.h5 --size 520x560
draw calibration moons.h5 "$moons" --kind calibration --size 660x640
draw detector detector.h5 "$detector" --size 540x620
draw given detector.h5 -g energy=5,eta=0 -g energy=20,eta=0 -g energy=50,eta=2 --size 500x380
draw sheet bars-discs.h5 "$root/data/bars_discs.h5:/test" -n 16 --size 480x420
