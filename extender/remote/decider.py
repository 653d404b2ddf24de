"""Decisions for a program that plays with time, such as a simulation, taken by a live service.

What is decided is committed under names of the program's own, for a while that is begun anew as
long as it goes on: room of a program that dies is free again by itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic, perf_counter
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from bayplan.extender.remote.client import Client
from bayplan.extender.remote.errors import RemoteError
from bayplan.extender.remote.nodes import free_nodes
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.types import Decision, Reason, Request

Each = TypeVar("Each")

HOLD_S = 600.0
"""How long room is kept of a program that has died."""

PART = 200
"""Decisions, or uids, a call: some 50 KB, of the 4 MiB that servers take."""


class RemoteDecider:
    """Decides by a service, in the run of one program, and keeps the room for it.

    To be used as a context: what is still there at its end is given back. All methods raise
    ``RemoteError`` where the service answers no longer or has lost room of the run.

    Parameters
    ----------
    client
        The service.
    where
        What messages call it.
    hold_s
        How long room is kept unless it is committed again.

    Attributes
    ----------
    placement
        The policy of the service.
    nodes
        The nodes as they were when this was made; see ``free_nodes``.
    taken_s
        The seconds that each ``decisions``, ``commits`` and ``releases`` took.
    """

    def __init__(self, client: Client, where: str, hold_s: float = HOLD_S) -> None:
        self._client, self.where, self._hold_s = client, where, hold_s
        state = client.snapshot()
        self.placement, self.nodes = state.placement, free_nodes(state)
        self._prefix = f"run-{secrets.token_hex(4)}/"
        self._among: Sequence[str] = ()
        self._held: dict[str, Decision] = {}
        self._there_s = state.now_s
        self._again_s = monotonic() + hold_s / 3
        self._is_calling = False  # a call that was broken off was never over
        self.taken_s: dict[str, list[float]] = {"decisions": [], "commits": [], "releases": []}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None and not self._is_calling:
            self._give_back(list(self._held))
            return
        with suppress(RemoteError):  # what went wrong first is told, and who has room is not sure
            for uids in _parts(list(self._held)):
                self._client.release(*uids)

    def choose_among(self, names: Sequence[str]) -> None:
        """Decide for these nodes alone.

        Parameters
        ----------
        names
            Names of nodes of the service.
        """
        # All of them need not be sent with each question.
        self._among = () if len(names) == len(self.nodes) else tuple(names)

    def decide(
        self, request: Request, now_s: float, nodes: BoolArray | None = None, *, why: bool = True
    ) -> Decision:
        """Return where a pod goes now, or why nowhere; see ``Client.decide``.

        Parameters
        ----------
        request
            What it asks for.
        now_s
            The time of the program, which the decision has.
        nodes
            None: those of ``choose_among``.
        why
            Reasons are always there.
        """
        assert nodes is None
        self._go_on()
        with self._timed("decisions"):
            found = self._client.decide(self._renamed(request), self._among)
        self._there_s = found.now_s
        reasons = tuple([each for each in found.reasons if each[0] is not Reason.EXCLUDED])
        return found._replace(request=request, now_s=now_s, reasons=reasons)

    def decide_gang(self, gang: Gang, now_s: float, nodes: BoolArray | None = None) -> GangPlan:
        """Return where the members of a gang go together now, or why nowhere.

        Parameters
        ----------
        gang
            Who starts together.
        now_s, nodes
            As ``decide``.
        """
        assert nodes is None
        self._go_on()
        with self._timed("decisions"):
            found = self._client.decide_gang(self._renamed_gang(gang), self._among)
        self._there_s = found.now_s
        asked = {each.uid: each for role in gang.roles for each in role.members}
        decisions = tuple(
            each._replace(request=asked[self._own(each.request.uid)], now_s=now_s)
            for each in found.decisions
        )
        return GangPlan(
            gang,
            now_s,
            decisions,
            tuple(map(self._own, found.bound)),
            found.rests_on,
            found.domains,
            found.missing,
            self._own(found.first_left),
            found.why.replace(self._prefix, ""),
        )

    def commit(self, decisions: Sequence[Decision]) -> None:
        """Take the room of decisions, of all or of none.

        Parameters
        ----------
        decisions
            What was decided here.

        Raises
        ------
        Conflict
            Something else has taken it meanwhile.
        """
        renamed = [each._replace(request=self._renamed(each.request)) for each in decisions]
        # Before the call: who hears no answer has the room perhaps.
        self._held |= {each.request.uid: each for each in renamed}
        try:
            with self._timed("commits"):
                self._commit(renamed)
        except Conflict:
            self._is_calling = False
            for each in renamed:
                del self._held[each.request.uid]
            raise

    def release(self, uids: Sequence[str]) -> None:
        """Give back the room of pods.

        Parameters
        ----------
        uids
            The pods.
        """
        self._go_on()
        with self._timed("releases"):
            self._give_back([self._prefix + uid for uid in uids])

    def about(self) -> str:
        """Return a line about what it was asked, and how long that took."""
        said = [
            f"{len(taken):,} {what} ({_ms(taken, 50)} ms in the middle, {_ms(taken, 99)} ms at p99)"
            for what, taken in self.taken_s.items()
            if taken
        ]
        return f"decided by {self.where}: {', '.join(said) or 'nothing'}"

    # --- inside ---------------------------------------------------------------------------

    def _renamed(self, request: Request) -> Request:
        gang = self._prefix + request.gang if request.gang else ""
        return request._replace(uid=self._prefix + request.uid, gang=gang)

    def _renamed_gang(self, gang: Gang) -> Gang:
        roles = tuple(
            replace(role, members=tuple(map(self._renamed, role.members))) for role in gang.roles
        )
        return replace(gang, name=self._prefix + gang.name, roles=roles)

    def _own(self, uid: str) -> str:
        return uid.removeprefix(self._prefix)

    def _commit(self, renamed: Sequence[Decision]) -> None:
        try:
            until_s = self._client.commit(*renamed, hold_s=self._hold_s)
        except Conflict as conflict:
            raise Conflict(
                f"{self.where}: room that was decided on is taken, as something else changes the"
                f" cluster ({str(conflict).replace(self._prefix, '')})"
            ) from None
        if until_s is not None:  # the service may have a shorter limit
            self._again_s = min(self._again_s, monotonic() + (until_s - self._there_s) / 3)

    def _go_on(self) -> None:
        """Let what is held be held for longer, if a third of its time is over."""
        if monotonic() < self._again_s:
            return
        self._again_s = monotonic() + self._hold_s / 3
        for decisions in _parts(list(self._held.values())):
            self._commit(decisions)

    def _give_back(self, uids: Sequence[str]) -> None:
        for part in _parts(uids):
            released = self._client.release(*part)
            for uid in part:
                del self._held[uid]
            if lost := sorted(set(part).difference(released)):
                raise RemoteError(
                    f"{self.where}: {self._own(lost[0])} has lost its room: the service was"
                    " started anew, or others run in its place"
                )

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        self._is_calling, start_s = True, perf_counter()
        yield
        self._is_calling = False
        self.taken_s[what].append(perf_counter() - start_s)


def _parts(things: Sequence[Each]) -> Iterator[Sequence[Each]]:
    for start in range(0, len(things), PART):
        yield things[start : start + PART]


def _ms(taken_s: Sequence[float], percent: int) -> str:
    return f"{1000.0 * float(np.percentile(taken_s, percent)):.2f}"
