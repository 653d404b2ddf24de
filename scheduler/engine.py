"""The engine: answers questions about a cluster, and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayplan.kernels.fit import MAX_SLOTS, count_codes
from bayplan.kernels.hashing import mix
from bayplan.kernels.pick import pick_first_among, pick_hashed
from bayplan.scheduler.claims import by_claim, chosen_of, decide_rest, granted_of, left_open
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.columns import Columns
from bayplan.scheduler.constraints.deciding import decide_within, earlier, limits_of
from bayplan.scheduler.grants import GrantTable
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.near import choose_near
from bayplan.scheduler.policies import PlacementPolicy, Ties
from bayplan.scheduler.policies._base import Ask, ask_of, uses_images
from bayplan.scheduler.rows import stable_key
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.shapes import AskedShapes
from bayplan.scheduler.types import (
    ANONYMOUS,
    Decision,
    Grant,
    Isolation,
    Placement,
    Reason,
    Request,
)
from bayplan.scheduler.view import BoolArray, CodeArray, FloatArray

if TYPE_CHECKING:  # many requests need none of these; they are imported at the first that does
    from bayplan.scheduler.gangs.topology import Domains, TopologyKeys
    from bayplan.scheduler.gangs.types import Gang, GangPlan
    from bayplan.scheduler.preemption.types import GangPreemption, Guards, Preemption

MIB = 1 << 20
_REASONS = list(Reason)
_EVERYONE = np.zeros(0, np.bool_)
_NO_KEY = np.uint64(0)


@dataclass(frozen=True, slots=True)
class WishReasons:
    """For one way to satisfy a request: how many nodes fit, and how many fail by each reason.

    ``isolation`` is the accepted one that this is about, if the request names some.
    """

    chosen: tuple[int, ...]
    fitting: int
    reasons: tuple[tuple[Reason, int], ...]
    isolation: Isolation | None = None


class Engine:
    """Decides for one cluster under one policy.

    All methods are pure: they read the cluster, and what they remember (score columns) never
    shows in an answer. ``nodes`` is a mask over rows, (n_rows,) bool: the candidates; None is
    all. Nothing here reads a clock: what depends on time takes ``now_s``. A claim that other
    pods hold is not decided again: its users go where it is.

    Parameters
    ----------
    cluster
        The cluster to decide for; its owner applies what is decided.
    policy
        The placement policy.
    seed
        For policies that draw: draws are a hash of (seed, uid, node).
    places
        Where new MIG instances start; a policy that places them itself (``places``) comes first.
    cache_mib
        Bound of the score columns. One takes 9 bytes a row, so the default holds some 230 shapes
        of a cluster of 100,000 nodes (arrays grow by doubling). The column used longest ago is
        dropped first.
    topology
        Which node labels name topology domains.
    """

    def __init__(
        self,
        cluster: Cluster,
        policy: PlacementPolicy,
        *,
        seed: int = 0,
        places: Places | None = None,
        cache_mib: int = 256,
        topology: TopologyKeys | None = None,
    ) -> None:
        self.cluster = cluster
        self.policy = policy
        self.seed = seed % (1 << 64)
        self.places = getattr(policy, "places", None) or places or Places()
        self.columns = Columns(cluster, policy, self.places, cache_mib * MIB)
        self._asked = AskedShapes(self.columns.clear, by_images=uses_images(policy))
        self._column_of = self._asked.column_of
        self._grants = GrantTable()
        self._slots = np.zeros(MAX_SLOTS, np.int64)
        self._counts = np.zeros(len(Reason), np.int64)
        self._draws = policy.ties is Ties.LEAST_HASH
        self._everyone = np.zeros(0, np.bool_)
        self._topology = topology

    @cached_property
    def domains(self) -> Domains:
        """The topology domains of the cluster."""
        from bayplan.scheduler.gangs.topology import Domains

        return Domains(self.cluster, self._topology)

    def decide(
        self, request: Request, now_s: float, nodes: BoolArray | None = None, *, why: bool = True
    ) -> Decision:
        """Return where a request goes now, or why nowhere (if ``why``: reasons take longest).

        Alternatives are tried in order; the first that fits a candidate is taken, on the node
        that the policy scores highest for it.

        Raises
        ------
        InvalidRequest
            The request makes no sense on any cluster.
        ValueError
            ``nodes`` is no mask over the rows.
        """
        if nodes is not None:
            self._check_mask(nodes)
        if request.constraints is not None:
            return decide_within(self, request, now_s, nodes, why=why)
        if self.cluster.claims and (granted := granted_of(self.cluster, request)):
            return decide_rest(self, request, granted, now_s, nodes)
        shapes = self.shapes(request)
        salt = self._salt(request.uid) if self._draws else _NO_KEY
        for shape in shapes:
            if shape.refusal:
                continue
            row, score = self._best(shape, salt, nodes)
            if row >= 0:
                placement = self._placement(shape, row, salt)
                version = self.cluster.view.version.item(row)
                return Decision(request, now_s, placement, score, ((placement.node, version),))
        reasons = self._reasons(shapes[0], nodes).reasons if why else ()
        return Decision(request, now_s, None, reasons=reasons)

    def decide_gang(self, gang: Gang, now_s: float, nodes: BoolArray | None = None) -> GangPlan:
        """Return where the members of a gang go together now, or why nowhere.

        Members that are in the cluster already (bound or held) stay where they are and count.

        Raises
        ------
        InvalidRequest
            The gang, or the request of a member, makes no sense on any cluster.
        ValueError
            ``nodes`` is no mask over the rows.
        """
        if nodes is not None:
            self._check_mask(nodes)
        from bayplan.scheduler.gangs.planning import plan_gang

        return plan_gang(self, gang, now_s, nodes)

    def preempt(
        self,
        request: Request,
        now_s: float,
        guards: Guards | None = None,
        policy: str = "priority",
        nodes: BoolArray | None = None,
    ) -> Preemption:
        """Return whom to evict so that a pod fits, by node: see ``scheduler.preemption``."""
        from bayplan.scheduler.preemption import preempt

        return preempt(self, request, now_s, guards, policy, nodes)

    def preempt_gang(
        self,
        gang: Gang,
        now_s: float,
        guards: Guards | None = None,
        policy: str = "priority",
        nodes: BoolArray | None = None,
    ) -> GangPreemption:
        """Return whom to evict so that a gang fits: see ``scheduler.preemption``."""
        from bayplan.scheduler.preemption import preempt_gang

        return preempt_gang(self, gang, now_s, guards, policy, nodes)

    def column_of(self, shape: Shape) -> Shape:
        """Return the shape whose score column a shape shares."""
        return self._column_of[shape]

    def feasible(self, request: Request, nodes: BoolArray | None = None) -> BoolArray:
        """Return on which rows some alternative of the request fits: (n_rows,)."""
        request, nodes = self._open(request, nodes)
        fits = np.zeros(self.cluster.view.n_rows, np.bool_)
        for shape in self.shapes(request):
            if not shape.refusal:
                fits |= self._scores(shape) > -np.inf
        return fits if nodes is None else fits & nodes

    def scores(self, request: Request, nodes: BoolArray | None = None) -> FloatArray:
        """Return the scores (n_rows,) by which ``decide`` chooses; -inf where it would not go.

        They are those of the first alternative that fits any candidate.
        """
        request, nodes = self._open(request, nodes)
        best = np.full(self.cluster.view.n_rows, -np.inf)
        for shape in self.shapes(request):
            if shape.refusal:
                continue
            scores = self._scores(shape)
            best = scores.copy() if nodes is None else np.where(nodes, scores, -np.inf)
            if best.size and best.max() > -np.inf:
                break
        return best

    def codes(self, request: Request) -> CodeArray:
        """Return why each row cannot take a request by its first wish (n_rows,), up to date.

        Numbers of ``Reason`` (0: it fits), -1 without a node. Read them before the next change.
        """
        request, nodes = self._open(request, None)
        (shape, *_) = self.shapes(request)
        codes = self._refused(self.columns.codes(self._column_of[shape]), shape)
        if nodes is None:
            return codes
        return np.where(nodes | (codes != 0), codes, np.int8(Reason.EXCLUDED))

    def explain(self, request: Request, nodes: BoolArray | None = None) -> tuple[WishReasons, ...]:
        """Return, for each alternative in order, how many nodes fit and why the others do not."""
        granted = granted_of(self.cluster, request)
        rest, there = self._open(request._replace(constraints=None), nodes)
        limits = limits_of(self.cluster, request)
        found = tuple(self._reasons(shape, there, limits) for shape in self.shapes(rest))
        if not granted:
            return found
        return tuple(
            WishReasons(
                chosen_of(request, granted, each.chosen),
                each.fitting,
                by_claim(self.cluster, each.reasons, granted, nodes),
                each.isolation,
            )
            for each in found
        )

    def shapes(self, request: Request) -> tuple[Shape, ...]:
        """Return the request's ways to be satisfied; equal questions share their shapes."""
        return self._asked.shapes(request)

    def _scores(self, shape: Shape) -> FloatArray:
        return self.columns.scores(self._column_of[shape])

    def _check_mask(self, nodes: BoolArray) -> None:
        # Kernels believe what they are given.
        n_rows = self.cluster.view.n_rows
        if nodes.dtype != np.bool_ or nodes.shape != (n_rows,):
            raise ValueError(f"nodes: {nodes.dtype}{nodes.shape}; give bool ({n_rows},)")

    def _best(self, shape: Shape, salt: np.uint64, nodes: BoolArray | None) -> tuple[int, float]:
        scores = self.columns.scores(self._column_of[shape])
        if not scores.size:
            return -1, -np.inf
        if self._draws:
            everyone = self._all_rows(scores.size) if nodes is None else np.ascontiguousarray(nodes)
            row = pick_hashed(scores, everyone, salt, self.cluster.view.name_key)
        elif nodes is None:
            row = int(scores.argmax())
        else:
            row = pick_first_among(scores, np.ascontiguousarray(nodes))
        score = scores.item(row) if row >= 0 else -np.inf
        if score > -np.inf:
            return row, score
        if score != score:  # argmax finds it, and to all comparisons it is nothing
            raise ValueError(
                f"{type(self.policy).__name__}.score is not a number for {self.cluster.name(row)}"
            )
        return -1, score

    def _all_rows(self, size: int) -> BoolArray:
        if self._everyone.size != size:
            self._everyone = np.ones(size, np.bool_)
        return self._everyone

    def _salt(self, uid: str) -> np.uint64:
        return np.uint64(mix(np.uint64(self.seed), np.uint64(stable_key(uid))))

    def _placement(self, shape: Shape, row: int, salt: np.uint64) -> Placement:
        if not shape.count:
            name = self.cluster.name(row)
            return Placement(name, ((),) * len(shape.asks), shape.chosen)
        view, key = self.cluster.view, _NO_KEY
        if self._draws:
            key = np.uint64(mix(salt, view.name_key[row]))
        alike = self._column_of[shape]
        ask = ask_of(view, shape, self.columns.needs(alike), row, key)
        if shape.near is not None:
            return self.placement_on(shape, ask, choose_near(self, shape, ask, self._slots))
        self.policy.choose(view, alike, ask, self._slots)
        return self.placement_on(shape, ask, self._slots[: ask.n_wanted].tolist())

    def placement(self, shape: Shape, row: int) -> Placement:
        """Return the placement of a shape on a row that it fits, as the policy chooses."""
        return self._placement(shape, row, _NO_KEY)

    def placement_on(self, shape: Shape, ask: Ask, indices: list[int]) -> Placement:
        """Return the placement of a shape on stated slots of the row of ``ask``.

        ``indices`` (``shape.count``) are those of free slots on the node, as a policy chooses them.
        """
        return self.dealt(shape, self.cluster.name(ask.row), self.grants_on(ask, indices))

    def dealt(self, shape: Shape, name: str, grants: tuple[Grant, ...]) -> Placement:
        """Return the placement of a shape on a node, with its grants dealt out to its devices."""
        return Placement(name, self._grants.split(grants, shape), shape.chosen)

    def grants_on(self, ask: Ask, indices: list[int]) -> tuple[Grant, ...]:
        """Return what a shape gets of stated slots of the row of ``ask``, each in its turn."""
        if not indices:
            return ()
        view = self.cluster.view
        number = view.row_kind.item(ask.row)
        if number < 0:
            return self._granted_of_mixed(ask, indices)
        kind, need = view.kinds.kinds[number], ask.needs.by_kind[number]
        if kind.profile is not None or need.profile is not None:
            return self._granted_of_mixed(ask, indices)
        if kind.anonymous:
            indices = [ANONYMOUS] * len(indices)
        return self._grants.of_gpus(indices, need.milli, need.mib)

    def _granted_of_mixed(self, ask: Ask, indices: list[int]) -> tuple[Grant, ...]:
        view = self.cluster.view
        used: dict[int, int] = {}
        grants = []
        for index in indices:
            slot = ask.start + index
            number = view.slot_kind.item(slot)
            kind, need = view.kinds.kinds[number], ask.needs.by_kind[number]
            gpu = ANONYMOUS if kind.anonymous else view.slot_gpu.item(slot)
            start = view.slot_first.item(slot)
            if need.profile is not None and kind.profile is None:
                # A pod with several instances takes one place after the other.
                before = used.get(slot, view.slot_used.item(slot))
                bits = self.places.bits(kind, need, before)
                used[slot] = before | bits
                start = (bits & -bits).bit_length() - 1
            grants.append(self._grants.grant(gpu, need.milli, need.mib, start, need.profile))
        return tuple(grants)

    def _reasons(
        self, shape: Shape, nodes: BoolArray | None, limits: CodeArray | None = None
    ) -> WishReasons:
        codes = self._refused(self.columns.codes(self._column_of[shape]), shape)
        if limits is not None:
            codes = earlier(codes, limits)
        everyone = _EVERYONE if nodes is None else np.ascontiguousarray(nodes)
        count_codes(codes, everyone, self._counts)
        counts = self._counts.tolist()
        reasons = tuple([(_REASONS[c], n) for c, n in enumerate(counts) if n and c])
        fitting = counts[Reason.FITS]
        return WishReasons(shape.chosen, fitting, reasons, shape.want.isolation)

    def _refused(self, codes: CodeArray, shape: Shape) -> CodeArray:
        """Return codes with what is wrong with the shape itself; -1 (no node) stays."""
        if not shape.refusal:
            return codes
        # The first reason in the order of ``Reason`` counts.
        return np.where((codes == 0) | (codes > shape.refusal), np.int8(shape.refusal), codes)

    def _open(self, request: Request, nodes: BoolArray | None) -> tuple[Request, BoolArray | None]:
        if nodes is not None:
            self._check_mask(nodes)
        return left_open(self, request, nodes)
