"""The manifests say what the code needs, and what is written there holds together."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bayplan.extender.config.keys import DRA, KOORDINATOR
from bayplan.extender.config.reading import read_config
from bayplan.extender.permissions import EVICT, HEALTH, LIFT, NUDGE, REPARTITION, of_leases, rights
from bayplan.extender.stopping import CLOSING_S
from kustomizing import DEPLOY, render

Object = dict[str, Any]
OVERLAYS = ("base", "existing-scheduler", "ha")


def named(things: Iterable[Object], kind: str, name: str = "bayplan") -> Object:
    (found,) = [x for x in things if (x["kind"], x["metadata"]["name"]) == (kind, name)]
    return found


def allowed(role: Object) -> set[tuple[str, str, str]]:
    return {
        triple
        for rule in role["rules"]
        for triple in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


@pytest.mark.parametrize(
    ("folder", "name", "keys"),
    [
        ("base", "bayplan-extender", ("", NUDGE, DRA)),
        ("evict", "bayplan-evict", (EVICT,)),
        ("health", "bayplan-health", (HEALTH,)),
        ("koordinator", "bayplan-koordinator", (KOORDINATOR,)),
        ("repartition", "bayplan-repartition", (REPARTITION,)),
        ("queues", "bayplan-queues", (LIFT,)),
    ],
)
def test_a_role_has_what_the_code_needs_and_no_more(
    folder: str, name: str, keys: tuple[str, ...]
) -> None:
    wanted = {(each.group, each.name, each.verb) for each in rights() if each.wanted_by in keys}
    assert allowed(named(render(DEPLOY / folder), "ClusterRole", name)) == wanted


def test_the_role_of_two_pods_has_what_the_code_needs_of_leases_and_no_more(
    tmp_path: Path,
) -> None:
    things = render(DEPLOY / "ha")
    file = tmp_path / "extender.toml"
    file.write_text(named(things, "ConfigMap", "bayplan-config")["data"]["extender.toml"])
    values = read_config(file)
    role = named(things, "Role", "bayplan-controllers-lease")
    there = {
        (name, verb)
        for rule in role["rules"]
        for name, verb in itertools.product(rule.get("resourceNames", [""]), rule["verbs"])
    }
    assert {tuple(rule["apiGroups"] + rule["resources"]) for rule in role["rules"]} == {
        ("coordination.k8s.io", "leases")
    }
    assert there == {(each.only, each.verb) for each in of_leases(values, "bayplan")}
    scheduler = yaml.safe_load(
        named(things, "ConfigMap", "bayplan-config")["data"]["scheduler.yaml"]
    )
    election = scheduler["leaderElection"]
    assert (election["leaderElect"], election["resourceNamespace"], election["resourceName"]) == (
        True, role["metadata"]["namespace"], values["leader.scheduler"],
    )  # fmt: skip
    spec, budget = named(things, "Deployment")["spec"], named(things, "PodDisruptionBudget")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"], budget["maxUnavailable"]) == (
        2, "RollingUpdate", 1)  # fmt: skip
    assert budget["selector"] == spec["selector"]


def test_one_pod_has_no_lease_of_its_own() -> None:
    assert of_leases(read_config(None), "bayplan") == ()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_our_renderer_agrees_with_kubectl(overlay: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here")
    done = subprocess.run(
        [kubectl, "kustomize", str(DEPLOY / overlay)], capture_output=True, text=True, check=True
    )
    # kubectl adds a hash to the ConfigMap's name, and to where it is named.
    text = re.sub(
        r"name: bayplan-config-[0-9a-z]{10}$", "name: bayplan-config", done.stdout, flags=re.M
    )
    theirs = {(x["kind"], x["metadata"]["name"]): x for x in yaml.safe_load_all(text)}
    ours = {(x["kind"], x["metadata"]["name"]): x for x in render(DEPLOY / overlay)}
    assert ours == theirs


def test_objects_of_other_namespaces_stay_there() -> None:
    reader = named(render(DEPLOY / "base"), "RoleBinding", "bayplan-authentication-reader")
    assert reader["metadata"]["namespace"] == "kube-system"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_configuration_in_the_config_map_can_be_read(overlay: str, tmp_path: Path) -> None:
    things = render(DEPLOY / overlay)
    data = named(things, "ConfigMap", "bayplan-config")["data"]
    file = tmp_path / "extender.toml"
    file.write_text(data["extender.toml"])
    values = read_config(file)
    grace_s = named(things, "Deployment")["spec"]["template"]["spec"][
        "terminationGracePeriodSeconds"
    ]
    needed_s = float(values["server.drain_s"]) + float(values["server.grace_s"]) + CLOSING_S
    assert grace_s > needed_s
    scheduler = yaml.safe_load(
        data["scheduler.yaml"]
        if overlay != "existing-scheduler"
        else (DEPLOY / overlay / "scheduler-extender.yaml").read_text()
    )
    (extender,) = scheduler["extenders"]
    assert extender["httpTimeout"] == f"{values['server.http_timeout_s']:.0f}s"
    assert extender["urlPrefix"].endswith(f":{values['server.port']}{values['server.prefix']}")
