"""Room that victims leave, kept for whom they leave it as soon as there is some."""

from __future__ import annotations

from bayplan.extender.live.asking import candidates
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.placing import Placing
from bayplan.extender.names import NodeNames

NOMINATED_S = 120.0
"""How long room is looked for that victims leave: four times the grace that pods have."""


class Nominating:
    """Remembers who is to have room on a node that is not there yet."""

    def __init__(self, mirror: Mirror, placing: Placing) -> None:
        self._mirror, self._placing = mirror, placing
        self._nodes: dict[str, tuple[str, float]] = {}

    def nominate(self, uid: str, node: str, until_s: float) -> None:
        """Keep room on a node for a pod once there is some; a later node takes an earlier's place.

        Parameters
        ----------
        uid, node
            The pod, and where others leave for it.
        until_s
            When to look for that room no longer.
        """
        self._nodes[uid] = node, until_s

    def hold(self, now_s: float) -> None:
        """Keep what room there is by now."""
        for uid, (node, until_s) in list(self._nodes.items()):
            seen = self._mirror.pods.get(uid)
            if seen is None or seen.node or uid in self._mirror.assumed or until_s <= now_s:
                del self._nodes[uid]
            elif uid in self._mirror.holds:
                continue
            elif self._placing.chosen(seen, candidates(self._mirror, NodeNames.of([node])), now_s):
                del self._nodes[uid]

    def on(self, node: str) -> list[str]:
        """Return the pods that are to have room on a node."""
        return [uid for uid, (at, _) in self._nodes.items() if at == node]
