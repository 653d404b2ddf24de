"""Which candidates do for a pod with claims, and which is the best: kube-scheduler allocates there.

The best keeps most of what drivers publish: see ``bayplan.traces.kubernetes.dra.keeping``. Among
equals the engine's policy chooses, by CPU and memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.extender.live.asking import BEST, Candidates
from bayplan.extender.live.dra.inventory import Inventory
from bayplan.extender.live.dra.judging import Judge, Verdict
from bayplan.extender.live.dra.wanting import asked_by, promises
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.reading import Seen
from bayplan.extender.verbs import FilterAnswer, Scores, Why
from bayplan.extender.watch.kinds import RESOURCE_CLAIMS, RESOURCE_SLICES
from bayplan.scheduler.arrays import BoolArray, IntArray
from bayplan.traces.kubernetes.dra.keeping import Cost
from bayplan.traces.kubernetes.objects import Object, name_of

_ELSEWHERE = Why("a claim of the pod has its devices on another node", lasting=True)
_NO_ROW = -1
_DEAREST = Cost(1 << 62, 0)
"""Of nodes whose cost was not found out: they come last."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Candidates by what they are to the claims of a pod.

    Attributes
    ----------
    among
        All of them.
    left
        The same, those that do not do as if they were not known.
    codes
        Of each (len(names),): 0 where it does, else the place of the reason in ``whys``, from 1.
    costs
        Of each.
    """

    among: Candidates
    left: Candidates
    codes: IntArray
    whys: tuple[Why, ...]
    costs: tuple[Cost, ...]

    def joined(self, answer: FilterAnswer) -> FilterAnswer:
        """Return an answer about what is ``left`` with the reasons of the others.

        Parameters
        ----------
        answer
            The answer.
        """
        if answer.error or answer.names is not self.among.names:
            return answer
        codes = np.where(self.codes, self.codes + len(answer.whys), answer.codes)
        return FilterAnswer(answer.names, codes, answer.whys + self.whys)

    @property
    def text(self) -> str:
        """Why candidates do not do, with how many."""
        each = np.bincount(self.codes, minlength=len(self.whys) + 1)[1:].tolist()
        return "; ".join(f"{n:,} × {why.text}" for n, why in zip(each, self.whys, strict=True))

    def cheapest(self, fits: BoolArray) -> Candidates:
        """Return of the candidates that do those that cost least, the others as if not known.

        Parameters
        ----------
        fits
            Which rows have room for what is no device (n_rows,).
        """
        open_ = self._open(fits)
        least = min((self.costs[k] for k in np.flatnonzero(open_).tolist()), default=None)
        chosen = [bool(ok) and cost == least for ok, cost in zip(open_, self.costs, strict=True)]
        return Candidates(self.left.names, np.where(chosen, self.left.rows, _NO_ROW))

    def scores(self, fits: BoolArray, row: int) -> Scores:
        """Return a score of each candidate: 10 of the choice, less for what costs more.

        Parameters
        ----------
        fits
            As of ``cheapest``.
        row
            The choice.
        """
        open_ = self._open(fits)
        ranks = {
            cost: k for k, cost in enumerate(sorted({self.costs[k] for k in np.flatnonzero(open_)}))
        }
        last = max(len(ranks) - 1, 1)
        points = [
            (BEST - 1) * (last - ranks[cost]) // last if ok else 0
            for ok, cost in zip(open_.tolist(), self.costs, strict=True)
        ]
        found = np.array(points, np.int64)
        found[self.left.rows == row] = BEST
        return Scores(self.left.names, found)

    def _open(self, fits: BoolArray) -> BoolArray:
        return np.append(fits, False)[self.left.rows]


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
    """

    def __init__(self, mirror: Mirror) -> None:
        self.inventory = Inventory()
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
        if kind != RESOURCE_SLICES:
            return
        by_claims = {node for node in self.inventory.nodes if self.inventory.gives_gpus(node)}
        changed = by_claims ^ mirror.reader.by_claims
        mirror.reader.by_claims = by_claims
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
        left = Candidates(among.names, np.where(codes, _NO_ROW, among.rows))
        return Judged(among, left, codes, tuple(whys), tuple(map(_cost, verdicts)))

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


def _cost(verdict: Verdict) -> Cost:
    return verdict.cost or _DEAREST
