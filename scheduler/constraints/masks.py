"""The one door: why each node does not suit a pod with constraints.

What is remembered hangs at the cluster's view, and a copy of a cluster starts without: the index
of nodes and pods (brought up to date by the change log, so that it holds inside a trial and after
it), what nodes by themselves say to a pod (until a node's labels or taints change), and the
answers since the latest change.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from bayplan.scheduler.arrays import CodeArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.constraints.dynamic import Wishes, refuse, wishes_of
from bayplan.scheduler.constraints.index import Index
from bayplan.scheduler.constraints.static import Question, Static, static_of
from bayplan.scheduler.constraints.types import Constraints, Labels
from bayplan.scheduler.constraints.validate import validate
from bayplan.scheduler.types import Reason, Request

_KEPT_BYTES = 64 << 20
_MAX_WISHES = 16_384
_KEY = object()
"""Its id is the place among the view's memos."""


class Masks:
    """Answers for one cluster, with what it remembers from one question to the next."""

    def __init__(self, size: int) -> None:
        self.index = Index(size)
        self._rows = np.zeros(size, np.int64)
        self._statics: OrderedDict[Question, Static] = OrderedDict()
        self._wishes: dict[int, tuple[Constraints, Wishes]] = {}
        self._answers: dict[tuple[int, Labels], tuple[Constraints, CodeArray]] = {}
        self._answered = -1

    def codes(self, cluster: Cluster, request: Request, constraints: Constraints) -> CodeArray:
        """Return the codes (capacity,) of a request, which must not be written to."""
        self.index.bring_up(cluster, self._rows)
        if self._answered != cluster.log.number:
            self._answers.clear()
            self._answered = cluster.log.number
        key = id(constraints), request.node_labels
        known = self._answers.get(key)
        if known is not None and known[0] is constraints:
            return known[1]
        codes = self._answer(request, constraints)
        codes.flags.writeable = False
        if len(self._answers) >= max(1, _KEPT_BYTES // (codes.size + 1)):
            self._answers.clear()
        self._answers[key] = constraints, codes
        return codes

    def _answer(self, request: Request, constraints: Constraints) -> CodeArray:
        wishes = self._wishes_of(request.uid, constraints)
        question = constraints.tolerations, constraints.node_affinity, request.node_labels
        static = self._static(question)
        codes = np.full(self.index.size, Reason.FITS, np.int8)
        refuse(self.index, wishes, static, codes)
        return np.where(static.codes == Reason.FITS, codes, static.codes)

    def _static(self, question: Question) -> Static:
        static = self._statics.get(question)
        if static is not None and static.node_changes == self.index.node_changes:
            self._statics.move_to_end(question)
            return static
        self._statics.pop(question, None)
        while len(self._statics) >= max(16, _KEPT_BYTES // (4 * self.index.size + 1)):
            self._statics.popitem(last=False)
        static = self._statics[question] = static_of(self.index, question)
        return static

    def _wishes_of(self, uid: str, constraints: Constraints) -> Wishes:
        template = self.index.template(constraints)
        known = self._wishes.get(id(constraints))
        if known is not None and known[0] is constraints and known[1].template is template:
            return known[1]
        validate(uid, constraints)
        wishes = wishes_of(constraints, template)
        if len(self._wishes) >= _MAX_WISHES:
            self._wishes.clear()
        self._wishes[id(constraints)] = constraints, wishes
        return wishes


def constraint_reasons(cluster: Cluster, request: Request) -> CodeArray:
    """Return why each row does not suit a request's constraints: (n_rows,), not to be written to.

    ``Reason.FITS`` where it does, -1 without a node; of several reasons the first in the order of
    ``Reason``. Room is another question. Pods of the cluster count, bound and held, as they are
    now: inside a trial, those of the trial. A request without constraints suits everywhere.

    Raises
    ------
    InvalidRequest
        Constraints that the Kubernetes API would refuse.
    """
    view = cluster.view
    if request.constraints is None:
        return np.where(view.alive[: view.n_rows], 0, -1).astype(np.int8)
    masks = view.memos.get(id(_KEY))
    if not isinstance(masks, Masks) or masks.index.size != view.alive.size:
        masks = view.memos[id(_KEY)] = Masks(view.alive.size)
    return masks.codes(cluster, request, request.constraints)[: view.n_rows]
