"""Gangs as their pods and PodGroups say, read anew only where one of these is another.

To read a gang of hundreds takes milliseconds, and each of its members asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bayplan.extender.live.reading import Reader, Seen
from bayplan.scheduler.gangs.types import Gang
from bayplan.traces.kubernetes.budgets import Budgets
from bayplan.traces.kubernetes.gangs import Group, gang_of, group_of, role_of
from bayplan.traces.kubernetes.objects import Object
from bayplan.traces.kubernetes.pods import PodFacts
from bayplan.traces.kubernetes.schemes import Member
from bayplan.traces.kubernetes.types import Problem


@dataclass(slots=True)
class _Read:
    """A gang, what is wrong with its words, and what it was read of."""

    group: Group
    problems: tuple[Problem, ...]
    members: list[Member]
    stated: list[Object]


@dataclass(slots=True)
class _Made:
    """A gang as the engine takes it, and what it was made of."""

    gang: Gang
    group: Group
    facts: list[PodFacts]
    least: int
    n_selecting: int
    budgets: Budgets


@dataclass(slots=True)
class GangReader:
    """Remembers the gangs that it has read, by namespace/name.

    Lists compare by identity first: who was not seen anew costs next to nothing.
    """

    reader: Reader
    _known: dict[str, _Read] = field(default_factory=dict)
    _made: dict[str, _Made] = field(default_factory=dict)

    def read(
        self, name: str, members: list[Member], stated: list[Object]
    ) -> tuple[Group, tuple[Problem, ...]]:
        """Return a gang, and what of its words cannot be used.

        Parameters
        ----------
        name
            Namespace/name.
        members
            Its pods, one at least.
        stated
            PodGroups of its name.
        """
        known = self._known.get(name)
        if known is not None and known.members == members and known.stated == stated:
            known.members, known.stated = members, stated
            return known.group, known.problems
        problems: list[Problem] = []
        group = group_of(name, members, stated, problems)
        self._known[name] = _Read(group, tuple(problems), members, stated)
        return group, tuple(problems)

    def gang(self, group: Group, here: Sequence[Seen], least: int) -> Gang:
        """Return a gang as the engine takes it; what is the same is the same object.

        Parameters
        ----------
        group
            As ``read`` gives it.
        here
            The members that are there.
        least
            How many must start together.
        """
        facts, budgets = [seen.facts for seen in here], self.reader.budgets
        known, n_selecting = self._made.get(group.name), self.reader.n_selecting
        if (
            known is not None
            and known.group is group
            and (known.least, known.n_selecting) == (least, n_selecting)
            and known.budgets is budgets
            and known.facts == facts
        ):
            known.facts = facts
            return known.gang
        requests = {seen.uid: self.reader.request(seen, group.name) for seen in here}
        roles = Counter(role_of(each.member) for each in facts) if group.tasks else Counter[str]()
        tasks = {task: min(n, roles[task]) for task, n in group.tasks.items()}
        gang = gang_of(replace(group, least=min(least, len(here)), tasks=tasks), requests)
        self._made[group.name] = _Made(gang, group, facts, least, n_selecting, budgets)
        return gang

    def forget(self, name: str) -> None:
        """Forget a gang.

        Parameters
        ----------
        name
            Namespace/name.
        """
        self._known.pop(name, None)
        self._made.pop(name, None)
