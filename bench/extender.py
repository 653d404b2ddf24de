"""How long does kube-scheduler wait for the extender?

Loopback HTTP on one kept-alive connection, the server on a core of its own where there are two:
for 100, 1,000, 5,000 and 10,000 nodes, a pod as kube-scheduler sends it is filtered over all names
and prioritised over those that passed. Known shapes were asked for before; of an unseen one the
CPU request is new, so that all nodes are scored. Beside it, turn by turn in the same run: a server
that parses and answers the same bodies in the same framework and decides nothing. ``cpu`` is what
the server's process ran for a call: on a machine that others use, it moves the least. ``decide`` is
the engine's part: filter and prioritize called in this process, without a wire.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
from prometheus_client import CollectorRegistry

from bayplan.extender import loop
from bayplan.extender.http.app import App
from bayplan.extender.http.server import Server
from bayplan.extender.http.settings import HttpSettings
from bayplan.extender.names import NodeNames
from bayplan.extender.verbs import FilterAnswer, Scores, Verbs
from bayplan.extender.warming import warm
from bayplan.traces.kubernetes.objects import Object
from half_used import Decides, name_of, pin
from measure import percentiles, write_result

SIZES = (100, 1_000, 5_000, 10_000)
KNOWN, UNSEEN, WARM = 400, 60, 40
SERVERS = ("extender", "echo")
GPUS = (1, 1, 2, 4)


class Echoes(Decides):
    """Verbs that decide nothing: all nodes pass with one score."""

    def __init__(self, n_nodes: int) -> None:
        super().__init__(0)

    def filter(self, pod: Object, names: Sequence[str], *, holds: bool) -> FilterAnswer:
        return FilterAnswer(NodeNames.of(names), np.zeros(len(names), np.int64))

    def prioritize(self, pod: Object, names: Sequence[str]) -> Scores:
        return Scores(NodeNames.of(names), np.full(len(names), 5))


def verbs_of(kind: str, n_nodes: int) -> Verbs:
    """Return what a server asks: put another owner of a cluster here."""
    return Decides(n_nodes) if kind == "extender" else Echoes(n_nodes)


def main() -> int:
    """Measure, print and write bench/results/extender.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.nodes[0])
    pin(-1)
    rows: list[dict[str, Any]] = []
    for n_nodes in options.nodes:
        for row in measure(n_nodes):
            rows.append(row)
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    print(f"results: {write_result('extender', {'gpus': GPUS, 'rows': rows})}")
    return 0


def serve(kind: str, n_nodes: int) -> int:
    """Serve until told to stop; print the port once ready."""
    pin(0)
    warm()
    server = Server(App(verbs_of(kind, n_nodes), HttpSettings(port=0), CollectorRegistry()))
    loop.settle()
    print(server.port, flush=True)

    async def run() -> int:
        with server.signals():
            return await server.run()

    return loop.run(run())


def measure(n_nodes: int) -> list[dict[str, Any]]:
    """Return the rows of one size: by verb and together, for known and for unseen shapes."""
    names = [name_of(i) for i in range(n_nodes)]
    with ExitStack() as stack:
        clients = {kind: stack.enter_context(Client(kind, n_nodes)) for kind in SERVERS}
        for k in range(WARM):
            ask_both(clients, _pod(k, 0), names)
        found = []
        for shapes, count in (("known", KNOWN), ("unseen", UNSEEN)):
            more = [k if shapes == "unseen" else 0 for k in range(1, count + 1)]
            asked = [ask_both(clients, _pod(k, more[k - 1]), names) for k in range(1, count + 1)]
            found += [
                _row(n_nodes, shapes, verb, asked) for verb in ("filter", "prioritize", "both")
            ]
            deciding_ms = deciding(n_nodes, names, more)
            for row in found[-3:]:
                row["decide_p50_ms"] = deciding_ms[row["verb"]]
    return found


def deciding(n_nodes: int, names: list[str], more: list[int]) -> dict[str, float]:
    """Return the milliseconds that deciding takes, by verb; the median of all calls."""
    verbs, asked = Decides(n_nodes), NodeNames.of(names)
    times: dict[str, list[float]] = {"filter": [], "prioritize": [], "both": []}
    for k, milli in enumerate([0] * WARM + more):
        pod = _pod(k, milli)
        start = time.perf_counter()
        answer = verbs.filter(pod, asked, holds=True)
        filtered = time.perf_counter()
        passed = NodeNames.of(answer.passed)
        begun = time.perf_counter()
        verbs.prioritize(pod, passed)
        end = time.perf_counter()
        for verb, seconds in zip(times, (filtered - start, end - begun), strict=False):
            times[verb].append(seconds)
        verbs.go_on()
        times["both"].append(filtered - start + end - begun)
    return {verb: round(1000 * median(each[WARM:]), 3) for verb, each in times.items()}


Times = dict[str, dict[str, list[float]]]
"""Seconds and CPU seconds, by server and verb."""


def ask_both(clients: dict[str, Client], pod: Object, names: list[str]) -> Times:
    """Ask each server to filter all names and to prioritise those that passed the extender."""
    times: Times = {kind: {} for kind in clients}
    passed = names
    body = _body(pod, names)
    for kind, client in clients.items():
        reply, *taken = client.post("filter", body)
        times[kind]["filter"] = taken
        if kind == "extender":
            passed = msgspec.json.decode(reply)["NodeNames"]
    assert passed, "kube-scheduler goes on only with nodes that passed"
    body = _body(pod, passed)
    for kind, client in clients.items():
        _, *taken = client.post("prioritize", body)
        times[kind]["prioritize"] = taken
        times[kind]["both"] = [sum(pair) for pair in zip(*times[kind].values(), strict=True)]
    return times


class Client:
    """A server in a process of its own, and one connection to it."""

    def __init__(self, kind: str, n_nodes: int) -> None:
        command = [sys.executable, __file__, "--serve", kind, "--nodes", str(n_nodes)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait()

    def post(self, verb: str, body: bytes) -> tuple[bytes, float, float]:
        """Return the reply to a call, its seconds, and the server's CPU seconds."""
        head = f"POST /scheduler/{verb} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        cpu, start = self._cpu_s(), time.perf_counter()
        self._socket.sendall(head.encode() + body)
        reply = self._reply()
        taken = time.perf_counter() - start
        return reply, taken, self._cpu_s() - cpu

    def _reply(self) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(1 << 20)
        head, _, rest = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(rest)
        parts = [rest]
        while left:
            parts.append(self._socket.recv(1 << 20))
            left -= len(parts[-1])
        return b"".join(parts)

    def _cpu_s(self) -> float:
        with suppress(OSError):
            running = Path(f"/proc/{self._process.pid}/schedstat").read_text(encoding="ascii")
            return int(running.split()[0]) / 1e9
        return 0.0


def _row(n_nodes: int, shapes: str, verb: str, asked: list[Times]) -> dict[str, Any]:
    row: dict[str, Any] = {"nodes": n_nodes, "shapes": shapes, "verb": verb}
    for kind in SERVERS:
        walls, cpus = zip(*(times[kind][verb] for times in asked), strict=True)
        for name, value in percentiles(walls).items():
            row[f"{kind}_{name.removesuffix('_us')}_ms"] = round(value / 1000, 3)
        row[f"{kind}_cpu_ms"] = round(1000 * median(cpus), 3)
    return row


def _pod(k: int, more_milli: int) -> Object:
    """Return a pod as kube-scheduler sends it, some 5 KB; ``more_milli`` makes a new shape."""
    gpus = str(GPUS[k % len(GPUS)])
    probe = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10}
    mount = {
        "name": "kube-api-access",
        "mountPath": "/var/run/secrets/kubernetes.io",
        "readOnly": True,
    }
    limits = {"cpu": f"{4000 + more_milli}m", "memory": "32Gi", "nvidia.com/gpu": gpus}
    container = {
        "name": "train",
        "image": "registry.example.com/team/train@sha256:" + "ab" * 32,
        "command": ["python", "-m", "train", "--config", "/etc/train/config.yaml"],
        "env": [{"name": f"SETTING_{i}", "value": f"value-{i}" * 3} for i in range(40)],
        "resources": {"limits": limits, "requests": limits},
        "volumeMounts": [mount],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    }
    return {
        "metadata": {
            "name": f"train-{k}", "namespace": "team", "uid": f"00000000-0000-4000-8000-{k:012}",
            "resourceVersion": str(100_000 + k), "creationTimestamp": "2026-11-01T10:00:00Z",
            "labels": {"app": "train", "pod-template-hash": "5d8c7b9f4"},
            "annotations": {"kubernetes.io/psp": "restricted"},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "train",
                                 "uid": "j", "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {
            "volumes": [{"name": "kube-api-access", "projected": {"defaultMode": 420}}],
            "containers": [container],
            "restartPolicy": "Never", "schedulerName": "bayplan", "priority": 0,
            "tolerations": [
                {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute",
                 "tolerationSeconds": 300} for state in ("not-ready", "unreachable")
            ],
        },
        "status": {"phase": "Pending", "qosClass": "Guaranteed"},
    }  # fmt: skip


def _body(pod: Object, names: list[str]) -> bytes:
    return msgspec.json.encode({"Pod": pod, "Nodes": None, "NodeNames": names})


if __name__ == "__main__":
    sys.exit(main())
