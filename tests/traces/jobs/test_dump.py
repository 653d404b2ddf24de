"""Jobs from pods of a Kubernetes dump that have ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces.jobs import JobTable, read_jobs

from .samples import DUMP, Write, ended, read

TIMES = ("00:01:00", "00:02:00")


def dump(*items: dict[str, Any]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def jobs_of(write: Write, *items: dict[str, Any]) -> JobTable:
    return read_jobs(write(dump(*items), "dump.json"))


def problem(write: Write, *items: dict[str, Any]) -> str:
    with pytest.raises(InputError) as error:
        jobs_of(write, *items)
    return str(error.value)


def pod(name: str = "p", gpus: int = 0, **changes: Any) -> dict[str, Any]:
    made = ended(name, gpus, *TIMES)
    for part, change in changes.items():
        made[part] = made[part] | change
    return made


def test_pods_that_ended_are_jobs_and_those_of_a_gang_one(write: Write) -> None:
    jobs = read(write, "kubernetes")
    assert jobs.name == ("ml/w-0", "ml/etl", "ml/late")
    assert jobs.gang == ("ml/g", "", "")
    assert jobs.pods.tolist() == [2, 1, 1]
    assert jobs.arrival_s.tolist() == [0, 0, 50]
    assert jobs.work_s.tolist() == [90, 1, 100]  # of the gang: 00:01:00 to 00:02:30
    assert jobs.gpu_count.tolist() == [1, 0, 2]
    assert jobs.gpu_models == ("H100-80GB-SXM", "", "H100-80GB-SXM")
    assert jobs.cpu_milli.tolist() == [1500] * 3
    assert jobs.memory_mib.tolist() == [2048] * 3
    assert jobs.priority.tolist() == [7] * 3
    assert jobs.user == ("ml",) * 3


def test_a_pod_may_be_the_only_object_of_a_file(write: Write) -> None:
    alone = pod() | {"apiVersion": "v1"}
    assert read_jobs(write(json.dumps(alone), "p.json")).name == ("ml/p",)
    assert read_jobs(write(json.dumps([alone]), "p.json")).work_s.tolist() == [60]


def test_a_pod_runs_from_its_first_container_to_the_end_of_its_last(write: Write) -> None:
    def run(start: str, end: str) -> dict[str, Any]:
        times = {"startedAt": f"2024-05-01T{start}Z", "finishedAt": f"2024-05-01T{end}Z"}
        return {"state": {"terminated": times}}

    status = {
        "initContainerStatuses": [run("00:00:20", "00:00:30")],
        "containerStatuses": [
            run("00:01:00", "00:04:00") | {"lastState": run("00:00:30", "00:00:50")["state"]},
            run("00:01:00", "00:02:00"),
            {"state": {"waiting": {}}},
        ],
    }
    assert jobs_of(write, pod(status=status)).work_s.tolist() == [220]


def test_shares_and_mig_instances_are_read_as_plans_read_them(write: Write) -> None:
    node = {
        "kind": "Node",
        "metadata": {"name": "n1", "labels": {"nvidia.com/gpu.product": "A100-SXM4-80GB"}},
        "status": {"allocatable": {"cpu": "8", "memory": "16Gi", "aliyun.com/gpu-mem": "80",
                                   "aliyun.com/gpu-count": "1", "pods": "9"}},
    }  # fmt: skip

    def asks(name: str, **resources: str) -> dict[str, Any]:
        containers = [{"name": "main", "resources": {"limits": resources}}]
        return pod(name, spec={"containers": containers})

    jobs = jobs_of(
        write,
        node,
        asks("mig", **{"nvidia.com/mig-1g.10gb": "2"}),
        asks("share", **{"aliyun.com/gpu-mem": "20"}),
        pod("kai", metadata={"annotations": {"gpu-fraction": "0.5"}}),
    )
    assert jobs.mig_profile == ("1g.10gb", "", "")
    assert jobs.gpu_count.tolist() == [2, 1, 1]
    assert jobs.gpu_milli.tolist() == [1000, 250, 500]
    assert jobs.gpu_memory_mib.tolist() == [0, 20 * 1024, 0]


def test_pods_that_cannot_be_used_are_left_out(write: Write) -> None:
    broken = pod("broken", spec={"priority": "high"})
    with pytest.warns(UserWarning, match="left out") as told:
        jobs = jobs_of(write, pod("fine"), broken)
    assert jobs.name == ("ml/fine",)
    assert [str(each.message) for each in told] == [
        "dump.json: left out 1 of 2 pods that ended:"
        " pod ml/broken: spec.priority: 'high' is no whole number"
    ]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"containerStatuses": []},
         "status.containerStatuses: no container says when it ended"),
        ({"containerStatuses": [{"state": {"terminated": {"finishedAt": "soon"}}}]},
         "status.containerStatuses: 'soon' is no time"),
        ({"containerStatuses": [
            {"state": {"terminated": {"startedAt": "2024-05-01T00:02:00Z",
                                      "finishedAt": "2024-05-01T00:01:00Z"}}}]},
         "status.containerStatuses: it ends before it starts"),
        ({"containerStatuses": [{"state": {"terminated": {"finishedAt": "2024-05-01T00:01:00Z"}}}]},
         "status.startTime: 'None' is no time"),
    ],
)  # fmt: skip
def test_why_no_pod_can_be_used_is_told(status: dict[str, Any], said: str, write: Write) -> None:
    line = f"dump.json: no pod that ended can be used: pod ml/p: {said}"
    assert problem(write, pod(status=status)) == line


def test_a_dump_without_pods_that_ended_is_refused(write: Write) -> None:
    running = DUMP["items"][3]
    assert problem(write, running) == (
        "dump.json: no pod in it has ended (Succeeded or Failed);"
        " look at pods before they are deleted, or give another format"
    )
