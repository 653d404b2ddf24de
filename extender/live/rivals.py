"""Keys that name gangs and do not count, because another one does: whether they agree with it.

Projects give one gang names of their own, and that is fine as long as the same pods have them.
Where two keys put pods together differently nobody knows which of them is meant, and whoever is
asked for is told so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bayplan.extender.live.reading import Seen

Name = tuple[str, str]
"""A key, and namespace/name of the gang that it names."""


@dataclass(slots=True)
class Rivals:
    """What other keys say of the pods that there are; a function of these.

    ``_pods``: how many pods have a name by a key that does not count, by their gangs.
    """

    _pods: dict[Name, dict[str, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether any pod has two names: most clusters have none."""
        return bool(self._pods)

    def list(self, seen: Seen) -> None:
        """Note a pod that came."""
        for name in seen.rivals:
            gangs = self._pods.setdefault(name, {})
            gangs[seen.group] = gangs.get(seen.group, 0) + 1

    def unlist(self, seen: Seen) -> None:
        """Note a pod that left, or is about to be listed anew."""
        for name in seen.rivals:
            gangs = self._pods[name]
            gangs[seen.group] -= 1
            if not gangs[seen.group]:
                del gangs[seen.group]
            if not gangs:
                del self._pods[name]

    def contradiction(
        self, gang: str, groups: Mapping[str, Iterable[str]], pods: Mapping[str, Seen]
    ) -> str:
        """Return how another key puts the pods of a gang together; empty: as the gang does.

        Parameters
        ----------
        gang
            Namespace/name.
        groups
            The uids of the pods of each gang.
        pods
            The pods by uid.
        """
        members = [pods[uid] for uid in groups.get(gang, ())]
        names: dict[str, dict[str, None]] = {}
        for seen in members:
            for key, name in seen.rivals:
                names.setdefault(key, {})[name] = None
        for key, several in names.items():
            if len(several) > 1:
                return _text(gang, key, f"puts its pods into {_some(several)}")
        for key, (name,) in names.items():
            others = set(self._pods[key, name]) - {gang}
            if name != gang and any(pods[uid].grouped_by == key for uid in groups.get(name, ())):
                others.add(name)
            if others:
                return _text(gang, key, f"puts its pods into {name} with those of {_some(others)}")
        for key in dict.fromkeys(seen.grouped_by for seen in members):
            if others := set(self._pods.get((key, gang), ())) - {gang}:
                return _text(gang, key, f"names pods, too, that are in {_some(others)} by another")
        return ""


def _text(gang: str, key: str, what: str) -> str:
    return f"gang {gang}: {key} {what}; keep one key that names gangs"


def _some(names: Iterable[str]) -> str:
    return " and ".join(sorted(names)[:3])
