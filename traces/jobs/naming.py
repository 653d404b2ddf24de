"""Names of jobs in logs: a log may have a job twice, such as one that was started again."""

from __future__ import annotations

from collections.abc import Sequence


def distinct(names: Sequence[str]) -> Sequence[str]:
    """Return names of which no two are alike: the second ``a`` becomes ``a#2``.

    Parameters
    ----------
    names
        The names, none of them empty.
    """
    if len(set(names)) == len(names):
        return names
    taken, counts, found = set(names), dict.fromkeys(names, 0), []
    for name in names:
        counts[name] += 1
        new = name
        while counts[name] > 1 and (new := f"{name}#{counts[name]}") in taken:
            counts[name] += 1
        taken.add(new)
        found.append(new)
    return found
