"""What is to be written next to a node, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bayplan.extender.repartition.machine import Around, Result, Write, advance, begin
from bayplan.extender.repartition.mark import Mark, Step, read_mark, read_time, written_time
from bayplan.extender.repartition.observing import SeenNode, seen_node
from bayplan.extender.repartition.settings import Repartition

from .mig import SMALL, merged, mig_node

SETTINGS = Repartition(settle_s=10.0, limit_s=100.0)
IDLE = Around(hindrance="", wanted=True, shows=False)
CONFIG, STATE = "nvidia.com/mig.config", "nvidia.com/mig.config.state"
MARK, ENDED = "bayplan.io/repartition", "bayplan.io/repartitioned"


def at(step: Step, since_s: int = 1000, **more: Any) -> tuple[SeenNode, Mark]:
    """Return a node that is at a step on its way to all-1g.10gb."""
    mark = Mark(step, "all-1g.10gb", "all-disabled", since_s, ("default/p",))
    config = more.pop("config", "all-disabled" if step is Step.CORDONED else "all-1g.10gb")
    state = more.pop("state", "success" if step is Step.CORDONED else "pending")
    annotations = {MARK: mark.text}
    thing = mig_node("a", 1, config=config, state=state, annotations=annotations,
                     cordoned=more.pop("cordoned", True))  # fmt: skip
    return seen_node(thing), mark


def step_of(
    step: Step, now_s: float, around: Around = IDLE, settings: Repartition = SETTINGS, **more: Any
) -> Write | None:
    node, mark = at(step, **more)
    return advance(node, mark, around, now_s, settings)


def test_it_begins_with_a_cordon_that_says_whose_it_is() -> None:
    node = seen_node(mig_node("a", 1))
    patch = begin(node, "all-1g.10gb", ("default/p",), 1000.9).patch()
    text = patch["metadata"]["annotations"].pop(MARK)
    assert patch == {"metadata": {"annotations": {}}, "spec": {"unschedulable": True}}
    mark = Mark(Step.CORDONED, "all-1g.10gb", "all-disabled", 1000, ("default/p",))
    assert read_mark(text) == mark


def test_the_config_is_set_once_the_node_has_been_cordoned_for_a_while() -> None:
    assert step_of(Step.CORDONED, 1009.9) is None
    write = step_of(Step.CORDONED, 1010.0)
    assert write is not None
    assert write.result is Result.APPLIED
    patch = write.patch()
    # The state that is there is about the config before.
    assert patch["metadata"]["labels"] == {CONFIG: "all-1g.10gb", STATE: None}
    assert "spec" not in patch
    assert write.mark == replace(at(Step.CORDONED)[1], step=Step.APPLYING, since_s=1010)


@pytest.mark.parametrize(
    ("around", "more", "why"),
    [
        (replace(IDLE, hindrance="pod default/r uses its GPUs"), {}, "pod default/r uses its GPUs"),
        (replace(IDLE, wanted=False), {}, "nobody waits for it any more"),
        (IDLE, {"config": "all-balanced"}, f"somebody has set {CONFIG}=all-balanced"),
    ],
)
@pytest.mark.parametrize("now_s", [1000.0, 1010.0])
def test_a_cordon_that_is_not_wanted_any_more_is_taken_back(
    around: Around, more: dict[str, Any], why: str, now_s: float
) -> None:
    assert step_of(Step.CORDONED, now_s, around, **more) == Write(
        Result.UNDONE, why, None, now_s, cordoned=False
    )


def test_a_node_that_somebody_has_uncordoned_is_let_go() -> None:
    left = Write(Result.LEFT, "somebody has uncordoned it", None, 1010.0)
    assert step_of(Step.CORDONED, 1010.0, cordoned=False) == left
    assert "spec" not in left.patch()
    assert step_of(Step.FAILED, 1010.0, cordoned=False, state="failed") == left


@pytest.mark.parametrize("state", ["", "pending", "rebooting"])
def test_while_the_manager_is_at_work_nothing_is_written(state: str) -> None:
    for around in (IDLE, replace(IDLE, hindrance="pod r uses its GPUs", wanted=False, shows=True)):
        assert step_of(Step.APPLYING, 1100.0, around, state=state) is None


def test_it_ends_when_the_manager_is_done_and_the_device_plugin_shows_it() -> None:
    assert step_of(Step.APPLYING, 1050.0, IDLE, state="success") is None
    shows = replace(IDLE, shows=True, wanted=False)
    write = step_of(Step.APPLYING, 1050.0, shows, state="success")
    assert write == Write(Result.DONE, "all-disabled -> all-1g.10gb", None, 1050.0, cordoned=False)
    assert write.patch() == {
        "metadata": {"annotations": {MARK: None, ENDED: "1970-01-01T00:17:30Z"}},
        "spec": {"unschedulable": None},
    }


FAILURES = {
    "failed": ({"state": "failed"}, 1001.0,
               f"{STATE} is failed: see the log of the MIG manager"),
    "silent": ({"state": ""}, 1100.1, f"{STATE} is not set after 100 s"),
    "slow": ({"state": "pending"}, 1100.1, f"{STATE} is pending after 100 s"),
    "hidden": ({"state": "success"}, 1100.1,
               "its device plugin does not show the instances after 100 s"),
    "other": ({"config": "all-balanced"}, 1001.0, f"somebody has set {CONFIG}=all-balanced"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("uncordon", [False, True])
def test_a_failure_is_written_down_and_left_as_the_settings_say(case: str, uncordon: bool) -> None:
    more, now_s, why = FAILURES[case]
    settings = replace(SETTINGS, uncordon_failed=uncordon)
    write = step_of(Step.APPLYING, now_s, IDLE, settings, **more)
    assert write is not None
    mark = replace(at(Step.APPLYING)[1], step=Step.FAILED, since_s=int(now_s), why=why)
    assert (write.result, write.why, write.mark) == (Result.FAILED, why, mark)
    assert write.patch().get("spec") == ({"unschedulable": None} if uncordon else None)
    # It stays so until somebody looks after it.
    annotations = {MARK: mark.text}
    node = seen_node(mig_node("a", 1, config=more.get("config", "all-1g.10gb"),
                              state=more.get("state", "pending"), cordoned=not uncordon,
                              annotations=annotations))  # fmt: skip
    assert advance(node, mark, IDLE, 1e6, settings) is None


def test_a_failed_node_that_is_mended_is_uncordoned() -> None:
    shows = replace(IDLE, shows=True)
    write = step_of(Step.FAILED, 2000.0, shows, state="success")
    assert write is not None
    assert (write.result, write.cordoned) == (Result.DONE, False)
    assert step_of(Step.FAILED, 2000.0, shows, state="success", config="all-balanced") is None


def test_an_annotation_that_cannot_be_read_is_left_to_a_person() -> None:
    for text in ("x", "{}", '{"step":"flying","config":"a"}', "[1]"):
        mark = read_mark(text)
        assert mark == Mark(Step.FAILED, "", why="the annotation cannot be read")
        node = seen_node(mig_node("a", 1, cordoned=True, annotations={MARK: text}))
        assert advance(node, mark, replace(IDLE, shows=True), 1e6, SETTINGS) is None
    assert read_mark("") is None


def test_times_are_as_the_api_writes_them() -> None:
    assert written_time(1000.9) == "1970-01-01T00:16:40Z"
    assert read_time("1970-01-01T00:16:40Z") == 1000.0
    assert read_time("1970-01-01T02:16:40+02:00") == 1000.0
    assert read_time("yesterday") is None


def test_a_node_is_seen_as_it_is() -> None:
    mark = Mark(Step.FAILED, "all-1g.10gb", "all-disabled", 5, (), "why")
    annotations = {MARK: mark.text, ENDED: "1970-01-01T00:16:40Z"}
    made = mig_node("a", 1, {SMALL: 7, "nvidia.com/mig-2g.20gb": 0}, config="all-1g.10gb",
                    state="pending", cordoned=True, annotations=annotations)  # fmt: skip
    node = seen_node(merged(made, {"metadata": {"resourceVersion": "17"}}))
    assert (node.name, node.uid, node.version) == ("a", "node-a", "17")
    assert (node.config, node.state, node.cordoned) == ("all-1g.10gb", "pending", True)
    assert (node.shown, node.mark, node.ended_s) == ({SMALL: 7}, mark, 1000.0)
