"""The pods of the synthetic trace."""

from __future__ import annotations

import numpy as np

from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.columns import FloatArray, IntArray
from bayplan.traces.draws import Draws, zipf
from bayplan.traces.schema import NodeTable, PodTable
from bayplan.traces.synth_settings import SynthSettings
from bayplan.traces.synth_shapes import draw_shapes

BLOCK = 1024
"""Pods drawn at a time, until the load is reached."""

DAY_S = 86_400.0
BUSIEST_S = 15 * 3600.0
"""Time of day with the most arrivals; the trace starts at midnight."""

LONGEST_S = 14 * DAY_S
SHORTEST_S = 60.0
DURATION_FACTORS = (1.0, 0.5, 1.0, 2.0)
"""How long a class runs, as a multiple of the median: shares are short, large jobs long."""

PRIORITIES = (0, 100, 1000)
PRIORITY_WEIGHTS = (60, 30, 10)
"""Best effort, normal, urgent."""

MODEL_SETS: tuple[tuple[str, ...], ...] = (
    ("H100-80GB",),
    ("A100-80GB",),
    ("A100-80GB", "H100-80GB"),
    ("A100-40GB", "A100-80GB", "H100-80GB"),
    ("A100-40GB",),
    ("L40S",),
    ("A10", "L40S"),
    ("A10",),
    ("T4",),
    ("A10", "T4"),
)
"""Sets of models that a bound pod may ask for: one model, or one and what is like it."""


def make_pods(settings: SynthSettings, nodes: NodeTable, draws: Draws) -> PodTable:
    """Draw pods until they ask for ``load`` times the GPUs of the cluster.

    Parameters
    ----------
    settings
        What the pods look like.
    nodes
        The cluster.
    draws
        The random stream.
    """
    pods = _until_loaded(settings, nodes, draws)
    count = len(pods["class"])
    queue, user = _people(settings, count, draws)
    width = max(4, len(str(count - 1)))
    return PodTable.of(
        name=[f"pod-{row:0{width}d}" for row in range(count)],
        **{name: pods[name] for name in ("cpu_milli", "memory_mib", "gpu_count", "gpu_milli")},
        gpu_models=_models(settings, pods["gpu_count"], nodes, draws),
        arrival_s=_arrivals(settings, count, draws),
        duration_s=_durations(settings, pods["class"], draws),
        priority=np.array(PRIORITIES)[draws.pick(PRIORITY_WEIGHTS, count)],
        queue=queue,
        user=user,
    )


def _until_loaded(settings: SynthSettings, nodes: NodeTable, draws: Draws) -> dict[str, IntArray]:
    """Draw classes and shapes; the last pod is the one that reaches the load."""
    target = settings.load * int(nodes.gpu_count.sum()) * GPU_MILLI
    one_gpu = max(0.0, 1.0 - settings.cpu_only - settings.share - settings.several)
    mix = (settings.cpu_only, settings.share, one_gpu, settings.several)
    shapes = draw_shapes(draws)
    blocks: list[dict[str, IntArray]] = []
    demand = 0
    while demand < target:
        code = draws.pick(mix, BLOCK)
        block: dict[str, IntArray] = {"class": code}
        # Every class draws for every pod: simple, and the stream does not depend on the mix.
        rows = [draws.pick(each.weights, BLOCK) for each in shapes]
        for name in ("cpu_milli", "memory_mib", "gpu_count", "gpu_milli"):
            by_class = [getattr(each, name)[row] for each, row in zip(shapes, rows, strict=True)]
            block[name] = np.choose(code, by_class)
        running = demand + np.cumsum(block["gpu_count"] * block["gpu_milli"])
        kept = int(np.searchsorted(running, target)) + 1
        blocks.append({name: values[:kept] for name, values in block.items()})
        demand = int(running[-1])
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _models(
    settings: SynthSettings, gpu_count: IntArray, nodes: NodeTable, draws: Draws
) -> list[str]:
    """Bind some GPU pods to sets of models, each set as usual as its GPUs are many.

    A set without a node of enough GPUs for the pod leaves it free, so that every pod fits.
    """
    models = np.array(nodes.gpu_model)
    there = [nodes.gpu_count[np.isin(models, each)] for each in MODEL_SETS]
    # The small constant keeps the draw defined in a cluster too small to hold any of the sets.
    weights = [float(gpus.sum()) + 1e-9 for gpus in there]
    largest = [int(gpus.max(initial=0)) for gpus in there]
    bound = draws.uniform(len(gpu_count)) < settings.bound
    sets = draws.pick(weights, len(gpu_count)).tolist()
    return [
        "|".join(MODEL_SETS[chosen]) if wanted and 0 < gpus <= largest[chosen] else ""
        for wanted, chosen, gpus in zip(bound.tolist(), sets, gpu_count.tolist(), strict=True)
    ]


def _arrivals(settings: SynthSettings, count: int, draws: Draws) -> FloatArray:
    """Draw a Poisson process with a daily cycle by thinning; whole seconds, in order."""
    peak = count / settings.span_s * (1.0 + settings.daily_swing)
    parts: list[FloatArray] = []
    now_s, drawn = 0.0, 0
    while drawn < count:
        at_s = now_s + np.cumsum(draws.exponential(BLOCK)) / peak
        phase = 2.0 * np.pi * (at_s - BUSIEST_S) / DAY_S
        rate = (1.0 + settings.daily_swing * np.cos(phase)) / (1.0 + settings.daily_swing)
        kept = at_s[draws.uniform(BLOCK) < rate]
        parts.append(kept)
        now_s, drawn = float(at_s[-1]), drawn + len(kept)
    # Whole seconds also hide the last bit, in which machines' logarithms may differ.
    return np.floor(np.concatenate(parts)[:count])


def _durations(settings: SynthSettings, code: IntArray, draws: Draws) -> FloatArray:
    """Draw lognormal durations, in whole seconds."""
    median_s = settings.duration_median_s * np.array(DURATION_FACTORS)[code]
    drawn_s = median_s * np.exp(settings.duration_sigma * draws.normal(len(code)))
    return np.asarray(np.round(np.clip(drawn_s, SHORTEST_S, LONGEST_S)), dtype=np.float64)


def _people(settings: SynthSettings, count: int, draws: Draws) -> tuple[list[str], list[str]]:
    """Draw each pod's queue and one of that queue's users; the first of each are the busiest."""
    queues = draws.pick(zipf(len(settings.queues)), count).tolist()
    users = draws.pick(zipf(settings.users, 1.2), count).tolist()
    queue = [settings.queues[each] for each in queues]
    return queue, [f"{name}-{each:02d}" for name, each in zip(queue, users, strict=True)]
