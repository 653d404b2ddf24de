"""Pictures of how a figure of jobs is distributed: which share of them has at most so much."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from bayplan.simulator.metrics.figures import FloatArray
from bayplan.simulator.outputs.plot import COLOURS

_STYLES = ("-", "--", "-.", ":")
_WIDE = 100.0
"""Above this ratio of the 99th percentile to the median an axis is logarithmic from 1 on."""


def cdf_figure(values: Mapping[str, FloatArray], label: str) -> Figure:
    """Return a picture of distributions, a line each.

    Parameters
    ----------
    values
        By the name of their line: arrays (n_jobs,); NaN counts for nothing.
    label
        What they are, with the unit.
    """
    known = {name: np.sort(each[~np.isnan(each)]) for name, each in values.items()}
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = figure.subplots()
    for i, (name, each) in enumerate(known.items()):
        share = np.arange(1, each.size + 1) / max(each.size, 1)
        axes.step(
            np.concatenate([each[:1], each]),  # up from nothing at the least of them
            np.concatenate([[0.0][: each.size], share]),
            where="post",
            label=f"{name} ({each.size:,})" if name else None,
            color=COLOURS[i % len(COLOURS)],
            linestyle=_STYLES[i // len(COLOURS) % len(_STYLES)],
        )
    together = np.concatenate(list(known.values())) if known else np.empty(0)
    if _is_wide(together):
        axes.set_xscale("symlog", linthresh=1.0)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set(xlabel=label, ylabel="of the jobs", ylim=(0.0, 1.02))
    axes.set_xlim(left=0.0)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if any(known):
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def _is_wide(values: FloatArray) -> bool:
    if not values.size:
        return False
    middle, high = np.percentile(values, [50, 99])
    return bool(high > _WIDE * max(middle, 1.0))
