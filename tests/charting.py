"""What ``helm`` makes of the chart, and objects in a form in which they can be compared."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from bayplan.extender.config.reading import Values, read_config
from kustomizing import DEPLOY

Object = dict[str, Any]

CHART = DEPLOY / "chart"
OF_HELM = {
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
}
"""Labels of the chart's own."""
CHECKSUM = "checksum/config"


OWN_TLS = {"tls": {"enabled": True}}
EXISTING = {"mode": "existing-scheduler"}
TWO = {"replicas": 2, "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1}}
GRPC = {"grpc": {"enabled": True}}
SEED = 2**53 - 1
"""The largest: Helm has numbers as JSON readers do."""
SETS: dict[str, Object] = {
    "defaults": {},
    "existing": EXISTING,
    "tls": OWN_TLS,
    "koordinator": {"config": {"devices": {"koordinator": True}}},
    "health": {"config": {"health": {"quarantine": True}}},
    "queues": {"config": {"queues": {"lift": True}}},
    "reclaim": {"config": {"queues": {"reclaim": "evict"}}},
    "preemption": {"config": {"preemption": {"evict": "gangs"}}},
    "repartition": {"config": {"repartition": {"on": True}}},
    "two": TWO,
    "evict": {"config": {"gangs": {"rollback": "evict", "hold_s": 300}}},
    "no claims": {"config": {"devices": {"dra": False}}},
    "quiet": {"config": {"state": {"nudge": False, "recompute_s": 12.5}}},
    "other port": EXISTING | {"config": {"server": {"port": 8443, "prefix": "/gpus"}}},
    "slow": {"config": {"server": {"http_timeout_s": 90, "grace_s": 60, "drain_s": 7.5}}},
    "hami": {"config": {"devices": {"hami": True}, "placement": {"policy": "pwr", "seed": SEED}}},
    "everything": OWN_TLS | {
        "fullnameOverride": "gpus",
        "image": {"repository": "registry.example/bayplan", "tag": "1", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "pull"}],
        "kubeScheduler": {"schedulerName": "gpus", "extraArgs": ["--v=4"],
                          "image": {"tag": "v1.34.2", "pullPolicy": "Never"}},
        "extender": {"resources": {"limits": {"memory": "4Gi"}}},
        "networkPolicy": {"apiServerPorts": [443]},
        "podDisruptionBudget": {"enabled": True},
        "priorityClassName": "system-node-critical",
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [
                {"key": "pool", "operator": "In", "values": ["system"]}]}]}}},
        "podAnnotations": {"example.test/a": "1"},
        "podLabels": {"team": "gpus"},
    },
    "grpc": GRPC | {"config": {"grpc": {"clients": "slurm.example"}}},
    "grpc beside": EXISTING | GRPC | {"config": {"grpc": {"port": 8444}}},
    "bare": {"networkPolicy": {"enabled": False}, "priorityClassName": "", "replicas": 0},
}  # fmt: skip
"""Values by a name."""


class Refused(Exception):
    """Helm said no; the text is what it said."""


class Helm:
    """The real program, with nothing of the user's own settings.

    Parameters
    ----------
    program
        The binary.
    home
        A folder for its files.
    """

    def __init__(self, program: Path, home: Path) -> None:
        self._program, self._home = program, home

    def __call__(self, *words: str, values: Object | None = None) -> str:
        """Run a command and return what it printed.

        Raises
        ------
        Refused
            Its exit code was not 0.
        """
        told = []
        if values is not None:
            file = self._home / "values.yaml"
            file.write_text(yaml.safe_dump(values), encoding="utf-8")
            told = ["--values", str(file)]
        done = subprocess.run(
            [self._program, *words, *told],
            env={"PATH": os.environ["PATH"], "HOME": str(self._home)},
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout

    def template(
        self, values: Object | None = None, *, release: str = "bayplan", namespace: str = "bayplan"
    ) -> list[Object]:
        """Return the objects that a release with these values is made of."""
        text = self("template", release, str(CHART), "--namespace", namespace, values=values or {})
        return [thing for thing in yaml.safe_load_all(text) if thing]


def plain(things: list[Object]) -> dict[tuple[str, str], Any]:
    """Return objects by kind and name, as they compare.

    Without Helm's labels and the checksum, files of the ConfigMap as what they say, and lists of
    named things by name: their order means nothing to Kubernetes.
    """
    return {(thing["kind"], thing["metadata"]["name"]): _plain(_read(thing)) for thing in things}


def _read(thing: Object) -> Object:
    if thing["kind"] != "ConfigMap":
        return thing
    data = dict(thing["data"])
    said: Object = {"extender.toml": dict(configuration(data["extender.toml"]))}
    if "scheduler.yaml" in data:
        said["scheduler.yaml"] = yaml.safe_load(data["scheduler.yaml"])
    assert set(said) == set(data)
    return thing | {"data": said}


def configuration(text: str) -> Values:
    """Return all values of a configuration's text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "extender.toml"
        file.write_text(text, encoding="utf-8")
        return read_config(file)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: _plain(v) for k, v in value.items() if k not in OF_HELM and k != CHECKSUM}
        return {k: v for k, v in kept.items() if not (k == "annotations" and v == {})}
    if isinstance(value, list):
        each = [_plain(item) for item in value]
        named = all(isinstance(item, dict) and "name" in item for item in each)
        return sorted(each, key=lambda item: json.dumps(item, sort_keys=True)) if named else each
    return value
