#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the normflows model of an image workload on 8-bit images, one thread: bits per dimension over time.

    scripts/train_peer.py mnist.h5 [--workload G1] [--seconds 600] [--every 60] [--images 2000]

DATA has /train and /test, (n, height, width, channels) of bytes. The images are dequantised by uniform noise and scaled
to [0, 1), as in the example of normflows; the optimizer is that of the workload. Times are processor time of the steps
alone, without the choice of batches and the evaluations. Needs h5py beside normflows (see bench_peers.py).
"""

import argparse
import math
import statistics
import time

from peers import Normflows, Shape, optimizer


def scaled(images):
    """(n, channels, height, width) in [0, 1)."""
    import torch

    values = images.to(torch.float32).permute(0, 3, 1, 2).contiguous()
    return (values + torch.rand_like(values)) / 256


def bits_per_dimension(peer, model, images):
    import torch

    with torch.no_grad():
        nats = torch.cat([-peer.log_prob(model, scaled(part)) for part in images.split(250)])
    bits = nats / math.log(2) / images[0].numel() + 8
    return bits.mean().item(), (bits.std() / math.sqrt(len(bits))).item()


def batches(images, size):
    import torch

    while True:
        order = torch.randperm(len(images))
        for first in range(0, len(order) - size + 1, size):
            yield scaled(images[order[first : first + size]])


def train(shape, images, test, args):
    import torch

    torch.manual_seed(args.seed)
    peer = Normflows()
    model = peer.model(shape)
    stepper = optimizer(model, shape.optimizer, args.rate)
    used, shown, seconds = 0, 0, []
    for x in batches(images, shape.batch):
        began = time.process_time()
        stepper.zero_grad()
        loss = -peer.log_prob(model, x).mean()
        loss.backward()
        stepper.step()
        seconds.append(time.process_time() - began)
        used += seconds[-1]
        if used >= shown + args.every or used >= args.seconds:
            shown = used
            bits, error = bits_per_dimension(peer, model, test)
            print(f"{used:6.0f} s  {len(seconds):6d} steps  {1e3 * statistics.median(seconds):5.0f} ms a step  "
                  f"test {bits:.3f} +- {error:.3f} bits per dimension", flush=True)
        if used >= args.seconds:
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="an HDF5 file")
    parser.add_argument("--workload", default="G1", help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=600, help="of training (default: %(default)s)")
    parser.add_argument("--every", type=float, default=60, help="seconds an evaluation (default: %(default)s)")
    parser.add_argument("--images", type=int, default=2000, help="of the test set (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="of learning (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    import h5py
    import torch

    torch.set_num_threads(1)
    with h5py.File(args.data) as file:
        images, test = (torch.from_numpy(file[name][:]) for name in ("train", "test"))
    train(Shape(args.workload), images, test[: args.images], args)


if __name__ == "__main__":
    main()
