"""What a stub API server knows: objects as bytes, their versions, and a log of changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Thing = dict[str, Any]

NODES, PODS = "/api/v1/nodes", "/api/v1/pods"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
NATIVE_GROUPS = "/apis/scheduling.k8s.io/v1beta1/podgroups"
PLUGIN_GROUPS = "/apis/scheduling.x-k8s.io/v1alpha1/podgroups"
FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object; ``live`` pods are those that have not finished."""

    raw: bytes
    live: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one object, before and after; None where there was none."""

    version: int
    path: str
    before: Stored | None
    after: Stored | None
    bookmark: bool = False

    def line(self, *, selecting: bool) -> bytes | None:
        """Return the line of a watch, if it sees the change."""
        if self.bookmark:
            thing = {"kind": "Any", "metadata": {"resourceVersion": str(self.version)}}
            return b'{"type":"BOOKMARK","object":' + json.dumps(thing).encode() + b"}\n"
        was, now = (
            each is not None and (each.live or not selecting) for each in (self.before, self.after)
        )
        if not was and not now:
            return None
        raw = self.after.raw if self.after else self.before.raw if self.before else b""
        word = b"DELETED" if not now else b"MODIFIED" if was else b"ADDED"
        return b'{"type":"' + word + b'","object":' + raw + b"}\n"


@dataclass(slots=True)
class World:
    """All objects by the path of their collection."""

    things: dict[str, dict[str, Stored]] = field(default_factory=dict)
    version: int = 100
    compacted: int = 0
    log: list[Change] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)
    lists: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)

    def serve(self, *paths: str) -> None:
        """Have collections, at first empty."""
        for path in paths:
            self.things.setdefault(path, {})

    def put(self, path: str, thing: Thing) -> None:
        """Add or change an object."""
        with self.news:
            self.version += 1
            metadata = thing.setdefault("metadata", {})
            metadata["resourceVersion"] = str(self.version)
            live = thing.get("status", {}).get("phase") not in FINISHED
            key = key_of(metadata.get("namespace", ""), metadata["name"])
            self._change(path, key, Stored(json.dumps(thing).encode(), live))

    def delete(self, path: str, name: str, namespace: str = "") -> None:
        """Take an object away."""
        with self.news:
            self.version += 1
            self._change(path, key_of(namespace, name), None)

    def bookmark(self, path: str) -> None:
        """Tell the watches of a collection that nothing else has changed."""
        with self.news:
            self.version += 1
            self.log.append(Change(self.version, path, None, None, bookmark=True))
            self.news.notify_all()

    def compact(self) -> None:
        """Forget the history: watches from before now, and lists that are being read, are gone."""
        with self.news:
            self.version += 1
            self.compacted = self.version
            self.lists.clear()

    def get(self, path: str, name: str, namespace: str = "") -> Thing | None:
        """Return an object."""
        stored = self.things.get(path, {}).get(key_of(namespace, name))
        return json.loads(stored.raw) if stored else None

    def page(self, path: str, limit: int, token: str, *, selecting: bool) -> bytes | None:
        """Return a part of a list; None: the token has expired."""
        with self.news:
            version, _, start = token.partition(":") if token else (str(self.version), "", "0")
            if not token:
                every = self.things[path].values()
                raws_now = [each.raw for each in every if each.live or not selecting]
                self.lists[path, self.version] = raws_now
            raws = self.lists.get((path, int(version)))
        if raws is None:
            return None
        at = int(start)
        end = at + limit if limit else len(raws)
        metadata = {"resourceVersion": version}
        if end < len(raws):
            metadata["continue"] = f"{version}:{end}"
        head = b'{"kind":"List","metadata":' + json.dumps(metadata).encode()
        return head + b',"items":[' + b",".join(raws[at:end]) + b"]}"

    def lines(self, path: str, since: int, *, selecting: bool) -> Iterator[bytes | None]:
        """Yield lines of a watch for ever; None now and then where there is nothing."""
        at = 0
        while True:
            with self.news:
                if at == len(self.log):
                    self.news.wait(0.05)
                changes = self.log[at:]
                at = len(self.log)
            found = [
                line
                for change in changes
                if change.path == path and change.version > since
                if (line := change.line(selecting=selecting)) is not None
            ]
            yield b"".join(found) or None

    def _change(self, path: str, key: str, after: Stored | None) -> None:
        things = self.things.setdefault(path, {})
        before = things.pop(key, None)
        if after is not None:
            things[key] = after
        self.log.append(Change(self.version, path, before, after))
        self.news.notify_all()


def key_of(namespace: str, name: str) -> str:
    """Return what tells objects of a collection apart."""
    return f"{namespace}/{name}"
