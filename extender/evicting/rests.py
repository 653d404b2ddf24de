"""Gangs that were evicted in part for a gang that is given up: the others of them are to follow.

A gang with too few members does nothing and keeps its GPUs. However long an eviction is refused, it
is tried again, while other gangs are helped.
"""

from __future__ import annotations

from collections.abc import Iterator

from bayplan.extender.evicting.help import Help, Unit, Victim, staying
from bayplan.extender.live.owner import Owner
from bayplan.traces.kubernetes.objects import Object


class Rests:
    """Helps that are over, each with ``begun`` still to be evicted."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._helps: list[Help] = []

    def __iter__(self) -> Iterator[Help]:
        return (each for each in self._helps if each.begun)

    def __bool__(self) -> bool:
        return any(self)

    @property
    def gangs(self) -> set[str]:
        """The gangs that are in part."""
        return {each.begun[0].gang for each in self}

    def page(self) -> list[Object]:
        """Return who is still to be evicted, by gang."""
        return [
            {"gang": each.begun[0].gang, "to_evict": each.left, "refused": each.why}
            for each in self
        ]

    def add(self, over: Help) -> None:
        """Let the rest of a unit follow.

        Parameters
        ----------
        over
            A help that is in part.
        """
        self._helps.append(over)

    def clear(self) -> None:
        """Let all be as they are."""
        self._helps.clear()

    def settle(self) -> None:
        """Forget who has all left, and of whom as many run by now as must."""
        self._helps = [each for each in self if not self._may_stay(each)]

    def take_over(self, unit: Unit) -> Unit:
        """Let those follow no longer who leave for another gang now; return who left before them.

        With these a unit is in part as it was.

        Parameters
        ----------
        unit
            Who leaves now.
        """
        before: list[Victim] = []
        for each in self:
            if any(victim in unit for victim in each.begun):
                before += [victim for victim in each.unit if victim not in each.begun]
                each.begun = tuple(victim for victim in each.begun if victim not in unit)
        return tuple(before)

    def _may_stay(self, each: Help) -> bool:
        owner, gang = self._owner, each.begun[0].gang
        group = owner.plans.group(gang)
        return group is None or staying(owner.mirror, gang, ()) >= owner.plans.least(group)
