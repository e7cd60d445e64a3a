#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row far out costs a model that `flowctl train FILE` makes: rows of a Markdown table.

    scripts/measure_far.py skillcraft sml -b '{"type":"student_t","outliers":1e-4}' -b ""
    scripts/measure_far.py sml --one

One value of each of 200 test rows, of a column drawn at random, is moved to 100, 1e4 and 1e9 robust deviations from the
median; printed is what this costs the row, in nats, as the median and the largest. Each base (-b, "" for the one of
`init`) is a model of its own. With --one, one row is moved by 1e6 deviations, first of the training data and then of
the test data: printed is what this changes in the mean of the test rows, times their number. Tables are NAME.h5 in
$FLOWCTL_DATA or $FLOWCTL_DATA/tables with the sets train, validation and test. Needs numpy and h5py; $FLOWCTL is the
program, $RESULTS the folder, build/far otherwise.
"""

import argparse
import json
import os
import pathlib
import subprocess

import h5py
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("FLOWCTL", str(ROOT / "build/flowctl"))
OUT = pathlib.Path(os.environ.get("RESULTS", ROOT / "build/far"))
DATA = pathlib.Path(os.environ.get("FLOWCTL_DATA", ROOT / "../shared/data"))


def run(*words):
    result = subprocess.run([PROGRAM, *words], cwd=OUT, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(result.stderr)
    return result.stdout


def train(data, base):
    """The result of `train`; the model is model.h5."""
    sets = ["--set", f"base={base}"] if base else []
    return json.loads(run("train", str(data), *sets, "-q", "--json", "-j", "1", "-o", "model.h5", "--force"))


def logp(rows):
    with h5py.File(OUT / "rows.h5", "w") as f:
        f["rows"] = rows
    run("logprob", "model.h5", "rows.h5:/rows", "-q", "--force", "-o", "logp.csv")
    return np.genfromtxt(OUT / "logp.csv", skip_header=1)


def middle_and_deviation(x):
    low, median, high = np.quantile(x, [0.1587, 0.5, 0.8413], axis=0)
    return median, np.maximum(np.where(high > low, (high - low) / 2, x.std(0)), 0.05 * x.std(0))


def moved(x, rows, size):
    """Copies of the rows, one value of each far out."""
    median, deviation = middle_and_deviation(x)
    rng = np.random.default_rng(1)
    column, sign = rng.integers(0, x.shape[1], len(rows)), rng.choice([-1, 1], len(rows))
    out = rows.copy()
    out[np.arange(len(rows)), column] = median[column] + sign * size * deviation[column]
    return out


def measure_rows(name, sets, base):
    run_result = train(sets["file"], base)
    rows = sets["test"][:200]
    usual = logp(rows)
    cells = []
    for size in (1e2, 1e4, 1e9):
        cost = usual - logp(moved(sets["train"], rows, size))
        cells.append(f"{np.median(cost):.0f}, {cost.max():.0f}")
    print(f"| {name} | {base or 'of init'} | {' | '.join(cells)} | {run_result['test']['mean']:.2f} |", flush=True)


def measure_one(name, sets, base):
    usual = train(sets["file"], base)["test"]["mean"]
    n = len(sets["test"])
    far = logp(np.concatenate([moved(sets["train"], sets["test"][:1], 1e6), sets["test"][1:]]))
    in_test = n * (usual - far.mean())
    with h5py.File(OUT / "far.h5", "w") as f:
        f["train"] = np.concatenate([moved(sets["train"], sets["train"][:1], 1e6), sets["train"][1:]])
        f["validation"], f["test"] = sets["validation"], sets["test"]
    in_training = n * (usual - train(OUT / "far.h5", base)["test"]["mean"])
    print(f"| {name} | {n} | {in_training:.0f} | {in_test:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+")
    parser.add_argument("-b", "--base", action="append")
    parser.add_argument("--one", action="store_true")
    given = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for name in given.tables:
        path = next(p for p in (DATA / "tables" / f"{name}.h5", DATA / f"{name}.h5") if p.exists()).resolve()
        with h5py.File(path) as f:
            sets = {s: f[s][:].astype(float) for s in ("train", "validation", "test")}
        sets["file"] = path
        for base in given.base or [""]:
            (measure_one if given.one else measure_rows)(name, sets, base)


if __name__ == "__main__":
    main()
