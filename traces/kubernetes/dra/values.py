"""What an expression is for a device: a value, or nothing that can be told.

Nothing can be told of functions and types that are not known here, and where CEL would fail, as it
does at an attribute that a device has not. ``&&`` and ``||`` need only one side where that decides,
as in CEL.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bayplan.traces.kubernetes.dra.slices import version_of
from bayplan.traces.kubernetes.dra.types import Amount, Attribute, Device, Unread, Version
from bayplan.traces.kubernetes.dra.words import (
    Call,
    Constant,
    Field,
    Index,
    Name,
    Several,
    Sign,
    Tree,
)
from bayplan.traces.kubernetes.quantity import nano_of

DEVICE = "device"


class Unknown:
    """What cannot be told."""


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Domains:
    """``device.attributes`` or ``device.capacity``: by domain, then by name."""

    of: Mapping[str, Attribute | Amount]


@dataclass(frozen=True, slots=True)
class Domain:
    """What of it is in one domain; a domain without any is empty, and no mistake."""

    of: Mapping[str, Attribute | Amount]
    name: str


Value = (
    bool
    | int
    | float
    | str
    | Version
    | Amount
    | tuple[object, ...]
    | Domains
    | Domain
    | Device
    | Unknown
)

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PATTERN = re.compile(r"(?:[\w ^$|.-]|\\[.d]|[\w.d][*+?])*")
_REPEATS = re.compile(r"[*+?]")
_MOST_REPEATS = 4
"""Python's matching goes back and forth, unlike CEL's (RE2): so few take no time on 64 letters."""


def _matches(text: str, pattern: str) -> bool | Unknown:
    """Whether a pattern is found in a text; only those are read that mean the same to both."""
    few = len(_REPEATS.findall(pattern)) <= _MOST_REPEATS
    if not few or _PATTERN.fullmatch(pattern) is None or not (text + pattern).isascii():
        return UNKNOWN
    return re.search(pattern, text) is not None


_TEXT: dict[str, Callable[[str, str], bool | Unknown]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
    "matches": _matches,
}


def value_of(tree: Tree, device: Device) -> Value:
    """Return what an expression is for a device.

    Parameters
    ----------
    tree
        The expression.
    device
        The device.
    """
    match tree:
        case Constant(value):
            return value
        case Name(name):
            return device if name == DEVICE else UNKNOWN
        case Several(items):
            values = tuple(value_of(each, device) for each in items)
            return UNKNOWN if UNKNOWN in values else values
        case Field(of, name):
            return _member(value_of(of, device), name)
        case Index(of, key):
            return _keyed(value_of(of, device), value_of(key, device))
        case Call(name, of, arguments):
            return _called(name, of, arguments, device)
        case Sign(sign, operands):
            return _joined(sign, operands, device)


def _member(of: Value, name: str) -> Value:
    if isinstance(of, Device):
        if name == "driver":
            return of.id.driver
        if name == "attributes":
            return Domains(of.attributes)
        if name == "capacity":
            return Domains({key: Amount(each.value) for key, each in of.capacity.items()})
        return of.shared if name == "allowMultipleAllocations" else UNKNOWN
    return _keyed(of, name)


def _keyed(of: Value, key: Value) -> Value:
    if not isinstance(key, str):
        return UNKNOWN
    if isinstance(of, Domains):
        return Domain(of.of, key)
    if isinstance(of, Domain):
        found = of.of.get(f"{of.name}/{key}", UNKNOWN)
        return UNKNOWN if isinstance(found, Unread) else found
    return UNKNOWN


def _called(name: str, of: Tree | None, given: tuple[Tree, ...], device: Device) -> Value:
    if name == "has" and of is None and len(given) == 1:
        return _has(given[0], device)
    values = [value_of(each, device) for each in given]
    if of is None:
        return _made(name, values)
    return _method(name, value_of(of, device), values)


def _has(tree: Tree, device: Device) -> Value:
    if not isinstance(tree, Field):
        return UNKNOWN
    of = value_of(tree.of, device)
    return f"{of.name}/{tree.name}" in of.of if isinstance(of, Domain) else UNKNOWN


def _made(name: str, values: list[Value]) -> Value:
    match name, values:
        case "quantity", [str(text)]:
            try:
                return Amount(nano_of(text))
            except ValueError:
                return UNKNOWN
        case "semver", [str(text)]:
            return version_of(text) or UNKNOWN
        case "size", [str(text)]:
            return len(text)
    return UNKNOWN


def _method(name: str, of: Value, values: list[Value]) -> Value:
    match of, values:
        case str(text), []:
            if name == "lowerAscii" and text.isascii():
                return text.lower()
            if name == "upperAscii" and text.isascii():
                return text.upper()
            return len(text) if name == "size" else UNKNOWN
        case str(text), [str(part)] if name in _TEXT:
            return _TEXT[name](text, part)
        case ((Amount() | Version()), [Amount() | Version() as other]) if type(of) is type(other):
            one, two = _order(of), _order(other)
            if name == "compareTo":
                return (one > two) - (one < two)
            if name in ("isGreaterThan", "isLessThan"):
                return one > two if name == "isGreaterThan" else one < two
    return UNKNOWN


def _order(value: Value) -> tuple[int, ...]:
    if isinstance(value, Version):
        return value.major, value.minor, value.patch
    return (value.nano,) if isinstance(value, Amount) else ()


def _joined(sign: str, operands: tuple[Tree, ...], device: Device) -> Value:
    first = value_of(operands[0], device)
    if sign in ("&&", "||"):
        return _decided(first, sign == "||", operands[1], device)
    if sign == "?":
        return value_of(operands[1 if first else 2], device) if isinstance(first, bool) else UNKNOWN
    if len(operands) == 1:
        return _turned(sign, first)
    return _combined(sign, first, value_of(operands[1], device))


def _decided(first: Value, deciding: bool, other: Tree, device: Device) -> Value:
    """Return ``&&`` or ``||``: one side that is ``deciding`` decides, whatever the other is."""
    if first is deciding:
        return deciding
    second = value_of(other, device)
    if second is deciding:
        return deciding
    return second if isinstance(first, bool) and isinstance(second, bool) else UNKNOWN


def _turned(sign: str, value: Value) -> Value:
    if sign == "!":
        return not value if isinstance(value, bool) else UNKNOWN
    return -value if _is_number(value) and isinstance(value, int | float) else UNKNOWN


def _combined(sign: str, one: Value, two: Value) -> Value:
    if sign == "in":
        return _is_in(one, two)
    if isinstance(one, Unknown) or isinstance(two, Unknown):
        return UNKNOWN
    if not (type(one) is type(two) or (_is_number(one) and _is_number(two))):
        return UNKNOWN
    if sign in ("==", "!="):
        if isinstance(one, Domains | Domain | Device):
            return UNKNOWN
        return (one == two) is (sign == "==")
    if sign in _ORDERS and isinstance(one, int | float | str):
        return _ORDERS[sign](one, two)
    return one + two if sign == "+" and isinstance(one, str) and isinstance(two, str) else UNKNOWN


def _is_in(one: Value, two: Value) -> Value:
    if isinstance(one, Unknown):
        return UNKNOWN
    if isinstance(two, tuple):
        return any(type(one) is type(each) and one == each for each in two)
    if isinstance(two, Domain) and isinstance(one, str):
        return f"{two.name}/{one}" in two.of
    return UNKNOWN


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
