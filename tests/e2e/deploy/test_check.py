"""``bayplan extender check`` on a real cluster: one that is well, and one where little is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dra_things import whole_gpus
from kustomizing import DEPLOY

from ..controlplane.client import Client, Object
from ..controlplane.cluster import add_nodes
from ..controlplane.nodes import hami, mig_mixed, plain
from ..controlplane.plane import Plane

pytestmark = pytest.mark.controlplane


def check(plane: Plane, *words: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "bayplan", "extender", "check", *words],
        cwd=plane.folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_a_good_set_up_has_notes_only(plane: Plane, client: Client, applied: list[Object]) -> None:
    add_nodes(client, plain("a"), mig_mixed("b", {"1g.10gb": 56}))
    base = DEPLOY / "base"
    code, lines = check(
        plane, "--kubeconfig", str(plane.kubeconfig("admin")), "--config",
        str(base / "extender.toml"), "--scheduler-config", str(base / "scheduler.yaml"),
        "--account", "bayplan/bayplan",
    )  # fmt: skip
    assert (code, lines[-1].split(",")[:2]) == (0, ["0 errors", " 0 warnings"])
    assert all(line.startswith("note: ") for line in lines[:-1])


BROKEN = {
    "profiles": [{}],
    "percentageOfNodesToScore": 0,
    "extenders": [
        {
            "urlPrefix": "https://127.0.0.1:9443/sched",
            "filterVerb": "filter",
            "prioritizeVerb": "prioritise",
            "bindVerb": "bind",
            "preemptVerb": "evict",
            "weight": 1,
            "enableHTTPS": True,
            "ignorable": True,
            "managedResources": [{"name": "nvidia.com/gpu", "ignoredByScheduler": True}],
        },
        {"urlPrefix": "http://other:1/", "bindVerb": "bind"},
    ],
}
FOUND = (
    r"error: may not list, watch nodes: ",
    r"error: may not create pods/binding: ",
    r"error: may not create pods/eviction: ",
    r"error: may not create events\.events\.k8s\.io: ",
    r"error: bindVerb: 2 extenders have one",
    r"error: urlPrefix: .* ends in /sched",
    r"error: urlPrefix: .* is https",
    r"error: prioritizeVerb: is 'prioritise'",
    r"error: preemptVerb: is 'evict'",
    r"error: httpTimeout: is 5 s, and server\.http_timeout_s 30",
    r"error: nodeCacheCapable: ",
    r"warning: ignorable: ",
    r"warning: enableHTTPS: there is no CA",
    r"warning: weight: is 1, .* set weight: 121",
    r"warning: managedResources: lacks nvidia\.com/mig-1g\.10gb",
    r"warning: managedResources: nvidia\.com/gpu is ignoredByScheduler",
    r"warning: node a: has nvidia\.com/gpu and no label",
    r"warning: node h: HAMi's device plugin runs there",
    r"warning: devices\.gpushare: is on, and ",
)


def test_a_broken_set_up_has_all_its_findings(plane: Plane, client: Client, tmp_path: Path) -> None:
    unlabelled = plain("a")
    del unlabelled["metadata"]["labels"]["nvidia.com/gpu.product"]
    add_nodes(client, unlabelled, mig_mixed("b", {"1g.10gb": 56}), hami("h"))
    scheduler, config = tmp_path / "scheduler.yaml", tmp_path / "extender.toml"
    head = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
    scheduler.write_text(yaml.safe_dump(head | BROKEN))
    config.write_text('[gangs]\nrollback = "evict"\n[devices]\ngpushare = true\n')
    code, lines = check(
        plane, "--kubeconfig", str(plane.kubeconfig("admin")), "--config", str(config),
        "--scheduler-config", str(scheduler), "--account", "default/default",
    )  # fmt: skip
    assert code == 1
    missing = [each for each in FOUND if not any(re.match(each, line) for line in lines)]
    assert missing == [], "\n".join(lines)


def test_gpus_that_slices_alone_publish_are_seen(
    plane: Plane, client: Client, tmp_path: Path
) -> None:
    add_nodes(client, plain("a", count=0))
    client.create_all(whole_gpus("a", 2))
    off = tmp_path / "off.toml"
    off.write_text("[devices]\ndra = false\n")
    admin = ("--kubeconfig", str(plane.kubeconfig("admin")))
    try:
        _, seen = check(plane, *admin)
        _, turned_away = check(plane, *admin, "--config", str(off))
    finally:
        client.delete_all("ResourceSlice")
    assert not [line for line in seen if "none has GPUs" in line]
    assert [line for line in turned_away if line.startswith("warning: nodes: ")] == [
        "warning: nodes: their GPUs are published by gpu.nvidia.com alone, and devices.dra is off:"
        " pods with claims are turned away; set devices.dra = true"
    ]


def test_somebody_without_rights_is_told_of_their_own(plane: Plane, client: Client) -> None:
    nobody = plane.user("checker", "checker")
    code, lines = check(plane, "--kubeconfig", str(nobody))
    assert code == 1
    assert any(line.startswith("error: may not create pods/binding") for line in lines)


def test_files_that_cannot_be_used_are_one_line_and_code_2(plane: Plane, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text("kind: Pod\napiVersion: v1\n")
    done = subprocess.run(
        [sys.executable, "-m", "bayplan", "extender", "check", "--scheduler-config", str(file)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "is Pod of v1" in done.stderr
