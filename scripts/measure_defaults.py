#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Specs that differ in a few keys, trained on many tables: what the defaults of a spec were chosen by.

    scripts/measure_defaults.py -t sml,kin40k:1000,made2:10000 -f maf,nsf -c "" -c "train.ema=0.99" -s 1,2
    scripts/measure_defaults.py --report

The first form trains every flow on every table with every choice of keys (`--set`, "" for none) and appends a line to
the log for each fit; what the log has already is not done again. The second form prints Markdown tables of the log:
for each flow a line per choice, and what it is below the best choice of that table, in nats.

A table is NAME or NAME:ROWS, its first rows. Names are those of files in $FLOWCTL_DATA and $FLOWCTL_DATA/tables with
the sets train, validation and test, and made1, made2, made10, made128: densities that are drawn here. A fit has one
thread, and its time is that of the processor. Needs numpy and h5py. $FLOWCTL is the program, $RESULTS the folder,
build/defaults otherwise.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess

import h5py
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("FLOWCTL", str(ROOT / "build/flowctl"))
OUT = pathlib.Path(os.environ.get("RESULTS", ROOT / "build/defaults"))
DATA = pathlib.Path(os.environ.get("FLOWCTL_DATA", ROOT / "../shared/data"))

MIXTURE = {"type": "maf", "univariate": "mixture"}
FLOWS = {
    "maf_mixture": ["standardize", MIXTURE],
    "ffjord": ["standardize", "ffjord"],
    "flow_matching": ["standardize", {"type": "ffjord", "hidden": [128, 128, 128], "activation": "silu"}],
    "coupling": ["standardize", {"type": "coupling", "repeat": 8}],
}
SETS = ("train", "validation", "test")


def made(name, n):
    """Rows of a density of so many columns: dependent by curves, skewed, with two modes."""
    rng = np.random.default_rng(7)
    d = int(name[4:])
    z = rng.normal(size=(n, max(d, 3)))
    x = np.empty((n, d))
    x[:, 0] = np.where(rng.random(n) < 0.6, 1.5, -1.5) + 0.7 * z[:, 0]
    for i in range(1, d):
        a, b = x[:, i - 1], x[:, max(i - 2, 0)]
        if i % 4 == 1:
            x[:, i] = 0.8 * a + 0.5 * z[:, i]
        elif i % 4 == 2:
            x[:, i] = np.sin(2 * a) + (0.2 + 0.3 * np.abs(b) / (1 + np.abs(b))) * z[:, i]
        elif i % 4 == 3:
            x[:, i] = 0.5 * a + rng.exponential(size=n)
        else:
            x[:, i] = np.where(rng.random(n) < 1 / (1 + np.exp(-a)), 1.2, -1.2) + 0.5 * b + 0.4 * z[:, i]
    return x


def table(name):
    """The HDF5 file of a table, made if need be."""
    base, _, rows = name.partition(":")
    rows = int(rows) if rows else None
    if not base.startswith("made"):
        found = [p for p in (DATA / f"{base}.h5", DATA / "tables" / f"{base}.h5") if p.exists()]
        if not found:
            raise SystemExit(f"there is no table {base} in {DATA}")
        if rows is None:
            return found[0]
    path = OUT / f"{name.replace(':', '_')}.h5"
    if path.exists():
        return path
    if base.startswith("made"):
        n = rows or 10000
        held = max(200, min(n // 8, 20000))
        x = made(base, n + held + 5000)
        parts = {"train": x[:n], "validation": x[n : n + held], "test": x[n + held :]}
    else:
        with h5py.File(found[0]) as f:
            parts = {"train": f["train"][:rows], "validation": f["validation"][: max(100, rows // 8)], "test": f["test"][:5000]}
    with h5py.File(path, "w") as f:
        for key, value in parts.items():
            f[key] = value
    return path


def fit(name, flow, choice, seed):
    path = table(name).resolve()
    spec = {"data": {s: f"{path}:/{s}" for s in SETS}, "flow": FLOWS.get(flow, ["standardize", flow])}
    if flow == "flow_matching":
        spec["train"] = {"objective": "flow_matching"}
    (OUT / "spec.json").write_text(json.dumps(spec))
    sets = [word for key in choice.split() for word in ("--set", key)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [PROGRAM, "train", "spec.json", *sets, "-q", "--json", "-j", "1", "-s", str(seed), "-o", "model.h5", "--force"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=OUT)
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    record = {"table": name, "flow": flow, "choice": choice, "seed": seed, "seconds": round(seconds, 2)}
    if run.returncode != 0:
        return {**record, "failed": run.stderr.strip()[-300:]}
    result = json.loads(run.stdout)
    for s in ("validation", "test"):
        record[s] = result[s]["mean"]
    return {**record, "error": result["test"]["standard_error"], "best_epoch": result["best_epoch"], "epochs": result["epochs"]}


def log_lines(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def report(lines, flows, tables):
    """For each flow: the choices in lines, the tables in columns; a number is below the best of its table by so much."""
    for flow in flows or dict.fromkeys(line["flow"] for line in lines):
        score, seconds, error = {}, {}, {}
        for line in (line for line in lines if line["flow"] == flow and line["table"] in (tables or [line["table"]])):
            at = (line["choice"], line["table"])
            score.setdefault(at, []).append(line.get("test") if line.get("test") is not None else float("-inf"))
            seconds.setdefault(line["choice"], {}).setdefault(line["table"], []).append(line["seconds"])
            error[line["table"]] = line.get("error") or error.get(line["table"])
        names = list(dict.fromkeys(t for _, t in score))
        best = {t: max(statistics.fmean(v) for (_, u), v in score.items() if u == t) for t in names}
        print(f"\n**{flow}**\n\n| | {' | '.join(names)} | seconds |\n|---|{'---|' * (len(names) + 1)}")
        print(f"| best | {' | '.join(f'{best[t]:.2f}' for t in names)} | |")
        for choice, times in seconds.items():
            cells = [best[t] - statistics.fmean(score[choice, t]) if (choice, t) in score else None for t in names]
            text = ["" if c is None else "0" if c == 0 else f"{c:.2f}" if c < 100 else f"{c:.0e}" for c in cells]
            print(f"| {choice or 'nothing'} | {' | '.join(text)} | {sum(statistics.fmean(s) for s in times.values()):.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-t", "--tables", default="", help="names, with commas")
    parser.add_argument("-f", "--flows", default="", help="types of blocks, with commas, or " + ", ".join(FLOWS))
    parser.add_argument("-c", "--choice", action="append", help="KEY=VALUE ..., may be repeated")
    parser.add_argument("-s", "--seeds", default="1")
    parser.add_argument("-l", "--log", default="log.jsonl", help="in the folder of results")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    log = OUT / given.log
    tables, flows = (text.split(",") if text else [] for text in (given.tables, given.flows))
    if given.report:
        report(log_lines(log), flows, tables)
        return
    done = {(line["table"], line["flow"], line["choice"], line["seed"]) for line in log_lines(log)}
    for name in tables:
        for flow in flows:
            for seed in map(int, given.seeds.split(",")):
                for choice in given.choice or [""]:
                    if (name, flow, choice, seed) in done:
                        continue
                    line = json.dumps(fit(name, flow, choice, seed))
                    print(line, flush=True)
                    with log.open("a") as file:
                        print(line, file=file)


if __name__ == "__main__":
    main()
