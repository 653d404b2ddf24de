"""Working out why pods and gangs wait, on a copy of the cluster, beside the live state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bayplan.extender.aside import aside
from bayplan.extender.live.owner import Owner
from bayplan.extender.service.binder import Binder
from bayplan.extender.service.question import Question, finished
from bayplan.extender.service.waiting import Waiting
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.explaining.brief import Brief, Kind, State
from bayplan.scheduler.explaining.words import name


class Answering:
    """Answers questions, several on one copy.

    Parameters
    ----------
    owner
        The state.
    binder
        Knows whose turn it is where HAMi gives devices.
    waiting
        Knows how pods were refused.
    """

    def __init__(self, owner: Owner, binder: Binder, waiting: Waiting) -> None:
        self._owner, self._binder, self._waiting = owner, binder, waiting

    async def all_of(self, questions: Mapping[str, Brief | Question]) -> dict[str, Brief]:
        """Return the answers, by the same names."""
        left = {key: each for key, each in questions.items() if isinstance(each, Question)}
        found = {key: each for key, each in questions.items() if isinstance(each, Brief)}
        if left:
            engine = self._owner.engine
            copy = Engine(self._owner.mirror.cluster.copy(), engine.policy, seed=engine.seed)
            found |= await aside(_finished, left, copy)
        return {key: self._with_refusal(self._with_turn(found[key])) for key in questions}

    def _with_turn(self, brief: Brief) -> Brief:
        """Add whom a pod waits for where a device plugin takes one at a time."""
        if brief.kind is not Kind.POD or brief.state not in (State.KEPT, State.FITS):
            return brief
        (node,) = brief.nodes
        first = self._binder.giving.get(node, "")
        giver = self._owner.giver(brief.name, node)
        if first in ("", brief.name) or giver is None:
            return brief
        why = f"node {name(node)} gives devices to pod {name(first)} first: {giver.value}"
        return replace(brief, why=f"{why} takes one pod at a time")

    def _with_refusal(self, brief: Brief) -> Brief:
        """Add what was said last of a pod that there would be room for, or of a member."""
        if brief.state is not State.FITS:
            return brief
        pods: list[str] = [brief.name]
        if brief.kind is Kind.GANG:
            pods = [*self._owner.mirror.groups.get(brief.name, ())]
        why = next((why for uid in pods if (why := self._waiting.why(uid))), "")
        return replace(brief, notes=(*brief.notes, f"it was refused last: {why}")) if why else brief


def _finished(questions: Mapping[str, Question], engine: Engine) -> dict[str, Brief]:
    return {key: finished(question, engine) for key, question in questions.items()}
