"""Sharing modes side by side: the two tables of ``bayplan replay --sharing``."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rich.console import Console

from bayplan.scheduler.policies import policy_names
from bayplan.scheduler.types import Reason
from bayplan.simulator.replay.compare import by_sharing, compare_tables
from bayplan.simulator.replay.sweep import Run

MODES = (
    "exclusive",
    "mig-static all-balanced",
    "mig-static fitted",
    "mig-dynamic",
    "mps",
    "timeslice",
    "hami",
)


def run(
    sharing: str = "mps",
    policy: str = "fgd",
    seed: int = 1,
    *,
    pods: tuple[int, int] = (100, 90),
    milli: tuple[int, int, int, int, int] = (10_000, 5_000, 6_000, 1_000, 2_500),
    refused: dict[str, int] | None = None,
    decide_s: float = 0.5,
) -> Run:
    """A run of (pods, placed) and (capacity, allocated, taken, internal, stranded) milli-GPU."""
    return Run(
        policy, seed, sharing, *pods, *milli, refused if refused is not None else {"GPU_FREE": 10},
        [], [], [], [], decide_s,
    )  # fmt: skip


def rendered(
    runs: Sequence[Run], load: float = 1.3, width: int = 80
) -> tuple[list[str], list[str]]:
    console = Console(width=width)
    texts = []
    for table in compare_tables(runs, load):
        with console.capture() as capture:
            console.print(table)
        texts.append(capture.get().splitlines())
    figures, refusals = texts
    return figures, refusals


def row(lines: Sequence[str], first: str) -> list[str]:
    (found,) = [
        line.split() for line in lines if line.split()[: len(first.split())] == first.split()
    ]
    return found[len(first.split()) :]


# --- figures -----------------------------------------------------------------------------------


def test_a_line_has_what_was_placed_lost_and_left_in_percent_of_the_capacity() -> None:
    figures, _ = rendered([run()])
    assert row(figures, "mps") == ["90", "10", "50.00", "10.00", "25.00", "0.500"]


def test_a_line_is_the_mean_of_its_seeds() -> None:
    runs = [
        run(seed=1),
        run(seed=2, pods=(103, 91), milli=(10_000, 6_000, 6_200, 200, 500), decide_s=1.0),
    ]
    figures, _ = rendered(runs)
    assert row(figures, "mps") == ["90", "11", "55.00", "6.00", "15.00", "0.750"]
    text = " ".join(" ".join(figures).split())
    assert "GPUs at a load of 130 %, in % of capacity; means of 2 seeds" in text
    assert "internal: taken, not asked for; external: free, of no use to a typical pod" in text
    assert "1 seed" in " ".join(" ".join(rendered(runs[:1])[0]).split())


def test_modes_stay_in_the_order_of_their_first_run_and_policies_within_them() -> None:
    runs = [
        run(sharing, policy, seed)
        for sharing in ("mps", "exclusive")
        for policy in ("random", "fgd")
        for seed in (1, 2)
    ]
    grouped = by_sharing(runs)
    assert list(grouped) == [
        ("mps", "random"), ("mps", "fgd"), ("exclusive", "random"), ("exclusive", "fgd"),
    ]  # fmt: skip
    assert [each.seed for each in grouped["mps", "fgd"]] == [1, 2]
    named = {name for key in grouped for name in key}
    figures, _ = rendered(runs)
    lines = [line.split()[0] for line in figures if set(line.split()) & named]
    assert lines == ["mps", "random", "fgd", "exclusive", "random", "fgd"]


def test_policies_have_lines_of_their_own_where_there_are_several() -> None:
    one, _ = rendered([run(), run("hami")])
    assert "policy" not in " ".join(one)
    assert "fgd" not in " ".join(one)
    several, _ = rendered([run(), run(policy="random")])
    assert "policy" in " ".join(several)


# --- refusals ----------------------------------------------------------------------------------


def test_reasons_are_given_the_commonest_first_as_means_of_all_seeds() -> None:
    runs = [
        run(seed=1, refused={"GPU_FREE": 10, "MIG_PLACE": 40, "CPU_FREE": 2}),
        run(seed=2, refused={"GPU_FREE": 20}),
        run("hami", refused={"GPU_CLIENTS": 7}),
    ]
    _, refusals = rendered(runs)
    words = " ".join(" ".join(refusals).split())
    said = [f"mps 20 {Reason.MIG_PLACE.text}", f"15 {Reason.GPU_FREE.text}",
            f"1 {Reason.CPU_FREE.text}", f"hami 7 {Reason.GPU_CLIENTS.text}"]  # fmt: skip
    assert words.endswith(" ".join(said))


def test_equal_counts_are_in_the_order_of_the_reasons() -> None:
    _, refusals = rendered([run(refused={"CPU_FREE": 5, "GPU_FREE": 5})])
    lines = [line for line in refusals if " 5 " in line]
    assert [Reason.GPU_FREE.text in lines[0], Reason.CPU_FREE.text in lines[1]] == [True, True]


def test_a_mode_that_refuses_nobody_has_no_line() -> None:
    _, refusals = rendered([run(refused={}), run("hami")])
    assert "mps" not in "\n".join(refusals)
    assert "hami" in "\n".join(refusals)


# --- widths ------------------------------------------------------------------------------------


def widest(modes: Sequence[str], policies: Sequence[str]) -> list[Run]:
    """Every mode and policy, with as many digits as there may be."""
    everything = {reason.name: 999_999 for reason in Reason if reason}
    full = (6_212_000, 6_212_000, 12_424_000, 6_212_000, 6_212_000)
    return [
        run(
            mode, policy, pods=(1_999_998, 999_999), milli=full, refused=everything, decide_s=99.999
        )
        for mode in modes
        for policy in policies
    ]


LONG = "mig-static " + ",".join(f"1g.10gb@{start}" for start in range(7))


@pytest.mark.parametrize(
    "policies",
    [["fgd"], ["fgd", "random"], policy_names(), ["fgd", "0.9*fgd+0.1*pwr"]],
    ids=["one", "two", "all", "mix"],
)
@pytest.mark.parametrize("modes", [MODES, (LONG,)], ids=["modes", "explicit layout"])
def test_both_tables_fit_into_80_columns_with_nothing_cut(
    modes: Sequence[str], policies: list[str]
) -> None:
    runs = widest(modes, policies)
    tables = rendered(runs)
    for lines in tables:
        assert max(map(len, lines)) <= 80
        assert "…" not in "\n".join(lines)
    # Words may be wrapped, and none is lost.
    figures = "".join("".join(tables[0]).split())
    labels = "".join("".join(line[:25] for lines in tables for line in lines).split())
    for name in (*modes, *(policies if len(policies) > 1 else [])):
        assert name.replace(" ", "") in labels
    for number in ("999999", "100.00"):
        assert figures.count(number) >= len(runs)


def test_a_wide_terminal_changes_nothing() -> None:
    narrow, wide = (rendered([run(mode) for mode in MODES], width=width) for width in (80, 200))
    assert [[line.split() for line in lines] for lines in narrow] == [
        [line.split() for line in lines] for lines in wide
    ]


def test_names_with_brackets_are_printed_as_they_are() -> None:
    figures, refusals = rendered([run("mig-static [bold]", "[red]"), run("mps", "fgd")])
    assert "mig-static [bold]" in "\n".join(figures)
    assert "mig-static [bold] [red]" in "\n".join(refusals)
