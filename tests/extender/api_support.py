"""What tests of the API side share: connections to a stub, and a sink that keeps everything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bayplan.extender.api import Connection
from bayplan.traces.kubernetes.objects import Object

from .stub_api import Stub

PATIENCE_S = 20.0


def kubeconfig(folder: Path, url: str, user: dict[str, Any], **cluster: Any) -> Path:
    """Write a kubeconfig file (JSON is YAML) with one context and return its path."""
    import json

    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stub",
        "clusters": [{"name": "stub", "cluster": {"server": url} | cluster}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "me"}}],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def connected(stub: Stub, folder: Path) -> Connection:
    """Return a connection to a stub."""
    user = {"token": stub.token} if stub.token else {}
    return Connection.from_kubeconfig(str(kubeconfig(folder, stub.url, user)))


class Mirror:
    """Keeps what it is told, and every call in order."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Object]] = {}
        self.calls: list[tuple[str, str]] = []
        self._seen: dict[str, set[str]] = {}

    def replacing(self, kind: str) -> None:
        self.calls.append(("replacing", kind))
        self._seen[kind] = set()

    def page(self, kind: str, things: Sequence[Object]) -> None:
        self.calls.append(("page", kind))
        for thing in things:
            self._seen[kind].add(uid_of(thing))
            self.known.setdefault(kind, {})[uid_of(thing)] = thing

    def replaced(self, kind: str) -> None:
        self.calls.append(("replaced", kind))
        seen, known = self._seen.pop(kind), self.known.get(kind, {})
        self.known[kind] = {uid: thing for uid, thing in known.items() if uid in seen}

    def changed(self, kind: str, thing: Object) -> None:
        self.calls.append(("changed", kind))
        self.known.setdefault(kind, {})[uid_of(thing)] = thing

    def deleted(self, kind: str, thing: Object) -> None:
        self.calls.append(("deleted", kind))
        self.known.get(kind, {}).pop(uid_of(thing), None)

    def names(self, kind: str) -> list[str]:
        return sorted(str(thing["metadata"]["name"]) for thing in self.known.get(kind, {}).values())

    def count(self, call: str, kind: str) -> int:
        return self.calls.count((call, kind))


def uid_of(thing: Object) -> str:
    """Return the uid of an object."""
    return str(thing["metadata"]["uid"])


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fail when it never does."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        await asyncio.sleep(0.005)
