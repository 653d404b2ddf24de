"""Gangs of which fewer run than must, for longer than it takes to bind them."""

from __future__ import annotations

from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.plans import Plans
from bayplan.traces.kubernetes.gangs import Group


class Partial:
    """Finds gangs that are bound in part, and remembers since when they are."""

    def __init__(self, mirror: Mirror, plans: Plans) -> None:
        self._mirror, self._plans = mirror, plans
        self._since_s: dict[str, float] = {}
        self._whole: dict[str, tuple[int, int, int | None, int]] = {}

    def gangs(self, now_s: float) -> list[tuple[Group, list[str]]]:
        """Return the gangs that are bound in part for longer than a plan lives, with who is."""
        found, partial, whole = [], {}, {}
        mirror, plans = self._mirror, self._plans
        for name, uids in mirror.groups.items():
            n_bound = sum(map(mirror.is_bound, uids))
            if not n_bound:
                continue
            # What each of thousands is takes long to say: it is asked again when something changed.
            as_it_is = len(uids), n_bound, plans.sizes.get(name), plans.n_stated
            if self._whole.get(name) == as_it_is:
                whole[name] = as_it_is
                continue
            group = plans.group(name)
            bound = [] if group is None else plans.bound(group)
            if group is None or not 0 < len(bound) < plans.least(group):
                whole[name] = as_it_is
                continue
            partial[name] = since_s = self._since_s.get(name, now_s)
            if now_s - since_s > plans.settings.hold_s and name not in plans.plans:
                found.append((group, bound))
        self._since_s, self._whole = partial, whole
        return found
