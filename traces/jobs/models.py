"""GPU models as clusters spell them, in the names of the catalogue."""

from __future__ import annotations

from functools import cache

from bayplan.scheduler.hardware import find_product, products

_MAKERS = ("NVIDIA-", "TESLA-")


@cache
def models_named(text: str) -> str:
    """Return the catalogue's models that a name means, separated by ``|``.

    A name of the catalogue, or an alias, is that one; a family, such as ``a100``, all its members;
    anything else stays as it is.

    Parameters
    ----------
    text
        As a trace, GPU feature discovery or ``gres.conf`` spells it; empty for any.
    """
    name = text.replace("_", "-")
    known = find_product(name) if name else None
    if known is not None:
        return known.name
    bare = name.upper()
    for maker in _MAKERS:
        bare = bare.removeprefix(maker)
    family = [each.name for each in products() if each.name.upper().startswith(f"{bare}-")]
    return "|".join(family) if bare and family else text
