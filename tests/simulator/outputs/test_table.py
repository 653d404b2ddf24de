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
    text = rendered(pair)
    assert "not the same jobs finished" in text
    assert "\n  a: 10 fewer a run\n" in text
    assert " 90 " in text  # and no mark: it is least, of fewer jobs
    assert "not the same" not in rendered(pair, ["effective_pct"])
    assert "not the same" not in rendered(pair[:1])


def ended(name: str, **counts: float) -> Variant:
    """Ten jobs of which so many ended in other ways, the more the shorter their waits."""
    lost = sum(counts.values())
    counts = dict.fromkeys(("cancelled", "failed", "rejected", "unfinished"), 0.0) | counts
    values = {"jobs": 10.0, "finished": 10.0 - lost, "wait_mean_s": 100.0 - lost, **counts}
    return variant("mps", name, {1: values})


def test_who_lost_jobs_is_shown_beside_the_others_and_not_best() -> None:
    text = rendered(
        [ended("a"), ended("b", rejected=3, failed=1), ended("c", cancelled=2)], ["wait_mean_s"]
    )
    rows = {words[0]: words[1:] for line in text.splitlines() if (words := line.split())}
    assert rows["a"] == ["10*", "100"]
    assert rows["b"] == ["6", "96"]
    assert "\n  mps, b: 4 fewer a run (rejected 3, failed 1)\n" in text
    assert "\n  mps, c: 2 fewer a run (withdrawn 2)\n" in text
    assert "in every run" not in text
    assert "finished" not in rendered([ended("a"), ended("b")], ["wait_mean_s"])


def test_only_some_that_lack_jobs_are_named() -> None:
    text = rendered([ended("a"), *(ended(f"b{i}", rejected=9 - i) for i in range(5))])
    assert [line.split()[1] for line in text.splitlines() if "fewer a run" in line] == [
        "b0:", "b1:", "b2:",
    ]  # fmt: skip
    assert "\n  and 2 more\n" in text


def test_what_every_variant_rejects_is_told() -> None:
    assert "1 of 10 jobs rejected in every run" in rendered(
        [ended("a", rejected=1), ended("b", rejected=1)]
    )
    text = rendered([ended("a", rejected=2), ended("b", rejected=1, failed=1)])
    assert "1 to 2 of 10 jobs rejected in every run" in text
    assert "failed in every run" not in text


def test_few_seeds_or_wide_intervals_are_told_once() -> None:
    say_little = "two seeds say little"
    assert rendered(grid(GROUPS, NAMES, 2)).count(say_little) == 1
    assert say_little not in rendered(grid(GROUPS, NAMES, 3))
    wide = [variant("", "a", {s: {"wait_mean_s": w} for s, w in enumerate((0.0, 0.0, 90.0))})]
    assert rendered(wide, ["wait_mean_s"]).count("3 seeds say little about those") == 1
    assert "say little" not in rendered(wide, ["jct_mean_s"])


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
