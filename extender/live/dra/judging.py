"""What a node is to a pod's claims: whether it has devices for them, at what cost, or why not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bayplan.extender.live.dra.inventory import Inventory, Version
from bayplan.extender.verbs import Why
from bayplan.traces.kubernetes.dra.allocating import Pick, Undecided, allocate
from bayplan.traces.kubernetes.dra.cel import takes_each
from bayplan.traces.kubernetes.dra.columns import Columns
from bayplan.traces.kubernetes.dra.keeping import Cost, cost_of
from bayplan.traces.kubernetes.dra.room import Plan, Room, Stock
from bayplan.traces.kubernetes.dra.types import Ask, Taint, Toleration, Wanted

MOST_KINDS = 64
"""So many different wishes are remembered, each with what nodes are to it."""

MOST_ALIKE = 4096
"""So many states of nodes are remembered that are alike."""

_ANY = (Toleration(any_value=True),)
_FEW = 3

Wishes = tuple[Wanted, ...]
_Tag = tuple[Version, int, Wishes]
_Key = tuple[Wishes, Plan, tuple[tuple[int, ...], ...], object]
_Places = tuple[tuple[int, ...], bool]
"""Devices that may match, and whether it is certain of all of them that they do."""
_Selected = dict[tuple[str, tuple[str, ...]], _Places]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a node does (``why`` is None), and what that costs; None: that was not found out."""

    why: Why | None = None
    cost: Cost | None = None


@dataclass(slots=True)
class _Known:
    """Which devices of a stock classes and selectors take."""

    stock: Stock
    n_class_changes: int
    columns: Columns
    selected: _Selected


class Judge:
    """Judges nodes; what did not change is not judged again.

    Parameters
    ----------
    inventory
        Devices and claims.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._verdicts: OrderedDict[Wishes, dict[str, tuple[_Tag, Verdict]]] = OrderedDict()
        self._known: dict[str, _Known] = {}
        self._alike: dict[_Key, Verdict] = {}
        self._n_classes = inventory.n_class_changes

    def verdicts(
        self, wanted: Wishes, nodes: Sequence[str], promised: dict[str, Wishes]
    ) -> list[Verdict]:
        """Return what each node is to some claims.

        Parameters
        ----------
        wanted
            What the claims want; nothing: any node does.
        nodes
            The nodes.
        promised
            What others are to get, by node.
        """
        if not wanted:
            return [Verdict(cost=Cost(0, 0))] * len(nodes)
        known = self._verdicts.setdefault(wanted, {})
        self._verdicts.move_to_end(wanted)
        if len(self._verdicts) > MOST_KINDS:
            self._verdicts.popitem(last=False)
        n_classes, found = self._inventory.n_class_changes, []
        if self._n_classes != n_classes:  # why a node does not do names classes
            self._n_classes = n_classes
            self._alike.clear()
        nothing = Verdict(Why("no devices are published for the node", lasting=True))
        for node in nodes:
            if not self._inventory.has_devices(node):
                found.append(nothing)
                continue
            tag = self._inventory.version(node), n_classes, promised.get(node, ())
            before = known.get(node)
            if before is None or before[0] != tag:
                before = known[node] = tag, self._verdict(node, wanted, tag[2])
            found.append(before[1])
        return found

    def forget(self, node: str) -> None:
        """Forget what is remembered of a node.

        Parameters
        ----------
        node
            The node.
        """
        self._known.pop(node, None)
        for known in self._verdicts.values():
            known.pop(node, None)

    def _verdict(self, node: str, wanted: Wishes, promised: Wishes) -> Verdict:
        room = self._inventory.room(node)
        if not promised and room.stock.plain and not any(map(_is_particular, wanted)):
            # Most nodes are like others.
            try:
                chosen = tuple(self._matching(node, ask) for ask in _asks(wanted))
            except Undecided:
                return Verdict()
            key = wanted, room.stock.plan, chosen, room.state
            if key not in self._alike:
                if len(self._alike) >= MOST_ALIKE:
                    self._alike.clear()
                self._alike[key] = self._found(node, room, wanted)
            return self._alike[key]
        if promised:
            room = room.copy()
            for each in promised:
                for pick in self._picks(node, room, (each,)) or ():
                    if not pick.admin:
                        room.take(pick.place, pick.part)
        return self._found(node, room, wanted)

    def _found(self, node: str, room: Room, wanted: Wishes) -> Verdict:
        try:
            picks = self._allocated(node, room, wanted)
            if picks is not None:
                return Verdict(cost=cost_of(room, picks))
            return Verdict(self._why(node, wanted))
        except Undecided:
            return Verdict()

    def _why(self, node: str, wanted: Wishes) -> Why:
        """Return why a node does not do, by what would have to be otherwise.

        Raises
        ------
        Undecided
            That was not found out.
        """
        for ask in _asks(wanted):
            if ask.device_class not in self._inventory.classes:
                return Why(f"there is no DeviceClass {ask.device_class}", lasting=True)
        classes = ", ".join(sorted({ask.device_class for ask in _asks(wanted)}))
        stock = self._inventory.stock(node)
        if self._allocated(node, Room(stock), wanted) is not None:
            return Why(f"too few devices of {classes} are left that the claims select")
        if self._allocated(node, Room(stock), tuple(map(_tolerant, wanted))) is None:
            text = f"the node has too few devices of {classes} that the claims select"
            return Why(text, lasting=True)
        taints = {
            taint
            for ask in _asks(wanted)
            for place in self._matching(node, ask)
            for taint in stock.devices[place].taints
        }
        return Why(f"devices of {classes} are tainted: {_some(taints)}", lasting=True)

    def _picks(self, node: str, room: Room, wanted: Wishes) -> tuple[Pick, ...] | None:
        try:
            return self._allocated(node, room, wanted)
        except Undecided:
            return None

    def _allocated(self, node: str, room: Room, wanted: Wishes) -> tuple[Pick, ...] | None:
        return allocate(room, wanted, lambda ask: self._matching(node, ask))

    def _matching(self, node: str, ask: Ask) -> tuple[int, ...]:
        """Return the places of the devices that an ask may take.

        Raises
        ------
        Undecided
            It asks for all, and which these are cannot be told.
        """
        stock, n = self._inventory.stock(node), self._inventory.n_class_changes
        known = self._known.get(node)
        if known is None or known.stock is not stock or known.n_class_changes != n:
            columns = Columns(stock.devices)
            known = self._known[node] = _Known(stock, n, columns, {})
        key = ask.device_class, ask.selectors
        if key not in known.selected:
            known.selected[key] = self._selected(known.columns, ask)
        places, certain = known.selected[key]
        if not ask.count and not certain:  # one that is used might be none of all
            raise Undecided
        return places

    def _selected(self, columns: Columns, ask: Ask) -> _Places:
        class_ = self._inventory.classes.get(ask.device_class)
        if class_ is None:
            return (), True
        told = takes_each(class_.selectors + ask.selectors, columns)
        places = tuple(k for k, taken in enumerate(told) if taken is not False)
        return places, all(told[k] and not columns.devices[k].by_labels for k in places)


def _asks(wanted: Wishes) -> Iterable[Ask]:
    return (ask for each in wanted for wish in each.wishes for ask in wish.options)


def _is_particular(wanted: Wanted) -> bool:
    """Whether a claim looks at more of devices than which match."""
    return bool(wanted.alike) or any(ask.capacity for ask in _asks((wanted,)))


def _tolerant(wanted: Wanted) -> Wanted:
    """Return the same wishes of somebody who passes over all taints."""
    return replace(
        wanted,
        wishes=tuple(
            replace(wish, options=tuple(replace(ask, tolerations=_ANY) for ask in wish.options))
            for wish in wanted.wishes
        ),
    )


def _some(taints: Iterable[Taint]) -> str:
    texts = sorted(map(str, taints))
    more = f" and {len(texts) - _FEW} more" if len(texts) > _FEW else ""
    return ", ".join(texts[:_FEW]) + more
