from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from bayplan.scheduler.policies import policy_names
from bayplan.simulator.replay.sweep import Packer, Run
from bayplan.simulator.replay.table import as_table, by_policy

from .support import mixed


def rendered(runs: list[Run], load: float, width: int = 200) -> list[str]:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(as_table(runs, load))
    return capture.get().splitlines()


def widest(load: float, seeds: range) -> list[Run]:
    """Runs of all policies whose numbers have as many digits as they can have."""
    blank = replace(Packer(mixed(load=load)).run("fgd", 0), placed=999_999, decide_s=999.9)
    columns = len(blank.allocated_pct)
    return [
        replace(
            blank,
            policy=policy,
            seed=seed,
            allocated_pct=[100.0 - 30 * (seed % 2)] * columns,
            fragmented_pct_of_capacity=[100.0 - 30 * (seed % 2)] * columns,
        )
        for policy in policy_names()
        for seed in seeds
    ]


@pytest.mark.parametrize("load", [0.5, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("seeds", [range(1), range(10)])
def test_the_table_fits_into_80_columns_with_no_word_cut(load: float, seeds: range) -> None:
    runs = widest(load, seeds)
    lines = rendered(runs, load)
    assert max(map(len, lines)) <= 80
    narrow = "\n".join(rendered(runs, load, 80))
    assert "…" not in narrow
    for policy in policy_names():
        assert f" {policy} " in narrow


def test_a_line_has_the_means_and_their_spread() -> None:
    packer = Packer(mixed())
    runs = []
    for seed, value in ((1, 90.0), (2, 94.0)):
        columns: list[float | None] = [*[value] * 100, value + 1, *[value + 2] * 30]
        runs.append(
            replace(
                packer.run("fgd", seed),
                allocated_pct=columns,
                fragmented_pct_of_capacity=[value / 10] * 131,
                placed=seed * 1000,
                decide_s=seed / 10,
            )
        )
    (line,) = [line for line in rendered(runs, 1.3) if "fgd" in line]
    cells = ["fgd", "93.00 ± 2.83", "94.00 ± 2.83", "9.20 ± 0.28", "1500", "0.150"]
    assert line.split() == " ".join(cells).split()
    (line,) = [line for line in rendered(runs[:1], 1.3) if "fgd" in line]
    assert line.split() == ["fgd", "91.00", "92.00", "9.00", "1000", "0.100"]


def test_the_headings_name_the_loads_and_a_load_is_there_once() -> None:
    assert "at 100 %" in "\n".join(rendered(widest(1.3, range(2)), 1.3))
    below = rendered(widest(0.5, range(2)), 0.5)
    (heading,) = [line for line in below if "policy" in line]
    assert heading.count("at 50 %") == 2  # allocated and fragmented


def test_a_load_that_no_arrival_met_is_a_dash() -> None:
    run = replace(Packer(mixed()).run("fgd", 1), allocated_pct=[None] * 131)
    (line,) = [line for line in rendered([run], 1.3) if "fgd" in line]
    assert line.split()[1:3] == ["-", "-"]


def test_policies_stay_in_the_order_of_their_first_run() -> None:
    packer = Packer(mixed())
    runs = [packer.run(policy, seed) for seed in (1, 2) for policy in ("random", "best-fit")]
    grouped = by_policy(runs)
    assert list(grouped) == ["random", "best-fit"]
    assert [run.seed for run in grouped["best-fit"]] == [1, 2]
