"""What is in a trace: counts, demand, classes, shapes, capacity and times, as rows of text."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np

from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.columns import IntArray
from bayplan.traces.requests import models_of
from bayplan.traces.schema import NodeTable, PodTable

Rows = list[tuple[str, str]]

TOP_SHAPES = 5
TOP_MODELS = 8
CLASSES = ("CPU-only", "share of a GPU", "one GPU", "several GPUs")


def describe(pods: PodTable, nodes: NodeTable | None = None) -> Rows:
    """Describe a trace.

    Parameters
    ----------
    pods
        The pods.
    nodes
        The cluster that they are meant for, if there is one.

    Returns
    -------
    Rows of (label, value), ready to be shown.
    """
    rows = [("pods", f"{len(pods):,}"), *_demand_rows(pods), *_class_rows(pods)]
    rows += [*_shape_rows(pods), *_model_rows(pods), *_time_rows(pods)]
    if nodes is not None:
        rows += [*_capacity_rows(nodes), *_load_rows(pods, nodes)]
    return rows


def gpu_demand_milli(pods: PodTable) -> int:
    """Return the GPU compute that all pods ask for together, in milli-GPU."""
    return int((pods.gpu_count * pods.gpu_milli).sum())


def class_counts(pods: PodTable) -> dict[str, int]:
    """Return the number of pods of each class: CPU-only, share, one GPU, several GPUs."""
    share = (pods.gpu_count == 1) & (pods.gpu_milli < GPU_MILLI)
    code = np.where(pods.gpu_count == 0, 0, np.where(share, 1, np.where(pods.gpu_count == 1, 2, 3)))
    counts = np.bincount(code, minlength=len(CLASSES)).tolist()
    return dict(zip(CLASSES, counts, strict=True))


def _demand_rows(pods: PodTable) -> Rows:
    return [
        ("GPUs asked for", f"{gpu_demand_milli(pods) / GPU_MILLI:,.1f}"),
        ("CPU asked for", f"{int(pods.cpu_milli.sum()) / 1000:,.1f} cores"),
        ("memory asked for", f"{int(pods.memory_mib.sum()) / 1024:,.1f} GiB"),
    ]


def _class_rows(pods: PodTable) -> Rows:
    return [
        (f"pods: {name}", f"{count:,} ({percent(count, len(pods))})")
        for name, count in class_counts(pods).items()
    ]


def _shape_rows(pods: PodTable) -> Rows:
    shapes = Counter(
        zip(
            pods.gpu_count.tolist(),
            pods.gpu_milli.tolist(),
            pods.cpu_milli.tolist(),
            pods.memory_mib.tolist(),
            pods.mig_profile,
            strict=True,
        )
    )
    rows = [("distinct shapes", f"{len(shapes):,}")]
    # Ties go by the shape itself, so that the order of the file does not matter.
    top = sorted(shapes.items(), key=lambda item: (-item[1], item[0]))
    for rank, (shape, count) in enumerate(islice(top, TOP_SHAPES), start=1):
        gpus, milli, cpu_milli, memory_mib, profile = shape
        gpu = f"{gpus} x {profile or f'{milli} milli-GPU'}" if gpus else "no GPU"
        text = f"{gpu}, {cpu_milli:,} millicores, {memory_mib:,} MiB"
        rows.append((f"shape {rank}", f"{text}: {count:,} ({percent(count, len(pods))})"))
    return rows


def _model_rows(pods: PodTable) -> Rows:
    gpus = pods.gpu_count.tolist()
    asked = Counter(
        "|".join(sorted(set(models_of(models))))
        for models, count in zip(pods.gpu_models, gpus, strict=True)
        if count
    )
    free = asked.pop("", 0)
    bound = sum(asked.values())
    rows = [("GPU pods bound to models", f"{bound:,} ({percent(bound, bound + free)})")]
    top = sorted(asked.items(), key=lambda item: (-item[1], item[0]))
    rows += [(f"bound to {models}", f"{count:,}") for models, count in top[:TOP_MODELS]]
    if len(top) > TOP_MODELS:
        rest = sum(count for _, count in top[TOP_MODELS:])
        rows.append((f"bound to {len(top) - TOP_MODELS} other sets of models", f"{rest:,}"))
    return rows


def _time_rows(pods: PodTable) -> Rows:
    if not len(pods):
        return []
    first, last = float(pods.arrival_s.min()), float(pods.arrival_s.max())
    known = pods.duration_s[~np.isnan(pods.duration_s)]
    rows = [("arrivals", f"{first:,.0f} s to {last:,.0f} s ({span(last - first)})")]
    if not known.size:
        return [*rows, ("durations", "unknown")]
    middle, high = float(np.median(known)), float(known.max())
    text = f"median {span(middle)}, mean {span(float(known.mean()))}, longest {span(high)}"
    if unknown := len(pods) - known.size:
        text += f", {unknown:,} unknown"
    return [*rows, ("durations", text)]


def _capacity_rows(nodes: NodeTable) -> Rows:
    gpu_nodes = int((nodes.gpu_count > 0).sum())
    rows = [
        ("nodes", f"{len(nodes):,} ({gpu_nodes:,} with GPUs)"),
        ("GPUs", f"{int(nodes.gpu_count.sum()):,}"),
        ("CPU", f"{int(nodes.cpu_milli.sum()) / 1000:,.1f} cores"),
        ("memory", f"{int(nodes.memory_mib.sum()) / 1024:,.1f} GiB"),
    ]
    kinds = Counter(zip(nodes.gpu_model, nodes.gpu_count.tolist(), strict=True))
    return rows + [
        (f"nodes with {count} x {model or 'unknown model'}", f"{number:,}")
        for (model, count), number in sorted(kinds.items())
        if count
    ]


def _load_rows(pods: PodTable, nodes: NodeTable) -> Rows:
    gpu_milli = int(nodes.gpu_count.sum()) * GPU_MILLI
    rows = [
        ("GPU demand / capacity", percent(gpu_demand_milli(pods), gpu_milli)),
        ("CPU demand / capacity", _ratio(pods.cpu_milli, nodes.cpu_milli)),
        ("memory demand / capacity", _ratio(pods.memory_mib, nodes.memory_mib)),
    ]
    span_s = float(np.ptp(pods.arrival_s)) if len(pods) else 0.0
    if span_s and gpu_milli and not np.isnan(pods.duration_s).all():
        busy = float(np.nansum(pods.gpu_count * pods.gpu_milli * pods.duration_s))
        rows.append(
            ("GPU time asked / offered while pods arrive", percent(busy, gpu_milli * span_s))
        )
    return rows


def _ratio(asked: IntArray, there: IntArray) -> str:
    return percent(int(asked.sum()), int(there.sum()))


def percent(part: float, whole: float) -> str:
    """Write a part of a whole in per cent; ``-`` of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def span(seconds: float) -> str:
    """Write a time span in the unit that gives it a readable number."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.0f} s"
