"""Where one pod goes by itself: which candidates would do, and the best, which is held for it."""

from __future__ import annotations

import numpy as np

from bayplan.extender.live import limiting
from bayplan.extender.live.asking import (
    Candidates,
    alone,
    best,
    filtered,
    one,
    scored,
)
from bayplan.extender.live.dra.judged import Judged
from bayplan.extender.live.dra.steering import Steering
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.quota import Quota, is_vague
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.settings import Live
from bayplan.extender.verbs import FilterAnswer, Scores
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest, StateError
from bayplan.scheduler.types import Decision


class Placing:
    """Places pods one at a time, within the limits of their queues.

    Parameters
    ----------
    mirror, engine, steering
        The cluster, what decides, and where claims of devices can go.
    settings
        Whether filter chooses already, and how long room is held.
    quota
        The queues; None: there are none.
    """

    def __init__(
        self,
        mirror: Mirror,
        engine: Engine,
        steering: Steering,
        settings: Live,
        quota: Quota | None,
    ) -> None:
        self._mirror, self._engine, self._steering = mirror, engine, steering
        self._settings, self._quota = settings, quota

    def filter(self, seen: Seen, among: Candidates, now_s: float, *, holds: bool) -> FilterAnswer:
        """Say which candidates may take a pod; with ``holds`` the only one left is held for it.

        Raises
        ------
        InvalidRequest
            The engine cannot take what the pod asks for.
        """
        if holds:
            self.drop_hold(seen.uid, now_s)
        # A queue may have limits by GPU model.
        closed = {} if self._quota is None else self._quota.closed(alone(self._mirror, seen))
        beside = among
        if self._quota is not None and closed:
            beside = limiting.without(among, self._quota.closed_rows(closed))
        if holds and self._settings.at_filter and (node := self.chosen(seen, beside, now_s)):
            return one(node)
        if why := self._over_anywhere(seen, beside, now_s):
            return FilterAnswer.nowhere(among.names, why, lasting=True)
        answer = filtered(self._mirror, self._engine, seen, among)
        if closed:
            answer = limiting.with_reasons(answer, among, closed, self._mirror)
        if holds and np.count_nonzero(answer.fits) == 1:  # nobody asks for scores of one node
            self.chosen(seen, beside, now_s)
        return answer

    def scores(self, seen: Seen, among: Candidates, now_s: float) -> Scores | None:
        """Return a score for each candidate, the best of which is held; None: it goes nowhere."""
        self.drop_hold(seen.uid, now_s)
        try:
            if (found := self._choice(seen, among, now_s)) is None:
                return None
            choice, node, judged = found
            if judged is None:
                points = scored(self._mirror, self._engine, seen, among, node)
            else:
                points = judged.scores(self.fits(seen), self._mirror.cluster.row(node))
            self._mirror.hold(choice, now_s + self._settings.hold_s)
        except (InvalidRequest, StateError):
            return None
        return points

    def chosen(self, seen: Seen, among: Candidates, now_s: float) -> str:
        """Return the best node, which is held; empty where there is none.

        Raises
        ------
        InvalidRequest
            The engine cannot take what the pod asks for.
        """
        if (found := self._choice(seen, among, now_s)) is None:
            return ""
        choice, node, _ = found
        try:
            self._mirror.hold(choice, now_s + self._settings.hold_s)
        except StateError:
            return ""
        return node

    def fits(self, seen: Seen) -> BoolArray:
        """Return which rows (n_rows,) have room for a pod, but for the devices of its claims."""
        fits, giving = self._engine.feasible(alone(self._mirror, seen)), self._mirror.giving(seen)
        return fits if giving is None else fits & giving

    def drop_hold(self, uid: str, now_s: float) -> None:
        """Let room be free that is held for a pod, if there is any."""
        if uid in self._mirror.holds:
            self._mirror.release(uid, now_s)

    def _choice(
        self, seen: Seen, among: Candidates, now_s: float
    ) -> tuple[Decision, str, Judged | None] | None:
        """Return the best decision, its node, and what its claims say; None: there is none.

        With claims it is where most is kept of what devices there are.
        """
        judged = self._steering.judged(seen, among) if seen.claims else None
        if isinstance(judged, str):
            return None
        if judged is not None:
            among = judged.cheapest(self.fits(seen))
        choice = best(self._mirror, self._engine, seen, among, now_s)
        if choice.placement is None:
            return None
        if self._quota is not None and self._quota.over([choice]):
            return None
        return choice, choice.placement.node, judged

    def _over_anywhere(self, seen: Seen, among: Candidates, now_s: float) -> str:
        """Return which limit a pod breaks at its best node, if only placing it tells how much."""
        if self._quota is None or seen.uid in self._mirror.cluster.pods:
            return ""
        if not is_vague(alone(self._mirror, seen)):
            return ""
        choice = best(self._mirror, self._engine, seen, among, now_s)
        return "" if choice.placement is None else self._quota.over([choice])
