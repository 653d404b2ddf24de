"""Rights that the extender has not, and whether it runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bayplan.extender.check.findings import Facts, Finding, error, note, warning

READY = 200


def of_rights(facts: Facts) -> Iterator[Finding]:
    """Yield the rights that are missing, one finding a resource.

    Parameters
    ----------
    facts
        The cluster.
    """
    missing = defaultdict(list)
    for right in facts.denied:
        missing[right.group, right.name, right.why, right.optional].append(right.verb)
    for (group, name, why, optional), verbs in missing.items():
        make = warning if optional else error
        resource = f"{name}.{group}" if group else name
        yield make(f"may not {', '.join(verbs)} {resource}", why, "apply extender/deploy's roles")


def of_running(facts: Facts) -> Iterator[Finding]:
    """Yield what the extender says of itself.

    Parameters
    ----------
    facts
        The cluster.
    """
    if facts.ready is None:
        yield note(
            "the extender",
            f"does not answer from here, at {facts.address}; what it says was not looked at",
        )
    elif facts.ready[0] != READY:
        said = " ".join(facts.ready[1].split())
        yield warning("the extender", f"is not ready: {said}", "its log says more")
