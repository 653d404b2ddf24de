"""A replay's results as a picture: allocation and fragmentation along the load axis."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from bayplan.simulator.replay.compare import by_sharing
from bayplan.simulator.replay.sweep import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, which people with colour-blindness can tell apart, and line styles.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
_ZOOM = 70
_STYLES = ("-", "--", "-.", ":")


def as_svg(runs: Sequence[Run], load: float) -> str:
    """Return an SVG of the means over the seeds: same runs, same bytes."""
    with mpl.rc_context({"svg.hashsalt": "bayplan", "svg.fonttype": "path"}):
        figure = Figure(figsize=(10.0, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        _lines(left, runs, "allocated_pct")
        _lines(right, runs, "fragmented_pct_of_capacity")
        # Below the load at which the first policy fails to place a pod, all lines are one.
        start = _ZOOM if 100 * load > _ZOOM + 10 else 0
        left.set(title="GPUs allocated", ylabel="% of the GPU capacity", xlim=(start, 100 * load))
        left.set_ylim(bottom=_floor(runs, start))
        right.set(title="GPUs fragmented", xlim=(0, 100 * load))
        right.set_ylim(bottom=0)
        for axes in (left, right):
            axes.set_xlabel("GPUs asked for so far, % of the capacity")
            axes.grid(alpha=0.3)
        right.legend(fontsize="small")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": "bayplan"})
    return text.getvalue()


def _floor(runs: Sequence[Run], start: int) -> float:
    """Return a multiple of 5 that is below what is drawn from the load ``start`` on."""
    drawn = [y for run in runs for y in run.allocated_pct[start:] if y is not None]
    return max(0.0, 5.0 * ((min(drawn, default=0.0) - 1.0) // 5.0))


def _lines(axes: Axes, runs: Sequence[Run], column: str) -> None:
    for i, ((sharing, policy), group) in enumerate(by_sharing(runs).items()):
        means = _means([getattr(run, column) for run in group])
        axes.plot(
            list(means),
            list(means.values()),
            label=f"{sharing} {policy}".strip(),
            color=_COLOURS[i % len(_COLOURS)],
            linestyle=_STYLES[i // len(_COLOURS) % len(_STYLES)],
            linewidth=1.6,
        )


def _means(columns: Sequence[Sequence[float | None]]) -> dict[int, float]:
    """Return the mean over the runs at each load where any has a value."""
    at_load = enumerate(zip(*columns, strict=True))
    known = {x: [value for value in values if value is not None] for x, values in at_load}
    return {x: sum(values) / len(values) for x, values in known.items() if values}
