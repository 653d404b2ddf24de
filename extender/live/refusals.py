"""Gangs that found no room, remembered until something has changed that could help them.

kube-scheduler asks for each member, and again and again; the answer is the same as long as nothing
was freed. What others take meanwhile makes no room; the numbers in an answer may be older for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bayplan.extender.live.mirror import Mirror
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.gangs.siblings import are_independent
from bayplan.scheduler.gangs.types import Gang

MOST = 4
"""Sets of candidates of one gang that are remembered, those that were asked for last."""

State = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Refusal:
    gang: Gang
    state: State
    why: str


@dataclass(slots=True)
class Refusals:
    """The answers, by gang and candidates; they are the engine's, not those of queues."""

    mirror: Mirror
    _known: dict[str, dict[bytes, _Refusal]] = field(default_factory=dict)

    def why(self, gang: Gang, nodes: BoolArray | None) -> str:
        """Return why a gang finds no room among candidates (n_rows,); empty: it may find some."""
        refusal = self._known.get(gang.name, {}).get(_key(nodes))
        if refusal is None or refusal.state != self._state(gang) or refusal.gang != gang:
            return ""
        return refusal.why

    def note(self, gang: Gang, nodes: BoolArray | None, why: str) -> None:
        """Remember an answer that the engine has just given."""
        known, key = self._known.setdefault(gang.name, {}), _key(nodes)
        known.pop(key, None)
        known[key] = _Refusal(gang, self._state(gang), why)
        while len(known) > MOST:
            del known[next(iter(known))]

    def forget(self, name: str) -> None:
        """Forget a gang."""
        self._known.pop(name, None)

    def _state(self, gang: Gang) -> State:
        """Return numbers that stay the same while nothing happens that could help a gang.

        Room that others leave, nodes that change, labels of pods that come to be looked at, and
        members that come to be in the cluster. Where pods that come may help (affinity, spread,
        claims), any change counts.
        """
        mirror, pods = self.mirror, self.mirror.cluster.pods
        members = [member for role in gang.roles for member in role.members]
        n_there = sum(member.uid in pods for member in members)
        any_change = 0 if are_independent(members) else mirror.cluster.log.number
        selecting = mirror.reader.n_selecting
        return mirror.n_released, mirror.n_node_changes, selecting, n_there, any_change


def _key(nodes: BoolArray | None) -> bytes:
    return b"" if nodes is None else nodes.tobytes()
