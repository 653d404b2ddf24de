"""The chart, by the real Helm: what it renders, what it says, and what it refuses."""

from __future__ import annotations

import itertools
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bayplan.extender.check.findings import Facts, Severity
from bayplan.extender.check.scheduler import of_scheduler
from bayplan.extender.permissions import needed, of_leases
from bayplan.extender.stopping import CLOSING_S
from charting import (
    CHART,
    CHECKSUM,
    EXISTING,
    GRPC,
    OWN_TLS,
    SEED,
    SETS,
    TWO,
    Helm,
    Refused,
    configuration,
    plain,
)
from kustomizing import DEPLOY, render

from ..controlplane.client import Object
from .conftest import named

pytestmark = pytest.mark.controlplane

LABELS = {"app.kubernetes.io/name": "bayplan", "app.kubernetes.io/part-of": "bayplan"}
"""Those of the base, which its overlays and components do not give to what they add."""


def test_the_chart_passes_helms_own_checks(helm: Helm) -> None:
    said = helm("lint", str(CHART), "--strict")
    assert "1 chart(s) linted, 0 chart(s) failed" in said


def test_the_defaults_are_the_base(helm: Helm) -> None:
    assert plain(helm.template({"namespace": {"create": True}})) == plain(render(DEPLOY / "base"))


def test_beside_a_scheduler_it_is_the_overlay(helm: Helm) -> None:
    theirs = plain(render(DEPLOY / "existing-scheduler"))
    theirs["Service", "bayplan"]["metadata"]["labels"] = LABELS
    assert plain(helm.template(EXISTING | {"namespace": {"create": True}})) == theirs


def test_with_two_replicas_it_is_the_overlay_of_two(helm: Helm) -> None:
    ours = plain(helm.template(TWO | {"namespace": {"create": True}}))
    theirs = plain(render(DEPLOY / "ha"))
    assert ours == theirs


def test_two_of_another_name_have_leases_of_their_own(helm: Helm) -> None:
    things = helm.template(TWO | {"fullnameOverride": "gpus"})
    data = named(things, "ConfigMap", "gpus-config")["data"]
    config, scheduler = configuration(data["extender.toml"]), yaml.safe_load(data["scheduler.yaml"])
    assert config["leader.scheduler"] == scheduler["leaderElection"]["resourceName"] == "gpus"
    role = named(things, "Role", "gpus-controllers-lease")
    assert {rule.get("resourceNames", [""])[0] for rule in role["rules"]} == {
        right.only for right in of_leases(config, "bayplan")
    }


def test_without_its_namespace_nothing_else_is_missing(helm: Helm) -> None:
    kinds = {kind for kind, _ in plain(helm.template())}
    assert kinds == {kind for kind, _ in plain(render(DEPLOY / "base"))} - {"Namespace"}


@pytest.mark.parametrize("component", ["evict", "health", "koordinator", "queues", "repartition"])
def test_rights_come_with_the_configuration(helm: Helm, component: str) -> None:
    without, ours = plain(helm.template()), plain(helm.template(SETS[component]))
    added = {key: thing for key, thing in ours.items() if key not in without}
    theirs = plain(render(DEPLOY / component))
    for thing in theirs.values():
        thing["metadata"]["labels"] = LABELS
    assert added == theirs


def test_grpc_is_the_base_with_its_component(helm: Helm) -> None:
    theirs = plain(render(DEPLOY / "grpc", render(DEPLOY / "base")))
    told = (DEPLOY / "grpc" / "kustomization.yaml").read_text(encoding="utf-8")
    toml = told[told.index("#   [server]") : told.index("# The Secret")].replace("#   ", "")
    said = configuration(toml.replace("#\n", "") + "[placement]\nat_filter = true\n")
    theirs["ConfigMap", "bayplan-config"]["data"]["extender.toml"] = dict(said)
    for kind in ("Service", "NetworkPolicy"):
        theirs[kind, "bayplan-grpc"]["metadata"]["labels"] = LABELS
    assert plain(helm.template(GRPC | {"namespace": {"create": True}})) == theirs


def test_a_port_for_grpc_is_one_everywhere(helm: Helm) -> None:
    things = helm.template(EXISTING | GRPC | {"config": {"grpc": {"port": 8444}}})
    container = named(things, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"https": 9443, "grpc": 8444}
    (port,) = named(things, "Service", "bayplan-grpc")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (8444, 8444)
    (rule,) = named(things, "NetworkPolicy", "bayplan-grpc")["spec"]["ingress"]
    assert rule == {"ports": [{"port": 8444, "protocol": "TCP"}]}
    (https,) = named(things, "Service")["spec"]["ports"]
    assert https["name"] == "https"


@pytest.mark.parametrize(
    ("health", "port"),
    [
        ({"prometheus": "http://prometheus.monitoring:9090"}, 9090),
        ({"prometheus": "https://prometheus.example/path"}, 443),
        ({"prometheus": "http://prometheus.example"}, 80),
        ({"prometheus": "http://[2001:db8::9]:9091/"}, 9091),
        ({"exporter": "http://{node}:9400/metrics"}, 9400),
    ],
    ids=str,
)
def test_the_network_policy_lets_out_to_where_metrics_of_gpus_are(
    helm: Helm, health: Object, port: int
) -> None:
    values = {"config": {"health": {"quarantine": True} | health}}
    (rule,) = named(helm.template(values), "NetworkPolicy")["spec"]["egress"]
    ports = [each["port"] for each in rule["ports"]]
    assert ports == [53, 53, 443, 6443] + [port] * (port != 443)


def test_more_rules_for_the_way_out_stand_beside_ours(helm: Helm) -> None:
    more = {
        "to": [{"namespaceSelector": {"matchLabels": {"name": "observability"}}}],
        "ports": [{"port": 4318, "protocol": "TCP"}],
    }
    ours = named(helm.template(), "NetworkPolicy")["spec"]["egress"]
    values = {"networkPolicy": {"extraEgress": [more]}}
    assert named(helm.template(values), "NetworkPolicy")["spec"]["egress"] == [*ours, more]


def test_queues_are_tables_of_the_configuration(helm: Helm) -> None:
    queues = {
        "research": {"guaranteed": {"gpu": 10000}, "limit": {"gpu": 13000}},
        "vision": {"parent": "research", "weight": 2.5},
    }
    things = helm.template({"config": {"queues": {"lift": True} | queues}})
    data = named(things, "ConfigMap", "bayplan-config")["data"]
    assert tomllib.loads(data["extender.toml"])["queues"] == {"lift": True} | queues


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_rights_configuration_and_times_hold_together(helm: Helm, values: Object) -> None:
    things = helm.template(values)
    (name,) = [x["metadata"]["name"] for x in things if x["kind"] == "Deployment"]
    data = named(things, "ConfigMap", f"{name}-config")["data"]
    config = configuration(data["extender.toml"])
    told = {
        f"{table}.{key}": value
        for table, keys in values.get("config", {}).items()
        for key, value in keys.items()
    }
    assert told.items() <= config.items()
    roles = [x for x in things if x["kind"] == "ClusterRole"]
    allowed = {
        triple
        for rule in itertools.chain(*(role["rules"] for role in roles))
        for triple in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }
    assert allowed == {(right.group, right.name, right.verb) for right in needed(config)}
    spec = named(things, "Deployment", name)["spec"]["template"]["spec"]
    wanted_s = float(config["server.grace_s"]) + float(config["server.drain_s"])
    assert spec["terminationGracePeriodSeconds"] > wanted_s + CLOSING_S
    mounted = {mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
    of_tls = ("tls.certificate", "tls.key", "tls.client_ca")
    for key in (*of_tls, "grpc.certificate", "grpc.key", "grpc.client_ca"):
        assert not config[key] or str(Path(str(config[key])).parent) in mounted


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_the_check_of_kube_schedulers_configuration_finds_notes_only(
    helm: Helm, values: Object
) -> None:
    things = helm.template(values)
    (data,) = [x["data"] for x in things if x["kind"] == "ConfigMap"]
    scheduler = yaml.safe_load(data["scheduler.yaml"]) if "scheduler.yaml" in data else told(
        helm, values)  # fmt: skip
    found = of_scheduler(scheduler, configuration(data["extender.toml"]), Facts((1, 37)))
    assert [each for each in found if each.severity is not Severity.NOTE] == []


def told(helm: Helm, values: Object) -> Object:
    """Return what the notes say that kube-scheduler's configuration needs."""
    notes = noted(helm, values)
    text = notes[notes.index("percentageOfNodesToScore") :].split("\n\n")[0]
    return dict(yaml.safe_load(text)) | {"profiles": [{}]}


def noted(helm: Helm, values: Object, *words: str) -> str:
    said = helm("install", "bayplan", str(CHART), "--namespace", "bayplan", "--dry-run=client",
                "--output", "json", *words, values=values)  # fmt: skip
    return str(json.loads(said)["info"]["notes"])


def test_the_notes_say_to_a_kube_scheduler_what_the_overlay_says(helm: Helm) -> None:
    file = DEPLOY / "existing-scheduler" / "scheduler-extender.yaml"
    theirs = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert told(helm, EXISTING) == theirs | {"profiles": [{}]}


@pytest.mark.parametrize("values", [{}, EXISTING, OWN_TLS], ids=["own", "existing", "tls"])
def test_the_notes_name_what_there_is(helm: Helm, values: Object) -> None:
    notes = noted(helm, values)
    assert "rollout status deployment/bayplan" in notes
    assert ("schedulerName: bayplan" in notes) == (values != EXISTING)
    assert ("bayplan-tls" in notes) == (values != {})
    assert "WARNING" not in notes


def test_the_notes_say_where_clients_of_grpc_reach_it_and_by_which_secret(helm: Helm) -> None:
    notes = noted(helm, EXISTING | GRPC | {"config": {"grpc": {"port": 8444}}})
    assert "reach it as bayplan-grpc.bayplan.svc:8444. The Pod waits for the Secret" in notes
    assert "bayplan-grpc-tls" in notes
    assert "bayplan-grpc" not in noted(helm, EXISTING)


def test_the_notes_warn_of_a_kube_scheduler_that_is_newer_than_the_cluster(helm: Helm) -> None:
    notes = noted(helm, {"kubeScheduler": {"image": {"tag": "v1.99.0"}}})
    assert "WARNING: this kube-scheduler is v1.99.0" in notes


def test_the_version_of_kube_scheduler_decides_on_its_feature_gate(helm: Helm) -> None:
    gate = "--feature-gates=OpportunisticBatching=false"

    def command(**scheduler: Any) -> list[str]:
        spec = named(helm.template({"kubeScheduler": scheduler}), "Deployment")["spec"]
        return list(spec["template"]["spec"]["containers"][1]["command"])

    for tag, has in (("v1.34.9", False), ("v1.35.0", True), ("v1.37.2-eks.1", True)):
        assert (gate in command(image={"tag": tag})) == has
    assert gate in command(image={"tag": "ours"}, version="1.36")
    assert gate not in command(image={"tag": "ours"}, version="1.34.1")
    with pytest.raises(Refused, match=r"kubeScheduler\.version"):
        command(image={"tag": "ours"})


def test_a_changed_configuration_makes_a_new_pod(helm: Helm) -> None:
    def checksum(values: Object) -> str:
        template = named(helm.template(values), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"][CHECKSUM])

    assert checksum({}) == checksum({"podLabels": {"a": "b"}})
    assert checksum({}) != checksum({"config": {"gangs": {"settle_s": 3}}})
    assert checksum({}) != checksum({"kubeScheduler": {"schedulerName": "gpus"}})


def test_prometheus_is_told_where_metrics_are_and_how_to_get_them(helm: Helm) -> None:
    values = OWN_TLS | {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}
    things = helm.template(values)
    monitor, service = named(things, "ServiceMonitor"), named(things, "Service")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    selector = monitor["spec"]["selector"]["matchLabels"]
    assert selector.items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["tlsConfig"] == {
        "serverName": "bayplan.bayplan.svc",
        "ca": {"secret": {"name": "bayplan-tls", "key": "ca.crt"}},
        "cert": {"secret": {"name": "bayplan-tls", "key": "tls.crt"}},
        "keySecret": {"name": "bayplan-tls", "key": "tls.key"},
    }


WRONG = [
    ({"replica": 1}, "replica"),
    (EXISTING | {"replicas": 2}, "replicas: a kube-scheduler of yours would call now one"),
    ({"replicas": 2, "config": {"leader": {"on": False}}}, "config.leader.on: with two replicas"),
    ({"mode": "existing"}, "mode"),
    ({"config": {"server": {"prot": 1}}}, "prot"),
    ({"config": {"sever": {}}}, "sever"),
    ({"config": {"server": {"port": 70000}}}, "/config/server/port"),
    ({"config": {"placement": {"seed": SEED + 2}}}, "/config/placement/seed"),
    ({"config": {"gangs": {"rollback": "evcit"}}}, "/config/gangs/rollback"),
    ({"config": {"state": {"nudge": "no"}}}, "/config/state/nudge"),
    ({"config": {"tls": {"certificate": "/x"}}}, "config.tls: set tls.enabled"),
    (OWN_TLS | {"config": {"tls": {"key": "/x"}}}, "config.tls: tls.secretName names"),
    ({"image": {"tags": "1"}}, "tags"),
    ({"kubeScheduler": {"schedulerName": "default-scheduler"}}, "schedulerName"),
    ({"tolerations": [{"keys": "a"}]}, "keys"),
    ({"serviceMonitor": {"enabled": True}}, "serviceMonitor.enabled: the extender is heard"),
    ({"resources": {}}, "resources"),
    (GRPC | {"replicas": 2}, "grpc.enabled: with two replicas"),
    (GRPC | {"config": {"grpc": {"host": "127.0.0.1"}}}, "config.grpc.host: with grpc.enabled"),
    (GRPC | {"config": {"grpc": {"key": "/x"}}}, "config.grpc.key: with grpc.enabled"),
    (GRPC | {"config": {"grpc": {"port": 0}}}, "config.grpc.port: grpc.enabled needs"),
    (GRPC | {"config": {"grpc": {"port": 9443}}}, "config.grpc.port: grpc.enabled needs"),
    ({"networkPolicy": {"extraEgress": [{"port": 1}]}}, "/networkPolicy/extraEgress/0"),
]


@pytest.mark.parametrize(("values", "said"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_refused_by_name(helm: Helm, values: Object, said: str) -> None:
    with pytest.raises(Refused) as refused:
        helm.template(values)
    assert said in str(refused.value)
