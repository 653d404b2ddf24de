"""Kubernetes quantities, exactly: ``100m``, ``1.5Gi``, ``2e3``.

A quantity is kept as a whole number of billionths, as the API server does: what is finer is
rounded away from zero (``k8s.io/apimachinery/pkg/api/resource``, ``Quantity``).
"""

from __future__ import annotations

import re
from functools import lru_cache

NANO = 10**9
"""Billionths in one."""

MIB = 1 << 20

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_QUANTITY = re.compile(
    r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|)|[eE]([+-]?[0-9]{1,3}))"
)
_MAX_EXPONENT = 40
_MAX_LENGTH = 64


@lru_cache(65_536)  # a cluster has a few hundred different ones
def nano_of(quantity: str) -> int:
    """Return a quantity in billionths.

    Parameters
    ----------
    quantity
        As Kubernetes writes it.

    Raises
    ------
    ValueError
        It is none, or beyond all amounts.
    """
    match = _QUANTITY.fullmatch(quantity) if len(quantity) <= _MAX_LENGTH else None
    if match is None:
        raise ValueError(f"{quantity[:_MAX_LENGTH]!r} is no quantity")
    sign, number, suffix, exponent = match.groups()
    whole, _, fraction = number.partition(".")
    digits = int(whole + fraction or "0")
    power = int(exponent) if exponent else _DECIMAL.get(suffix or "", 0)
    if abs(power) > _MAX_EXPONENT:
        raise ValueError(f"{quantity!r} is beyond all amounts")
    digits <<= _BINARY.get(suffix or "", 0)
    power += 9 - len(fraction)
    nano: int = digits * 10**power if power >= 0 else -(-digits // 10**-power)
    return -nano if sign == "-" else nano


def text_of(value: object) -> str:
    """Return a quantity as text: JSON made by hand may hold a number.

    Parameters
    ----------
    value
        What stands in the JSON.

    Raises
    ------
    ValueError
        It is neither a text nor a number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    raise ValueError(f"{value!r} is no quantity")


def up(nano: int, unit: int) -> int:
    """Return billionths in a unit, rounded up; ``unit`` is the billionths of one.

    Parameters
    ----------
    nano
        The amount.
    unit
        Such as ``NANO`` for ones, ``NANO // 1000`` for thousandths, ``NANO * MIB`` for MiB.
    """
    return -(-nano // unit)


def down(nano: int, unit: int) -> int:
    """Return billionths in a unit, rounded down.

    Parameters
    ----------
    nano
        The amount.
    unit
        As in ``up``.
    """
    return nano // unit
