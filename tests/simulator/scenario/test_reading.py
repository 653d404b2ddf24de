"""Scenarios as text: read, written, and everything that can be wrong with one."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.conflicts import idle
from bayplan.simulator.scenario.key import Key
from bayplan.simulator.scenario.keys import BY_PATH, KEYS
from bayplan.simulator.scenario.reading import key_named, parse_setting, read_scenario
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.values import checked
from bayplan.simulator.scenario.writing import as_toml, initial, value_text


def read(folder: Path, text: str, *settings: tuple[str, str]) -> tuple[Scenario, list[str]]:
    path = folder / "s.toml"
    path.write_text(text, encoding="utf-8")
    scenario, problems = read_scenario(path, settings)
    return scenario, [str(problem).removeprefix(f"{path}: ") for problem in problems]


PRINTABLE = st.text(st.characters(codec="utf-8").filter(str.isprintable))


def plain(key: Key) -> st.SearchStrategy[Any]:
    match key.kind:
        case "text" | "file":
            if key.choices:
                return st.sampled_from(key.choices)
            return PRINTABLE
        case "yes":
            return st.booleans()
        case "whole":
            return st.integers(int(key.least or 0), int(key.most or 0))
        case "numbers":
            return st.dictionaries(PRINTABLE, number(key), max_size=3)
        case "tables":
            return st.dictionaries(st.text("ab. -", min_size=1), row(key), max_size=3)
        case "rows":
            return st.lists(row(key), min_size=1, max_size=3)
    return number(key)


def number(key: Key) -> st.SearchStrategy[float]:
    return st.floats(key.least, key.most)


def row(key: Key) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={c.name: plain(c) for c in key.columns})


VALUES = st.fixed_dictionaries({}, optional={key.path: plain(key) for key in KEYS})


@given(VALUES)
def test_what_is_written_reads_back(values: dict[str, Any]) -> None:
    made = Scenario().of()
    filled = {path: checked(BY_PATH[path], value) for path, value in values.items()}
    assert not any(problems for _, problems in filled.values())
    made = Scenario({**made.values, **{path: value for path, (value, _) in filled.items()}})
    text = as_toml(made)
    tomllib.loads(text)
    given_back = [(path, toml_text(path, value)) for path, value in made.values.items()]
    again, problems = read_scenario(None, [pair for pair in given_back if pair[1] is not None])
    assert problems == []
    assert again.values == made.values
    assert as_toml(again) == text


def toml_text(path: str, value: Any) -> Any:
    """A value as it stands after ``--set key=``: texts as they are, the rest as TOML."""
    return value if value is None or isinstance(value, str) else value_text(value)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    mix = [{"weight": 2.0, "pods": 3, "mig_profile": "1g.10gb"}]
    rows, _ = checked(BY_PATH["jobs.synthetic.mix"], mix)
    made = Scenario().of(
        jobs__synthetic__mix=rows,
        speeds__by_model={"A 1": 0.5, "b.c": 2.0, 'q"': 1.0},
        speeds__demands={"x y": {"busy": 0.5, "like": "heavy"}},
        run__until_s=12.5,
        policy__strict=True,
        cluster__file="/a/b.csv",
    )
    again, problems = read(tmp_path, as_toml(made))
    assert (again.values, problems) == (made.values, [])


def test_the_initial_file_is_the_defaults(tmp_path: Path) -> None:
    scenario, problems = read(tmp_path, initial())
    assert (scenario.values, problems) == (Scenario().values, [])
    assert read(tmp_path, "")[0].values == Scenario().values


def test_the_initial_file_names_every_key() -> None:
    lines = {line.removeprefix("# ").split(" =")[0] for line in initial().splitlines()}
    assert {key.name for key in KEYS} <= lines


def test_paths_are_beside_the_file_and_set_ones_where_one_is(tmp_path: Path) -> None:
    text = '[cluster]\nfile = "n.csv"\n[jobs]\nfile = "/abs/j.csv"\n[speeds]\nfile = "s.csv"\n'
    scenario, problems = read(tmp_path, text, ("speeds", "here.csv"))
    assert problems == []
    assert scenario["cluster.file"] == str(tmp_path / "n.csv")
    assert scenario["jobs.file"] == "/abs/j.csv"
    assert scenario["speeds.file"] == "here.csv"
    assert read(tmp_path, '[jobs]\nfile = "builtin"\n')[0]["jobs.file"] == "builtin"


# fmt: off
WRONG = [
    ("[cluster]\nfile = 3\n", "cluster.file: 3 is not a path in quotes; write a path in quotes"),
    ("[cluster]\nfile = \"a\\u0007\"\n",
     "cluster.file: 'a\\x07' has control characters; leave them out"),
    ("[jobs]\nlimit = 0\n",
     "jobs.limit: 0 is outside 1 to 10,000,000; write a value in that range"),
    ("[jobs]\nlimit = 2.5\n",
     "jobs.limit: 2.5 is not a whole number; write a whole number (1 to 10,000,000)"),
    ("[jobs]\nlimit = true\n",
     "jobs.limit: True is not a whole number; write a whole number (1 to 10,000,000)"),
    ("[run]\nsample_s = nan\n",
     "run.sample_s: nan is outside 0.001 to 10^12; write a value in that range"),
    ("[run]\nuntil_s = -1\n", "run.until_s: -1 is outside 0 to 10^12; write a value in that range"),
    ("[run]\nlog = 1\n", "run.log: 1 is not true or false; write true or false"),
    ("[sharing]\nmode = \"mpss\"\n", "sharing.mode: there is no 'mpss'; did you mean 'mps'?"),
    ("[policy]\nplacment = \"fgd\"\n",
     "policy.placment: there is no such key; did you mean 'placement'?"),
    ("[policy]\nseed = 1\n", "policy.seed: there is no such key; it stands in [jobs.synthetic]"),
    ("[polcy]\nplacement = \"fgd\"\n", "polcy: there is no such table; did you mean 'policy'?"),
    ("placement = \"fgd\"\n",
     "placement: there is no key outside the tables; write it as policy.placement"),
    ("quux = 1\n", "quux: there is no key outside the tables; keys stand in tables"),
    ("jobs = 3\n", "jobs: this is a table; write [jobs] and keys below it"),
    ("[speeds]\nby_model = 3\n", "speeds.by_model: this is not a table of numbers, such as"
     " {T4 = 0.5}; write a table of numbers, such as {T4 = 0.5} (0.0001 to 10,000)"),
    ("[speeds.by_model]\nT4 = 0\n",
     "speeds.by_model.T4: 0 is outside 0.0001 to 10,000; write a value in that range"),
    ("[speeds.demands]\na = 1\n",
     "speeds.demands.a: 1 is not a table; write [speeds.demands.a] and keys"),
    ("[speeds.demands.a]\nbusi = 1\n",
     "speeds.demands.a.busi: there is no such key; did you mean 'busy'?"),
    ("[speeds.demands.a]\nbusy = 2\n",
     "speeds.demands.a.busy: 2 is outside 0 to 1; write a value in that range"),
    ("[jobs.synthetic]\nmix = []\n",
     "jobs.synthetic.mix: there is no row; add one, or leave it out"),
    ("[[jobs.synthetic.mix]]\nweight = 1\n[[jobs.synthetic.mix]]\npods = 0\n",
     "jobs.synthetic.mix[2].pods: 0 is outside 1 to 100,000; write a value in that range"),
    ("[speeds.by_model]\n\"a\\u0007\" = 1\n",
     "speeds.by_model: 'a\\x07' has control characters; leave them out"),
]
# fmt: on


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_said_with_key_and_fix(tmp_path: Path, text: str, said: str) -> None:
    scenario, problems = read(tmp_path, text)
    assert problems == [said]
    if not any(nested in text for nested in ("demands", "by_model", "mix")):  # else in part
        assert scenario.values == Scenario().values


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    # Each text alone has its problem; those of different tables together have all of them.
    texts = {text.split("]")[0]: (text, said) for text, said in WRONG if text.startswith("[")}
    together = [pair for head, pair in texts.items() if head in ("[cluster", "[policy", "[run")]
    _, problems = read(tmp_path, "".join(text for text, _ in together))
    assert sorted(problems) == sorted(said for _, said in together)
    assert len(problems) == 3


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"s\.toml:2: no TOML: .*; correct the file"):
        read(tmp_path, "[run]\nseed = \n")
    with pytest.raises(InputError, match="no such file"):
        read_scenario(tmp_path / "none.toml")


def test_settings_go_before_the_file_and_are_not_blamed_on_it(tmp_path: Path) -> None:
    text = "[run]\nseed = 1\nlog = 2\n"
    scenario, problems = read(tmp_path, text, ("run.seed", "7"), ("log", "true"))
    assert (scenario["run.seed"], scenario["run.log"], problems) == (7, True, [])
    _, problems = read(tmp_path, "", ("run.seed", "x"))
    assert problems == ["run.seed: 'x' is not a whole number; write a whole number (0 to 2^63 - 1)"]


def test_later_settings_win(tmp_path: Path) -> None:
    assert read_scenario(None, [("limit", "3"), ("jobs.limit", "4")])[0]["jobs.limit"] == 4


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("policy.placement", "policy.placement"),
        ("placement", "policy.placement"),
        ("sharing", "sharing.mode"),
        ("cluster", "cluster.file"),
        ("limit", "jobs.limit"),
    ],
)
def test_keys_have_short_names(name: str, path: str) -> None:
    assert key_named(name).path == path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file",
         "file: several keys have this name; write cluster.file or jobs.file or"
         " services.file or speeds.file"),
        ("placment", "placment: there is no such key; did you mean 'placement'?"),
        ("zzz", "zzz: there is no such key; `bayplan scenario init -` lists them"),
    ],
)  # fmt: skip
def test_names_that_are_none_are_refused(name: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        key_named(name)
    assert str(error.value) == said
    assert [str(problem) for problem in read_scenario(None, [(name, "1")])[1]] == [said]


def test_a_setting_has_an_equals_sign() -> None:
    assert parse_setting(" a.b = c=d ") == ("a.b", "c=d")
    with pytest.raises(InputError, match="no key=value"):
        parse_setting("a.b")


def test_numbers_keep_their_value_as_text() -> None:
    for value in (0.1, 1e300, 5e-324, 1e15, 123456789.0, -0.0):
        assert math.copysign(1, tomllib.loads(f"x = {value_text(value)}")["x"]) == math.copysign(
            1, value
        )
        assert tomllib.loads(f"x = {value_text(value)}")["x"] == value


FILE_JOBS = '[jobs]\nfile = "j.csv"\nlimit = 5\nload = 2.0\nestimate_error = 0.5\n'
DRAWN_JOBS = "[jobs.synthetic]\ncount = 5\nload = 0.5\n"


def test_jobs_that_are_set_take_the_place_of_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(FILE_JOBS)
    made, problems = read_scenario(tmp_path / "s.toml", [("jobs.synthetic.count", "7")])
    assert (problems, list(idle(made))) == ([], [])
    assert (made["jobs.synthetic.count"], made["jobs.file"], made["jobs.limit"]) == (
        7, "builtin", None
    )  # fmt: skip
    assert made["jobs.estimate_error"] == 0.5
    both = [("jobs.synthetic.count", "7"), ("jobs.limit", "3")]
    assert list(dict(idle(read_scenario(tmp_path / "s.toml", both)[0]))) == ["jobs.limit"]
    made, _ = read_scenario(tmp_path / "s.toml", [("jobs.synthetic.count", "0")])
    assert made["jobs.limit"] == 5


def test_a_job_file_that_is_set_takes_the_place_of_drawn_jobs(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(DRAWN_JOBS)
    made, problems = read_scenario(tmp_path / "s.toml", [("jobs", "j.csv")])
    assert (problems, list(idle(made))) == ([], [])
    assert (made["jobs.synthetic.count"], made["jobs.file"]) == (0, "j.csv")
    both = [("jobs", "j.csv"), ("jobs.synthetic.count", "4")]
    assert list(dict(idle(read_scenario(tmp_path / "s.toml", both)[0]))) == ["jobs.file"]


def test_in_a_file_alone_the_two_contradict_each_other(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(FILE_JOBS + DRAWN_JOBS)
    made, _ = read_scenario(tmp_path / "s.toml")
    assert list(dict(idle(made))) == ["jobs.file", "jobs.limit", "jobs.load"]
    assert str(dict(idle(made))["jobs.file"]).endswith(
        "jobs.file: it says nothing beside jobs.synthetic.count; leave one of the two out"
    )
