#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long flowctl, zuko and flowjax train the same flow on a table until a held-out likelihood: a Markdown table.

    make && peers/bin/python scripts/bench_time_to.py protein.h5:-46 kin40k.h5:-9.9 pol.h5:-27

DATA.h5:TARGET has /train and /validation; TARGET is the mean log-likelihood of a row of /validation in nats, in the
units of the data. All programs have the flow of --workload behind standardized columns, a normal base, Adam with a
constant rate, the same batches and the same clip of the gradient's norm; each is given the same rates, and its best
counts. Times are processor time on one thread: of flowctl the whole program, with reading the file, the likelihood of
/validation after each epoch, and saving; of the others training and these likelihoods, without import and compilation.
Needs h5py beside the peers (see bench_peers.py).
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers import PEERS, ROOT, WORKLOADS, Shape

PROGRAM = ROOT / "build/flowctl"


class Table:
    def __init__(self, text):
        import h5py

        path, _, target = text.rpartition(":")
        self.path, self.target = Path(path).resolve(), float(target)
        with h5py.File(self.path) as file:
            self.train, self.held_out = file["train"][:].astype("float32"), file["validation"][:].astype("float32")


# ---------------------------------------------------------------- flowctl


def ours(args, table, rate, folder):
    """(epochs, seconds), or None: a first training finds the epoch, a second one, which is the same, ends there."""
    document = json.loads((WORKLOADS / f"{args.workload}.json").read_text())["spec"]
    document["flow"].insert(0, "standardize")
    document["data"] = {"train": f"{table.path}:/train", "validation": f"{table.path}:/validation"}
    document["train"] = {"optimizer": {"type": "adam", "rate": rate}, "schedule": "constant", "batch": args.batch,
                         "clip": args.clip, "ema": 0, "patience": 0, "epochs": args.epochs}
    document["seed"] = args.seed
    spec, model = folder / "spec.json", folder / "model.h5"
    spec.write_text(json.dumps(document))
    command = [PROGRAM, "train", spec, "-o", model, "--force", "--quiet", "--threads", "1"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    text = subprocess.run([PROGRAM, "info", model, "--json"], check=True, capture_output=True, text=True).stdout
    likelihoods = [epoch["validation"] for epoch in json.loads(text)["history"]]
    reached = [epoch for epoch, nats in enumerate(likelihoods, 1) if nats is not None and nats >= table.target]
    if not reached:
        return None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, "--set", f"train.epochs={reached[0]}"], check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return reached[0], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# ---------------------------------------------------------------- peers


class Clock:
    """Adds up the processor time of calls; the first of each kind also compiles, and counts as the second does."""

    def __init__(self):
        self.seconds = {}

    def time(self, kind, call, *arguments):
        began = time.process_time()
        result = call(*arguments)
        self.seconds.setdefault(kind, []).append(time.process_time() - began)
        return result

    def total(self):
        return sum(sum(spent[1:]) + min(spent[:2]) for spent in self.seconds.values())


def theirs(peer, args, table, rate):
    import numpy

    shape = Shape(args.workload)
    shape.dimensions = table.train.shape[1]
    mean, deviation = table.train.mean(0), table.train.std(0)
    rows, held_out = (table.train - mean) / deviation, (table.held_out - mean) / deviation
    units, random, clock = -float(numpy.log(deviation).sum()), numpy.random.default_rng(args.seed), Clock()
    run = peer.run(shape, rate, args.clip)
    held_out = run.array(held_out)

    def step(chosen):
        run.step(run.array(rows[chosen]))

    def likelihood():
        return float(run.log_prob(held_out).mean()) + units

    for epoch in range(1, args.epochs + 1):
        order = clock.time("order", random.permutation, len(rows))
        for first in range(0, len(rows) - args.batch + 1, args.batch):
            clock.time("step", step, order[first : first + args.batch])
        nats = clock.time("likelihood", likelihood)
        if nats >= table.target:
            return epoch, clock.total()
        if clock.total() > args.seconds or math.isnan(nats):
            return None
    return None


# ---------------------------------------------------------------- printing


def best_of(results):
    """The (rate, epochs, seconds) that took the least time, or None."""
    reached = [(rate, *result) for rate, result in results.items() if result is not None]
    return min(reached, key=lambda result: result[2], default=None)


def all_results(name, peer, args, table, folder):
    results = {}
    for rate in args.rates:
        results[rate] = ours(args, table, rate, folder) if peer is None else theirs(peer, args, table, rate)
        text = "not reached" if results[rate] is None else "%d epochs, %.1f s" % results[rate]
        print(f"{table.path.stem}, {name}, rate {rate:g}: {text}", file=sys.stderr, flush=True)
    return results


def measure(args, tables, peers, folder):
    names = ["flowctl", *peers]
    heads = [f"{name}, {what}" for name in names for what in ("s", "epochs", "rate")]
    heads += [f"{name}, x" for name in peers]
    print("| | held out, nats | " + " | ".join(heads) + " |\n|---|" + "--:|" * (len(heads) + 1), flush=True)
    for table in tables:
        best = {name: best_of(all_results(name, peers.get(name), args, table, folder)) for name in names}
        cells = [table.path.stem, f"{table.target:g}"]
        for result in best.values():
            cells += ["-"] * 3 if result is None else [f"{result[2]:.1f}", str(result[1]), f"{result[0]:g}"]
        own = best["flowctl"]
        for name in peers:
            both = own is not None and best[name] is not None
            cells.append(f"{best[name][2] / own[2]:.1f}" if both else "-")
        print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="+", metavar="DATA.h5:TARGET")
    parser.add_argument("--workload", default="S1", help="whose flow (default: %(default)s)")
    parser.add_argument("--peers", default="zuko,flowjax", help="which, with commas (default: %(default)s)")
    parser.add_argument("--rates", default="1e-3,2e-3,4e-3", help="of learning (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=256, help="(default: %(default)s)")
    parser.add_argument("--clip", type=float, default=5, help="of the norm of the gradient (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=40, help="at most (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=300, help="of a peer at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the order of rows (default: %(default)s)")
    args = parser.parse_args()
    args.rates = [float(rate) for rate in args.rates.split(",")]
    import torch

    torch.set_num_threads(1)
    peers = {name: PEERS[name]() for name in args.peers.split(",")}
    with tempfile.TemporaryDirectory() as folder:
        measure(args, [Table(text) for text in args.tables], peers, Path(folder))


if __name__ == "__main__":
    main()
