#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""flowctl, zuko, nflows, flowjax, normflows and PyTorch itself on the same shapes, one thread each: Markdown tables on
standard output.

The shapes are those of test/bench/workloads/*.json. In every round each program measures every task once, one program
after the other, so that what else the machine does meets all of them. A figure is a median over the rounds, a ratio the
median of ratios within a round. All times are processor time of one thread. All of it takes about a quarter of an hour.

    python3 -m venv peers
    peers/bin/pip install torch zuko nflows torchdiffeq normflows==1.7.3 jax flowjax
    make bench-peers PYTHON=peers/bin/python
    peers/bin/python scripts/bench_peers.py --peers "zuko,flowjax,torch compiled" S1 S2
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time

from peers import PEERS, ROOT, WORKLOADS, Shape, batch_of, optimizer, parameters

PROGRAM = ROOT / "build/test/bench/bench_workloads"


def work_of(peer, shape):
    """The peer's parameters, and a function for each task that does it on one batch."""
    run = peer.run(shape, rate=1e-12)  # so small that the weights stay what they are
    if run is None:
        return None, {}
    x = run.array(batch_of(shape))
    tasks = {"train": lambda: run.step(x), "logprob": lambda: run.log_prob(x),
             "sample": lambda: run.sample(shape.batch)}
    return run.parameters(), {name: tasks[name] for name in shape.tasks if name in run.tasks}


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


def fastest_of(peers, seconds, task):
    """The ratio of the fastest peer's time to ours, in words."""
    there = [seconds[name][task] for name in peers if seconds[name].get(task)]
    if not there:
        return "-"
    fastest = min(there, key=statistics.median)
    return f"{statistics.median(theirs / own for theirs, own in zip(fastest, seconds['flowctl'][task])):.1f}"


def print_rows(shape, peers, seconds, runs):
    for task in shape.tasks:
        own = seconds["flowctl"][task]
        share = statistics.median(run[task]["share_of_peak"] for run in runs)
        at_peak = statistics.median(run[task]["flops"] / run["peak"] for run in runs)
        cells = [shape.name, task, milliseconds(statistics.median(own))]
        cells += [milliseconds(at_peak), f"{100 * share:.0f} %"] if share > 0 else ["-", "-"]
        for name in peers:
            theirs = seconds[name].get(task)
            cells.append(milliseconds(statistics.median(theirs)) if theirs else "-")
        print("| " + " | ".join([*cells, fastest_of(peers, seconds, task)]) + " |", flush=True)


def print_heads(heads, left):
    print("\n| " + " | ".join(heads) + " |\n" + "|---" * left + "|--:" * (len(heads) - left) + "|")


def print_tables(group, peers, rounds, least):
    """Of shapes that the same peers have."""
    print_heads(["", "task", "flowctl, ms", "at the peak, ms", "of peak", *(f"{name}, ms" for name in peers), "x"], 2)
    done = {}
    for shape in group:
        done[shape] = measure(shape, peers, rounds, least)
        print_rows(shape, peers, done[shape][0], done[shape][2])
    print()
    for shape, (_, _, runs) in done.items():
        print_against(shape, runs)
    named = [name for name in peers if not name.endswith((" compiled", " tuned"))]
    print_heads(["", "", "parameters of flowctl", *named], 2)
    for shape, (_, counts, _) in done.items():
        cells = [shape.name, shape.title] + [str(counts[name] or "-") for name in ("flowctl", *named)]
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
        packages = sorted({package for name in peers for package in PEERS[name].packages})
        words = [f"Python {platform.python_version()}"] + [f"{p} {version(p)}" for p in packages]
        if "torch" in packages:
            import torch

            torch.set_num_threads(1)
            words.append(f"its kernels for {torch.backends.cpu.get_cpu_capability()}")
        print(", ".join(words) + ", 1 thread")
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
    shapes = [Shape(name) for name in args.workloads or sorted(path.stem for path in WORKLOADS.glob("*.json"))]
    for images in (False, True):
        group = [shape for shape in shapes if (shape.image is not None) == images]
        if group:
            print_tables(group, {name: peer for name, peer in peers.items() if peer.images == images}, args.rounds,
                         args.seconds)
    print("\nx: the time of the fastest of them over that of flowctl")


if __name__ == "__main__":
    main()
