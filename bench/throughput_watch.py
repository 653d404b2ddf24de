"""When pods were bound, as one watch saw it, and what it saw for those who check it later."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

import msgspec

from e2e.controlplane.plane import Plane
from e2e.extender.auditing import Audit

SILENCE_S = 60.0
"""After so long without an event nothing more is to be expected: backoffs are 10 s at most."""


class _Metadata(msgspec.Struct):
    uid: str = ""
    version: str = msgspec.field(default="", name="resourceVersion")


class _Spec(msgspec.Struct):
    node: str = msgspec.field(default="", name="nodeName")


class _Pod(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec


class _Event(msgspec.Struct):
    object: _Pod


@dataclass(slots=True)
class Watch:
    """Events of pods as they come; they are read in full only after the run."""

    plane: Plane
    version: str
    events: list[tuple[float, bytes]] = field(default_factory=list)
    bound_s: dict[str, float] = field(default_factory=dict)
    """When each pod was first seen on a node, by UID."""

    def until_bound(self, count: int) -> Iterator[int]:
        """Yield how many pods are bound each time when one more is, until so many are.

        Raises
        ------
        AssertionError
            Nothing came for too long.
        """
        try:
            while True:
                for n in self._read():
                    yield n
                    if n == count:
                        return
        except TimeoutError:
            done = len(self.bound_s)
            raise AssertionError(f"{done:,} of {count:,} pods bound, then nothing") from None

    def _read(self) -> Iterator[int]:
        """Read until the API server ends the watch, as it does where it runs ahead of us."""
        decoder = msgspec.json.Decoder(_Event)
        path = f"/api/v1/pods?watch=1&resourceVersion={self.version}&timeoutSeconds=3600"
        with opener(self.plane).open(self.plane.server + path, timeout=SILENCE_S) as lines:
            for line in lines:
                now_s = monotonic()
                if not line.endswith(b"\n"):
                    return  # it ended within a line
                self.events.append((now_s, line))
                pod = decoder.decode(line).object
                self.version = pod.metadata.version
                if pod.spec.node and pod.metadata.uid not in self.bound_s:
                    self.bound_s[pod.metadata.uid] = now_s
                    yield len(self.bound_s)

    @property
    def took_s(self) -> float:
        """From the first binding to the last."""
        return max(self.bound_s.values()) - min(self.bound_s.values())

    def show(self, audit: Audit) -> None:
        """Let an audit see everything, at the time when it was."""
        for at_s, line in self.events:
            event = json.loads(line)
            audit.see(event["type"], event["object"], at_s)


def watch_of(plane: Plane) -> Watch:
    """Return a watch of the pods of a control plane from now on."""
    listed = plane.client.call("GET", "api/v1/pods", query={"limit": "1"})
    return Watch(plane, listed["metadata"]["resourceVersion"])


def opener(plane: Plane) -> urllib.request.OpenerDirector:
    """Return what opens addresses of a control plane's servers."""
    made = plane.certificates
    trust = ssl.create_default_context(cafile=str(made.ca))
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # kube-scheduler's is its own
    trust.load_cert_chain(made.certificate("admin"), made.key("admin"))
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
