"""Whether a selector takes a device, as far as it can be judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bayplan.traces.kubernetes.dra.columns import Columns
from bayplan.traces.kubernetes.dra.types import Device
from bayplan.traces.kubernetes.dra.values import value_of
from bayplan.traces.kubernetes.dra.words import (
    Call,
    Constant,
    Field,
    Index,
    NotRead,
    Several,
    Sign,
    Tree,
    parsed,
)

_BY_DOMAIN = ("attributes", "capacity")

MOST_LOOKS = 4096
"""Different devices, as far as an expression looks at them, whose answer is remembered."""

MOST_STOCKS = 256
"""Different devices of a node together, likewise."""

Told = tuple[bool | None, ...]
"""Of each of some devices whether it is taken; None: that cannot be told here."""


@dataclass(frozen=True, slots=True)
class _Selector:
    """An expression, the attributes that it may look at, and what it was for some devices.

    ``names`` is None where it looks at some that only its values tell.
    """

    tree: Tree
    names: tuple[str, ...] | None
    known: dict[object, bool | None] = field(default_factory=dict)
    of_columns: dict[tuple[int, ...], Told] = field(default_factory=dict)

    def judge_each(self, columns: Columns) -> Told:
        """Return of each device whether it takes it."""
        if self.names is None:
            return tuple(map(self._value, columns.devices))
        look = (columns.own, *map(columns.number, self.names))
        if look not in self.of_columns:
            if len(self.of_columns) >= MOST_STOCKS:
                self.of_columns.clear()
            self.of_columns[look] = tuple(map(self.judge, columns.devices))
        return self.of_columns[look]

    def judge(self, device: Device) -> bool | None:
        """Return whether it takes a device."""
        if self.names is None:
            return self._value(device)
        attributes, capacity = device.attributes, device.capacity
        look = (
            device.id.driver,
            device.shared,
            *[(type(value := attributes.get(name)), value) for name in self.names],
            *[capacity[name].value if name in capacity else None for name in self.names],
        )
        if look not in self.known:
            if len(self.known) >= MOST_LOOKS:
                self.known.clear()
            self.known[look] = self._value(device)
        return self.known[look]

    def _value(self, device: Device) -> bool | None:
        value = value_of(self.tree, device)
        return value if isinstance(value, bool) else None


def takes(selectors: Sequence[str], device: Device) -> bool | None:
    """Whether all selectors take a device; None: that cannot be told here.

    Parameters
    ----------
    selectors
        CEL expressions.
    device
        The device.
    """
    told = True
    for expression in selectors:
        selector = _selector(expression)
        value = selector.judge(device) if selector is not None else None
        if value is False:
            return False
        told = told and value is True
    return True if told else None


def takes_each(selectors: Sequence[str], columns: Columns) -> Told:
    """Return of each device as ``takes`` does.

    Parameters
    ----------
    selectors
        CEL expressions.
    columns
        The devices.
    """
    told: list[Told] = []
    for expression in selectors:
        selector = _selector(expression)
        if selector is None:
            told.append((None,) * len(columns.devices))
        else:
            told.append(selector.judge_each(columns))
    return _together(tuple(told)) if told else (True,) * len(columns.devices)


@lru_cache(maxsize=MOST_STOCKS)
def _together(told: tuple[Told, ...]) -> Told:
    return tuple(
        False if False in each else None if None in each else True
        for each in zip(*told, strict=True)
    )


@lru_cache(maxsize=1024)
def _selector(expression: str) -> _Selector | None:
    try:
        tree = parsed(expression)
    except NotRead:
        return None
    words = list(_words(tree))
    if None in words:
        return _Selector(tree, None)
    domains = sorted({word for word, is_domain in filter(None, words) if is_domain})
    said = sorted({word for word, _ in filter(None, words)})
    return _Selector(tree, tuple(f"{domain}/{name}" for domain in domains for name in said))


def _words(tree: Tree) -> Iterator[tuple[str, bool] | None]:
    """Yield what may name an attribute, and whether it may be a domain; None: others may, too."""
    inner: tuple[Tree, ...] = ()
    if isinstance(tree, Constant):
        yield str(tree.value), False
    elif isinstance(tree, Field):
        inner = (tree.of,)
        yield tree.name, isinstance(tree.of, Field) and tree.of.name in _BY_DOMAIN
        if isinstance(tree.of, Sign):
            yield None
    elif isinstance(tree, Index):
        inner = (tree.of,)
        yield (str(tree.key.value), True) if isinstance(tree.key, Constant) else None
    elif isinstance(tree, Call):
        inner = tree.arguments if tree.of is None else (tree.of, *tree.arguments)
    elif isinstance(tree, Sign):
        inner = tree.operands
        if tree.sign == "in" and not isinstance(tree.operands[0], Constant):
            yield None
    elif isinstance(tree, Several):
        inner = tree.items
    for each in inner:
        yield from _words(each)
