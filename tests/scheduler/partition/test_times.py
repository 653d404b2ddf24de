"""How long reconfigurations take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.partition import (
    Change,
    Create,
    Destroy,
    Instance,
    Path,
    Plan,
    ReconfigurationTimes,
    reconfiguration_s,
)

MAKE, REMOVE = Create(0, Instance(0, "1g.10gb")), Destroy(0, Instance(2, "1g.10gb"))


@pytest.mark.parametrize(
    ("changes", "path", "architecture", "toggles", "expected_s"),
    [
        ([], Path.NVML, "Hopper", 0, 0.0),
        ([], Path.OPERATOR, "Hopper", 0, 0.0),
        ([], Path.DRA, "Ampere", 0, 0.0),
        ([MAKE, REMOVE, MAKE], Path.NVML, "Hopper", 0, 3.0),
        ([MAKE], Path.NVML, "Hopper", 2, 11.0),
        ([MAKE], Path.NVML, "ampere", 2, 61.0),
        ([], Path.NVML, "Blackwell", 1, 5.0),
        ([MAKE] * 7, Path.OPERATOR, "Ampere", 8, 180.0),
        ([], Path.OPERATOR, "Ampere", 1, 180.0),
        ([MAKE], Path.DRA, "Hopper", 0, 3.0),
        ([MAKE], Path.DRA, "Hopper", 1, 6.0),
        ([MAKE, *[REMOVE] * 20], Path.DRA, "Hopper", 0, 10.0),
        ([MAKE, MAKE], Path.DRA, "Hopper", 0, 6.0),
        ([MAKE], Path.DRA, "Ampere", 1, 33.0),
    ],
)
def test_times_by_path_and_architecture(
    changes: list[Change], path: Path, architecture: str, toggles: int, expected_s: float
) -> None:
    assert reconfiguration_s(changes, path, architecture, toggles) == expected_s
    assert reconfiguration_s(Plan(tuple(changes)), path, architecture, toggles) == expected_s


@given(
    st.lists(st.sampled_from([MAKE, REMOVE]), max_size=8),
    st.sampled_from(list(Path)),
    st.sampled_from(["Ampere", "Hopper"]),
    st.integers(0, 8),
)
def test_one_more_change_never_takes_less(
    changes: list[Change], path: Path, architecture: str, toggles: int
) -> None:
    now_s = reconfiguration_s(changes, path, architecture, toggles)
    assert reconfiguration_s([*changes, MAKE], path, architecture, toggles) >= now_s
    assert reconfiguration_s(changes, path, architecture, toggles + 1) >= now_s


def test_settings_replace_the_defaults_and_only_the_operator_pauses_a_node() -> None:
    times = ReconfigurationTimes(create_s=2.0, operator_s=240.0)
    assert reconfiguration_s([MAKE, REMOVE], Path.NVML, "Hopper", times=times) == 3.0
    assert reconfiguration_s([MAKE], Path.OPERATOR, "Hopper", times=times) == 240.0
    assert [path for path in Path if path.pauses_node] == [Path.OPERATOR]
    with pytest.raises(ValueError, match="toggles is -1"):
        reconfiguration_s([], Path.NVML, "Hopper", -1)
