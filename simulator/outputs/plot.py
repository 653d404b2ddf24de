"""Pictures of runs: one over time, or variants side by side. Same runs, same bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.core.results import Series, Totals
from bayplan.simulator.metrics import Mark, Metric, Variant, figure_of, lacking, marks, metric
from bayplan.simulator.outputs.numbers import decimals, number, time_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = ("jct_mean_s", "effective_pct")
"""Metrics of a picture of variants unless others are asked for."""

# Okabe and Ito's palette, which people with colour-blindness can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
_HATCHES = ("", "///", "...", "xxx")
_BAR_IN = 0.26
_MARGIN_IN = 1.0


def compare_svg(variants: Sequence[Variant], keys: Sequence[str] = DRAWN) -> str:
    """Return an SVG of bars, a panel a metric: means over the seeds, 95 % intervals as whiskers.

    Parameters
    ----------
    variants
        What is compared; groups are set apart, names have colours.
    keys
        The metrics' keys.

    Raises
    ------
    InputError
        There is no such metric.
    """
    return as_svg(compare_figure(variants, keys))


def run_svg(series: Series, totals: Totals) -> str:
    """Return an SVG of one run over time: what is allocated and effective, who waits and runs.

    Parameters
    ----------
    series
        The run over time.
    totals
        Its totals, for the capacity.
    """
    return as_svg(run_figure(series, totals))


def compare_figure(variants: Sequence[Variant], keys: Sequence[str] = DRAWN) -> Figure:
    """Return the picture of ``compare_svg``, not yet saved."""
    metrics = [metric(key) for key in dict.fromkeys(keys)]
    groups = list(dict.fromkeys(variant.group for variant in variants))
    names = list(dict.fromkeys(variant.name for variant in variants))
    coloured = len(groups) > 1 and len(names) > 1
    places = _places(variants, coloured)
    height = max(2.2, _MARGIN_IN + _BAR_IN * (max(places, default=0.0) + 1))
    figure = Figure(figsize=(max(6.0, 5.0 * len(metrics)), height), layout="constrained")
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, each in zip(panels, metrics, strict=True):
        _bars(axes, variants, each, places, names if coloured else [])
    panels[0].set_ylim(max(places, default=0.0) + 0.8, -0.8)  # the first is at the top
    if coloured:
        middles = [
            float(np.mean([y for y, v in zip(places, variants, strict=True) if v.group == group]))
            for group in groups
        ]
        panels[0].set_yticks(middles, [group or "(none)" for group in groups])
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=min(len(names), 6), frameon=False
        )
    else:
        labels = [(v.name if len(groups) < 2 else v.group) or "(none)" for v in variants]
        panels[0].set_yticks(places, labels)
    for axes in panels:
        axes.tick_params(axis="y", length=0)
    return figure


def _places(variants: Sequence[Variant], grouped: bool) -> list[float]:
    """Return where each bar is on the axis: groups stand a bar's width apart."""
    places: list[float] = []
    for i, variant in enumerate(variants):
        new = grouped and i > 0 and variant.group != variants[i - 1].group
        places.append(places[-1] + (1.8 if new else 1.0) if places else 0.0)
    return places


def _bars(
    axes: Axes,
    variants: Sequence[Variant],
    metric: Metric,
    places: Sequence[float],
    names: Sequence[str],
) -> None:
    figures = [figure_of(variant, metric.key) for variant in variants]
    which = marks(variants, metric)
    fewer = lacking(variants) if metric.helped_by_fewer_jobs else [0.0] * len(variants)
    digits = decimals(figure.mean for figure in figures)
    ends = [0.0]
    rows = zip(places, variants, figures, which, fewer, strict=True)
    for y, variant, figure, mark, jobs in rows:
        if math.isnan(figure.mean):
            axes.text(0.0, y, " nothing to show", va="center", fontsize="small", color="0.4")
            continue
        look = names.index(variant.name) if names else 0
        half = 0.0 if math.isnan(figure.half) else figure.half
        shown = {bar.get_label() for bar in axes.containers}
        axes.barh(
            y,
            figure.mean,
            height=0.86,
            color=COLOURS[look % len(COLOURS)],
            hatch=_HATCHES[look // len(COLOURS) % len(_HATCHES)],
            edgecolor="white",
            linewidth=0.0,
            label=variant.name if names and variant.name not in shown else "_",
        )
        if half:
            axes.errorbar(figure.mean, y, xerr=half, color="0.25", capsize=2.5, linewidth=1.1)
        text = number(figure.mean, digits) + (" *" if mark is Mark.BEST else "")
        text += f" ({number(jobs)} fewer jobs)" if jobs else ""
        ends.append(figure.mean + half)
        axes.annotate(
            text,
            (figure.mean + half, y),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            fontweight="bold" if mark is Mark.BEST else "normal",
        )
    axes.set_xlim(0.0, 1.18 * max(ends) or 1.0)  # room for the figures at the ends
    shares = metric.group.startswith("GPUs") and not metric.title.startswith("GPU")
    what = f"GPUs {metric.title}" if shares else metric.title
    way = f" ({metric.better} is better)" if metric.better else ""
    axes.set_title(what + way, fontsize="medium")
    axes.set_xlabel(metric.unit)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def run_figure(series: Series, totals: Totals) -> Figure:
    """Return the picture of ``run_svg``, not yet saved."""
    fragments = 100.0 * series.fragmentation_milli / np.maximum(GPU_MILLI * series.gpus, 1)
    blocked = 100.0 * series.mig_blocked
    extra = [
        (values, label, colour)
        for values, label, colour in (
            (fragments, "GPUs fragmented", COLOURS[3]),
            (blocked, "MIG places blocked", COLOURS[4]),
        )
        if not np.isnan(values).all()
    ]
    rows = 3 if extra else 2
    figure = Figure(figsize=(10.0, 1.2 + 2.2 * rows), layout="constrained")
    panels = figure.subplots(rows, 1, sharex=True)
    unit_s, unit = time_unit(float(np.ptp(series.time_s)) if series.time_s.size else 0.0)
    time = (series.time_s - totals.first_s) / unit_s
    capacity = np.maximum(GPU_MILLI * series.gpus, 1) / 100.0
    # Often the same: the wider line below can be seen beside the narrower one above.
    busy = series.busy_gpus * (100.0 / np.maximum(series.gpus, 1))
    _line(panels[0], time, busy, "busy", "#C8C8C8", 4.0)
    _line(panels[0], time, series.allocated_milli / capacity, "allocated", COLOURS[0], 2.2)
    _line(panels[0], time, series.effective_milli / capacity, "effective", COLOURS[1], 0.9)
    _line(panels[1], time, series.waiting, "waiting", COLOURS[1])
    _line(panels[1], time, series.running, "running", COLOURS[2])
    for values, label, colour in extra:
        _line(panels[2], time, values, label, colour)
    for axes, label in zip(panels, ("% of the GPUs", "jobs", "%"), strict=False):
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(
            loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, fontsize="small", frameon=False
        )
    panels[1].yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[-1].set_xlabel(f"{unit} since the first arrival")
    panels[-1].margins(x=0.01)
    return figure


def _line(
    axes: Axes,
    time: NDArray[np.float64],
    values: NDArray[Any],
    label: str,
    colour: str,
    width: float = 1.2,
) -> None:
    # A sample is the state just before its time: it stands for the time up to it.
    axes.plot(time, values, label=label, color=colour, linewidth=width, drawstyle="steps-pre")


def as_svg(figure: Figure) -> str:
    """Return a figure as SVG: same figure, same bytes.

    Parameters
    ----------
    figure
        The figure.
    """
    with mpl.rc_context({"svg.hashsalt": "bayplan", "svg.fonttype": "path"}):
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": "bayplan"})
    return text.getvalue()
