from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayplan.scheduler.policies import policy_names
from bayplan.simulator.replay.plot import as_svg
from bayplan.simulator.replay.sweep import Packer, Run, sweep

from .support import mixed

Svg = ElementTree.Element


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Axes, ...]]:
    """The axes of each figure that is saved."""
    figures: list[tuple[Axes, ...]] = []
    save = Figure.savefig

    def spied(self: Figure, *args: object, **settings: object) -> None:
        save(self, *args, **settings)  # type: ignore[arg-type]
        figures.append(tuple(self.axes))

    monkeypatch.setattr(Figure, "savefig", spied)
    return figures


def runs_of(policies: list[str], load: float = 1.3) -> list[Run]:
    return list(sweep(mixed(load=load), policies, [1, 2]))


def test_equal_runs_give_equal_bytes() -> None:
    runs = runs_of(["fgd", "random"])
    slower = [replace(run, decide_s=9.0) for run in runs]
    assert as_svg(runs, 1.3) == as_svg(slower, 1.3)
    assert as_svg(runs, 1.3) != as_svg(runs[:2], 1.3)


def test_the_plot_is_xml_and_has_no_date() -> None:
    text = as_svg(runs_of(["fgd"]), 1.3)
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_every_policy_has_a_legend_entry_and_a_line_of_its_own(
    drawn: list[tuple[Axes, ...]],
) -> None:
    names = policy_names()
    as_svg(runs_of(names), 1.3)
    ((left, right),) = drawn
    legend = right.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == names
    for axes in (left, right):
        lines = axes.get_lines()
        assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == len(names)


def test_a_line_is_the_mean_of_the_seeds_where_any_has_a_value(
    drawn: list[tuple[Axes, ...]],
) -> None:
    run = Packer(mixed()).run("fgd", 1)
    a, b = [None] * 131, [None] * 131
    pair = [
        replace(run, allocated_pct=[*a[:90], 80.0, 90.0, *a[92:]]),
        replace(run, seed=2, allocated_pct=[*b[:91], 92.0, 94.0, *b[93:]]),
    ]
    as_svg(pair, 1.3)
    (line,) = drawn[0][0].get_lines()
    assert np.asarray(line.get_xdata()).tolist() == [90, 91, 92]
    assert np.asarray(line.get_ydata()).tolist() == [80.0, 91.0, 94.0]


@pytest.mark.parametrize("load", [0.05, 0.5, 0.7, 0.75, 1.0, 1.3, 3.0])
def test_the_axes_show_all_that_is_drawn_at_any_load(
    load: float, drawn: list[tuple[Axes, ...]]
) -> None:
    runs = runs_of(["fgd", "worst-fit"], load)
    as_svg(runs, load)
    for axes in drawn[0]:
        (x_low, x_high), (y_low, y_high) = axes.get_xlim(), axes.get_ylim()
        assert x_low < x_high == pytest.approx(100 * load)
        for line in axes.get_lines():
            x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
            shown = y[(x >= x_low) & (x <= x_high)]
            assert shown.size
            assert y_low <= shown.min()
            assert shown.max() <= y_high


def test_runs_that_placed_nothing_can_be_drawn(drawn: list[tuple[Axes, ...]]) -> None:
    run = replace(Packer(mixed()).run("fgd", 1), allocated_pct=[0.0] * 131)
    as_svg([run], 1.3)
    assert drawn[0][0].get_ylim()[0] <= 0.0
    as_svg([replace(run, allocated_pct=[None] * 131)], 1.3)
    assert len(drawn) == 2
