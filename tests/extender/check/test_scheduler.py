"""What is found wrong with kube-scheduler's configuration: one thing broken, one finding."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from bayplan.extender.check.findings import Facts, Finding, Severity
from bayplan.extender.check.scheduler import of_scheduler
from bayplan.extender.check.scheduler_file import read_scheduler, seconds
from bayplan.extender.check.scoring import least_weight
from bayplan.extender.config.reading import read_config
from bayplan.scheduler.errors import InputError
from kustomizing import DEPLOY

Object = dict[str, Any]
E, W, N = Severity.ERROR, Severity.WARNING, Severity.NOTE
BASE = DEPLOY / "base" / "scheduler.yaml"
GPU_NODE = {
    "metadata": {"name": "n"},
    "status": {"allocatable": {"nvidia.com/gpu": "8", "nvidia.com/mig-1g.10gb": "7", "cpu": "9"}},
}
PLAIN = dict(read_config(None))
WITH_TLS = PLAIN | {"tls.certificate": "c", "tls.key": "k", "tls.client_ca": "ca"}
GPUS = [{"name": "nvidia.com/gpu"}, {"name": "nvidia.com/mig-1g.10gb"}]


def found(config: Object, values: Any = PLAIN, **facts: Any) -> list[Finding]:
    return list(of_scheduler(config, values, Facts((1, 37), **facts)))


def first() -> Object:
    """Return the configuration of a cluster's only kube-scheduler that calls us over TLS."""
    told: Object = yaml.safe_load(
        (DEPLOY / "existing-scheduler/scheduler-extender.yaml").read_text()
    )
    told["extenders"][0]["managedResources"][:1] = deepcopy(GPUS)
    return told | {"clientConnection": {"qps": 200}}


def test_the_manifests_have_no_finding_but_notes() -> None:
    assert found(yaml.safe_load(BASE.read_text()), nodes=[GPU_NODE]) == []
    notes = found(first(), WITH_TLS, nodes=[GPU_NODE])
    assert [(each.severity, each.about) for each in notes] == [(N, "managedResources")]


def extender(**changes: Any) -> Object:
    told: Object = yaml.safe_load(BASE.read_text())
    told["extenders"][0] |= changes
    return told


def config(**changes: Any) -> Object:
    told: Object = yaml.safe_load(BASE.read_text())
    return told | changes


def score(**told: Any) -> list[Object]:
    return [{"schedulerName": "bayplan", "plugins": {"score": told}}]


BROKEN: dict[str, tuple[Object, Severity, str, str]] = {
    "nobody": (config(extenders=[]), E, "extenders", "none of them calls us"),
    "path": (extender(urlPrefix="http://127.0.0.1:9443/sched"), E, "urlPrefix", "ends in /sched"),
    "port": (extender(urlPrefix="http://127.0.0.1:9444/scheduler"), E, "urlPrefix", "port 9444"),
    "far port": (extender(urlPrefix="http://svc/scheduler"), N, "urlPrefix", "port 80"),
    "scheme": (extender(urlPrefix="https://127.0.0.1:9443/scheduler", enableHTTPS=True,
                        tlsConfig={"caFile": "x"}), E, "urlPrefix", "the extender speaks http"),
    "no filter": (extender(filterVerb=""), E, "filterVerb", "placed without us"),
    "filter": (extender(filterVerb="predicates"), E, "filterVerb", "'predicates'"),
    "no scores": (extender(prioritizeVerb=""), W, "prioritizeVerb", "chooses the node"),
    "no bind": (extender(bindVerb=""), E, "bindVerb", "GPUs are not written down"),
    "no victims": (extender(preemptVerb=""), W, "preemptVerb", "by numbers of devices"),
    "two binders": (config(extenders=[*config()["extenders"], {"urlPrefix": "http://x:1/y",
                    "bindVerb": "b"}]), E, "bindVerb", "2 extenders have one"),
    "weight 0": (extender(weight=0), E, "weight", "does not start"),
    "weight": (config(profiles=[{"schedulerName": "bayplan"}]), W, "weight", "set weight: 121"),
    "default time": (extender(httpTimeout=None), E, "httpTimeout", "is 5 s"),
    "short": (extender(httpTimeout="1500ms"), E, "httpTimeout", "is 1.5 s"),
    "long": (extender(httpTimeout="1m0s"), W, "httpTimeout", "is 60 s"),
    "no time": (extender(httpTimeout="30 s"), E, "httpTimeout", "'30 s', no duration"),
    "nodes": (extender(nodeCacheCapable=False), E, "nodeCacheCapable", "no room is ever kept"),
    "ignorable": (extender(ignorable=True), W, "ignorable", "gangs start in part"),
    "sampled": (config(percentageOfNodesToScore=0), W, "percentageOfNodesToScore", "is not set"),
    "lease": (config(leaderElection={}), E, "leaderElection", "waits for ever"),
    "no lease": (config(leaderElection={"leaderElect": False}), N, "leaderElection", "is off"),
    "slow": (config(clientConnection={}), N, "clientConnection", "50 calls a second"),
    "deadlock": (config(profiles=[{"plugins": {"score": {"disabled": [{"name": "*"}]}}}]), E,
                 "managedResources", "k/k#91489"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_one_broken_thing_is_one_finding(what: str) -> None:
    told, severity, about, text = BROKEN[what]
    (each,) = found(told, nodes=None)
    assert (each.severity, each.about) == (severity, about)
    assert text in each.line
    assert "\n" not in each.line


def test_gangs_that_are_helped_are_those_of_a_profile() -> None:
    told = yaml.safe_load(BASE.read_text())
    helps = PLAIN | {"preemption.evict": "gangs"}
    assert found(told, helps, nodes=[GPU_NODE]) == []
    (each,) = found(told, helps | {"preemption.schedulers": "gpus"}, nodes=[GPU_NODE])
    assert (each.severity, each.about) == (W, "preemption.schedulers")
    assert "is gpus, which no profile (bayplan) is called" in each.line


def tls(**changes: Any) -> Object:
    told = first()
    told["extenders"][0] |= changes
    return told


OVER_TLS: dict[str, tuple[Object, Severity, str, str]] = {
    "plain": (tls(urlPrefix="http://bayplan.bayplan.svc:9443/scheduler"), E, "urlPrefix", "https"),
    "off": (tls(enableHTTPS=False), E, "enableHTTPS", "tlsConfig is not read"),
    "no CA": (tls(tlsConfig={"certFile": "c"}), W, "enableHTTPS", "there is no CA"),
    "insecure": (tls(tlsConfig={"certData": "c", "insecure": True}), W, "enableHTTPS", "insecure"),
    "no client": (tls(tlsConfig={"caFile": "c"}), E, "tlsConfig", "no client certificate"),
    "missing": (tls(managedResources=GPUS[:1]), W, "managedResources", "lacks nvidia.com/mig-1g"),
    "hidden": (tls(managedResources=[GPUS[0] | {"ignoredByScheduler": True}, GPUS[1]]), W,
               "managedResources", "k/k#139270"),
}  # fmt: skip


@pytest.mark.parametrize("what", OVER_TLS)
def test_one_broken_thing_over_tls_is_one_finding(what: str) -> None:
    told, severity, about, text = OVER_TLS[what]
    bad = [each for each in found(told, WITH_TLS, nodes=[GPU_NODE]) if each.severity is not N]
    (each,) = [each for each in bad if text in each.line]
    assert (each.severity, each.about) == (severity, about)
    assert len(bad) == 1


def test_with_hami_the_manifests_have_no_finding_but_notes() -> None:
    hami = {"devices.hami": True}
    assert found(config(), PLAIN | hami, nodes=[GPU_NODE]) == []
    notes = found(first(), WITH_TLS | hami, nodes=[GPU_NODE])
    assert [each.severity for each in notes] == [N]


def test_what_only_hami_has_is_not_to_be_looked_for_on_nodes() -> None:
    told = config(profiles=score(disabled=[{"name": "*"}]))
    (each,) = found(told, PLAIN | {"devices.hami": True}, nodes=[GPU_NODE])
    assert (each.severity, each.about) == (E, "NodeResourcesFit")
    assert "nvidia.com/gpumem" in each.text


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("devices.volcano", "volcano.sh/vgpu-memory-percentage"),
        ("devices.koordinator", "koordinator.sh/gpu.shared"),
    ],
)
def test_what_no_node_need_have_is_not_to_be_looked_for(key: str, name: str) -> None:
    assert found(config(), PLAIN | {key: True}, nodes=[GPU_NODE]) == []
    told = config(profiles=score(disabled=[{"name": "*"}]))
    (each,) = found(told, PLAIN | {key: True}, nodes=[GPU_NODE])
    assert (each.severity, each.about) == (E, "NodeResourcesFit")
    assert name in each.text
    assert f"{key} is on" in each.text


def test_own_pods_that_come_to_us_are_named() -> None:
    own = [{"metadata": {"name": "bayplan-0"}, "spec": {"schedulerName": "bayplan"}}]
    (each,) = found(config(), nodes=[GPU_NODE], own_pods=own)
    assert "the extender's own pods (bayplan-0)" in each.line


def test_in_a_small_cluster_sampling_is_a_note() -> None:
    (each,) = found(config(percentageOfNodesToScore=50), nodes=[GPU_NODE])
    assert (each.severity, each.about) == (N, "percentageOfNodesToScore")


@pytest.mark.parametrize(
    ("profile", "least"),
    [
        ({}, 121),  # (3 + 2 + 2 + 2 + 1 + 1 + 1) × 10 + 1
        (score(disabled=[{"name": "*"}])[0], 1),
        (score(disabled=[{"name": "TaintToleration"}])[0], 91),
        (score(disabled=[{"name": "*"}], enabled=[{"name": "ImageLocality", "weight": 4}])[0], 41),
        (score(enabled=[{"name": "Own"}])[0], 131),
        ({"plugins": {"multiPoint": {"disabled": [{"name": "*"}]}}}, 1),
    ],
)
def test_the_least_weight_follows_from_the_score_plugins(profile: Object, least: int) -> None:
    assert least_weight(profile) == least


@pytest.mark.parametrize(
    ("text", "s"),
    [("30s", 30.0), ("1m30s", 90.0), ("1.5h", 5400.0), ("250ms", 0.25), (None, 5.0), ("0s", 5.0),
     ("30", None), ("s", None), ("", None), ("5 s", None)],
)  # fmt: skip
def test_durations_are_read_as_go_reads_them(text: str | None, s: float | None) -> None:
    assert seconds(text) == (s if s is None else pytest.approx(s))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "file:1: no YAML"),
        ("3", "is no object"),
        ("kind: Pod\napiVersion: v1", "is Pod of v1; name the file"),
        ("kind: KubeSchedulerConfiguration\napiVersion: kubescheduler.config.k8s.io/v1\n"
         "extenders: {}\nprofiles: 3", "profiles is no list of objects"),
        ("a: \x01", "no YAML"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_scheduler(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_scheduler(tmp_path / "none")
