from __future__ import annotations

from collections.abc import Sequence

import pytest
from rich.console import Console

from bayplan.scheduler.errors import InputError
from bayplan.simulator.metrics import METRICS, Variant
from bayplan.simulator.outputs.table import SHOWN, compare_tables

from ..metrics.support import grid, variant  # noqa: TID252


def rendered(variants: Sequence[Variant], keys: Sequence[str] = SHOWN, width: int = 80) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        for part in compare_tables(variants, keys):
            console.print(part)
    return capture.get()


GROUPS = ("exclusive", "mig-dynamic", "timeslice")
NAMES = ("best-fit", "fgd", "worst-fit")


@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize("keys", [SHOWN, tuple(each.key for each in METRICS)])
def test_tables_fit_into_80_columns_with_nothing_cut(seeds: int, keys: Sequence[str]) -> None:
    big = [
        variant(
            "a group with a name much longer than its column",
            name,
            {s: {each.key: 1e7 * (i + 1) + s / 3 for each in METRICS} for s in range(seeds)},
        )
        for i, name in enumerate(NAMES)
    ]
    for variants in (grid(GROUPS, NAMES, seeds), big):
        text = rendered(variants, keys)
        assert max(map(len, text.splitlines())) <= 80
        assert "…" not in text
        wide = rendered(variants, keys, 300)
        tables = wide.split("\n* best mean")[0].splitlines()
        assert max(len(line.rstrip()) for line in tables) <= 80
    for name in NAMES:
        assert f" {name} " in text


def test_a_row_has_means_and_intervals_and_the_best_is_marked() -> None:
    variants = [
        variant("", "slow", {1: {"jct_mean_s": 90.0}, 2: {"jct_mean_s": 110.0}}),
        variant("", "fast", {1: {"jct_mean_s": 80.0}, 2: {"jct_mean_s": 108.5}}),
        variant("", "awful", {1: {"jct_mean_s": 990.0}, 2: {"jct_mean_s": 1010.0}}),
    ]
    lines = {
        words[0]: words[1:] for line in rendered(variants, ["jct_mean_s"]).splitlines()
        if (words := line.split())
    }  # fmt: skip
    assert lines["slow"] == ["100", "±", "127~"]
    assert lines["fast"] == ["94", "±", "181*"]
    assert lines["awful"] == ["1,000", "±", "127"]  # 8.5 ± of the differences are far from 0
    assert lines["variant"] == ["mean,", "s"]
    assert lines["~"][:4] == ["may", "be", "chance:", "the"]
    assert "95 % confidence interval" in rendered(variants)


def test_one_seed_has_no_interval_and_is_told_so() -> None:
    text = rendered(grid(("mps",), NAMES, 1))
    assert "±" not in text
    assert "1 seed says nothing about chance" in text
    assert "1 seed says" not in rendered(grid(("mps",), NAMES, 2))


def test_groups_have_a_row_of_their_own_only_if_there_are_several() -> None:
    both = rendered(grid(GROUPS, NAMES, 1)).splitlines()
    assert [line.strip() for line in both if line.strip() in GROUPS] == list(GROUPS)
    assert sum(line.startswith("   fgd ") for line in both) == len(GROUPS)
    for variants, labels in (
        (grid(("mps",), NAMES, 1), NAMES),
        (grid(GROUPS, ("fgd",), 1), GROUPS),
    ):
        lines = rendered(variants).splitlines()
        assert [line.split()[0] for line in lines if line[1:2].isalpha() and "," in line][
            -len(labels) :
        ] == list(labels)


def test_when_not_the_same_jobs_finished_the_reader_is_warned() -> None:
    pair = [
        variant("", name, {1: {"finished": done, "jct_mean_s": done, "effective_pct": 1.0}})
        for name, done in (("a", 90), ("b", 100))
    ]
    assert "Not the same jobs finished (90 to 100 a run)" in rendered(pair)
    assert "Not the same" not in rendered(pair, ["effective_pct"])
    assert "Not the same" not in rendered(pair[:1])


def test_a_metric_that_says_nothing_is_a_dash_and_one_that_is_none_an_error() -> None:
    (line,) = [
        line
        for line in rendered([variant("", "a", {1: {}})]).splitlines()
        if line.startswith(" a ")
    ]
    assert line.split() == ["a", "-", "-", "-", "-"]
    with pytest.raises(InputError, match="did you mean effective_pct"):
        rendered(grid(GROUPS, NAMES, 1), ["effective"])


def test_markup_in_names_is_text() -> None:
    assert "[red]x" in rendered([variant("", "[red]x", {1: {}}), variant("", "b", {1: {}})])
