from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.outputs.plot import compare_figure, compare_svg, run_figure, run_svg

from ..metrics.support import grid, run, series, totals, variant  # noqa: TID252

GROUPS = ("exclusive", "mps", "hami")
NAMES = ("best-fit", "fgd")


def test_equal_runs_give_equal_bytes_and_no_date() -> None:
    outcome, _ = run()
    for first, second, other in (
        (
            compare_svg(grid(GROUPS, NAMES, 3)),
            compare_svg(grid(GROUPS, NAMES, 3)),
            compare_svg(grid(GROUPS, NAMES, 2)),
        ),
        (
            run_svg(outcome.series, outcome.totals),
            run_svg(outcome.series, outcome.totals),
            run_svg(run(2)[0].series, outcome.totals),
        ),
    ):
        assert first == second != other
        assert ElementTree.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"
        assert not re.search(r"20\d\d-\d\d-\d\d", first)


def test_a_bar_is_a_mean_and_groups_stand_apart() -> None:
    left, right = compare_figure(grid(GROUPS, NAMES, 3)).axes
    for axes in (left, right):
        bars = sorted(axes.patches, key=lambda bar: bar.get_y())  # type: ignore[attr-defined]
        assert len(bars) == 6
        tops = [bar.get_y() for bar in bars]  # type: ignore[attr-defined]
        apart = np.diff(tops)
        assert apart == pytest.approx([1.0, 1.8, 1.0, 1.8, 1.0])
        assert len({bar.get_facecolor() for bar in bars}) == 2
    widths = [bar.get_width() for bar in left.patches]  # type: ignore[attr-defined]
    shift = 400 * np.mean([0, 1, 2])
    assert widths == pytest.approx(
        [12_000 - 1500 * g - 700 * i + shift for g in range(3) for i in (0, 1)]
    )
    assert [label.get_text() for label in left.get_yticklabels()] == list(GROUPS)
    (legend,) = left.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(NAMES)


def test_whiskers_are_there_with_seeds_and_the_best_has_a_star() -> None:
    for seeds, whiskers in ((1, 0), (4, 6)):
        for axes in compare_figure(grid(GROUPS, NAMES, seeds)).axes:
            assert len(axes.collections) == whiskers
            stars = [text.get_text() for text in axes.texts if text.get_text().endswith("*")]
            assert len(stars) == 1
            low, high = axes.get_xlim()
            assert low == 0.0
            assert high > max(bar.get_width() for bar in axes.patches)  # type: ignore[attr-defined]


def test_one_group_or_one_name_needs_no_legend() -> None:
    for groups, names, labels in ((("mps",), NAMES, NAMES), (GROUPS, ("fgd",), GROUPS)):
        figure = compare_figure(grid(groups, names, 2))
        assert not figure.legends
        shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert shown == list(labels)


def test_what_says_nothing_is_written_and_what_is_zero_is_drawn() -> None:
    variants = [
        variant("", "a", {1: {}}),
        variant("", "b", {1: {"jct_mean_s": 0.0}}),
    ]
    (axes,) = compare_figure(variants, ["jct_mean_s"]).axes
    assert [text.get_text() for text in axes.texts] == [" nothing to show", "0"]
    assert axes.get_xlim() == (0.0, 1.0)
    assert compare_svg(variants)
    assert compare_svg([])


def test_who_finished_fewer_jobs_has_no_star_and_says_so() -> None:
    pair = [
        variant("", "few", {1: {"finished": 60, "jct_mean_s": 5.0, "effective_pct": 9.0}}),
        variant("", "all", {1: {"finished": 100, "jct_mean_s": 7.0, "effective_pct": 8.0}}),
    ]
    times, shares = compare_figure(pair).axes
    assert [text.get_text() for text in times.texts] == ["5 (40 fewer jobs)", "7"]
    assert [text.get_text() for text in shares.texts] == ["9 *", "8"]


def test_a_metric_that_is_none_is_an_error() -> None:
    with pytest.raises(InputError, match="no metric is called 'nonsense'"):
        compare_svg(grid(GROUPS, NAMES, 1), ["nonsense"])


def test_a_run_has_lines_over_time() -> None:
    outcome, _ = run()
    top, middle, below = run_figure(outcome.series, outcome.totals).axes
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in top.get_lines()}
    assert lines["allocated"] == pytest.approx(outcome.series.allocated_milli / 640)
    assert lines["effective"] == pytest.approx(outcome.series.effective_milli / 640)
    assert lines["busy"] == pytest.approx(outcome.series.busy_gpus / 0.64)
    assert [line.get_label() for line in middle.get_lines()] == ["waiting", "running"]
    assert [line.get_label() for line in below.get_lines()] == ["GPUs fragmented"]
    assert below.get_xlabel() == "hours since the first arrival"
    time = np.asarray(top.get_lines()[0].get_xdata())
    assert time == pytest.approx(outcome.series.time_s / 3600)


def test_a_run_without_fragmentation_or_without_samples_can_be_drawn() -> None:
    outcome, _ = run()
    silent = replace(outcome.series, fragmentation_milli=outcome.series.mig_blocked)
    assert len(run_figure(silent, outcome.totals).axes) == 2
    assert run_svg(series(), totals(n_gpus=0, capacity_milli=0))
