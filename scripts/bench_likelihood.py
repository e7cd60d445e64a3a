#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowctl and normflows train the same image flow in turns, one thread each: bits per dimension over time.

    make && peers/bin/python scripts/bench_likelihood.py mnist.h5 [--workload G1] [--seconds 600] [--images 2000]

DATA has /train and /test, (n, height, width, channels) of bytes. Both dequantise by uniform noise, take the logit, and
use the optimizer of the workload at one rate. The first images of /test are evaluated. In a turn flowctl trains for an
epoch, then normflows until it has had as much time. Times are processor time: for flowctl of the whole program, with
reading, evaluation and saving, for normflows of its steps alone. Needs h5py beside normflows (see bench_peers.py).
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from peers import ROOT, WORKLOADS, NormflowsTuned, Shape, optimizer

PROGRAM = ROOT / "build/flowctl"
ALPHA = 0.05


class Ours:
    def __init__(self, shape, data, held_out, rate, folder):
        spec = json.loads((WORKLOADS / f"{shape.name}.json").read_text())["spec"]
        spec["flow"].insert(0, {"type": "pixels", "map": "logit", "alpha": ALPHA})
        spec["data"] = {"train": f"{data}:/train", "validation": f"{held_out}:/test"}
        spec["train"].update(optimizer={"type": shape.optimizer, "rate": rate}, schedule="constant", patience=0)
        self.spec, self.model = folder / "spec.json", folder / "model.h5"
        self.spec.write_text(json.dumps(spec))
        self.epochs, self.used, self.dimensions = 0, 0, shape.dimensions

    def turn(self):
        self.epochs += 1
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [PROGRAM, "train", self.spec, "-o", self.model, "--resume", "--quiet", "--threads", "1"]
        subprocess.run([*command, "--set", f"train.epochs={self.epochs}"], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.used += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        text = subprocess.run([PROGRAM, "info", self.model, "--json"], check=True, capture_output=True, text=True)
        nats = json.loads(text.stdout)["history"][-1]["validation"]
        return self.used, -nats / math.log(2) / self.dimensions


def scaled(images):
    """(n, channels, height, width) in [0, 1)."""
    import torch

    values = images.to(torch.float32).permute(0, 3, 1, 2).contiguous()
    return (values + torch.rand_like(values)) / 256


class Theirs:
    def __init__(self, shape, images, test, rate):
        self.peer, self.test, self.seconds = NormflowsTuned(), test, []
        self.model = self.peer.model(shape, ALPHA)
        self.optimizer = optimizer(self.model, shape.optimizer, rate)
        self.batches = self.all_batches(images, shape.batch)

    @staticmethod
    def all_batches(images, size):
        import torch

        while True:
            order = torch.randperm(len(images))
            for first in range(0, len(order) - size + 1, size):
                yield scaled(images[order[first : first + size]])

    def step(self, x):
        began = time.process_time()
        self.optimizer.zero_grad()
        loss = -self.peer.log_prob(self.model, x).mean()
        loss.backward()
        self.optimizer.step()
        self.seconds.append(time.process_time() - began)

    def bits(self):
        import torch

        with torch.no_grad():
            nats = torch.cat([-self.peer.log_prob(self.model, scaled(part)) for part in self.test.split(250)])
        return nats.mean().item() / math.log(2) / self.test[0].numel() + 8

    def turn(self, until):
        used = sum(self.seconds)
        while used < until:
            self.step(next(self.batches))
            used += self.seconds[-1]
        return used, self.bits()


def measure(args, folder):
    import h5py
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    with h5py.File(args.data) as file:
        images, test = file["train"][:], file["test"][: args.images]
    with h5py.File(folder / "held-out.h5", "w") as file:
        file["test"] = test
    shape = Shape(args.workload)
    ours = Ours(shape, Path(args.data).resolve(), folder / "held-out.h5", args.rate, folder)
    theirs = Theirs(shape, torch.from_numpy(images), torch.from_numpy(test), args.rate)
    steps = math.ceil(len(images) / shape.batch)
    print("| flowctl, s | steps | bits | normflows, s | steps | bits |\n" + "|--:" * 6 + "|")
    while ours.used < args.seconds:
        used, bits = ours.turn()
        cells = [f"{used:.0f}", f"{ours.epochs * steps}", f"{bits:.3f}"]
        used, bits = theirs.turn(ours.used)
        cells += [f"{used:.0f}", f"{len(theirs.seconds)}", f"{bits:.3f}"]
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nnormflows: {1e3 * statistics.median(theirs.seconds):.0f} ms a step (median)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="an HDF5 file")
    parser.add_argument("--workload", default="G1", help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=600, help="of training (default: %(default)s)")
    parser.add_argument("--images", type=int, default=2000, help="of the test set (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="of learning (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of normflows (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(args, Path(folder))


if __name__ == "__main__":
    main()
