"""The dry run: what is read, and the table that is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.extender.repartition import report
from bayplan.scheduler.errors import InputError
from extender_things import pod

from .api_support import kubeconfig
from .repartition.mig import LARGE, SMALL, mig_node, waiting
from .stub_api import Fault, Stub, running, stub_with
from .stub_world import NODES, PODS


def served(stub: Stub) -> None:
    """Let a cluster be there: one node that is idle, one that is busy, and two that wait."""
    world = stub.world
    for thing in (mig_node("idle", 1), mig_node("busy", 8), mig_node("spare", 8)):
        world.put(NODES, thing)
    for thing in (pod("r", 1, at="busy"), waiting("p", {SMALL: 1}), waiting("q", {LARGE: 1})):
        world.put(PODS, thing)


def printed(stub: Stub, folder: Path, capsys: pytest.CaptureFixture[str], config: str) -> str:
    file = folder / "extender.toml"
    file.write_text(config)
    path = kubeconfig(folder, stub.url, {})
    assert report.repartition(file, path) == 0
    return capsys.readouterr().out


EXPECTED = """\
Pods that wait for GPUs for 60 s or longer: 2
Nodes that would be changed: 1 of 3, with room for 2 of them then

NODE   NOW           TO            WHY
idle   all-disabled  all-balanced  room for 2: default/p, default/q
busy   all-disabled  -             pod default/r uses its GPUs
spare  all-disabled  -             it would help nobody else
"""


def test_the_plan_comes_first_then_why_others_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(stub_with()) as stub:
        served(stub)
        found = printed(stub, tmp_path, capsys, "[repartition]\non = true\n")
        off = printed(stub, tmp_path, capsys, "")
    assert found == EXPECTED
    assert off == EXPECTED + "repartition.on is off: the extender changes nothing.\n"


def test_a_large_cluster_is_read_in_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_PAGE", 2)
    with running(stub_with()) as stub:
        served(stub)
        assert printed(stub, tmp_path, capsys, "[repartition]\non = true\n") == EXPECTED
        assert len(stub.of("GET", NODES)) == len(stub.of("GET", PODS)) == 2
        assert not stub.of("PATCH")
        assert not stub.of("POST")


def test_a_cluster_that_says_no_is_one_line(tmp_path: Path) -> None:
    with running(stub_with()) as stub:
        stub.fail(Fault(status=403), NODES)
        with pytest.raises(InputError, match="403") as caught:
            report.repartition(None, kubeconfig(tmp_path, stub.url, {}))
    assert "\n" not in str(caught.value)


def test_no_line_is_wider_than_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "ip-10-0-0-1.eu-central-1.compute.internal"
    with running(stub_with()) as stub:
        stub.world.put(NODES, mig_node(name, 1, config="all-of-them-with-a-long-name"))
        for k in range(7):
            stub.world.put(PODS, waiting(f"a-pod-with-a-long-name-{k}", {SMALL: 1}))
        lines = printed(stub, tmp_path, capsys, "").splitlines()
    assert [len(line) for line in lines if len(line) > 80] == []
    assert lines[4].startswith("ip-10-0-0-1.eu-central-…  all-of-them-wit…  all-1g.10gb  room for")
    assert lines[4].endswith("…")
