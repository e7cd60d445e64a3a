# SPDX-License-Identifier: GPL-3.0-or-later
"""The workloads of test/bench/workloads/*.json in other libraries, for the scripts beside this one.

A peer's run(shape, rate, clip) is a model with its optimizer, whatever the library: parameters(), array(rows),
step(x), log_prob(x) and sample(n), and `tasks`, those of TASKS that it can do. It is None where the peer has nothing of
that shape.
"""

import json
import math
import os
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before any import of torch
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"  # and of jax

ROOT = Path(__file__).resolve().parent.parent
WORKLOADS = ROOT / "test/bench/workloads"
TASKS = ["train", "logprob", "sample"]


class Shape:
    """A workload as its file says; what no peer needs to know is left out."""

    def __init__(self, name):
        document = json.loads((WORKLOADS / f"{name}.json").read_text())
        self.name, self.title = name, document["title"]
        self.tasks, self.against = document.get("tasks", TASKS), document.get("against")
        if "like" in document:
            document = json.loads((WORKLOADS / f"{document['like']}.json").read_text())
        spec = document["spec"]
        (block,) = spec["flow"]
        self.dimensions, self.image = document["dimensions"], spec.get("image")
        self.batch, self.optimizer = spec["train"]["batch"], spec["train"]["optimizer"]
        self.block, self.blocks, self.hidden = block["type"], block.get("repeat", 1), block["hidden"]
        self.levels, self.steps = block.get("levels"), block.get("steps")
        self.univariate = block.get("univariate", {"type": "affine"})
        self.solver, trace = block.get("solver"), block.get("trace", "exact")
        self.trace = trace if isinstance(trace, str) else trace["type"]

    @property
    def splines(self):
        return self.univariate["type"] == "rational_quadratic"


# ---------------------------------------------------------------- peers on PyTorch
# A model is None where the peer has nothing of that shape.


class TorchPeer:
    images = False
    fastest = True  # of PyTorch's ways to compute the optimizer
    compiles = False

    def run(self, shape, rate, clip=0):
        model = self.model(shape)
        return None if model is None else TorchRun(self, model, shape, rate, clip)


class TorchRun:
    def __init__(self, peer, model, shape, rate, clip):
        import torch

        self.torch, self.model, self.clip = torch, model, clip
        self.optimizer = optimizer(model, shape.optimizer, rate, peer.fastest)
        calls = [lambda x: -peer.log_prob(model, x).mean(), lambda x: peer.log_prob(model, x),
                 lambda n: peer.sample(model, n)]
        self.loss, self.density, self.draw = map(torch.compile, calls) if peer.compiles else calls
        self.tasks = TASKS
        if peer.compiles and shape.block != "coupling":
            self.tasks = ["train", "logprob"]

    def parameters(self):
        return parameters(self.model)

    def array(self, rows):
        return self.torch.from_numpy(rows)

    def step(self, x):
        self.model.train()
        self.optimizer.zero_grad()
        self.loss(x).backward()
        if self.clip > 0:
            self.torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()

    def log_prob(self, x):
        self.model.eval()
        with self.torch.no_grad():
            return self.density(x)

    def sample(self, n):
        self.model.eval()
        with self.torch.no_grad():
            return self.draw(n)


class Zuko(TorchPeer):
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


class Nflows(TorchPeer):
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


class Normflows(TorchPeer):
    """Image flows, as its example `glow` builds them, without classes."""

    images = True
    fastest = False  # as PyTorch trains them unless told otherwise
    packages = ["normflows", "torch"]

    def __init__(self):
        import warnings

        import normflows

        warnings.filterwarnings("ignore", "torch.lu is deprecated")
        self.normflows = normflows

    def model(self, shape, alpha=None):
        """With alpha the pixels, in [0, 1), go through a logit first."""
        if shape.image is None or shape.block != "glow":
            return None
        parts, (height, width, n_channels) = self.normflows.flows, shape.image
        bases, flows, merges = [], [], []  # from the innermost level outwards
        for level in range(shape.levels, 0, -1):
            innermost, channels = level == shape.levels, n_channels * 2 ** (level + 1)
            steps = [parts.GlowBlock(channels, shape.hidden[0]) for _ in range(shape.steps)]
            flows.append([*steps, parts.Squeeze()])
            merges += [] if innermost else [parts.Merge()]
            finished = channels if innermost else channels // 2
            bases.append(self.normflows.distributions.DiagGaussian((finished, height >> level, width >> level)))
        logit = None if alpha is None else self.normflows.transforms.Logit(alpha)
        return self.normflows.MultiscaleFlow(bases, flows, merges, transform=logit, class_cond=False)

    def log_prob(self, model, x):
        return model.log_prob(x, None)

    def sample(self, model, n):
        return model.sample(n)


class NormflowsTuned(Normflows):
    """The same with what makes it faster without a change of its code: channels last, the optimizer on all weights at
    once."""

    fastest = True

    def model(self, shape, alpha=None):
        import torch

        model = super().model(shape, alpha)
        return None if model is None else model.to(memory_format=torch.channels_last)


class Torch(TorchPeer):
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


class Compiled:
    """By torch.compile, in front of a peer. Flows with a pass for each column are left out, since compiling them takes
    minutes, and so are equations."""

    compiles = True

    def model(self, shape):
        return super().model(shape) if shape.block in ("maf", "coupling") else None


class NflowsCompiled(Compiled, Nflows):
    pass


class TorchCompiled(Compiled, Torch):
    pass


# ---------------------------------------------------------------- flowjax


class Flowjax:
    images = False
    packages = ["flowjax", "jax"]

    def __init__(self):
        import flowjax.bijections
        import flowjax.distributions
        import flowjax.flows
        import jax

        jax.config.update("jax_cpu_enable_async_dispatch", False)  # one thread computes and waits
        self.flowjax = flowjax

    def run(self, shape, rate, clip=0):
        model = self.model(shape)
        return None if model is None else JaxRun(model, rate, clip)

    def model(self, shape):
        import jax
        import paramax

        flows, bijections = self.flowjax.flows, self.flowjax.bijections
        width = shape.hidden[0]
        if shape.block not in ("maf", "iaf", "coupling") or any(hidden != width for hidden in shape.hidden):
            return None
        if shape.splines:  # of one inner knot less than it has bins
            transformer = bijections.RationalQuadraticSpline(knots=shape.univariate["bins"] - 1,
                                                             interval=shape.univariate["bound"])
        elif shape.univariate["type"] == "affine":
            transformer = bijections.Affine()
        else:
            return None
        build = flows.coupling_flow if shape.block == "coupling" else flows.masked_autoregressive_flow
        base = paramax.non_trainable(self.flowjax.distributions.Normal(jax.numpy.zeros(shape.dimensions)))
        return build(jax.random.key(1), base_dist=base, transformer=transformer, flow_layers=shape.blocks,
                     nn_width=width, nn_depth=len(shape.hidden), invert=shape.block != "iaf")


class JaxRun:
    """The functions are compiled at their first call; a step may write where parameters and moments were before."""

    tasks = TASKS

    def __init__(self, model, rate, clip):
        import equinox
        import jax
        import optax
        import paramax

        self.jax, self.key = jax, jax.random.key(2)
        adam = optax.adam(rate)
        chain = optax.chain(optax.clip_by_global_norm(clip), adam) if clip > 0 else adam
        self.params, static = equinox.partition(model, equinox.is_inexact_array,
                                                is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable))
        self.moments = chain.init(self.params)

        def flow(params):
            return paramax.unwrap(equinox.combine(params, static))

        def step(params, moments, x):
            gradient = jax.grad(lambda params: -flow(params).log_prob(x).mean())(params)
            updates, moments = chain.update(gradient, moments, params)
            return equinox.apply_updates(params, updates), moments

        self.model, self.next = model, jax.jit(step, donate_argnums=(0, 1))
        self.density = jax.jit(lambda params, x: flow(params).log_prob(x))
        self.draw = jax.jit(lambda params, key, n: flow(params).sample(key, (n,)), static_argnums=2)

    def parameters(self):
        """Those that count: weights which a mask makes zero do not."""
        jax = self.jax
        total = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        layers = self.model.bijection
        while hasattr(layers, "bijection"):  # of Invert, where it is, and of Scan
            layers = layers.bijection
        for net in jax.tree.leaves(layers, is_leaf=lambda node: hasattr(node, "layers")):
            for layer in getattr(net, "layers", []):
                if hasattr(layer.weight, "args"):
                    mask, weight = layer.weight.args[:2]
                    total -= weight.size - int(mask.sum())
        return total

    def array(self, rows):
        return self.jax.numpy.asarray(rows)

    def step(self, x):
        self.params, self.moments = self.next(self.params, self.moments, x)
        self.jax.block_until_ready(self.params)

    def log_prob(self, x):
        return self.density(self.params, x).block_until_ready()

    def sample(self, n):
        return self.draw(self.params, self.key, n).block_until_ready()


PEERS = {"zuko": Zuko, "nflows": Nflows, "nflows compiled": NflowsCompiled, "torch": Torch,
         "torch compiled": TorchCompiled, "flowjax": Flowjax, "normflows": Normflows, "normflows tuned": NormflowsTuned}


def parameters(model):
    """Those that count: weights which a mask makes zero do not."""
    import torch

    total = sum(p.numel() for p in model.parameters())
    for layer in model.modules():
        mask = getattr(layer, "mask", None)
        if isinstance(layer, torch.nn.Linear) and mask is not None:
            total -= layer.weight.numel() - int(mask.sum())
    return total


def optimizer(model, name, rate, fastest=True):
    """That of PyTorch under this name, in the fastest of its ways unless told otherwise."""
    import torch

    if name == "adamax":
        return torch.optim.Adamax(model.parameters(), lr=rate, foreach=True if fastest else None)
    if not fastest:
        return torch.optim.Adam(model.parameters(), lr=rate)
    return torch.optim.Adam(model.parameters(), lr=rate, fused=True)


def batch_of(shape):
    """A batch of standard normal rows; images as PyTorch has them, (n, channels, height, width)."""
    import numpy

    form = (shape.dimensions,)
    if shape.image is not None:
        height, width, channels = shape.image
        form = (channels, height, width)
    return numpy.random.default_rng(1).standard_normal((shape.batch, *form), dtype="float32")
