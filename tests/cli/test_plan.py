"""The command ``bayplan plan``: dumps and files, exit codes, output, refusals."""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .support import FILES, Bayplan, started

DUMP = ("plan", "--dump", "dump.json")
QUEUES = "[queues.a]\nguaranteed = { gpu = 1000 }\n[queues.b]\nlimit = { gpu = 1000 }\n"


def node(name: str, gpus: int = 2) -> dict[str, Any]:
    room = {"cpu": "8", "memory": "16Gi", "nvidia.com/gpu": str(gpus)}
    labels = {"nvidia.com/gpu.product": "NVIDIA-L4"}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": room},
    }


def pod(name: str, gpus: int | str = 1, at: str = "", **spec: Any) -> dict[str, Any]:
    labels = spec.pop("labels", {})
    requests = {"cpu": "1", "nvidia.com/gpu": str(gpus)}
    spec |= {"containers": [{"resources": {"requests": requests}}]}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": spec | ({"nodeName": at} if at else {}),
        "status": {"phase": "Running" if at else "Pending"},
    }


PAGE = Path(__file__).parents[2] / "docs" / "plan.md"


@pytest.fixture
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


GANG = {"scheduling.x-k8s.io/pod-group": "g"}
THINGS = [
    node("n1"),
    node("n2"),
    pod("runs", 2, "n1", priority=0),
    pod("a", 1, priority=5),
    pod("big", 2, priority=9),
    *[pod(f"g-{i}", 1, priority=1, labels=GANG) for i in range(2)],
]


def write_dump(*things: dict[str, Any], name: str = "dump.json") -> None:
    Path(name).write_text(json.dumps({"kind": "List", "items": list(things)}))


def report(bayplan: Bayplan, *flags: str, code: int = 0) -> dict[str, Any]:
    got, out, _ = bayplan(*DUMP, "--json", "-", *flags)
    assert got == code
    found: dict[str, Any] = json.loads(out)
    return found


def nodes_of(found: dict[str, Any]) -> dict[str, str]:
    return {each["pod"]: each["node"] for each in found["placed"]}


def test_a_dump_is_planned(bayplan: Bayplan) -> None:
    write_dump(*THINGS)
    found = report(bayplan)
    assert found["schema"] == "bayplan.plan/1"
    assert nodes_of(found) == {"default/big": "n2"}
    assert found["placed"][0]["gpus"] == [None, None]
    assert [each["pod"] for each in found["waiting"]] == [
        "default/a", "default/g-0", "default/g-1"
    ]  # fmt: skip
    assert found["waiting"][0]["explanation"][0].startswith("Pod default/a fits none of 2 nodes")
    assert found["problems"] == []


def test_a_pod_goes_to_the_node_that_has_its_image(bayplan: Bayplan) -> None:
    there, waiting = node("n2"), pod("p", 1)
    size = 20_000 * 2**20
    there["status"]["images"] = [{"names": ["r/x@sha256:1", "r/x:latest"], "sizeBytes": size}]
    waiting["spec"]["containers"][0]["image"] = "r/x"
    write_dump(node("n1"), there, waiting)
    for policy, at in (("best-fit", "n1"), ("image-locality", "n2")):
        (placed,) = report(bayplan, "--policy", policy)["placed"]
        assert placed["node"] == at


def test_priority_evicts_and_order_decides(bayplan: Bayplan) -> None:
    write_dump(*THINGS)
    found = report(bayplan, "--preempt", "priority")
    assert nodes_of(found) == {"default/big": "n2", "default/a": "n1"}
    assert [(each["pod"], each["by"]) for each in found["evicted"]] == [
        ("default/runs", "default/a")
    ]
    first = report(bayplan, "--order", "fifo")
    assert nodes_of(first)["default/a"] == "n2"


def test_the_tables_are_80_columns_and_name_everything(bayplan: Bayplan) -> None:
    write_dump(*THINGS)
    code, out, err = bayplan(*DUMP, "--preempt", "priority")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    for word in (
        "2 nodes, 4 GPUs, 1 pod running",
        "default/big",
        "n2",
        "2 any",
        "evicted",
        "waiting",
    ):
        assert word in out


def test_json_goes_to_a_file_beside_the_tables(bayplan: Bayplan) -> None:
    write_dump(*THINGS)
    code, out, _ = bayplan(*DUMP, "--json", "out.json")
    assert code == 0
    assert "placed" in out
    assert json.loads(Path("out.json").read_text()) == report(bayplan)


def test_a_broken_pod_is_told_and_the_rest_is_planned(bayplan: Bayplan) -> None:
    write_dump(*THINGS, pod("bad", "x"), pod("over", 2, "n1"))
    code, out, err = bayplan(*DUMP)
    assert code == 1
    assert err == "bayplan: 2 problems in dump.json; the rest was planned\n"
    assert "default/bad" in out
    found = report(bayplan, code=1)
    assert nodes_of(found) == {"default/big": "n2"}
    assert [each["name"] for each in found["problems"]] == ["default/bad", "default/over"]


def test_files_may_be_joined_packed_or_come_from_stdin(
    bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dump(*THINGS)
    whole = report(bayplan)
    write_dump(*THINGS[:2], name="nodes.json")
    write_dump(*THINGS[2:], name="pods.json")
    code, out, _ = bayplan("plan", "--dump", "nodes.json", "--dump", "pods.json", "--json", "-")
    assert (code, json.loads(out)) == (0, whole)
    packed = gzip.compress(Path("dump.json").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    code, out, _ = bayplan("plan", "--dump", "-", "--json", "-")
    assert (code, json.loads(out)) == (0, whole)


def test_canonical_files_are_planned(bayplan: Bayplan) -> None:
    code, out, err = bayplan("plan", *FILES, "--json", "-", "--order", "fifo")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert set(nodes_of(found)) == {"a", "b", "c", "d"}
    assert found["cluster"]["bound"] == 0


def test_gangs_of_canonical_files_are_whole(bayplan: Bayplan) -> None:
    header = "name,cpu_milli,memory_mib,gpu_count,gpu_milli,gang\n"
    rows = "".join(f"g{i},1,1,1,1000,g\n" for i in range(4))
    Path("pods.csv").write_text(f"{header}{rows}x,1,1,1,1000,\n")
    code, out, _ = bayplan("plan", *FILES, "--json", "-")
    assert code == 0
    assert set(nodes_of(json.loads(out))) == {"x"}


def test_pods_of_canonical_files_run_where_they_say(bayplan: Bayplan) -> None:
    Path("some.csv").write_text("name,cpu_milli,memory_mib,gpu_count\na,9,9,2\nb,9,9,1\n")
    header = "name,cpu_milli,memory_mib,gpu_count,gpu_milli,priority,gang,node\n"
    rows = "r,1,1,2,1000,0,,a\ng0,1,1,1,1000,9,g,b\ng1,1,1,1,1000,9,g,\nw,1,1,1,1000,0,,\n"
    Path("pods.csv").write_text(header + rows)
    files = ("--nodes", "some.csv", "--pods", "pods.csv")
    code, out, _ = bayplan("plan", *files, "--json", "-")
    found = json.loads(out)
    assert (code, found["cluster"]["bound"], found["placed"]) == (0, 2, [])
    assert [(each["pod"], each["gang"]) for each in found["waiting"]] == [("g1", "g"), ("w", "")]
    code, out, _ = bayplan("plan", *files, "--json", "-", "--preempt", "priority")
    found = json.loads(out)
    assert [(each["pod"], each["by"]) for each in found["evicted"]] == [("r", "g")]
    assert nodes_of(found) == {"g1": "a", "w": "a"}


def test_a_running_pod_beyond_its_node_is_told_and_an_unknown_node_refused(
    bayplan: Bayplan, refused: Callable[..., str]
) -> None:
    header = "name,cpu_milli,memory_mib,gpu_count,gpu_milli,node\n"
    Path("some.csv").write_text("name,cpu_milli,memory_mib,gpu_count\nnode-1,9,9,2\n")
    files = ("--nodes", "some.csv", "--pods", "pods.csv", "--json", "-")
    Path("pods.csv").write_text(f"{header}r,1,1,3,1000,node-1\n")
    code, out, _ = bayplan("plan", *files)
    (problem,) = json.loads(out)["problems"]
    assert (code, problem["field"]) == (1, "node")
    assert json.loads(out)["cluster"]["free_milli"] == 0
    Path("pods.csv").write_text(f"{header}r,1,1,1,1000,node-2\n")
    assert refused("plan", *files) == (
        "pods.csv:2: node 'node-2' is not in some.csv; did you mean 'node-1'?"
    )


def test_gangs_that_wait_are_explained(bayplan: Bayplan) -> None:
    write_dump(*THINGS)
    found = report(bayplan)
    gang = [each for each in found["waiting"] if each["gang"]]
    assert {each["first_left"] for each in gang} == {"default/g-0"}
    for each in gang:
        assert each["explanation"][0].startswith("Gang default/g does not start: 0 of 2 members")
        assert len(each["explanation"]) <= 12
        assert [fix["kind"] for fix in each["fixes"]] == ["ADD", "EVICT"]


def test_the_example_of_the_page_is_what_comes_out(bayplan: Bayplan, page: str) -> None:
    dump, plan = re.findall(r"```json\n(.*?\n)```", page, re.DOTALL)
    Path("dump.json").write_text(dump)
    code, out, _ = bayplan(*DUMP, "--preempt", "priority", "--json", "-")
    assert code == 1
    assert out == plan


def test_queues_limit_and_are_named(bayplan: Bayplan) -> None:
    Path("queues.toml").write_text(QUEUES)
    label = "kueue.x-k8s.io/queue-name"
    things = [node("n1", 4), *[pod(f"b{i}", 1, labels={label: "b"}) for i in range(2)]]
    write_dump(*things)
    found = report(bayplan, "--queues", "queues.toml")
    assert len(found["placed"]) == 1
    assert found["waiting"][0]["why"].startswith(
        "queue: queue b uses 1 of its limit of 1 GPUs; 1 asked, 0 left"
    )


def test_an_owner_reclaims(bayplan: Bayplan) -> None:
    Path("queues.toml").write_text(QUEUES)
    label = "kueue.x-k8s.io/queue-name"
    running = [pod(f"b{i}", 1, "n1", labels={label: "b"}) for i in range(2)]
    write_dump(node("n1", 2), *running, pod("mine", 1, labels={label: "a"}))
    found = report(bayplan, "--queues", "queues.toml", "--preempt", "fair-reclaim")
    assert nodes_of(found) == {"default/mine": "n1"}
    assert len(found["evicted"]) == 1


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ((), "nothing to plan for; give --dump FILE, or --nodes FILE and --pods FILE"),
        (("--nodes", "nodes.csv"),
         "nothing to plan for; give --dump FILE, or --nodes FILE and --pods FILE"),
        (("--dump", "dump.json", *FILES),
         "--dump beside --nodes and --pods; give one or the other"),
        (("--dump", "dump.jsn"), "dump.jsn: no such file; did you mean dump.json?"),
        (("--dump", "nodes.csv"), "nodes.csv:1: no JSON (Expecting value); make one with kubectl"
                                  " get nodes,pods -A -o json"),
        (("--dump", "--json"), "--dump without a file; name one, or - for stdin"),
        (("--dump", "dump.json", "--preempt", "priorty"),
         "--preempt: unknown policy 'priorty'; did you mean 'priority'?"),
        (("--dump", "dump.json", "--preempt", "fair-reclaim"),
         "--preempt fair-reclaim without --queues; name the queue file"),
        (("--dump", "dump.json", "--order", "fifi"),
         "unknown ordering 'fifi'; did you mean 'fifo'?"),
        (("--dump", "dump.json", "--policy", "fgdd"),
         "unknown policy 'fgdd'; did you mean 'fgd'?"),
        (("--dump", "dump.json", "--json", "dump.json"),
         "dump.json: this file is read as input; write to another"),
        (("--dump", "dump.json", "--json", "--all"),
         "--json without a file; name one, or - for stdout"),
        (("--dump", "dump.json", "--json", "no/x.json"),
         "no/x.json: there is no folder no; make it with mkdir -p no"),
        (("--dump", "dump.json", "--queues", "queues.toml"),
         "queues.toml: queue a: there is no field 'x'; known are parent, guaranteed, limit,"
         " lending_limit, weight"),
        (("--dump", "dump.json", "--queues", "nodes.csv"), None),
        ((*FILES, "--format", "openb"), None),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    flags: tuple[str, ...], line: str | None, refused: Callable[..., str]
) -> None:
    write_dump(*THINGS)
    Path("queues.toml").write_text("[queues.a]\nx = 1\n")
    told = refused("plan", *flags)
    if line is not None:
        assert told == line


def test_the_same_dump_gives_the_same_bytes_in_every_process(folder: Path) -> None:
    write_dump(*THINGS, pod("bad", "x"))
    runs = [
        started(*DUMP, "--json", "-", "--preempt", "priority", cwd=folder, PYTHONHASHSEED=seed)
        for seed in ("1", "2")
    ]
    assert [run.returncode for run in runs] == [1, 1]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stderr.endswith("bayplan: 1 problem in dump.json; the rest was planned\n")
