"""What happened to pods, event by event: whether a node was ever given more than it has.

A watch tells of every change in the order in which it was made, so that nothing between two looks
is missed. Only a new API server does not tell what was before it: then all pods are listed anew.
"""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event, Thread
from time import monotonic

from ..controlplane.client import Client
from ..controlplane.plane import Plane
from ..controlplane.pods import node_of, phase
from .asking import Object, asks_of, gang_of

READ_S = 5


@dataclass(frozen=True, slots=True)
class Held:
    """What a pod that runs has."""

    node: str
    asks: Mapping[str, int]
    gang: str


@dataclass(slots=True)
class Audit:
    """The pods that run, and what was wrong at any time.

    Attributes
    ----------
    room
        What each node has, by resource.
    least
        How many members of a gang are to start together, by gang.
    overbooked
        Each time when a node was given more than it has.
    slowest_s
        How long each gang took from its first member bound to its least.
    n_bound
        How often a pod was bound.
    """

    room: Mapping[str, Mapping[str, int]]
    least: Mapping[str, int] = field(default_factory=dict)
    overbooked: list[str] = field(default_factory=list)
    slowest_s: dict[str, float] = field(default_factory=dict)
    n_bound: int = 0
    _held: dict[str, Held] = field(default_factory=dict)
    _begun_s: dict[str, float] = field(default_factory=dict)
    _whole: set[str] = field(default_factory=set)

    def see(self, kind: str, pod: Object, now_s: float) -> None:
        """Let a pod be as an event shows it."""
        uid = pod["metadata"]["uid"]
        ended = kind == "DELETED" or phase(pod) in ("Succeeded", "Failed")
        before = self._held.pop(uid, None)
        node = node_of(pod)
        if node and not ended:
            self._held[uid] = Held(node, asks_of(pod), gang_of(pod))
            if before is None:
                self.n_bound += 1
                self._look_at(node)
        self._count(gang_of(pod), now_s)

    def replace(self, pods: Iterable[Object], now_s: float) -> None:
        """Let pods be as a whole list shows them."""
        listed = {each["metadata"]["uid"]: each for each in pods}
        gone = [uid for uid in self._held if uid not in listed]
        gangs = {self._held.pop(uid).gang for uid in gone}
        for gang in sorted(gangs):
            self._count(gang, now_s)
        for each in listed.values():
            self.see("ADDED", each, now_s)

    def in_part_s(self, now_s: float) -> dict[str, float]:
        """Return how long gangs have been bound in part that are so now."""
        return {gang: now_s - since_s for gang, since_s in list(self._begun_s.items())}

    def _look_at(self, node: str) -> None:
        used: dict[str, int] = defaultdict(int)
        for held in self._held.values():
            if held.node == node:
                for resource, amount in held.asks.items():
                    used[resource] += amount
        for resource, has in self.room.get(node, {}).items():
            if used[resource] > has:
                self.overbooked.append(f"{node}: {used[resource]} of {has} {resource}")

    def _count(self, gang: str, now_s: float) -> None:
        if gang not in self.least:
            return
        n = sum(held.gang == gang for held in self._held.values())
        if not n:
            self._begun_s.pop(gang, None)
            self._whole.discard(gang)
        elif gang not in self._whole:
            since_s = self._begun_s.setdefault(gang, now_s)
            if n >= self.least[gang]:
                self._whole.add(gang)
                took_s = now_s - self._begun_s.pop(gang, since_s)
                self.slowest_s[gang] = max(took_s, self.slowest_s.get(gang, 0.0))


@contextmanager
def audited(plane: Plane, least: Mapping[str, int] | None = None) -> Iterator[Audit]:
    """Watch the pods of a control plane whose nodes are there already.

    ``least`` may grow meanwhile.
    """
    found = Audit(room_of(plane.client), {} if least is None else least)
    ended = Event()
    listed = plane.client.call("GET", "api/v1/pods")
    found.replace(listed["items"], monotonic())
    version = str(listed["metadata"]["resourceVersion"])
    thread = Thread(target=_watch, args=(plane, found, version, ended), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join(4 * READ_S)


def room_of(client: Client) -> dict[str, dict[str, int]]:
    """Return what devices each node has, by resource."""
    return {
        node["metadata"]["name"]: {
            name: int(amount)
            for name, amount in node["status"]["allocatable"].items()
            if "/" in name
        }
        for node in client.list("Node")
    }


def _watch(plane: Plane, audit: Audit, version: str, ended: Event) -> None:
    trust = ssl.create_default_context(cafile=str(plane.certificates.ca))
    trust.load_cert_chain(plane.certificates.certificate("admin"), plane.certificates.key("admin"))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    while not ended.is_set():
        try:
            if not version:  # an API server that is new does not know what was before
                with opener.open(f"{plane.server}/api/v1/pods", timeout=READ_S) as reply:
                    listed = json.loads(reply.read())
                audit.replace(listed["items"], monotonic())
                version = listed["metadata"]["resourceVersion"]
            query = f"watch=1&resourceVersion={version}&timeoutSeconds=2"
            with opener.open(f"{plane.server}/api/v1/pods?{query}", timeout=READ_S) as lines:
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        version = ""
                        break
                    audit.see(event["type"], event["object"], monotonic())
                    version = event["object"]["metadata"]["resourceVersion"]
        except (OSError, HTTPException, ValueError):  # it died, perhaps within a line
            ended.wait(0.1)
