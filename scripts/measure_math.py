#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Held-out likelihoods of presets trained with --math bf16x3 and with --math float, seed by seed.

    scripts/measure_math.py [-s SEEDS] [-e EPOCHS] SPEC...
    scripts/measure_math.py --report

The first form trains each spec with the seeds 1 to SEEDS in both ways, evaluates both models on the test data in float,
and appends a line to the log for each pair; what the log has already is not done again. Then it prints a Markdown table,
which is all that the second form does: the mean log-likelihood in float with the deviation between the seeds, and the
mean difference of bf16x3 to float of the same seed with its standard error, in nats. A training has one thread, its
time is that of the processor. $FLOWCTL is the program, $RESULTS the folder, build/math otherwise; with $FLOWCTL_DATA
set, data of a spec in a folder that is not there are those in that one.
"""

import argparse
import json
import math
import os
import pathlib
import resource
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("FLOWCTL", str(ROOT / "build/flowctl"))
OUT = pathlib.Path(os.environ.get("RESULTS", ROOT / "build/math"))
DATA = os.environ.get("FLOWCTL_DATA")
WAYS = ("float", "bf16x3")


def data_options(spec):
    """Where the data are, for a spec whose own paths lead nowhere."""
    options = []
    for key, place in json.loads(spec.read_text())["data"].items():
        if key not in ("train", "validation", "test"):
            continue
        file, _, dataset = place.partition(":")
        if not (spec.parent / file).exists() and DATA:
            file = pathlib.Path(DATA) / pathlib.Path(file).name
            options += ["--data" if key == "train" else f"--{key}", f"{file}:{dataset}"]
    return options


def processor_time(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(text), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def train(spec, seed, epochs, way):
    model = OUT / f"{spec.stem}-{seed}-{way}.h5"
    options = data_options(spec)
    command = [PROGRAM, "train", str(spec), "-o", str(model), "--force", "-q", "--json", "-j1", "--seed", str(seed),
               "--math", way, *options]
    if epochs:
        command += ["--set", f"train.epochs={epochs}"]
    result, seconds = processor_time(command)
    test = options[options.index("--test") + 1] if "--test" in options else None
    if test is None:
        place = json.loads(spec.read_text())["data"]["test"]
        test = str(spec.parent / place)
    held_out, _ = processor_time([PROGRAM, "logprob", str(model), test, "--json", "-j1", "-q"])
    model.unlink()
    return {"logprob": held_out["mean"], "seconds": seconds, "epochs": result["epochs"]}


def report(log):
    print("| spec | epochs | seeds | float, nats | deviation of seeds | bf16x3 - float | +- | time / float's |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for key in sorted({(e["spec"], e["epochs"] or 0) for e in log}):
        pairs = [e for e in log if (e["spec"], e["epochs"] or 0) == key]
        base = [e["float"]["logprob"] for e in pairs]
        differences = [e["bf16x3"]["logprob"] - e["float"]["logprob"] for e in pairs]
        times = [e["bf16x3"]["seconds"] / e["float"]["seconds"] for e in pairs]
        spread = statistics.stdev(base) if len(base) > 1 else math.nan
        error = statistics.stdev(differences) / math.sqrt(len(base)) if len(base) > 1 else math.nan
        print(f"| {key[0]} | {key[1] or 'all'} | {len(pairs)} | {statistics.mean(base):.4f} | {spread:.4f} | "
              f"{statistics.mean(differences):+.4f} | {error:.4f} | {statistics.median(times):.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-s", "--seeds", type=int, default=10)
    parser.add_argument("-e", "--epochs", type=int, help="instead of those of the spec")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("specs", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    if not args.specs and not args.report:
        parser.error("name a spec, or ask for the --report")
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / "log.jsonl"
    log = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for seed in range(1, args.seeds + 1):
        for spec in args.specs if not args.report else []:
            if any((e["spec"], e["seed"], e["epochs"]) == (spec.stem, seed, args.epochs) for e in log):
                continue
            entry = {"spec": spec.stem, "seed": seed, "epochs": args.epochs}
            for way in WAYS:
                entry[way] = train(spec.resolve(), seed, args.epochs, way)
            log.append(entry)
            with file.open("a") as out:
                out.write(json.dumps(entry) + "\n")
    report(log)


if __name__ == "__main__":
    main()
