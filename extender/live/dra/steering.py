"""Which candidates do for a pod with claims, and which is the best: kube-scheduler allocates there.

The best keeps most of what drivers publish: see ``bayplan.traces.kubernetes.dra.keeping``. Among
equals the engine's policy chooses, by CPU and memory.
"""

from __future__ import annotations

import numpy as np

from bayplan.extender.live.asking import Candidates, candidates, mask
from bayplan.extender.live.dra.inventory import Inventory
from bayplan.extender.live.dra.judged import NO_ROW, Judged
from bayplan.extender.live.dra.judging import Judge, Verdict
from bayplan.extender.live.dra.wanting import asked_by, promises
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.reading import Seen
from bayplan.extender.names import NodeNames
from bayplan.extender.verbs import Victims, Why
from bayplan.extender.watch.kinds import RESOURCE_CLAIMS, RESOURCE_SLICES
from bayplan.scheduler.arrays import BoolArray
from bayplan.traces.kubernetes.dra.keeping import Cost
from bayplan.traces.kubernetes.objects import Object, name_of

_ELSEWHERE = Why("a claim of the pod has its devices on another node", lasting=True)
_DEAREST = Cost(1 << 62, 0)
"""Of nodes whose cost was not found out: they come last."""


class Steering:
    """Judges candidates.

    Parameters
    ----------
    mirror
        Pods, and what they were promised.

    Attributes
    ----------
    inventory
        Devices and claims.
    knows
        Whether all of them have been listed.
    """

    def __init__(self, mirror: Mirror) -> None:
        self.inventory = Inventory()
        self.knows = False
        self._mirror = mirror
        self._judge = Judge(self.inventory)

    def see(self, kind: str, thing: Object, now_s: float) -> None:
        """Let an object be as it is shown.

        Parameters
        ----------
        kind
            One of ``inventory.KINDS``.
        thing
            The object.
        now_s
            The time.
        """
        had = self.inventory.n_given(name_of(thing))
        self.inventory.see(kind, thing)
        # That a claim gets its devices makes no room.
        gets = kind == RESOURCE_CLAIMS and self.inventory.n_given(name_of(thing)) > had
        self._look(kind, now_s, frees=not gets)

    def forget(self, kind: str, name: str, now_s: float) -> None:
        """Let an object be gone.

        Parameters
        ----------
        kind, now_s
            As of ``see``.
        name
            Its name, with its namespace where it has one.
        """
        self.inventory.forget(kind, name)
        self._look(kind, now_s, frees=True)

    def _look(self, kind: str, now_s: float, *, frees: bool) -> None:
        mirror = self._mirror
        mirror.n_released += frees
        if kind != RESOURCE_SLICES or self.inventory.gpu_nodes == mirror.reader.by_claims:
            return
        changed = self.inventory.gpu_nodes ^ mirror.reader.by_claims
        mirror.reader.by_claims = set(self.inventory.gpu_nodes)
        for node in sorted(changed & mirror.cluster.nodes.keys()):
            mirror.put_node(mirror.reader.nodes[node], now_s)

    def judged(self, seen: Seen, among: Candidates) -> Judged | str:
        """Return what candidates are to the claims of a pod, or why nobody can tell.

        Parameters
        ----------
        seen
            The pod.
        among
            The candidates.
        """
        if not self.knows:
            return "claims and devices are not known yet"
        promised = promises(self._mirror, self.inventory, but=seen.uid)
        asked = asked_by(seen, self.inventory, promised)
        if isinstance(asked, str):
            return asked
        names = list(among.names)
        verdicts = self._judge.verdicts(asked.wanted, names, dict(promised.on_node))
        whys: dict[Why, int] = {}
        codes = np.zeros(len(names), np.int64)
        for k, (name, verdict) in enumerate(zip(names, verdicts, strict=True)):
            why = verdict.why
            if asked.nodes is not None and name not in asked.nodes:
                why = _ELSEWHERE
            if why is not None:
                codes[k] = whys.setdefault(why, len(whys) + 1)
        left = Candidates(among.names, np.where(codes, NO_ROW, among.rows))
        return Judged(among, left, codes, tuple(whys), tuple(map(_cost, verdicts)))

    def judged_everywhere(self, seen: Seen) -> Judged | str:
        """Return as ``judged`` what all nodes are.

        Parameters
        ----------
        seen
            The pod.
        """
        names = NodeNames.of(sorted(self._mirror.cluster.nodes))
        return self.judged(seen, candidates(self._mirror, names))

    def with_devices(self, seen: Seen, among: Victims) -> Victims:
        """Return of some nodes those that have devices for a pod: evicting somebody frees none.

        Parameters
        ----------
        seen, among
            The pod, and the nodes with whom kube-scheduler would evict there.
        """
        judged = self.judged(seen, candidates(self._mirror, NodeNames.of(sorted(among))))
        if isinstance(judged, str):
            return {}
        nodes = zip(judged.left.names, judged.left.rows.tolist(), strict=True)
        return {name: among[name] for name, row in nodes if row >= 0}

    def nodes_for(self, seen: Seen) -> tuple[BoolArray, str]:
        """Return which rows (n_rows,) do for a pod, and why the others do not.

        Parameters
        ----------
        seen
            The pod.
        """
        judged = self.judged_everywhere(seen)
        if isinstance(judged, str):
            return np.zeros(self._mirror.cluster.view.n_rows, np.bool_), judged
        return mask(self._mirror, seen, judged.left), judged.text

    def problems(self) -> list[str]:
        """Return what cannot be used, and nodes whose GPUs two components give out."""
        nodes = self._mirror.reader.nodes
        both = [
            f"node {name}: its GPUs are in ResourceSlices and in nvidia.com/gpu; the first count"
            for name in sorted(self._mirror.reader.by_claims & nodes.keys())
            if nodes[name].node.gpu_count
        ]
        return [*self.inventory.problems.values(), *both]

    def forget_node(self, name: str) -> None:
        """Forget what is remembered of a node.

        Parameters
        ----------
        name
            The node.
        """
        self._judge.forget(name)
        self.inventory.forget_node(name)


def _cost(verdict: Verdict) -> Cost:
    return verdict.cost or _DEAREST
