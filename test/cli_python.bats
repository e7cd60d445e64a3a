#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# bats file_tags=slow
# shellcheck disable=SC2154 # what `run` and the helper set
# docs/python-r.md and the reader of docs/model-file.md: their code runs, and gives the numbers of the program

load cli_helper

setup_file() {
    local folder=$BATS_FILE_TMPDIR/project
    mkdir -p "$folder"
    cd "$folder" || return
    cp "$root/data/two_moons_test.csv" .
    "$FLOWCTL" train "$root/configs/moons.json" --set train.epochs=2 --set flow[1].repeat=2 -q -o moons.h5
    "$FLOWCTL" train "$root/configs/detector.json" --set train.epochs=2 -q -o detector.h5
}

setup() {
    enter_folder
    PATH=$(dirname "$FLOWCTL"):$PATH
    python=${PYTHON:-python3}
    page=$root/docs/python-r.md
    library=$root/build/libflowctl.so
    export LIBFLOWCTL=$library LD_LIBRARY_PATH=$root/build${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

block() { "$root/scripts/code_blocks.sh" "$@"; }

# need_python MODULES: skips the test where they are missing
need_python() {
    "$python" -c "import $1" 2>/dev/null || skip "$python has no $1 (scripts/setup.sh --python)"
}

need_library() {
    [ -e "$library" ] || skip "there is no shared library here"
}

@test "the page has every function and every status of flowctl.h" {
    local name n=0
    for name in $(sed -n 's/^FLOW_API .*[ *]\(flow_[a-z0-9_]*\)(.*/\1/p' "$root/lib/flowctl.h"); do
        block python "$page" | grep -q "\"$name\"" || { echo "docs/python-r.md does not call $name"; return 1; }
        n=$((n + 1))
    done
    [ "$n" -ge 10 ]
    wanted=$(sed -n '/^typedef enum flow_status/,/}/ s/^ *FLOW_\([A-Z]*\),.*/\1/p' "$root/lib/core/status.h" | xargs)
    found=$(block python "$page" | sed -n 's/^STATUS = (\(.*\))/\1/p' | tr -d '",')
    [ "$wanted" = "$found" ]
    grep -q 'FLOW_ERROR_SIZE = 1024 ' "$root/lib/core/status.h"
    grep -q 'ctypes.c_char \* 1024' "$page"
}

@test "Python reads tables and model files, and calls the library" {
    need_python 'numpy, h5py, pandas'
    need_library
    block python "$page" -n 4 >flow.py
    for i in 1 2 3 5; do block python "$page" -n "$i"; done >page.py
    run --separate-stderr "$python" page.py
    expect_status 0
    expect "DATA flow_logprob: row 0, column 1 (y) is not a finite number" "['x', 'y'] {'mean': "
    # the library and the program agree to the rounding of the decimals, and the density integrates to its sample
    is_below "$(sed -n 's/^largest difference to flowctl logprob //p' <<<"$output")" 1e-12
    read -r sampled integrated < <(sed -n 's/^mean \(.*\) and, by the density, \(.*\)/\1 \2/p' <<<"$output")
    awk -v a="$sampled" -v b="$integrated" 'BEGIN { exit !((a - b) ^ 2 < 4) }'
}

@test "the Python class refuses what the library cannot see" {
    need_python numpy
    need_library
    block python "$page" -n 4 >flow.py
    cat >refusals.py <<'PYTHON'
import numpy as np
from flow import Flow, FlowError


def refuses(kind, text, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except kind as error:
        assert text in str(error), error
        return getattr(error, "status", None)
    raise AssertionError(f"no {kind.__name__}: {text}")


assert refuses(FlowError, "there is no such file", Flow, "no.h5") == "IO"
open("text.h5", "w").write("text")
assert refuses(FlowError, "text.h5", Flow, "text.h5") in ("FORMAT", "SPEC")
moons, detector = Flow("moons.h5", threads=1), Flow("detector.h5")
assert (moons.columns, moons.context) == (["x", "y"], [])
assert (detector.columns, detector.context) == (["measured"], ["energy", "eta"])
refuses(ValueError, "(3, 1)", moons.logprob, np.zeros((3, 1)))
refuses(ValueError, "(2,)", moons.logprob, np.zeros(2))
refuses(ValueError, "context=['energy', 'eta'] is missing", detector.sample, 3)
refuses(ValueError, "broadcast", detector.sample, 3, context=[1, 2, 3])
x, logp = moons.sample(300, seed=2)
# other types and orders of the same numbers; an empty array; parts of a sequence
assert (moons.logprob(np.asfortranarray(x)) == moons.logprob(x)).all()
assert (moons.logprob(np.repeat(x, 2, axis=0)[::2]) == moons.logprob(x)).all()
assert np.abs(moons.logprob(x.astype("f4")) - logp).max() < 1e-3
assert moons.logprob(np.empty((0, 2))).shape == (0,)
assert (moons.sample(100, seed=2, first_row=200)[0] == x[200:]).all()
# one row of context for all, and a row for each
same = detector.sample(4, context=[50, 0.5])[0]
assert (detector.sample(4, context=np.tile([50, 0.5], (4, 1)))[0] == same).all()
z, logdet = detector.to_latent(same, context=[50, 0.5])
assert np.abs(detector.to_data(z, context=[50, 0.5])[0] - same).max() < 1e-3
assert np.isfinite(logdet).all()
# another arithmetic of products
assert refuses(FlowError, '"half" is neither float nor bf16x3', Flow, "moons.h5", math="half") == "ARGUMENT"
wide, parts = Flow("wide.h5"), Flow("wide.h5", math="bf16x3")
difference = np.abs(parts.logprob(x) - wide.logprob(x)).max()
assert 0 < difference < 1e-3, difference
moons.close()
moons.close()
refuses(ValueError, "closed", moons.logprob, x)
print("all refused")
PYTHON
    "$FLOWCTL" train "$root/configs/moons.json" --set train.epochs=1 --set flow='["standardize", "realnvp"]' -q \
        -o wide.h5
    run --separate-stderr env FLOWCTL_AMX=emulate "$python" refusals.py
    expect_status 0
    [ "$output" = "all refused" ]
}

@test "a few lines of h5py and numpy evaluate a model file" {
    need_python 'numpy, h5py'
    block python "$root/docs/model-file.md" >reader.py
    cat >>reader.py <<'PYTHON'

x = np.loadtxt("two_moons_test.csv", delimiter=",", skiprows=1)
print(np.abs(log_density("moons.h5", x) - np.loadtxt("logprob.csv", skiprows=1)).max())
PYTHON
    flowctl logprob moons.h5 two_moons_test.csv -o logprob.csv -q
    run --separate-stderr "$python" reader.py
    expect_status 0
    is_below "$output" 1e-4
}

@test "R reads tables and model files, and calls the library" {
    Rscript -e 'library(hdf5r)' >/dev/null 2>&1 || skip "there is no R with hdf5r"
    need_library
    block c "$page" >rflow.c
    block sh "$page" | grep -q 'cc -shared -fPIC rflow.c -o rflow.so'
    ${CC:-gcc} -Wall -Wextra -Werror -shared -fPIC rflow.c -o rflow.so -I"$root/lib" -L"$root/build" -lflowctl
    block r "$page" >page.R
    cat >>page.R <<'R'
stopifnot(max(abs(logp - data$logprob)) < 1e-12)
stopifnot(max(abs(z[1:100, ] - as.matrix(latent))) < 1e-6)
# the same rows as those of flowctl sample
same <- flowctl("sample", "detector.h5", "--given", "energy=50,eta=0.5", "-n", 1000, "-q")$measured
stopifnot(max(abs(measured[, 1] - same)) < 1e-9)
failed <- try(flow_open("no.h5"), silent = TRUE)
stopifnot(grepl("there is no such file", failed))
cat("all is well\n")
R
    run --separate-stderr Rscript page.R
    expect_status 0
    expect "all is well"
}
