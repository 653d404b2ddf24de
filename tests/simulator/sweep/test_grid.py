"""What a grid file says, and everything that is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.metrics import METRICS
from bayplan.simulator.sweep.grid import Grid, read_grid


def read(folder: Path, text: str) -> Grid:
    (folder / "g.toml").write_text(text)
    grid, problems = read_grid(folder / "g.toml")
    assert problems == []
    return grid


def wrong(folder: Path, text: str) -> list[str]:
    (folder / "g.toml").write_text(text)
    _, problems = read_grid(folder / "g.toml")
    return [str(each).removeprefix(f"{folder}/g.toml: ") for each in problems]


def test_an_empty_grid_is_the_defaults_under_five_seeds(tmp_path: Path) -> None:
    grid = read(tmp_path, "")
    assert (grid.scenario, grid.axes, grid.points) == (None, {}, ())
    assert grid.seeds == (1, 2, 3, 4, 5)
    assert grid.metrics == tuple(metric.key for metric in METRICS)


def test_keys_are_named_in_every_way_that_flags_have(tmp_path: Path) -> None:
    grid = read(
        tmp_path,
        'scenario = "sub/s.toml"\nseeds = [7, 2]\nmetrics = ["finished"]\n'
        '[axes]\nsharing = ["mps"]\nplacement = ["fgd"]\n"run.until_s" = [5]\n'
        "policy.strict = [true, false]\n[axes.jobs.synthetic]\ncount = [1, 2]\n"
        "[[points]]\npolicy.round_s = 3\n",
    )
    assert grid.scenario == tmp_path / "sub" / "s.toml"
    assert (grid.seeds, grid.metrics) == ((7, 2), ("finished",))
    assert grid.axes == {
        "sharing.mode": ("mps",),
        "policy.placement": ("fgd",),
        "run.until_s": (5.0,),
        "policy.strict": (True, False),
        "jobs.synthetic.count": (1, 2),
    }
    assert grid.points == ({"policy.round_s": 3.0},)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("axis = 1", "axis: there is no such key; did you mean 'axes'?"),
        ("scenario = 3", "scenario: 3 is not a path in quotes; name a scenario file"),
        ('seeds = "3-1"', "seeds '3-1': '3-1' runs backwards; give whole numbers and ranges, such"),
        ("seeds = [1, 1]", "seeds '1,1': seed 1 stands there twice; give whole numbers and"),
        ("seeds = [true]", 'seeds: [True] are no seeds; write "1-5" or [1, 2, 7]'),
        ("seeds = []", 'seeds: [] are no seeds; write "1-5" or [1, 2, 7]'),
        ('metrics = "x"', 'metrics: this is no list of names; write ["jct_mean_s"]'),
        ('metrics = ["jct"]', "metrics: no metric is called 'jct'"),
        ("axes = 1", "axes: this is no table; write [axes] and keys below it"),
        ("[axes]\nplacment = [1]",
         "axes: placment: there is no such key; did you mean 'placement'?"),
        ("[axes]\nplacement = 1",
         "axes.policy.placement: this is no list of values; write it like [1, 2]"),
        ("[axes]\nplacement = []",
         "axes.policy.placement: this is no list of values; write it like [1, 2]"),
        ("[axes]\nplacement = [1]",
         "axes.policy.placement: 1 is not a text in quotes; write a text in quotes"),
        ('[axes]\nsharing = ["mig"]', "axes.sharing.mode: there is no 'mig'; did you mean"),
        ("[axes]\nuntil_s = [-1]", "axes.run.until_s: -1 is outside 0 to 10^12; write a value"),
        ("[axes]\nuntil_s = [1, 1.0]", "axes.run.until_s: 1.0 stands there twice; give it once"),
        ('[axes]\nplacement = ["fgd"]\n"policy.placement" = ["best-fit"]',
         "axes.policy.placement: it stands there twice; give all its values once"),
        ("[axes]\nrun.seed = [1]",
         "axes.run.seed: seeds have a key of their own; write seeds = [1, 2]"),
        ("[axes]\nby_model = [{T4 = 1}]",
         "axes.by_model: this key is a table; set it in the scenario"),
        ("points = 3", "points: this is no array of tables; write [[points]] and keys below it"),
        ("[[points]]", "points[1]: it is empty; give it a key, or leave it out"),
        ("[[points]]\nlimit = 0", "points[1].jobs.limit: 0 is outside 1 to 10,000,000; write"),
        (f"[axes]\ncount = {list(range(999))}\nlimit = {list(range(1, 999))}",
         "axes: 4,985,010 runs; vary less at a time: 100,000 at most"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_the_fix(tmp_path: Path, text: str, said: str) -> None:
    (told,) = wrong(tmp_path, text)
    assert told.startswith(said)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    told = wrong(tmp_path, 'x = 1\nseeds = "a"\n[axes]\nstrict = [1, 2]\n[[points]]\nlimit = 0\n')
    assert len(told) == 5


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "g.toml").write_text("a = 1\nb =\n")
    with pytest.raises(InputError, match=r"g\.toml:2: no TOML"):
        read_grid(tmp_path / "g.toml")
