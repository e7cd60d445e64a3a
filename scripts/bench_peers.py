#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowctl, zuko, nflows and plain PyTorch on the same shapes, one thread each: a Markdown table on standard output.

The shapes are those of test/bench/workloads/*.json. In every round each program measures every task once, one program
after the other, so that what else the machine does meets all of them. A figure is a median over the rounds, a ratio the
median of ratios within a round. All times are processor time of one thread.

    python3 -m venv peers && peers/bin/pip install torch zuko nflows torchdiffeq
    make bench-peers PYTHON=peers/bin/python
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before any import of torch

ROOT = Path(__file__).resolve().parent.parent
WORKLOADS = ROOT / "test/bench/workloads"
PROGRAM = ROOT / "build/test/bench/bench_workloads"
TASKS = ["train", "logprob", "sample"]


class Shape:
    """A workload as its file says; what no peer needs to know is left out."""

    def __init__(self, name):
        document = json.loads((WORKLOADS / f"{name}.json").read_text())
        self.name, self.title = name, document["title"]
        self.tasks, self.against = document.get("tasks", TASKS), document.get("against")
        if "like" in document:
            document = json.loads((WORKLOADS / f"{document['like']}.json").read_text())
        (block,) = document["spec"]["flow"]
        self.dimensions, self.batch = document["dimensions"], document["spec"]["train"]["batch"]
        self.block, self.blocks, self.hidden = block["type"], block.get("repeat", 1), block["hidden"]
        self.univariate = block.get("univariate", {"type": "affine"})
        self.solver, trace = block.get("solver"), block.get("trace", "exact")
        self.trace = trace if isinstance(trace, str) else trace["type"]

    @property
    def splines(self):
        return self.univariate["type"] == "rational_quadratic"


# ---------------------------------------------------------------- peers
# A model is None where the peer has nothing of that shape.


class Zuko:
    packages = ["zuko", "torch"]

    def __init__(self):
        import zuko

        self.zuko = zuko

    def model(self, shape):
        flows = self.zuko.flows
        common = dict(features=shape.dimensions, hidden_features=shape.hidden)
        if shape.block == "maf" and shape.splines:
            return flows.NSF(transforms=shape.blocks, bins=shape.univariate["bins"], **common)
        if shape.block == "maf":
            return flows.MAF(transforms=shape.blocks, **common)
        if shape.block == "iaf" and not shape.splines:
            maf = flows.MAF(transforms=shape.blocks, **common)
            return self.zuko.lazy.Flow([self.zuko.lazy.LazyInverse(t) for t in maf.transform.transforms], maf.base)
        if shape.block == "coupling" and not shape.splines:
            return flows.RealNVP(transforms=shape.blocks, **common)
        if shape.block == "ffjord":
            from torch import nn

            tolerances = dict(atol=shape.solver["atol"], rtol=shape.solver["rtol"])
            return flows.CNF(exact=shape.trace == "exact", activation=nn.Tanh, **tolerances, **common)
        return None

    def log_prob(self, model, x):
        return model().log_prob(x)

    def sample(self, model, n):
        return model().sample((n,))


class Nflows:
    packages = ["nflows", "torch"]

    def __init__(self):
        import nflows.distributions
        import nflows.flows
        import nflows.transforms

        self.nflows = nflows

    def model(self, shape):
        hidden = shape.hidden[0]
        if shape.block not in ("maf", "iaf") or any(width != hidden for width in shape.hidden):
            return None  # its couplings have networks that are residual, of another shape
        transforms = self.nflows.transforms
        common = dict(features=shape.dimensions, hidden_features=hidden, num_blocks=len(shape.hidden) - 1,
                      use_residual_blocks=False)
        layers = []
        for _ in range(shape.blocks):
            layers.append(transforms.ReversePermutation(shape.dimensions))
            if shape.splines:
                layer = transforms.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                    num_bins=shape.univariate["bins"], tails="linear", tail_bound=shape.univariate["bound"], **common)
            else:
                layer = transforms.MaskedAffineAutoregressiveTransform(**common)
            layers.append(transforms.InverseTransform(layer) if shape.block == "iaf" else layer)
        base = self.nflows.distributions.StandardNormal([shape.dimensions])
        return self.nflows.flows.Flow(transforms.CompositeTransform(layers), base)

    def log_prob(self, model, x):
        return model.log_prob(x)

    def sample(self, model, n):
        return model.sample(n)


class Torch:
    """Layers and nothing around them: what PyTorch itself allows. Coupling flows, and a continuous one whose equation
    torchdiffeq solves."""

    packages = ["torch", "torchdiffeq"]

    def __init__(self):
        import torch
        import torchdiffeq

        self.torch, self.torchdiffeq = torch, torchdiffeq

    def model(self, shape):
        if shape.block == "coupling" and not shape.splines:
            return self.couplings(shape)
        if shape.block == "ffjord" and shape.trace == "exact":
            return self.continuous(shape)
        return None

    def log_prob(self, model, x):
        z, logdet = model.to_latent(x)
        return logdet - 0.5 * (z * z).sum(-1) - 0.5 * math.log(2 * math.pi) * x.shape[1]

    def sample(self, model, n):
        return model.to_data(self.torch.randn(n, model.dimensions))

    def mlp(self, widths, activation):
        nn = self.torch.nn
        layers = [nn.Linear(n_in, n_out) for n_in, n_out in zip(widths, widths[1:])]
        return nn.Sequential(*[part for layer in layers for part in (layer, activation())][:-1])

    def couplings(self, shape):
        torch, d = self.torch, shape.dimensions

        class Couplings(torch.nn.ModuleList):
            """The kept half stands first, and the halves change roles after each layer."""

            dimensions = d

            def to_latent(self, x):
                a, b, logdet = x[:, : d // 2], x[:, d // 2 :], 0
                for net in self:
                    scale, shift = net(a).chunk(2, -1)
                    scale = torch.tanh(scale)
                    logdet = logdet - scale.sum(-1)
                    a, b = (b - shift) * torch.exp(-scale), a
                return torch.cat((a, b), -1), logdet

            def to_data(self, z):
                first = d // 2 if len(self) % 2 == 0 else d - d // 2
                a, b = z[:, :first], z[:, first:]
                for net in reversed(self):
                    scale, shift = net(b).chunk(2, -1)
                    a, b = b, a * torch.exp(torch.tanh(scale)) + shift
                return torch.cat((a, b), -1)

        kept = [d // 2 if k % 2 == 0 else d - d // 2 for k in range(shape.blocks)]
        return Couplings([self.mlp([n, *shape.hidden, 2 * (d - n)], torch.nn.ReLU) for n in kept])

    def continuous(self, shape):
        torch, odeint, d = self.torch, self.torchdiffeq.odeint_adjoint, shape.dimensions
        tolerances = dict(rtol=shape.solver["rtol"], atol=shape.solver["atol"], method="dopri5")
        net = self.mlp([d + 1, *shape.hidden, d], torch.nn.Tanh)

        class Field(torch.nn.Module):
            """dx/dt, and with it the trace of its Jacobian, one pass back for each dimension (as FFJORD's own code)."""

            dimensions = d

            def __init__(self):
                super().__init__()
                self.net = net

            def rate(self, t, x):
                return self.net(torch.cat((x, t.expand(len(x), 1)), -1))

            def forward(self, t, state):
                if not isinstance(state, tuple):
                    return self.rate(t, state)
                keeps = torch.is_grad_enabled()
                with torch.enable_grad():
                    x = state[0] if state[0].requires_grad else state[0].detach().requires_grad_()
                    f = self.rate(t, x)
                    rows = [torch.autograd.grad(f[:, i].sum(), x, create_graph=keeps, retain_graph=True)[0][:, i]
                            for i in range(d)]
                return f, sum(rows)

            def to_latent(self, x):
                ends = odeint(self, (x, x.new_zeros(len(x))), torch.tensor([0.0, 1.0]), **tolerances)
                return ends[0][-1], ends[1][-1]

            def to_data(self, z):
                return odeint(self, z, torch.tensor([1.0, 0.0]), **tolerances)[-1]

        return Field()


PEERS = {"zuko": Zuko, "nflows": Nflows, "torch": Torch}


def parameters(model):
    """Those that count: weights which a mask makes zero do not."""
    import torch

    total = sum(p.numel() for p in model.parameters())
    for layer in model.modules():
        mask = getattr(layer, "mask", None)
        if isinstance(layer, torch.nn.Linear) and mask is not None:
            total -= layer.weight.numel() - int(mask.sum())
    return total


def work_of(peer, shape):
    """The peer's parameters, and a function for each task that does it on one batch."""
    import torch

    torch.manual_seed(1)
    model = peer.model(shape)
    if model is None:
        return None, {}
    x = torch.randn(shape.batch, shape.dimensions)
    # The rate keeps the weights what they are. The fused step is the fastest that PyTorch has.
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-12, fused=True)

    def train():
        model.train()
        optimizer.zero_grad()
        loss = -peer.log_prob(model, x).mean()
        loss.backward()
        optimizer.step()

    def logprob():
        model.eval()
        with torch.no_grad():
            peer.log_prob(model, x)

    def sample():
        model.eval()
        with torch.no_grad():
            peer.sample(model, shape.batch)

    tasks = {"train": train, "logprob": logprob, "sample": sample}
    return parameters(model), {name: tasks[name] for name in shape.tasks}


def seconds_of(work, least):
    """Of one call: processor time, over as many calls as fill `least` seconds."""
    calls, began = 0, time.process_time()
    while calls == 0 or time.process_time() - began < least:
        work()
        calls += 1
    return (time.process_time() - began) / calls


def ours(shape):
    command = [PROGRAM, "--json", "--threads", "1", "--rounds", "3", shape.name]
    row = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    return row["parameters"], row["runs"][0]


# ---------------------------------------------------------------- measuring and printing


def measure(shape, peers, rounds, least):
    """{program: {task: [seconds of each round]}}, {program: parameters}, and what else our program says each time."""
    work, counts = {}, {}
    for name, peer in peers.items():
        counts[name], work[name] = work_of(peer, shape)
        for task in work[name].values():
            task()  # warms up
    seconds = {name: {task: [] for task in tasks} for name, tasks in work.items()}
    seconds["flowctl"] = {task: [] for task in shape.tasks}
    runs = []
    for _ in range(rounds):
        counts["flowctl"], run = ours(shape)
        runs.append(run)
        for task in shape.tasks:
            seconds["flowctl"][task].append(run[task]["seconds"])
        for name, tasks in work.items():
            for task, call in tasks.items():
                seconds[name][task].append(seconds_of(call, least))
    return seconds, counts, runs


def milliseconds(seconds):
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def cells_of(seconds, reference):
    if not seconds:
        return ["-", "-"]
    ratio = statistics.median(theirs / own for theirs, own in zip(seconds, reference))
    return [milliseconds(statistics.median(seconds)), f"{ratio:.1f}"]


def print_rows(shape, peers, seconds, runs):
    for task in shape.tasks:
        own = seconds["flowctl"][task]
        share = statistics.median(run[task]["share_of_peak"] for run in runs)
        at_peak = statistics.median(run[task]["flops"] / run["peak"] for run in runs)
        cells = [shape.name, task, milliseconds(statistics.median(own))]
        cells += [milliseconds(at_peak), f"{100 * share:.0f} %"] if share > 0 else ["-", "-"]
        for name in peers:
            cells += cells_of(seconds[name].get(task), own)
        print("| " + " | ".join(cells) + " |", flush=True)


def print_against(shape, runs):
    for task in shape.tasks:
        if "against" in runs[0][task]:
            ratio = statistics.median(run[task]["against"] for run in runs)
            print(f"{shape.name} {task}: {ratio:.2f} times as long as {shape.against}  ")


def load_peers(names):
    peers = {}
    for name in names:
        try:
            peers[name] = PEERS[name]()
        except ImportError as error:
            print(f"{name} is left out ({error}): pip install {' '.join(PEERS[name].packages)}\n")
    return peers


def print_versions(peers):
    from importlib.metadata import version

    lines = subprocess.run([ROOT / "build/flowctl", "--version"], check=True, capture_output=True, text=True).stdout
    print(", ".join(" ".join(line.split()) for line in lines.splitlines()) + ", 1 thread  ")
    if peers:
        import torch

        torch.set_num_threads(1)
        packages = sorted({package for name in peers for package in PEERS[name].packages})
        print(f"Python {platform.python_version()}, " + ", ".join(f"{p} {version(p)}" for p in packages) +
              f", kernels for {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} thread")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workloads", nargs="*", help="names; all files of test/bench/workloads/ unless given")
    parser.add_argument("--peers", default=",".join(PEERS), help="which, with commas (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.3, help="a task has in a round (default: %(default)s)")
    args = parser.parse_args()
    if not PROGRAM.exists():
        sys.exit(f"there is no {PROGRAM}: run make bench-peers")
    peers = load_peers(args.peers.split(","))
    print_versions(peers)
    heads = ["", "task", "flowctl, ms", "at the peak, ms", "of peak"]
    heads += [head for name in peers for head in (f"{name}, ms", "x")]
    print("| " + " | ".join(heads) + " |\n" + "|---" * 2 + "|--:" * (len(heads) - 2) + "|")
    done = {}
    for name in args.workloads or sorted(path.stem for path in WORKLOADS.glob("*.json")):
        shape = Shape(name)
        done[shape] = measure(shape, peers, args.rounds, args.seconds)
        print_rows(shape, peers, done[shape][0], done[shape][2])
    print("\nx: the peer's time over that of flowctl  ")
    for shape, (_, _, runs) in done.items():
        print_against(shape, runs)
    heads = ["", "", "parameters of flowctl", *peers]
    print("\n| " + " | ".join(heads) + " |\n" + "|---" * 2 + "|--:" * (len(heads) - 2) + "|")
    for shape, (_, counts, _) in done.items():
        cells = [shape.name, shape.title] + [str(counts[name] or "-") for name in ("flowctl", *peers)]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
