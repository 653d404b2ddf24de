"""Bodies as kube-scheduler sends them, verbs that only remember, and an ASGI client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry

from bayplan.extender.http.app import App
from bayplan.extender.http.settings import HttpSettings
from bayplan.extender.names import NodeNames
from bayplan.extender.verbs import FilterAnswer, Scores, Victims, Why
from bayplan.traces.kubernetes.objects import Object, dict_of, name_of
from bayplan.traces.kubernetes.pods import PodReader, member_of
from bayplan.traces.kubernetes.resources import BadField

POD: dict[str, Any] = {
    "metadata": {
        "name": "p", "namespace": "team", "uid": "u-1", "creationTimestamp": None,
        "labels": {"app": "x"}, "annotations": {"pod-group-name": "g"},
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
    },
    "spec": {
        "schedulerName": "bayplan", "priority": 5, "nodeSelector": {"pool": "a"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "h", "labelSelector": {"matchLabels": {"app": "x"}}}
                ]
            }
        },
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}],
        "containers": [
            {
                "name": "c", "image": "registry/image:1", "env": [{"name": "A", "value": "b"}],
                "resources": {"limits": {"nvidia.com/gpu": "1", "memory": "3Gi", "cpu": "1500m"}},
                "ports": [{"containerPort": 80}],
            }
        ],
        "initContainers": None,
        "volumes": [{"name": "v", "emptyDir": {}}],
    },
    "status": {"phase": "Pending"},
}  # fmt: skip


def node(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"zone": "a"}, "annotations": {"é": "\u2028"}},
        "spec": {"providerID": f"aws:///{name}"},
        "status": {"allocatable": {"nvidia.com/gpu": "8"}, "images": [{"names": ["a"]}]},
    }


NAMES = {"Pod": POD, "Nodes": None, "NodeNames": ["n1", "n2", "n3"]}
WHOLE = {
    "Pod": POD,
    "Nodes": {"metadata": {}, "items": [node("n1"), node("n2"), node("n3")]},
    "NodeNames": None,
}
BINDING = {"PodName": "p", "PodNamespace": "team", "PodUID": "u-1", "Node": "n1"}
VICTIM = {"metadata": {"name": "v", "namespace": "team", "uid": "u-9"}}
PREEMPTION = {
    "Pod": POD,
    "NodeNameToVictims": {"n1": {"Pods": [VICTIM], "NumPDBViolations": 1}},
    "NodeNameToMetaVictims": None,
}
META_PREEMPTION = {
    "Pod": POD,
    "NodeNameToVictims": None,
    "NodeNameToMetaVictims": {"n1": {"Pods": [{"UID": "u-9"}], "NumPDBViolations": 1}},
}


def encoded(thing: object) -> bytes:
    return json.dumps(thing, ensure_ascii=False).encode()


def answer(
    passed: Sequence[str], failed: Mapping[str, str], unresolvable: Mapping[str, str]
) -> FilterAnswer:
    """Return an answer to filter, with a reason for each node that did not pass."""
    names = [*passed, *failed, *unresolvable]
    whys = [*map(Why, failed.values()), *(Why(text, True) for text in unresolvable.values())]
    codes = np.array([0] * len(passed) + [*range(1, len(whys) + 1)], np.int64)
    return FilterAnswer(NodeNames.of(names), codes, tuple(whys))


def scores(pairs: Sequence[tuple[str, int]]) -> Scores:
    """Return scores as a verb gives them."""
    points = np.array([score for _, score in pairs], np.int64)
    return Scores(NodeNames.of(name for name, _ in pairs), points)


class Recorder:
    """Verbs that say what they are told to say, and remember what they were asked.

    By themselves all nodes pass, the first scores 10 and the others 3, and any pod binds. A pod
    that cannot be read is refused. ``bound`` is the state: what was really done.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.bound: list[tuple[str, str]] = []
        self.failed: dict[str, str] = {}
        self.unresolvable: dict[str, str] = {}
        self.error = ""
        self.raises: Exception | None = None
        self.bind_s = 0.0
        self.reasons: list[str] = []
        self.scores: list[tuple[str, int]] | None = None

    def filter(self, pod: Object, names: Sequence[str], *, holds: bool) -> FilterAnswer:
        self._ask("filter", name_of(pod), tuple(names), holds)
        error = self.error or self._unreadable(pod)
        if error:
            return FilterAnswer.failed_call(error)
        out = self.failed.keys() | self.unresolvable.keys()
        passed = [name for name in names if name not in out]
        return answer(passed, self.failed, self.unresolvable)

    def prioritize(self, pod: Object, names: Sequence[str]) -> Scores:
        self._ask("prioritize", name_of(pod), tuple(names))
        if self._unreadable(pod):
            return scores([])
        if self.scores is not None:
            return scores(self.scores)
        return scores([(name, 3 if i else 10) for i, name in enumerate(names)])

    def preempt(self, pod: Object, victims: Victims) -> Victims:
        self._ask("preempt", name_of(pod), dict(victims))
        return {} if self._unreadable(pod) else victims

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str:
        self._ask("bind", namespace, name, uid, node)
        if self.bind_s:
            await asyncio.sleep(self.bind_s)
        if not self.error:
            self.bound.append((uid, node))
        return self.error

    async def explain(self, namespace: str, name: str) -> Object:
        self._ask("explain", namespace, name)
        if name != "p":
            raise KeyError(name)
        return {"pod": f"{namespace}/{name}"}

    def state(self) -> Object:
        self._ask("state")
        return {"nodes": 3}

    def quota(self, namespace: str) -> Object:
        self._ask("quota", namespace)
        return {"namespace": namespace}

    def not_ready(self) -> list[str]:
        return self.reasons

    def _ask(self, *what: Any) -> None:
        self.asked.append(what)
        if self.raises is not None:
            raise self.raises

    @staticmethod
    def _unreadable(pod: Object) -> str:
        try:
            PodReader([], {}, 1024).read(member_of(pod), dict_of(pod.get("status")))
        except BadField as bad:
            return f"{bad.field}: {bad.text}"
        return ""


class Replied(NamedTuple):
    status: int
    headers: Mapping[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def app_of(verbs: Recorder, **settings: Any) -> App:
    return App(verbs, HttpSettings(**settings), CollectorRegistry())


async def asked(
    app: App, path: str, body: bytes = b"", *, method: str = "POST", headers: Any = ()
) -> Replied:
    """Call an application as a server does, with the body in two parts."""
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [*headers]}
    await app(scope, receive, send)
    start, *rest = sent
    return Replied(
        start["status"], dict(start["headers"]), b"".join(message["body"] for message in rest)
    )


def ask(app: App, path: str, body: bytes = b"", **options: Any) -> Replied:
    return asyncio.run(asked(app, path, body, **options))
